// One tunnel group between two chassis: commits, acknowledgements, roles.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mcs/testing.h"

namespace segw::mcs::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// ---- commits ----

TEST(Commit, IsToldOnceTheMemberHoldsIt) {
  Pair pair;
  pair.settle();
  pair.wire.stalled = {high()};  // no acknowledgement comes
  pair.a.commit({ike_sa(1), child_sa(300)}, "one");
  pair.run(3s);
  EXPECT_TRUE(pair.replicas_equal());
  EXPECT_THAT(pair.b.told(), ElementsAre("ike 1", "child 300"));
  EXPECT_THAT(pair.a.events, IsEmpty()) << "nobody has said that it is held";
  EXPECT_FALSE(pair.a.journal_flushed());
  pair.wire.release();
  pair.run(2ms);
  EXPECT_THAT(pair.a.told(), ElementsAre("then one"));
  EXPECT_TRUE(pair.a.journal_flushed());
}

TEST(Commit, IsToldAtOnceWithoutAMemberButNotInsideTheCall) {
  Pair pair;
  pair.settle();
  pair.a.set_member(false);
  pair.wire.stalled = {low(), high()};
  pair.a.commit({ike_sa(1)}, "one");
  EXPECT_THAT(pair.a.events, IsEmpty());
  pair.run({});
  EXPECT_THAT(pair.a.told(), ElementsAre("not in sync", "then one"))
      << "MIMP hears first that the peer does not hold it";
}

TEST(Commit, IsToldAtOnceWithoutALink) {
  Pair pair;
  pair.a.boot();
  pair.a.sync().become_writer(Activation{1});
  pair.a.commit({ike_sa(1)}, "one");
  pair.run({});
  EXPECT_THAT(pair.a.told(), ElementsAre("then one"));
}

TEST(Commit, WaitsForAMemberThatIsNotConnected) {
  Pair pair;
  pair.settle();
  pair.wire.cut = true;
  pair.wire.reset();
  pair.run(10ms);
  pair.a.commit({ike_sa(1)}, "one");
  pair.run(60s);
  EXPECT_THAT(pair.a.told(), ElementsAre("not in sync")) << "no timer ends the wait";
  pair.a.set_member(false);
  pair.a.sync().members_changed();
  EXPECT_THAT(pair.a.told(), ElementsAre("then one"));
}

TEST(Commit, ThensRunInTheOrderOfTheCommits) {
  Pair pair;
  pair.settle();
  pair.wire.stalled = {high()};
  pair.a.commit({ike_sa(1)}, "1");
  pair.a.commit({}, "2 without records");
  pair.run(10ms);
  pair.a.commit({child_sa(300), child_sa(301)}, "3");
  pair.run(10ms);
  pair.a.commit({}, "4 without records");
  pair.run(10ms);
  EXPECT_THAT(pair.a.events, IsEmpty());
  pair.wire.release();
  pair.run(10ms);
  EXPECT_THAT(pair.a.told(),
              ElementsAre("then 1", "then 2 without records", "then 3", "then 4 without records"));
}

TEST(Commit, AnAcknowledgementEndsTheWaitOfItsRecordsOnly) {
  Pair pair;
  pair.settle();
  pair.a.commit({ike_sa(1)}, "1");
  pair.run(1ms);  // it has arrived, and its acknowledgement is on its way
  pair.wire.stalled = {low()};
  pair.a.commit({ike_sa(2)}, "2");
  pair.run(1s);
  EXPECT_THAT(pair.a.told(), ElementsAre("then 1"));
  pair.wire.release();
  pair.run(10ms);
  EXPECT_THAT(pair.a.told(), ElementsAre("then 2"));
}

TEST(Commit, RecordsOfOneEventLeaveTogether) {
  Pair pair;
  pair.settle();
  pair.a.commit({ike_sa(1), child_sa(300)}, "1");
  pair.a.commit({ike_sa(2)}, "2");
  pair.run(10ms);
  EXPECT_EQ(pair.sent(low(), pb::Group::kRecords), 1U);
  EXPECT_EQ(pair.sent(high(), pb::Group::kAck), 1U);
  EXPECT_THAT(pair.b.told(), ElementsAre("ike 1", "child 300", "ike 2"));
}

// One IKE SA each from `first` to `last`, with so many bytes of IKE_SA_INIT.
std::vector<Record> large_step(uint64_t first, uint64_t last, size_t size) {
  std::vector<Record> step;
  for (uint64_t spi = first; spi <= last; ++spi) step.emplace_back(large_ike_sa(spi, size));
  return step;
}

// Who has the first half of it would have an answer without the SA that it tells of.
TEST(Commit, AStepIsNotCutInTwo) {
  Pair pair;
  pair.settle();
  for (uint64_t spi = 1; spi <= 9; spi += 3) {
    pair.a.commit(large_step(spi, spi + 2, 30'000), "step");
  }
  pair.run(10ms);
  EXPECT_EQ(pair.sent(low(), pb::Group::kRecords), 3U);
  for (const Seen& seen : pair.wire.frames) {
    if (!seen.frame.group().has_records()) continue;
    EXPECT_EQ(seen.frame.group().records().records_size(), 3);
  }
}

TEST(Commit, AStepThatNoFrameHoldsIsCut) {
  Pair pair;
  pair.settle();
  pair.a.commit(large_step(1, 60, 20'000), "all");
  pair.run(10ms);
  EXPECT_EQ(pair.sent(low(), pb::Group::kRecords), 3U);
  EXPECT_TRUE(pair.replicas_equal());
}

TEST(Commit, ABatchIsAtMost64KiBAndOneRecord) {
  Pair pair;
  pair.settle();
  for (uint64_t spi = 1; spi <= 40; ++spi) pair.a.commit({large_ike_sa(spi, 20'000)}, "one");
  pair.run(10ms);
  EXPECT_EQ(pair.sent(low(), pb::Group::kRecords), 10U);
  EXPECT_TRUE(pair.replicas_equal());
  EXPECT_THAT(pair.a.told(), ::testing::SizeIs(40));
}

TEST(Commit, ARecordAtItsBoundAfterABatchFitsIntoTheFrame) {
  Pair pair;
  pair.settle();
  ike::IkeSa large = ike_sa(2);
  large.last_answer.emplace();
  large.last_answer->response.assign(7, Bytes(65'000, 'x'));
  pair.a.commit({large_ike_sa(1, 65'000), large}, "both");
  pair.run(10ms);
  EXPECT_EQ(pair.sent(low(), pb::Group::kRecords), 1U);
  EXPECT_TRUE(pair.replicas_equal());
  EXPECT_THAT(pair.a.told(), ElementsAre("then both"));
}

TEST(Commit, AReaderCommitsNothing) {
  Pair pair;
  pair.settle();
  pair.b.sync().commit({ike_sa(5)}, [] { FAIL() << "told"; });
  pair.run(1s);
  EXPECT_THAT(pair.a.events, IsEmpty());
  EXPECT_EQ(pair.sent(high(), pb::Group::kRecords), 0U);
}

TEST(Commit, WhatWaitsIsForgottenByAReader) {
  Pair pair;
  pair.settle();
  pair.wire.stalled = {high()};
  pair.a.commit({ike_sa(1)}, "one");
  pair.run(10ms);
  pair.a.sync().become_reader();
  pair.a.set_member(false);
  pair.a.sync().members_changed();
  pair.wire.release();
  pair.run(10s);
  EXPECT_THAT(pair.a.events, IsEmpty());
}

TEST(Commit, WhatAReaderForgetsIsLetGo) {
  Pair pair;
  pair.settle();
  pair.wire.stalled = {high()};
  const auto held = std::make_shared<int>(1);
  pair.a.sync().commit({ike_sa(1)}, [held] {});
  EXPECT_EQ(held.use_count(), 2);
  pair.a.sync().become_reader();
  EXPECT_EQ(held.use_count(), 1);
}

TEST(Commit, WhatWaitsIsForgottenByARenewedWriter) {
  Pair pair;
  pair.settle();
  pair.wire.stalled = {high()};
  pair.a.commit({ike_sa(1)}, "old");
  pair.run(10ms);
  pair.a.sync().become_writer(Activation{2});
  pair.wire.release();
  pair.run(10ms);
  pair.a.commit({ike_sa(2)}, "new");
  pair.run(10ms);
  EXPECT_THAT(pair.a.told(), ElementsAre("in sync", "then new"));
  EXPECT_TRUE(pair.replicas_equal());
}

// The host asks again from within on_peer_synced(), as the contract allows.
TEST(Commit, AHostThatExpelsThePeerWithinTheCallIsToldEachThenOnce) {
  Pair pair;
  pair.settle();
  pair.a.expels = true;
  pair.wire.stalled = {high()};
  for (const char* name : {"1", "2", "3"}) pair.a.commit({ike_sa(1)}, name);
  pair.run(10ms);
  EXPECT_THAT(pair.a.events, IsEmpty());
  pair.a.set_member(false);
  pair.a.sync().members_changed();
  EXPECT_THAT(pair.a.told(), ElementsAre("not in sync", "then 1", "then 2", "then 3"));
}

TEST(Commit, AThenMayCommitAndEndTheRole) {
  Pair pair;
  pair.settle();
  pair.a.sync().commit({ike_sa(1)}, [&] {
    pair.a.commit({ike_sa(2)}, "inner");
    pair.a.sync().become_reader();
  });
  pair.a.commit({ike_sa(3)}, "never");
  pair.run(1s);
  EXPECT_THAT(pair.a.events, IsEmpty());
}

// ---- the reader ----

TEST(Reader, AppliesEachKindInOrder) {
  Pair pair;
  pair.settle();
  GrantChange grant{.inbound_spi = Spi{300}};
  grant.grants.bound = {1 << 14, 0, 0, 0};
  pair.a.commit(
      {ike_sa(1), child_sa(300), grant, child_sa(301), no_child(301), ike_sa(2), no_ike(2)}, "all");
  pair.run(10ms);
  EXPECT_THAT(pair.b.told(), ElementsAre("ike 1", "child 300", "grant 300", "child 301",
                                         "no child 301", "ike 2", "no ike 2"));
  EXPECT_TRUE(pair.replicas_equal());
  EXPECT_EQ(pair.b.group_state.child_sas.at(Spi{300}).grants.bound[0], 1U << 14);
}

TEST(Reader, GivesRecordsItsOwnGroupNumber) {
  Pair pair;
  pair.b.group = 5;
  pair.settle();
  pair.a.commit({ike_sa(1), child_sa(300)}, "one");
  pair.run(10ms);
  EXPECT_EQ(pair.b.group_state.ike_sas.at(IkeSpi{1}).group, TunnelGroupId{5});
  EXPECT_EQ(pair.b.group_state.child_sas.at(Spi{300}).group, TunnelGroupId{5});
}

TEST(Reader, AnotherSyncTagIsAnotherGroup) {
  Pair pair;
  pair.b.group_name = "tag-2";
  pair.boot();
  pair.a.sync().become_writer(Activation{1});
  pair.run(1s);
  EXPECT_EQ(pair.b.count("group-unknown"), 2U);  // Base, ConfigDigest
  EXPECT_EQ(pair.a.sync_state(), SyncState::SyncInProgress);
  EXPECT_THAT(pair.a.events, IsEmpty());
}

TEST(Reader, PositionAndStateFollowTheWriter) {
  Pair pair;
  pair.boot();
  EXPECT_EQ(pair.a.sync_state(), SyncState::OutOfSync);
  pair.run(100ms);
  EXPECT_EQ(pair.b.sync_state(), SyncState::OutOfSync) << "nobody writes";
  pair.a.sync().become_writer(Activation{4});
  EXPECT_EQ(pair.a.sync_state(), SyncState::SyncInProgress);
  pair.run(1ms);
  EXPECT_NE(pair.b.sync_state(), SyncState::InSync) << "it knows only that somebody writes";
  pair.run(10ms);
  EXPECT_EQ(pair.a.sync_state(), SyncState::InSync);
  EXPECT_EQ(pair.b.sync_state(), SyncState::InSync);
  EXPECT_EQ(pair.b.sync().position(), (Position{.activation = Activation{4}, .number = 0}));
  EXPECT_FALSE(pair.b.journal_flushed()) << "that is the writer's";
  pair.a.commit({ike_sa(1), ike_sa(2)}, "two");
  pair.run(10ms);
  EXPECT_EQ(pair.a.sync().position(), (Position{.activation = Activation{4}, .number = 2}));
  EXPECT_EQ(pair.b.sync().position(), pair.a.sync().position());
  EXPECT_EQ(text(SyncState::InSync), "inSync");
  EXPECT_EQ(text(SyncState::SyncInProgress), "syncInProgress");
  EXPECT_EQ(text(SyncState::OutOfSync), "outOfSync");
}

// ---- unusable records ----

TEST(Unusable, IsCountedHereAndToldToTheWriter) {
  Pair pair;
  pair.settle();
  pair.b.unusable = {Spi{300}};
  pair.a.commit({child_sa(300), child_sa(301)}, "one");
  pair.run(10ms);
  EXPECT_EQ(pair.b.count("unusable-not-liked"), 1U);
  EXPECT_EQ(pair.a.count("peer-unusable-not-liked"), 1U);
  EXPECT_EQ(pair.a.peer_unusable(), 1U);
  EXPECT_THAT(pair.b.told(), ElementsAre("child 301")) << "what follows is used";
  EXPECT_EQ(pair.b.sync().position().number, 2U);
}

// Rule 15: a message leaves when every record before it is held by the in-sync set.
TEST(Unusable, ACommitWaitsUntilTheMemberThatCannotUseItIsNoneAnyMore) {
  Pair pair;
  pair.settle();
  pair.b.unusable = {Spi{300}};
  pair.a.commit({child_sa(300)}, "one");
  pair.run(10s);
  EXPECT_THAT(pair.a.told(), ElementsAre("not in sync"));
  pair.a.set_member(false);
  pair.a.sync().members_changed();
  EXPECT_THAT(pair.a.told(), ElementsAre("then one"));
  EXPECT_EQ(pair.a.sync_state(), SyncState::SyncInProgress);
}

TEST(Unusable, AReconnectComparesAnewUntilThePeerCanUseEverything) {
  Pair pair;
  pair.settle();
  pair.b.unusable = {Spi{300}};
  pair.a.commit({child_sa(300)}, "one");
  pair.run(10ms);
  pair.wire.reset();
  pair.run(1s);
  EXPECT_EQ(pair.a.count("resumed-from-journal"), 0U) << "the record is not in its tail";
  EXPECT_EQ(pair.a.sync_state(), SyncState::SyncInProgress);
  EXPECT_EQ(pair.a.peer_unusable(), 1U);
  pair.b.unusable.clear();
  pair.wire.reset();
  pair.run(5s);
  EXPECT_EQ(pair.a.peer_unusable(), 0U);
  EXPECT_EQ(pair.a.sync_state(), SyncState::InSync);
  EXPECT_TRUE(pair.replicas_equal());
}

TEST(Unusable, InACopyCountsToo) {
  Pair pair;
  pair.b.unusable = {Spi{300}};
  pair.a.group_state.child_sas[Spi{300}] = child_sa(300);
  pair.a.group_state.child_sas[Spi{301}] = child_sa(301);
  pair.boot();
  pair.a.sync().become_writer(Activation{1});
  pair.run(1s);
  EXPECT_EQ(pair.b.count("unusable-not-liked"), 1U);
  EXPECT_EQ(pair.a.peer_unusable(), 1U);
  EXPECT_EQ(pair.a.sync_state(), SyncState::SyncInProgress);
  EXPECT_THAT(pair.a.events, IsEmpty()) << "it was never in sync";
}

// ---- roles ----

TEST(Roles, TheyChangeAndWhatOnlyTheOldWriterHasIsMerged) {
  Pair pair;
  pair.settle();
  pair.a.commit({ike_sa(1), child_sa(300)}, "one");
  pair.run(10ms);
  pair.wire.stalled = {low()};
  pair.a.commit({child_sa(301)}, "lost");
  pair.run(10ms);
  pair.b.sync().become_writer(Activation{2});
  pair.b.commit({ike_sa(2), DeleteChildSa{.inbound_spi = Spi{300}, .by_client = true}}, "two");
  pair.a.sync().become_reader();
  pair.wire.release();
  pair.run(20ms);
  EXPECT_TRUE(pair.replicas_equal());
  EXPECT_FALSE(pair.a.group_state.child_sas.contains(Spi{300}));
  EXPECT_TRUE(pair.a.group_state.child_sas.contains(Spi{301}));
  EXPECT_EQ(pair.a.group_state.ike_sas.size(), 2U);
  EXPECT_EQ(pair.b.sync_state(), SyncState::InSync);
  EXPECT_EQ(pair.a.sync().position(), pair.b.sync().position());
}

// What it wrote, and what it held before, is no position that another writer could go on from.
TEST(Roles, AWriterThatStopsHoldsNothing) {
  Pair pair;
  pair.boot();
  pair.b.sync().become_writer(Activation{1});
  pair.run(100ms);
  pair.b.commit({ike_sa(1)}, "b");
  pair.run(100ms);
  ASSERT_EQ(pair.a.sync().position().number, 1U);
  pair.b.sync().become_reader();
  pair.a.sync().become_writer(Activation{2});
  pair.a.commit({ike_sa(2)}, "a");
  pair.run(100ms);
  pair.a.sync().become_reader();
  EXPECT_EQ(pair.a.sync().position(), Position{});
  EXPECT_EQ(pair.a.sync_state(), SyncState::OutOfSync);
}

TEST(Roles, AnOlderWriterIsRefused) {
  Pair pair;
  pair.boot();
  pair.b.sync().become_writer(Activation{7});
  pair.run(100ms);
  pair.forget();
  pair.a.sync().become_writer(Activation{6});
  pair.a.commit({ike_sa(1)}, "one");
  pair.run(1s);
  EXPECT_EQ(pair.b.count("stale-writer"), 1U);
  EXPECT_EQ(pair.a.count("told-stale"), 1U);
  EXPECT_THAT(pair.b.events, IsEmpty());
  EXPECT_TRUE(pair.b.group_state.ike_sas.empty());
  EXPECT_EQ(pair.sent(low(), pb::Group::kRecords), 0U);
}

TEST(Roles, OfTwoWritersTheOneThatYieldsIsBroughtUpToDate) {
  Pair pair;
  pair.boot();
  pair.a.sync().become_writer(Activation{3});
  pair.b.sync().become_writer(Activation{3});
  pair.a.commit({ike_sa(1)}, "a");
  pair.b.commit({ike_sa(2)}, "b");
  pair.run(1s);
  EXPECT_THAT(pair.a.told(), ElementsAre("then a"));
  EXPECT_THAT(pair.b.told(), ElementsAre("then b"));
  pair.a.sync().become_writer(Activation{4});
  pair.b.sync().become_reader();
  pair.run(1s);
  EXPECT_TRUE(pair.replicas_equal());
  EXPECT_TRUE(pair.b.group_state.ike_sas.contains(IkeSpi{1}));
  EXPECT_TRUE(pair.a.group_state.ike_sas.contains(IkeSpi{2}));
  EXPECT_EQ(pair.a.sync_state(), SyncState::InSync);
}

}  // namespace
}  // namespace segw::mcs::testing
