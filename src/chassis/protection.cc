#include "chassis/protection.h"

#include <fmt/format.h>

#include <algorithm>

namespace segw::chassis {
namespace {

// Of a reachable peer, as the active sees it.
std::string lacking(const PeerProtection& peer) {
  if (peer.state == mimp::MasterState::NotEligible) return {};  // no member of those that protect
  if (peer.state != mimp::MasterState::Standby) {
    return fmt::format("peer {} is {}", peer.name, mimp::text(peer.state));
  }
  if (!peer.in_sync) return fmt::format("peer {} is not in sync", peer.name);
  if (peer.sync != mcs::SyncState::InSync) {
    return fmt::format("peer {} is being synchronised", peer.name);
  }
  if (peer.unusable > 0) return fmt::format("peer {} could not use all records", peer.name);
  if (peer.unsealable > 0) {
    return fmt::format("peer {} lost its state folder, and {} SAs are not rekeyed yet", peer.name,
                       peer.unsealable);
  }
  return {};
}

std::string as_active(const ProtectionFacts& facts) {
  if (facts.merging) return "a split is being healed";
  bool protects = false;
  for (const PeerProtection& peer : facts.peers) {
    if (!peer.reachable) continue;
    if (std::string why = lacking(peer); !why.empty()) return why;
    protects = protects || peer.state == mimp::MasterState::Standby;
  }
  return protects ? "" : "no peer is standby";
}

std::string as_standby(const ProtectionFacts& facts) {
  if (facts.blocked) return "the active is heard by other peers only";
  if (!facts.in_sync) return "this chassis is not in sync";
  if (facts.unsealable > 0) {
    return fmt::format("this chassis lost its state folder, and {} SAs are not rekeyed yet",
                       facts.unsealable);
  }
  if (facts.failed > 0) return fmt::format("{} tunnels do not fit into the ISAs", facts.failed);
  for (const PeerProtection& peer : facts.peers) {
    const bool other = peer.reachable && peer.state == mimp::MasterState::Standby;
    if (other && !peer.in_sync) return fmt::format("peer {} is not in sync", peer.name);
  }
  return {};
}

}  // namespace

std::string why_not_nominal(const ProtectionFacts& facts) {
  if (facts.peers.empty()) return "no peer is configured";
  const bool any = std::ranges::any_of(facts.peers, &PeerProtection::reachable);
  if (!any) return "no peer is reachable";
  switch (facts.role) {
    case mimp::MasterState::Discovery:
      return "no election yet";
    case mimp::MasterState::NotEligible:
      return "the tunnel group is down here";
    case mimp::MasterState::Eligible:
      return "no peer is reachable";
    case mimp::MasterState::Standby:
      return as_standby(facts);
    case mimp::MasterState::Master:
      return as_active(facts);
  }
  return {};
}

}  // namespace segw::chassis
