#include <fmt/format.h>

#include "cli/tables.h"

// Domains: `show redundancy multi-chassis ipsec-domain`, and what tables of peers say of them.

namespace segw::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kUnknown = "unknown";  // of a peer that is not heard

std::string_view role_text(mimp::DesignatedRole role) {
  return role == mimp::DesignatedRole::Active ? "active" : "standby";
}

std::string router_id_text(const std::optional<IpAddress>& router_id) {
  return router_id ? router_id->text() : "0.0.0.0";
}

std::string_view remote_state_text(const chassis::DomainAdjacency& adjacency) {
  return adjacency.remote_state ? chassis::activity_text(*adjacency.remote_state) : kUnknown;
}

std::string_view remote_role_text(const chassis::DomainAdjacency& adjacency) {
  return adjacency.remote_role ? role_text(*adjacency.remote_role) : kUnknown;
}

std::string_view true_false(bool value) { return value ? "true" : "false"; }

std::string adjacency_table(const chassis::DomainStatus& domain) {
  constexpr std::string_view kRow = "{:<33}{:<12}{:<17}{}\n";
  std::string table = title(fmt::format("Domain {} Adjacencies", domain.id.value));
  table += fmt::format(fmt::runtime(kRow), "Peer", "Oper State", "Remote", "Remote");
  table += fmt::format(fmt::runtime(kRow), "  Router-Id", "", "Activity State", "Designated Role");
  table += thin_line();
  for (const chassis::DomainAdjacency& adjacency : domain.adjacencies) {
    table += fmt::format(fmt::runtime(kRow), adjacency.peer.text(), up_down(adjacency.up),
                         remote_state_text(adjacency), remote_role_text(adjacency));
    table += "  " + router_id_text(adjacency.router_id) + "\n";
  }
  return table + table_end("Domain Adjacency Entries found", domain.adjacencies.size());
}

std::string statistics_table(const chassis::TunnelStatistics& statistics) {
  constexpr std::string_view kRow = "{:<33}{:<24}{}\n";
  const chassis::TunnelCounts& fixed = statistics.configured;
  const chassis::TunnelCounts& dynamic = statistics.on_demand;
  std::string table = title("Multi-Chassis Tunnel Statistics");
  table += fmt::format(fmt::runtime(kRow), "", "Static", "Dynamic") + thin_line();
  const auto row = [&](std::string_view name, uint64_t chassis::TunnelCounts::* count) {
    table += fmt::format(fmt::runtime(kRow), name, fixed.*count, dynamic.*count);
  };
  row("Installed", &chassis::TunnelCounts::installed);
  row("Installing", &chassis::TunnelCounts::installing);
  row("Standby Dormant", &chassis::TunnelCounts::standby_dormant);
  row("Awaiting Config", &chassis::TunnelCounts::awaiting_config);
  row("Failed", &chassis::TunnelCounts::failed);
  return table + thick_line();
}

Json counts_json(const chassis::TunnelCounts& counts) {
  return Json{{"installed", counts.installed},
              {"installing", counts.installing},
              {"standby-dormant", counts.standby_dormant},
              {"awaiting-config", counts.awaiting_config},
              {"failed", counts.failed}};
}

Json adjacency_json(const chassis::DomainAdjacency& adjacency) {
  return Json{{"ip-address", adjacency.peer.text()},
              {"router-id", router_id_text(adjacency.router_id)},
              {"admin-state", up_down(adjacency.admin_up)},
              {"oper-state", up_down(adjacency.up)},
              {"out-of-service-reason", adjacency.down_reason},
              {"remote-activity-state", remote_state_text(adjacency)},
              {"remote-designated-role", remote_role_text(adjacency)},
              {"in-sync", adjacency.in_sync}};
}

}  // namespace

std::string domain_table(const chassis::DomainStatus& domain) {
  constexpr std::string_view kRow = "{:<19} : {:<18}{:<17} : {}\n";
  std::string table = "\n" + title(fmt::format("Multi-Chassis IPsec Domain: {}", domain.id.value));
  table += fmt::format(fmt::runtime(kRow), "Designated Role", role_text(domain.role), "Priority",
                       domain.priority);
  table += fmt::format(fmt::runtime(kRow), "Tunnel Group", domain.group.value, "Revertive",
                       true_false(domain.revertive));
  table += fmt::format(fmt::runtime(kRow), "Admin State", up_down(domain.admin_up),
                       "Protection Status", protection_text(domain.nominal));
  table += fmt::format(fmt::runtime(kRow), "Router Id", domain.router_id.text(), "Current Active",
                       router_id_text(domain.current_active));
  table += fmt::format("{:<19} : {}\n", "Activity State", chassis::activity_text(domain.activity));
  return table + thick_line() + "\n" + adjacency_table(domain) + "\n" +
         statistics_table(domain.statistics);
}

std::string domain_detail(const chassis::DomainStatus& domain) {
  constexpr std::string_view kRow = "{:<19} : {:<18}{:<17} : {}\n";
  std::string text = domain_table(domain) + "\n" + title("Details");
  if (!domain.nominal) {
    text += fmt::format("{:<19} : {}\n", "Not Nominal Because", domain.not_nominal_reason);
  }
  text += fmt::format(fmt::runtime(kRow), "In Sync", yes_no(domain.in_sync), "Activation",
                      domain.activation);
  text += fmt::format(fmt::runtime(kRow), "Clean Takeovers", domain.clean_takeovers,
                      "Unclean Takeovers", domain.unclean_takeovers);
  for (const chassis::DomainAdjacency& adjacency : domain.adjacencies) {
    const std::string_view says = adjacency.in_sync ? "in the in-sync set" : "reachable";
    text += fmt::format("{:<19} : {}\n", "Peer " + adjacency.peer.text(),
                        adjacency.up ? says : adjacency.down_reason);
  }
  text += "Counters\n" + counter_lines(domain.counters, 2);
  return text + history_lines(domain.history) + thick_line();
}

std::string domains_of_peer(const chassis::PeerStatus& peer) {
  if (peer.domains.empty()) return {};
  constexpr std::string_view kRow = "{:<8}{:<13}{:<12}{:<17}{:<16}{}\n";
  std::string table = title("Multi-Chassis IPsec Domain Table");
  table += fmt::format(fmt::runtime(kRow), "ID", "Admin State", "Oper State", "Router-Id",
                       "Remote State", "Remote Role");
  table += thin_line();
  for (const auto& [id, adjacency] : peer.domains) {
    table += fmt::format(fmt::runtime(kRow), id.value, up_down(adjacency.admin_up),
                         up_down(adjacency.up), router_id_text(adjacency.router_id),
                         remote_state_text(adjacency), remote_role_text(adjacency));
    if (!adjacency.up) table += "  " + adjacency.down_reason + "\n";
  }
  return table + table_end("Domain Entries found", peer.domains.size());
}

std::string domain_overview(const chassis::Status& status) {
  if (status.domains.empty()) return {};
  constexpr std::string_view kRow = "{:<5}{:<6}{:<9}{:<6}{:<7}{:<13}{:<17}{}\n";
  std::string table = "\n" + title("Multi-Chassis IPsec Domains");
  table += fmt::format(fmt::runtime(kRow), "ID", "Group", "Role", "Prio", "Admin", "Activity",
                       "Current Active", "Prot");
  table += thin_line();
  for (const chassis::DomainStatus& domain : status.domains) {
    table += fmt::format(fmt::runtime(kRow), domain.id.value, domain.group.value,
                         role_text(domain.role), domain.priority, up_down(domain.admin_up),
                         chassis::activity_text(domain.activity),
                         router_id_text(domain.current_active), protection_text(domain.nominal));
  }
  table += "\n" + title("Multi-Chassis IPsec Domain Peers");
  constexpr std::string_view kPeerRow = "{:<5}{:<22}{:<17}{:<7}{:<16}{}\n";
  table += fmt::format(fmt::runtime(kPeerRow), "ID", "Peer IP", "Router-Id", "Oper", "Remote State",
                       "Remote Role");
  table += thin_line();
  for (const chassis::PeerStatus& peer : status.peers) {
    for (const auto& [id, adjacency] : peer.domains) {
      table += fmt::format(fmt::runtime(kPeerRow), id.value, adjacency.peer.text(),
                           router_id_text(adjacency.router_id), up_down(adjacency.up),
                           remote_state_text(adjacency), remote_role_text(adjacency));
    }
  }
  return table + thick_line();
}

Json to_json(const chassis::PeerDomainStatus& domain) {
  Json row{{"id", domain.id.value}};
  row.update(adjacency_json(domain.adjacency));
  return row;
}

Json to_json(const chassis::DomainStatus& domain) {
  Json adjacencies = Json::array();
  for (const auto& each : domain.adjacencies) adjacencies.push_back(adjacency_json(each));
  return Json{{"id", domain.id.value},
              {"designated-role", role_text(domain.role)},
              {"priority", domain.priority},
              {"tunnel-group", domain.group.value},
              {"revertive", domain.revertive},
              {"admin-state", up_down(domain.admin_up)},
              {"protection-status", protection_text(domain.nominal)},
              {"not-nominal-reason", domain.not_nominal_reason},
              {"router-id", domain.router_id.text()},
              {"current-active", router_id_text(domain.current_active)},
              {"activity-state", chassis::activity_text(domain.activity)},
              {"in-sync", domain.in_sync},
              {"activation", domain.activation},
              {"clean-takeovers", domain.clean_takeovers},
              {"unclean-takeovers", domain.unclean_takeovers},
              {"adjacencies", std::move(adjacencies)},
              {"statistics", Json{{"static", counts_json(domain.statistics.configured)},
                                  {"dynamic", counts_json(domain.statistics.on_demand)}}},
              {"counters", domain.counters},
              {"history", history_json(domain.history)}};
}

}  // namespace segw::cli
