#include "cli/tables.h"

// The JSON twins of the tables: every field of the snapshot under its operator's name. Numbers of
// 64 bits that identify (IKE SPIs) are hexadecimal text, since JSON readers round large numbers.

#include <fmt/format.h>

namespace segw::cli {
namespace {

using Json = nlohmann::ordered_json;

int64_t milliseconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

int64_t microseconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

template <typename Values>
Json list(const Values& values) {
  Json items = Json::array();
  for (const auto& value : values) items.push_back(to_json(value));
  return items;
}

Json group_json(const chassis::PeerGroupStatus& group) {
  return Json{{"id", group.id.value},
              {"peer-group", effective_peer_group(group).value},
              {"priority", group.priority},
              {"admin-state", up_down(group.admin_up)},
              {"mastership", mimp::text(group.mastership)},
              {"peer-state", peer_state_text(group)},
              {"peer-reachable", group.peer_reachable},
              {"protection-status", protection_text(group.nominal)},
              {"not-nominal-reason", group.not_nominal_reason},
              {"in-sync", group.in_sync},
              {"activation", group.activation},
              {"clean-takeovers", group.clean_takeovers},
              {"unclean-takeovers", group.unclean_takeovers},
              {"counters", group.counters},
              {"history", history_json(group.history)}};
}

Json sa_json(const chassis::SaStatus& sa) {
  return Json{{"inbound-spi", fmt::format("{:#010x}", sa.inbound_spi)},
              {"outbound-spi", fmt::format("{:#010x}", sa.outbound_spi)},
              {"algorithm", sa.algorithm},
              {"remote", sa.remote},
              {"outbound-next", sa.outbound_next},
              {"inbound-highest", sa.inbound_highest},
              {"packets-in", sa.packets_in},
              {"bytes-in", sa.bytes_in},
              {"packets-out", sa.packets_out},
              {"bytes-out", sa.bytes_out},
              {"drops-replay", sa.drops_replay},
              {"drops-integrity", sa.drops_integrity},
              {"drops-selector", sa.drops_selector},
              {"drops-sequence", sa.drops_sequence},
              {"age-ms", milliseconds(sa.age)},
              {"lifetime-ms", milliseconds(sa.lifetime)},
              {"replay-window", sa.replay_window},
              {"local-traffic", sa.local_selectors},
              {"remote-traffic", sa.remote_selectors},
              {"initiator", sa.initiator},
              {"rekeyed", sa.rekeyed},
              {"may-seal", sa.may_seal}};
}

Json ike_json(const chassis::IkeStatus& ike) {
  return Json{{"state", ike.state},
              {"spi-initiator", fmt::format("{:#018x}", ike.spi_i)},
              {"spi-responder", fmt::format("{:#018x}", ike.spi_r)},
              {"encryption-algorithm", ike.encryption},
              {"auth-algorithm", ike.integrity},
              {"prf-algorithm", ike.prf},
              {"dh-group", ike.group},
              {"local-id", ike.local_id},
              {"remote-id", ike.remote_id},
              {"local", ike.local.text()},
              {"remote", ike.remote.text()},
              {"initiator", ike.initiator},
              {"local-behind-nat", ike.local_behind_nat},
              {"remote-behind-nat", ike.remote_behind_nat},
              {"fragmentation", ike.fragmentation},
              {"mobike", ike.mobike},
              {"ppk", ike.ppk},
              {"age-ms", milliseconds(ike.age)},
              {"lifetime-ms", milliseconds(ike.lifetime)}};
}

std::string_view text(mcs::ConfigComparison::Result result) {
  switch (result) {
    case mcs::ConfigComparison::Result::Unknown:
      return "unknown";
    case mcs::ConfigComparison::Result::Equal:
      return "equal";
    case mcs::ConfigComparison::Result::Differs:
      return "differs";
  }
  return "";
}

Json config_json(const chassis::PeerConfigStatus& config) {
  return Json{{"tunnel-group", config.group.value},
              {"comparison", text(config.comparison.result)},
              {"differing", config.comparison.paths},
              {"more", config.comparison.more}};
}

std::string key_name(uint16_t id) { return fmt::format("{:04x}", id); }

Json key_names(const std::vector<uint16_t>& ids) {
  Json names = Json::array();
  for (const uint16_t id : ids) names.push_back(key_name(id));
  return names;
}

}  // namespace

Json history_json(const std::vector<History::Entry>& history) {
  Json entries = Json::array();
  for (const History::Entry& entry : history) {
    entries.push_back(
        Json{{"at-ms", milliseconds(entry.at.time_since_epoch())}, {"text", entry.text}});
  }
  return entries;
}

Json to_json(const chassis::PeerStatus& peer) {
  Json configs = Json::array();
  for (const auto& config : peer.configs) configs.push_back(config_json(config));
  Json groups = Json::array();
  for (const auto& group : peer.groups) groups.push_back(group_json(group));
  return Json{{"ip-address", peer.address.text()},
              {"source-address", peer.source_address.text()},
              {"peer-name", peer.name},
              {"admin-state", up_down(peer.admin_up)},
              {"keep-alive-ms", milliseconds(peer.keep_alive)},
              {"hold-on-neighbor-failure", peer.hold_on_neighbor_failure},
              {"discovery-ms", milliseconds(peer.discovery)},
              {"discovery-boot-ms", milliseconds(peer.discovery_boot)},
              {"bfd", peer.bfd},
              {"last-update", utc_timestamp(peer.last_update)},
              {"authentication", peer.authentication},
              {"keys", key_names(peer.keys)},
              {"peer-keys", key_names(peer.peer_keys)},
              {"mcs-session-key", peer.session_key ? Json(key_name(*peer.session_key)) : Json()},
              {"sync-admin-state", up_down(peer.sync_admin_up)},
              {"sync-oper-state", up_down(peer.mcs_connected)},
              {"sync-down-reason", peer.mcs_down_reason},
              {"mcs-version", peer.mcs_version},
              {"db-sync-state", mcs::text(peer.sync_state)},
              {"entries", peer.entries},
              {"alarm-entries", peer.alarms},
              {"remote-alarm-entries", peer.remote_alarms},
              {"configurations", std::move(configs)},
              {"mcs-counters", peer.mcs_counters},
              {"history", history_json(peer.history)},
              {"tunnel-groups", std::move(groups)},
              {"domains", list(peer.domains)}};
}

Json to_json(const chassis::TunnelStatus& tunnel) {
  Json sas = Json::array();
  for (const auto& sa : tunnel.sas) sas.push_back(sa_json(sa));
  return Json{{"name", tunnel.name},
              {"sap", tunnel.sap},
              {"local-address", tunnel.local.text()},
              {"remote-address", tunnel.remote.text()},
              {"service-id", tunnel.service_id},
              {"delivery-service-id", tunnel.delivery_service_id},
              {"admin-state", up_down(tunnel.admin_up)},
              {"oper-state", up_down(tunnel.oper_up)},
              {"security-policy", tunnel.security_policy},
              {"isa-state", tunnel.isa_state},
              {"ike-state", tunnel.ike.state},
              {"ike-spi-initiator", fmt::format("{:#018x}", tunnel.ike.spi_i)},
              {"ike-spi-responder", fmt::format("{:#018x}", tunnel.ike.spi_r)},
              {"ike-sa", ike_json(tunnel.ike)},
              {"child-sas", std::move(sas)},
              {"counters", tunnel.counters}};
}

Json to_json(const chassis::GatewayTunnelStatus& tunnel) {
  Json sas = Json::array();
  for (const auto& sa : tunnel.sas) sas.push_back(sa_json(sa));
  return Json{{"client", tunnel.client},
              {"client-name", tunnel.client_name},
              {"tunnel-template", tunnel.tunnel_template},
              {"oper-state", up_down(!tunnel.sas.empty())},
              {"isa-state", tunnel.isa_state},
              {"ike-sa", ike_json(tunnel.ike)},
              {"child-sas", std::move(sas)}};
}

Json to_json(const chassis::GatewayStatus& gateway) {
  return Json{{"name", gateway.name},
              {"sap", gateway.sap},
              {"local-address", gateway.local.text()},
              {"service-id", gateway.service_id},
              {"delivery-service-id", gateway.delivery_service_id},
              {"admin-state", up_down(gateway.admin_up)},
              {"oper-state", up_down(gateway.oper_up)},
              {"tunnel-template", gateway.tunnel_template},
              {"ts-list", gateway.ts_list},
              {"client-db", gateway.client_db},
              {"reverse-routes", gateway.reverse_routes},
              {"half-open", gateway.half_open},
              {"counters", gateway.counters},
              {"tunnels", list(gateway.tunnels)}};
}

Json to_json(const chassis::TraceStatus& trace) {
  Json entries = Json::array();
  for (const chassis::TraceEntry& entry : trace.entries) {
    entries.push_back(Json{{"at", utc_timestamp(entry.at)},
                           {"direction", entry.inbound ? "in" : "out"},
                           {"remote", entry.remote.text()},
                           {"text", entry.text}});
  }
  return Json{{"peer", trace.peer.text()},
              {"active", trace.active},
              {"left-out", trace.left_out},
              {"messages", std::move(entries)}};
}

Json to_json(const chassis::LogEntry& entry) {
  return Json{{"number", entry.number},
              {"at", utc_timestamp(entry.at)},
              {"severity", entry.severity},
              {"application", entry.application},
              {"id", entry.id},
              {"subject", entry.subject},
              {"name", entry.name},
              {"text", entry.text}};
}

Json peers_json(const chassis::Status& status) {
  return Json{{"system-name", status.system_name},
              {"system-address", status.system_address.text()},
              {"peers", list(status.peers)}};
}

Json multi_chassis_json(const chassis::Status& status) {
  Json all = peers_json(status);
  all.update(domains_json(status));
  return all;
}

Json domains_json(const chassis::Status& status) {
  return Json{{"ipsec-domains", list(status.domains)}};
}

Json bfd_json(const chassis::Status& status) {
  Json sessions = Json::array();
  for (const bfd::SessionStatus& session : status.bfd.sessions) {
    sessions.push_back(
        Json{{"remote-address", session.peer.text()},
             {"local-address", session.local.text()},
             {"type", session.path == bfd::Path::SingleHop ? "single-hop" : "multihop"},
             {"authentication", session.authenticated},
             {"received-by-second-key", session.by_second_key},
             {"state", bfd::text(session.state)},
             {"remote-state", bfd::text(session.remote_state)},
             {"diagnostic", static_cast<int>(session.diagnostic)},
             {"remote-diagnostic", static_cast<int>(session.remote_diagnostic)},
             {"local-discriminator", session.discriminator},
             {"remote-discriminator", session.remote_discriminator},
             {"source-port", session.source_port},
             {"multiplier", session.multiplier},
             {"transmit-interval-us", microseconds(session.transmit_interval)},
             {"receive-interval-us", microseconds(session.receive_interval)},
             {"detection-time-us", microseconds(session.detection_time)},
             {"last-change-ms", milliseconds(status.now - session.changed_at)},
             {"packets-sent", session.sent},
             {"packets-received", session.received},
             {"ups", session.ups},
             {"downs", session.downs},
             {"discarded", session.discarded}});
  }
  return Json{{"bfd-sessions", std::move(sessions)},
              {"discarded", status.bfd.discarded},
              {"latest-timer-us", microseconds(status.bfd.latest)}};
}

Json tunnels_json(const chassis::Status& status) {
  Json dynamic = Json::array();
  for (const chassis::GatewayStatus& gateway : status.gateways) {
    for (const chassis::GatewayTunnelStatus& tunnel : gateway.tunnels) {
      Json row{{"gateway", gateway.name}};
      row.update(to_json(tunnel));
      dynamic.push_back(std::move(row));
    }
  }
  return Json{{"tunnels", list(status.tunnels)}, {"dynamic-tunnels", std::move(dynamic)}};
}

Json gateways_json(const chassis::Status& status) {
  return Json{{"gateways", list(status.gateways)}};
}

Json log_json(const chassis::Status& status) { return Json{{"log", list(status.log)}}; }

}  // namespace segw::cli
