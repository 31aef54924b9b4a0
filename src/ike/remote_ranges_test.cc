#include "ike/remote_ranges.h"

#include <gtest/gtest.h>

namespace segw::ike {
namespace {

std::vector<esp::TrafficSelector> range(const char* first, const char* last) {
  esp::TrafficSelector selector;
  selector.first = *IpAddress::parse(first);
  selector.last = *IpAddress::parse(last);
  return {selector};
}

struct Row {
  const char* first;
  const char* last;
  std::vector<uint32_t> others;
};

class Overlap : public testing::TestWithParam<Row> {};

TEST_P(Overlap, IsFoundByAddress) {
  RemoteRanges ranges;
  ranges.add(1, range("10.1.0.0", "10.1.255.255"));
  ranges.add(1, range("10.1.2.0", "10.1.2.255"));  // inside
  ranges.add(2, range("10.2.0.0", "10.2.0.255"));
  ranges.add(3, range("10.2.1.0", "10.2.1.0"));
  ranges.add(4, range("2001:db8::", "2001:db8::ffff"));
  EXPECT_EQ(ranges.others(9, range(GetParam().first, GetParam().last), 16), GetParam().others);
}

INSTANTIATE_TEST_SUITE_P(
    RemoteRanges, Overlap,
    testing::Values(Row{"10.1.0.0", "10.1.255.255", {1}}, Row{"10.1.3.0", "10.1.3.0", {1}},
                    Row{"10.1.255.255", "10.2.0.0", {2, 1}}, Row{"10.0.0.0", "10.0.255.255", {}},
                    Row{"10.2.0.255", "10.2.1.0", {3, 2}}, Row{"10.2.1.1", "10.255.0.0", {}},
                    Row{"0.0.0.0", "255.255.255.255", {1, 2, 3}},
                    Row{"2001:db8::10", "2001:db8::10", {4}},
                    Row{"2001:db8::1:0", "2001:db8::2:0", {}}));

TEST(RemoteRanges, ATunnelDoesNotOverlapItself) {
  RemoteRanges ranges;
  ranges.add(1, range("10.1.0.0", "10.1.255.255"));
  EXPECT_TRUE(ranges.others(1, range("10.1.0.0", "10.1.0.0"), 16).empty());
}

TEST(RemoteRanges, ARangeStaysUntilItsLastSelectorIsGone) {
  RemoteRanges ranges;
  const auto both = range("10.1.0.0", "10.1.0.255");
  ranges.add(1, both);
  ranges.add(1, both);
  ranges.remove(1, both);
  EXPECT_EQ(ranges.others(2, both, 16), (std::vector<uint32_t>{1}));
  ranges.remove(1, both);
  EXPECT_TRUE(ranges.others(2, both, 16).empty());
  ranges.remove(1, both);  // one too many
}

TEST(RemoteRanges, TheAnswerIsBounded) {
  RemoteRanges ranges;
  for (uint32_t i = 0; i < 100; ++i) {
    esp::TrafficSelector one;
    one.first = one.last = IpAddress::v4(0x0A000000U + i);
    ranges.add(i, {one});
  }
  EXPECT_EQ(ranges.others(1000, range("0.0.0.0", "255.255.255.255"), 7).size(), 7U);
}

}  // namespace
}  // namespace segw::ike
