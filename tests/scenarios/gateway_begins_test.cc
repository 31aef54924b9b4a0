// Tunnels that the gateway begins, and SAs that it rekeys, with a crash after each of its messages.
#include "scenario.h"

namespace segw::sim {
namespace {

using namespace std::chrono_literals;

ClusterOptions begins() {
  ClusterOptions options;
  options.responder_only = false;
  options.gateway_begins = 1;
  return options;
}

class GatewayBegins : public Scenario {};

TEST_F(GatewayBegins, TrafficFlowsBothWays) {
  Cluster& c = converged(begins());
  EXPECT_EQ(c.client().counts().answered_set_ups, 1U);
  const uint64_t echoes = c.client().counts().echoes;
  c.run_for(3s);
  EXPECT_GT(c.client().counts().echoes, echoes + 40);
}

TEST_F(GatewayBegins, AResponderOnlyGroupDoesNot) {
  ClusterOptions options = begins();
  options.responder_only = true;
  make(options);
  cluster().boot();
  cluster().run_for(10s);
  EXPECT_FALSE(cluster().client().has_tunnel());
}

TEST_F(GatewayBegins, TheClientsDeleteIsFollowedByANewTunnel) {
  Cluster& c = converged(begins());
  c.run_for(1s);
  ASSERT_TRUE(c.client().do_chore(Chore::NewTunnel));
  ASSERT_TRUE(c.run_until([&] { return c.client().counts().authentications == 2; }, 10s));
  EXPECT_EQ(c.client().counts().answered_set_ups, 2U);
}

// Whatever the master has said when it dies: the tunnel comes up.
TEST_F(GatewayBegins, ACrashDuringTheSetUp) {
  constexpr uint64_t kMessagesMax = 24;
  for (uint64_t k = 1; k <= kMessagesMax; ++k) {
    make(begins());
    Cluster& c = cluster();
    c.boot();
    c.crash_after_messages(A, k);
    c.run_for(20s);
    if (!c.host(A).powered()) {
      ASSERT_EQ(c.master(), B) << "k=" << k;
    }
    ASSERT_TRUE(c.client().has_tunnel()) << "k=" << k << "\n" << c.report();
    ASSERT_TRUE(c.violations().empty()) << "k=" << k << "\n" << c.report();
  }
}

// The gateway rekeys CHILD SAs all the time; its chassis dies after each of its messages.
TEST_F(GatewayBegins, ACrashDuringARekey) {
  constexpr uint64_t kMessagesMax = 10;
  for (uint64_t k = 1; k <= kMessagesMax; ++k) {
    ClusterOptions options = begins();
    options.child_lifetime = 20s;
    options.ike_lifetime = 50s;
    Cluster& c = converged(options);
    ASSERT_TRUE(c.run_until([&] { return c.client().counts().answered_rekeys == 1; }, 30s));
    c.crash_after_messages(A, k);
    ASSERT_TRUE(c.run_until([&] { return c.master() == B && c.client().has_tunnel(); }, 30s))
        << "k=" << k << "\n"
        << c.report();
    const uint64_t rekeys = c.client().counts().answered_rekeys;
    const uint64_t echoes = c.client().counts().echoes;
    c.run_for(40s);
    ASSERT_GT(c.client().counts().answered_rekeys, rekeys) << "k=" << k << "\n" << c.report();
    ASSERT_GT(c.client().counts().echoes, echoes + 400) << "k=" << k << "\n" << c.report();
    ASSERT_EQ(c.client().counts().reauthentications, 0U) << "k=" << k << "\n" << c.report();
    ASSERT_TRUE(c.violations().empty()) << "k=" << k << "\n" << c.report();
  }
}

}  // namespace
}  // namespace segw::sim
