#include "esp/selectors.h"

#include <gtest/gtest.h>

#include "esp/testing.h"

namespace segw::esp {
namespace {

using testing::ip;

TrafficSelector range(const char* first, const char* last, uint8_t protocol = 0,
                      uint16_t port_first = 0, uint16_t port_last = 0xFFFF) {
  return TrafficSelector{.protocol = protocol,
                         .port_first = port_first,
                         .port_last = port_last,
                         .first = ip(first),
                         .last = ip(last)};
}

// Ours is .1 of each network, the client's .2.
ChildSa sa_with(uint8_t protocol, uint16_t local_first, uint16_t local_last, uint16_t remote_first,
                uint16_t remote_last) {
  ChildSa sa;
  sa.local_selectors = {
      range("10.0.0.0", "10.0.0.255", protocol, local_first, local_last),
      range("2001:db8:a::", "2001:db8:a::ffff", protocol, local_first, local_last)};
  sa.remote_selectors = {
      range("10.0.1.0", "10.0.1.255", protocol, remote_first, remote_last),
      range("2001:db8:b::", "2001:db8:b::ffff", protocol, remote_first, remote_last)};
  return sa;
}

struct Row {
  const char* what;
  ChildSa sa;
  uint8_t protocol;
  Bytes payload;
  bool outbound;
  bool inbound;  // the same packet with its addresses exchanged
};

TEST(Selectors, FitByAddressProtocolAndPortsInBothFamiliesAndWays) {
  const Bytes web = testing::with_ports(40000, 443);
  const Bytes echo{8, 0, 0, 0, 0, 0, 0, 0};
  const Bytes echo6{128, 0, 0, 0, 0, 0, 0, 0};
  const std::vector<Row> table{
      {"any", sa_with(0, 0, 0xFFFF, 0, 0xFFFF), 99, web, true, true},
      {"protocol", sa_with(17, 0, 0xFFFF, 0, 0xFFFF), 17, web, true, true},
      {"other protocol", sa_with(6, 0, 0xFFFF, 0, 0xFFFF), 17, web, false, false},
      // Outbound 443 is the remote's port, inbound it is ours.
      {"remote port", sa_with(6, 0, 0xFFFF, 443, 443), 6, web, true, false},
      {"local port", sa_with(6, 443, 443, 0, 0xFFFF), 6, web, false, true},
      {"range of ports", sa_with(6, 40000, 40000, 400, 500), 6, web, true, false},
      {"ports of a protocol without", sa_with(0, 1, 2, 0, 0xFFFF), 99, web, false, false},
      // RFC 4301 4.4.1.1: what is sent has its type and code with the sender's selector.
      {"ICMP type ours", sa_with(1, 0x0800, 0x08FF, 0, 0), 1, echo, true, false},
      {"ICMP type theirs", sa_with(1, 0, 0, 0x0800, 0x0800), 1, echo, false, true},
      {"ICMPv6 type ours", sa_with(58, 0x8000, 0x80FF, 0, 0), 58, echo6, true, false},
      {"ICMP not to be sent", sa_with(1, 0xFFFF, 0, 0, 0xFFFF), 1, echo, false, true},
      {"opaque ports of a protocol without", sa_with(0, 0xFFFF, 0, 0xFFFF, 0), 99, web, true, true},
      {"opaque ports, but there are some", sa_with(0, 0xFFFF, 0, 0xFFFF, 0), 6, web, false, false},
  };
  for (const Row& row : table) {
    for (const bool six : {false, true}) {
      const char* ours = six ? "2001:db8:a::1" : "10.0.0.1";
      const char* theirs = six ? "2001:db8:b::2" : "10.0.1.2";
      const Bytes out = testing::packet(ours, theirs, row.protocol, row.payload);
      const Bytes in = testing::packet(theirs, ours, row.protocol, row.payload);
      EXPECT_EQ(fits(row.sa, *parse_ip(out), Way::Outbound), row.outbound) << row.what << six;
      EXPECT_EQ(fits(row.sa, *parse_ip(in), Way::Inbound), row.inbound) << row.what << six;
      EXPECT_FALSE(fits(row.sa, *parse_ip(in), Way::Outbound)) << row.what << six;
      EXPECT_FALSE(fits(row.sa, *parse_ip(out), Way::Inbound)) << row.what << six;
    }
  }
}

TEST(Selectors, ALaterFragmentFitsAllPortsOrOpaqueOnesOnly) {
  const auto later = [](uint8_t protocol, bool four) {
    Bytes made = testing::fragment(
        {.v4 = four, .offset = 1480, .more = false, .protocol = protocol}, testing::pattern(16));
    return made;
  };
  for (const bool four : {true, false}) {
    ChildSa sa;
    const char* from = four ? "192.0.2.1" : "2001:db8::1";
    const char* to = four ? "192.0.2.2" : "2001:db8::2";
    const Bytes bytes = later(17, four);
    const auto fragment = parse_ip(bytes);
    ASSERT_TRUE(fragment);
    sa.local_selectors = {range(from, from, 17)};
    sa.remote_selectors = {range(to, to, 17)};
    EXPECT_TRUE(fits(sa, *fragment, Way::Outbound));
    EXPECT_TRUE(takes_fragments(sa));
    sa.remote_selectors = {range(to, to, 17, 443, 443)};
    EXPECT_FALSE(fits(sa, *fragment, Way::Outbound));
    EXPECT_FALSE(takes_fragments(sa));
    sa.remote_selectors = {range(to, to, 17, 0xFFFF, 0)};
    EXPECT_TRUE(fits(sa, *fragment, Way::Outbound));
  }
  // Behind unknown extension headers may be any protocol.
  ChildSa sa;
  sa.local_selectors = {range("2001:db8::1", "2001:db8::1", 17)};
  sa.remote_selectors = {range("2001:db8::2", "2001:db8::2", 17)};
  const Bytes hidden = later(60, false);
  EXPECT_FALSE(fits(sa, *parse_ip(hidden), Way::Outbound));
  sa.local_selectors[0].protocol = sa.remote_selectors[0].protocol = 0;
  EXPECT_TRUE(fits(sa, *parse_ip(hidden), Way::Outbound));
}

}  // namespace
}  // namespace segw::esp
