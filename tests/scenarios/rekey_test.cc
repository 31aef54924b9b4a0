// Keys that are renewed because of a takeover, or because a chassis came back without its disk.
#include "scenario.h"

namespace segw::sim {
namespace {

using namespace std::chrono_literals;

using Renewed = Scenario;

uint64_t counted(Cluster& c, HostId host, const std::string& what) {
  const auto status = c.host(host).chassis()->status();
  const auto room = status.counters.find("ike tunnel-group 1");
  if (room == status.counters.end()) return 0;
  const auto at = room->second.find(what);
  return at == room->second.end() ? 0 : at->second;
}

TEST_F(Renewed, ASuccessorRekeysWhatItTookOverAndLosesNothingByIt) {
  Cluster& c = converged({.clients = 3, .behind_nat = 2});
  c.run_for(2s);
  std::vector<std::vector<uint32_t>> before;
  for (size_t i = 0; i < 3; ++i) before.push_back(c.client(i).outbound_spis());
  c.host(A).crash();
  ASSERT_TRUE(c.run_until([&] { return c.master() == B; }, 5s)) << c.report();
  c.run_for(200ms);
  std::vector<uint64_t> missing;
  for (size_t i = 0; i < 3; ++i) {
    missing.push_back(c.client(i).counts().probes - c.client(i).counts().echoes);
  }
  c.run_for(5s);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(c.client(i).counts().answered_rekeys, 1U) << c.report();
    EXPECT_NE(c.client(i).outbound_spis(), before[i]);
    EXPECT_EQ(c.client(i).counts().authentications, 1U);
    // One may be under way at either moment.
    EXPECT_LE(c.client(i).counts().probes - c.client(i).counts().echoes, missing[i] + 1);
  }
  EXPECT_EQ(counted(c, B, "automatic-rekeys-done"), 3U);
}

TEST_F(Renewed, SoDoesTheTargetOfAPlannedHandover) {
  Cluster& c = converged();
  c.run_for(1s);
  ASSERT_TRUE(c.hand_over(A));
  c.run_for(4s);
  EXPECT_EQ(c.client().counts().answered_rekeys, 1U) << c.report();
  EXPECT_EQ(lost(), 0U);
  EXPECT_EQ(c.client().counts().authentications, 1U);
}

// Redundancy rule 13. Before, the takeover of such a chassis lost the tunnels.
TEST_F(Renewed, AChassisWithoutItsDiskIsNominalAgainWhenAllIsRekeyedAndThenTakesOver) {
  Cluster& c = converged({.clients = 2, .rekeys_taken_over = false});
  c.host(A).crash();
  ASSERT_TRUE(c.run_until([&] { return c.master() == B; }, 5s));
  c.host(A).lose_disk();
  c.host(A).boot();
  ASSERT_TRUE(c.run_until([&] { return c.redundant(); }, 20s)) << c.report();
  EXPECT_EQ(c.role_of(B).not_nominal,
            "peer 10.255.0.1 lost its state folder, and 4 SAs are not rekeyed yet");
  ASSERT_TRUE(c.run_until([&] { return c.role_of(B).not_nominal.empty(); }, 20s)) << c.report();
  EXPECT_EQ(c.role_of(A).not_nominal, "");
  c.host(B).crash();
  ASSERT_TRUE(c.run_until([&] { return c.master() == A; }, 5s)) << c.report();
  std::vector<uint64_t> echoes;
  for (size_t i = 0; i < 2; ++i) echoes.push_back(c.client(i).counts().echoes);
  c.run_for(5s);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_GT(c.client(i).counts().echoes, echoes[i] + 80) << c.report();
    EXPECT_EQ(c.client(i).counts().authentications, 1U);
  }
}

}  // namespace
}  // namespace segw::sim
