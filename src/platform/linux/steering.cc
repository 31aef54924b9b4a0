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

}  // namespace

Result<void> NexthopSteering::declare(const SteeringSpec& spec) {
  Group& group = groups_[spec.group];
  const uint32_t first = kFirstNexthop + spec.group.value * kNexthopsPerGroup;
  auto outer =
      declare_side(group.public_side, spec.public_side, first, public_tun_name(spec.isa_device));
  if (!outer) return outer;
  group.private_side.fallback_metric = kReverseFallbackMetric + spec.group.value;
  auto inner = declare_side(group.private_side, spec.private_side, first + 2,
                            private_tun_name(spec.isa_device));
  if (!inner) return inner;
  return remove_left_over(group.private_side);
}

// What another run of ours added and did not take away.
Result<void> NexthopSteering::remove_left_over(const SideState& side) {
  const auto found = side.place->netlink->own_routes();
  if (!found) return tl::unexpected(found.error());
  std::vector<Route> left_over;
  for (const Route& route : *found) {
    const bool ours = std::ranges::any_of(side.families, [&](const Family& family) {
      return route.nexthop_id == family.service_nexthop || route.nexthop_id == family.shunt_nexthop;
    });
    if ((ours && route.metric == kReverseMetric) || route.metric == side.fallback_metric) {
      left_over.push_back(route);
    }
  }
  return side.place->netlink->remove_all(left_over);
}

Result<void> NexthopSteering::declare_side(SideState& side, const SteeringSide& spec,
                                           uint32_t first_id, const std::string& tun) {
  side.place = services_.find(spec.service);
  if (side.place == nullptr) return failure("steering: no service " + spec.service);
  side.tun_name = tun;
  side.tun = side.place->netlink->device_index(tun);
  if (side.tun == 0) return failure("steering: no TUN device " + tun);
  side.prefixes = spec.prefixes;
  if (auto declared = declare_families(side, spec, first_id); !declared) return declared;
  if (auto declared = declare_routes(side); !declared) return declared;
  if (auto declared = declare_virtual_next_hops(side, spec); !declared) return declared;
  if (auto watched = watch_links(side, spec.service); !watched) return watched;
  wire::Writer guarded;
  for (const Family& family : side.families) {
    guarded.u32(family.service_nexthop).u32(family.shunt_nexthop);
  }
  send_to_keeper(keeper_socket_, KeeperMessage::Guard, guarded.view(), {side.place->where.fd()});
  return {};
}

Result<void> NexthopSteering::watch_links(const SideState& side, const std::string& service) {
  std::unique_ptr<LinkWatch>& watch = watches_[service];
  if (watch) return {};
  auto opened = LinkWatch::open(
      loop_, side.place->where,
      [this, place = side.place](const std::set<unsigned>& devices) { on_links(place, devices); });
  if (!opened) return tl::unexpected(opened.error());
  watch = std::move(*opened);
  return {};
}

NexthopSteering::ShuntWay NexthopSteering::shunt_way(const SideState& side,
                                                     const std::optional<IpAddress>& next_hop) {
  ShuntWay way;
  for (const ServiceInterface& interface : side.place->spec.interfaces) {
    if (!next_hop || interface.device.empty()) continue;
    for (const IpPrefix& address : interface.addresses) {
      if (!address.contains(*next_hop)) continue;
      way = {.device_name = interface.device,
             .device = side.place->netlink->device_index(interface.device),
             .gateway = next_hop};
    }
  }
  return way;
}

Result<void> NexthopSteering::declare_families(SideState& side, const SteeringSide& spec,
                                               uint32_t first_id) {
  Netlink& netlink = *side.place->netlink;
  for (const auto& [which, first] :
       {std::pair(IpFamily::V4, first_id), std::pair(IpFamily::V6, first_id + kNexthopV6)}) {
    Family family{
        .family = which, .service_nexthop = first, .shunt_nexthop = first + 1, .shunts = {}};
    for (const Shunt& shunt : spec.shunts) {
      family.shunts.push_back(
          shunt_way(side, which == IpFamily::V4 ? shunt.next_hop : shunt.next_hop_v6));
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
  for (const IpPrefix& prefix : side.prefixes) {
    if (side.of(prefix) == nullptr) {
      return failure("route " + prefix.text() + ": no IPv6 in this kernel");
    }
    for (const Route& route : declared_routes(side, prefix)) {
      if (auto made = side.place->netlink->replace(route); !made) return made;
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

void NexthopSteering::withdraw() {
  watches_.clear();
  for (std::optional<TimerId>* timer : {&retry_timer_, &slice_timer_}) {
    if (*timer) loop_.cancel(**timer);
    timer->reset();
  }
  refusals_.clear();
  for (auto& [id, group] : groups_) {
    if (group.private_side.place != nullptr) {
      if (const auto removed = remove_left_over(group.private_side); !removed) {
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
