// Domains of three and four nodes: elections, partial connectivity, members, handovers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/planted.h"
#include "mimp/testing.h"

namespace segw::mimp::testing {
namespace {

using namespace std::chrono_literals;
using enum MasterState;

TEST(Domain, AtBootTheHighestPriorityIsActiveAndAllAgree) {
  Domain domain(4);
  domain.boot();
  domain.run(200ms);
  EXPECT_EQ(domain[0].state(), Master) << domain.told();
  for (size_t at = 1; at < 4; ++at) {
    EXPECT_EQ(domain[at].state(), Standby) << domain.told();
    EXPECT_EQ(domain[at].service().active_peer(), PeerIndex{0});
    EXPECT_EQ(domain[at].service().current_active(), domain[0].settings().router_id);
    EXPECT_EQ(domain[at].service().activation(), domain[0].service().activation());
  }
  EXPECT_EQ(domain[0].service().current_active(), domain[0].settings().router_id);
}

TEST(Domain, ADesignatedActiveGoesBeforeAnyPriority) {
  World world;
  Network network(world);
  Node standby(world, network, domain_settings(0, 3, DesignatedRole::Standby, 255));
  Node active(world, network, domain_settings(1, 3, DesignatedRole::Active, 1));
  Node other(world, network, domain_settings(2, 3, DesignatedRole::Standby, 254));
  for (Node* node : {&standby, &active, &other}) node->boot();
  world.run_for(1s);
  EXPECT_EQ(active.state(), Master);
  EXPECT_EQ(standby.service().peer_info(PeerIndex{0}).role, DesignatedRole::Active);
  EXPECT_EQ(standby.service().peer_info(PeerIndex{0}).router_id, active.settings().router_id);
  active.set_eligible(false);
  world.run_for(1s);
  EXPECT_EQ(standby.state(), Master) << "no designated active is left";
}

TEST(Domain, AFreshElectionWaitsForPeersThatWereNotHeardButNotBeyondHold) {
  Domain domain(3);
  domain[1].boot();
  domain[2].boot();
  domain.run(900ms);
  EXPECT_EQ(domain.acting_count(), 0U) << domain.told();
  domain.run(200ms);
  EXPECT_EQ(domain[1].state(), Master) << domain.told();
  domain[0].boot();
  domain.run(1s);
  EXPECT_EQ(domain[0].state(), Standby) << "the sitting active stays";
}

TEST(Domain, ABootingNodeThatHearsOnlyAStandbyTakesNothing) {
  Domain domain(3);
  domain[1].boot();
  domain[2].boot();
  domain.run(3s);
  ASSERT_EQ(domain[1].state(), Master);
  domain.cut(0, 1);
  domain[0].boot();
  domain.run(20s);
  EXPECT_EQ(domain[0].state(), Standby) << domain.told();
  EXPECT_TRUE(domain[0].service().blocked());
  EXPECT_EQ(domain[0].service().current_active(), domain[1].settings().router_id);
}

TEST(Domain, TheNextInOrderTakesOverCleanlyAndTheOthersFollow) {
  Domain domain(4);
  domain.settle();
  domain[0].crash();
  domain.run(1200ms);
  EXPECT_EQ(domain[1].state(), Master) << domain.told();
  EXPECT_TRUE(domain[1].roles.back().clean);
  EXPECT_EQ(domain[2].state(), Standby);
  EXPECT_EQ(domain[3].service().active_peer(), Domain::place(3, 1));
}

TEST(Domain, ADeadIsaMovesMastershipWithinAFewRoundTrips) {
  Domain domain(3);
  domain.settle();
  domain[0].set_eligible(false);
  domain.run(10ms);
  EXPECT_EQ(domain[0].state(), NotEligible);
  EXPECT_EQ(domain[1].state(), Master) << domain.told();
  EXPECT_TRUE(domain[1].roles.back().clean);
}

TEST(Domain, LosesItsNodesOneByOneAndTheLastIsEligible) {
  Domain domain(3);
  domain.settle();
  domain[0].crash();
  domain.run(3s);
  domain.sync(1);
  domain.run(1s);
  domain[1].crash();
  domain.run(3s);
  EXPECT_EQ(domain[2].state(), Eligible);
  EXPECT_TRUE(domain[2].roles.back().clean) << domain.told();
}

TEST(PartialConnectivity, OneCutLinkMakesNoSecondActive) {
  for (const size_t size : {3U, 4U}) {
    Domain domain(size);
    domain.settle();
    domain.cut(0, 1);
    for (int tick = 0; tick < 3000; ++tick) {
      domain.run(10ms);
      ASSERT_EQ(domain.acting_count(), 1U) << domain.told();
    }
    EXPECT_TRUE(domain[0].acts());
    EXPECT_EQ(domain[1].state(), Standby);
    EXPECT_TRUE(domain[1].service().blocked());
    EXPECT_FALSE(domain[1].service().in_sync());
    EXPECT_EQ(domain[1].count("blocked"), 1U) << "it does not flap";
    EXPECT_EQ(domain[1].service().active_peer(), std::nullopt) << "no way to shunt";
    domain.heal(0, 1);
    domain.run(1s);
    EXPECT_FALSE(domain[1].service().blocked());
    EXPECT_EQ(domain[0].state(), Master);
  }
}

TEST(PartialConnectivity, ABlockedNodeActsWhenTheActiveIsGone) {
  Domain domain(3);
  domain.boot();
  domain.run(2s);
  domain.cut(0, 1);
  domain.run(5s);
  ASSERT_TRUE(domain[1].service().blocked());
  domain[0].crash();
  domain.run(1500ms);
  EXPECT_EQ(domain.acting_count(), 1U) << domain.told();
  EXPECT_TRUE(domain[1].acts()) << "it outranks the other";
}

TEST(PartialConnectivity, ABlockedNodeThatLosesItsVoucherActs) {
  Domain domain(3);
  domain.settle();
  domain.cut(0, 1);
  domain.run(5s);
  domain.cut(1, 2);
  domain.run(2s);
  EXPECT_EQ(domain[1].state(), Eligible) << "it is alone";
}

TEST(PartialConnectivity, ADeafActiveIsReplaced) {
  Domain domain(3);
  domain.settle();
  for (const size_t peer : {1U, 2U}) {
    domain.network.cuts.insert({domain[peer].address(), domain[0].address()});
  }
  domain.run(2100ms);  // 2 × hold, and the election
  EXPECT_EQ(domain[1].state(), Master) << domain.told();
}

TEST(PartialConnectivity, AnActiveThatIsDeafToOneIsVouchedForByTheOther) {
  Domain domain(3);
  domain.settle();
  domain.network.cuts.insert({domain[1].address(), domain[0].address()});
  domain.run(10s);
  EXPECT_EQ(domain[0].state(), Master);
  EXPECT_TRUE(domain[1].service().blocked());
}

TEST(PartialConnectivity, OfTwoActivesWithACommonNeighbourTheOutrankedYields) {
  Domain domain(3);
  domain.settle();
  domain.cut(0, 1);
  domain.cut(0, 2);
  domain.run(5s);
  ASSERT_TRUE(domain[0].acts());
  ASSERT_TRUE(domain[1].acts());
  domain.heal(0, 2);
  domain.run(2s);
  EXPECT_EQ(domain.acting_count(), 1U) << domain.told();
  EXPECT_TRUE(domain[0].acts());
  EXPECT_TRUE(domain[1].service().blocked());
  EXPECT_TRUE(std::ranges::any_of(domain[1].roles, &RoleChange::outranked));
  EXPECT_GT(domain[0].service().activation(), domain[1].roles.front().activation);
}

// A – C – D – B: no common neighbour. Both act (docs/decisions/0081), and do not outbid each other
// for ever.
TEST(PartialConnectivity, InALongChainActivationsGrowSlowly) {
  Domain domain(4);
  domain.settle();
  domain.cut(0, 1);
  domain.cut(0, 3);
  domain.cut(1, 2);
  domain.run(5s);
  EXPECT_TRUE(domain[0].acts());
  EXPECT_TRUE(domain[1].acts()) << domain.told();
  const Activation before = domain[0].service().activation();
  domain.run(10s);
  EXPECT_LE(domain[0].service().activation().value - before.value, 25U);
}

TEST(PartialConnectivity, ADeadActiveIsNotKeptAliveByHearsay) {
  Domain domain(3);
  domain.boot();
  domain.run(2s);
  domain.cut(0, 1);
  domain.run(5s);
  domain[0].crash();
  domain.run(3s);
  EXPECT_EQ(domain.acting_count(), 1U) << domain.told();
}

#ifdef SEGW_PLANTED_BUGS
TEST(PartialConnectivity, HearsayWouldKeepADeadActiveAlive) {
  plant("vouching_hearsay");
  Domain domain(3);
  domain.boot();
  domain.run(2s);
  domain.cut(0, 1);
  domain.run(5s);
  domain[0].crash();
  domain.run(30s);
  EXPECT_EQ(domain.acting_count(), 0U) << domain.told();
  plant("");
}
#endif

TEST(Members, CommitsWaitForAllOfThem) {
  Domain domain(3);
  domain.settle();
  Service& active = domain[0].service();
  EXPECT_TRUE(active.in_sync_set(PeerIndex{0}));
  EXPECT_TRUE(active.in_sync_set(PeerIndex{1}));
  active.set_peer_synced(PeerIndex{1}, false);
  domain.run(10ms);
  EXPECT_TRUE(active.in_sync_set(PeerIndex{0}));
  EXPECT_FALSE(active.in_sync_set(PeerIndex{1}));
  EXPECT_FALSE(domain[2].service().in_sync());
  EXPECT_TRUE(domain[1].service().in_sync());
}

TEST(Members, AStandbySaysWhoseGrantItHolds) {
  Domain domain(3);
  domain.settle();
  ASSERT_TRUE(domain[0].acts());
  EXPECT_EQ(domain[1].service().granted_by(), Domain::place(1, 0));
  EXPECT_EQ(domain[2].service().granted_by(), Domain::place(2, 0));
  EXPECT_EQ(domain[0].service().granted_by(), std::nullopt) << "it grants";
  domain[0].service().set_peer_synced(Domain::place(0, 2), false);
  domain.run(10ms);
  EXPECT_EQ(domain[1].service().granted_by(), Domain::place(1, 0));
  EXPECT_EQ(domain[2].service().granted_by(), std::nullopt);
}

// What the active waits for is more than what it grants.
TEST(Members, WhoIsOnlyWaitedForHoldsNoGrantOfTheNewActive) {
  Domain domain(3);
  domain.settle();
  domain.cut(1, 2);
  domain[0].crash();
  domain.run(1200ms);
  ASSERT_TRUE(domain[1].acts());
  ASSERT_TRUE(domain[1].service().in_sync_set(Domain::place(1, 2)));
  EXPECT_NE(domain[2].service().granted_by(), Domain::place(2, 1));
}

TEST(Members, InSyncGoesBeforeRoleAndPriority) {
  Domain domain(3);
  domain.settle();
  domain[0].service().set_peer_synced(PeerIndex{0}, false);
  domain.run(1s);
  domain[0].crash();
  domain.run(1300ms);
  EXPECT_EQ(domain[2].state(), Master) << domain.told();
  EXPECT_TRUE(domain[2].roles.back().clean);
}

TEST(Members, ANewActiveWaitsForTheOldOnesGrants) {
  Domain domain(3);
  domain.settle();
  domain.cut(1, 2);
  domain[0].crash();
  domain.run(1200ms);
  ASSERT_TRUE(domain[1].acts());
  EXPECT_TRUE(domain[1].service().in_sync_set(Domain::place(1, 2)))
      << "node 2 may take over with its grant as well";
  domain.run(3s);
  EXPECT_FALSE(domain[1].service().in_sync_set(Domain::place(1, 2)));
}

TEST(Members, OfTheOldActiveThatHearTheNewOneLetGoAtOnce) {
  Domain domain(3);
  domain.settle();
  domain[0].set_eligible(false);
  domain.run(15ms);
  ASSERT_EQ(domain[1].state(), Master);
  EXPECT_FALSE(domain[1].service().in_sync_set(Domain::place(1, 2)));
  EXPECT_FALSE(domain[2].service().in_sync());
}

TEST(PlannedInADomain, TheOldYieldsAndTheThirdFollows) {
  Domain domain(3);
  domain.settle();
  domain[0].handing_over = true;
  domain[2].service().take_over("a planned handover");
  domain.run(10ms);
  EXPECT_EQ(domain[2].state(), Master) << domain.told();
  EXPECT_TRUE(domain[2].roles.back().clean);
  EXPECT_EQ(domain[0].state(), Standby);
  EXPECT_FALSE(domain[0].roles.back().outranked);
  EXPECT_EQ(domain[1].state(), Standby);
  EXPECT_EQ(domain[1].service().active_peer(), Domain::place(1, 2));
  domain.run(5s);
  EXPECT_EQ(domain[2].state(), Master) << "priorities do not take it back";
  EXPECT_EQ(domain[2].count("activation-renewed"), 0U);
}

TEST(SwitchoverInADomain, IsCarriedToTheActiveFromAnyNode) {
  Domain domain(3);
  domain.settle();
  domain[2].service().request_switchover(std::nullopt);
  domain.run(2s);
  EXPECT_THAT(domain[0].switchovers, ::testing::ElementsAre(Domain::place(0, 1)))
      << "the next in order, once";
  EXPECT_TRUE(domain[1].switchovers.empty()) << "only the active is asked to do something";
  domain.run(2s);
  domain[1].service().request_switchover(domain[2].settings().router_id);
  domain.run(2s);
  EXPECT_THAT(domain[0].switchovers,
              ::testing::ElementsAre(Domain::place(0, 1), Domain::place(0, 2)));
  domain[0].service().request_switchover(domain[1].settings().router_id);
  domain.run(10ms);
  EXPECT_EQ(domain[0].switchovers.back(), Domain::place(0, 1));
}

TEST(SwitchoverInADomain, ToTheActiveItselfIsVoid) {
  Domain domain(3);
  domain.settle();
  domain[1].service().request_switchover(domain[0].settings().router_id);
  domain.run(2s);
  EXPECT_TRUE(domain[0].switchovers.empty());
  EXPECT_EQ(domain[0].count("switchover-void"), 1U);
}

TEST(BfdInADomain, ACrashThatBfdSeesIsTakenOverWithinAProbe) {
  Domain domain(3);
  domain.settle();
  for (const size_t node : {1U, 2U}) {
    domain[node].service().set_bfd(PeerIndex{0}, BfdSays::Up);
  }
  domain[0].crash();
  domain.run(150ms);
  domain[1].service().set_bfd(PeerIndex{0}, BfdSays::Down);
  domain.run(20ms);
  EXPECT_FALSE(domain[1].acts()) << "the other may still hear it";
  domain[2].service().set_bfd(PeerIndex{0}, BfdSays::Down);
  domain.run(10ms);
  EXPECT_EQ(domain[1].state(), Master) << "nobody hears it: " << domain.told();
  EXPECT_TRUE(domain[1].roles.back().clean);
}

TEST(BfdInADomain, WithoutBfdOnTheOtherLinkTheProbeEndsInAHundredMilliseconds) {
  Domain domain(3);
  domain.settle();
  domain[1].service().set_bfd(PeerIndex{0}, BfdSays::Up);
  domain.run(100ms);
  domain[0].crash();
  domain[1].service().set_bfd(PeerIndex{0}, BfdSays::Down);
  domain.run(103ms);
  EXPECT_EQ(domain[1].state(), Master) << domain.told();
}

TEST(BfdInADomain, ACutLinkThatBfdSeesMakesNoSecondActive) {
  Domain domain(3);
  domain.settle();
  domain[1].service().set_bfd(PeerIndex{0}, BfdSays::Up);
  domain.cut(0, 1);
  domain[1].service().set_bfd(PeerIndex{0}, BfdSays::Down);
  for (int tick = 0; tick < 500; ++tick) {
    domain.run(10ms);
    ASSERT_EQ(domain.acting_count(), 1U) << domain.told();
  }
  EXPECT_TRUE(domain[1].service().blocked());
}

TEST(BfdInAPair, DownIsLostNowAndBeatsForAHoldOverruleIt) {
  Pair pair;
  pair.settle();
  pair.b.service().set_bfd(PeerIndex{0}, BfdSays::Up);
  pair.b.service().set_bfd(PeerIndex{0}, BfdSays::Down);
  EXPECT_EQ(pair.b.state(), Eligible);
  pair.run(3s);
  EXPECT_TRUE(pair.a.acts() != pair.b.acts()) << pair.a.told() << pair.b.told();
  EXPECT_EQ(pair.b.count("bfd-overruled"), 1U);
}

TEST(Versions, TheLowerOfTwoIsSpoken) {
  World world;
  Network network(world);
  Settings later = settings_of("192.0.2.1", "192.0.2.2", 200);
  later.versions = {.lowest = 1, .highest = 3};
  const Settings now = settings_of("192.0.2.2", "192.0.2.1", 100);
  Node a(world, network, later);
  Node b(world, network, now);
  a.boot();
  b.boot();
  world.run_for(1s);
  EXPECT_EQ(a.state(), Master);
  EXPECT_EQ(b.state(), Standby);
}

TEST(Versions, TwoOfALaterOneSpeakIt) {
  World world;
  Network network(world);
  Settings first = settings_of("192.0.2.1", "192.0.2.2", 200);
  Settings second = settings_of("192.0.2.2", "192.0.2.1", 100);
  first.versions = {.lowest = 1, .highest = 3};
  second.versions = {.lowest = 2, .highest = 4};
  Node a(world, network, first);
  Node b(world, network, second);
  a.boot();
  b.boot();
  world.run_for(1s);
  network.record = true;
  world.run_for(1s);
  EXPECT_EQ(b.state(), Standby);
  for (const Packet& packet : network.recording) EXPECT_EQ(packet.bytes.at(0), 3);
}

TEST(Versions, WithoutACommonOneNothingIsAccepted) {
  World world;
  Network network(world);
  Settings later = settings_of("192.0.2.1", "192.0.2.2", 200);
  later.versions = {.lowest = 2, .highest = 3};
  Node a(world, network, later);
  Node b(world, network, settings_of("192.0.2.2", "192.0.2.1", 100));
  a.boot();
  b.boot();
  world.run_for(5s);
  EXPECT_EQ(b.state(), Discovery);
  EXPECT_GT(b.count("hello-bad-version"), 5U);
}

}  // namespace
}  // namespace segw::mimp::testing
