// From the release before to this one, without a client noticing: the chassis are restarted one
// after the other, and in between each takes over from the other.
#include "scenario.h"

namespace segw::sim {
namespace {

using namespace std::chrono_literals;

class RollingUpgrade : public Scenario {
 protected:
  [[nodiscard]] uint32_t version(HostId at) {
    return cluster().host(at).chassis()->status().peers.at(0).mcs_version;
  }
  // It is off for a second.
  void upgrade(HostId id) {
    cluster().host(id).crash();
    cluster().host(id).set_older(false);
    cluster().run_for(1s);
    cluster().host(id).boot();
    expect_redundant();
  }
  void expect_redundant() {
    EXPECT_TRUE(cluster().run_until([&] { return cluster().redundant(); }, 20s))
        << cluster().report();
  }
  // New keys, of which the other release holds the records: asked for by the client, or by the
  // gateway that renews what it has taken over.
  void rekey() {
    const auto made = [&] {
      return cluster().client().counts().rekeys + cluster().client().counts().answered_rekeys;
    };
    for (const Chore chore : {Chore::RekeyChild, Chore::RekeyIke}) {
      const uint64_t before = made();
      // Refused while the gateway has an exchange of its own: asked for again.
      const auto ask = [&] {
        (void)cluster().client().do_chore(chore);
        return made() > before;
      };
      EXPECT_TRUE(cluster().run_until(ask, 5s));
    }
  }
  void expect_served_by(HostId next) {
    Cluster& c = cluster();
    EXPECT_TRUE(c.run_until([&] { return c.master() == next; }, 5s)) << c.report();
    const uint64_t echoes = c.client().counts().echoes;
    EXPECT_TRUE(c.run_until([&] { return c.client().counts().echoes > echoes + 20; }, 5s))
        << c.report();
    EXPECT_EQ(c.client().counts().authentications, 1U);
  }
};

TEST_F(RollingUpgrade, LosesNothingWhereMastershipIsMovedBeforeEachRestart) {
  for (const bool dynamic : {false, true}) {
    Cluster& c = converged({.dynamic = dynamic, .older = true});
    const HostId first = *c.master();
    const HostId second = first == A ? B : A;
    EXPECT_EQ(version(first), 1U);
    upgrade(second);
    EXPECT_EQ(version(first), 1U);
    rekey();
    EXPECT_TRUE(c.hand_over(first)) << c.report();
    expect_served_by(second);
    rekey();
    expect_redundant();
    upgrade(first);
    EXPECT_EQ(version(first), 2U);
    EXPECT_EQ(version(second), 2U);
    EXPECT_TRUE(c.hand_over(second)) << c.report();
    expect_served_by(first);
    EXPECT_EQ(lost(), 0U);
    EXPECT_EQ(c.counts().unclean_takeovers, 0U);
  }
}

TEST_F(RollingUpgrade, EitherReleaseTakesOverFromACrashOfTheOther) {
  for (const HostId upgraded : {A, B}) {
    Cluster& c = converged({.older = true});
    const HostId other = upgraded == A ? B : A;
    upgrade(upgraded);
    const HostId first = *c.master();
    const HostId second = first == A ? B : A;
    c.host(first).crash();
    expect_served_by(second);
    c.host(first).boot();
    expect_redundant();
    c.host(second).crash();
    expect_served_by(first);
    c.host(second).boot();
    expect_redundant();
    EXPECT_EQ(c.counts().unclean_takeovers, 0U);
    EXPECT_TRUE(c.host(other).older());
    EXPECT_EQ(version(other), 1U);
  }
}

// The release before cannot merge: what the loser of a split did is lost there, and its client
// makes its tunnel anew; nothing repeats, and the pair is whole again.
TEST_F(RollingUpgrade, ASplitInTheMiddleOfItLeavesAWholePair) {
  for (const HostId upgraded : {A, B}) {
    Cluster& c = converged({.clients = 2, .chore_min = 500ms, .chore_max = 2s, .older = true});
    upgrade(upgraded);
    c.net().cut(A, B);
    c.run_for(c.hold_time() + 5s);
    EXPECT_EQ(c.master_count(), 2U);
    c.net().heal();
    expect_redundant();
    EXPECT_TRUE(c.run_until([&] { return c.all_have_tunnels(); }, 60s)) << c.report();
    EXPECT_TRUE(c.run_until([&] { return c.counts().unmerged == 1; }, 10s));
  }
}

}  // namespace
}  // namespace segw::sim
