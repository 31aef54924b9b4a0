// Domains: designated actives, and a designated standby that gives its ISA nothing until it acts.
#include "scenario.h"

namespace segw::sim {
namespace {

using namespace std::chrono_literals;

constexpr DomainNode kFirst{.priority = 120};
constexpr DomainNode kSecond{.priority = 110};
constexpr DomainNode kStandby{.role = mimp::DesignatedRole::Standby, .priority = 200};

class Domain : public Scenario {
 protected:
  // It acts, and carries the client's traffic in the tunnel that the client has had from the start.
  void expect_moved_to(HostId next, Duration within = 5s) {
    Cluster& c = cluster();
    EXPECT_TRUE(c.run_until([&] { return c.master() == next; }, within)) << c.report();
    const uint64_t echoes = c.client().counts().echoes;
    EXPECT_TRUE(c.run_until([&] { return c.client().counts().echoes > echoes + 20; }, 5s))
        << c.report();
    EXPECT_EQ(c.client().counts().authentications, 1U);
  }
  void expect_redundant() {
    EXPECT_TRUE(cluster().run_until([&] { return cluster().redundant(); }, 20s))
        << cluster().report();
  }
};

TEST_F(Domain, ActivityGoesFromOneToTheNextAndBackToARevertiveOne) {
  DomainNode first = kFirst;
  first.revertive = true;
  Cluster& c = converged({.domain = {first, kSecond, kStandby}});
  EXPECT_EQ(c.master(), A);
  c.host(A).crash();
  expect_moved_to(B);
  expect_redundant();
  c.host(B).crash();
  expect_moved_to(C);
  c.host(A).boot();
  c.host(B).boot();
  expect_redundant();
  EXPECT_EQ(c.master(), C);
  const uint64_t before = lost();
  expect_moved_to(A, 75s);  // the wait to restore
  EXPECT_EQ(lost(), before);
  expect_redundant();
}

TEST_F(Domain, OneCutLinkMakesNoSecondActive) {
  Cluster& c = converged({.domain = {kFirst, kSecond, kStandby}});
  c.net().cut(A, B);
  for (int i = 0; i < 200; ++i) {
    c.run_for(100ms);
    EXPECT_EQ(c.master_count(), 1U);
  }
  EXPECT_EQ(c.master(), A);
  EXPECT_EQ(c.role_of(B).role, mimp::MasterState::Standby);
  EXPECT_FALSE(c.role_of(B).in_sync);
  EXPECT_EQ(c.role_of(B).not_nominal, "the active is heard by other peers only");
  ASSERT_NE(c.host(B).steering(), nullptr);
  EXPECT_EQ(*c.host(B).steering(), platform::SteeringState{}) << "it shunts to nobody";
  EXPECT_EQ(c.host(C).shunts_to(), A);
  c.net().heal();
  expect_redundant();
  EXPECT_EQ(lost(), 0U);
}

TEST_F(Domain, ADoubleFailureLeavesTheThird) {
  Cluster& c = converged({.clients = 3, .domain = {kFirst, kSecond, kStandby}});
  c.run_for(1s);
  c.host(A).crash();
  c.host(B).kill_segwd();
  expect_moved_to(C);
  EXPECT_EQ(c.counts().unclean_takeovers, 0U);
  EXPECT_TRUE(c.all_have_tunnels());
}

TEST_F(Domain, AnyNodeMovesActivityToANamedOneWithoutALoss) {
  Cluster& c = converged({.domain = {kFirst, kSecond, kStandby}});
  EXPECT_TRUE(c.hand_over(C, B)) << c.report();
  expect_moved_to(B);
  expect_redundant();
  EXPECT_TRUE(c.hand_over(B, C)) << c.report();
  expect_moved_to(C);
  expect_redundant();
  EXPECT_TRUE(c.hand_over(B, A)) << c.report();
  expect_moved_to(A);
  EXPECT_EQ(lost(), 0U);
}

TEST_F(Domain, ClientsOfADormantStandbyGoOnWhenItWakes) {
  for (const bool pooled : {false, true}) {
    DomainNode standby = kStandby;
    standby.pooled = pooled;
    Cluster& c = converged({.clients = 3, .domain = {kFirst, standby}});
    c.run_for(1s);
    const auto spis = c.client().outbound_spis();
    c.host(A).crash();
    expect_moved_to(B);
    EXPECT_EQ(c.client().outbound_spis(), spis);
    EXPECT_TRUE(c.all_have_tunnels());
    // It sleeps again, and wakes once more.
    c.host(A).boot();
    expect_redundant();
    EXPECT_TRUE(c.hand_over(A)) << c.report();
    expect_moved_to(A);
    expect_redundant();
    c.host(A).crash();
    expect_moved_to(B);
  }
}

}  // namespace
}  // namespace segw::sim
