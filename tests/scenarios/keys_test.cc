// The key that chassis share is changed under traffic, one chassis after the other (redundancy rule
// 25): nobody is lost, nobody takes over, no packet either.
#include <gmock/gmock.h>

#include "scenario.h"
#include "sim/topology.h"

namespace segw::sim {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

const std::string kOld{kPeerKey};
const std::string kNew = "a new key for all of them";
const std::vector<std::vector<std::string>> kSteps = {{kOld, kNew}, {kNew, kOld}, {kNew}};

constexpr DomainNode kFirst{.priority = 120};
constexpr DomainNode kSecond{.priority = 110};
constexpr DomainNode kStandby{.role = mimp::DesignatedRole::Standby, .priority = 200};
constexpr Duration kAnyPace[] = {10ms, 700ms, 5s};

class Keys : public Scenario {
 protected:
  // As long as this, at each moment: one acts, the same as ever, and all others are in its set.
  void stay(Duration length) {
    Cluster& c = cluster();
    for (Duration gone{}; gone < length; gone += 10ms) {
      c.run_for(10ms);
      ASSERT_EQ(c.master_count(), 1U) << c.report();
      ASSERT_EQ(c.master(), active_);
      ASSERT_EQ(activation(), activation_);
      for (HostId id = 0; id < c.hosts(); ++id) {
        ASSERT_TRUE(id == active_ || c.role_of(id).in_sync) << c.host(id).name();
      }
    }
  }
  // Under which the active acts.
  uint64_t activation() {
    const chassis::Status status = cluster().host(active_).chassis()->status();
    return status.domains.empty() ? status.peers.at(0).groups.at(0).activation
                                  : status.domains.front().activation;
  }
  void note_active() {
    active_ = cluster().master().value_or(0);
    activation_ = activation();
  }
  void change(const std::vector<HostId>& order, const std::vector<std::string>& keys,
              Duration pace) {
    for (const HostId id : order) {
      const auto changed = cluster().host(id).change_keys(keys);
      ASSERT_TRUE(changed) << changed.error().text;
      ASSERT_NO_FATAL_FAILURE(stay(pace));
    }
  }
  // Every session of every chassis, MCS and BFD.
  void expect_sessions_as_ever() {
    Cluster& c = cluster();
    for (HostId id = 0; id < c.hosts(); ++id) {
      const chassis::Status status = c.host(id).chassis()->status();
      for (const chassis::PeerStatus& peer : status.peers) {
        EXPECT_TRUE(peer.mcs_connected) << c.host(id).name();
        ASSERT_EQ(peer.keys.size(), 1U);
        EXPECT_EQ(peer.peer_keys, peer.keys);
        EXPECT_EQ(peer.session_key, peer.keys.front());
      }
      for (const bfd::SessionStatus& session : status.bfd.sessions) {
        EXPECT_EQ(session.ups, 1U);
        EXPECT_EQ(session.downs, 0U);
        EXPECT_TRUE(session.discarded.empty());
      }
    }
  }
  uint64_t closed_sessions() {
    uint64_t sum = 0;
    for (HostId id = 0; id < cluster().hosts(); ++id) {
      for (const auto& peer : cluster().host(id).chassis()->status().peers) {
        const auto at = peer.mcs_counters.find("sessions-closed");
        if (at != peer.mcs_counters.end()) sum += at->second;
      }
    }
    return sum;
  }
  void change_all(const ClusterOptions& options, const std::vector<HostId>& order, Duration pace) {
    Cluster& c = converged(options);
    ASSERT_TRUE(c.run_until([&] { return sessions_up(); }, 20s)) << c.report();
    note_active();
    const uint64_t closed = closed_sessions();
    for (const auto& keys : kSteps) ASSERT_NO_FATAL_FAILURE(change(order, keys, pace));
    ASSERT_NO_FATAL_FAILURE(stay(5s));
    expect_sessions_as_ever();
    EXPECT_EQ(closed_sessions(), closed);
    EXPECT_EQ(lost(), 0U);
    EXPECT_EQ(c.client().counts().authentications, 1U);
    EXPECT_EQ(c.counts().unclean_takeovers, 0U);
    EXPECT_TRUE(c.violations().empty()) << c.report();
  }
  bool sessions_up() {
    for (HostId id = 0; id < cluster().hosts(); ++id) {
      const chassis::Status status = cluster().host(id).chassis()->status();
      for (const auto& session : status.bfd.sessions) {
        if (session.state != bfd::State::Up) return false;
      }
    }
    return true;
  }
  HostId active_ = 0;
  uint64_t activation_ = 0;
};

TEST_F(Keys, OfAPairAreChangedWithoutALoss) {
  for (const Duration pace : kAnyPace) {
    ASSERT_NO_FATAL_FAILURE(change_all({.clients = 3, .bfd = true}, {A, B}, pace));
    ASSERT_NO_FATAL_FAILURE(change_all({.clients = 3, .bfd = true}, {B, A}, pace));
  }
}

TEST_F(Keys, OfADomainOfThreeAreChangedWithoutALoss) {
  const ClusterOptions options{.bfd = true, .domain = {kFirst, kSecond, kStandby}};
  for (const Duration pace : kAnyPace) {
    ASSERT_NO_FATAL_FAILURE(change_all(options, {A, B, C}, pace));
    ASSERT_NO_FATAL_FAILURE(change_all(options, {C, A, B}, pace));
  }
}

// What would make a chassis deaf to another is refused, and nothing has changed.
TEST_F(Keys, AStepThatComesTooEarlyIsRefused) {
  Cluster& c = converged({.domain = {kFirst, kSecond, kStandby}});
  note_active();
  EXPECT_THAT(c.host(A).change_keys({kNew}).error().text, HasSubstr("none of the keys in use"));
  ASSERT_NO_FATAL_FAILURE(change({A, B}, kSteps[0], 1s));
  const auto early = c.host(A).change_keys(kSteps[1]);
  ASSERT_FALSE(early);
  EXPECT_THAT(early.error().text, HasSubstr("peer 10.255.0.3: it does not accept key"));
  ASSERT_NO_FATAL_FAILURE(stay(3s));
  ASSERT_NO_FATAL_FAILURE(change({C}, kSteps[0], 1s));
  ASSERT_NO_FATAL_FAILURE(change({A, B}, kSteps[1], 1s));
  const auto still = c.host(B).change_keys(kSteps[2]);
  ASSERT_FALSE(still);
  EXPECT_THAT(still.error().text, HasSubstr("peer 10.255.0.3: it still sends with key"));
  ASSERT_NO_FATAL_FAILURE(stay(3s));
  ASSERT_NO_FATAL_FAILURE(change({C}, kSteps[1], 1s));
  ASSERT_NO_FATAL_FAILURE(change({A, B, C}, kSteps[2], 1s));
  EXPECT_EQ(lost(), 0U);
}

// A chassis is lost in the middle of each step, and back before the next.
TEST_F(Keys, ACrashInTheMiddleIsATakeoverLikeAnyOther) {
  for (size_t step = 0; step < kSteps.size(); ++step) {
    Cluster& c = converged();
    for (size_t done = 0; done < step; ++done) {
      for (const HostId id : {A, B}) ASSERT_TRUE(c.host(id).change_keys(kSteps[done]));
      c.run_for(1s);
    }
    ASSERT_TRUE(c.host(A).change_keys(kSteps[step]));
    c.run_for(1s);
    c.host(A).crash();
    EXPECT_TRUE(c.run_until([&] { return c.master() == B; }, 5s)) << c.report();
    ASSERT_TRUE(c.host(B).change_keys(kSteps[step]));
    c.run_for(1s);
    c.host(A).boot();
    EXPECT_TRUE(c.run_until([&] { return c.redundant(); }, 20s)) << c.report();
    EXPECT_TRUE(c.hand_over(B)) << c.report();
    EXPECT_EQ(c.client().counts().authentications, 1U);
    EXPECT_EQ(c.counts().unclean_takeovers, 0U);
    EXPECT_TRUE(c.violations().empty()) << c.report();
  }
}

TEST_F(Keys, AWrongKeyIsOutOfSyncWithTheReason) {
  Cluster& c = converged({.discovery = 60s});
  c.host(B).crash();
  ASSERT_TRUE(c.host(B).change_keys({"another key"}));
  c.run_for(5s);
  c.host(B).boot();
  c.run_for(20s);  // it looks for its peer still, so it does not act beside it
  EXPECT_EQ(c.master(), A);
  for (const HostId id : {A, B}) {
    const chassis::Status status = c.host(id).chassis()->status();
    ASSERT_EQ(status.peers.size(), 1U);
    const chassis::PeerStatus& peer = status.peers.front();
    EXPECT_FALSE(peer.mcs_connected);
    EXPECT_THAT(peer.mcs_down_reason, HasSubstr("the keys differ"));
    EXPECT_EQ(peer.sync_state, mcs::SyncState::OutOfSync);
    EXPECT_TRUE(peer.peer_keys.empty());
    ASSERT_EQ(peer.groups.size(), 1U);
    EXPECT_FALSE(peer.groups.front().nominal);
    EXPECT_GT(peer.groups.front().counters.at("hello-bad-hmac"), 10U);
  }
}

}  // namespace
}  // namespace segw::sim
