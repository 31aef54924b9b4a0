#include "platform/linux/steering.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "platform/linux/isas.h"
#include "platform/linux/keeper_link.h"
#include "wire/writer.h"

namespace segw::platform::os {
namespace {

constexpr uint32_t kFirstNexthop = 0x53470000;  // high, away from what others number from 1
constexpr uint32_t kNexthopsPerGroup = 8;       // 0..3 IPv4, 4..7 IPv6 (kNexthopV6)
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
    const bool ours = std::ranges::any_of(side.families, [&](const Family& family) {
      return route.nexthop_id == family.service_nexthop || route.nexthop_id == family.shunt_nexthop;
    });
    if ((ours && route.metric == kReverseMetric) || route.metric == group.fallback_metric) {
      left_over.push_back(route);
    }
  }
  return side.place->netlink->remove_all(left_over);
}

const NexthopSteering::Family* NexthopSteering::SideState::of(const IpPrefix& prefix) const {
  const auto at = std::ranges::find(families, prefix.address.family(), &Family::family);
  return at == families.end() ? nullptr : &*at;
}

std::vector<Route> NexthopSteering::reverse_routes(const Group& group,
                                                   const std::vector<IpPrefix>& prefixes) {
  std::vector<Route> routes;
  for (const IpPrefix& prefix : prefixes) {
    const Family* family = group.private_side.of(prefix);
    if (family == nullptr) continue;
    for (const auto& [table, nexthop] : {std::pair(kMainTable, family->service_nexthop),
                                         std::pair(kShuntTable, family->shunt_nexthop)}) {
      // The blackhole first: at no moment does the prefix follow the default route again.
      routes.push_back({.prefix = prefix, .table = table, .metric = group.fallback_metric});
      routes.push_back(
          {.prefix = prefix, .table = table, .metric = kReverseMetric, .nexthop_id = nexthop});
    }
  }
  return routes;
}

void NexthopSteering::add_routes(TunnelGroupId group, const std::vector<IpPrefix>& prefixes) {
  const auto at = groups_.find(group);
  if (at == groups_.end()) return;
  const auto routes = reverse_routes(at->second, prefixes);
  if (const auto added = at->second.private_side.place->netlink->replace_all(routes); !added) {
    log_.event(Severity::Major, "STEERING_FAILED", added.error().text);
  }
}

void NexthopSteering::remove_routes(TunnelGroupId group, const std::vector<IpPrefix>& prefixes) {
  const auto at = groups_.find(group);
  if (at == groups_.end()) return;
  auto routes = reverse_routes(at->second, prefixes);
  std::ranges::reverse(routes);
  if (const auto removed = at->second.private_side.place->netlink->remove_all(routes); !removed) {
    log_.event(Severity::Major, "STEERING_FAILED", removed.error().text);
  }
}

Result<void> NexthopSteering::declare_side(SideState& side, const SteeringSide& spec,
                                           uint32_t first_id, const std::string& tun) {
  side.place = services_.find(spec.service);
  if (side.place == nullptr) return failure("steering: no service " + spec.service);
  side.tun = side.place->netlink->device_index(tun);
  if (side.tun == 0) return failure("steering: no TUN device " + tun);
  side.prefixes = spec.prefixes;
  if (auto declared = declare_families(side, spec, first_id); !declared) return declared;
  if (auto declared = declare_routes(side); !declared) return declared;
  if (auto declared = declare_virtual_next_hops(side, spec); !declared) return declared;
  wire::Writer guarded;
  for (const Family& family : side.families) {
    guarded.u32(family.service_nexthop).u32(family.shunt_nexthop);
  }
  send_to_keeper(keeper_socket_, KeeperMessage::Guard, guarded.view(), {side.place->where.fd()});
  return {};
}

Result<void> NexthopSteering::declare_families(SideState& side, const SteeringSide& spec,
                                               uint32_t first_id) {
  Netlink& netlink = *side.place->netlink;
  for (const auto& [which, first, next_hop] :
       {std::tuple(IpFamily::V4, first_id, spec.shunt_next_hop),
        std::tuple(IpFamily::V6, first_id + kNexthopV6, spec.shunt_next_hop_v6)}) {
    Family family{.family = which,
                  .service_nexthop = first,
                  .shunt_nexthop = first + 1,
                  .shunt_device = 0,
                  .shunt_gateway = std::nullopt};
    for (const ServiceInterface& interface : side.place->spec.interfaces) {
      if (!next_hop || interface.device.empty()) continue;
      for (const IpPrefix& address : interface.addresses) {
        if (!address.contains(*next_hop)) continue;
        family.shunt_device = netlink.device_index(interface.device);
        family.shunt_gateway = next_hop;
      }
    }
    auto made = netlink.replace(Nexthop{.id = family.service_nexthop});
    if (made) made = netlink.replace(Nexthop{.id = family.shunt_nexthop});
    if (made) {
      side.families.push_back(family);
    } else if (which == IpFamily::V4) {
      return made;
    }
  }
  return {};
}

Result<void> NexthopSteering::declare_routes(SideState& side) {
  Netlink& netlink = *side.place->netlink;
  for (const IpPrefix& prefix : side.prefixes) {
    const Family* family = side.of(prefix);
    if (family == nullptr) return failure("route " + prefix.text() + ": no IPv6 in this kernel");
    for (const auto& [table, nexthop] : {std::pair(kMainTable, family->service_nexthop),
                                         std::pair(kShuntTable, family->shunt_nexthop)}) {
      auto route = netlink.replace(
          Route{.prefix = prefix, .table = table, .metric = kGroupMetric, .nexthop_id = nexthop});
      if (!route) return route;
      auto fallback =
          netlink.replace(Route{.prefix = prefix, .table = table, .metric = kFallbackMetric});
      if (!fallback) return fallback;
    }
  }
  return {};
}

Result<void> NexthopSteering::declare_virtual_next_hops(SideState& side, const SteeringSide& spec) {
  for (const VirtualNextHop& each : spec.virtual_next_hops) {
    auto& of_family = each.address.is_v4() ? side.virtual_next_hops : side.virtual_next_hops_v6;
    of_family[each.device].push_back(each.address);
  }
  for (const auto& [device, addresses] : side.virtual_next_hops) {
    auto responder = ArpResponder::open(loop_, side.place->where, device);
    if (!responder) return tl::unexpected(responder.error());
    side.responders[device] = std::move(*responder);
  }
  for (const auto& [device, addresses] : side.virtual_next_hops_v6) {
    auto responder = NdpResponder::open(loop_, side.place->where, device);
    if (!responder) return tl::unexpected(responder.error());
    side.responders_v6[device] = std::move(*responder);
  }
  return {};
}

void NexthopSteering::point(const SideState& side, const Family& family, uint32_t nexthop,
                            Target target) {
  Nexthop wanted{.id = nexthop};
  switch (target) {
    case Target::Blackhole:
      break;
    case Target::Tun:
      wanted.device = side.tun;
      break;
    case Target::Shunt:
      wanted.device = family.shunt_device;
      if (family.shunt_device != 0) wanted.gateway = family.shunt_gateway;
      break;
  }
  if (const auto replaced = side.place->netlink->replace(wanted); !replaced) {
    log_.event(Severity::Critical, "STEERING_FAILED", replaced.error().text);
  }
}

void NexthopSteering::set_side(SideState& side, const SteeringState& state) {
  if (side.place == nullptr) return;
  // What arrives by a shunt may be taken before anything is shunted to us, and not after.
  for (const Family& family : side.families) {
    point(side, family, family.shunt_nexthop, state.from_shunt);
    point(side, family, family.service_nexthop, state.from_service);
  }
  for (const auto& [device, addresses] : side.virtual_next_hops) {
    side.responders.at(device)->set(state.virtual_next_hops ? addresses : std::vector<IpAddress>{});
  }
  for (const auto& [device, addresses] : side.virtual_next_hops_v6) {
    side.responders_v6.at(device)->set(state.virtual_next_hops ? addresses
                                                               : std::vector<IpAddress>{});
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
      side->responders_v6.clear();
      Netlink& netlink = *side->place->netlink;
      // With an object go the routes that point at it; the blackholes hold until then.
      for (const Family& family : side->families) {
        for (const uint32_t nexthop : {family.service_nexthop, family.shunt_nexthop}) {
          if (!netlink.remove_nexthop(nexthop)) continue;
        }
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
