#include "ike/lockout.h"

#include <gtest/gtest.h>

#include "ike/testing.h"

namespace segw::ike {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

class Locked : public ::testing::Test {
 protected:
  bool fail(uint16_t port = 500) { return lockout_.failed(from(port), settings_, now_); }
  [[nodiscard]] bool blocked(uint16_t port = 500) const {
    return lockout_.blocked(from(port), now_);
  }
  [[nodiscard]] Endpoint from(uint16_t port) const { return {.address = address_, .port = port}; }

  LockoutSettings settings_;
  IpAddress address_ = testing::address("192.0.2.7");
  Instant now_ = Instant{} + minutes(60);
  Lockout lockout_;
};

TEST_F(Locked, TheThirdFailureBlocksForTenMinutes) {
  EXPECT_FALSE(fail());
  EXPECT_FALSE(fail());
  EXPECT_FALSE(blocked());
  EXPECT_TRUE(fail());
  now_ += minutes(10) - seconds(1);
  EXPECT_TRUE(blocked());
  now_ += seconds(1);
  EXPECT_FALSE(blocked());
}

TEST_F(Locked, FailuresFurtherApartThanTheDurationDoNotAddUp) {
  for (int i = 0; i < 10; ++i) {
    EXPECT_FALSE(fail());
    now_ += minutes(3);
  }
  EXPECT_FALSE(blocked());
}

TEST_F(Locked, SuccessForgets) {
  fail();
  fail();
  lockout_.succeeded(from(500));
  EXPECT_EQ(lockout_.sources(), 0U);
  EXPECT_FALSE(fail());
  EXPECT_FALSE(blocked());
}

TEST_F(Locked, AnotherClientBehindTheSameAddressIsNotBlocked) {
  for (int i = 0; i < 3; ++i) fail(1024);
  EXPECT_TRUE(blocked(1024));
  EXPECT_FALSE(blocked(1025));
  lockout_.succeeded(from(1025));
  EXPECT_TRUE(blocked(1024));
}

TEST_F(Locked, TooManyPortsBlockTheAddress) {
  for (uint16_t port = 1; port <= settings_.max_port_per_ip; ++port) EXPECT_FALSE(fail(port));
  EXPECT_TRUE(fail(1000));
  EXPECT_TRUE(blocked(2000));
  now_ += settings_.block;
  EXPECT_FALSE(blocked(2000));
}

TEST_F(Locked, TheTableIsBoundedAndTheOldestGoes) {
  const IpAddress first = address_;
  for (int i = 0; i < 3; ++i) fail();
  for (uint32_t i = 0; i < kLockoutSourcesMax; ++i) {
    now_ += Duration(1);
    address_ = testing::address(("10." + std::to_string(i >> 16) + "." +
                                 std::to_string(i >> 8 & 255) + "." + std::to_string(i & 255))
                                    .c_str());
    fail();
    EXPECT_LE(lockout_.sources(), kLockoutSourcesMax);
  }
  address_ = first;
  EXPECT_FALSE(blocked());
}

}  // namespace
}  // namespace segw::ike
