#pragma once

// Tables of `show`, one function each, and their JSON twins: pure functions over snapshots.

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "chassis/status.h"
#include "config/model.h"

namespace segw::cli {

// Snapshot and configuration: the status has what changes, the configuration names and texts.
struct Snapshot {
  const chassis::Status& status;
  const config::Config& config;
};

std::string peer_table(const chassis::PeerStatus& peer);
std::string peer_detail(const chassis::PeerStatus& peer);
std::string multi_chassis_table(const Snapshot& snapshot);
std::string sync_table(const Snapshot& snapshot);
std::string domain_table(const chassis::DomainStatus& domain);
std::string domain_detail(const chassis::DomainStatus& domain);
// Parts of the tables of peers: nothing where there are no domains.
std::string domains_of_peer(const chassis::PeerStatus& peer);
std::string domain_overview(const chassis::Status& status);
std::string bfd_table(const Snapshot& snapshot);
std::string tunnel_table(const Snapshot& snapshot);
std::string dynamic_tunnel_table(const Snapshot& snapshot);
std::string tunnel_detail(const Snapshot& snapshot, const chassis::TunnelStatus& tunnel);
std::string gateway_table(const Snapshot& snapshot);
std::string gateway_detail(const Snapshot& snapshot, const chassis::GatewayStatus& gateway);
std::string gateway_tunnel_table(const Snapshot& snapshot, const chassis::GatewayStatus& gateway);
std::string gateway_tunnel_detail(const chassis::GatewayStatus& gateway,
                                  const chassis::GatewayTunnelStatus& tunnel);
std::string tunnel_group_table(const Snapshot& snapshot);
std::string pool_list(const Snapshot& snapshot);
std::string pool_table(const Snapshot& snapshot, const config::MemberPool& pool);
std::string pool_detail(const Snapshot& snapshot, const config::MemberPool& pool);
std::string trace_table(const chassis::TraceStatus& trace);
std::string counter_table(const chassis::Status& status);
std::string log_table(const chassis::Status& status);

nlohmann::ordered_json to_json(const chassis::PeerStatus& peer);
nlohmann::ordered_json to_json(const chassis::DomainStatus& domain);
nlohmann::ordered_json to_json(const chassis::PeerDomainStatus& domain);
nlohmann::ordered_json to_json(const chassis::TunnelStatus& tunnel);
nlohmann::ordered_json to_json(const chassis::GatewayStatus& gateway);
nlohmann::ordered_json to_json(const chassis::GatewayTunnelStatus& tunnel);
nlohmann::ordered_json to_json(const chassis::TraceStatus& trace);
nlohmann::ordered_json to_json(const chassis::LogEntry& entry);
// Each with the key of its kind: {"peers": [...]}.
nlohmann::ordered_json peers_json(const chassis::Status& status);
nlohmann::ordered_json multi_chassis_json(const chassis::Status& status);
nlohmann::ordered_json domains_json(const chassis::Status& status);
nlohmann::ordered_json bfd_json(const chassis::Status& status);
nlohmann::ordered_json tunnels_json(const chassis::Status& status);
nlohmann::ordered_json gateways_json(const chassis::Status& status);
nlohmann::ordered_json isas_json(const Snapshot& snapshot);
nlohmann::ordered_json pools_json(const Snapshot& snapshot);
nlohmann::ordered_json pool_json(const Snapshot& snapshot, const config::MemberPool& pool);
nlohmann::ordered_json log_json(const chassis::Status& status);

// Rows of `show ipsec multi-chassis-shunt-interface` and `-shunting-profile`, chosen by name, or by
// service ("Base": that of IES services); empty: all.
struct ShuntFilter {
  std::string_view name;
  std::string_view service;
};
struct ShuntRow {
  std::string service;  // its id, or "Base"
  std::string interface;
  std::string next_hop;
};
std::vector<ShuntRow> shunt_rows(const Snapshot& snapshot, const ShuntFilter& filter);
std::string shunt_table(const std::vector<ShuntRow>& rows);
nlohmann::ordered_json shunts_json(const std::vector<ShuntRow>& rows);
struct ProfileRow {
  std::string service;
  std::string profile;
  std::string peer;
  std::string interface;
};
std::vector<ProfileRow> profile_rows(const Snapshot& snapshot, const ShuntFilter& filter);
std::string profile_table(const std::vector<ProfileRow>& rows);
nlohmann::ordered_json profiles_json(const std::vector<ProfileRow>& rows);

// ---- pieces ----

constexpr size_t kWidth = 79;
std::string thick_line();  // =====, with the end of the line
std::string thin_line();   // -----
std::string title(std::string_view text);
std::string up_down(bool up);
std::string yes_no(bool yes);
// How a table ends: a thin line, how many there are, a thick line.
std::string table_end(std::string_view what, size_t count);
std::string_view isa_state_text(std::string_view state);  // --: no CHILD SA
std::string service_name(const config::Config& config, uint32_t id);
// What the peer says its state is; `unknown` where it cannot be heard.
std::string_view peer_state_text(const chassis::PeerGroupStatus& group);
// Nothing where there are none.
std::string counter_block(std::string_view title, const std::map<std::string, uint64_t>& counters);
// What belongs to the IKE SA and the CHILD SAs of a tunnel, for its detail.
std::string ike_detail(const chassis::IkeStatus& ike);
std::string sa_details(const std::vector<chassis::SaStatus>& sas);
std::string history_lines(const std::vector<History::Entry>& history);
nlohmann::ordered_json history_json(const std::vector<History::Entry>& history);
std::string seconds_text(Duration duration);                          // 12.345
std::string utc_date(std::chrono::system_clock::time_point at);       // 02/16/2023 10:09:10
std::string utc_timestamp(std::chrono::system_clock::time_point at);  // 2023/02/16 10:09:10.123 UTC
std::string counter_lines(const std::map<std::string, uint64_t>& counters, size_t indent);
TunnelGroupId effective_peer_group(const chassis::PeerGroupStatus& group);
std::string_view protection_text(bool nominal);  // nominal, notReady

}  // namespace segw::cli
