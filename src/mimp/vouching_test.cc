#include "mimp/vouching.h"

#include <gtest/gtest.h>

namespace segw::mimp {
namespace {

using namespace std::chrono_literals;

constexpr Nonce kOwn{1};
constexpr Nonce kActive{2};
constexpr Nonce kReborn{3};
const IpAddress kActiveId = IpAddress::v4(0xC0000202);

// The active was lost after its beat 10.
FirstHand lost() {
  return {.router_id = kActiveId, .nonce = kActive, .beat = 10, .reachable = false};
}
Vouching word(uint64_t beat, Duration age) {
  return {.router_id = kActiveId,
          .nonce = kActive,
          .beat = beat,
          .age = age,
          .standing = {.state = MasterState::Master, .eligible = true}};
}
Word weigh_at(const Vouching& vouching, const FirstHand& peer, Duration since = 0s) {
  return weigh(vouching, since, 1250ms, kOwn, {peer});
}

TEST(Vouching, ANewerBeatOfAtMostOneIntervalBlocks) {
  EXPECT_EQ(weigh_at(word(11, 900ms), lost()), Word::Blocks);
  EXPECT_EQ(weigh_at(word(11, 900ms), lost(), 350ms), Word::Blocks);
}

TEST(Vouching, WhatIsTooOldWhenItIsWeighedSaysNothing) {
  EXPECT_EQ(weigh_at(word(11, 1251ms), lost()), Word::Nothing);
  EXPECT_EQ(weigh_at(word(11, 900ms), lost(), 351ms), Word::Nothing);
}

TEST(Vouching, ABeatThatWeHeardOurselvesProvesNothing) {
  EXPECT_EQ(weigh_at(word(10, 100ms), lost()), Word::Unclear);
  EXPECT_EQ(weigh_at(word(10, 1300ms), lost()), Word::Nothing);
}

TEST(Vouching, OfUsOrOfOneThatWeHearSaysNothing) {
  Vouching of_us = word(11, 0s);
  of_us.nonce = kOwn;
  EXPECT_EQ(weigh_at(of_us, lost()), Word::Nothing);
  FirstHand heard = lost();
  heard.reachable = true;
  EXPECT_EQ(weigh_at(word(11, 0s), heard), Word::Nothing);
}

TEST(Vouching, OfAnEarlierBootOfOneThatWeHearSaysNothing) {
  FirstHand reborn = lost();
  reborn.nonce = kReborn;
  EXPECT_EQ(weigh_at(word(1, 0s), reborn), Word::Blocks) << "unheard, it may be a later boot";
  reborn.reachable = true;
  EXPECT_EQ(weigh_at(word(99, 0s), reborn), Word::Nothing);
}

TEST(Vouching, OfOneNeverHeardBlocks) {
  EXPECT_EQ(weigh_at(word(1, 100ms), FirstHand{}), Word::Blocks);
}

}  // namespace
}  // namespace segw::mimp
