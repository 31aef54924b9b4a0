// Both chassis act while their links are cut, each with clients of its own; then the links heal.
#include <algorithm>

#include "mcs/merge.h"
#include "scenario.h"

namespace segw::sim {
namespace {

using namespace std::chrono_literals;

class Split : public Scenario {
 protected:
  // Both act. The clients reach the one that took over: it announced itself last.
  Cluster& cut(const ClusterOptions& options = {.clients = 2}) {
    Cluster& c = converged(options);
    c.run_for(1s);
    c.net().cut(A, B);
    EXPECT_TRUE(c.run_until([&] { return c.master_count() == 2; }, c.hold_time() + 2s))
        << c.report();
    c.run_for(1s);
    return c;
  }
  // From here on clients and core hosts reach this chassis.
  void move_all_to(HostId host) {
    cluster().packets().announce(host, platform::Side::Public);
    cluster().packets().announce(host, platform::Side::Private);
  }
  void does(size_t client, Chore chore) {
    Cluster& c = cluster();
    ASSERT_TRUE(c.run_until([&] { return c.client(client).idle(); }, 2s));
    ASSERT_TRUE(c.client(client).do_chore(chore));
    ASSERT_TRUE(c.run_until([&] { return c.client(client).idle(); }, 2s)) << c.report();
    c.run_for(500ms);
  }
  void heal() {
    Cluster& c = cluster();
    c.net().heal();
    EXPECT_TRUE(c.run_until([&] { return c.master_count() == 1; }, c.hold_time() + 8s))
        << c.report();
    EXPECT_TRUE(c.run_until([&] { return c.redundant(); }, 20s)) << c.report();
  }
  // What every client sends in comes back out, by the SAs that it has now.
  void all_flows() {
    Cluster& c = cluster();
    c.run_for(2s);
    for (size_t i = 0; i < c.clients(); ++i) {
      const uint64_t probes = c.client(i).counts().probes;
      const uint64_t echoes = c.client(i).counts().echoes;
      c.run_for(3s);
      EXPECT_GE(c.client(i).counts().echoes - echoes + 2, c.client(i).counts().probes - probes)
          << i << c.report();
      EXPECT_EQ(c.client(i).counts().reauthentications, 0U) << i;
    }
  }
};

// By turns: which of the two goes on does not matter.
TEST_F(Split, EachChassisKeepsTheClientsOfTheOther) {
  Cluster& c = cut();
  does(0, Chore::RekeyChild);
  does(0, Chore::RekeyIke);
  move_all_to(A);
  does(1, Chore::RekeyIke);
  does(1, Chore::RekeyChild);
  heal();
  all_flows();
  for (size_t i = 0; i < c.clients(); ++i) EXPECT_EQ(c.client(i).counts().authentications, 1U);
  // Its own numbers are in step.
  for (size_t i = 0; i < c.clients(); ++i) does(i, Chore::Liveness);
  all_flows();
}

TEST_F(Split, TunnelsThatWereMadeInItAreKept) {
  Cluster& c = cut();
  does(0, Chore::NewTunnel);
  ASSERT_TRUE(c.run_until([&] { return c.client(0).has_tunnel(); }, 5s));
  move_all_to(A);
  does(1, Chore::NewTunnel);
  ASSERT_TRUE(c.run_until([&] { return c.client(1).has_tunnel(); }, 5s));
  c.run_for(1s);
  heal();
  all_flows();
  for (size_t i = 0; i < c.clients(); ++i) EXPECT_EQ(c.client(i).counts().authentications, 2U);
}

TEST_F(Split, WhatWasMergedSurvivesTheNextFailover) {
  Cluster& c = cut();
  does(0, Chore::RekeyIke);
  move_all_to(A);
  does(1, Chore::RekeyChild);
  heal();
  c.run_for(2s);
  const HostId active = c.master().value_or(A);
  c.host(active).crash();
  ASSERT_TRUE(c.run_until([&] { return c.master() == (active == A ? B : A); }, 5s)) << c.report();
  all_flows();
}

TEST_F(Split, OneAfterTheOther) {
  Cluster& c = converged({.clients = 2});
  for (int round = 0; round < 4; ++round) {
    c.net().cut(A, B);
    ASSERT_TRUE(c.run_until([&] { return c.master_count() == 2; }, c.hold_time() + 2s));
    c.run_for(1s);
    does(round % 2, Chore::RekeyChild);
    does(1 - (round % 2), Chore::RekeyIke);
    heal();
    all_flows();
  }
}

// ---- one request of ours that both chassis sent ----

class TwinRequest : public Split {
 protected:
  const ike::IkeSa* ike_of(HostId id) {
    const auto* state = cluster().host(id).chassis()->group_state(kGroup);
    return state->ike_sas.empty() ? nullptr : &state->ike_sas.begin()->second;
  }
  bool asks(HostId id) {
    const ike::IkeSa* sa = ike_of(id);
    return sa != nullptr && sa->pending &&
           sa->pending->kind == ike::PendingRequest::Kind::RekeyChild;
  }
};

// The one got the answer, made the SA, sealed on it, and forgot that as it restarted. The other one
// gets the answer then, from a client that says it again (redundancy rule 11).
TEST_F(TwinRequest, WhoGetsTheAnswerLaterUsesOnlyItsOwnNumbers) {
  ClusterOptions options{.clients = 1};
  options.responder_only = false;
  options.child_lifetime = 20s;
  Cluster& c = converged(options);
  c.packets().set_client_quality({.loss_per_mille = 1000, .delay_min = 4ms, .delay_max = 5ms});
  ASSERT_TRUE(c.run_until([&] { return asks(A) && asks(B); }, 30s)) << c.report();
  c.net().cut(A, B);
  ASSERT_TRUE(c.run_until([&] { return c.master_count() == 2; }, c.hold_time() + 2s));
  c.packets().set_client_quality({.delay_min = 4ms, .delay_max = 5ms});
  ASSERT_TRUE(c.run_until([&] { return !asks(B); }, 20s)) << c.report();
  const uint64_t echoes = c.client().counts().echoes;
  c.run_for(1s);
  ASSERT_GT(c.client().counts().echoes, echoes) << "sealed by B";
  ASSERT_TRUE(asks(A));
  c.host(B).crash();
  c.net().heal();
  c.host(B).boot();
  ASSERT_TRUE(c.run_until([&] { return c.redundant(); }, 10s)) << c.report();
  ASSERT_TRUE(asks(A)) << "it comes back before the answer";
  move_all_to(A);
  ASSERT_TRUE(c.run_until([&] { return !asks(A); }, 30s)) << c.report();
  c.run_for(3s);
  EXPECT_TRUE(c.violations().empty()) << c.report();
}

// ---- one request that both chassis answered ----

class TwinSas : public Split {
 protected:
  // The client asks the first, whose answer is lost, and then the second.
  void rekey_at_both(HostId first, HostId second) {
    Cluster& c = cluster();
    move_all_to(first);
    ASSERT_TRUE(c.run_until([&] { return c.client().idle(); }, 2s));
    ASSERT_TRUE(c.client().do_chore(Chore::RekeyChild));
    const LinkQuality good{.delay_min = 4ms, .delay_max = 5ms};
    c.packets().set_client_quality({.loss_per_mille = 1000, .delay_min = 4ms, .delay_max = 5ms});
    c.run_for(20ms);
    c.packets().set_client_quality(good);
    move_all_to(second);
    ASSERT_TRUE(c.run_until([&] { return c.client().idle(); }, 5s)) << c.report();
    c.run_for(1s);
  }
  // CHILD SAs at this chassis: those that may send, those that only receive.
  std::pair<size_t, size_t> held(HostId id) {
    std::pair<size_t, size_t> counts{0, 0};
    for (const auto& [spi, sa] : cluster().host(id).chassis()->group_state(kGroup)->child_sas) {
      ++(mcs::only_receives(sa) ? counts.second : counts.first);
    }
    return counts;
  }
};

TEST_F(TwinSas, OnlyTheOneThatTheClientUsesSends) {
  for (const auto& [used, rekeys] :
       {std::pair(A, false), std::pair(B, false), std::pair(A, true), std::pair(B, true)}) {
    Cluster& c = cut({.clients = 1, .rekeys_taken_over = rekeys});
    rekey_at_both(used == A ? B : A, used);
    heal();
    all_flows();
    const HostId active = c.master().value_or(A);
    if (!rekeys) {
      EXPECT_EQ(held(active), std::pair(size_t{1}, size_t{1})) << int{used};
    }
    c.run_for(181s);
    EXPECT_EQ(held(active), std::pair(size_t{1}, size_t{0})) << int{used};
    all_flows();
  }
}

// Neither was heard, and the client said as much to both: the winner's own is as good a guess.
TEST_F(TwinSas, WhatIsHeardAfterTheMergeDecides) {
  Cluster& c = cut({.clients = 1, .rekeys_taken_over = false});
  c.client().set_probes(false);
  c.run_for(500ms);
  const LinkQuality good{.delay_min = 4ms, .delay_max = 5ms};
  const LinkQuality dead{.loss_per_mille = 1000, .delay_min = 4ms, .delay_max = 5ms};
  move_all_to(A);
  ASSERT_TRUE(c.client().do_chore(Chore::RekeyChild));
  c.packets().set_client_quality(dead);
  c.run_for(20ms);
  ASSERT_EQ(held(A).first, 2U) << "its answer is lost";
  move_all_to(B);
  c.packets().set_client_quality(good);
  while (held(B).first < 2) c.run_for(1ms);
  c.packets().set_client_quality(dead);  // the answer is under way; nothing of the client follows
  c.run_for(20ms);
  heal();
  ASSERT_EQ(c.master(), A);
  const auto& sas = c.host(A).chassis()->group_state(kGroup)->child_sas;
  const auto used = [&] {
    return std::ranges::count_if(sas, [](const auto& entry) {
      return entry.first.value >> 30 == B && !mcs::only_receives(entry.second);
    });
  };
  ASSERT_EQ(held(A), std::pair(size_t{2}, size_t{1})) << "the old one, and one of the twins";
  ASSERT_EQ(used(), 0);
  c.packets().set_client_quality(good);
  c.client().set_probes(true);
  c.run_for(1s);
  EXPECT_EQ(used(), 1) << "the client uses the loser's";
  all_flows();
}

// ---- redundancy rule 6 ----

class Outranked : public Split {
 protected:
  // The links are back, but slow: a merge takes nine of these delays.
  void heal_slowly(Duration delay) {
    Cluster& c = cluster();
    c.net().heal();
    const LinkQuality slow{.delay_min = delay, .delay_max = delay};
    c.net().set_quality(A, B, slow);
    c.net().set_quality(B, A, slow);
    EXPECT_TRUE(c.run_until([&] { return loser().has_value(); }, 8s)) << c.report();
  }
  std::optional<HostId> loser() {
    for (const HostId id : {A, B}) {
      if (cluster().role_of(id).role == mimp::MasterState::Standby) return id;
    }
    return {};
  }
};

TEST_F(Outranked, ServesUntilItIsMergedAndLosesNothing) {
  Cluster& c = cut();
  does(0, Chore::RekeyChild);
  does(1, Chore::RekeyIke);
  c.run_for(1s);
  const uint64_t before = lost();
  heal_slowly(100ms);
  ASSERT_EQ(loser(), B) << "whom the clients reach";
  EXPECT_EQ(c.master_count(), 2U);
  const Instant outranked = c.world().now();
  EXPECT_TRUE(c.run_until([&] { return c.master_count() == 1; }, 4s)) << c.report();
  EXPECT_GE(c.world().now() - outranked, 500ms);
  c.run_for(3s);
  EXPECT_LE(lost() - before, 2U) << c.report();
  EXPECT_EQ(c.client(0).counts().reauthentications, 0U);
}

TEST_F(Outranked, ServesForFiveSecondsAtMost) {
  Cluster& c = cut();
  does(0, Chore::RekeyChild);
  heal_slowly(600ms);
  const Instant outranked = c.world().now();
  EXPECT_TRUE(c.run_until([&] { return c.master_count() == 1; }, 8s)) << c.report();
  EXPECT_GE(c.world().now() - outranked, 4900ms);
  EXPECT_LE(c.world().now() - outranked, 5100ms);
  c.net().heal();
  EXPECT_TRUE(c.run_until([&] { return c.redundant(); }, 20s)) << c.report();
  all_flows();
}

TEST_F(Outranked, AnswersNoRequestOfAClient) {
  Cluster& c = cut();
  does(0, Chore::RekeyChild);
  heal_slowly(100ms);
  ASSERT_EQ(loser(), B);
  const auto held = [&] { return c.host(B).chassis()->group_state(kGroup)->ike_sas; };
  const auto before = held();
  ASSERT_TRUE(c.client(0).do_chore(Chore::Liveness));
  c.run_for(100ms);
  EXPECT_EQ(c.master_count(), 2U);
  EXPECT_FALSE(c.client(0).idle());
  for (const auto& [spi, sa] : held()) {
    EXPECT_EQ(sa.next_request_in, before.at(spi).next_request_in);
  }
  EXPECT_TRUE(c.run_until([&] { return c.client(0).idle(); }, 8s)) << "the winner answers it";
}

TEST_F(Outranked, StopsAtOnceWithoutItsIsa) {
  Cluster& c = cut();
  does(0, Chore::RekeyChild);
  heal_slowly(100ms);
  ASSERT_TRUE(loser());
  ASSERT_EQ(c.master_count(), 2U);
  c.host(*loser()).crash_isa();
  EXPECT_EQ(c.master_count(), 1U);
  c.net().heal();
  c.run_for(2s);
  EXPECT_EQ(c.master_count(), 1U);
  EXPECT_TRUE(c.run_until([&] { return c.redundant(); }, 20s)) << c.report();
  all_flows();
}

// The winner dies before it has what the loser did.
TEST_F(Outranked, GoesOnActingWhenTheWinnerDies) {
  Cluster& c = cut();
  does(0, Chore::RekeyIke);
  does(1, Chore::RekeyChild);
  heal_slowly(100ms);
  const HostId stays = loser().value_or(B);
  c.host(stays == A ? B : A).crash();
  EXPECT_TRUE(c.run_until([&] { return !loser().has_value(); }, 8s)) << c.report();
  c.run_for(3s);
  EXPECT_EQ(c.master(), stays);
  all_flows();
  c.net().heal();
  c.host(stays == A ? B : A).boot();
  EXPECT_TRUE(c.run_until([&] { return c.redundant(); }, 20s)) << c.report();
  all_flows();
}

}  // namespace
}  // namespace segw::sim
