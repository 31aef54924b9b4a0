// What `show` and the lab's key export read of a tunnel group.
#include <fmt/format.h>

#include "chassis/key_export.h"
#include "chassis/tunnel_group.h"
#include "esp/algorithm.h"

namespace segw::chassis {
namespace {

std::string_view text(ike::IkeState state) {
  switch (state) {
    case ike::IkeState::HalfOpen:
      return "half-open";
    case ike::IkeState::Established:
      return "established";
    case ike::IkeState::Rekeyed:
      return "rekeyed";
    case ike::IkeState::Closed:
      return "closed";
  }
  return "";
}

std::map<std::string, uint64_t> plain(const Counters& counters) {
  return {counters.all().begin(), counters.all().end()};
}

}  // namespace

std::string TunnelGroup::not_nominal_reason() const {
  if (!mimp_) return "no peer is configured";
  if (!mimp_->peer_reachable()) return "no peer is reachable";
  switch (role_) {
    case mimp::MasterState::Discovery:
      return "no election yet";
    case mimp::MasterState::NotEligible:
      return "the tunnel group is down here";
    case mimp::MasterState::Eligible:
      return "no peer is reachable";
    case mimp::MasterState::Standby:
      return mimp_->in_sync() ? "" : "this chassis is not in sync";
    case mimp::MasterState::Master:
      break;
  }
  if (mimp_->peer_state() != mimp::MasterState::Standby) return "the peer is not standby";
  if (!sync_ || !mimp_->peer_in_sync_set()) return "the peer is not in sync";
  if (sync_->sync_state() != mcs::SyncState::InSync) return "the peer is being synchronised";
  if (sync_->peer_unusable() > 0) return "the peer could not use all records";
  return "";
}

void TunnelGroup::fill(PeerStatus& status) const {
  PeerGroupStatus row{.id = id(),
                      .peer_group = mimp_->settings().peer_group,
                      .priority = parts_.peer_group->priority,
                      .admin_up = parts_.peer_group->enabled,
                      .mastership = role_,
                      .peer_state = mimp_->peer_state(),
                      .peer_reachable = mimp_->peer_reachable(),
                      .nominal = false,
                      .not_nominal_reason = not_nominal_reason(),
                      .activation = mimp_->activation().value,
                      .clean_takeovers = clean_takeovers_,
                      .unclean_takeovers = unclean_takeovers_,
                      .in_sync = mimp::acting(role_) ? mimp_->peer_in_sync_set() : mimp_->in_sync(),
                      .counters = plain(mimp_->counters()),
                      .history = {}};
  row.nominal = row.not_nominal_reason.empty();
  const auto& entries = mimp_->history().entries();
  row.history.assign(entries.begin(), entries.end());
  status.groups.push_back(std::move(row));
  status.entries += state_.ike_sas.size() + state_.child_sas.size();
  status.alarms += alarms_;
  if (sync_) {
    status.sync_state = sync_->sync_state();
    status.remote_alarms += sync_->peer_unusable();
  }
}

SaStatus TunnelGroup::sa_status(const esp::ChildSa& sa) const {
  SaStatus status{
      .inbound_spi = sa.inbound_spi.value,
      .outbound_spi = sa.outbound_spi.value,
      .algorithm = esp::text(sa.suite),
      .remote = sa.encapsulation
                    ? Endpoint{.address = sa.remote, .port = sa.encapsulation->remote_port}.text()
                    : sa.remote.text(),
      .age = sa.age,
      .lifetime = sa.lifetime,
      .rekeyed = sa.rekeyed,
      .may_seal = may_seal(sa.holders)};
  if (const auto window = state_.windows.find(sa.inbound_spi); window != state_.windows.end()) {
    status.outbound_next = window->second.outbound_next;
    status.inbound_highest = window->second.inbound_highest;
  }
  if (const auto at = activity_.find(sa.inbound_spi); at != activity_.end()) {
    const isa::SaActivity& activity = at->second;
    status.packets_in = activity.packets_in;
    status.bytes_in = activity.bytes_in;
    status.packets_out = activity.packets_out;
    status.bytes_out = activity.bytes_out;
    status.drops_replay = activity.drops_replay;
    status.drops_integrity = activity.drops_integrity;
    status.drops_selector = activity.drops_selector;
    status.drops_sequence = activity.drops_sequence;
  }
  return status;
}

TunnelStatus TunnelGroup::tunnel_status(uint32_t index) const {
  const config::IpsecTunnel& tunnel = parts_.config->tunnels[index];
  TunnelStatus status{.name = tunnel.name,
                      .sap = fmt::format("tunnel-{}.private:1", tunnel.group.value),
                      .local = tunnel.local_gateway,
                      .remote = tunnel.remote_gateway,
                      .service_id = tunnel.private_service_id,
                      .delivery_service_id = tunnel.delivery_service_id,
                      .admin_up = tunnel.enabled,
                      .oper_up = false,
                      .security_policy = tunnel.security_policy_id,
                      .ike_state = "",
                      .sas = {}};
  for (const auto& [spi, sa] : state_.ike_sas) {
    if (sa.state == ike::IkeState::HalfOpen || sa.tunnel != index) continue;
    if (sa.state == ike::IkeState::Closed) continue;
    if (sa.state == ike::IkeState::Rekeyed && !status.ike_state.empty()) continue;
    status.ike_spi_i = sa.initiator_spi.value;
    status.ike_spi_r = sa.responder_spi.value;
    status.ike_state = text(sa.state);
  }
  for (const auto& [spi, sa] : state_.child_sas) {
    if (sa.tunnel != index) continue;
    status.oper_up = true;
    status.sas.push_back(sa_status(sa));
  }
  return status;
}

void TunnelGroup::fill(Status& status) const {
  for (uint32_t index = 0; index < parts_.config->tunnels.size(); ++index) {
    if (parts_.config->tunnels[index].group == id()) status.tunnels.push_back(tunnel_status(index));
  }
  const IsaId isa = parts_.group->isas.front();
  status.isas.push_back(IsaStatus{.group = id(),
                                  .isa = fmt::format("{}/{}", isa.slot, isa.mda),
                                  .up = isa_->up(),
                                  .crypto = isa_->crypto(),
                                  .down_reason = isa_->down_reason(),
                                  .drops = plain(isa_->drops())});
  const std::string suffix = fmt::format(" tunnel-group {}", id().value);
  status.counters["ike" + suffix] = plain(engine_->counters());
  status.counters["chassis" + suffix] = plain(counters_);
  status.counters["isa" + suffix] = plain(isa_->drops());
  if (mimp_) status.counters["mimp" + suffix] = plain(mimp_->counters());
  if (parts_.link != nullptr) status.counters["mcs"] = plain(parts_.link->counters());
}

void TunnelGroup::export_keys(std::string& esp_lines, std::string& ike_lines) const {
  for (const auto& [spi, sa] : state_.child_sas) {
    esp_lines += esp_line(sa.remote, sa.local, sa.inbound_spi, sa.suite, sa.inbound_key);
    esp_lines += esp_line(sa.local, sa.remote, sa.outbound_spi, sa.suite, sa.outbound_key);
  }
  for (const auto& [spi, sa] : state_.ike_sas) ike_lines += ike_line(sa);
}

}  // namespace segw::chassis
