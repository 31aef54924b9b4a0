#include "isa/path_mtus.h"

#include <gtest/gtest.h>

#include <string>

namespace segw::isa {
namespace {

using std::chrono::seconds;

IpAddress ip(const std::string& text) { return IpAddress::parse(text).value_or(IpAddress{}); }

const IpAddress kLocal = ip("192.0.2.1");
const IpAddress kRemote = ip("198.51.100.1");
const IpAddress kLocal6 = ip("2001:db8::1");
const IpAddress kRemote6 = ip("2001:db8::2");
const Instant kNow{seconds(100)};

TEST(PathMtus, OnlyLowerTheMtuAndNotBelowWhatMustPass) {
  PathMtus known;
  EXPECT_EQ(known.get(kLocal, kRemote, kNow), SIZE_MAX);
  EXPECT_FALSE(known.learn(kLocal, kRemote, 1500, 1500, kNow + seconds(9), kNow));
  EXPECT_TRUE(known.learn(kLocal, kRemote, 1400, 1500, kNow + seconds(9), kNow));
  EXPECT_FALSE(known.learn(kLocal, kRemote, 1450, 1500, kNow + seconds(9), kNow));
  EXPECT_EQ(known.get(kLocal, kRemote, kNow), 1400U);
  EXPECT_TRUE(known.learn(kLocal, kRemote, 0, 1500, kNow + seconds(9), kNow));
  EXPECT_EQ(known.get(kLocal, kRemote, kNow), kPathMtuMinV4);
  EXPECT_TRUE(known.learn(kLocal6, kRemote6, 68, 1500, kNow + seconds(9), kNow));
  EXPECT_EQ(known.get(kLocal6, kRemote6, kNow), 1280U);
}

TEST(PathMtus, OldNewsIsForgotten) {
  PathMtus known;
  known.learn(kLocal, kRemote, 1400, 1500, kNow + seconds(900), kNow);
  EXPECT_EQ(known.get(kLocal, kRemote, kNow + seconds(899)), 1400U);
  EXPECT_EQ(known.get(kLocal, kRemote, kNow + seconds(900)), SIZE_MAX);
  known.expire(kNow + seconds(900));
  EXPECT_EQ(known.size(), 0U);
}

TEST(PathMtus, AreBounded) {
  PathMtus known;
  for (size_t i = 0; i < kPathMtusMax + 10; ++i) {
    known.learn(kLocal, IpAddress::v4(static_cast<uint32_t>(i)), 1400, 1500, kNow + seconds(9),
                kNow);
  }
  EXPECT_EQ(known.size(), kPathMtusMax);
}

}  // namespace
}  // namespace segw::isa
