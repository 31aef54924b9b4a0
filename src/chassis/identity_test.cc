#include "chassis/identity.h"

#include <gtest/gtest.h>

#include <set>

#include "platform/testing/fake_platform.h"

namespace segw::chassis {
namespace {

using platform::testing::FakePlatform;

bool load(FakePlatform& fake, Identity& identity) {
  bool loaded = false;
  identity.load([&](const Result<void>& result) { loaded = result.has_value(); });
  fake.scheduler.run_for(std::chrono::seconds(1));
  return loaded;
}

TEST(Identity, GivesNoEpochTwiceOverRestarts) {
  FakePlatform fake;
  std::set<uint32_t> seen;
  std::array<uint8_t, 16> incarnation{};
  for (int start = 0; start < 5; ++start) {
    Identity identity(fake.platform);
    ASSERT_TRUE(load(fake, identity));
    if (start == 0) incarnation = identity.incarnation();
    EXPECT_EQ(identity.incarnation(), incarnation);
    EXPECT_EQ(identity.is_new(), start == 0);
    for (int i = 0; i < 300; ++i) {
      const auto epoch = identity.take_epoch();
      ASSERT_TRUE(epoch);
      EXPECT_TRUE(seen.insert(*epoch).second) << *epoch;
      fake.scheduler.run_for(std::chrono::milliseconds(2));
    }
  }
}

TEST(Identity, GivesOnlyEpochsThatAreOnDisk) {
  FakePlatform fake;
  Identity identity(fake.platform);
  ASSERT_TRUE(load(fake, identity));
  fake.store.failing = true;
  for (uint32_t i = 0; i < kIvEpochBatch; ++i) EXPECT_TRUE(identity.take_epoch());
  EXPECT_FALSE(identity.has_epochs());
  EXPECT_FALSE(identity.take_epoch());
}

TEST(Identity, AReserveThatTheDiskRefusedIsAskedForUntilItIsThere) {
  FakePlatform fake;
  Identity identity(fake.platform);
  ASSERT_TRUE(load(fake, identity));
  fake.store.failing = true;
  std::set<uint32_t> seen;
  while (const auto epoch = identity.take_epoch()) seen.insert(*epoch);
  fake.scheduler.run_for(std::chrono::seconds(10));
  EXPECT_FALSE(identity.has_epochs());
  EXPECT_EQ(fake.log.events.size(), 1U) << "said once";
  fake.store.failing = false;
  fake.scheduler.run_for(Identity::kReserveRetry + std::chrono::milliseconds(10));
  ASSERT_TRUE(identity.has_epochs());
  for (uint32_t i = 0; i < kIvEpochBatch; ++i) {
    const auto epoch = identity.take_epoch();
    ASSERT_TRUE(epoch);
    EXPECT_TRUE(seen.insert(*epoch).second) << *epoch;
    fake.scheduler.run_for(std::chrono::milliseconds(2));
  }
}

TEST(Identity, TakesANewIncarnationWhenTheFileIsDamagedAnywhere) {
  FakePlatform fake;
  Identity first(fake.platform);
  ASSERT_TRUE(load(fake, first));
  const Bytes whole = fake.store.files.at(std::string(kIdentityFile));
  for (size_t at = 0; at < whole.size(); ++at) {
    Bytes damaged = whole;
    damaged[at] ^= 1;
    EXPECT_FALSE(decode_identity(damaged)) << at;
    EXPECT_FALSE(decode_identity(ByteView(whole).first(at))) << at;
  }
  fake.store.files.at(std::string(kIdentityFile))[3] ^= 1;
  Identity second(fake.platform);
  ASSERT_TRUE(load(fake, second));
  EXPECT_TRUE(second.is_new());
  EXPECT_NE(second.incarnation(), first.incarnation());
}

}  // namespace
}  // namespace segw::chassis
