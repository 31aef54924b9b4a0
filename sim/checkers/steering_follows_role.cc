// Where a chassis steers the group's traffic follows the role of its ISA: the TUN, and the virtual
// next hop, only and always while it may work; else, once all is quiet, a shunt to the chassis that
// acts. Routes that come with CHILD SAs are there as long as these.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <variant>

#include "sim/checkers/checker.h"

namespace segw::sim {
namespace {

// A role and its steering are set in one event of segwd; the ISA hears of it by its socket.
constexpr Duration kSettle = std::chrono::milliseconds(20);
// An old active that hears nothing for so long asks, and goes on if the target did not act.
constexpr Duration kHandover = std::chrono::milliseconds(300);
constexpr Duration kRoutesSettle = std::chrono::seconds(1);
// After a fault, for a keep-alive to say who acts now, and an ISA with its longest back-off.
constexpr Duration kQuietMargin = std::chrono::seconds(12);

class SteeringFollowsRole final : public Checker {
 public:
  explicit SteeringFollowsRole(const CheckerView& view)
      : Checker(view, "steering_follows_role"), hosts_(view.hosts.size()) {}

  void on_isa_told(HostId host, const isa::ToIsa& message) override {
    if (std::holds_alternative<isa::Freeze>(message)) hosts_[host].role = Role::Frozen;
    const auto* set = std::get_if<isa::SetRole>(&message);
    if (set == nullptr) return;
    switch (set->role) {
      case isa::Role::Closed:
        hosts_[host].role = Role::Closed;
        return;
      case isa::Role::Buffering:
        hosts_[host].role = Role::Buffering;
        return;
      case isa::Role::Acting:
        hosts_[host].role = Role::Acting;
        return;
    }
  }
  void on_isa_stopped(HostId host) override { hosts_[host].role = Role::Closed; }

  void after_event() override {
    for (const SimHost* host : view().hosts) look_at(*host);
    if (view().world.now() < next_look_) return;
    next_look_ = view().world.now() + std::chrono::milliseconds(100);
    for (const SimHost* host : view().hosts) {
      look_at_shunt(*host);
      look_at_routes(*host);
    }
  }

 private:
  // Frozen and Buffering: on either side of a handover.
  enum class Role : uint8_t { Closed, Frozen, Buffering, Acting };
  struct Host {
    Role role = Role::Closed;
    std::optional<Instant> wrong_since, lost_since, lacks_routes_since, left_routes_since;
  };
  using Ranges = std::set<std::pair<IpAddress, IpAddress>>;

  // True if it has been so for as long as `settle`.
  bool lasts(bool wrong, std::optional<Instant>& since, Duration settle) const {
    if (!wrong) {
      since.reset();
      return false;
    }
    if (!since) since = view().world.now();
    return view().world.now() - *since > settle;
  }

  void look_at(const SimHost& host) {
    Host& seen = hosts_[host.id()];
    const platform::SteeringState* state = host.steering();
    // One that hangs has not heard of its role, and is soon taken for dead.
    const bool looked_at = state != nullptr && !host.paused() && !host.isa_hangs();
    if (lasts(looked_at && !fits(*state, seen.role), seen.wrong_since, kSettle)) {
      violate(fmt::format("{}'s ISA {}, but its steering does not say so", host.name(),
                          text(seen.role)));
    }
    // The old active of a handover hands all to the target, which keeps it until it acts.
    const bool lost = looked_at && seen.role == Role::Frozen && !shunts_to_who_takes(host);
    if (lasts(lost, seen.lost_since, kHandover)) {
      violate(host.name() + " is frozen for a handover and shunts to nobody who takes it");
    }
  }

  static std::string_view text(Role role) {
    switch (role) {
      case Role::Closed:
        return "does not act";
      case Role::Frozen:
        return "is frozen";
      case Role::Buffering:
        return "buffers";
      case Role::Acting:
        return "acts";
    }
    return "";
  }

  static bool fits(const platform::SteeringState& state, Role role) {
    using platform::Target;
    const bool to_tun = state.from_service == Target::Tun;
    const bool shunted_to_tun = state.from_shunt == Target::Tun;
    switch (role) {
      case Role::Closed:
        return !to_tun && !shunted_to_tun && !state.virtual_next_hops;
      case Role::Frozen:
        // It still draws traffic, and what comes back by a shunt goes nowhere (rule 24).
        return state.from_service == Target::Shunt && state.from_shunt == Target::Blackhole;
      case Role::Buffering:
        return to_tun && shunted_to_tun && !state.virtual_next_hops;
      case Role::Acting:
        return to_tun && shunted_to_tun && state.virtual_next_hops;
    }
    return false;
  }

  // After a fault the old one asks for as long as it does not know whether the target acts.
  [[nodiscard]] bool shunts_to_who_takes(const SimHost& host) const {
    if (view().network.lossy() ||
        view().world.now() - view().network.disturbed_until() < view().timing.hold + kHandover) {
      return true;
    }
    const auto to = host.shunts_to();
    return to && (hosts_[*to].role == Role::Buffering || hosts_[*to].role == Role::Acting);
  }

  [[nodiscard]] bool quiet() const {
    const Duration least =
        view().timing.discovery + view().timing.hold + 2 * view().timing.keep_alive + kQuietMargin;
    return view().world.now() - view().network.disturbed_until() > least &&
           !view().network.lossy() && view().roles.acting_count() == 1 &&
           std::ranges::none_of(view().hosts, &SimHost::paused);
  }

  void look_at_shunt(const SimHost& host) {
    if (!host.started() || hosts_[host.id()].role != Role::Closed || !quiet()) return;
    const auto to = host.shunts_to();
    if (to && view().roles.acting(*to)) return;
    // A handover may have begun just now.
    const auto moves = [](const Host& each) {
      return each.role == Role::Frozen || each.role == Role::Buffering;
    };
    if (std::ranges::any_of(hosts_, moves)) return;
    violate(fmt::format("{} shunts to {}, which does not act", host.name(),
                        to ? host_name(*to) : "nobody"));
  }

  [[nodiscard]] static Ranges routed_at(const SimHost& host) {
    Ranges routed;
    for (const IpPrefix& prefix : host.added_routes()) {
      routed.emplace(prefix.first(), prefix.last());
    }
    return routed;
  }

  [[nodiscard]] static Ranges wanted_by(const mcs::GroupState& state) {
    Ranges wanted;
    for (const auto& [spi, sa] : state.child_sas) {
      if (sa.reverse_route == esp::ReverseRoute::None) continue;
      for (const auto& selector : sa.remote_selectors) {
        wanted.emplace(selector.first, selector.last);
      }
    }
    return wanted;
  }

  void look_at_routes(const SimHost& host) {
    Host& seen = hosts_[host.id()];
    const chassis::Chassis* chassis = host.chassis();
    const auto* state = chassis == nullptr ? nullptr : chassis->group_state(view().group);
    bool lacking = false;
    bool left_over = false;
    if (state != nullptr && host.started() && !host.paused()) {
      const Ranges routed = routed_at(host);
      const Ranges wanted = wanted_by(*state);
      lacking = !std::ranges::includes(routed, wanted);
      left_over = !std::ranges::includes(wanted, routed);
    }
    if (lasts(lacking, seen.lacks_routes_since, kRoutesSettle)) {
      violate(host.name() + " lacks routes of its CHILD SAs");
    }
    // Where it acts, the end of an SA is held by the in-sync set before its route goes: after a
    // takeover also by the members of the active before, until their grants have surely run out.
    const Timing& timing = view().timing;
    const Duration grants = (2 * timing.hold + timing.keep_alive) * 11 / 10;
    const bool settled =
        seen.role == Role::Closed || view().world.now() - view().network.disturbed_until() >
                                         timing.hold + 2 * timing.keep_alive + grants;
    if (lasts(left_over && settled, seen.left_routes_since, kRoutesSettle)) {
      violate(host.name() + " has routes of no CHILD SA");
    }
  }

  std::vector<Host> hosts_;
  Instant next_look_{};
};

}  // namespace

std::unique_ptr<Checker> make_steering_follows_role(const CheckerView& view) {
  return std::make_unique<SteeringFollowsRole>(view);
}

}  // namespace segw::sim
