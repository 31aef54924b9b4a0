// Loss of the master, of its parts, and its return.
#include "scenario.h"

namespace segw::sim {
namespace {

using namespace std::chrono_literals;

using Failover = Scenario;

TEST_F(Failover, InSteadyStateEveryProbeComesBack) {
  Cluster& c = converged();
  c.run_for(20s);
  EXPECT_EQ(lost(), 0U);
  EXPECT_EQ(c.master(), A);
  EXPECT_EQ(c.client().counts().authentications, 1U);
}

TEST_F(Failover, TheStandbyGoesOnWithTheSameSas) {
  Cluster& c = converged({.rekeys_taken_over = false});
  c.run_for(2s);
  const auto spis = c.client().outbound_spis();
  const uint64_t ike_spi = c.client().ike_spi();
  c.host(A).crash();
  EXPECT_TRUE(c.run_until([&] { return c.master() == B; }, c.hold_time() + 1s)) << c.report();
  const uint64_t echoes = c.client().counts().echoes;
  c.run_for(5s);
  EXPECT_GT(c.client().counts().echoes, echoes + 80);
  EXPECT_EQ(c.client().outbound_spis(), spis);
  EXPECT_EQ(c.client().ike_spi(), ike_spi);
  EXPECT_EQ(c.client().counts().authentications, 1U);
  EXPECT_EQ(c.counts().unclean_takeovers, 0U);
}

TEST_F(Failover, TheGapIsAtMostHoldAndAnElection) {
  Cluster& c = converged({.hold_count = 2});
  c.run_for(2s);
  c.host(A).crash();
  const Instant crashed = c.world().now();
  const uint64_t echoes = c.client().counts().echoes;
  EXPECT_TRUE(c.run_until([&] { return c.client().counts().echoes > echoes + 1; }, 5s));
  EXPECT_LE(c.world().now() - crashed, 1500ms);
}

TEST_F(Failover, TheReturnOfTheOldMasterLosesNothing) {
  Cluster& c = converged();
  c.host(A).crash();
  EXPECT_TRUE(c.run_until([&] { return c.master() == B; }, 5s));
  c.run_for(3s);
  const uint64_t before = lost();
  c.host(A).boot();
  EXPECT_TRUE(c.run_until([&] { return c.redundant(); }, 20s)) << c.report();
  c.run_for(5s);
  EXPECT_EQ(lost(), before);
  EXPECT_EQ(c.master(), B);
  EXPECT_EQ(c.client().counts().authentications, 1U);
}

TEST_F(Failover, MastershipSurvivesOneCrashAfterTheOther) {
  Cluster& c = converged();
  for (int round = 0; round < 4; ++round) {
    const HostId victim = c.master().value_or(A);
    c.host(victim).crash();
    EXPECT_TRUE(c.run_until([&] { return c.master() == (victim == A ? B : A); }, 5s)) << c.report();
    c.run_for(2s);
    c.host(victim).boot();
    ASSERT_TRUE(c.run_until([&] { return c.redundant(); }, 20s)) << c.report();
  }
  c.run_for(3s);
  EXPECT_EQ(c.client().counts().authentications, 1U);
}

TEST_F(Failover, TheRestartOfTheStandbyIsInvisible) {
  Cluster& c = converged();
  c.host(B).crash();
  c.run_for(5s);
  c.host(B).boot();
  EXPECT_TRUE(c.run_until([&] { return c.redundant(); }, 20s)) << c.report();
  c.run_for(2s);
  EXPECT_EQ(lost(), 0U);
  EXPECT_EQ(c.client().counts().authentications, 1U);
}

TEST_F(Failover, AChassisThatLostItsDiskComesBackAsAStandbyAndTakesOver) {
  Cluster& c = converged();
  c.host(A).crash();
  EXPECT_TRUE(c.run_until([&] { return c.master() == B; }, 5s));
  c.host(A).lose_disk();
  c.host(A).boot();
  ASSERT_TRUE(c.run_until([&] { return c.redundant(); }, 20s)) << c.report();
  c.host(B).crash();
  EXPECT_TRUE(c.run_until([&] { return c.master() == A; }, 5s)) << c.report();
  // It may not seal with keys that its lost incarnation held: what was not rekeyed in time stops;
  // nothing repeats (the checkers see to that).
  c.run_for(5s);
}

TEST_F(Failover, TheDeathOfTheIsaMovesMastership) {
  Cluster& c = converged();
  c.run_for(1s);
  c.host(A).crash_isa();
  EXPECT_TRUE(c.run_until([&] { return c.master() == B; }, 2s)) << c.report();
  ASSERT_TRUE(c.run_until([&] { return c.redundant(); }, 20s)) << c.report();
  c.run_for(3s);
  EXPECT_EQ(c.client().counts().authentications, 1U);
}

TEST_F(Failover, AnIsaThatHangsIsTakenForDeadSoonerThanAChassis) {
  Cluster& c = converged({.hold_count = 2});
  c.run_for(1s);
  c.host(A).hang_isa();
  const Instant hung = c.world().now();
  EXPECT_TRUE(c.run_until([&] { return c.master() == B; }, 5s)) << c.report();
  EXPECT_LT(c.world().now() - hung, c.hold_time());
  EXPECT_FALSE(c.host(A).isa_hangs()) << "it was killed";
  ASSERT_TRUE(c.run_until([&] { return c.redundant(); }, 20s)) << c.report();
  EXPECT_EQ(c.counts().unclean_takeovers, 0U);
  c.run_for(3s);
  EXPECT_EQ(c.client().counts().authentications, 1U);
}

TEST_F(Failover, AnIsaThatHangsForAMomentIsLeftAlone) {
  Cluster& c = converged({.hold_count = 2});
  c.run_for(1s);
  for (int round = 0; round < 5; ++round) {
    c.host(A).hang_isa();
    c.run_for(250ms);
    c.host(A).isa_goes_on();
    c.run_for(1s);
  }
  EXPECT_EQ(c.master(), A);
  EXPECT_EQ(lost(), 0U);
}

// What came meanwhile waits in its TUNs, and nobody vouches for it any more.
TEST_F(Failover, WhatAHungIsaWorksOffLateIsFenced) {
  Cluster& c = converged({.hold_count = 2});
  c.run_for(1s);
  c.host(A).pause();
  c.host(A).hang_isa();
  EXPECT_TRUE(c.run_until([&] { return c.master() == B; }, 5s)) << c.report();
  c.host(A).isa_goes_on();
  c.run_for(1s);
  c.host(A).go_on();
  ASSERT_TRUE(c.run_until([&] { return c.redundant(); }, 20s)) << c.report();
  EXPECT_EQ(c.master(), B);
}

TEST_F(Failover, TheDeathOfSegwdAloneMovesMastership) {
  Cluster& c = converged();
  c.run_for(1s);
  c.host(A).kill_segwd();
  EXPECT_TRUE(c.run_until([&] { return c.master() == B; }, 5s)) << c.report();
  c.host(A).boot();
  ASSERT_TRUE(c.run_until([&] { return c.redundant(); }, 20s)) << c.report();
  EXPECT_EQ(c.client().counts().authentications, 1U);
}

TEST_F(Failover, AStoppedSegwdIsFencedAndDoesNotComeBackAsASecondMaster) {
  Cluster& c = converged();
  c.run_for(1s);
  c.host(A).pause();
  EXPECT_TRUE(c.run_until([&] { return c.master() == B; }, 5s)) << c.report();
  c.run_for(5s);
  c.host(A).go_on();
  c.run_for(100ms);
  EXPECT_EQ(c.master_count(), 1U);
  ASSERT_TRUE(c.run_until([&] { return c.redundant(); }, 20s)) << c.report();
  EXPECT_EQ(c.master(), B);
  EXPECT_EQ(c.client().counts().authentications, 1U);
}

// Redundancy rule 2. Who acts goes on; who does not is not there to take over (decision 0105).
TEST_F(Failover, AStandbyWhoseDiskRefusesTheActivationIsNotEligibleUntilItTakesIt) {
  Cluster& c = converged();
  c.host(B).refuse_writes(true);
  ASSERT_TRUE(c.hand_over(A)) << c.report();
  c.run_for(5s);
  EXPECT_EQ(c.master(), B) << "it acts already";
  EXPECT_TRUE(c.redundant());
  ASSERT_TRUE(c.hand_over(B)) << c.report();
  c.run_for(5s);
  EXPECT_EQ(c.master(), A);
  EXPECT_EQ(c.role_of(B).role, mimp::MasterState::NotEligible);
  c.host(B).refuse_writes(false);
  const auto back = [&] { return c.role_of(B).role == mimp::MasterState::Standby; };
  EXPECT_TRUE(c.run_until(back, 3s)) << c.report();
  EXPECT_EQ(lost(), 0U);
}

TEST_F(Failover, AfterARestartOfAllTheOneThatIsLeftActsUnderAHigherActivation) {
  Cluster& c = converged();
  const auto activation = [&c](HostId id) {
    const chassis::Chassis* chassis = c.host(id).chassis();
    return chassis != nullptr ? chassis->status().peers.at(0).groups.at(0).activation : 0;
  };
  ASSERT_TRUE(c.hand_over(A)) << c.report();
  c.run_for(2s);
  const uint64_t before = activation(B);
  ASSERT_GT(before, 1U);
  c.host(A).crash();
  c.host(B).crash();
  c.host(A).boot();  // it has heard of it, and has it on disk
  ASSERT_TRUE(c.run_until([&] { return c.master() == A; }, 20s)) << c.report();
  EXPECT_GT(activation(A), before);
}

TEST_F(Failover, WhenBothRestartTheClientAuthenticatesAgain) {
  Cluster& c = converged();
  c.host(A).crash();
  c.host(B).crash();
  c.run_for(1s);
  c.host(A).boot();
  c.host(B).boot();
  EXPECT_TRUE(c.run_until([&] { return c.client().counts().reauthentications == 1; }, 60s))
      << c.report();
  EXPECT_TRUE(c.run_until([&] { return c.redundant() && c.all_have_tunnels(); }, 30s))
      << c.report();
}

}  // namespace
}  // namespace segw::sim
