// Two to four chassis under random faults, with a model of MCS beside them: what is told to
// clients, and who holds it.

#include <gtest/gtest.h>

#include "mimp/testing.h"

namespace segw::mimp::testing {
namespace {

using namespace std::chrono_literals;

constexpr Duration kSlice = 10ms;
constexpr Duration kDiscovery = 3s;

Settings quick(size_t of, size_t size) {
  const auto priority = static_cast<uint8_t>(200 - 50 * of);
  Settings settings = size == 2 ? settings_of(of == 0 ? "192.0.2.1" : "192.0.2.2",
                                              of == 0 ? "192.0.2.2" : "192.0.2.1", priority)
                                : domain_settings(of, size, DesignatedRole::Active, priority);
  for (PeerSettings& peer : settings.peers) peer.discovery = kDiscovery;
  return settings;
}

// One chassis and what its memory holds.
struct Member {
  Member(World& world, Network& network, size_t place, size_t size)
      : at(place), node(world, network, quick(place, size)), synced(size) {}
  const size_t at;
  Node node;
  std::set<uint64_t> journal;
  std::vector<uint64_t> untold;  // committed, waiting for the in-sync set
  Activation writing;            // of this writer's journal; 0: not acting
  Member* lineage = nullptr;     // whose journal this is a copy of
  std::vector<bool> synced;      // as MCS told our MIMP of each other
  size_t roles_seen = 0;
};

class Chaos {
 public:
  Chaos(size_t size, uint64_t seed) : since_(size, std::vector<Instant>(size)), one_since_(since_) {
    for (uint64_t draw = 0; draw < seed; ++draw) (void)network_.rng.next();
    network_.jitter = 5ms;
    network_.loss_per_mille = seed % 3 == 0 ? 20 : 0;
    network_.duplicate_per_mille = 30;
    for (size_t at = 0; at < size; ++at) members_.emplace_back(world_, network_, at, size);
    for (Member& member : members_) member.node.boot();
  }

  void run(int steps) {
    for (int step = 0; step < steps && !::testing::Test::HasFatalFailure(); ++step) {
      fault();
      if (step % 100 == 99) run_for(kDiscovery + 5s);  // quiet, whatever is broken just now
      run_for(1ms * static_cast<int64_t>(network_.rng.below(400)));
    }
  }
  // Faults off: exactly one acts, and the others are in sync with it.
  void calm() {
    network_.heal();
    network_.loss_per_mille = 0;
    mend();
    last_fault_ = world_.now;
    run_for(kDiscovery + 6s);
    size_t acting_ones = 0;
    for (Member& member : members_) {
      acting_ones += member.node.acts() ? 1 : 0;
      EXPECT_TRUE(member.node.service().in_sync()) << story();
    }
    EXPECT_EQ(acting_ones, 1U) << story();
  }
  [[nodiscard]] uint64_t clean() const { return clean_; }
  [[nodiscard]] uint64_t told() const { return next_record_; }

 private:
  // They hear each other, both ways.
  [[nodiscard]] bool linked(const Member& a, const Member& b) const {
    return a.node.running() && b.node.running() &&
           !network_.cuts.contains({a.node.address(), b.node.address()}) &&
           !network_.cuts.contains({b.node.address(), a.node.address()});
  }
  [[nodiscard]] std::string story() const {
    std::string all;
    for (const auto& [from, to] : network_.cuts)
      all += "cut " + from.text() + " > " + to.text() + "\n";
    for (const Member& member : members_) {
      all += member.node.address().text();
      all += member.node.running() ? "\n" : member.node.alive() ? ": paused\n" : ": down\n";
      if (member.node.alive()) all += member.node.told();
    }
    return all;
  }
  Member& any() { return members_.at(network_.rng.below(members_.size())); }
  Member& other_than(const Member& member) {
    const size_t step = 1 + network_.rng.below(members_.size() - 1);
    return members_.at((member.at + step) % members_.size());
  }
  void say_synced(Member& writer, const Member& reader, bool synced) {
    writer.synced.at(reader.at) = synced;
    writer.node.service().set_peer_synced(Domain::place(writer.at, reader.at), synced);
  }

  void boot(Member& member) {
    member.journal.clear();
    member.untold.clear();
    member.writing = {};
    member.lineage = nullptr;
    member.synced.assign(members_.size(), false);
    member.roles_seen = 0;
    for (Member& other : members_) {
      if (&other != &member && other.node.running() && other.synced.at(member.at)) {
        say_synced(other, member, false);
      }
    }
    member.node.boot();
  }
  void mend() {
    for (Member& member : members_) {
      if (!member.node.alive()) boot(member);
      if (!member.node.running()) member.node.resume();
      member.node.set_eligible(true);
    }
  }

  void fault() {
    if (network_.rng.below(3) != 0) return;
    last_fault_ = world_.now;
    Member& victim = any();
    const Member& other = other_than(victim);
    switch (network_.rng.below(9)) {
      case 0:
        network_.cut(victim.node.address(), other.node.address());
        return;
      case 1:
        network_.cuts.insert({victim.node.address(), other.node.address()});
        return;
      case 2:
      case 3:
        network_.heal();
        return;
      case 4:
        if (victim.node.alive()) victim.node.crash();
        return;
      case 5:
        mend();
        return;
      case 6:
        if (victim.node.running()) victim.node.set_eligible(!victim.node.eligible);
        return;
      case 7:
        if (victim.node.running()) victim.node.pause();
        return;
      default:
        if (victim.node.alive() && !victim.node.running()) victim.node.resume();
        for (Member& active : members_) {
          if (active.node.acts()) hand_over(active, other_than(active));
        }
        return;
    }
  }

  // The chassis hands over only when the target holds everything.
  void hand_over(Member& active, Member& target) {
    if (!linked(active, target) || active.node.state() != MasterState::Master) return;
    if (target.node.state() != MasterState::Standby || !target.node.service().in_sync()) return;
    if (!active.synced.at(target.at) || !active.untold.empty()) return;
    if (active.writing != active.node.service().activation()) return;
    active.node.handing_over = true;
    target.node.service().take_over("a planned handover");
    active.writing = {};        // it is frozen
    handed_over_ = world_.now;  // both act, one of them frozen, until the word gets through
  }

  void run_for(Duration span) {
    const Instant end = world_.now + span;
    while (world_.now < end) {
      world_.run_for(kSlice);
      for (Member& member : members_) {
        if (!member.node.running()) continue;
        follow_roles(member);
        work(member);
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
        member.synced.assign(members_.size(), false);
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

  [[nodiscard]] bool reads(const Member& reader, Member& writer) {
    if (!linked(reader, writer) || acting(reader.node.state())) return false;
    const Service& service = members_.at(reader.at).node.service();
    return service.active_peer() == Domain::place(reader.at, writer.at) &&
           service.activation() == writer.writing &&
           writer.node.service().activation() == writer.writing;
  }
  void copy(Member& writer, Member& reader) {
    for (Member& other : members_) {
      if (&other != &writer && other.node.running() && other.synced.at(reader.at)) {
        say_synced(other, reader, false);
      }
    }
    reader.journal = writer.journal;
    reader.lineage = &writer;
    say_synced(writer, reader, true);
  }

  // MCS and IKE of a writer.
  void work(Member& writer) {
    const Service& service = writer.node.service();
    if (writer.writing.value == 0 || !acting(service.state())) return;
    for (Member& reader : members_) {
      if (&reader == &writer) continue;
      const bool synced = writer.synced.at(reader.at);
      if (synced && !reader.node.alive()) say_synced(writer, reader, false);
      if (!synced && reads(reader, writer) && network_.rng.below(5) == 0) copy(writer, reader);
    }
    if (network_.rng.below(8) == 0) {
      writer.untold.push_back(++next_record_);
      writer.journal.insert(next_record_);
    }
    if (!writer.untold.empty() && held_by_all(writer)) tell(writer);
  }
  bool held_by_all(Member& writer) {
    bool all = true;
    for (Member& reader : members_) {
      if (&reader == &writer) continue;
      const bool synced = writer.synced.at(reader.at);
      if (synced && reads(reader, writer)) {
        reader.journal.insert(writer.untold.begin(), writer.untold.end());
      } else if (writer.node.service().in_sync_set(Domain::place(writer.at, reader.at))) {
        all = false;  // waits
      } else if (synced) {
        say_synced(writer, reader, false);
      }
    }
    return all;
  }
  void tell(Member& writer) {
    for (const uint64_t record : writer.untold) {
      told_[{writer.writing, &writer}].emplace_back(record, world_.now);
    }
    writer.untold.clear();
  }

  void check() {
    for (Member& a : members_) {
      for (Member& b : members_) {
        if (&a != &b && !linked(a, b)) since_.at(a.at).at(b.at) = world_.now;
      }
    }
    for (const Member& a : members_) {
      for (size_t b = a.at + 1; b < members_.size(); ++b) {
        if (a.node.acts() && members_.at(b).node.acts()) {
          check_pair(a, members_.at(b));
        } else {
          one_since_.at(a.at).at(b) = world_.now;
        }
      }
    }
    if (world_.now - last_fault_ > kDiscovery + 3s) check_served();
  }
  // Two act that have been linked, or had a common neighbour, for long enough to know of it.
  void check_pair(const Member& a, const Member& b) {
    const PeerSettings& peer = a.node.settings().peers.front();
    const Duration settle = peer.hold() + peer.keep_alive + 200ms;
    // Hellos lost in a row are a false loss, which may come at any time; it must end as soon.
    const bool lossy = network_.loss_per_mille > 0;
    const Instant one_since = one_since_.at(a.at).at(b.at);
    const Instant linked_since = std::max(since_.at(a.at).at(b.at), lossy ? one_since : Instant{});
    Instant until = linked_since + settle;
    for (const Member& common : members_) {
      if (common.at == a.at || common.at == b.at) continue;
      const Instant both = std::max(since_.at(a.at).at(common.at), since_.at(common.at).at(b.at));
      // Two without a link may begin to act at once when the active is gone.
      const Instant known = both + settle + peer.keep_alive + 200ms;
      until = std::min(until, std::max(known, one_since + (lossy ? settle : 100ms)));
    }
    until = std::max(until, handed_over_ + settle);
    ASSERT_LE(world_.now, until + (lossy ? 3s : 0s))
        << a.node.address().text() << " and " << b.node.address().text() << "\n"
        << story();
  }

  // Quiet for long enough: where somebody is eligible and awake, the group is served by somebody
  // that can be reached from there.
  void check_served() {
    for (const Member& member : members_) {
      if (!member.node.running() || !member.node.eligible) continue;
      std::set<size_t> component{member.at};
      for (size_t grown = 0; grown != component.size();) {
        grown = component.size();
        for (const Member& each : members_) {
          const bool near = std::ranges::any_of(
              component, [&](size_t at) { return linked(members_.at(at), each); });
          if (near) component.insert(each.at);
        }
      }
      ASSERT_TRUE(
          std::ranges::any_of(component, [&](size_t at) { return members_.at(at).node.acts(); }))
          << member.node.address().text() << "\n"
          << story();
    }
  }

  World world_;
  Network network_{world_};
  std::deque<Member> members_;
  Instant last_fault_{};
  Instant handed_over_{};                        // when a planned handover began last
  std::vector<std::vector<Instant>> since_;      // two are linked
  std::vector<std::vector<Instant>> one_since_;  // of two, not both act
  uint64_t next_record_ = 0;
  uint64_t clean_ = 0;
  std::map<std::pair<Activation, const Member*>, std::vector<std::pair<uint64_t, Instant>>> told_;
};

class Random : public ::testing::TestWithParam<uint64_t> {};

TEST_P(Random, TenThousandStepsOfAPairKeepTheInvariants) {
  Chaos chaos(2, GetParam());
  chaos.run(10'000);
  if (HasFatalFailure()) return;
  chaos.calm();
  EXPECT_GT(chaos.clean(), 20U);
  EXPECT_GT(chaos.told(), 1000U);
}

TEST_P(Random, FourThousandStepsOfADomainKeepTheInvariants) {
  for (const size_t size : {3U, 4U}) {
    Chaos chaos(size, GetParam());
    chaos.run(4'000);
    if (HasFatalFailure()) return;
    chaos.calm();
    EXPECT_GT(chaos.clean(), 10U);
    EXPECT_GT(chaos.told(), 400U);
  }
}

INSTANTIATE_TEST_SUITE_P(Mimp, Random, ::testing::Range(uint64_t{1}, uint64_t{7}));

}  // namespace
}  // namespace segw::mimp::testing
