#include "platform/linux/steering.h"

#include <fmt/format.h>

#include "platform/linux/isas.h"
#include "platform/linux/keeper_link.h"
#include "wire/writer.h"

namespace segw::platform::os {
namespace {

constexpr uint32_t kFirstNexthop = 0x53470000;  // high, away from what others number from 1
constexpr uint32_t kNexthopsPerGroup = 8;
constexpr uint32_t kGroupMetric = 10;
constexpr uint32_t kFallbackMetric = 4'000'000;
// Routes that come and go: worse than a declared one of the same prefix, which stays when they go.
// The number of the group in the blackhole's metric says whose it is after a restart.
constexpr uint32_t kReverseMetric = 20;
constexpr uint32_t kReverseFallbackMetric = 4'000'100;

}  // namespace

Result<void> NexthopSteering::declare(const SteeringSpec& spec) {
  Group& group = groups_[spec.group];
  const uint32_t first = kFirstNexthop + spec.group.value * kNexthopsPerGroup;
  auto outer = declare_side(group.public_side, spec.public_side, first, public_tun_name(spec.isa));
  if (!outer) return outer;
  group.fallback_metric = kReverseFallbackMetric + spec.group.value;
  auto inner =
      declare_side(group.private_side, spec.private_side, first + 2, private_tun_name(spec.isa));
  if (!inner) return inner;
  return remove_left_over(group);
}

// What another run of ours added and did not take away.
Result<void> NexthopSteering::remove_left_over(const Group& group) {
  const SideState& side = group.private_side;
  const auto found = side.place->netlink->own_routes();
  if (!found) return tl::unexpected(found.error());
  std::vector<Route> left_over;
  for (const Route& route : *found) {
    const bool ours =
        route.nexthop_id == side.service_nexthop || route.nexthop_id == side.shunt_nexthop;
    if ((ours && route.metric == kReverseMetric) || route.metric == group.fallback_metric) {
      left_over.push_back(route);
    }
  }
  return side.place->netlink->remove_all(left_over);
}

void NexthopSteering::add_routes(TunnelGroupId group, const std::vector<IpPrefix>& prefixes) {
  const auto at = groups_.find(group);
  if (at == groups_.end()) return;
  const SideState& side = at->second.private_side;
  std::vector<Route> routes;
  for (const IpPrefix& prefix : prefixes) {
    for (const auto& [table, nexthop] : {std::pair(kMainTable, side.service_nexthop),
                                         std::pair(kShuntTable, side.shunt_nexthop)}) {
      // The blackhole first: at no moment does the prefix follow the default route again.
      routes.push_back({.prefix = prefix, .table = table, .metric = at->second.fallback_metric});
      routes.push_back(
          {.prefix = prefix, .table = table, .metric = kReverseMetric, .nexthop_id = nexthop});
    }
  }
  if (const auto added = side.place->netlink->replace_all(routes); !added) {
    log_.event(Severity::Major, "STEERING_FAILED", added.error().text);
  }
}

void NexthopSteering::remove_routes(TunnelGroupId group, const std::vector<IpPrefix>& prefixes) {
  const auto at = groups_.find(group);
  if (at == groups_.end()) return;
  const SideState& side = at->second.private_side;
  std::vector<Route> routes;
  for (const IpPrefix& prefix : prefixes) {
    for (const auto& [table, nexthop] : {std::pair(kMainTable, side.service_nexthop),
                                         std::pair(kShuntTable, side.shunt_nexthop)}) {
      routes.push_back(
          {.prefix = prefix, .table = table, .metric = kReverseMetric, .nexthop_id = nexthop});
      routes.push_back({.prefix = prefix, .table = table, .metric = at->second.fallback_metric});
    }
  }
  if (const auto removed = side.place->netlink->remove_all(routes); !removed) {
    log_.event(Severity::Major, "STEERING_FAILED", removed.error().text);
  }
}

Result<void> NexthopSteering::declare_side(SideState& side, const SteeringSide& spec,
                                           uint32_t first_id, const std::string& tun) {
  side.place = services_.find(spec.service);
  if (side.place == nullptr) return failure("steering: no service " + spec.service);
  Netlink& netlink = *side.place->netlink;
  side.service_nexthop = first_id;
  side.shunt_nexthop = first_id + 1;
  side.tun = netlink.device_index(tun);
  if (side.tun == 0) return failure("steering: no TUN device " + tun);
  if (spec.shunt_next_hop) {
    for (const ServiceInterface& interface : side.place->spec.interfaces) {
      if (interface.device.empty() || !interface.address.contains(*spec.shunt_next_hop)) continue;
      side.shunt_device = netlink.device_index(interface.device);
      side.shunt_gateway = spec.shunt_next_hop;
    }
  }
  wire::Writer guarded;
  for (const uint32_t id : {side.service_nexthop, side.shunt_nexthop}) {
    if (auto made = netlink.replace(Nexthop{.id = id}); !made) return made;
    guarded.u32(id);
  }
  side.prefixes = spec.prefixes;
  for (const IpPrefix& prefix : spec.prefixes) {
    for (const auto& [table, nexthop] : {std::pair(kMainTable, side.service_nexthop),
                                         std::pair(kShuntTable, side.shunt_nexthop)}) {
      auto route = netlink.replace(
          Route{.prefix = prefix, .table = table, .metric = kGroupMetric, .nexthop_id = nexthop});
      if (!route) return route;
      auto fallback =
          netlink.replace(Route{.prefix = prefix, .table = table, .metric = kFallbackMetric});
      if (!fallback) return fallback;
    }
  }
  for (const VirtualNextHop& each : spec.virtual_next_hops) {
    side.virtual_next_hops[each.device].push_back(each.address);
  }
  for (const auto& [device, addresses] : side.virtual_next_hops) {
    auto responder = ArpResponder::open(loop_, side.place->where, device);
    if (!responder) return tl::unexpected(responder.error());
    side.responders[device] = std::move(*responder);
  }
  send_to_keeper(keeper_socket_, KeeperMessage::Guard, guarded.view(), {side.place->where.fd()});
  return {};
}

void NexthopSteering::point(SideState& side, uint32_t nexthop, Target target) {
  Nexthop wanted{.id = nexthop};
  switch (target) {
    case Target::Blackhole:
      break;
    case Target::Tun:
      wanted.device = side.tun;
      break;
    case Target::Shunt:
      wanted.device = side.shunt_device;
      if (side.shunt_device != 0) wanted.gateway = side.shunt_gateway;
      break;
  }
  if (const auto replaced = side.place->netlink->replace(wanted); !replaced) {
    log_.event(Severity::Critical, "STEERING_FAILED", replaced.error().text);
  }
}

void NexthopSteering::set_side(SideState& side, const SteeringState& state) {
  if (side.place == nullptr) return;
  // What arrives by a shunt may be taken before anything is shunted to us, and not after.
  point(side, side.shunt_nexthop, state.from_shunt);
  point(side, side.service_nexthop, state.from_service);
  for (const auto& [device, addresses] : side.virtual_next_hops) {
    side.responders.at(device)->set(state.virtual_next_hops ? addresses : std::vector<IpAddress>{});
  }
}

void NexthopSteering::set(TunnelGroupId group, const SteeringState& state) {
  const auto at = groups_.find(group);
  if (at == groups_.end()) return;
  set_side(at->second.public_side, state);
  set_side(at->second.private_side, state);
}

void NexthopSteering::withdraw() {
  for (auto& [id, group] : groups_) {
    if (group.private_side.place != nullptr) {
      if (const auto removed = remove_left_over(group); !removed) {
        log_.event(Severity::Minor, "STEERING_FAILED", removed.error().text);
      }
    }
    for (SideState* side : {&group.public_side, &group.private_side}) {
      if (side->place == nullptr) continue;
      side->responders.clear();
      Netlink& netlink = *side->place->netlink;
      // With an object go the routes that point at it; the blackholes hold until then.
      for (const uint32_t nexthop : {side->service_nexthop, side->shunt_nexthop}) {
        if (!netlink.remove_nexthop(nexthop)) continue;
      }
      for (const IpPrefix& prefix : side->prefixes) {
        for (const uint32_t table : {kMainTable, kShuntTable}) {
          if (!netlink.remove(Route{.prefix = prefix, .table = table, .metric = kFallbackMetric})) {
            continue;
          }
        }
      }
    }
  }
  groups_.clear();
}

}  // namespace segw::platform::os
