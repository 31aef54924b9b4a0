// Tunnels that clients make on demand (docs/decisions/0040, 0041): whose settings they get, which
// addresses are theirs, and which older ones they replace.
#include <algorithm>

#include "ike/engine_impl.h"

namespace segw::ike {
namespace {

// A client whose addresses are those of more tunnels is refused, whatever is configured.
constexpr size_t kOverriddenMax = 16;

bool any_address(const esp::TrafficSelector& selector) {
  const IpPrefix all{.address = selector.first, .length = 0};
  return selector.first == all.first() && selector.last == all.last();
}

// It was told to go, or will be when a request under way is answered.
bool ends(const IkeSa& sa) {
  return sa.delete_after.count() > 0 ||
         (sa.pending && sa.pending->kind == PendingRequest::Kind::DeleteIke);
}

bool stands(const IkeSa& sa) {
  return sa.state == IkeState::Established || sa.state == IkeState::Rekeyed ||
         sa.state == IkeState::Candidate;
}

}  // namespace

EngineImpl::Configured::Configured(GroupSettings made) : settings(std::move(made)) {
  for (const GatewaySettings& each : settings.gateways) {
    gateways.push_back(Gateway{.settings = &each, .clients = ClientDb(each)});
  }
}

const EngineImpl::Gateway* EngineImpl::Configured::gateway(const IpAddress& local) const {
  const auto at = std::ranges::find_if(gateways, [&](const Gateway& each) {
    return each.settings->enabled && each.settings->local_gateway == local;
  });
  return at == gateways.end() ? nullptr : &*at;
}

const TunnelSettings* EngineImpl::tunnel(const IkeSa& sa) const {
  if (!sa.dynamic) return tunnel(sa.tunnel);
  const Gateway* at = gateway(sa.dynamic->gateway);
  return at == nullptr ? nullptr : at->clients.find(sa.dynamic->client);
}

// A configured tunnel between the two addresses, or the gateway at ours. Who the client is, it says
// in IKE_AUTH only.
const TunnelSettings* EngineImpl::settings_for_init(const Datagram& datagram) const {
  const auto at = std::ranges::find_if(settings_->tunnels, [&](const TunnelSettings& each) {
    return each.enabled && each.local_gateway == datagram.local.address &&
           each.remote_gateway == datagram.remote.address;
  });
  if (at != settings_->tunnels.end()) return &*at;
  const Gateway* open = gateway(datagram.local.address);
  const bool served = open != nullptr && open->clients.may_serve(datagram.remote.address);
  return served ? &open->settings->own : nullptr;
}

void EngineImpl::authenticate_at_gateway(const Configured& configured, const IkeSa& sa,
                                         const std::vector<Payload>& payloads, crypto::WallTime now,
                                         Authenticated& result) {
  const Gateway* open = configured.gateway(sa.local.address);
  if (open == nullptr) return;
  const auto* theirs = find_id(payloads, true);
  const auto* ours = find_id(payloads, false);
  if (theirs == nullptr) {
    result.verdict.refused = "auth-incomplete";
    return;
  }
  const ClientDb::Found found = open->clients.find(theirs->identity, sa.remote.address);
  if (found.settings == nullptr) {
    result.verdict.refused = "auth-unknown-client";
    return;
  }
  if (ours != nullptr && !is_local_id(*found.settings, ours->identity)) {
    result.verdict.refused = "auth-local-identity";
    return;
  }
  result.verdict = verify(*found.settings, sa, payloads, now);
  if (!result.verdict.refused.empty()) return;
  result.settings = found.settings;
  result.dynamic = DynamicTunnel{.gateway = open->settings->local_gateway, .client = found.client};
}

uint32_t EngineImpl::new_dynamic_tunnel() {
  while (true) {
    const uint32_t number = static_cast<uint32_t>(platform_.rng.next()) | kDynamicTunnel;
    const bool taken = std::ranges::any_of(
        tables_.ike_sas, [&](const auto& entry) { return entry.second.tunnel == number; });
    if (!taken) return number;
  }
}

bool EngineImpl::same_client(const IkeSa& a, const IkeSa& b) {
  if (!a.dynamic || !b.dynamic) return !a.dynamic && !b.dynamic && a.tunnel == b.tunnel;
  return a.dynamic->gateway == b.dynamic->gateway &&
         normalized(a.remote_id) == normalized(b.remote_id);
}

// A client of a gateway has one IKE SA. One that did not say INITIAL_CONTACT may still hold the old
// one: its CHILD SAs end here at once, so that its addresses are free, and it is told.
void EngineImpl::replace_client(const IkeSa& sa, Changes& changes) {
  std::set<uint32_t> old;
  std::vector<IkeSpi> ending;
  for (const auto& [spi, other] : tables_.ike_sas) {
    if (spi == sa.our_spi() || !stands(other) || !other.dynamic || !same_client(sa, other))
      continue;
    if (ends(other)) {
      ending.push_back(spi);
    } else {
      old.insert(other.tunnel);
    }
  }
  // One that comes again before the end of the last one is answered has at most one that ends.
  for (const IkeSpi spi : ending) remove_ike(spi, /*by_client=*/true, changes);
  for (const uint32_t number : old) {
    counters_.add("clients-replaced");
    end_tunnel(number, /*by_client=*/true, changes);
  }
}

// The CHILD SAs of a dynamic tunnel go with `changes`; its IKE SAs are deleted with an exchange.
void EngineImpl::end_tunnel(uint32_t number, bool by_client, Changes& changes) {
  std::vector<IkeSpi> spis;
  for (const auto& [spi, sa] : tables_.ike_sas) {
    if (sa.tunnel == number && stands(sa)) spis.push_back(spi);
  }
  for (const IkeSpi spi : spis) {
    IkeSa& sa = tables_.ike_sas.at(spi);
    const std::vector<Spi> children = sa.children;
    for (const Spi child : children) remove_child(child, by_client, changes);
    changes.ike_sas.push_back(spi);
    sa.delete_after = kAtOnce + age_of(sa);
    end(sa);
  }
}

// Whether the client of `sa` may have these addresses. Older tunnels may end for it.
bool EngineImpl::claim(const IkeSa& sa, const std::vector<esp::TrafficSelector>& remote,
                       Changes& changes) {
  if (!sa.dynamic) return true;
  if (!configured_ranges_.others(sa.tunnel, remote, 1).empty()) return false;
  const auto others = ranges_.others(sa.tunnel, remote, kOverriddenMax + 1);
  if (others.empty()) return true;
  const Gateway* open = gateway(sa.dynamic->gateway);
  if (open == nullptr || !open->settings->override_any || others.size() > kOverriddenMax) {
    return false;
  }
  for (const uint32_t number : others) {
    counters_.add("tunnels-overridden");
    end_tunnel(number, /*by_client=*/false, changes);
  }
  return true;
}

void EngineImpl::note_ranges(const esp::ChildSa& child) {
  if (is_dynamic(child.tunnel)) ranges_.add(child.tunnel, child.remote_selectors);
}

void EngineImpl::forget_ranges(const esp::ChildSa& child) {
  if (is_dynamic(child.tunnel)) ranges_.remove(child.tunnel, child.remote_selectors);
}

void EngineImpl::find_ranges() {
  ranges_.clear();
  for (const auto& [spi, child] : tables_.child_sas) note_ranges(child);
}

// CHILD SAs whose IKE SA could not be used here, or does not list them (any more): half a step of
// the chassis that died. And what is listed, but did not arrive.
void EngineImpl::drop_orphans() {
  Changes changes;
  for (auto& [spi, sa] : tables_.ike_sas) {
    const auto missing =
        std::erase_if(sa.children, [&](Spi child) { return !tables_.child_sas.contains(child); });
    if (missing > 0) changes.ike_sas.push_back(spi);
  }
  std::vector<Spi> orphans;
  for (const auto& [spi, child] : tables_.child_sas) {
    const auto owner = tables_.ike_sas.find(child.ike_sa);
    const bool listed =
        owner != tables_.ike_sas.end() &&
        std::ranges::find(owner->second.children, spi) != owner->second.children.end();
    if (!listed) orphans.push_back(spi);
  }
  if (orphans.empty() && changes.ike_sas.empty()) return;
  for (const Spi spi : orphans) {
    counters_.add("orphans-dropped");
    remove_child(spi, false, changes);
  }
  commit(changes, [] {});
}

void EngineImpl::note_configured_ranges() {
  std::vector<esp::TrafficSelector> named;
  for (const TunnelSettings& each : settings_->tunnels) {
    if (!each.enabled || settings_->gateways.empty()) continue;
    std::ranges::copy_if(each.remote_selectors, std::back_inserter(named),
                         [](const auto& selector) { return !any_address(selector); });
  }
  std::ranges::sort(named, {}, [](const auto& each) { return std::pair(each.first, each.last); });
  // Configured tunnels among themselves are the operator's affair: here they are one set of ranges
  // that do not overlap.
  uint32_t owner = 0;
  for (size_t at = 0; at < named.size(); ++owner) {
    esp::TrafficSelector merged = named[at++];
    while (at < named.size() && !(merged.last < named[at].first)) {
      merged.last = std::max(merged.last, named[at++].last);
    }
    configured_ranges_.add(owner, {merged});
  }
}

}  // namespace segw::ike
