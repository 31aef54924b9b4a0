// How the kernel comes to have what was asked for, and has it again after it lost it.
#include <algorithm>

#include "platform/linux/steering.h"

namespace segw::platform::os {
namespace {

// Some milliseconds of the one thread; keep-alives must not wait for a hundred thousand routes.
constexpr size_t kPrefixesAtOnce = 512;
constexpr Duration kBreath = std::chrono::milliseconds(1);

std::vector<IpPrefix> take_some(std::set<IpPrefix>& from) {
  std::vector<IpPrefix> some;
  while (!from.empty() && some.size() < kPrefixesAtOnce) {
    some.push_back(*from.begin());
    from.erase(from.begin());
  }
  return some;
}

}  // namespace

NexthopSteering::~NexthopSteering() {
  for (const std::optional<TimerId>& timer : {retry_timer_, slice_timer_}) {
    if (timer) loop_.cancel(*timer);
  }
}

void NexthopSteering::Unsettled::take(Unsettled& other) {
  declared.merge(other.declared);
  reverse.merge(other.reverse);
  other = {};
}

const NexthopSteering::Family* NexthopSteering::SideState::of(const IpPrefix& prefix) const {
  const auto at = std::ranges::find(families, prefix.address.family(), &Family::family);
  return at == families.end() ? nullptr : &*at;
}

void NexthopSteering::SideState::lose_routes() {
  due.declared.insert(prefixes.begin(), prefixes.end());
  due.reverse.insert(reverse.begin(), reverse.end());
}

template <typename Visit>
void NexthopSteering::each_side(const Visit& visit) {
  for (auto& [id, group] : groups_) {
    for (SideState* side : {&group.public_side, &group.private_side}) {
      if (side->place != nullptr) visit(*side);
    }
  }
}

// ---- Routes ----

std::vector<Route> NexthopSteering::declared_routes(const SideState& side, const IpPrefix& prefix) {
  std::vector<Route> routes;
  const Family* family = side.of(prefix);
  if (family == nullptr) return routes;
  for (const auto& [table, nexthop] : {std::pair(kMainTable, family->service_nexthop),
                                       std::pair(kShuntTable, family->shunt_nexthop)}) {
    routes.push_back(
        {.prefix = prefix, .table = table, .metric = kGroupMetric, .nexthop_id = nexthop});
    routes.push_back({.prefix = prefix, .table = table, .metric = kFallbackMetric});
  }
  return routes;
}

std::vector<Route> NexthopSteering::reverse_routes(const SideState& side,
                                                   const std::vector<IpPrefix>& prefixes) {
  std::vector<Route> routes;
  for (const IpPrefix& prefix : prefixes) {
    const Family* family = side.of(prefix);
    if (family == nullptr) continue;
    for (const auto& [table, nexthop] : {std::pair(kMainTable, family->service_nexthop),
                                         std::pair(kShuntTable, family->shunt_nexthop)}) {
      // The blackhole first: at no moment does the prefix follow the default route again.
      routes.push_back({.prefix = prefix, .table = table, .metric = side.fallback_metric});
      routes.push_back(
          {.prefix = prefix, .table = table, .metric = kReverseMetric, .nexthop_id = nexthop});
    }
  }
  return routes;
}

void NexthopSteering::add_routes(TunnelGroupId group, const std::vector<IpPrefix>& prefixes) {
  const auto at = groups_.find(group);
  if (at == groups_.end()) return;
  SideState& side = at->second.private_side;
  side.reverse.insert(prefixes.begin(), prefixes.end());
  settle_reverse(side, prefixes);
}

void NexthopSteering::remove_routes(TunnelGroupId group, const std::vector<IpPrefix>& prefixes) {
  const auto at = groups_.find(group);
  if (at == groups_.end()) return;
  SideState& side = at->second.private_side;
  for (const IpPrefix& prefix : prefixes) side.reverse.erase(prefix);
  settle_reverse(side, prefixes);
}

// Adds what is wanted and removes what is not.
void NexthopSteering::settle_reverse(SideState& side, const std::vector<IpPrefix>& prefixes) {
  std::vector<IpPrefix> wanted;
  std::vector<IpPrefix> unwanted;
  for (const IpPrefix& prefix : prefixes) {
    (side.reverse.contains(prefix) ? wanted : unwanted).push_back(prefix);
  }
  auto gone = reverse_routes(side, unwanted);
  std::ranges::reverse(gone);
  const auto removed = side.place->netlink->remove_all(gone);
  const auto added = side.place->netlink->replace_all(reverse_routes(side, wanted));
  if (!removed) side.refused.reverse.insert(unwanted.begin(), unwanted.end());
  if (!added) side.refused.reverse.insert(wanted.begin(), wanted.end());
  if (removed && added) return;
  log_.event(Severity::Major, "STEERING_FAILED", (added ? removed : added).error().text);
  retry_later();
}

void NexthopSteering::settle_slice(SideState& side) {
  const auto declared = take_some(side.due.declared);
  std::vector<Route> routes;
  for (const IpPrefix& prefix : declared) {
    for (const Route& route : declared_routes(side, prefix)) routes.push_back(route);
  }
  if (const auto made = side.place->netlink->replace_all(routes); !made) {
    log_.event(Severity::Major, "STEERING_FAILED", made.error().text);
    side.refused.declared.insert(declared.begin(), declared.end());
    retry_later();
  }
  settle_reverse(side, take_some(side.due.reverse));
}

void NexthopSteering::settle() {
  bool more = false;
  each_side([&](SideState& side) {
    if (!side.due.empty()) settle_slice(side);
    more = more || !side.due.empty();
  });
  if (!more || slice_timer_) return;
  slice_timer_ = loop_.at(loop_.now() + kBreath, [this] {
    slice_timer_.reset();
    settle();
  });
}

// ---- Nexthop objects ----

Nexthop NexthopSteering::object(const SideState& side, const Family& family, uint32_t nexthop,
                                Target target) {
  Nexthop wanted{.id = nexthop};
  switch (target) {
    case Target::Blackhole:
      break;
    case Target::Tun:
      wanted.device = side.tun;
      break;
    case Target::Shunt:
      if (side.wanted.shunt_to >= family.shunts.size()) break;
      wanted.device = family.shunts[side.wanted.shunt_to].device;
      if (wanted.device != 0) wanted.gateway = family.shunts[side.wanted.shunt_to].gateway;
      break;
  }
  return wanted;
}

// A device that was taken away and came back has another index: an ISA makes its TUNs anew.
bool NexthopSteering::found_again(SideState& side, Family& family) {
  bool another = false;
  const auto look = [&](const std::string& name, unsigned& index) {
    const unsigned found = name.empty() ? 0 : side.place->netlink->device_index(name);
    if (found == 0 || found == index) return;
    index = found;
    another = true;
  };
  look(side.tun_name, side.tun);
  for (ShuntWay& way : family.shunts) look(way.device_name, way.device);
  return another;
}

void NexthopSteering::point(SideState& side, Family& family, uint32_t nexthop, Target target) {
  Netlink& netlink = *side.place->netlink;
  const Nexthop blackhole{.id = nexthop};
  std::string refusal;
  auto changed = netlink.change(object(side, family, nexthop, target));
  if (!changed && found_again(side, family)) {
    changed = netlink.change(object(side, family, nexthop, target));
  }
  const Nexthop wanted = object(side, family, nexthop, target);
  if (!changed) {
    refusal = changed.error().text;
    // Where it led until now is wrong too.
    changed = netlink.change(blackhole);
  }
  if (changed && !*changed) {
    // The kernel took it away, with every route on it.
    auto made = netlink.replace(wanted);
    if (!made) {
      refusal = made.error().text;
      made = netlink.replace(blackhole);
    }
    if (made) side.lose_routes();
  }
  note(nexthop, refusal);
  if (!refusal.empty()) retry_later();
}

// One event when it begins to be refused, one when it is as wanted.
void NexthopSteering::note(uint32_t nexthop, const std::string& refusal) {
  const auto at = refusals_.find(nexthop);
  if (refusal.empty()) {
    if (at == refusals_.end()) return;
    log_.event(Severity::Info, "STEERING_MENDED", at->second);
    refusals_.erase(at);
    return;
  }
  if (at != refusals_.end() && at->second == refusal) return;
  log_.event(Severity::Major, "STEERING_FAILED", refusal);
  refusals_[nexthop] = refusal;
}

void NexthopSteering::set_side(SideState& side, const SteeringState& state) {
  if (side.place == nullptr) return;
  side.wanted = state;
  // What arrives by a shunt may be taken before anything is shunted to us, and not after.
  for (Family& family : side.families) {
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
  retry_after_ = kRetryFirst;
  set_side(at->second.public_side, state);
  set_side(at->second.private_side, state);
  settle();
}

// ---- Again ----

void NexthopSteering::on_links(const ServicePlace* place, const std::set<unsigned>& devices) {
  each_side([&](SideState& side) {
    if (side.place == place) point_again(side, devices);
  });
  settle();
}

// What leads to one of the devices, and what was refused.
void NexthopSteering::point_again(SideState& side, const std::set<unsigned>& devices) {
  const bool all = devices.contains(LinkWatch::kAllLinks);
  for (Family& family : side.families) {
    for (const auto& [nexthop, target] :
         {std::pair(family.shunt_nexthop, side.wanted.from_shunt),
          std::pair(family.service_nexthop, side.wanted.from_service)}) {
      const bool refused = refusals_.contains(nexthop);
      const unsigned device = object(side, family, nexthop, target).device;
      if (all || refused || devices.contains(device)) point(side, family, nexthop, target);
    }
  }
}

void NexthopSteering::retry_later() {
  if (retry_timer_) return;
  retry_timer_ = loop_.at(loop_.now() + retry_after_, [this] {
    retry_timer_.reset();
    retry_after_ = std::min(2 * retry_after_, kRetryMax);
    retry();
  });
}

void NexthopSteering::retry() {
  each_side([&](SideState& side) {
    point_again(side, {});
    side.due.take(side.refused);
  });
  settle();
  if (!retry_timer_) retry_after_ = kRetryFirst;
}

}  // namespace segw::platform::os
