#include "esp/tcp_mss.h"

#include <gtest/gtest.h>

#include "esp/testing.h"

namespace segw::esp {
namespace {

// A TCP segment with these options (padded to four) and a right checksum.
Bytes segment(bool six, uint8_t flags, Bytes options) {
  options.resize((options.size() + 3) / 4 * 4, 0);
  wire::Writer tcp;
  tcp.u16(1).u16(2).u32(3).u32(0).u8(static_cast<uint8_t>((20 + options.size()) / 4 << 4));
  tcp.u8(flags).u16(65535).u16(0).u16(0).bytes(options);
  const auto from = testing::ip(six ? "2001:db8::1" : "192.0.2.1");
  const auto to = testing::ip(six ? "2001:db8::2" : "192.0.2.2");
  tcp.patch_u16(16, checksum(ones_sum(tcp.view(), pseudo_header_sum(from, to, 6, tcp.size()))));
  return ip_packet(IpFields{.source = from, .destination = to, .protocol = 6}, tcp.view());
}

bool sum_right(const Bytes& bytes) {
  const auto parsed = parse_ip(bytes);
  return ones_sum(parsed->payload, pseudo_header_sum(parsed->source, parsed->destination, 6,
                                                     parsed->payload.size())) == 0xFFFF;
}

struct Row {
  const char* what;
  uint8_t flags;
  Bytes options;
  size_t value_at;  // of the MSS in the options; 0: it is left alone
};

TEST(TcpMss, IsLoweredInASynWhereverItIs) {
  const std::vector<Row> table{
      {"SYN", 0x02, {2, 4, 5, 0xB4}, 2},
      {"SYN, ACK", 0x12, {2, 4, 5, 0xB4}, 2},
      {"at an odd place", 0x02, {1, 2, 4, 5, 0xB4}, 3},
      {"behind others", 0x02, {4, 2, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 2, 4, 5, 0xB4}, 14},
      {"no SYN", 0x10, {2, 4, 5, 0xB4}, 0},
      {"smaller already", 0x02, {2, 4, 2, 0}, 0},
      {"none", 0x02, {}, 0},
      {"behind the end", 0x02, {0, 0, 0, 0, 2, 4, 5, 0xB4}, 0},
      {"an option without a size", 0x02, {8, 0, 2, 4, 5, 0xB4}, 0},
      {"an option beyond the header", 0x02, {8, 40, 2, 4, 5, 0xB4}, 0},
      {"of a wrong size", 0x02, {2, 3, 5, 0xB4}, 0},
  };
  for (const Row& row : table) {
    for (const bool six : {false, true}) {
      Bytes bytes = segment(six, row.flags, row.options);
      const Bytes before = bytes;
      EXPECT_EQ(lower_tcp_mss(bytes, 1300), row.value_at != 0) << row.what;
      EXPECT_TRUE(sum_right(bytes)) << row.what << six;
      if (row.value_at == 0) {
        EXPECT_EQ(bytes, before) << row.what;
      } else {
        const size_t at = ip_header_size(six ? IpFamily::V6 : IpFamily::V4) + 20 + row.value_at;
        EXPECT_EQ(bytes[at] << 8 | bytes[at + 1], 1300) << row.what;
      }
    }
  }
}

TEST(TcpMss, OtherPacketsAreLeftAlone) {
  Bytes udp = testing::packet("192.0.2.1", "192.0.2.2", 17, testing::pattern(40));
  EXPECT_FALSE(lower_tcp_mss(udp, 1300));
  Bytes cut = testing::packet("192.0.2.1", "192.0.2.2", 6, testing::pattern(19));
  EXPECT_FALSE(lower_tcp_mss(cut, 1300));
  Bytes later = testing::fragment({.offset = 800, .protocol = 6}, testing::pattern(40));
  EXPECT_FALSE(lower_tcp_mss(later, 1300));
}

}  // namespace
}  // namespace segw::esp
