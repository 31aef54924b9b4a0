// Every suite and both encapsulations keep working through a crash and a handover; one seed is one
// history.
#include "scenario.h"
#include "sim/swarm.h"

namespace segw::sim {
namespace {

using namespace std::chrono_literals;

struct Suite {
  const char* name;
  bool ike_cbc;
  bool esp_cbc;
  bool esn;
  bool nat;
  ike::Group group;
};

class Suites : public Scenario, public testing::WithParamInterface<Suite> {};

TEST_P(Suites, TakeOverAndHandOver) {
  const Suite& suite = GetParam();
  ClusterOptions options{.clients = 2, .behind_nat = static_cast<uint8_t>(suite.nat ? 1 : 0)};
  options.ike_suite.group = suite.group;
  if (suite.ike_cbc) {
    options.ike_suite.encryption = esp::Encryption::AesCbc;
    options.ike_suite.integrity = esp::Integrity::HmacSha256_128;
  }
  if (suite.esp_cbc) {
    options.esp_suite.encryption = esp::Encryption::AesCbc;
    options.esp_suite.integrity = esp::Integrity::HmacSha256_128;
  }
  options.esp_suite.extended_sequence_numbers = suite.esn;
  Cluster& c = converged(options);
  c.run_for(1s);
  EXPECT_TRUE(c.hand_over(A)) << c.report();
  c.run_for(1s);
  EXPECT_EQ(lost(), 0U) << c.report();
  c.host(B).crash();
  EXPECT_TRUE(c.run_until([&] { return c.master() == A; }, 5s)) << c.report();
  const uint64_t echoes = c.client().counts().echoes;
  c.run_for(2s);
  EXPECT_GT(c.client().counts().echoes, echoes + 20);
  EXPECT_TRUE(c.client().do_chore(Chore::RekeyChild));
  c.run_for(1s);
  EXPECT_TRUE(c.client().do_chore(Chore::RekeyIke));
  c.run_for(1s);
  EXPECT_EQ(c.client().counts().rekeys, 2U) << c.report();
  EXPECT_EQ(c.client().counts().authentications, 1U);
  EXPECT_EQ(c.client().counts().integrity_failures, 0U);
}

INSTANTIATE_TEST_SUITE_P(
    Every, Suites,
    testing::Values(Suite{"Gcm", false, false, false, false, ike::Group::Curve25519},
                    Suite{"GcmEsnNat", false, false, true, true, ike::Group::Ecp256},
                    Suite{"Cbc", true, true, false, false, ike::Group::Modp2048},
                    Suite{"CbcEsn", true, true, true, false, ike::Group::Curve25519},
                    Suite{"CbcIkeGcmEspNat", true, false, false, true, ike::Group::Curve25519}),
    [](const auto& suite) { return suite.param.name; });

TEST(Determinism, OneSeedIsOneHistory) {
  const SeedOutcome first = run_seed(7, 70s, {});
  const SeedOutcome again = run_seed(7, 70s, {});
  const SeedOutcome other = run_seed(8, 70s, {});
  EXPECT_EQ(first.unseed, again.unseed);
  EXPECT_NE(first.unseed, other.unseed);
  EXPECT_EQ(first.violations.size() + again.violations.size(), 0U) << first.history;
}

TEST_F(Scenario, ANewNatMappingIsFollowed) {
  Cluster& c = converged({.behind_nat = 1});
  c.run_for(1s);
  const uint64_t before = lost();
  c.client().rebind_nat();
  c.run_for(3s);
  EXPECT_LE(lost(), before + 5);
  c.host(A).crash();
  EXPECT_TRUE(c.run_until([&] { return c.master() == B; }, 5s));
  const uint64_t echoes = c.client().counts().echoes;
  c.run_for(2s);
  EXPECT_GT(c.client().counts().echoes, echoes + 20);
  EXPECT_EQ(c.client().counts().authentications, 1U);
}

TEST_F(Scenario, ClearTextAtThePublicTunIsNotForwarded) {
  Cluster& c = converged();
  for (int i = 0; i < 10; ++i) {
    c.inject_clear_text();
    c.run_for(50ms);
  }
}

}  // namespace
}  // namespace segw::sim
