#include "chassis/group_events.h"

#include <fmt/format.h>

#include <algorithm>

#include "chassis/status.h"

namespace segw::chassis {
namespace {

constexpr uint64_t kPercent = 100;
constexpr uint64_t kLowMark = 90;
constexpr uint64_t kHighMark = 95;

std::optional<Event> mark_of(uint64_t count, uint64_t most) {
  if (most == 0) return std::nullopt;
  if (count >= most) return Event::TunnelsMost;
  if (count * kPercent >= most * kHighMark) return Event::TunnelsHigh;
  if (count * kPercent >= most * kLowMark) return Event::TunnelsLow;
  return std::nullopt;
}

std::string_view up_or_down(bool up) { return up ? "up" : "down"; }

}  // namespace

std::string GroupEvents::subject() const {
  return names_.domain ? fmt::format("MC-IPSEC-DOMAIN {}", names_.domain->value)
                       : fmt::format("TUNNEL-GROUP {}", names_.group.value);
}

void GroupEvents::role(const mimp::RoleChange& change, const std::optional<IpAddress>& active) {
  if (!names_.domain) {
    log_.raise(Event::GroupMastership, subject(),
               fmt::format("Master state for the multi-chassis ipsec peer {} tunnel-group {} "
                           "changed from {} to {} because {}",
                           names_.peer.empty() ? "none" : names_.peer, names_.group.value,
                           mimp::text(change.from), mimp::text(change.to), change.why));
    return;
  }
  log_.raise(Event::DomainActivity, subject(),
             fmt::format("Multi-chassis ipsec domain {} local activity state changed from {} to {} "
                         "because {}. The active router in the domain is {}.",
                         names_.domain->value, activity_text(change.from), activity_text(change.to),
                         change.why, active ? active->text() : "0.0.0.0"));
}

void GroupEvents::protection(Instant now, std::string_view why_not) {
  const bool nominal = why_not.empty();
  if (nominal == nominal_) return;
  nominal_ = nominal;
  const std::string state = nominal ? "nominal" : "notReady";
  history_.add(now, nominal ? state : fmt::format("{} ({})", state, why_not));
  if (names_.domain) {
    log_.raise(Event::DomainProtection, subject(),
               fmt::format("Protection status for the multi-chassis ipsec domain {} changed to {}",
                           names_.domain->value, state));
    return;
  }
  log_.raise(Event::GroupProtection, subject(),
             fmt::format("Protection status for the multi-chassis ipsec peer {} tunnel-group {} "
                         "changed to {}",
                         names_.peer, names_.group.value, state));
}

void GroupEvents::tunnels(uint64_t count, uint64_t most) {
  const std::optional<Event> mark = mark_of(count, most);
  if (!mark) {
    mark_.reset();
    return;
  }
  if (mark_ && *mark <= *mark_) return;
  mark_ = mark;
  log_.raise(
      *mark, fmt::format("TUNNEL-GROUP {}", names_.group.value),
      fmt::format("tunnel-group {} has {} of at most {} tunnels", names_.group.value, count, most));
}

void GroupEvents::isa_ready(std::string_view isa) {
  log_.raise(Event::ActiveIsa, fmt::format("TUNNEL-GROUP {}", names_.group.value),
             fmt::format("isa {} serves tunnel-group {}", isa, names_.group.value));
}

void GroupEvents::isa_down(std::string_view why) {
  log_.raise(Event::NoActiveIsa, fmt::format("TUNNEL-GROUP {}", names_.group.value),
             fmt::format("tunnel-group {} is out of service: {}", names_.group.value, why));
}

void GroupEvents::tunnel(std::string_view name, bool up) {
  log_.raise(Event::TunnelState, std::string(name),
             fmt::format("ipsec tunnel \"{}\" is {}", name, up_or_down(up)));
}

void GroupEvents::gateway(std::string_view name, bool up) {
  log_.raise(Event::GatewayState, std::string(name),
             fmt::format("ipsec gateway \"{}\" is {}", name, up_or_down(up)));
}

void GroupEvents::client_removed(std::string_view client, std::string_view gateway) {
  log_.raise(Event::ClientTunnelRemoved, std::string(gateway),
             fmt::format("tunnel of {} to ipsec gateway \"{}\" is down", client, gateway));
}

std::vector<History::Entry> merged(const History& one, const History& other) {
  std::vector<History::Entry> all;
  all.reserve(one.entries().size() + other.entries().size());
  std::ranges::merge(one.entries(), other.entries(), std::back_inserter(all), {},
                     &History::Entry::at, &History::Entry::at);
  return all;
}

}  // namespace segw::chassis
