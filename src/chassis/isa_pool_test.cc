#include "chassis/isa_pool.h"

#include <gtest/gtest.h>

namespace segw::chassis {
namespace {

constexpr TunnelGroupId kOne{1};
constexpr TunnelGroupId kTwo{2};
constexpr IsaId kFirst{.slot = 1, .mda = 1};
constexpr IsaId kSecond{.slot = 1, .mda = 2};

TEST(IsaPool, GroupsTakeMembersInOrderAndGiveThemBack) {
  IsaPool pool("MP1", {kFirst, kSecond});
  EXPECT_EQ(pool.claim(kOne, 1), std::vector<IsaId>{kFirst});
  EXPECT_EQ(pool.claim(kTwo, 1), std::vector<IsaId>{kSecond});
  EXPECT_EQ(pool.active_in(kFirst), kOne);
  EXPECT_EQ(pool.active_in(kSecond), kTwo);
  pool.release(kOne);
  EXPECT_EQ(pool.active_in(kFirst), TunnelGroupId{});
  EXPECT_EQ(pool.claim(kTwo, 2), (std::vector<IsaId>{kSecond, kFirst}));
}

TEST(IsaPool, AGroupThatAsksAgainKeepsWhatItHas) {
  IsaPool pool("MP1", {kFirst, kSecond});
  pool.claim(kOne, 1);
  EXPECT_EQ(pool.claim(kOne, 1), std::vector<IsaId>{kFirst});
  EXPECT_EQ(pool.active_in(kSecond), TunnelGroupId{});
}

TEST(IsaPool, AnExhaustedPoolHasRoomOnlyForThoseInIt) {
  IsaPool pool("MP1", {kFirst});
  EXPECT_TRUE(pool.has_room_for(kOne));
  EXPECT_TRUE(pool.has_room_for(kTwo));
  pool.claim(kOne, 1);
  EXPECT_TRUE(pool.has_room_for(kOne));
  EXPECT_FALSE(pool.has_room_for(kTwo));
  EXPECT_TRUE(pool.claim(kTwo, 1).empty());
}

TEST(IsaPool, FewerMembersThanWantedAreTold) {
  IsaPool pool("MP1", {kFirst, kSecond});
  EXPECT_EQ(pool.room_for(kOne, 4), 2);
  pool.claim(kTwo, 1);
  EXPECT_EQ(pool.room_for(kOne, 4), 1);
  EXPECT_EQ(pool.room_for(kTwo, 4), 2);
}

}  // namespace
}  // namespace segw::chassis
