#pragma once

// Tables of `show`, one function each, and their JSON twins: pure functions over snapshots.

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>

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
std::string trace_table(const chassis::TraceStatus& trace);
std::string counter_table(const chassis::Status& status);
std::string log_table(const chassis::Status& status);

nlohmann::ordered_json to_json(const chassis::PeerStatus& peer);
nlohmann::ordered_json to_json(const chassis::TunnelStatus& tunnel);
nlohmann::ordered_json to_json(const chassis::GatewayStatus& gateway);
nlohmann::ordered_json to_json(const chassis::GatewayTunnelStatus& tunnel);
nlohmann::ordered_json to_json(const chassis::IsaStatus& isa);
nlohmann::ordered_json to_json(const chassis::TraceStatus& trace);
nlohmann::ordered_json to_json(const chassis::LogEntry& entry);
// Each with the key of its kind: {"peers": [...]}.
nlohmann::ordered_json peers_json(const chassis::Status& status);
nlohmann::ordered_json bfd_json(const chassis::Status& status);
nlohmann::ordered_json tunnels_json(const chassis::Status& status);
nlohmann::ordered_json gateways_json(const chassis::Status& status);
nlohmann::ordered_json isas_json(const chassis::Status& status);
nlohmann::ordered_json log_json(const chassis::Status& status);

// ---- pieces ----

constexpr size_t kWidth = 79;
std::string thick_line();  // =====, with the end of the line
std::string thin_line();   // -----
std::string title(std::string_view text);
std::string up_down(bool up);
std::string yes_no(bool yes);
std::string service_name(const config::Config& config, uint32_t id);
// What the peer says its state is; `unknown` where it cannot be heard.
std::string_view peer_state_text(const chassis::PeerGroupStatus& group);
// Nothing where there are none.
std::string counter_block(std::string_view title, const std::map<std::string, uint64_t>& counters);
// What belongs to the IKE SA and the CHILD SAs of a tunnel, for its detail.
std::string ike_detail(const chassis::IkeStatus& ike);
std::string sa_details(const std::vector<chassis::SaStatus>& sas);
std::string seconds_text(Duration duration);                          // 12.345
std::string utc_date(std::chrono::system_clock::time_point at);       // 02/16/2023 10:09:10
std::string utc_timestamp(std::chrono::system_clock::time_point at);  // 2023/02/16 10:09:10.123 UTC
std::string counter_lines(const std::map<std::string, uint64_t>& counters, size_t indent);
TunnelGroupId effective_peer_group(const chassis::PeerGroupStatus& group);
std::string_view protection_text(bool nominal);  // nominal, notReady

}  // namespace segw::cli
