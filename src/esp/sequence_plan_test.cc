#include "esp/sequence_plan.h"

#include <gtest/gtest.h>

#include <set>

namespace segw::esp {
namespace {

constexpr Slot kZero{0};
constexpr Slot kOne{1};

TEST(SequencePlan, WithoutGrantsOnlyOwnBlocksAreUsed) {
  const SequenceGrants none{.slots = 2};
  EXPECT_EQ(next_allowed(none, kZero, 0, false), 1U);
  EXPECT_EQ(next_allowed(none, kZero, kBlockSize - 1, false), kBlockSize - 1);
  EXPECT_EQ(next_allowed(none, kZero, kBlockSize, false), 2 * kBlockSize);
  EXPECT_EQ(next_allowed(none, kOne, 0, false), kBlockSize);
}

TEST(SequencePlan, GrantedBlocksAreUsedUpToTheBound) {
  const SequenceGrants grants{.slots = 2, .grantee = kZero, .bound = {0, 4 * kBlockSize}};
  EXPECT_EQ(next_allowed(grants, kZero, kBlockSize, false), kBlockSize);
  EXPECT_EQ(next_allowed(grants, kZero, 3 * kBlockSize + 5, false), 3 * kBlockSize + 5);
  EXPECT_EQ(next_allowed(grants, kZero, 5 * kBlockSize, false), 6 * kBlockSize);
  EXPECT_EQ(next_allowed(grants, kOne, 0, false), kBlockSize);  // its own were not meant for it
  EXPECT_EQ(unhindered(grants, kZero, kBlockSize), 3 * kBlockSize);
  EXPECT_EQ(unhindered(grants, kOne, kBlockSize), 0U);
}

TEST(SequencePlan, AnAbsentSlotIsJumpedOverAndHurriesNobody) {
  const SequenceGrants grants{
      .slots = 4, .grantee = kZero, .bound = {8 * kBlockSize, 8 * kBlockSize, kBlockSize, 0}};
  EXPECT_EQ(unhindered(grants, kZero, 2 * kBlockSize), 6 * kBlockSize);
  EXPECT_EQ(next_allowed(grants, kZero, 2 * kBlockSize, false), 4 * kBlockSize);
  EXPECT_EQ(unhindered(grants, kZero, 8 * kBlockSize), 0U);
}

TEST(SequencePlan, ATakeoverStartsInAnOwnBlockAboveAllThatIsKnown) {
  const SequenceGrants grants{
      .slots = 2, .grantee = kZero, .bound = {4 * kBlockSize, 4 * kBlockSize}};
  EXPECT_EQ(takeover_start(grants, kOne, 100, Position::Exact), 5 * kBlockSize);
  EXPECT_EQ(takeover_start(grants, kZero, 100, Position::Exact), 4 * kBlockSize);
  EXPECT_EQ(takeover_start(grants, kOne, 9 * kBlockSize + 1, Position::Exact), 11 * kBlockSize);
}

// Redundancy rule 11: what was sent since the last report is below, though no bound says so.
TEST(SequencePlan, ATakeoverFromALostChassisStartsAboveWhatItCanHaveSentSinceItsLastReport) {
  const SequenceGrants none{.slots = 2};
  for (const uint64_t reported : {uint64_t{1}, 100 + 6 * kBlockSize, kShortRekey}) {
    const uint64_t start = takeover_start(none, kOne, reported, Position::LastReport);
    EXPECT_GE(start, reported + kUnreportedMax);
    EXPECT_LT(start, reported + kUnreportedMax + 2 * kBlockSize);
    EXPECT_EQ(owner_of(start, 2), kOne);
    EXPECT_EQ(start % kBlockSize, 0U);
  }
  // A bound beyond that says more.
  const uint64_t far = 3 * kUnreportedMax;
  const SequenceGrants grants{.slots = 2, .grantee = kZero, .bound = {far, far}};
  EXPECT_EQ(takeover_start(grants, kOne, 1, Position::LastReport), far + kBlockSize);
}

// Two chassis act at once after a split, each from what it knows: no number is used by both.
TEST(SequencePlan, ASplitRepeatsNothing) {
  const SequenceGrants grants{
      .slots = 2, .grantee = kZero, .bound = {4 * kBlockSize, 4 * kBlockSize}};
  std::set<uint64_t> used;
  uint64_t zero = 3 * kBlockSize;
  uint64_t one = takeover_start(grants, kOne, 2 * kBlockSize, Position::Exact);
  for (uint64_t i = 0; i < 6 * kBlockSize; ++i) {
    zero = *next_allowed(grants, kZero, zero, false);
    one = *next_allowed(grants, kOne, one, false);
    ASSERT_TRUE(used.insert(zero++).second);
    ASSERT_TRUE(used.insert(one++).second);
  }
}

TEST(SequencePlan, NoBoundMakesATakeoverBeginAnew) {
  const SequenceGrants grants{.slots = 2, .grantee = {0}, .bound = {UINT64_MAX, UINT64_MAX, 0, 0}};
  for (const uint64_t reported : {uint64_t{1}, UINT64_MAX}) {
    for (const Position position : {Position::Exact, Position::LastReport}) {
      const uint64_t start = takeover_start(grants, Slot{0}, reported, position);
      EXPECT_FALSE(next_allowed(grants, Slot{0}, start, true));
      EXPECT_FALSE(next_allowed(grants, Slot{0}, start, false));
    }
  }
}

TEST(SequencePlan, TheSpaceEndsBeforeItWraps) {
  const SequenceGrants none{.slots = 2};
  EXPECT_FALSE(next_allowed(none, kZero, kShortEnd, false));
  EXPECT_TRUE(next_allowed(none, kZero, kShortEnd, true));
  EXPECT_FALSE(next_allowed(none, kZero, kLongEnd, true));
}

TEST(SequencePlan, IvsOfDifferentSlotsEpochsAndNumbersDiffer) {
  std::set<uint64_t> ivs;
  for (const uint8_t slot : std::initializer_list<uint8_t>{0, 1, 2, 3}) {
    for (const uint32_t epoch : {0U, 1U, (1U << 22) - 1}) {
      for (const uint64_t sequence : {uint64_t{1}, uint64_t{2}, (uint64_t{1} << 40) - 1}) {
        EXPECT_TRUE(ivs.insert(gcm_iv(Slot{slot}, epoch, sequence)).second);
      }
    }
  }
}

TEST(SequencePlan, AnSaIsWornAtHalfOfItsSpace) {
  EXPECT_FALSE(worn((uint64_t{1} << 31) - 1, false));
  EXPECT_TRUE(worn(uint64_t{1} << 31, false));
  EXPECT_FALSE(worn((uint64_t{1} << 39) - 1, true));
  EXPECT_TRUE(worn(uint64_t{1} << 39, true));
  EXPECT_EQ(numbers_left(kShortEnd - 5, false), 5U);
  EXPECT_EQ(numbers_left(kShortEnd + 5, false), 0U);
  EXPECT_EQ(numbers_left(kLongEnd - 7, true), 7U);
}

}  // namespace
}  // namespace segw::esp
