// Quiet for T: a standby in sync holds the same IKE and CHILD SAs as the active, live counters
// aside, and of sequence grants at least what the active knows.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "mcs/mcs_codec.h"
#include "sim/checkers/checker.h"
#include "sim/group_view.h"

namespace segw::sim {
namespace {

constexpr Duration kLook = std::chrono::milliseconds(250);
// Longer than any commit takes on links without faults.
constexpr Duration kQuiet = std::chrono::seconds(1);

using Digests = std::map<std::pair<std::string_view, uint64_t>, uint64_t>;  // by kind and SPI

Digests digests_of(const mcs::GroupState& state) {
  Digests digests;
  for (const auto& [spi, sa] : state.ike_sas) digests[{"IKE", spi.value}] = mcs::digest(sa);
  for (const auto& [spi, sa] : state.child_sas) {
    // A standby has given its blocks away before the active counts on it: compare_grants().
    esp::ChildSa without_grants = sa;
    without_grants.grants = {};
    digests[{"CHILD", spi.value}] = mcs::digest(without_grants);
  }
  return digests;
}

bool knows_less(const esp::SequenceGrants& grants, const esp::SequenceGrants& of_active) {
  for (size_t slot = 0; slot < esp::kSlotsMax; ++slot) {
    if (grants.bound.at(slot) < of_active.bound.at(slot)) return true;
  }
  return false;
}

class ReplicaConverges final : public Checker {
 public:
  explicit ReplicaConverges(const CheckerView& view) : Checker(view, "replica_converges") {}

  void after_event() override {
    const Instant now = view().world.now();
    if (now < next_look_) return;
    next_look_ = now + kLook;
    still_.clear();
    if (now - view().network.disturbed_until() > kQuiet && view().roles.acting_count() == 1 &&
        std::ranges::none_of(view().hosts, &SimHost::paused)) {
      compare_all();
    }
    std::swap(differing_, still_);
  }

 private:
  // What differs, and how: (standby, kind, SPI), the active's digest, the standby's.
  struct Difference {
    std::optional<uint64_t> active, standby;
    Instant since{};
  };
  struct Found {
    std::string_view kind;
    uint64_t spi = 0;
    std::optional<uint64_t> active, held;
  };
  using Key = std::tuple<HostId, std::string_view, uint64_t>;

  [[nodiscard]] const mcs::GroupState* state_of(const SimHost& host) const {
    const chassis::Chassis* chassis = host.chassis();
    return chassis == nullptr ? nullptr : chassis->group_state(view().group);
  }

  void compare_all() {
    const auto active = std::ranges::find_if(
        view().hosts, [&](const SimHost* host) { return view().roles.acting(host->id()); });
    const auto* state = state_of(**active);
    if (state == nullptr) return;
    const Digests digests = digests_of(*state);
    for (const SimHost* standby : view().hosts) {
      const auto* held = state_of(*standby);
      if (standby == *active || held == nullptr) continue;
      found_.clear();
      compare(digests, digests_of(*held));
      compare_grants(*state, *held);
      // Last, since it takes whole snapshots: nearly always there is nothing.
      if (found_.empty() || !in_sync(**active, *standby)) continue;
      for (const Found& found : found_) differs(standby->id(), found);
    }
  }

  [[nodiscard]] bool in_sync(const SimHost& active, const SimHost& standby) const {
    return view_group(active, view().network).members.contains(standby.id()) &&
           view_group(standby, view().network).in_sync;
  }

  void compare(const Digests& active, const Digests& held) {
    for (const auto& [key, digest] : active) {
      const auto at = held.find(key);
      const auto other = at == held.end() ? std::nullopt : std::optional(at->second);
      if (other != digest) found_.push_back({key.first, key.second, digest, other});
    }
    for (const auto& [key, digest] : held) {
      if (!active.contains(key)) found_.push_back({key.first, key.second, std::nullopt, digest});
    }
  }

  void compare_grants(const mcs::GroupState& active, const mcs::GroupState& held) {
    for (const auto& [spi, sa] : active.child_sas) {
      const auto at = held.child_sas.find(spi);
      if (at == held.child_sas.end() || !knows_less(at->second.grants, sa.grants)) continue;
      found_.push_back({"grants of CHILD", spi.value, std::nullopt, std::nullopt});
    }
  }

  // The same difference for so long: an SA that changes meanwhile is followed.
  void differs(HostId standby, const Found& found) {
    const auto& [kind, spi, active, held] = found;
    Difference now{.active = active, .standby = held, .since = view().world.now()};
    const auto before = differing_.find({standby, kind, spi});
    if (before != differing_.end() && before->second.active == active &&
        before->second.standby == held) {
      now.since = before->second.since;
    }
    still_[{standby, kind, spi}] = now;
    if (view().world.now() - now.since <= kQuiet) return;
    std::string_view how = active ? "holds another one" : "knows less";
    if (active && !held) how = "lacks it";
    if (!active && held) how = "still holds it";
    violate(
        fmt::format("{} SA {:x}: {}, a standby in sync, {}", kind, spi, host_name(standby), how));
  }

  Instant next_look_{};
  std::vector<Found> found_;  // of the standby that is looked at
  std::map<Key, Difference> differing_;
  std::map<Key, Difference> still_;
};

}  // namespace

std::unique_ptr<Checker> make_replica_converges(const CheckerView& view) {
  return std::make_unique<ReplicaConverges>(view);
}

}  // namespace segw::sim
