#include "chassis/wait_to_restore.h"

#include <gtest/gtest.h>

namespace segw::chassis {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

Instant at(Duration since_start) { return Instant{} + since_start; }

TEST(WaitToRestore, ARestartedNodeWaitsAMinuteFromWhenItIsEligible) {
  WaitToRestore wait(at(seconds(0)));
  EXPECT_EQ(wait.due(), std::nullopt);
  wait.on_eligible(true, at(seconds(5)));
  EXPECT_EQ(wait.due(), at(seconds(65)));
}

TEST(WaitToRestore, EachFlapDoublesTheWaitUpToHalfAnHour) {
  WaitToRestore wait(at(seconds(0)));
  Duration expected = seconds(60);
  Instant now = at(seconds(10));
  wait.on_eligible(true, now);
  for (int flap = 0; flap < 8; ++flap) {
    now += seconds(10);
    wait.on_eligible(false, now);
    EXPECT_EQ(wait.due(), std::nullopt);
    now += seconds(10);
    wait.on_eligible(true, now);
    expected = std::min<Duration>(2 * expected, minutes(30));
    EXPECT_EQ(wait.due(), now + expected);
  }
  EXPECT_EQ(wait.wait(), minutes(30));
}

TEST(WaitToRestore, WhatStoodForLongIsNoFlap) {
  WaitToRestore wait(at(seconds(0)));
  wait.on_eligible(true, at(seconds(0)));
  wait.on_eligible(false, at(seconds(10)));
  wait.on_eligible(true, at(seconds(20)));
  ASSERT_EQ(wait.wait(), seconds(120));
  wait.on_eligible(false, at(seconds(20) + minutes(30)));
  wait.on_eligible(true, at(seconds(30) + minutes(30)));
  EXPECT_EQ(wait.due(), at(seconds(90) + minutes(30)));
}

TEST(WaitToRestore, TheSameWordAgainChangesNothing) {
  WaitToRestore wait(at(seconds(0)));
  wait.on_eligible(true, at(seconds(5)));
  wait.on_eligible(true, at(seconds(50)));
  EXPECT_EQ(wait.due(), at(seconds(65)));
  wait.on_eligible(false, at(seconds(60)));
  wait.on_eligible(false, at(seconds(61)));
  EXPECT_EQ(wait.wait(), seconds(120));
}

}  // namespace
}  // namespace segw::chassis
