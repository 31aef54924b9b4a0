#include "mimp/mimp_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mimp/testing.h"

namespace segw::mimp::testing {
namespace {

using namespace std::chrono_literals;
using enum MasterState;

TEST(Boot, TheHigherPriorityIsMasterAndTheOtherStandby) {
  Pair pair;
  pair.boot();
  pair.run(100ms);
  EXPECT_EQ(pair.a.state(), Master) << pair.a.told();
  EXPECT_EQ(pair.b.state(), Standby) << pair.b.told();
  EXPECT_EQ(pair.a.service().activation(), pair.b.service().activation());
  ASSERT_EQ(pair.a.roles.size(), 1U);
  EXPECT_TRUE(pair.a.roles[0].clean) << "the first ever";
  EXPECT_THAT(pair.a.peers, ::testing::ElementsAre(true));
}

TEST(Boot, AloneItActsOnlyAfterDiscovery) {
  Pair pair;
  pair.b.boot();
  pair.run(9s);
  EXPECT_EQ(pair.b.state(), Discovery);
  pair.run(2s);
  EXPECT_EQ(pair.b.state(), Eligible);
}

TEST(Boot, AloneAndNotEligibleItIsNotEligibleAfterDiscovery) {
  Pair pair;
  pair.b.eligible = false;
  pair.b.boot();
  pair.run(11s);
  EXPECT_EQ(pair.b.state(), NotEligible);
}

TEST(Boot, ATakenPortIsOneLine) {
  Pair pair;
  pair.a.boot();
  Node twin(pair.world, pair.network, pair.a.settings());
  twin.boot();
  ASSERT_FALSE(twin.start_result);
  EXPECT_EQ(twin.start_result.error().text, "192.0.2.1:11030: address already in use");
}

TEST(Boot, AReturningChassisWithTheHigherPriorityStaysStandby) {
  Pair pair;
  pair.settle();
  pair.a.crash();
  pair.run(3s);
  EXPECT_EQ(pair.b.state(), Eligible);
  pair.a.boot();
  pair.run(1s);
  EXPECT_EQ(pair.b.state(), Master);
  EXPECT_EQ(pair.a.state(), Standby);
}

TEST(Failover, StandbyTakesOverAfterHoldCleanly) {
  Pair pair;
  pair.settle();
  pair.a.crash();
  pair.run(1001ms);
  EXPECT_TRUE(pair.b.service().in_sync());
  pair.run(1s);
  EXPECT_EQ(pair.b.state(), Eligible);
  ASSERT_FALSE(pair.b.roles.empty());
  EXPECT_TRUE(pair.b.roles.back().clean) << pair.b.told();
  EXPECT_THAT(pair.b.peers, ::testing::ElementsAre(true, false));
}

TEST(Failover, WithoutAGrantItIsUncleanAndCounted) {
  Pair pair;
  pair.boot_and_lose_a();
  EXPECT_EQ(pair.b.state(), Eligible);
  EXPECT_FALSE(pair.b.roles.back().clean);
  EXPECT_EQ(pair.b.count("takeover-unclean"), 1U);
}

TEST(Failover, LostPeerLeavesTheMasterActing) {
  Pair pair;
  pair.settle();
  const Activation before = pair.a.service().activation();
  pair.b.crash();
  pair.run(3s);
  EXPECT_EQ(pair.a.state(), Eligible);
  EXPECT_EQ(pair.a.service().activation(), before);
  const int vouched = pair.a.keep_alives;
  pair.run(5s);
  EXPECT_EQ(pair.a.keep_alives, vouched + 10) << "it goes on vouching";
}

TEST(Failover, ADeadIsaMovesMastershipWithinARoundTrip) {
  Pair pair;
  pair.settle();
  pair.a.set_eligible(false);
  pair.run(10ms);
  EXPECT_EQ(pair.a.state(), NotEligible);
  EXPECT_EQ(pair.b.state(), Master) << pair.b.told();
  EXPECT_TRUE(pair.b.roles.back().clean);
  pair.a.set_eligible(true);
  pair.run(1s);
  EXPECT_EQ(pair.a.state(), Standby);
  EXPECT_EQ(pair.b.state(), Master);
}

TEST(Failover, AFlappingIsaNeverMakesTwoMasters) {
  Pair pair;
  pair.settle();
  for (int round = 0; round < 40; ++round) {
    Node& node = round % 3 == 0 ? pair.b : pair.a;
    node.set_eligible(!node.eligible);
    for (int tick = 0; tick < 13; ++tick) {
      pair.run(300us);
      ASSERT_FALSE(pair.a.acts() && pair.b.acts()) << pair.a.told() << pair.b.told();
    }
  }
  pair.a.set_eligible(true);
  pair.b.set_eligible(true);
  pair.run(1s);
  EXPECT_TRUE(pair.a.acts() != pair.b.acts());
}

TEST(Failover, BothGroupsDownThenUpTheLastToActIsPreferred) {
  Pair pair;
  pair.settle();
  pair.a.set_eligible(false);  // B acts; A is not in its set
  pair.run(1s);
  pair.b.set_eligible(false);
  pair.run(1s);
  EXPECT_EQ(pair.a.state(), NotEligible);
  EXPECT_EQ(pair.b.state(), NotEligible);
  pair.b.set_eligible(true);
  pair.run(1s);
  EXPECT_EQ(pair.b.state(), Master);
  EXPECT_TRUE(pair.b.roles.back().clean) << "it holds all that was told";
}

TEST(Restart, WithinHoldIsSeenByTheBootNonce) {
  Pair pair;
  pair.settle();
  pair.a.crash();
  pair.run(100ms);
  pair.a.boot();
  pair.run(100ms);
  EXPECT_EQ(pair.b.state(), Master) << pair.b.told();
  EXPECT_TRUE(pair.b.roles.back().clean) << "in sync goes before A's priority";
  EXPECT_EQ(pair.a.state(), Standby);
  EXPECT_THAT(pair.b.peers, ::testing::ElementsAre(true, false, true));
}

TEST(Restart, OfTheStandbyEndsItsMembershipAtOnce) {
  Pair pair;
  pair.settle();
  ASSERT_TRUE(pair.a.service().in_sync_set(PeerIndex{0}));
  pair.b.crash();
  pair.run(100ms);
  EXPECT_TRUE(pair.a.service().in_sync_set(PeerIndex{0})) << "nothing is known yet";
  pair.b.boot();
  pair.run(50ms);
  EXPECT_FALSE(pair.a.service().in_sync_set(PeerIndex{0}));
  EXPECT_FALSE(pair.b.service().in_sync());
  EXPECT_EQ(pair.a.state(), Master);
  EXPECT_GT(pair.a.members_changed, 1);
}

TEST(Restart, WhatMcsSaidOfTheNewBootBeforeItsFirstHelloCounts) {
  Pair pair;
  pair.settle();
  pair.a.service().set_peer_synced(PeerIndex{0}, false);
  pair.b.crash();
  pair.run(200ms);
  pair.network.cut(pair.a.address(), pair.b.address());  // its first hellos are lost
  pair.b.boot();
  pair.run(100ms);
  pair.a.service().set_peer_synced(PeerIndex{0}, true);
  pair.run(100ms);
  pair.network.heal();
  pair.run(1s);
  EXPECT_TRUE(pair.b.service().in_sync());
}

TEST(Cut, OneWayToTheStandbyMakesItTakeOverAndHealsToOne) {
  Pair pair;
  pair.settle();
  pair.network.cuts.insert({pair.a.address(), pair.b.address()});
  pair.run(1700ms);
  EXPECT_EQ(pair.b.state(), Eligible);
  pair.run(2s);
  EXPECT_EQ(pair.a.state(), Eligible) << "nobody echoes it";
  pair.network.heal();
  pair.run(1s);
  EXPECT_TRUE(pair.a.acts() != pair.b.acts()) << pair.a.told() << pair.b.told();
}

TEST(Cut, OneWayToTheMasterMakesTheStandbyTakeOverAndHealsToOne) {
  Pair pair;
  pair.settle();
  pair.network.cuts.insert({pair.b.address(), pair.a.address()});
  pair.run(4s);
  EXPECT_EQ(pair.a.state(), Eligible);
  EXPECT_EQ(pair.b.state(), Eligible) << "it is heard by nobody";
  pair.network.heal();
  pair.run(1s);
  EXPECT_TRUE(pair.a.acts() != pair.b.acts());
}

TEST(Cut, DualMastersHealByPriorityUnderANewActivation) {
  Pair pair;
  pair.settle();
  pair.network.cut(pair.a.address(), pair.b.address());
  pair.run(5s);
  EXPECT_TRUE(pair.a.acts());
  EXPECT_TRUE(pair.b.acts());
  const Activation highest = pair.b.service().activation();
  pair.network.heal();
  pair.run(1s);
  EXPECT_EQ(pair.a.state(), Master);
  EXPECT_EQ(pair.b.state(), Standby);
  EXPECT_GT(pair.a.service().activation(), highest);
  EXPECT_EQ(pair.a.roles.back().activation, pair.a.service().activation());
  EXPECT_FALSE(pair.a.service().in_sync_set(PeerIndex{0}));
}

TEST(Cut, OneThatActsWithoutEverHavingHeldTheGroupYields) {
  Pair pair;
  pair.settle();
  pair.a.crash();
  pair.run(3s);
  pair.network.cut(pair.a.address(), pair.b.address());
  pair.a.boot();
  pair.run(11s);
  EXPECT_EQ(pair.a.state(), Eligible) << "empty, but it has the higher priority";
  EXPECT_EQ(pair.b.state(), Eligible);
  pair.network.heal();
  pair.run(1s);
  EXPECT_EQ(pair.b.state(), Master);
  EXPECT_EQ(pair.a.state(), Standby);
}

TEST(Replay, ADeadMastersRecordingDoesNotBlockTheTakeover) {
  Pair pair;
  pair.settle();
  pair.network.record = true;
  pair.run(5s);
  pair.network.record = false;
  pair.a.crash();
  std::vector<Packet> recording;
  for (const Packet& packet : pair.network.recording) {
    if (packet.from.address == pair.a.address()) recording.push_back(packet);
  }
  ASSERT_GE(recording.size(), 9U);
  for (int round = 0; round < 20; ++round) {
    for (const Packet& packet : recording) pair.network.inject(packet);
    pair.run(100ms);
  }
  EXPECT_EQ(pair.b.state(), Eligible);
  EXPECT_TRUE(pair.b.roles.back().clean);
  EXPECT_GE(pair.b.count("hello-old-beat"), recording.size());
}

TEST(Replay, ARecordingOfAnEarlierBootNeitherDisplacesNorRevivesAnything) {
  Pair pair;
  pair.settle();
  pair.network.record = true;
  pair.run(3s);
  pair.network.record = false;
  pair.a.crash();
  pair.run(100ms);
  pair.a.boot();
  pair.run(1s);
  const auto peers_before = pair.b.peers.size();
  for (int round = 0; round < 50; ++round) {
    for (const Packet& packet : pair.network.recording) pair.network.inject(packet);
    pair.run(100ms);
  }
  EXPECT_EQ(pair.b.peers.size(), peers_before);
  EXPECT_EQ(pair.b.state(), Master);
  EXPECT_EQ(pair.a.state(), Standby);
}

TEST(Replay, RecordingsDoNotKeepANewBootOut) {
  Pair pair;
  pair.settle();
  pair.network.record = true;
  pair.run(3s);
  pair.network.record = false;
  pair.a.crash();
  pair.run(3s);
  pair.a.boot();
  for (int round = 0; round < 50; ++round) {
    for (const Packet& packet : pair.network.recording) pair.network.inject(packet);
    pair.run(20ms);
  }
  EXPECT_EQ(pair.a.state(), Standby);
}

TEST(Pause, LongerThanHoldIsNotActingAfterwards) {
  Pair pair;
  pair.settle();
  pair.a.pause();
  pair.run(3s);
  EXPECT_TRUE(pair.b.acts());
  pair.a.resume();
  const int vouched = pair.a.keep_alives;
  pair.run(0ms);
  EXPECT_EQ(pair.a.state(), Discovery) << pair.a.told();
  EXPECT_EQ(pair.a.keep_alives, vouched) << "nothing is vouched for";
  pair.run(500ms);
  EXPECT_EQ(pair.a.state(), Standby);
  EXPECT_EQ(pair.b.state(), Master);
}

TEST(Pause, OfALoneActiveEndsAfterHold) {
  Pair pair;
  pair.settle();
  pair.b.crash();
  pair.run(3s);
  pair.a.pause();
  pair.run(5s);
  pair.a.resume();
  pair.run(900ms);
  EXPECT_EQ(pair.a.state(), Discovery);
  pair.run(200ms);
  EXPECT_EQ(pair.a.state(), Eligible);
}

TEST(Pause, OfTheStandbyDoesNotMakeItTakeOver) {
  for (int length = 100; length < 4000; length += 130) {
    Pair pair;
    pair.settle();
    pair.run(std::chrono::milliseconds(length % 490));
    pair.b.pause();
    pair.run(std::chrono::milliseconds(length));
    pair.b.resume();
    for (int tick = 0; tick < 300; ++tick) {
      pair.run(10ms);
      ASSERT_FALSE(pair.b.acts()) << length << "\n" << pair.b.told();
    }
    EXPECT_EQ(pair.b.state(), Standby);
  }
}

TEST(Pause, IsMeasuredByThePeersHoldIfThatIsShorter) {
  World world;
  Network network(world);
  Settings patient = settings_of("192.0.2.1", "192.0.2.2", 200);
  patient.peers.front().hold_count = 6;
  Node a(world, network, patient);
  Node b(world, network, settings_of("192.0.2.2", "192.0.2.1", 150));
  a.boot();
  b.boot();
  world.run_for(2s);
  ASSERT_EQ(a.state(), Master);
  EXPECT_LE(a.service().vouch_until(), world.now + 1s) << "after that B may act";
  a.pause();
  world.run_for(2s);
  ASSERT_TRUE(b.acts());
  a.resume();
  world.run_for(0ms);
  EXPECT_FALSE(acting(a.state())) << a.told();
  EXPECT_EQ(a.count("paused"), 1U);
}

TEST(Planned, TakeOverAndYieldNeedNoElection) {
  Pair pair;
  pair.settle();
  const Activation before = pair.a.service().activation();
  pair.a.handing_over = true;
  pair.b.service().take_over("a planned handover");
  pair.run(10ms);
  EXPECT_EQ(pair.b.state(), Master);
  EXPECT_TRUE(pair.b.roles.back().clean);
  EXPECT_EQ(pair.a.state(), Standby);
  EXPECT_FALSE(pair.a.handing_over) << "the chassis was asked first";
  EXPECT_EQ(pair.b.service().activation().value, before.value + 1);
  pair.run(5s);
  EXPECT_EQ(pair.b.state(), Master) << "A's priority does not take it back";
  EXPECT_EQ(pair.a.count("activation-renewed"), 0U);
}

TEST(Planned, TheOldActiveYieldsEvenIfItsChassisForgot) {
  Pair pair;
  pair.settle();
  pair.b.service().take_over("a planned handover");
  pair.run(10ms);
  EXPECT_EQ(pair.b.state(), Master);
  EXPECT_EQ(pair.a.state(), Standby);
}

TEST(Planned, AnEarlyYieldWaitsForTheTarget) {
  Pair pair;
  pair.settle();
  const Activation next{pair.a.service().activation().value + 1};
  pair.a.service().yield(next, "a planned handover");
  EXPECT_EQ(pair.a.state(), Standby);
  pair.b.service().take_over("a planned handover");
  pair.run(1s);
  EXPECT_EQ(pair.b.state(), Master);
  EXPECT_EQ(pair.a.state(), Standby);
}

TEST(Switchover, IsAskedOnceAndVoidWhenItsActivationPassed) {
  Pair pair;
  pair.settle();
  pair.b.service().request_switchover(std::nullopt);
  pair.run(2s);
  EXPECT_THAT(pair.a.switchovers, ::testing::ElementsAre(PeerIndex{0}));
  pair.run(2s);
  pair.b.service().request_switchover(std::nullopt);
  pair.run(1s);
  EXPECT_EQ(pair.a.switchovers.size(), 2U) << "a second command is a second request";
  pair.b.service().take_over("a planned handover");
  pair.run(2s);
  EXPECT_EQ(pair.a.switchovers.size(), 2U);
  EXPECT_TRUE(pair.b.switchovers.empty());
}

TEST(Switchover, AskedOfTheMasterItselfItNamesTheStandby) {
  Pair pair;
  pair.settle();
  pair.a.service().request_switchover(std::nullopt);
  pair.run(100ms);
  EXPECT_THAT(pair.a.switchovers, ::testing::ElementsAre(PeerIndex{0}));
  EXPECT_TRUE(pair.b.switchovers.empty());
}

TEST(Switchover, ToANodeThatIsNotThereIsVoid) {
  Pair pair;
  pair.settle();
  pair.b.service().request_switchover(*IpAddress::parse("192.0.2.9"));
  pair.run(1s);
  EXPECT_TRUE(pair.a.switchovers.empty());
  EXPECT_EQ(pair.a.count("switchover-void"), 1U);
}

// What the other one told clients meanwhile is not here (redundancy rules 18 and 19).
TEST(Renewed, ARoleThatAnotherContestedIsNotClean) {
  Pair pair;
  pair.settle();
  pair.network.cut(pair.a.address(), pair.b.address());
  pair.run(5s);
  pair.network.heal();
  pair.run(1s);
  EXPECT_EQ(pair.a.count("activation-renewed"), 1U);
  EXPECT_TRUE(acting(pair.a.roles.back().from));
  EXPECT_TRUE(acting(pair.a.roles.back().to));
  EXPECT_FALSE(pair.a.roles.back().clean);
}

TEST(Renewed, AnUncleanRoleStaysSo) {
  Pair pair;
  pair.boot_and_lose_a();
  ASSERT_FALSE(pair.b.roles.back().clean);
  pair.a.disk_activation = Activation{50};
  pair.a.boot();
  pair.run(2s);
  EXPECT_EQ(pair.b.count("activation-renewed"), 1U);
  EXPECT_GT(pair.b.service().activation(), Activation{50});
  EXPECT_TRUE(acting(pair.b.roles.back().from));
  EXPECT_FALSE(pair.b.roles.back().clean);
}

}  // namespace
}  // namespace segw::mimp::testing
