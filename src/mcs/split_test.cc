// After a split: what the loser wrote is offered, merged and comes back to it with the rest.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mcs/testing.h"

namespace segw::mcs::testing {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

// `a` wrote, `b` held all of it; then neither heard the other, and both wrote.
struct SplitPair : Pair {
  void split() {
    settle();
    a.commit({ike_sa(1), child_sa(300)}, "before");
    run(10ms);
    wire.cut = true;
    wire.reset();
    run(100ms);
    a.set_member(false);
    b.sync().become_writer(Activation{2});
    run(100ms);
    forget();
  }
  // One of them goes on under activation 3; the other has heard of it.
  void heal(Node& winner, Node& loser) {
    loser.sync().become_reader();
    winner.sync().become_writer(Activation{3});
    wire.release();
    run(5s);
  }
  [[nodiscard]] bool both_hold(uint64_t ike, uint32_t child) const {
    return a.group_state.ike_sas.contains(IkeSpi{ike}) &&
           b.group_state.ike_sas.contains(IkeSpi{ike}) &&
           a.group_state.child_sas.contains(Spi{child}) &&
           b.group_state.child_sas.contains(Spi{child});
  }
};

TEST(Split, WhatEitherSideWroteIsHeldByBothWhoeverGoesOn) {
  for (const bool first_wins : {true, false}) {
    SplitPair pair;
    pair.split();
    pair.a.commit({ike_sa(2), child_sa(310, 2)}, "of a");
    pair.b.commit({ike_sa(3), child_sa(320, 3)}, "of b");
    pair.run(100ms);
    pair.heal(first_wins ? pair.a : pair.b, first_wins ? pair.b : pair.a);
    EXPECT_TRUE(pair.both_hold(1, 300) && pair.both_hold(2, 310) && pair.both_hold(3, 320))
        << first_wins;
    EXPECT_TRUE(pair.replicas_equal());
    Node& winner = first_wins ? pair.a : pair.b;
    EXPECT_TRUE(winner.is_member());
    EXPECT_EQ(winner.count("merges"), 1U);
    EXPECT_FALSE(winner.sync().merging());
  }
}

// A role that is renewed begins a new journal; what was told under the old one is told still.
TEST(Split, WhatTheLoserWroteBeforeItsRoleWasRenewedIsOfferedToo) {
  SplitPair pair;
  pair.split();
  pair.b.commit({ike_sa(3), child_sa(320, 3)}, "of b");
  pair.run(100ms);
  pair.b.sync().become_writer(Activation{3});
  pair.b.sync().become_reader();
  EXPECT_TRUE(pair.b.sync().merging());
  pair.a.sync().become_writer(Activation{4});
  pair.wire.release();
  pair.run(5s);
  EXPECT_TRUE(pair.both_hold(3, 320));
  EXPECT_EQ(pair.a.count("merges"), 1U);
  EXPECT_FALSE(pair.b.sync().merging());
}

// Who succeeds one that had renewed its role holds all of that: there is nothing to merge.
TEST(Split, ARenewedWriterThatIsSucceededInOrderOffersNothing) {
  Pair pair;
  pair.settle();
  pair.a.commit({ike_sa(1), child_sa(300)}, "before");
  pair.run(10ms);
  pair.a.sync().become_writer(Activation{2});
  pair.run(5s);
  ASSERT_TRUE(pair.b.sync().position() == pair.a.sync().position());
  pair.b.sync().become_writer(Activation{3});
  pair.a.sync().become_reader();
  pair.run(5s);
  EXPECT_EQ(pair.b.count("merges"), 0U);
  EXPECT_TRUE(pair.replicas_equal());
}

TEST(Split, OnlyWhatDiffersIsOffered) {
  SplitPair pair;
  pair.split();
  pair.b.commit({ike_sa(3)}, "of b");
  pair.run(100ms);
  pair.heal(pair.a, pair.b);
  ASSERT_THAT(pair.a.offers, SizeIs(1));
  EXPECT_THAT(pair.a.offers[0].ike_sas, SizeIs(1));
  EXPECT_THAT(pair.a.offers[0].child_sas, IsEmpty());
}

// The copy's end is how the loser knows that it need not serve any more.
TEST(Split, TheCopyEndsAfterTheMerge) {
  SplitPair pair;
  pair.split();
  pair.b.commit({ike_sa(3)}, "of b");
  pair.run(100ms);
  EXPECT_FALSE(pair.b.sync().merging());
  pair.b.sync().become_reader();
  EXPECT_TRUE(pair.b.sync().merging());
  pair.a.sync().become_writer(Activation{3});
  pair.wire.release();
  pair.forget();
  pair.run(5s);
  size_t offer = 0;
  size_t end = 0;
  for (size_t i = 0; i < pair.wire.frames.size(); ++i) {
    const pb::Group& message = pair.wire.frames[i].frame.group();
    if (message.has_offer()) offer = i;
    if (message.has_copy_end()) end = i;
  }
  EXPECT_GT(offer, 0U);
  EXPECT_GT(end, offer);
  EXPECT_FALSE(pair.b.sync().merging());
}

TEST(Split, WhoToldNothingMeanwhileOffersNothing) {
  SplitPair pair;
  pair.split();
  pair.a.commit({ike_sa(2)}, "of a");
  pair.run(100ms);
  pair.heal(pair.a, pair.b);
  EXPECT_THAT(pair.a.offers, IsEmpty());
  EXPECT_EQ(pair.sent(low(), pb::Group::kFetch), 0U);
  EXPECT_TRUE(pair.replicas_equal());
}

TEST(Split, WhatTheSuccessorHoldsAnywayIsNotOffered) {
  Pair pair;
  pair.settle();
  pair.a.commit({ike_sa(1), child_sa(300)}, "1");
  pair.run(10ms);
  pair.b.sync().become_writer(Activation{2});  // a planned handover
  pair.a.sync().become_reader();
  pair.run(1s);
  EXPECT_THAT(pair.b.offers, IsEmpty());
  EXPECT_TRUE(pair.b.is_member());
  EXPECT_TRUE(pair.replicas_equal());
}

TEST(Split, WhatAClientDeletedAtTheLoserIsDeleted) {
  SplitPair pair;
  pair.split();
  pair.b.commit({DeleteChildSa{.inbound_spi = Spi{300}, .by_client = true}}, "of b");
  pair.run(100ms);
  pair.heal(pair.a, pair.b);
  EXPECT_THAT(pair.a.group_state.child_sas, IsEmpty());
  EXPECT_TRUE(pair.replicas_equal());
}

TEST(Split, WhatTheLoserGaveUpByItselfIsNot) {
  SplitPair pair;
  pair.split();
  pair.b.commit({no_child(300), no_ike(1)}, "of b");
  pair.run(100ms);
  pair.heal(pair.a, pair.b);
  EXPECT_TRUE(pair.both_hold(1, 300));
}

TEST(Split, ALinkThatBreaksInTheMiddleOfItLosesNothing) {
  for (int breaks_after = 1; breaks_after < 12; ++breaks_after) {
    SplitPair pair;
    pair.split();
    pair.a.commit({ike_sa(2), child_sa(310, 2)}, "of a");
    pair.b.commit({ike_sa(3), child_sa(320, 3)}, "of b");
    pair.run(100ms);
    pair.b.sync().become_reader();
    pair.a.sync().become_writer(Activation{3});
    pair.wire.release();
    const size_t before = pair.wire.frames.size();
    for (int i = 0; i < 5000 && pair.wire.frames.size() < before + breaks_after; ++i) {
      pair.run(1ms);
    }
    pair.wire.reset();
    pair.run(6s);
    EXPECT_TRUE(pair.both_hold(2, 310) && pair.both_hold(3, 320)) << breaks_after;
    EXPECT_TRUE(pair.replicas_equal()) << breaks_after;
    EXPECT_TRUE(pair.a.is_member()) << breaks_after;
  }
}

// The winner dies before it has merged: the loser's state is still there.
TEST(Split, ALoserThatActsAgainWritesOnFromWhatItHas) {
  SplitPair pair;
  pair.split();
  pair.b.commit({ike_sa(3), child_sa(320, 3)}, "of b");
  pair.run(100ms);
  pair.b.sync().become_reader();
  pair.b.sync().become_writer(Activation{4});
  pair.a.sync().become_reader();
  pair.wire.release();
  pair.run(5s);
  EXPECT_TRUE(pair.both_hold(1, 300) && pair.both_hold(3, 320));
}

// Three chassis of a domain: the third hears of what came by the journal.
TEST(Split, AThirdChassisGetsWhatWasMerged) {
  Cluster cluster(3);
  cluster.settle();
  cluster.nodes[1].sync().become_writer(Activation{2});
  cluster.nodes[1].members.clear();
  cluster.nodes[1].commit({ike_sa(3), child_sa(320, 3)}, "of b");
  cluster.run(10ms);
  cluster.nodes[1].sync().become_reader();
  cluster.nodes[0].sync().become_writer(Activation{3});
  cluster.run(5s);
  EXPECT_TRUE(cluster.nodes[0].group_state.child_sas.contains(Spi{320}));
  EXPECT_TRUE(cluster.replicas_equal());
}

// ---- what nobody asked for ----

TEST(HostileOffer, IsCountedAndNotTaken) {
  RawPair pair;
  pair.settle();
  pb::Group offer;
  offer.mutable_offer()->set_last(true);
  pair.say(offer);
  pair.node.sync().become_writer(Activation{5});
  pair.say(offer);
  EXPECT_EQ(pair.node.count("offer-unasked"), 2U);
  EXPECT_THAT(pair.node.offers, IsEmpty());
}

TEST(HostileOffer, AFetchOfWhatIsNotOfferedGetsNothing) {
  RawPair pair;
  pair.settle();
  pair.begin_writing(3);
  pb::Group fetch;
  fetch.mutable_fetch()->set_last(true);
  pair.say(fetch);
  EXPECT_EQ(pair.node.count("fetch-unasked"), 1U);
  EXPECT_FALSE(pair.raw.last(pb::Group::kOffer));
}

TEST(HostileOffer, RecordsThatCannotBeReadAreCountedAndTheRestIsTaken) {
  RawPair pair;
  pair.settle();
  pair.node.sync().become_writer(Activation{5});
  pb::Group want;
  want.mutable_want()->set_tail_activation(4);
  want.mutable_want()->set_tail_number(1);
  pair.say(want);
  pb::Group digests;
  digests.mutable_digests()->set_last(true);
  pair.say(digests);
  EXPECT_TRUE(pair.raw.last(pb::Group::kFetch));
  pb::Group offer;
  offer.mutable_offer()->add_records();
  encode(ike_sa(7), *offer.mutable_offer()->add_records());
  offer.mutable_offer()->add_windows()->set_outbound_next(UINT64_MAX);
  offer.mutable_offer()->set_last(true);
  pair.say(offer);
  ASSERT_THAT(pair.node.offers, SizeIs(1));
  EXPECT_EQ(pair.node.offers[0].unusable, 1U);
  EXPECT_TRUE(pair.node.group_state.ike_sas.contains(IkeSpi{7}));
  EXPECT_EQ(pair.node.count("window-outbound-next"), 1U);
}

// ---- what could not be used is not forgotten ----

TEST(Unusable, IsComparedAgainWhileItLasts) {
  Pair pair;
  pair.settle();
  pair.b.unusable = {Spi{301}};
  pair.a.commit({child_sa(301)}, "1");
  pair.run(1s);
  EXPECT_EQ(pair.a.peer_unusable(), 1U);
  pair.b.unusable.clear();  // it is configured there now
  pair.run(8s);
  EXPECT_EQ(pair.a.peer_unusable(), 1U) << "not all the time";
  pair.run(3s);
  EXPECT_EQ(pair.a.peer_unusable(), 0U);
  EXPECT_TRUE(pair.replicas_equal());
  EXPECT_EQ(pair.a.sync_state(), SyncState::InSync);
}

TEST(Unusable, IsComparedAgainAndAgain) {
  Pair pair;
  pair.settle();
  pair.b.unusable = {Spi{301}};
  pair.a.commit({child_sa(301)}, "1");
  pair.run(35s);
  EXPECT_EQ(pair.a.count("compared-again"), 3U);
  EXPECT_EQ(pair.a.peer_unusable(), 1U);
  EXPECT_NE(pair.a.sync_state(), SyncState::InSync);
}

TEST(Unusable, ASessionThatEndsBeforeItsAcknowledgementDoesNotForgetIt) {
  for (const bool in_a_copy : {true, false}) {
    Pair pair;
    pair.settle();
    pair.a.commit({ike_sa(1)}, "1");
    pair.run(10ms);
    pair.b.unusable = {Spi{301}};
    if (in_a_copy) {
      pair.wire.cut = true;
      pair.wire.reset();
      pair.run(10ms);
      pair.a.set(child_sa(301));
      pair.b.sync().become_reader();  // what it holds is no position any more
      pair.wire.release();
    } else {
      pair.wire.stalled = {high()};
      pair.a.commit({child_sa(301)}, "2");
    }
    const pb::Group::BodyCase last = in_a_copy ? pb::Group::kCopyEnd : pb::Group::kRecords;
    pair.forget();
    if (in_a_copy) {
      for (int i = 0; i < 5000 && pair.sent(low(), last) == 0; ++i) pair.run(1ms);
      pair.wire.stalled = {high()};
    }
    pair.run(50ms);
    pair.wire.stalled.clear();
    pair.wire.reset();
    pair.run(3s);
    EXPECT_EQ(pair.a.peer_unusable(), 1U) << in_a_copy;
    EXPECT_NE(pair.a.sync_state(), SyncState::InSync) << in_a_copy;
  }
}

// ---- grants ----

TEST(ComparedGrants, AStandbyThatLacksOneGetsIt) {
  Pair pair;
  pair.a.group_state.child_sas[Spi{300}] = child_sa(300);
  pair.b.group_state.child_sas[Spi{300}] = child_sa(300);
  esp::SequenceGrants& granted = pair.a.group_state.child_sas[Spi{300}].grants;
  granted.grantee = Slot{0};
  granted.bound = {1 << 20, 1 << 20, 0, 0};
  pair.boot();
  pair.a.sync().become_writer(Activation{1});
  pair.run(1s);
  EXPECT_EQ(pair.b.group_state.child_sas.at(Spi{300}).grants, granted);
}

}  // namespace
}  // namespace segw::mcs::testing
