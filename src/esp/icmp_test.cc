#include "esp/icmp.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "esp/testing.h"

namespace segw::esp {
namespace {

using testing::ip;
using testing::packet;
using testing::pattern;

struct Family {
  const char* us;
  const char* them;
  uint8_t icmp;
  uint8_t request;
  uint8_t reply;
};
constexpr Family kFamilies[] = {{"192.0.2.1", "198.51.100.9", kProtocolIcmp, 8, 0},
                                {"2001:db8::1", "2001:db8:9::9", kProtocolIcmpv6, 128, 129}};

Bytes icmp(const char* from, const char* to, uint8_t protocol, Bytes message) {
  const uint32_t start = protocol == kProtocolIcmpv6
                             ? pseudo_header_sum(ip(from), ip(to), protocol, message.size())
                             : 0;
  const uint16_t sum = checksum(ones_sum(message, start));
  message[2] = static_cast<uint8_t>(sum >> 8);
  message[3] = static_cast<uint8_t>(sum & 0xFF);
  return packet(from, to, protocol, message);
}

TEST(Icmp, AnswersEchoRequestsOnly) {
  for (const Family& family : kFamilies) {
    const Bytes asked =
        icmp(family.them, family.us, family.icmp, {family.request, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7});
    const auto reply = echo_reply(*parse_ip(asked), 1);
    ASSERT_TRUE(reply);
    const auto parsed = parse_ip(*reply);
    EXPECT_EQ(parsed->destination, ip(family.them));
    EXPECT_EQ(parsed->payload[0], family.reply);
    EXPECT_EQ(to_bytes(parsed->payload.subspan(4)), (Bytes{1, 2, 3, 4, 5, 6, 7}));
    EXPECT_FALSE(echo_reply(*parsed, 1));  // which also shows that its own sum is right, below
    Bytes wrong = asked;
    wrong.back() ^= 1;
    EXPECT_FALSE(echo_reply(*parse_ip(wrong), 1));
    // A reply made into a request again with its sum mended is one: so the sum was right.
    Bytes again = to_bytes(parsed->payload);
    again[0] = family.request;
    again[2] = again[3] = 0;
    EXPECT_TRUE(echo_reply(*parse_ip(icmp(family.them, family.us, family.icmp, again)), 1));
  }
}

TEST(Icmp, AnEchoOfTheOtherFamilyIsNone) {
  EXPECT_FALSE(echo_reply(
      *parse_ip(icmp("2001:db8::1", "2001:db8::2", kProtocolIcmp, {8, 0, 0, 0, 0, 0, 0, 0})), 1));
}

// What a router says of ESP of ours, raw and in UDP.
TEST(Icmp, APacketTooBigQuotesAHeaderWithItsOptions) {
  Bytes sent = packet("10.2.2.10", "192.168.1.1", 6, pattern(1400));
  sent.insert(sent.begin() + kIpv4HeaderSize, {1, 1, 1, 0});
  sent[0] = 0x46;
  sent[2] = static_cast<uint8_t>(sent.size() >> 8);
  sent[3] = static_cast<uint8_t>(sent.size());
  sent[10] = sent[11] = 0;
  const uint16_t sum = checksum(ones_sum(ByteView(sent).first(kIpv4HeaderSize + 4)));
  sent[10] = static_cast<uint8_t>(sum >> 8);
  sent[11] = static_cast<uint8_t>(sum);
  const auto parsed = parse_ip(sent);
  ASSERT_TRUE(parsed);
  const Bytes told = packet_too_big(ip("10.2.2.254"), *parsed, sent, 1300, 3);
  const ByteView quote = ByteView(told).subspan(kIpv4HeaderSize + 8);
  EXPECT_TRUE(std::ranges::equal(quote, ByteView(sent).first(kIpv4HeaderSize + 4 + 8)));
}

TEST(Icmp, APacketTooBigThatQuotesEspNamesItsSa) {
  for (const Family& family : kFamilies) {
    for (const bool in_udp : {false, true}) {
      wire::Writer esp;
      esp.u32(0xC0FFEE01).u32(77).bytes(pattern(1400));
      const Endpoint us{.address = ip(family.us), .port = 4500};
      const Endpoint them{.address = ip(family.them), .port = 4500};
      const Bytes sent = in_udp ? udp_packet(us, them, 1, esp.view())
                                : packet(family.us, family.them, kProtocolEsp, esp.view());
      const char* router = us.address.is_v4() ? "203.0.113.1" : "2001:db8:5::1";
      Bytes told = packet_too_big(ip(router), *parse_ip(sent), sent, 1400, 3);
      const auto parsed = parse_ip(told);
      ASSERT_TRUE(parsed);
      EXPECT_LE(told.size(), kIpv6MtuMin);
      EXPECT_EQ(parsed->destination, ip(family.us));
      const auto report = too_big_report(*parsed);
      // IPv4 quotes eight bytes of the payload: of UDP that is the header alone.
      if (us.address.is_v4() && in_udp) {
        EXPECT_FALSE(report);
        continue;
      }
      ASSERT_TRUE(report);
      EXPECT_EQ(report->source, ip(family.us));
      EXPECT_EQ(report->destination, ip(family.them));
      EXPECT_EQ(report->spi, 0xC0FFEE01U);
      EXPECT_EQ(report->sequence, 77U);
      EXPECT_EQ(report->mtu, 1400U);
      for (size_t at = told.size() - parsed->payload.size(); at < told.size(); ++at) {
        Bytes flipped = told;
        flipped[at] ^= 1;
        EXPECT_FALSE(too_big_report(*parse_ip(flipped))) << at;
      }
    }
  }
}

TEST(Icmp, AQuoteThatIsCutAnywhereNamesNothing) {
  for (const Family& family : kFamilies) {
    wire::Writer esp;
    esp.u32(1).u32(2);
    const Bytes quoted = packet(family.us, family.them, kProtocolEsp, esp.view());
    for (size_t size = 0; size < quoted.size(); ++size) {
      wire::Writer message;
      const bool v4 = family.icmp == kProtocolIcmp;
      message.u8(v4 ? 3 : 2).u8(v4 ? 4 : 0).u16(0).u32(1400).bytes(ByteView(quoted).first(size));
      const Bytes told = icmp(family.them, family.us, family.icmp, message.take());
      EXPECT_FALSE(too_big_report(*parse_ip(told))) << size;
    }
  }
}

struct Telling {
  const char* what;
  Bytes packet;
  bool may;
};

TEST(Icmp, NoErrorIsToldOfWhatMayNotHaveOne) {
  const std::vector<Telling> table{
      {"TCP", packet("192.0.2.1", "192.0.2.2", 6, pattern(40)), true},
      {"TCP in IPv6", packet("2001:db8::1", "2001:db8::2", 6, pattern(40)), true},
      {"echo request", packet("192.0.2.1", "192.0.2.2", 1, Bytes{8, 0, 0, 0}), true},
      {"an error", packet("192.0.2.1", "192.0.2.2", 1, Bytes{3, 1, 0, 0}), false},
      {"an error in IPv6", packet("2001:db8::1", "2001:db8::2", 58, Bytes{2, 0, 0, 0}), false},
      {"echo request in IPv6", packet("2001:db8::1", "2001:db8::2", 58, Bytes{128, 0}), true},
      {"to a group", packet("192.0.2.1", "224.0.0.5", 17, pattern(40)), false},
      {"to a group in IPv6", packet("2001:db8::1", "ff02::1", 17, pattern(40)), false},
      {"from nobody", packet("::", "2001:db8::2", 17, pattern(40)), false},
      {"a later fragment", testing::fragment({.offset = 800, .more = false}, pattern(40)), false},
      {"a first fragment", testing::fragment({.offset = 0}, pattern(40)), true},
  };
  for (const Telling& row : table)
    EXPECT_EQ(may_be_told(*parse_ip(row.packet)), row.may) << row.what;
}

}  // namespace
}  // namespace segw::esp
