// A group of three or four chassis: one journal, and each peer at its own pace.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mcs/testing.h"

namespace segw::mcs::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(ManyPeers, ACommitIsToldOnceEveryMemberHoldsIt) {
  Cluster cluster(4);
  cluster.settle();
  cluster.wire.stalled = {Cluster::address_of(2)};  // no acknowledgement of its comes
  cluster.nodes[0].commit({ike_sa(1), child_sa(300)}, "one");
  cluster.run(3s);
  EXPECT_TRUE(cluster.replicas_equal());
  EXPECT_THAT(cluster.nodes[0].events, IsEmpty());
  EXPECT_TRUE(cluster.nodes[0].sync().journal_flushed(PeerIndex{0}) == false)
      << "somebody waits for it";
  cluster.wire.release();
  cluster.run(2ms);
  EXPECT_THAT(cluster.nodes[0].told(), ElementsAre("then one"));
  for (size_t peer = 0; peer < 3; ++peer) EXPECT_TRUE(cluster.nodes[0].journal_flushed(peer));
}

TEST(ManyPeers, ASlowOneThatLeftTheSetStopsNobody) {
  Cluster cluster(4);
  cluster.settle();
  Node& writer = cluster.nodes[0];
  cluster.wire.stalled = {Cluster::address_of(2)};
  writer.commit({ike_sa(1)}, "one");
  cluster.run(10ms);
  writer.members.erase(PeerIndex{1});
  writer.sync().members_changed();
  EXPECT_THAT(writer.told(), ElementsAre("1 not in sync", "then one"));
  writer.commit({ike_sa(2)}, "two");
  cluster.run(10ms);
  EXPECT_THAT(writer.told(), ElementsAre("then two"));
  EXPECT_EQ(writer.sync_state(0), SyncState::InSync);
  EXPECT_EQ(writer.sync_state(1), SyncState::SyncInProgress);
  EXPECT_EQ(writer.sync_state(2), SyncState::InSync);
  cluster.wire.release();
  cluster.run(10ms);
  EXPECT_THAT(writer.told(), ElementsAre("1 in sync")) << "it has caught up";
}

TEST(ManyPeers, ADeadOneStopsNobodyAndIsBroughtUpToDateWhenItIsBack) {
  Cluster cluster(3);
  cluster.settle();
  Node& writer = cluster.nodes[0];
  cluster.nodes[2].crash();
  cluster.run(10ms);
  writer.commit({ike_sa(1), child_sa(300)}, "one");
  cluster.run(10ms);
  EXPECT_THAT(writer.told(), ElementsAre("1 not in sync")) << "its grant runs";
  writer.members.erase(PeerIndex{1});
  writer.sync().members_changed();
  EXPECT_THAT(writer.told(), ElementsAre("then one"));
  cluster.nodes[2].boot();
  cluster.run(5s);
  EXPECT_THAT(writer.told(), ElementsAre("1 in sync"));
  EXPECT_THAT(cluster.nodes[2].told(), ElementsAre("copy ike 1", "copy child 300", "copied"));
  EXPECT_THAT(cluster.nodes[1].told(), ElementsAre("ike 1", "child 300")) << "nothing comes twice";
}

TEST(ManyPeers, OneThatJoinsInTheMiddleGetsACopyAndThenTheJournal) {
  Cluster cluster(4);
  cluster.nodes[0].boot();
  cluster.nodes[1].boot();
  cluster.nodes[0].sync().become_writer(Activation{1});
  cluster.run(1s);
  cluster.nodes[0].commit({ike_sa(1), child_sa(300)}, "one");
  cluster.nodes[2].boot();
  while (!cluster.nodes[2].group_state.child_sas.contains(Spi{300})) {
    cluster.nodes[0].commit({ike_sa(2)}, "meanwhile");
    cluster.run(1ms);
  }
  cluster.nodes[0].commit({child_sa(301), no_child(300)}, "two");
  cluster.run(1s);
  for (const size_t node : {1U, 2U}) {
    EXPECT_EQ(Pair::contents(cluster.nodes[node].group_state),
              Pair::contents(cluster.nodes[0].group_state));
    EXPECT_EQ(cluster.nodes[node].sync().position(), cluster.nodes[0].sync().position());
  }
  EXPECT_EQ(cluster.nodes[0].members.size(), 2U);
  EXPECT_EQ(std::ranges::count(cluster.nodes[1].events, "copied"), 1) << "the first one's own";
}

TEST(ManyPeers, TheWriterMovesAndAllFollowTheNewOne) {
  Cluster cluster(3);
  cluster.settle();
  cluster.nodes[0].commit({ike_sa(1), child_sa(300)}, "one");
  cluster.run(10ms);
  cluster.nodes[1].sync().become_writer(Activation{2});
  cluster.nodes[0].sync().become_reader();
  cluster.nodes[1].commit({ike_sa(2), no_child(300)}, "two");
  cluster.run(100ms);
  EXPECT_TRUE(cluster.replicas_equal());
  EXPECT_EQ(cluster.nodes[0].group_state.ike_sas.size(), 2U);
  EXPECT_EQ(cluster.nodes[1].members.size(), 2U);
  for (const Node& node : cluster.nodes) {
    EXPECT_EQ(node.sync_state(0), SyncState::InSync);
    EXPECT_EQ(node.sync_state(1), SyncState::InSync);
  }
  cluster.nodes[2].sync().become_writer(Activation{3});
  cluster.nodes[1].sync().become_reader();
  cluster.nodes[2].commit({ike_sa(3)}, "three");
  cluster.run(100ms);
  EXPECT_TRUE(cluster.replicas_equal());
  EXPECT_EQ(cluster.nodes[0].sync().position(),
            (Position{.activation = Activation{3}, .number = 1}));
}

TEST(ManyPeers, WhoFollowsTheNewWriterRefusesTheOld) {
  Cluster cluster(3);
  cluster.settle();
  cluster.nodes[1].sync().become_writer(Activation{2});
  cluster.run(100ms);
  cluster.nodes[2].events.clear();
  cluster.nodes[0].commit({ike_sa(9)}, "of the past");  // it does not know yet
  cluster.run(10ms);
  EXPECT_THAT(cluster.nodes[2].events, IsEmpty());
  EXPECT_EQ(cluster.nodes[2].count("stale-records"), 1U);
  EXPECT_EQ(cluster.nodes[0].count("told-stale"), 1U);
  EXPECT_EQ(cluster.nodes[0].sync_state(1), SyncState::SyncInProgress);
}

TEST(ManyPeers, TwoAreComparedAtOnce) {
  Cluster cluster(3);
  for (uint32_t spi = 300; spi < 2300; ++spi) {
    cluster.nodes[0].group_state.child_sas[Spi{spi}] = child_sa(spi);
    if (spi % 2 == 0) cluster.nodes[1].group_state.child_sas[Spi{spi}] = child_sa(spi);
    if (spi % 3 == 0) cluster.nodes[2].group_state.child_sas[Spi{spi}] = child_sa(spi);
  }
  cluster.nodes[2].group_state.ike_sas[IkeSpi{9}] = ike_sa(9);
  cluster.settle();
  EXPECT_TRUE(cluster.replicas_equal());
  EXPECT_EQ(cluster.nodes[0].count("part-copies"), 2U);
}

// During a split both take the next number. One of them renews it when they meet.
TEST(ManyPeers, OfTwoWritersWithOneNumberAReaderFollowsTheFirstUntilItIsRenewed) {
  Cluster cluster(3);
  for (Node& node : cluster.nodes) node.boot();
  cluster.run(1s);
  cluster.nodes[0].sync().become_writer(Activation{5});
  cluster.run(10ms);
  cluster.nodes[1].sync().become_writer(Activation{5});
  cluster.nodes[0].commit({ike_sa(1)}, "first");
  cluster.nodes[1].commit({ike_sa(2)}, "rival");
  cluster.run(100ms);
  EXPECT_EQ(cluster.nodes[2].count("rival-writer"), 1U);
  EXPECT_TRUE(cluster.nodes[2].group_state.ike_sas.contains(IkeSpi{1}));
  EXPECT_FALSE(cluster.nodes[2].group_state.ike_sas.contains(IkeSpi{2}));
  cluster.nodes[1].sync().become_writer(Activation{6});
  cluster.nodes[0].sync().become_reader();
  cluster.run(1s);
  EXPECT_TRUE(cluster.replicas_equal());
  EXPECT_TRUE(cluster.nodes[2].group_state.ike_sas.contains(IkeSpi{1})) << "merged";
  EXPECT_TRUE(cluster.nodes[2].group_state.ike_sas.contains(IkeSpi{2}));
}

// The position is one of the other's journal.
TEST(ManyPeers, TheOtherOfTwoWritersWithOneNumberIsComparedWith) {
  Cluster cluster(3);
  for (Node& node : cluster.nodes) node.boot();
  cluster.run(1s);
  cluster.nodes[0].sync().become_writer(Activation{5});
  cluster.run(10ms);
  cluster.nodes[1].sync().become_writer(Activation{5});
  cluster.nodes[0].commit({ike_sa(1)}, "first");
  cluster.nodes[1].commit({ike_sa(2)}, "rival");
  cluster.run(100ms);
  cluster.nodes[0].crash();
  cluster.run(100ms);
  EXPECT_EQ(cluster.nodes[1].count("resumed-from-journal"), 0U);
  EXPECT_TRUE(cluster.nodes[2].group_state.ike_sas.contains(IkeSpi{2}));
  EXPECT_EQ(cluster.nodes[2].sync_state(1), SyncState::InSync);
}

TEST(ManyPeers, AHandoverReachesItsTargetOnly) {
  Cluster cluster(3);
  cluster.settle();
  cluster.nodes[0].send_handover(HandoverReady{.cookie = 1}, 1);
  cluster.run(10ms);
  EXPECT_THAT(cluster.nodes[1].events, IsEmpty());
  EXPECT_THAT(cluster.nodes[2].told(), ElementsAre("handover 1"));
}

TEST(ManyPeers, EdgesReachAll) {
  Cluster cluster(3);
  cluster.settle();
  cluster.nodes[0].sync().send_windows({{.inbound_spi = Spi{300}, .inbound_highest = 5}});
  cluster.run(200ms);
  for (const size_t node : {1U, 2U}) ASSERT_EQ(cluster.nodes[node].windows.size(), 1U);
}

TEST(GroupNames, ADomainIsNoSyncTag) {
  Pair pair;
  pair.a.group_name = DomainId{7};
  pair.b.group_name = "7";
  pair.boot();
  pair.a.sync().become_writer(Activation{1});
  pair.run(1s);
  EXPECT_EQ(pair.b.count("group-unknown"), 2U);  // Base, ConfigDigest
  EXPECT_EQ(text(pair.a.group_name), "domain 7");
  EXPECT_EQ(text(pair.b.group_name), "7");
}

}  // namespace
}  // namespace segw::mcs::testing
