// Chassis that are configured otherwise say so, and a revertive one does not take activity back.
#include <gmock/gmock.h>

#include "scenario.h"

namespace segw::sim {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using Result = mcs::ConfigComparison::Result;

class Configured : public Scenario {
 protected:
  [[nodiscard]] mcs::ConfigComparison at(HostId host, size_t peer = 0) {
    const auto status = cluster().host(host).chassis()->status();
    return status.peers.at(peer).configs.at(0).comparison;
  }
  static ClusterOptions with_revertive() {
    return {.domain = {{.priority = 120, .revertive = true}, {.priority = 110}}};
  }
};

TEST_F(Configured, BothChassisOfAPairNameWhatOnlyOneHas) {
  converged({.dynamic = true});  // B has one more client
  const std::string client = "/configure/ipsec/client-db[name=clients]/client[client-index=1]";
  EXPECT_THAT(at(A).paths, ElementsAre(client + " (only at the peer)"));
  EXPECT_THAT(at(B).paths, ElementsAre(client + " (only here)"));
}

TEST_F(Configured, ANodeThatIsConfiguredAsTheActiveTakesActivityBack) {
  Cluster& c = converged(with_revertive());
  EXPECT_EQ(at(A).result, Result::Equal);
  c.host(A).crash();
  EXPECT_TRUE(c.run_until([&] { return c.master() == B; }, 10s));
  c.host(A).boot();
  EXPECT_TRUE(c.run_until([&] { return c.master() == A; }, 90s)) << c.report();
}

TEST_F(Configured, ANodeThatIsConfiguredOtherwiseLeavesActivityWhereItIs) {
  ClusterOptions options = with_revertive();
  options.dynamic = true;  // B has one more client
  Cluster& c = converged(options);
  EXPECT_EQ(at(A).result, Result::Differs);
  c.host(A).crash();
  EXPECT_TRUE(c.run_until([&] { return c.master() == B; }, 10s));
  c.host(A).boot();
  EXPECT_FALSE(c.run_until([&] { return c.master() == A; }, 150s));
  EXPECT_TRUE(c.redundant());
}

}  // namespace
}  // namespace segw::sim
