#include "esp/holders.h"

#include <gtest/gtest.h>

namespace segw::esp {
namespace {

TEST(Holders, AnotherLifeIsTheSameSlotWithAnotherFolder) {
  const Holder self{.slot = Slot{1}, .incarnation = {1}};
  const Holder peer{.slot = Slot{0}, .incarnation = {2}};
  EXPECT_FALSE(held_in_another_life({}, self));
  EXPECT_FALSE(held_in_another_life({self, peer}, self));
  EXPECT_TRUE(held_in_another_life({self, peer, {.slot = Slot{1}, .incarnation = {3}}}, self));
}

}  // namespace
}  // namespace segw::esp
