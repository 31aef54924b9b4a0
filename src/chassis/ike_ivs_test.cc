#include "chassis/ike_ivs.h"

#include <gtest/gtest.h>

#include <set>

namespace segw::chassis {
namespace {

TEST(IkeIvs, AreSlotEpochAndCounter) {
  IkeIvs ivs(Slot{2});
  ivs.begin(5);
  EXPECT_EQ(ivs.next(IkeSpi{1}), uint64_t{2} << 62 | uint64_t{5} << 40);
  EXPECT_EQ(ivs.next(IkeSpi{1}), uint64_t{2} << 62 | uint64_t{5} << 40 | 1);
  EXPECT_EQ(ivs.next(IkeSpi{9}), uint64_t{2} << 62 | uint64_t{5} << 40) << "other keys";
}

TEST(IkeIvs, NoneWithoutAnEpoch) {
  IkeIvs ivs(Slot{0});
  EXPECT_FALSE(ivs.next(IkeSpi{1})) << "epoch 0 may have been used before a restart";
  ivs.begin(0);
  EXPECT_TRUE(ivs.next(IkeSpi{1}));
  ivs.stop();
  EXPECT_FALSE(ivs.next(IkeSpi{1})) << "nor the one of the activation before again";
}

TEST(IkeIvs, ANewEpochNeverRepeats) {
  IkeIvs ivs(Slot{1});
  std::set<uint64_t> seen;
  for (uint32_t epoch = 0; epoch < 3; ++epoch) {
    ivs.begin(epoch);
    for (int i = 0; i < 4; ++i) EXPECT_TRUE(seen.insert(ivs.next(IkeSpi{1}).value_or(0)).second);
  }
}

TEST(IkeIvs, NothingIsKeptOfAnSaThatHasGone) {
  IkeIvs ivs(Slot{1});
  ivs.begin(1);
  for (uint64_t spi = 1; spi < 100; ++spi) {
    EXPECT_TRUE(ivs.next(IkeSpi{spi}));
    ivs.forget(IkeSpi{spi});
  }
  EXPECT_EQ(ivs.kept(), 0U);
}

TEST(IkeIvs, AnSaIsWornWhenHalfOfThemAreUsedAndDeadWhenAllAre) {
  constexpr uint64_t kHalf = uint64_t{1} << 39;
  IkeIvs young(Slot{1}, kHalf - 2);
  young.begin(1);
  EXPECT_TRUE(young.next(IkeSpi{1}));
  EXPECT_FALSE(young.worn(IkeSpi{1}));
  EXPECT_TRUE(young.next(IkeSpi{1}));
  EXPECT_TRUE(young.worn(IkeSpi{1}));
  EXPECT_FALSE(young.worn(IkeSpi{2}));
  IkeIvs old(Slot{1}, 2 * kHalf - 1);
  old.begin(1);
  EXPECT_TRUE(old.next(IkeSpi{1}));
  EXPECT_FALSE(old.next(IkeSpi{1}));
}

}  // namespace
}  // namespace segw::chassis
