// BFD between the chassis (redundancy rule 5).
#include "scenario.h"

namespace segw::sim {
namespace {

using namespace std::chrono_literals;

constexpr ClusterOptions kWithBfd{.bfd = true};
constexpr Duration kDetection = 150ms;

class BfdScenario : public Scenario {
 protected:
  Cluster& with_bfd() {
    Cluster& c = converged(kWithBfd);
    EXPECT_TRUE(c.run_until([&] { return state(c, A) == bfd::State::Up; }, 10s));
    return c;
  }
  static bfd::State state(Cluster& c, HostId id) {
    const auto* chassis = c.host(id).chassis();
    if (chassis == nullptr) return bfd::State::Down;
    const auto status = chassis->status();
    return status.bfd.sessions.empty() ? bfd::State::Down : status.bfd.sessions.front().state;
  }
};

TEST_F(BfdScenario, ACrashIsTakenOverLongBeforeHold) {
  Cluster& c = with_bfd();
  c.host(A).crash();
  EXPECT_TRUE(c.run_until([&] { return c.master() == B; }, kDetection + 10ms)) << c.report();
  EXPECT_LT(kDetection + 10ms, c.hold_time());
  c.run_for(5s);
  EXPECT_EQ(c.client().counts().authentications, 1U);
  EXPECT_EQ(c.counts().unclean_takeovers, 0U);
}

TEST_F(BfdScenario, TheEndOfSegwdIsTakenOverWithinTheDetectionTime) {
  Cluster& c = with_bfd();
  c.host(A).kill_segwd();
  EXPECT_TRUE(c.run_until([&] { return c.master() == B; }, kDetection + 10ms)) << c.report();
}

TEST_F(BfdScenario, TheReturnedChassisHasASessionAgain) {
  Cluster& c = with_bfd();
  c.host(A).crash();
  ASSERT_TRUE(c.run_until([&] { return c.master() == B; }, 1s));
  c.host(A).boot();
  EXPECT_TRUE(c.run_until([&] { return c.redundant() && state(c, A) == bfd::State::Up; }, 20s))
      << c.report();
  c.run_for(2s);
  c.host(B).crash();
  EXPECT_TRUE(c.run_until([&] { return c.master() == A; }, kDetection + 10ms)) << c.report();
}

TEST_F(BfdScenario, ALostPacketOfEitherSideChangesNothing) {
  Cluster& c = with_bfd();
  for (int round = 0; round < 20; ++round) {
    c.net().cut(A, B);
    c.run_for(60ms);
    c.net().heal();
    c.run_for(700ms);
  }
  EXPECT_EQ(c.master(), A);
  EXPECT_EQ(c.host(A).chassis()->status().peers.at(0).groups.at(0).activation, 1U);
}

// Keep-alives go on: they overrule it after one hold.
TEST_F(BfdScenario, AfterACutThereIsOneMasterAgain) {
  Cluster& c = with_bfd();
  c.net().cut(A, B);
  EXPECT_TRUE(c.run_until([&] { return c.master_count() == 2; }, kDetection + 10ms));
  c.net().heal();
  EXPECT_TRUE(c.run_until([&] { return c.master_count() == 1 && c.redundant(); }, 20s))
      << c.report();
}

TEST_F(BfdScenario, IsAuthenticatedWhereThePeersHaveAKey) {
  Cluster& c = with_bfd();
  EXPECT_TRUE(c.host(A).chassis()->status().bfd.sessions.front().authenticated);
}

}  // namespace
}  // namespace segw::sim
