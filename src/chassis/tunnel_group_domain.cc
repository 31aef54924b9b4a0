// What `show redundancy multi-chassis ipsec-domain` reads of a tunnel group.
#include <algorithm>
#include <vector>

#include "chassis/tunnel_group.h"

namespace segw::chassis {
namespace {

// Tunnels, not SAs: a rekeyed one is still one.
std::vector<uint32_t> tunnels_of(const mcs::GroupState& state) {
  std::vector<uint32_t> tunnels;
  tunnels.reserve(state.child_sas.size());
  for (const auto& [spi, child] : state.child_sas) tunnels.push_back(child.tunnel);
  std::ranges::sort(tunnels);
  const auto same = std::ranges::unique(tunnels);
  tunnels.erase(same.begin(), same.end());
  return tunnels;
}

}  // namespace

bool TunnelGroup::sleeps() const {
  return parts_.domain != nullptr && parts_.domain->role == mimp::DesignatedRole::Standby;
}

// sros-facts §3.2: a designated standby gives nothing to an ISA until it becomes active.
bool TunnelGroup::dormant() const { return sleeps() && !awake_; }

// It is about to act, or is the target of a handover.
void TunnelGroup::wake() {
  if (!dormant()) return;
  awake_ = true;
  if (parts_.pool != nullptr) {
    parts_.pool->claim(id(), parts_.group->active_isa_number);
    post_(parts_.pool_changed);
  }
  for (const auto& [spi, sa] : state_.child_sas) isa_->send(install_message(sa, true));
}

// What the ISA sealed last is known exactly only after a planned handover.
void TunnelGroup::fall_asleep() {
  if (!sleeps() || !awake_) return;
  awake_ = false;
  for (const auto& [spi, sa] : state_.child_sas) {
    lose_position(spi, positions_exact_ ? 0 : kSkip);
    isa_->send(isa::RemoveSa{.inbound_spi = spi});
  }
  positions_exact_ = true;
  if (parts_.pool == nullptr) return;
  parts_.pool->release(id());
  post_(parts_.pool_changed);
}

// As a fresh election would have it. Where the two are equal nothing is gained by going back.
bool TunnelGroup::outranks(PeerIndex peer) const {
  const mimp::PeerInfo other = mimp_->peer_info(peer);
  if (parts_.domain->role != other.role) return parts_.domain->role > other.role;
  return parts_.domain->priority > other.priority;
}

// What this chassis would do otherwise than the active does, clients would meet after the move.
// A peer of the release before does not tell; it would be taken over from by that release too.
bool TunnelGroup::configured_as(PeerIndex peer) const {
  if (!sync_) return false;
  const mcs::PeerLink* const link = parts_.peers.at(peer.value).link;
  if (link == nullptr) return false;
  using Result = mcs::ConfigComparison::Result;
  const Result result = sync_->config(peer).result;
  const bool cannot_tell = link->version() < mcs::kVersionWithConfig;
  return result == Result::Equal || (cannot_tell && result == Result::Unknown);
}

// Redundancy rule 10, sros-facts §3.3: a revertive designated active takes activity back.
void TunnelGroup::take_back() {
  const bool revertive = parts_.domain != nullptr && parts_.domain->revertive && !sleeps();
  const auto due = wait_to_restore_.due();
  const auto active = mimp_->active_peer();
  if (!revertive || role_ != mimp::MasterState::Standby || !due || !active) return;
  const Instant now = platform_.clock.now();
  const bool ready =
      mimp_->in_sync() && awaiting_config_.empty() && configured_as(*active) && outranks(*active);
  if (!ready || now < *due || now < take_back_from_ || asked_switchover_) return;
  take_back_from_ = now + WaitToRestore::kFirst;
  mimp_->request_switchover(mimp_->settings().router_id);
}

uint64_t TunnelGroup::capacity() const {
  const uint64_t each = parts_.group->tunnels_max;
  const uint8_t wanted = parts_.group->active_isa_number;
  if (parts_.pool != nullptr) return each * parts_.pool->room_for(id(), wanted);
  return each * std::clamp<uint64_t>(wanted, 1, std::max<size_t>(parts_.group->isas.size(), 1));
}

uint64_t TunnelGroup::tunnel_count() const { return tunnels_of(state_).size(); }

// Without counting tunnels as long as there are fewer CHILD SAs than room.
uint64_t TunnelGroup::failed_tunnels() const {
  const uint64_t room = capacity();
  if (state_.child_sas.size() <= room) return 0;
  const uint64_t tunnels = tunnel_count();
  return tunnels > room ? tunnels - room : 0;
}

TunnelStatistics TunnelGroup::statistics() const {
  TunnelStatistics statistics;
  uint64_t room = capacity();
  for (const uint32_t tunnel : tunnels_of(state_)) {
    TunnelCounts& counts = ike::is_dynamic(tunnel) ? statistics.on_demand : statistics.configured;
    if (room == 0) {
      ++counts.failed;
      continue;
    }
    --room;
    if (dormant()) {
      ++counts.standby_dormant;
    } else if (isa_->up()) {
      ++counts.installed;
    } else {
      ++counts.installing;
    }
  }
  for (const auto& [spi, on_demand] : awaiting_config_) {
    ++(on_demand ? statistics.on_demand : statistics.configured).awaiting_config;
  }
  return statistics;
}

DomainAdjacency TunnelGroup::adjacency(PeerIndex peer) const {
  const GroupPeer& of = parts_.peers.at(peer.value);
  DomainAdjacency adjacency{.peer = of.config->address,
                            .admin_up = true,
                            .up = mimp_->reachable(peer),
                            .down_reason = {},
                            .router_id = {},
                            .remote_state = {},
                            .remote_role = {},
                            .in_sync = mimp_->in_sync_set(peer)};
  if (!adjacency.up) {
    adjacency.down_reason = "no keep-alive is heard";
    return adjacency;
  }
  const mimp::PeerInfo info = mimp_->peer_info(peer);
  adjacency.router_id = info.router_id;
  adjacency.remote_role = info.role;
  adjacency.remote_state = mimp_->peer_state(peer);
  return adjacency;
}

void TunnelGroup::fill_domain(Status& status) const {
  if (parts_.domain == nullptr || !mimp_) return;
  DomainStatus row{.id = parts_.domain->id,
                   .role = parts_.domain->role,
                   .priority = parts_.domain->priority,
                   .group = id(),
                   .revertive = parts_.domain->revertive,
                   .admin_up = parts_.domain->enabled,
                   .nominal = false,
                   .not_nominal_reason = not_nominal_reason(),
                   .router_id = mimp_->settings().router_id,
                   .current_active = mimp_->current_active(),
                   .activity = role_,
                   .adjacencies = {},
                   .statistics = statistics(),
                   .activation = mimp_->activation().value,
                   .clean_takeovers = clean_takeovers_,
                   .unclean_takeovers = unclean_takeovers_,
                   .in_sync = mimp_->in_sync(),
                   .granted_by = {},
                   .counters = {},
                   .history = {}};
  row.nominal = row.not_nominal_reason.empty();
  if (const auto peer = mimp_->granted_by()) {
    row.granted_by = parts_.peers.at(peer->value).config->address;
  }
  for (uint8_t i = 0; i < peers(); ++i) row.adjacencies.push_back(adjacency(PeerIndex{i}));
  const auto& counters = mimp_->counters().all();
  row.counters.insert(counters.begin(), counters.end());
  row.history = merged(mimp_->history(), events_.history());
  status.domains.push_back(std::move(row));
}

}  // namespace segw::chassis
