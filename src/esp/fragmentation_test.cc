#include "esp/fragmentation.h"

#include <gtest/gtest.h>

#include "esp/testing.h"

namespace segw::esp {
namespace {

using testing::packet;
using testing::pattern;

TEST(Fragmentation, EveryFragmentFitsAndOffsetsJoin) {
  for (const auto& [from, to] :
       {std::pair("192.0.2.1", "192.0.2.2"), std::pair("2001:db8::1", "2001:db8::2")}) {
    const Bytes whole = packet(from, to, kProtocolEsp, pattern(4000), 0x2E);
    for (const size_t mtu : {size_t{576}, size_t{1280}, size_t{1500}, size_t{4000}}) {
      Bytes joined;
      const auto parts = fragments_of(whole, mtu, 99);
      ASSERT_GT(parts.size(), 1U);
      for (size_t i = 0; i < parts.size(); ++i) {
        EXPECT_LE(parts[i].size(), mtu);
        const auto parsed = parse_ip(parts[i]);
        ASSERT_TRUE(parsed);
        EXPECT_EQ(parsed->fragment_offset, joined.size());
        EXPECT_EQ(parsed->more_fragments, i + 1 < parts.size());
        EXPECT_EQ(parsed->traffic_class, 0x2E);
        append(joined, parsed->fragmentable);
      }
      EXPECT_EQ(joined, pattern(4000));
    }
  }
}

TEST(Fragmentation, WhatIsSmallEnoughStaysAsItIs) {
  const Bytes whole = packet("192.0.2.1", "192.0.2.2", 17, pattern(100), 0, true);
  EXPECT_EQ(fragments_of(whole, 120, 1), std::vector<Bytes>{whole});
}

TEST(Fragmentation, AFragmentIsCutFurtherInIpv4Only) {
  const Bytes middle = testing::fragment({.offset = 1480, .more = true}, pattern(1480));
  const auto parts = fragments_of(middle, 800, 1);
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_EQ(parse_ip(parts[1])->fragment_offset, 1480U + 776);
  EXPECT_TRUE(parse_ip(parts[1])->more_fragments);
  EXPECT_TRUE(fragments_of(testing::fragment({.v4 = false, .offset = 1480}, pattern(1440)), 1280, 1)
                  .empty());
}

TEST(Fragmentation, OptionsThatAreNotCopiedAreInTheFirstOnly) {
  Bytes whole = packet("192.0.2.1", "192.0.2.2", 17, {});
  whole[0] = 0x47;
  append(whole, Bytes{7, 4, 4, 0, 0x94, 4, 0, 0});  // record route, router alert
  append(whole, pattern(600));
  whole[2] = static_cast<uint8_t>(whole.size() >> 8);
  whole[3] = static_cast<uint8_t>(whole.size() & 0xFF);
  testing::mend_ipv4_checksum(whole);
  const auto parts = fragments_of(whole, 576, 1);
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_EQ(parts[0][20], 7);
  EXPECT_EQ(parts[1][20], 1);
  EXPECT_EQ(parts[1][24], 0x94);
  for (const Bytes& part : parts) EXPECT_TRUE(parse_ip(part));
}

TEST(Fragmentation, AnMtuWithoutRoomGivesNothing) {
  EXPECT_TRUE(fragments_of(packet("192.0.2.1", "192.0.2.2", 17, pattern(600)), 27, 1).empty());
  EXPECT_TRUE(fragments_of(packet("2001:db8::1", "2001:db8::2", 17, pattern(600)), 55, 1).empty());
}

}  // namespace
}  // namespace segw::esp
