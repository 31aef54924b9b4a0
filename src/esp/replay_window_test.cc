#include "esp/replay_window.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace segw::esp {
namespace {

TEST(ReplayWindow, AcceptsEachNumberOnceAndNothingLeftOfTheWindow) {
  ReplayWindow window(64);
  EXPECT_FALSE(window.acceptable(0));
  for (const uint64_t sequence : {1U, 3U, 2U, 100U, 37U}) {
    ASSERT_TRUE(window.acceptable(sequence)) << sequence;
    window.accept(sequence);
    EXPECT_FALSE(window.acceptable(sequence)) << sequence;
  }
  EXPECT_TRUE(window.acceptable(38));
  EXPECT_FALSE(window.acceptable(36));  // 100 - 64
  EXPECT_EQ(window.highest(), 100U);
}

// Against a set that remembers everything.
TEST(ReplayWindow, AgreesWithASetOverRandomArrivals) {
  std::mt19937_64 random(7);
  for (const uint16_t size : std::initializer_list<uint16_t>{32, 64, 100, 128, 512}) {
    ReplayWindow window(size);
    std::set<uint64_t> seen;
    uint64_t highest = 0;
    for (int i = 0; i < 20000; ++i) {
      const uint64_t around =
          highest + 40 > 2U * size ? highest + 40 - random() % (2U * size) : 1 + random() % 40;
      const bool expected =
          around != 0 && !seen.contains(around) && (around > highest || highest - around < size);
      ASSERT_EQ(window.acceptable(around), expected) << size << " " << around << " " << highest;
      if (!expected) continue;
      window.accept(around);
      seen.insert(around);
      highest = std::max(highest, around);
    }
  }
}

TEST(ReplayWindow, RecoversTheUpperHalfAcrossTheBoundary) {
  ReplayWindow window(64);
  const uint64_t boundary = uint64_t{1} << 32;
  window.accept(boundary - 10);
  EXPECT_EQ(window.recover(static_cast<uint32_t>(boundary - 5)), boundary - 5);
  EXPECT_EQ(window.recover(3), boundary + 3);
  window.accept(boundary + 3);
  EXPECT_EQ(window.recover(static_cast<uint32_t>(boundary - 5)), boundary - 5);
  EXPECT_EQ(window.recover(4), boundary + 4);
  window.accept(boundary + 1000);
  EXPECT_EQ(window.recover(2000), boundary + 2000);
  // Left of the window: only the next round can be meant.
  EXPECT_EQ(window.recover(1), 2 * boundary + 1);
}

TEST(ReplayWindow, MergeRefusesWhatTheOtherSawAndNeverMovesBack) {
  ReplayWindow here(64);
  ReplayWindow there(64);
  for (const uint64_t sequence : {10U, 12U, 15U}) there.accept(sequence);
  here.accept(11);
  here.merge(there.highest(), there.seen());
  for (const uint64_t sequence : {10U, 11U, 12U, 15U}) EXPECT_FALSE(here.acceptable(sequence));
  for (const uint64_t sequence : {13U, 14U, 16U}) EXPECT_TRUE(here.acceptable(sequence));
  here.accept(500);
  here.merge(there.highest(), there.seen());
  EXPECT_EQ(here.highest(), 500U);
}

TEST(ReplayWindow, MergeWithoutBitsRefusesEverythingBelow) {
  ReplayWindow window(64);
  window.merge(100, {});
  EXPECT_FALSE(window.acceptable(100));
  EXPECT_FALSE(window.acceptable(60));
  EXPECT_TRUE(window.acceptable(101));
}

}  // namespace
}  // namespace segw::esp
