// Tunnels that clients make on demand, and their reverse routes, through losses and handovers.
#include "scenario.h"

namespace segw::sim {
namespace {

using namespace std::chrono_literals;

class DynamicGateway : public Scenario {
 protected:
  static ClusterOptions two_clients() { return {.clients = 2, .behind_nat = 3, .dynamic = true}; }
  static std::set<IpPrefix> inner_networks(Cluster& c) {
    std::set<IpPrefix> networks;
    for (size_t i = 0; i < c.clients(); ++i) networks.insert(c.client(i).spec().inner_network);
    return networks;
  }
};

TEST_F(DynamicGateway, ClientsGetTheirTunnelsAndRoutesOnBothChassis) {
  Cluster& c = converged(two_clients());
  c.run_for(5s);
  EXPECT_EQ(lost(), 0U);
  EXPECT_EQ(c.host(A).added_routes(), inner_networks(c));
  EXPECT_EQ(c.host(B).added_routes(), inner_networks(c));
}

TEST_F(DynamicGateway, TheStandbyGoesOnWithTheSameSasAndTouchesNoRoute) {
  ClusterOptions options = two_clients();
  options.rekeys_taken_over = false;
  Cluster& c = converged(options);
  c.run_for(2s);
  const auto spis = c.client(1).outbound_spis();
  c.host(A).crash();
  EXPECT_TRUE(c.run_until([&] { return c.master() == B; }, c.hold_time() + 1s)) << c.report();
  c.run_for(5s);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(c.client(i).counts().authentications, 1U);
    EXPECT_GT(c.client(i).counts().echoes, 100U);
  }
  EXPECT_EQ(c.client(1).outbound_spis(), spis);
  EXPECT_EQ(c.host(B).added_routes(), inner_networks(c));
}

TEST_F(DynamicGateway, ARekeyAtTheSuccessorKeepsTheRoute) {
  Cluster& c = converged(two_clients());
  c.host(A).crash();
  ASSERT_TRUE(c.run_until([&] { return c.master() == B; }, 5s)) << c.report();
  c.run_for(1s);
  for (const Chore chore : {Chore::RekeyChild, Chore::RekeyIke, Chore::RekeyChild}) {
    ASSERT_TRUE(c.run_until([&] { return c.client().idle(); }, 5s));
    ASSERT_TRUE(c.client().do_chore(chore));
    c.run_for(2s);
    EXPECT_EQ(c.host(B).added_routes(), inner_networks(c));
  }
  EXPECT_EQ(c.client().counts().authentications, 1U);
}

TEST_F(DynamicGateway, RoutesGoWithTheirTunnelAndComeWithTheNext) {
  Cluster& c = converged(two_clients());
  c.run_for(1s);
  ASSERT_TRUE(c.run_until([&] { return c.client().idle(); }, 5s));
  ASSERT_TRUE(c.client().do_chore(Chore::NewTunnel));
  EXPECT_TRUE(c.run_until([&] { return c.host(A).added_routes().size() == 1; }, 2s));
  EXPECT_TRUE(c.run_until([&] { return c.host(B).added_routes().size() == 1; }, 2s));
  EXPECT_TRUE(c.run_until([&] { return c.host(B).added_routes() == inner_networks(c); }, 10s));
}

TEST_F(DynamicGateway, AReturnedChassisHasTheRoutesAgain) {
  Cluster& c = converged(two_clients());
  c.host(A).crash();
  ASSERT_TRUE(c.run_until([&] { return c.master() == B; }, 5s));
  c.host(A).boot();
  ASSERT_TRUE(c.run_until([&] { return c.redundant(); }, 20s)) << c.report();
  EXPECT_TRUE(c.run_until([&] { return c.host(A).added_routes() == inner_networks(c); }, 2s));
}

TEST_F(DynamicGateway, AHandoverLosesNothing) {
  Cluster& c = converged(two_clients());
  c.run_for(2s);
  ASSERT_TRUE(c.hand_over(A));
  c.run_for(2s);
  EXPECT_EQ(lost(), 0U);
  EXPECT_EQ(c.master(), B);
}

}  // namespace
}  // namespace segw::sim
