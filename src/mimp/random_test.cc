// Two chassis under random faults for 10 000 steps a seed, with a model of MCS beside them: what is
// told to clients, and who holds it.

#include <gtest/gtest.h>

#include "mimp/testing.h"

namespace segw::mimp::testing {
namespace {

using namespace std::chrono_literals;

constexpr Duration kSlice = 10ms;
constexpr Duration kDiscovery = 3s;

Settings quick(std::string_view local, std::string_view peer, uint8_t priority) {
  Settings settings = settings_of(local, peer, priority);
  settings.peers.front().discovery = kDiscovery;
  return settings;
}

// One chassis and what its memory holds.
struct Member {
  Member(World& world, Network& network, Settings settings)
      : node(world, network, std::move(settings)) {}
  Node node;
  std::set<uint64_t> journal;
  std::vector<uint64_t> untold;  // committed, waiting for the in-sync set
  Activation writing;            // of this writer's journal; 0: not acting
  Member* lineage = nullptr;     // whose journal this is a copy of
  bool synced = false;           // as MCS told our MIMP of the peer
  size_t roles_seen = 0;
};

class Chaos {
 public:
  explicit Chaos(uint64_t seed) {
    for (uint64_t draw = 0; draw < seed; ++draw) (void)network_.rng.next();
    network_.jitter = 5ms;
    network_.loss_per_mille = seed % 3 == 0 ? 20 : 0;
    network_.duplicate_per_mille = 30;
    a_.node.boot();
    b_.node.boot();
  }

  void run(int steps) {
    for (int step = 0; step < steps && !::testing::Test::HasFatalFailure(); ++step) {
      fault();
      if (step % 100 == 99) run_for(kDiscovery + 5s);  // quiet, whatever is broken just now
      run_for(1ms * static_cast<int64_t>(network_.rng.below(400)));
    }
  }
  // Faults off: exactly one acts, and the other is in sync with it.
  void calm() {
    network_.heal();
    network_.loss_per_mille = 0;
    for (Member* member : {&a_, &b_}) {
      if (!member->node.alive()) boot(*member);
      member->node.resume();
      member->node.set_eligible(true);
    }
    last_fault_ = world_.now;
    run_for(kDiscovery + 6s);
    EXPECT_TRUE(a_.node.acts() != b_.node.acts()) << story();
    const Member& active = a_.node.acts() ? a_ : b_;
    EXPECT_TRUE(other(active).node.service().in_sync()) << story();
  }
  [[nodiscard]] uint64_t clean() const { return clean_; }
  [[nodiscard]] uint64_t told() const { return next_record_; }

 private:
  Member& other(const Member& member) { return &member == &a_ ? b_ : a_; }
  [[nodiscard]] bool connected() const {
    return network_.cuts.empty() && a_.node.running() && b_.node.running();
  }
  [[nodiscard]] std::string story() const { return a_.node.told() + "--\n" + b_.node.told(); }

  void boot(Member& member) {
    member.journal.clear();
    member.untold.clear();
    member.writing = {};
    member.lineage = nullptr;
    member.synced = false;
    member.roles_seen = 0;
    if (other(member).node.running() && other(member).synced) {
      other(member).synced = false;
      other(member).node.service().set_peer_synced(PeerIndex{0}, false);
    }
    member.node.boot();
  }

  void fault() {
    if (network_.rng.below(3) != 0) return;
    last_fault_ = world_.now;
    Member& victim = network_.rng.below(2) == 0 ? a_ : b_;
    switch (network_.rng.below(9)) {
      case 0:
        network_.cut(a_.node.address(), b_.node.address());
        return;
      case 1:
        network_.cuts.insert({victim.node.address(), other(victim).node.address()});
        return;
      case 2:
      case 3:
        network_.heal();
        return;
      case 4:
        if (victim.node.alive()) victim.node.crash();
        return;
      case 5:
        for (Member* member : {&a_, &b_}) {
          if (!member->node.alive()) boot(*member);
          if (!member->node.running()) member->node.resume();
          member->node.set_eligible(true);
        }
        return;
      case 6:
        if (victim.node.running()) victim.node.set_eligible(!victim.node.eligible);
        return;
      case 7:
        if (victim.node.running()) victim.node.pause();
        return;
      default:
        if (victim.node.alive() && !victim.node.running()) victim.node.resume();
        hand_over();
        return;
    }
  }

  // The chassis hands over only when the target holds everything.
  void hand_over() {
    Member& active = a_.node.acts() ? a_ : b_;
    Member& target = other(active);
    if (!connected() || !active.node.acts() || active.node.state() != MasterState::Master) return;
    if (target.node.state() != MasterState::Standby || !target.node.service().in_sync()) return;
    if (!active.synced || !active.untold.empty()) return;
    active.node.handing_over = true;
    target.node.service().take_over("a planned handover");
    active.writing = {};            // it is frozen
    connected_since_ = world_.now;  // both act, one of them frozen, until the word gets through
  }

  void run_for(Duration span) {
    const Instant end = world_.now + span;
    while (world_.now < end) {
      world_.run_for(kSlice);
      for (Member* member : {&a_, &b_}) {
        if (!member->node.running()) continue;
        follow_roles(*member);
        work(*member);
      }
      check();
      if (::testing::Test::HasFatalFailure()) return;
    }
  }

  void follow_roles(Member& member) {
    for (; member.roles_seen < member.node.roles.size(); ++member.roles_seen) {
      const RoleChange change = member.node.roles[member.roles_seen];
      const bool began = acting(change.to) && !acting(change.from);
      if (began && change.clean) {
        ++clean_;
        check_kept(member, change);
      }
      if (acting(change.to) && change.activation != member.writing) {
        member.untold.clear();
        member.synced = false;
        member.writing = change.activation;
        member.lineage = &member;
      }
      if (!acting(change.to)) {
        member.writing = {};
        member.untold.clear();
      }
    }
  }

  // told_means_kept: whoever takes over cleanly holds what was told under the activation before.
  void check_kept(const Member& member, const RoleChange& change) {
    const Activation before{change.activation.value - 1};
    const auto at = told_.find({before, member.lineage});
    if (at == told_.end()) return;
    for (const auto& [record, when] : at->second) {
      if (when > world_.now - kSlice) continue;  // told in this very slice, perhaps after
      ASSERT_TRUE(member.journal.contains(record))
          << "record " << record << " of activation " << before.value << "\n"
          << change.why << "\n"
          << story();
    }
  }

  // MCS and IKE of a writer.
  void work(Member& writer) {
    Member& reader = other(writer);
    Service& service = writer.node.service();
    if (writer.writing.value == 0 || !acting(service.state())) return;
    const bool reads = connected() && !acting(reader.node.state()) &&
                       service.activation() == writer.writing &&
                       reader.node.service().activation() == writer.writing;
    if (writer.synced && !reader.node.alive()) {
      writer.synced = false;
      service.set_peer_synced(PeerIndex{0}, false);
    }
    if (reads && !writer.synced && network_.rng.below(5) == 0) {
      reader.journal = writer.journal;
      reader.lineage = &writer;
      writer.synced = true;
      service.set_peer_synced(PeerIndex{0}, true);
    }
    if (network_.rng.below(8) == 0) {
      writer.untold.push_back(++next_record_);
      writer.journal.insert(next_record_);
    }
    if (writer.untold.empty()) return;
    if (reads && writer.synced) {
      reader.journal.insert(writer.untold.begin(), writer.untold.end());
    } else if (service.in_sync_set(PeerIndex{0})) {
      return;  // waits
    } else if (writer.synced) {
      writer.synced = false;
      service.set_peer_synced(PeerIndex{0}, false);
    }
    for (const uint64_t record : writer.untold) {
      told_[{writer.writing, &writer}].emplace_back(record, world_.now);
    }
    writer.untold.clear();
  }

  void check() {
    const Duration settle = a_.node.settings().peers.front().hold() +
                            a_.node.settings().peers.front().keep_alive + 200ms;
    if (!connected()) connected_since_ = world_.now;
    const bool lossy = network_.loss_per_mille > 0;
    if (!a_.node.acts() || !b_.node.acts()) both_since_ = world_.now;
    if (a_.node.acts() && b_.node.acts()) {
      // Hellos lost in a row are a false loss, which may come at any time; it must end as soon.
      const Instant since = lossy ? std::max(connected_since_, both_since_) : connected_since_;
      ASSERT_LE(world_.now - since, settle + (lossy ? 2s : 0s)) << story();
    }
    // Quiet for long enough: whoever is eligible and awake does not leave the group unserved.
    if (world_.now - last_fault_ > kDiscovery + 3s) {
      const bool could =
          (a_.node.running() && a_.node.eligible) || (b_.node.running() && b_.node.eligible);
      ASSERT_TRUE(!could || a_.node.acts() || b_.node.acts()) << story();
    }
  }

  World world_;
  Network network_{world_};
  Member a_{world_, network_, quick("192.0.2.1", "192.0.2.2", 200)};
  Member b_{world_, network_, quick("192.0.2.2", "192.0.2.1", 150)};
  Instant last_fault_{};
  Instant both_since_{};
  Instant connected_since_{};
  uint64_t next_record_ = 0;
  uint64_t clean_ = 0;
  std::map<std::pair<Activation, const Member*>, std::vector<std::pair<uint64_t, Instant>>> told_;
};

class Random : public ::testing::TestWithParam<uint64_t> {};

TEST_P(Random, TenThousandStepsKeepTheInvariants) {
  Chaos chaos(GetParam());
  chaos.run(10'000);
  if (HasFatalFailure()) return;
  chaos.calm();
  EXPECT_GT(chaos.clean(), 20U);
  EXPECT_GT(chaos.told(), 1000U);
}

INSTANTIATE_TEST_SUITE_P(Mimp, Random, ::testing::Range(uint64_t{1}, uint64_t{7}));

}  // namespace
}  // namespace segw::mimp::testing
