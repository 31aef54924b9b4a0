#include "esp/traffic_class.h"

#include <gtest/gtest.h>

#include "esp/testing.h"

namespace segw::esp {
namespace {

constexpr uint8_t kDrop = 255;

// RFC 6040, figure 4, all 16 combinations.
struct Row {
  uint8_t inner, outer, outgoing;
};
constexpr uint8_t kNo = kEcnNotCapable, kOne = kEcnCapable1, kZero = kEcnCapable0,
                  kCe = kEcnCongestion;
constexpr Row kTable[] = {
    {kNo, kNo, kNo},     {kNo, kZero, kNo},     {kNo, kOne, kNo},    {kNo, kCe, kDrop},
    {kZero, kNo, kZero}, {kZero, kZero, kZero}, {kZero, kOne, kOne}, {kZero, kCe, kCe},
    {kOne, kNo, kOne},   {kOne, kZero, kOne},   {kOne, kOne, kOne},  {kOne, kCe, kCe},
    {kCe, kNo, kCe},     {kCe, kZero, kCe},     {kCe, kOne, kCe},    {kCe, kCe, kCe},
};

TEST(TrafficClass, CarriesCongestionAsRfc6040Says) {
  ASSERT_EQ(std::size(kTable), 16U);
  for (const Row& row : kTable) {
    const auto outgoing = ecn_after_decapsulation(row.inner, row.outer);
    EXPECT_EQ(outgoing.value_or(kDrop), row.outgoing) << +row.inner << " in " << +row.outer;
  }
}

TEST(TrafficClass, TheDscpIsTheInnersUnlessTheOutersIsCopied) {
  for (const Row& row : kTable) {
    const auto inner = static_cast<uint8_t>(0x28 | row.inner);
    const auto outer = static_cast<uint8_t>(0xB8 | row.outer);
    const auto kept = class_after_decapsulation(inner, outer, Dscp::KeepInner);
    const auto copied = class_after_decapsulation(inner, outer, Dscp::CopyOuter);
    ASSERT_EQ(kept.has_value(), row.outgoing != kDrop);
    if (!kept) continue;
    EXPECT_EQ(*kept, 0x28 | row.outgoing);
    EXPECT_EQ(*copied, 0xB8 | row.outgoing);
  }
}

TEST(TrafficClass, IsWrittenInBothHeadersWithTheChecksumRight) {
  for (unsigned value = 0; value < 256; ++value) {
    for (Bytes bytes : {testing::packet("192.0.2.1", "192.0.2.2", 17, Bytes(9), 0x5A),
                        testing::packet("2001:db8::1", "2001:db8::2", 17, Bytes(9), 0x5A)}) {
      set_traffic_class(bytes, static_cast<uint8_t>(value));
      const auto parsed = parse_ip(bytes);
      ASSERT_TRUE(parsed) << value;
      EXPECT_EQ(parsed->traffic_class, value);
    }
  }
}

}  // namespace
}  // namespace segw::esp
