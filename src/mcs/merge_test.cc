// What two chassis did while both acted becomes one state.
#include "mcs/merge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "esp/sequence_plan.h"
#include "mcs/testing_records.h"

namespace segw::mcs::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr Slot kWinner{0};
constexpr Slot kLoser{1};
constexpr uint64_t kBlock = esp::kBlockSize;

// One client with one CHILD SA, which both sides held before the split.
struct Split {
  GroupState ours;
  Tombstones gone;
  Offer theirs;

  Split() {
    ours.ike_sas[IkeSpi{1}] = ike_sa(1);
    add(child_sa(300));
  }
  ike::IkeSa& ike(uint64_t spi = 1) { return ours.ike_sas.at(IkeSpi{spi}); }
  esp::ChildSa& child(uint32_t spi = 300) { return ours.child_sas.at(Spi{spi}); }
  void add(const esp::ChildSa& sa) {
    ours.child_sas[sa.inbound_spi] = sa;
    ours.ike_sas.at(sa.ike_sa).children.push_back(sa.inbound_spi);
  }
  // The loser's, as it was before the split; to be changed.
  ike::IkeSa& their_ike(uint64_t spi = 1) {
    return theirs.ike_sas
        .try_emplace(IkeSpi{spi}, ours.ike_sas.contains(IkeSpi{spi}) ? ours.ike_sas.at(IkeSpi{spi})
                                                                     : ike_sa(spi))
        .first->second;
  }
  esp::ChildSa& their_child(uint32_t spi = 300) {
    return theirs.child_sas
        .try_emplace(Spi{spi}, ours.child_sas.contains(Spi{spi}) ? ours.child_sas.at(Spi{spi})
                                                                 : child_sa(spi))
        .first->second;
  }
  void they_know(uint32_t spi, uint64_t next, uint64_t highest = 0) {
    theirs.windows[Spi{spi}] =
        esp::SaWindow{.inbound_spi = Spi{spi}, .outbound_next = next, .inbound_highest = highest};
  }
  void we_know(uint32_t spi, uint64_t next, uint64_t highest = 0) {
    ours.windows[Spi{spi}] =
        esp::SaWindow{.inbound_spi = Spi{spi}, .outbound_next = next, .inbound_highest = highest};
  }
  Merged heal() { return merge(ours, gone, theirs, kWinner); }
  [[nodiscard]] std::vector<uint32_t> children(uint64_t spi = 1) const {
    std::vector<uint32_t> all;
    for (const Spi each : ours.ike_sas.at(IkeSpi{spi}).children) all.push_back(each.value);
    return all;
  }
};

TEST(Merge, AClientOfTheLoserIsTaken) {
  Split split;
  split.their_ike(2);
  split.their_child(301).ike_sa = IkeSpi{2};
  const Merged merged = split.heal();
  EXPECT_THAT(split.children(1), ElementsAre(300));
  EXPECT_THAT(split.children(2), ElementsAre(301));
  EXPECT_THAT(merged.served, ElementsAre(IkeSpi{2}));
  EXPECT_THAT(merged.came, ElementsAre(Spi{301}));
  EXPECT_THAT(merged.gone_ike_sas, IsEmpty());
  EXPECT_THAT(merged.gone_child_sas, IsEmpty());
}

// Its answer would replace the tunnel that the client has.
TEST(Merge, WhatWeBeganForATunnelThatTheLoserHasSetUpGoes) {
  Split split;
  split.ike().state = ike::IkeState::Closed;
  for (const uint64_t spi : {2, 3, 4}) split.ours.ike_sas[IkeSpi{spi}] = ike_sa(spi);
  split.ike(2).state = ike::IkeState::Connecting;
  split.ike(3).state = ike::IkeState::Authenticating;
  split.ike(4).state = ike::IkeState::Connecting;
  split.ike(4).tunnel = 7;
  split.their_ike(5);
  const Merged merged = split.heal();
  EXPECT_FALSE(split.ours.ike_sas.contains(IkeSpi{2}));
  EXPECT_TRUE(split.ours.ike_sas.contains(IkeSpi{3})) << "it may stand already for the client";
  EXPECT_TRUE(split.ours.ike_sas.contains(IkeSpi{4})) << "nobody else has set that tunnel up";
  ASSERT_THAT(merged.gone_ike_sas, SizeIs(1));
  EXPECT_EQ(merged.gone_ike_sas[0].our_spi, IkeSpi{2});
  EXPECT_FALSE(merged.gone_ike_sas[0].by_client);
  EXPECT_EQ(merged.attempts, 1U);
}

TEST(Merge, WhatWeBeganForATunnelThatNeitherHasGoesOn) {
  Split split;
  split.ike().state = ike::IkeState::Closed;
  split.ours.ike_sas[IkeSpi{2}] = ike_sa(2);
  split.ike(2).state = ike::IkeState::Connecting;
  split.their_ike(5).state = ike::IkeState::HalfOpen;
  EXPECT_EQ(split.heal().attempts, 0U);
  EXPECT_TRUE(split.ours.ike_sas.contains(IkeSpi{2}));
}

TEST(Merge, TheLaterProgressIsTheBaseAndNumbersTakeTheMaximum) {
  Split split;
  split.ike().authenticated_count = 5;
  split.ike().next_request_in = 4;
  split.ike().next_request_out = 9;
  ike::IkeSa& theirs = split.their_ike();
  theirs.authenticated_count = 6;
  theirs.next_request_in = 5;
  theirs.next_request_out = 2;
  theirs.last_answer.emplace();
  theirs.last_answer->message_id = 4;
  theirs.pending.emplace();
  theirs.pending->message_id = 1;
  split.ike().pending.emplace();
  split.ike().pending->message_id = 8;
  const Merged merged = split.heal();
  EXPECT_EQ(split.ike().authenticated_count, 6U);
  EXPECT_EQ(split.ike().next_request_in, 5U);
  EXPECT_EQ(split.ike().next_request_out, 9U);
  EXPECT_TRUE(split.ike().last_answer);
  ASSERT_TRUE(split.ike().pending);
  EXPECT_EQ(split.ike().pending->message_id, 8U) << "the client waits for it";
  EXPECT_THAT(merged.served, ElementsAre(IkeSpi{1}));
}

TEST(Merge, TheLastAnswerIsOfWhoGaveIt) {
  Split split;
  split.ike().authenticated_count = 9;
  split.ike().next_request_in = 3;
  split.their_ike().next_request_in = 5;
  split.their_ike().last_answer.emplace();
  split.their_ike().last_answer->message_id = 4;
  split.heal();
  EXPECT_EQ(split.ike().next_request_in, 5U);
  ASSERT_TRUE(split.ike().last_answer);
  EXPECT_EQ(split.ike().last_answer->message_id, 4U);
}

TEST(Merge, ARequestThatWasAnsweredOnOneSideDoesNotWaitAnyMore) {
  for (const bool answered_here : {false, true}) {
    Split split;
    split.their_ike();
    ike::IkeSa& waits = answered_here ? split.their_ike() : split.ike();
    split.ike().next_request_out = 4;
    split.their_ike().next_request_out = 4;
    split.their_ike().authenticated_count = 1;
    split.their_ike().next_request_in = 1;
    waits.pending.emplace();
    waits.pending->message_id = 3;
    split.heal();
    EXPECT_EQ(split.ike().next_request_out, 4U);
    EXPECT_FALSE(split.ike().pending);
  }
}

// The loser's answer did not reach the client, which asked the winner again and went on with that.
TEST(Merge, AnAnswerThatTheClientDidNotGetIsNotUsed) {
  Split split;
  split.their_child(320);
  split.their_ike().authenticated_count = 2;
  split.ike().authenticated_count = 5;
  split.heal();
  EXPECT_TRUE(only_receives(split.child(320)));
  EXPECT_GT(split.child(320).delete_after.count(), 0);
  Split closed;
  closed.their_child(320);
  closed.their_ike().authenticated_count = 2;
  closed.ike().state = ike::IkeState::Closed;
  closed.ours.child_sas.clear();
  closed.gone.note(DeleteChildSa{.inbound_spi = Spi{300}, .by_client = true});
  closed.heal();
  EXPECT_THAT(closed.ours.child_sas, IsEmpty());
}

TEST(Merge, WhomTheLoserDidNotServeStaysAsItIs) {
  Split split;
  split.ike().authenticated_count = 6;
  split.ike().next_request_in = 5;
  ike::IkeSa& theirs = split.their_ike();
  theirs.authenticated_count = 5;
  theirs.next_request_in = 4;
  const Merged merged = split.heal();
  EXPECT_EQ(split.ike().authenticated_count, 6U);
  EXPECT_THAT(merged.served, IsEmpty());
  EXPECT_THAT(merged.ike_sas, IsEmpty());
}

TEST(Merge, ChildSasAreTheUnion) {
  Split split;
  split.add(child_sa(310));
  split.their_ike().authenticated_count = 1;
  split.their_child(320);
  split.their_ike().children = {Spi{300}, Spi{320}};
  split.heal();
  EXPECT_THAT(split.children(), ElementsAre(300, 320, 310));
}

TEST(Merge, WhatAClientDeletedOnEitherSideStaysDeleted) {
  Split split;
  split.add(child_sa(310));
  split.gone.note(DeleteChildSa{.inbound_spi = Spi{320}, .by_client = true});
  split.their_child(320);
  split.theirs.gone.note(DeleteChildSa{.inbound_spi = Spi{310}, .by_client = true});
  const Merged merged = split.heal();
  EXPECT_THAT(split.children(), ElementsAre(300));
  ASSERT_THAT(merged.gone_child_sas, SizeIs(1));
  EXPECT_EQ(merged.gone_child_sas[0].inbound_spi, Spi{310});
  EXPECT_TRUE(merged.gone_child_sas[0].by_client);
}

TEST(Merge, WhatOneSideGaveUpByItselfComesBack) {
  Split split;
  split.gone.note(DeleteChildSa{.inbound_spi = Spi{320}});
  split.gone.note(DeleteIkeSa{.our_spi = IkeSpi{2}});
  split.their_child(320);
  split.their_ike(2);
  split.theirs.gone.note(DeleteChildSa{.inbound_spi = Spi{300}});
  split.heal();
  EXPECT_THAT(split.children(), ElementsAre(300, 320));
  EXPECT_TRUE(split.ours.ike_sas.contains(IkeSpi{2}));
}

TEST(Merge, AnIkeSaThatItsClientDeletedGoesWithItsChildSas) {
  Split split;
  split.theirs.gone.note(DeleteIkeSa{.our_spi = IkeSpi{1}, .by_client = true});
  const Merged merged = split.heal();
  EXPECT_THAT(split.ours.ike_sas, IsEmpty());
  EXPECT_THAT(split.ours.child_sas, IsEmpty());
  ASSERT_THAT(merged.gone_ike_sas, SizeIs(1));
  EXPECT_TRUE(merged.gone_ike_sas[0].by_client);
  EXPECT_THAT(merged.ike_sas, IsEmpty());
}

TEST(Merge, AClosedOneStaysClosedWhateverWasSaidOnTheOtherSide) {
  Split split;
  split.ike().authenticated_count = 9;
  split.their_ike().authenticated_count = 3;
  split.their_ike().next_request_in = 7;
  split.their_ike().state = ike::IkeState::Closed;
  split.heal();
  EXPECT_EQ(split.ike().state, ike::IkeState::Closed);
  EXPECT_THAT(split.ours.child_sas, IsEmpty());
}

// The client rekeyed its IKE SA at the loser, and had made a CHILD SA at the winner before.
TEST(Merge, ASuccessorInheritsTheChildSasOfBothSides) {
  using ike::IkeState;
  for (const auto old : {std::optional(IkeState::Rekeyed), std::optional(IkeState::Closed),
                         std::optional<IkeState>()}) {
    Split split;
    split.add(child_sa(310));
    split.ike().authenticated_count = 9;
    split.their_ike(2).authenticated_count = 9;
    split.their_child(300).ike_sa = IkeSpi{2};
    if (old) {
      split.their_ike(1).state = *old;
    } else {
      split.theirs.gone.note(DeleteIkeSa{.our_spi = IkeSpi{1}, .by_client = true});
    }
    const Merged merged = split.heal();
    EXPECT_THAT(split.children(2), ElementsAre(300, 310));
    EXPECT_THAT(merged.gone_child_sas, IsEmpty());
    ASSERT_EQ(split.ours.ike_sas.contains(IkeSpi{1}), old.has_value());
    if (!old) continue;
    EXPECT_THAT(split.children(1), IsEmpty());
    EXPECT_EQ(split.ike(1).state, *old);
  }
}

TEST(Merge, ASuccessorOfTheWinnersInheritsAsWell) {
  Split split;
  split.ours.ike_sas[IkeSpi{2}] = ike_sa(2);
  split.their_child(300).rekeyed = true;  // as it was before the split, otherwise
  split.their_child(310);
  split.their_ike(1).authenticated_count = 3;
  split.ike(1).state = ike::IkeState::Rekeyed;
  split.ike(1).children.clear();
  split.child(300).ike_sa = IkeSpi{2};
  split.ike(2).children = {Spi{300}};
  split.heal();
  EXPECT_THAT(split.children(2), ElementsAre(300, 310));
  EXPECT_THAT(split.children(1), IsEmpty());
}

// ---- numbers ----

TEST(MergedNumbers, WhatComesFromTheLoserGoesOnInAnOwnBlockAboveAllItUsed) {
  Split split;
  esp::ChildSa& sa = split.their_child(320);
  sa.grants.grantee = kLoser;
  sa.grants.bound = {0, 40 * kBlock, 0, 0};
  split.they_know(320, (30 * kBlock) + 5);
  split.heal();
  const esp::ChildSa& merged = split.child(320);
  EXPECT_GE(merged.outbound_floor, (30 * kBlock) + kMergeSkip) << "it served on meanwhile";
  EXPECT_GE(merged.outbound_floor, 40 * kBlock);
  EXPECT_EQ(esp::owner_of(merged.outbound_floor, 2), kWinner);
  EXPECT_NE(merged.grants.grantee, kWinner);
}

// In a domain: a third chassis gave blocks to the loser, and may give others to the winner.
TEST(MergedNumbers, GrantsThatTheLoserWasGivenAreNotTheWinners) {
  Split split;
  esp::SequenceGrants& ours = split.child().grants;
  ours = {.slots = 4, .grantee = kWinner, .bound = {8 * kBlock, 0, 0, 8 * kBlock}};
  split.their_child().grants = {
      .slots = 4, .grantee = kLoser, .bound = {0, 100 * kBlock, 100 * kBlock, 0}};
  split.we_know(300, 4 * kBlock);
  split.heal();
  const esp::ChildSa& merged = split.child();
  EXPECT_EQ(merged.grants.bound[2], 0U) << "nobody gave it to the winner";
  EXPECT_EQ(merged.grants.bound[3], 8 * kBlock) << "its own stays";
  EXPECT_FALSE(esp::allowed(merged.grants, kWinner, (2 * kBlock) + 1));
  EXPECT_GE(merged.outbound_floor, 100 * kBlock)
      << "a grant that is given from now on lies above what the loser was given";
}

TEST(MergedNumbers, WhereNothingWasUsedNothingIsSkipped) {
  Split split;
  split.we_know(300, 4 * kBlock);
  split.they_know(300, 4 * kBlock);
  const Merged merged = split.heal();
  EXPECT_EQ(split.child().outbound_floor, 0U);
  EXPECT_THAT(merged.child_sas, IsEmpty());
}

TEST(MergedNumbers, AnSaThatOnlyMovedIsSkippedToo) {
  Split split;
  split.we_know(300, 4 * kBlock);
  split.they_know(300, 9 * kBlock, 77);
  const Merged merged = split.heal();
  EXPECT_GE(split.child().outbound_floor, (9 * kBlock) + kMergeSkip);
  EXPECT_THAT(merged.child_sas, ElementsAre(Spi{300}));
  EXPECT_EQ(split.ours.windows.at(Spi{300}).inbound_highest, 77U);
}

// ---- two that were made for one ----

esp::ChildSa twin(uint32_t spi) {
  esp::ChildSa sa = child_sa(spi);
  sa.outbound_spi = Spi{0x4711};
  sa.rekey_after = 50min;
  return sa;
}

// Both chassis answered the same request: the client has one SPI, and uses one answer.
TEST(Twins, OnlyTheOneThatTheClientUsesSends) {
  for (const bool it_uses_theirs : {false, true}) {
    Split split;
    split.add(twin(310));
    split.their_child(320) = twin(320);
    split.we_know(310, 2 * kBlock, it_uses_theirs ? 0 : 9);
    split.they_know(320, 3 * kBlock, it_uses_theirs ? 9 : 0);
    const Merged merged = split.heal();
    const esp::ChildSa& sender = split.child(it_uses_theirs ? 320 : 310);
    const esp::ChildSa& other = split.child(it_uses_theirs ? 310 : 320);
    EXPECT_FALSE(only_receives(sender));
    EXPECT_TRUE(only_receives(other));
    EXPECT_GE(sender.outbound_floor, (3 * kBlock) + kMergeSkip)
        << "the client sees one row of numbers";
    EXPECT_EQ(sender.delete_after, 0s);
    EXPECT_GE(other.delete_after, other.age + kRivalKept);
    EXPECT_EQ(other.rekey_after, 50min) << "the client may turn out to use it";
    EXPECT_TRUE(merged.child_sas.contains(Spi{310}));
    EXPECT_TRUE(merged.child_sas.contains(Spi{320}));
  }
}

TEST(Twins, ALaterWordOfTheClientTurnsThemRound) {
  Split split;
  split.add(twin(310));
  split.their_child(320) = twin(320);
  split.heal();
  ASSERT_FALSE(only_receives(split.child(310)));
  ASSERT_TRUE(only_receives(split.child(320)));
  settle_rivals(split.child(320), split.child(310), 50 * kBlock, kWinner);
  EXPECT_FALSE(only_receives(split.child(320)));
  EXPECT_EQ(split.child(320).delete_after, 0s);
  EXPECT_EQ(split.child(320).rekey_after, 50min) << "it does not end without a successor";
  EXPECT_GE(split.child(320).outbound_floor, 50 * kBlock);
  EXPECT_TRUE(only_receives(split.child(310)));
}

TEST(Twins, OneThatWasRekeyedOnBothSidesHasTwoSuccessorsAndOneSender) {
  Split split;
  esp::ChildSa ours = child_sa(310);
  ours.replaces = Spi{300};
  split.add(ours);
  split.child(300).rekeyed = true;
  esp::ChildSa& theirs = split.their_child(320);
  theirs.replaces = Spi{300};
  split.their_child(300).rekeyed = true;
  split.they_know(320, 2, 1);
  split.heal();
  EXPECT_THAT(split.children(), SizeIs(3)) << "all go on receiving";
  EXPECT_TRUE(only_receives(split.child(310)));
  EXPECT_FALSE(only_receives(split.child(320)));
}

// ---- bounds ----

TEST(MergeLimits, MoreChildSasThanAnIkeSaMayHaveAreEndedAndCounted) {
  Split split;
  for (uint32_t i = 0; i < kChildrenMost - 1; ++i) split.add(child_sa(400 + i));
  for (uint32_t i = 0; i < 10; ++i) split.their_child(600 + i).age = 1h;
  split.child(405).rekeyed = true;
  const Merged merged = split.heal();
  EXPECT_THAT(split.ike().children, SizeIs(kChildrenMost));
  EXPECT_EQ(merged.over_limit, 10U);
  EXPECT_FALSE(split.ours.child_sas.contains(Spi{405})) << "what is over goes first";
  ASSERT_THAT(merged.gone_child_sas, SizeIs(1));
  EXPECT_FALSE(merged.gone_child_sas[0].by_client);
  for (const Spi spi : split.ike().children) EXPECT_TRUE(split.ours.child_sas.contains(spi));
}

TEST(MergeLimits, AChildSaWithoutItsIkeSaIsNotTaken) {
  Split split;
  split.their_child(320).ike_sa = IkeSpi{99};
  const Merged merged = split.heal();
  EXPECT_FALSE(split.ours.child_sas.contains(Spi{320}));
  EXPECT_EQ(merged.orphans, 1U);
  EXPECT_THAT(merged.child_sas, IsEmpty());
}

TEST(MergeLimits, TombstonesAreBoundedAndEndWhenTheSpiIsUsedAgain) {
  Tombstones gone;
  gone.note(DeleteChildSa{.inbound_spi = Spi{300}, .by_client = true});
  EXPECT_TRUE(gone.contains(Spi{300}));
  gone.note(child_sa(300));
  EXPECT_FALSE(gone.contains(Spi{300}));
  for (uint32_t i = 0; i <= kTombstonesMax; ++i) {
    gone.note(DeleteIkeSa{.our_spi = IkeSpi{1 + uint64_t{i}}, .by_client = true});
  }
  EXPECT_LE(gone.all().size(), kTombstonesMax);
  EXPECT_FALSE(gone.contains(IkeSpi{1}));
  EXPECT_TRUE(gone.contains(IkeSpi{1 + kTombstonesMax}));
}

// Whatever the other side says, lists and tables fit, and no number is used twice.
TEST(Merge, AnyTwoStatesBecomeOneThatIsWhole) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    Random random(seed);
    const auto draw_ike = [&] {
      ike::IkeSa sa = ike_sa(1 + random.below(6));
      constexpr std::array kStates{ike::IkeState::Established, ike::IkeState::Rekeyed,
                                   ike::IkeState::Closed, ike::IkeState::HalfOpen,
                                   ike::IkeState::Connecting};
      sa.state = kStates.at(random.below(kStates.size()));
      sa.authenticated_count = random.below(4);
      return sa;
    };
    const auto draw_child = [&] {
      esp::ChildSa sa =
          child_sa(300 + static_cast<uint32_t>(random.below(12)), 1 + random.below(7));
      sa.outbound_spi = Spi{0x4711 + static_cast<uint32_t>(random.below(6))};
      sa.replaces = Spi{random.flip() ? 0 : 300 + static_cast<uint32_t>(random.below(3))};
      sa.grants = random.grants();
      sa.outbound_floor = random.flip() ? 0 : random.position();
      return sa;
    };
    GroupState ours;
    Offer theirs;
    Tombstones gone;
    for (int i = 0; i < 5; ++i) {
      const ike::IkeSa a = draw_ike();
      ours.ike_sas[a.our_spi()] = a;
      const ike::IkeSa b = draw_ike();
      theirs.ike_sas[b.our_spi()] = b;
    }
    for (int i = 0; i < 8; ++i) {
      const esp::ChildSa a = draw_child();
      if (ours.ike_sas.contains(a.ike_sa)) ours.child_sas[a.inbound_spi] = a;
      const esp::ChildSa b = draw_child();
      theirs.child_sas[b.inbound_spi] = b;
      esp::SaWindow window{.inbound_spi = b.inbound_spi};
      window.outbound_next = random.position();
      window.inbound_highest = random.below(3);
      theirs.windows[b.inbound_spi] = window;
    }
    for (const auto& [spi, sa] : ours.child_sas) {
      ours.ike_sas.at(sa.ike_sa).children.push_back(spi);
    }
    gone.note(DeleteChildSa{.inbound_spi = Spi{301}, .by_client = true});
    theirs.gone.note(DeleteIkeSa{.our_spi = IkeSpi{1 + random.below(6)}, .by_client = true});
    const Merged merged = merge(ours, gone, theirs, kWinner);
    for (const auto& [spi, sa] : ours.child_sas) {
      const auto owner = ours.ike_sas.find(sa.ike_sa);
      ASSERT_NE(owner, ours.ike_sas.end()) << seed;
      ASSERT_EQ(std::ranges::count(owner->second.children, spi), 1) << seed;
      ASSERT_LE(sa.outbound_floor, esp::kPositionMax) << seed;
    }
    for (const IkeSpi spi : merged.ike_sas) ASSERT_TRUE(ours.ike_sas.contains(spi)) << seed;
    for (const Spi spi : merged.child_sas) ASSERT_TRUE(ours.child_sas.contains(spi)) << seed;
  }
}

}  // namespace
}  // namespace segw::mcs::testing
