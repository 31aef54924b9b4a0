// What an operator asks for at the console, and what the client sees of it.
#include "scenario.h"

namespace segw::sim {
namespace {

using namespace std::chrono_literals;
using ike::TunnelAction;

class Operator : public Scenario {
 protected:
  Result<std::string> ask(HostId at, TunnelAction action) {
    return cluster().host(at).chassis()->perform_on_tunnel("client1", action);
  }
};

TEST_F(Operator, RekeysThoughTheGroupIsResponderOnly) {
  Cluster& c = converged();
  ASSERT_TRUE(ask(A, TunnelAction::RekeyChild));
  EXPECT_TRUE(c.run_until([&] { return c.client().counts().answered_rekeys == 1; }, 1s));
  ASSERT_TRUE(ask(A, TunnelAction::RekeyIke));
  EXPECT_TRUE(c.run_until([&] { return c.client().counts().answered_rekeys == 2; }, 1s));
  c.run_for(2s);
  EXPECT_EQ(lost(), 0U) << c.report();
  EXPECT_EQ(c.client().counts().authentications, 1U);
}

TEST_F(Operator, OnlyTheMasterDoesIt) {
  Cluster& c = converged();
  for (const TunnelAction action :
       {TunnelAction::RekeyChild, TunnelAction::RekeyIke, TunnelAction::DeleteChild,
        TunnelAction::DeleteIke, TunnelAction::Liveness}) {
    const auto refused = ask(B, action);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().text, "this chassis does not act for the tunnel group");
  }
  EXPECT_FALSE(c.host(A).chassis()->perform_on_tunnel("nobody", TunnelAction::Liveness));
}

TEST_F(Operator, WhatIsNotThereIsSaid) {
  ClusterOptions options;
  options.gateway_begins = 1;  // the client waits for a gateway that does not begin
  make(options);
  cluster().boot();
  ASSERT_TRUE(cluster().run_until([&] { return cluster().master() == A; }, 20s));
  const auto refused = ask(A, TunnelAction::Liveness);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().text, "the tunnel has no established IKE SA");
}

TEST_F(Operator, AsksForLivenessAndDeletes) {
  Cluster& c = converged();
  const uint64_t sent = c.messages_sent(A);
  ASSERT_TRUE(ask(A, TunnelAction::Liveness));
  c.run_for(100ms);
  EXPECT_GT(c.messages_sent(A), sent);
  c.operator_ends();
  ASSERT_TRUE(ask(A, TunnelAction::DeleteIke));
  EXPECT_TRUE(c.run_until([&] { return c.client().counts().authentications == 2; }, 10s));
}

}  // namespace
}  // namespace segw::sim
