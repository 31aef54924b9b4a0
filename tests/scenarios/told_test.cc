// What a client was told, when faults end one after the other: what is nobody's duty any more, and
// what excuses a loss (docs/decisions/0115, 0119).
#include <algorithm>
#include <array>

#include "scenario.h"

namespace segw::sim {
namespace {

using namespace std::chrono_literals;

class Told : public Scenario {
 protected:
  [[nodiscard]] const mcs::GroupState* state(HostId at) {
    const chassis::Chassis* chassis = cluster().host(at).chassis();
    return chassis == nullptr ? nullptr : chassis->group_state(kGroup);
  }
  [[nodiscard]] bool holds_another(HostId at, IkeSpi than) {
    const auto* held = state(at);
    return held != nullptr && std::ranges::any_of(held->ike_sas, [&](const auto& entry) {
             return entry.first != than && entry.second.state == ike::IkeState::Established;
           });
  }
  [[nodiscard]] bool acts_alone(HostId id) {
    return cluster().master() == id && cluster().master_count() == 1;
  }
  [[nodiscard]] uint64_t excused(LossExcuse why) {
    return cluster().counts().excused.at(static_cast<size_t>(why));
  }
  void reach(HostId id) {
    cluster().packets().announce(id, platform::Side::Public);
    cluster().packets().announce(id, platform::Side::Private);
  }
  void restart_cut_off(HostId id) {
    cluster().net().cut(A, B);
    cluster().host(id).crash();
    cluster().run_for(cluster().hold_time() + 1s);
    cluster().host(id).boot();
  }
};

// Of what a client deleted the newest are kept, for repetitions. A delete that waited while the
// chassis was stopped takes the place of the oldest, just before the role ends: of that one there
// is nothing to offer.
TEST_F(Told, WhatEndsInTheMomentThatEndsARoleIsNotMissedAfterTheMerge) {
  Cluster& c = converged();
  const HostId stopped = *c.master();
  const HostId other = stopped == A ? B : A;
  c.net().cut(A, B);
  c.host(other).crash();
  c.run_for(c.hold_time() + 1s);
  const auto closed = [&] {
    return std::ranges::count_if(state(stopped)->ike_sas, [](const auto& entry) {
      return entry.second.state == ike::IkeState::Closed;
    });
  };
  int64_t most = -1;  // deleted ones, none of which the other chassis ever had but the first
  while (closed() > most || closed() < 2) {
    most = closed();
    ASSERT_TRUE(c.run_until([&] { return c.client().do_chore(Chore::NewTunnel); }, 2s));
    c.run_for(100ms);
    ASSERT_TRUE(c.run_until([&] { return c.all_have_tunnels(); }, 5s)) << c.report();
  }
  c.host(other).boot();
  c.host(stopped).pause();
  ASSERT_TRUE(c.run_until([&] { return c.client().do_chore(Chore::NewTunnel); }, 2s));
  ASSERT_TRUE(c.run_until([&] { return acts_alone(other); }, 10s)) << c.report();
  c.net().heal();
  c.host(stopped).go_on();
  EXPECT_TRUE(c.run_until([&] { return c.redundant(); }, 20s)) << c.report();
  c.run_for(1s);
}

// IKE_AUTH made it before the client could know of it, and nothing of IKE came since.
TEST_F(Told, ATunnelThatWasMadeInASplitIsLostWhereTheReleaseBeforeWins) {
  Cluster& c = converged({.responder_only = false, .gateway_begins = 1, .older = true});
  const HostId winner = *c.master();
  const HostId other = winner == A ? B : A;
  c.host(other).set_older(false);
  restart_cut_off(other);
  c.run_for(2900ms);
  ASSERT_TRUE(c.client().do_chore(Chore::NewTunnel));
  ASSERT_TRUE(c.run_until([&] { return c.master_count() == 2; }, 2s)) << c.report();
  reach(other);
  ASSERT_TRUE(c.run_until([&] { return c.all_have_tunnels(); }, 1s)) << c.report();
  c.run_for(500ms);
  c.net().heal();
  EXPECT_TRUE(c.run_until([&] { return excused(LossExcuse::MovedInSplit) == 1; }, 20s))
      << c.report();
  EXPECT_TRUE(c.run_until([&] { return c.redundant() && c.all_have_tunnels(); }, 20s));
}

// Redundancy rule 13: a chassis that had the keys before it lost its state folder may not seal,
// also if the client was told later, by the other one.
TEST_F(Told, AnIkeSaThatIsOlderThanALostDiskIsNotAnsweredThere) {
  Cluster& c = converged();
  const HostId first = *c.master();
  const HostId second = first == A ? B : A;
  const IkeSpi old = state(first)->ike_sas.begin()->first;
  ASSERT_TRUE(c.client().do_chore(Chore::NewTunnel));
  // Its answer waits for the acknowledgement, which is under way for longer than such a step.
  for (int i = 0; i < 100'000 && !holds_another(second, old); ++i) c.run_for(20us);
  ASSERT_TRUE(holds_another(second, old));
  c.host(first).crash();
  c.host(first).lose_disk();
  ASSERT_TRUE(c.run_until([&] { return c.all_have_tunnels(); }, 20s)) << c.report();
  ASSERT_TRUE(acts_alone(second));
  c.packets().set_client_quality({.loss_per_mille = 1000});  // the rekey that is due does not come
  c.host(first).boot();
  ASSERT_TRUE(c.run_until([&] { return c.redundant(); }, 20s)) << c.report();
  c.run_for(200ms);
  c.host(second).crash();
  ASSERT_TRUE(c.run_until([&] { return acts_alone(first); }, 10s)) << c.report();
  c.packets().set_client_quality({});
  ASSERT_TRUE(c.client().do_chore(Chore::Liveness));
  EXPECT_TRUE(c.run_until([&] { return excused(LossExcuse::LostDisk) == 1; }, 40s)) << c.report();
}

}  // namespace
}  // namespace segw::sim
