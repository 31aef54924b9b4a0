#include "mimp/bfd_verdict.h"

#include <gtest/gtest.h>

namespace segw::mimp {
namespace {

using namespace std::chrono_literals;
using enum BfdSays;

constexpr Duration kHold = 1s;
Instant at(Duration since) { return Instant(100s + since); }

TEST(BfdVerdict, DownAfterUpIsLostNow) {
  BfdVerdict verdict(kHold);
  verdict.says(Up, at(0s));
  EXPECT_FALSE(verdict.lost());
  verdict.says(Down, at(1ms));
  EXPECT_TRUE(verdict.lost());
  verdict.says(Up, at(2s));
  EXPECT_FALSE(verdict.lost());
}

TEST(BfdVerdict, NeverUpAndAdminDownDoNotCount) {
  BfdVerdict verdict(kHold);
  verdict.says(Down, at(0s));
  EXPECT_FALSE(verdict.lost()) << "it was never up";
  verdict.says(Up, at(1s));
  verdict.says(AdminDown, at(2s));
  EXPECT_FALSE(verdict.lost());
  verdict.says(Down, at(3s));
  EXPECT_FALSE(verdict.lost()) << "it was not up just before";
  verdict.says(Up, at(4s));
  verdict.says(Down, at(5s));
  verdict.says(AdminDown, at(5s));
  EXPECT_FALSE(verdict.lost()) << "switched off, it says nothing any more";
}

TEST(BfdVerdict, ANewAdjacencyNeedsItUpFirst) {
  BfdVerdict verdict(kHold);
  verdict.says(Up, at(0s));
  verdict.says(Down, at(1s));
  verdict.on_adopted();
  EXPECT_FALSE(verdict.lost());
  verdict.says(Up, at(2s));
  verdict.says(Down, at(3s));
  EXPECT_TRUE(verdict.lost());
}

TEST(BfdVerdict, BeatsForOneHoldOverruleIt) {
  BfdVerdict verdict(kHold);
  verdict.says(Up, at(0s));
  verdict.says(Down, at(1s));
  EXPECT_FALSE(verdict.on_hello(at(1100ms)));
  EXPECT_FALSE(verdict.on_hello(at(2050ms)));
  EXPECT_TRUE(verdict.lost());
  EXPECT_TRUE(verdict.on_hello(at(2100ms)));
  EXPECT_FALSE(verdict.lost());
  EXPECT_FALSE(verdict.on_hello(at(2200ms))) << "told once";
}

TEST(BfdVerdict, BeatsWithAGapOfMoreThanHoldStartAnew) {
  BfdVerdict verdict(kHold);
  verdict.says(Up, at(0s));
  verdict.says(Down, at(1s));
  EXPECT_FALSE(verdict.on_hello(at(2s)));
  EXPECT_FALSE(verdict.on_hello(at(3001ms)));
  EXPECT_FALSE(verdict.on_hello(at(3500ms)));
  EXPECT_TRUE(verdict.on_hello(at(4001ms)));
}

TEST(BfdVerdict, OnceOverruledItCountsAfterThreeHoldsUp) {
  BfdVerdict verdict(kHold);
  verdict.says(Up, at(0s));
  verdict.says(Down, at(1s));
  (void)verdict.on_hello(at(2s));
  ASSERT_TRUE(verdict.on_hello(at(3s)));
  verdict.says(Up, at(4s));
  verdict.says(Down, at(6999ms));
  EXPECT_FALSE(verdict.lost());
  verdict.says(Up, at(7s));
  verdict.says(Down, at(10s));
  EXPECT_TRUE(verdict.lost());
}

}  // namespace
}  // namespace segw::mimp
