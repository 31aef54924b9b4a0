// What `show` and the lab's key export read of a tunnel group.
#include <fmt/format.h>

#include <algorithm>

#include "chassis/key_export.h"
#include "chassis/protection.h"
#include "chassis/tunnel_group.h"
#include "config/names.h"
#include "esp/algorithm.h"
#include "ike/describe.h"

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
    case ike::IkeState::Connecting:
      return "connecting";
    case ike::IkeState::Authenticating:
      return "authenticating";
    case ike::IkeState::Candidate:
      return "candidate";
  }
  return "";
}

constexpr const char* kNotActing = "this chassis does not act for the tunnel group";

bool is_shown(const ike::IkeSa& sa) {
  return sa.state != ike::IkeState::HalfOpen && sa.state != ike::IkeState::Closed;
}

std::map<std::string, uint64_t> plain(const Counters& counters) {
  return {counters.all().begin(), counters.all().end()};
}

std::map<std::string, uint64_t> plain(const Counters* counters) {
  return counters == nullptr ? std::map<std::string, uint64_t>{} : plain(*counters);
}

std::vector<std::string> texts(const std::vector<esp::TrafficSelector>& selectors) {
  std::vector<std::string> all;
  all.reserve(selectors.size());
  for (const esp::TrafficSelector& selector : selectors) all.push_back(ike::text(selector));
  return all;
}

}  // namespace

std::string TunnelGroup::not_nominal_reason() const {
  ProtectionFacts facts{.role = role_, .peers = {}};
  if (!mimp_) return why_not_nominal(facts);
  const bool active = mimp::acting(role_);
  facts.in_sync = mimp_->in_sync();
  facts.blocked = mimp_->blocked();
  facts.merging = active && sync_ && sync_->merging();
  if (!active) facts.unsealable = unsealable_by(self());
  facts.failed = failed_tunnels();
  for (uint8_t i = 0; i < peers(); ++i) {
    const PeerIndex peer{i};
    const mimp::PeerInfo info = mimp_->peer_info(peer);
    PeerProtection protection{.name = name_of(peer),
                              .reachable = mimp_->reachable(peer),
                              .state = mimp_->peer_state(peer),
                              .in_sync = active ? mimp_->in_sync_set(peer) : info.in_sync};
    if (sync_) {
      protection.sync = sync_->sync_state(peer);
      protection.unusable = sync_->peer_unusable(peer);
    }
    const mcs::PeerLink* const link = parts_.peers[i].link;
    const auto identity = link != nullptr ? link->peer_identity() : std::nullopt;
    if (active && identity) protection.unsealable = unsealable_by(*identity);
    facts.peers.push_back(std::move(protection));
  }
  return why_not_nominal(facts);
}

void TunnelGroup::fill(PeerStatus& status, const config::McPeer& config) const {
  const auto at = std::ranges::find(parts_.peers, &config, &GroupPeer::config);
  if (at == parts_.peers.end()) return;
  const PeerIndex peer{static_cast<uint8_t>(at - parts_.peers.begin())};
  status.entries += state_.ike_sas.size() + state_.child_sas.size();
  status.alarms += alarms_;
  if (status.peer_keys.empty()) status.peer_keys = mimp_->peer_keys(peer);
  if (sync_) {
    status.configs.push_back({.group = id(), .comparison = sync_->config(peer)});
    status.sync_state = sync_->sync_state(peer);
    status.remote_alarms += sync_->peer_unusable(peer);
  }
  if (at->pair == nullptr) {
    status.domains.push_back(
        PeerDomainStatus{.id = parts_.domain->id, .adjacency = adjacency(peer)});
    return;
  }
  PeerGroupStatus row{.id = id(),
                      .peer_group = mimp_->settings().peers.front().group,
                      .priority = at->pair->priority,
                      .admin_up = at->pair->enabled,
                      .mastership = role_,
                      .peer_state = mimp_->peer_state(peer),
                      .peer_reachable = mimp_->reachable(peer),
                      .nominal = false,
                      .not_nominal_reason = not_nominal_reason(),
                      .activation = mimp_->activation().value,
                      .clean_takeovers = clean_takeovers_,
                      .unclean_takeovers = unclean_takeovers_,
                      .in_sync = mimp::acting(role_) ? mimp_->in_sync_set(peer) : mimp_->in_sync(),
                      .counters = plain(mimp_->counters()),
                      .history = {}};
  row.nominal = row.not_nominal_reason.empty();
  row.history = merged(mimp_->history(), events_.history());
  status.groups.push_back(std::move(row));
}

void TunnelGroup::add_to(PeerFacts& facts, const config::McPeer& config) const {
  const auto at = std::ranges::find(parts_.peers, &config, &GroupPeer::config);
  if (at == parts_.peers.end() || !mimp_) return;
  const PeerIndex peer{static_cast<uint8_t>(at - parts_.peers.begin())};
  facts.reachable = facts.reachable || mimp_->reachable(peer);
  if (sync_ && at->link != nullptr) {
    facts.add_sync(sync_->sync_state(peer));
    facts.unusable += sync_->peer_unusable(peer);
    facts.add_config(sync_->config(peer));
  }
  if (mimp_->active_peer() == peer) facts.unusable += awaiting_config_.size();
}

void TunnelGroup::on_config_compared(PeerIndex /*peer*/) { parts_.peers_changed(); }

// At every keep-alive, and where something may have changed.
void TunnelGroup::tell_changes() {
  constexpr uint64_t kFullEnough = 10;  // a tenth of the room: below it nothing is counted
  if (mimp_) events_.protection(platform_.clock.now(), not_nominal_reason());
  const uint64_t room = capacity();
  const bool few = state_.child_sas.size() < room - room / kFullEnough;
  events_.tunnels(few ? state_.child_sas.size() : tunnel_count(), room);
  parts_.peers_changed();
}

void TunnelGroup::tell_gateways(bool up) {
  for (const config::IpsecGateway& gateway : parts_.config->gateways) {
    if (gateway.group == id() && gateway.enabled) events_.gateway(gateway.name, up);
  }
}

// While another chassis acts, a record's age goes on from its arrival.
Duration TunnelGroup::age_of(const ike::IkeSa& sa) const {
  const auto arrival = ike_arrivals_.find(sa.our_spi());
  if (arrival == ike_arrivals_.end()) return engine_->age(sa);
  return sa.age + (platform_.clock.now() - arrival->second);
}

Duration TunnelGroup::age_of(const esp::ChildSa& sa) const {
  const auto arrival = child_arrivals_.find(sa.inbound_spi);
  if (arrival == child_arrivals_.end()) return engine_->age(sa);
  return sa.age + (platform_.clock.now() - arrival->second);
}

IkeStatus TunnelGroup::ike_status(const ike::IkeSa& sa) const {
  return IkeStatus{.state = std::string(text(sa.state)),
                   .spi_i = sa.initiator_spi.value,
                   .spi_r = sa.responder_spi.value,
                   .encryption = esp::algorithm(sa.suite.encryption).name_with(sa.suite.key_bits),
                   .integrity = std::string(esp::algorithm(sa.suite.integrity).name),
                   .prf = std::string(config::name(sa.suite.prf)),
                   .group = config::name(sa.suite.group),
                   .local_id = ike::text(sa.local_id),
                   .remote_id = ike::text(sa.remote_id),
                   .local = sa.local,
                   .remote = sa.remote,
                   .initiator = sa.we_initiated,
                   .local_behind_nat = sa.local_behind_nat,
                   .remote_behind_nat = sa.remote_behind_nat,
                   .fragmentation = sa.fragmentation,
                   .mobike = sa.mobike,
                   .ppk = sa.ppk_used,
                   .age = age_of(sa),
                   .lifetime = sa.lifetime};
}

SaStatus TunnelGroup::sa_status(const esp::ChildSa& sa) const {
  SaStatus status{
      .inbound_spi = sa.inbound_spi.value,
      .outbound_spi = sa.outbound_spi.value,
      .algorithm = esp::text(sa.suite),
      .remote = sa.encapsulation
                    ? Endpoint{.address = sa.remote, .port = sa.encapsulation->remote_port}.text()
                    : sa.remote.text(),
      .age = age_of(sa),
      .lifetime = sa.lifetime,
      .replay_window = sa.replay_window,
      .local_selectors = texts(sa.local_selectors),
      .remote_selectors = texts(sa.remote_selectors),
      .initiator = sa.initiator,
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

TunnelStatus TunnelGroup::tunnel_status(const config::IpsecTunnel& tunnel) {
  return TunnelStatus{.name = tunnel.name,
                      .sap = fmt::format("tunnel-{}.private:1", tunnel.group.value),
                      .local = tunnel.local_gateway,
                      .remote = tunnel.remote_gateway,
                      .service_id = tunnel.private_service_id,
                      .delivery_service_id = tunnel.delivery_service_id,
                      .admin_up = tunnel.enabled,
                      .oper_up = false,
                      .security_policy = tunnel.security_policy_id,
                      .isa_state = {},
                      .ike = {},
                      .sas = {},
                      .counters = {}};
}

GatewayStatus TunnelGroup::gateway_status(const config::IpsecGateway& gateway) const {
  const auto half_open = std::ranges::count_if(state_.ike_sas, [&](const auto& entry) {
    return entry.second.state == ike::IkeState::HalfOpen &&
           entry.second.local.address == gateway.local_gateway;
  });
  return GatewayStatus{.name = gateway.name,
                       .sap = gateway.sap,
                       .group = gateway.group,
                       .local = gateway.local_gateway,
                       .service_id = gateway.private_service_id,
                       .delivery_service_id = gateway.delivery_service_id,
                       .admin_up = gateway.enabled,
                       .oper_up = gateway.enabled && isa_->up(),
                       .tunnel_template = gateway.tunnel_template->id,
                       .client_db = gateway.client_db,
                       .ts_list = gateway.ts_list ? gateway.ts_list->name : "",
                       .reverse_routes = reverse_routes_.size(),
                       .half_open = static_cast<size_t>(half_open),
                       .counters = plain(engine_->gateway_counters(gateway.local_gateway)),
                       .tunnels = {}};
}

GatewayTunnelStatus TunnelGroup::client_status(const config::IpsecGateway& gateway,
                                               const ike::DynamicTunnel& dynamic) {
  GatewayTunnelStatus status{.client = dynamic.client,
                             .client_name = "",
                             .tunnel_template = gateway.tunnel_template->id,
                             .isa_state = {},
                             .ike = {},
                             .sas = {}};
  const auto at =
      std::ranges::lower_bound(gateway.clients, dynamic.client, {}, &config::GatewayClient::number);
  if (at == gateway.clients.end() || at->number != dynamic.client) return status;
  status.client_name = at->name;
  status.tunnel_template = at->tunnel_template->id;
  return status;
}

// One pass over the SAs, however many tunnels there are.
void TunnelGroup::fill_tunnels(Status& status) const {
  struct Shown {
    IkeStatus* ike;
    std::vector<SaStatus>* sas;
    std::string* isa_state;
    bool* up;
  };
  const std::string_view isa_state = dormant()    ? kStandbyDormant
                                     : isa_->up() ? kInstalled
                                                  : kInstalling;
  std::map<uint32_t, Shown> shown;  // by number of the tunnel
  std::vector<TunnelStatus> tunnels;
  tunnels.reserve(parts_.config->tunnels.size());
  for (const config::IpsecTunnel& each : parts_.config->tunnels) {
    if (each.group != id()) continue;
    TunnelStatus& tunnel = tunnels.emplace_back(tunnel_status(each));
    tunnel.counters = plain(engine_->tunnel_counters(each.number));
    shown[each.number] = {.ike = &tunnel.ike,
                          .sas = &tunnel.sas,
                          .isa_state = &tunnel.isa_state,
                          .up = &tunnel.oper_up};
  }
  std::map<IpAddress, std::map<uint32_t, GatewayTunnelStatus>> clients;  // by gateway and number
  for (const config::IpsecGateway& gateway : parts_.config->gateways) {
    if (gateway.group != id()) continue;
    for (const auto& [spi, sa] : state_.ike_sas) {
      if (!sa.dynamic || sa.dynamic->gateway != gateway.local_gateway || !is_shown(sa)) continue;
      auto& of_gateway = clients[gateway.local_gateway];
      const auto [at, is_new] = of_gateway.try_emplace(sa.tunnel);
      if (is_new) at->second = client_status(gateway, *sa.dynamic);
      GatewayTunnelStatus& client = at->second;
      shown[sa.tunnel] = {
          .ike = &client.ike, .sas = &client.sas, .isa_state = &client.isa_state, .up = nullptr};
    }
  }
  for (const auto& [spi, sa] : state_.ike_sas) {
    const auto at = shown.find(sa.tunnel);
    if (at == shown.end() || !is_shown(sa)) continue;
    IkeStatus& ike = *at->second.ike;
    // Of several, the one that is used.
    if (sa.state != ike::IkeState::Established && !ike.state.empty()) continue;
    ike = ike_status(sa);
  }
  for (const auto& [spi, sa] : state_.child_sas) {
    const auto at = shown.find(sa.tunnel);
    if (at == shown.end()) continue;
    if (at->second.up != nullptr) *at->second.up = true;
    at->second.sas->push_back(sa_status(sa));
    *at->second.isa_state = isa_state;
  }
  std::ranges::move(tunnels, std::back_inserter(status.tunnels));
  for (const config::IpsecGateway& gateway : parts_.config->gateways) {
    if (gateway.group != id()) continue;
    GatewayStatus& shown_gateway = status.gateways.emplace_back(gateway_status(gateway));
    for (auto& [number, client] : clients[gateway.local_gateway]) {
      shown_gateway.tunnels.push_back(std::move(client));
    }
    std::ranges::sort(shown_gateway.tunnels, {}, [](const auto& each) { return each.ike.remote; });
  }
}

// The engine is paused from the beginning of a handover to its end: what it is told then is lost.
std::optional<std::string> TunnelGroup::takes_no_orders() const {
  if (!mimp::acting(role_)) return kNotActing;
  if (handover_.is_old()) return "a switchover is under way";
  return std::nullopt;
}

Result<std::string> TunnelGroup::clear_tunnel(uint32_t number) {
  if (auto refused = takes_no_orders()) return failure(*refused);
  const auto stands = [&](const auto& entry) {
    return entry.second.tunnel == number && is_shown(entry.second);
  };
  if (std::ranges::none_of(state_.ike_sas, stands)) return failure("the tunnel has no IKE SA");
  engine_->clear_tunnel(number);
  return std::string("the tunnel's SAs are being deleted");
}

// Not those that another one has replaced: they go by themselves.
std::vector<Spi> TunnelGroup::children_in_use(const ike::IkeSa& sa) const {
  std::vector<Spi> spis;
  for (const Spi spi : sa.children) {
    const auto child = state_.child_sas.find(spi);
    if (child != state_.child_sas.end() && !child->second.rekeyed) spis.push_back(spi);
  }
  return spis;
}

Result<std::string> TunnelGroup::perform(uint32_t number, ike::TunnelAction action) {
  if (auto refused = takes_no_orders()) return failure(*refused);
  const auto at = std::ranges::find_if(state_.ike_sas, [&](const auto& entry) {
    return entry.second.tunnel == number && entry.second.state == ike::IkeState::Established;
  });
  if (at == state_.ike_sas.end()) return failure("the tunnel has no established IKE SA");
  // Copies: the engine changes the tables.
  const IkeSpi ike_sa = at->first;
  const std::vector<Spi> children = children_in_use(at->second);
  const bool of_children =
      action == ike::TunnelAction::RekeyChild || action == ike::TunnelAction::DeleteChild;
  if (of_children && children.empty()) return failure("the tunnel has no CHILD SA");
  switch (action) {
    case ike::TunnelAction::RekeyChild:
      for (const Spi spi : children) engine_->rekey_child(spi);
      return fmt::format("CHILD SAs being rekeyed: {}", children.size());
    case ike::TunnelAction::RekeyIke:
      engine_->rekey_ike(ike_sa);
      return std::string("the IKE SA is being rekeyed");
    case ike::TunnelAction::DeleteChild:
      for (const Spi spi : children) engine_->delete_child(spi);
      return fmt::format("CHILD SAs being deleted: {}", children.size());
    case ike::TunnelAction::DeleteIke:
      engine_->delete_ike(ike_sa);
      return std::string("the IKE SA is being deleted");
    case ike::TunnelAction::Liveness:
      break;
  }
  engine_->ask_liveness(ike_sa);
  return std::string("the client is being asked whether it lives");
}

Result<uint32_t> TunnelGroup::tunnel_of(const config::IpsecGateway& gateway,
                                        std::string_view client) const {
  const auto means = [&](const auto& entry) {
    const ike::IkeSa& sa = entry.second;
    if (!sa.dynamic || sa.dynamic->gateway != gateway.local_gateway || !is_shown(sa)) return false;
    const std::string name = client_status(gateway, *sa.dynamic).client_name;
    return sa.remote.text() == client || ike::text(sa.remote_id) == client ||
           (!name.empty() && name == client);
  };
  const auto at = std::ranges::find_if(state_.ike_sas, means);
  if (at == state_.ike_sas.end()) {
    return failure(
        fmt::format(R"(ipsec-gateway "{}" has no tunnel of "{}")", gateway.name, client));
  }
  return at->second.tunnel;
}

void TunnelGroup::fill(Status& status) const {
  fill_tunnels(status);
  fill_domain(status);
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
  if (const size_t waiting = engine_->rekeys_waiting(); waiting > 0) {
    status.counters["ike" + suffix]["rekeys-waiting"] = waiting;  // a level, not a count
  }
  status.counters["isa" + suffix] = plain(isa_->drops());
  if (mimp_) {
    status.counters["mimp" + suffix] = plain(mimp_->counters());
    status.counters["mimp"] = plain(parts_.mimp_port->counters());
  }
  for (const GroupPeer& peer : parts_.peers) {
    if (peer.link == nullptr) continue;
    const std::string of = peer.pair != nullptr ? "" : " peer " + peer.config->address.text();
    status.counters["mcs" + of] = plain(peer.link->counters());
  }
}

void TunnelGroup::export_keys(std::string& esp_lines, std::string& ike_lines) const {
  for (const auto& [spi, sa] : state_.child_sas) {
    esp_lines += esp_line(sa.remote, sa.local, sa.inbound_spi, sa.suite, sa.inbound_key);
    esp_lines += esp_line(sa.local, sa.remote, sa.outbound_spi, sa.suite, sa.outbound_key);
  }
  for (const auto& [spi, sa] : state_.ike_sas) ike_lines += ike_line(sa);
}

}  // namespace segw::chassis
