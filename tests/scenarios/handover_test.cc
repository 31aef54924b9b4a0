// Planned handover (redundancy rule 23).
#include <gmock/gmock.h>

#include "scenario.h"

namespace segw::sim {
namespace {

using namespace std::chrono_literals;
using ::testing::StartsWith;

using HandoverScenario = Scenario;

TEST_F(HandoverScenario, LosesNothingThereAndBack) {
  Cluster& c = converged({.probe_interval = 10ms});
  c.run_for(2s);
  EXPECT_TRUE(c.hand_over(A)) << c.report();
  EXPECT_EQ(c.master(), B);
  c.run_for(3s);
  EXPECT_TRUE(c.hand_over(B)) << c.report();
  EXPECT_EQ(c.master(), A);
  c.run_for(2s);
  EXPECT_EQ(lost(), 0U);
  EXPECT_EQ(c.client().counts().authentications, 1U);
}

TEST_F(HandoverScenario, AnOrderlyEndOfTheActiveLosesNothing) {
  Cluster& c = converged({.probe_interval = 10ms});
  c.run_for(2s);
  bool may_end = false;
  c.host(A).chassis()->hand_over_all([&] { may_end = true; });
  ASSERT_TRUE(c.run_until([&] { return may_end; }, 1s));
  EXPECT_EQ(c.master(), B);
  c.host(A).crash();
  c.run_for(3s);
  EXPECT_EQ(lost(), 0U);
  EXPECT_EQ(c.client().counts().authentications, 1U);
}

TEST_F(HandoverScenario, AnEndDoesNotWaitForWhoIsNotThere) {
  Cluster& c = converged();
  c.host(B).crash();
  c.run_for(5s);
  bool may_end = false;
  c.host(A).chassis()->hand_over_all([&] { may_end = true; });
  EXPECT_TRUE(may_end);
  EXPECT_EQ(c.master(), A);
}

TEST_F(HandoverScenario, CanBeAskedForAtTheStandby) {
  Cluster& c = converged();
  EXPECT_TRUE(c.hand_over(B)) << c.report();
  EXPECT_EQ(c.master(), B);
  c.run_for(2s);
  EXPECT_EQ(lost(), 0U);
}

TEST_F(HandoverScenario, IsRefusedWithoutAStandbyInSync) {
  Cluster& c = converged();
  c.host(B).crash();
  c.run_for(5s);
  EXPECT_FALSE(c.hand_over(A));
  EXPECT_EQ(c.master(), A);
}

TEST_F(HandoverScenario, ACrashAtAnyMomentOfItLeavesOneMaster) {
  for (const HostId victim : {A, B}) {
    for (int delay_us = 0; delay_us < 4000; delay_us += 250) {
      Cluster& c = converged();
      c.world().after(kNature, std::chrono::microseconds(delay_us),
                      [&c, victim] { c.host(victim).crash(); });
      c.hand_over(A);
      const HostId survivor = victim == A ? B : A;
      ASSERT_TRUE(c.run_until([&] { return c.master() == survivor; }, 6s)) << c.report();
      const uint64_t echoes = c.client().counts().echoes;
      c.run_for(3s);
      ASSERT_GT(c.client().counts().echoes, echoes) << c.report();
      ASSERT_EQ(c.client().counts().authentications, 1U) << c.report();
      ASSERT_TRUE(c.violations().empty()) << c.report();
    }
  }
}

// The role is refused to it once the windows are there. It must say so: else both are closed until
// its ISA is back, perhaps for ever.
TEST_F(HandoverScenario, ATargetWhoseIsaDiesForGoodAtAnyMomentLeavesTheMasterActing) {
  for (int delay_us = 0; delay_us < 4000; delay_us += 250) {
    Cluster& c = converged();
    c.world().after(kNature, std::chrono::microseconds(delay_us), [&c] {
      c.host(B).refuse_isas(true);
      c.host(B).crash_isa();
    });
    std::optional<Result<std::string>> outcome;
    c.host(A).chassis()->force_switchover(
        kGroup, [&outcome](const Result<std::string>& result) { outcome = result; });
    ASSERT_TRUE(c.run_until([&] { return outcome.has_value(); }, 2s)) << delay_us << c.report();
    // Or it had moved before, and comes back.
    ASSERT_TRUE(c.run_until([&] { return c.master() == A; }, 2s)) << delay_us << c.report();
    if (!*outcome) {
      ASSERT_THAT(outcome->error().text, StartsWith("mastership was not moved"));
    }
    c.run_for(500ms);
    const uint64_t echoes = c.client().counts().echoes;
    c.run_for(1s);
    ASSERT_GT(c.client().counts().echoes, echoes) << delay_us << c.report();
    ASSERT_EQ(c.client().counts().authentications, 1U) << c.report();
    ASSERT_TRUE(c.violations().empty()) << c.report();
  }
}

TEST_F(HandoverScenario, AnOperatorsActionIsRefusedWhileItIsUnderWay) {
  Cluster& c = converged();
  bool moved = false;
  c.host(A).chassis()->force_switchover(
      kGroup, [&moved](const Result<std::string>& result) { moved = result.has_value(); });
  const auto refused =
      c.host(A).chassis()->perform_on_tunnel("client1", ike::TunnelAction::RekeyChild);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().text, "a switchover is under way");
  const auto not_cleared = c.host(A).chassis()->clear_tunnel("client1");
  ASSERT_FALSE(not_cleared);
  EXPECT_EQ(not_cleared.error().text, "a switchover is under way");
  EXPECT_TRUE(c.run_until([&] { return moved; }, 2s)) << c.report();
}

TEST_F(HandoverScenario, ACutInTheMiddleOfItEndsWithOneMasterAfterHealing) {
  for (int delay_us = 0; delay_us < 4000; delay_us += 500) {
    Cluster& c = converged();
    c.world().after(kNature, std::chrono::microseconds(delay_us), [&c] { c.net().cut(A, B); });
    c.hand_over(A);
    c.net().heal();
    ASSERT_TRUE(c.run_until([&] { return c.redundant(); }, 25s)) << delay_us << c.report();
    ASSERT_EQ(c.client().counts().authentications, 1U) << c.report();
    ASSERT_TRUE(c.violations().empty()) << c.report();
  }
}

}  // namespace
}  // namespace segw::sim
