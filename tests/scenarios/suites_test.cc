// Every suite and both encapsulations keep working through a crash and a handover; one seed is one
// history.
#include "scenario.h"
#include "sim/swarm.h"

namespace segw::sim {
namespace {

using namespace std::chrono_literals;

using E = esp::Encryption;
using I = esp::Integrity;
using ike::Group;
using ike::Prf;

struct Suite {
  const char* name;
  ike::IkeSuite ike;
  esp::Suite esp;
  bool nat = false;
  std::optional<Group> pfs;
};

class Suites : public Scenario, public testing::WithParamInterface<Suite> {};

TEST_P(Suites, TakeOverAndHandOver) {
  const Suite& suite = GetParam();
  ClusterOptions options{.clients = 2, .behind_nat = static_cast<uint8_t>(suite.nat ? 1 : 0)};
  options.ike_suite = suite.ike;
  options.esp_suite = suite.esp;
  options.pfs = suite.pfs;
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
    testing::Values(
        Suite{"Gcm", {E::AesGcm16, 128, I::None, Prf::HmacSha256, Group::Curve25519}, {}},
        Suite{"GcmEsnNat",
              {E::AesGcm16, 128, I::None, Prf::HmacSha256, Group::Ecp256},
              {E::AesGcm16, 128, I::None, true},
              true},
        Suite{"Cbc",
              {E::AesCbc, 128, I::HmacSha256_128, Prf::HmacSha256, Group::Modp2048},
              {E::AesCbc, 128, I::HmacSha256_128}},
        Suite{"CbcEsn",
              {E::AesCbc, 128, I::HmacSha256_128, Prf::HmacSha256, Group::Curve25519},
              {E::AesCbc, 128, I::HmacSha256_128, true}},
        Suite{"CbcIkeGcmEspNat",
              {E::AesCbc, 128, I::HmacSha256_128, Prf::HmacSha256, Group::Curve25519},
              {},
              true},
        // What an empty ike-transform and an empty ipsec-transform mean.
        Suite{"TheGuidesDefaults",
              {E::AesCbc, 128, I::HmacSha1_96, Prf::HmacSha1, Group::Modp1024},
              {E::AesCbc, 128, I::HmacSha1_96},
              false,
              Group::Modp1024},
        Suite{"ChaCha20Esn",
              {E::ChaCha20Poly1305, 256, I::None, Prf::HmacSha512, Group::Ecp384},
              {E::ChaCha20Poly1305, 256, I::None, true},
              false,
              Group::Ecp521},
        Suite{"Gcm8Nat",
              {E::AesGcm8, 256, I::None, Prf::HmacSha384, Group::Ecp521},
              {E::AesGcm8, 192},
              true,
              Group::Modp1536},
        // NULL is left to the labs: here a packet that can be read is one in clear.
        Suite{"Xcbc",
              {E::AesCbc, 256, I::AesXcbc_96, Prf::AesXcbc, Group::Modp3072},
              {E::AesCbc, 256, I::AesXcbc_96, true}},
        Suite{"Sha512Gcm12",
              {E::AesCbc, 192, I::HmacSha512_256, Prf::HmacSha512, Group::Modp4096},
              {E::AesGcm12, 128},
              false,
              Group::Ecp256},
        Suite{"Sha384Cbc256",
              {E::AesCbc, 256, I::HmacSha384_192, Prf::HmacSha384, Group::Ecp256},
              {E::AesCbc, 256, I::HmacSha384_192, true},
              true}),
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
