// Cut and bad links between the chassis.
#include "scenario.h"

namespace segw::sim {
namespace {

using namespace std::chrono_literals;

using Cut = Scenario;

TEST_F(Cut, BothActWhileCutAndOneAfterHealing) {
  Cluster& c = converged();
  c.net().cut(A, B);
  EXPECT_TRUE(c.run_until([&] { return c.master_count() == 2; }, c.hold_time() + 2s)) << c.report();
  c.run_for(3s);
  c.net().heal();
  EXPECT_TRUE(c.run_until([&] { return c.master_count() == 1; }, c.hold_time() + 7s)) << c.report();
  EXPECT_TRUE(c.run_until([&] { return c.redundant(); }, 20s)) << c.report();
  c.run_for(5s);
  EXPECT_TRUE(c.all_have_tunnels());
}

TEST_F(Cut, AOneWayCutEndsWithOneMaster) {
  for (const HostId from : {A, B}) {
    Cluster& c = converged();
    c.net().cut_one_way(from, from == A ? B : A);
    c.run_for(8s);
    c.net().heal();
    EXPECT_TRUE(c.run_until([&] { return c.redundant(); }, 20s)) << c.report();
    EXPECT_EQ(c.master_count(), 1U);
  }
}

TEST_F(Cut, AShortCutIsNotNoticed) {
  Cluster& c = converged();
  c.net().cut(A, B);
  c.run_for(600ms);
  c.net().heal();
  c.run_for(5s);
  EXPECT_EQ(c.master(), A);
  EXPECT_EQ(lost(), 0U);
}

TEST_F(Cut, ABadLinkLosesNoTunnel) {
  Cluster& c = converged({.chore_min = 1s, .chore_max = 3s});
  const LinkQuality bad{
      .loss_per_mille = 100, .duplicate_per_mille = 100, .delay_min = 1ms, .delay_max = 20ms};
  c.net().set_quality(A, B, bad);
  c.net().set_quality(B, A, bad);
  c.run_for(40s);
  EXPECT_EQ(c.client().counts().reauthentications, 0U);
}

TEST_F(Cut, AClogOfAnyLengthEndsWithOneMaster) {
  Cluster& c = converged();
  for (const auto length : {200ms, 900ms, 3000ms}) {
    c.net().clog(c.master().value_or(A), length);
    c.run_for(length);
    EXPECT_TRUE(c.run_until([&] { return c.redundant(); }, 20s)) << c.report();
  }
  EXPECT_EQ(c.master_count(), 1U);
}

}  // namespace
}  // namespace segw::sim
