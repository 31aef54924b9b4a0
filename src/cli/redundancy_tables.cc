#include <fmt/format.h>

#include <algorithm>

#include "cli/tables.h"

namespace segw::cli {
namespace {

constexpr std::string_view kNotSpecified = "(Not Specified)";

std::string or_not_specified(const std::string& text) {
  return text.empty() ? std::string(kNotSpecified) : text;
}

std::string key_name(uint16_t id) { return fmt::format("{:04x}", id); }

// Accepted ones, the one that is sent with first.
std::string key_names(const std::vector<uint16_t>& ids) {
  std::string names;
  for (const uint16_t id : ids) names += (names.empty() ? "" : ", ") + key_name(id);
  return names.empty() ? "--" : names;
}

std::string tenths(Duration duration) {
  const auto whole = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  return fmt::format("{}.{} secs", whole / 1000, whole % 1000 / 100);
}

std::string whole_seconds(Duration duration) {
  return fmt::format("{} secs", std::chrono::duration_cast<std::chrono::seconds>(duration).count());
}

std::string group_detail(const chassis::PeerGroupStatus& group) {
  std::string text = fmt::format("Tunnel Group {}\n", group.id.value) + thin_line();
  text += fmt::format("Protection Status    : {}\n", protection_text(group.nominal));
  if (!group.nominal) {
    text += fmt::format("Not Nominal Because  : {}\n", group.not_nominal_reason);
  }
  text += fmt::format("Mastership           : {:<20}Activation         : {}\n",
                      mimp::text(group.mastership), group.activation);
  text += fmt::format("Peer State           : {:<20}Peer Reachable     : {}\n",
                      peer_state_text(group), yes_no(group.peer_reachable));
  text += fmt::format("In Sync              : {}\n", yes_no(group.in_sync));
  text += fmt::format("Clean Takeovers      : {:<20}Unclean Takeovers  : {}\n",
                      group.clean_takeovers, group.unclean_takeovers);
  text += "Counters\n" + counter_lines(group.counters, 2);
  return text + history_lines(group.history) + thick_line();
}

std::string groups_of_peer(const chassis::PeerStatus& peer) {
  std::string table = title("Multi-Chassis IPsec Multi Active Tunnel-Group Table");
  table += fmt::format("{:<16}{:<12}{:<10}{:<13}{}\n", "ID", "Peer Group", "Priority",
                       "Admin State", "Mastership");
  table += thin_line();
  for (const chassis::PeerGroupStatus& group : peer.groups) {
    table += fmt::format("{:<16}{:<12}{:<10}{:<13}{}\n", group.id.value,
                         effective_peer_group(group).value, group.priority, up_down(group.admin_up),
                         mimp::text(group.mastership));
  }
  return table + table_end("Multi Active Tunnel Group Entries found", peer.groups.size());
}

std::string group_overview(const chassis::Status& status) {
  std::string table = "\n" + title("Multi-Chassis Tunnel Groups");
  constexpr std::string_view kRow = "{:<4}{:<17}{:<7}{:<7}{:<13}{:<13}{:<9}{}\n";
  table += fmt::format(fmt::runtime(kRow), "ID", "Peer IP", "Prio", "Admin", "Mastership",
                       "Peer State", "In Sync", "Prot");
  table += thin_line();
  for (const chassis::PeerStatus& peer : status.peers) {
    for (const chassis::PeerGroupStatus& group : peer.groups) {
      table +=
          fmt::format(fmt::runtime(kRow), group.id.value, peer.address.text(), group.priority,
                      up_down(group.admin_up), mimp::text(group.mastership), peer_state_text(group),
                      yes_no(group.in_sync), protection_text(group.nominal));
    }
  }
  return table + thick_line();
}

std::string description_of(const config::Config& config, const IpAddress& peer) {
  const auto at = std::ranges::find(config.peers, peer, &config::McPeer::address);
  return at == config.peers.end() ? "" : at->description;
}

// `tunnel-group 1` where it is alike; where it is not, a line for each path.
std::string config_lines(const chassis::PeerStatus& peer) {
  using Result = mcs::ConfigComparison::Result;
  std::string text = "Configuration\n";
  if (peer.configs.empty()) return text + "  nothing is synchronised\n";
  for (const auto& [group, comparison] : peer.configs) {
    std::string_view result = "not told by the peer";
    if (comparison.result == Result::Equal) result = "as the peer's";
    if (comparison.result == Result::Differs) result = "differs from the peer's";
    text += fmt::format("  Tunnel Group {:<5}  : {}\n", group.value, result);
    for (const std::string& path : comparison.paths) text += "    " + path + "\n";
    if (comparison.more) text += "    (and more)\n";
  }
  return text;
}

std::string sync_peer(const Snapshot& snapshot, const chassis::PeerStatus& peer) {
  std::string text = "Peer\n" + thin_line();
  text += fmt::format("Peer IP Address         : {}\n", peer.address.text());
  text += fmt::format("Description             : {}\n",
                      or_not_specified(description_of(snapshot.config, peer.address)));
  text +=
      fmt::format("Authentication          : {}\n", peer.authentication ? "Enabled" : "Disabled");
  text += fmt::format("Source IP Address       : {}\n", peer.source_address.text());
  text += fmt::format("Admin State             : {}\n", peer.admin_up ? "Enabled" : "Disabled");
  text += "Warm standby            : No\n";
  text += "Remote warm standby     : No\n";
  text += "Sub-mgmt options        :\n";
  text += "  DHCP lease threshold  : Inactive\n";
  text += "  Local / Remote        : -- / --\n";
  text += thin_line() + "Sync-status\n" + thin_line();
  text += "Client Applications     : IPsec\n";
  text += fmt::format("Sync Admin State        : {}\n", up_down(peer.sync_admin_up));
  text += fmt::format("Sync Oper State         : {}\n", up_down(peer.mcs_connected));
  const std::string flags = peer.mcs_down_reason.empty() ? "" : " " + peer.mcs_down_reason;
  text += fmt::format("Sync Oper Flags         :{}\n", flags);
  text += fmt::format("DB Sync State           : {}\n", mcs::text(peer.sync_state));
  text += fmt::format("Num Entries             : {}\n", peer.entries);
  // Tombstones live in the journal only, and there is no subscriber management here: zero.
  text += "Lcl Deleted Entries     : 0\n";
  text += fmt::format("Alarm Entries           : {}\n", peer.alarms);
  text += "OMCR Standby Entries    : 0\nOMCR Alarm Entries      : 0\n";
  // The peer counts its entries itself; only what it could not use is told to us.
  text += "Rem Num Entries         : --\nRem Lcl Deleted Entries : --\n";
  text += fmt::format("Rem Alarm Entries       : {}\n", peer.remote_alarms);
  text += "Rem OMCR Standby Entries: 0\nRem OMCR Alarm Entries  : 0\n";
  return text;
}

}  // namespace

std::string peer_table(const chassis::PeerStatus& peer) {
  std::string table = "\n" + title("Multi-Chassis MC-IPsec");
  table += fmt::format("Peer Name       : {}\n", or_not_specified(peer.name));
  table += fmt::format("Peer Addr       : {}\n", peer.address.text());
  table += fmt::format("Keep Alive Intvl: {:<21}Hold on Nbr Fail     : {}\n",
                       tenths(peer.keep_alive), peer.hold_on_neighbor_failure);
  table += fmt::format("Discovery Intvl : {:<21}Discovery Boot Intvl : {}\n",
                       whole_seconds(peer.discovery), whole_seconds(peer.discovery_boot));
  table += fmt::format("BFD             : {}\n", peer.bfd ? "Enable" : "Disable");
  table += fmt::format("Last update     : {}\n\n", utc_date(peer.last_update));
  if (peer.groups.empty() && !peer.domains.empty()) return table + domains_of_peer(peer);
  return table + groups_of_peer(peer) + domains_of_peer(peer);
}

std::string peer_detail(const chassis::PeerStatus& peer) {
  std::string text = peer_table(peer) + "\n" + thick_line();
  text += fmt::format("Own Keys             : {:<20}Peer's Keys        : {}\n",
                      key_names(peer.keys), key_names(peer.peer_keys));
  text += fmt::format("MCS Session Key      : {}\n",
                      peer.session_key ? key_name(*peer.session_key) : "--");
  text += thick_line();
  for (const chassis::PeerGroupStatus& group : peer.groups) text += group_detail(group);
  text += fmt::format("MCS Session Version   : {}\n",
                      peer.mcs_version == 0 ? "none" : std::to_string(peer.mcs_version));
  text += config_lines(peer);
  text += "MCS Counters\n" + counter_lines(peer.mcs_counters, 2);
  return text + history_lines(peer.history) + thick_line();
}

std::string multi_chassis_table(const Snapshot& snapshot) {
  std::string table = "\n" + title("Multi-Chassis Peers");
  constexpr std::string_view kPeerRow = "{:<17}{:<17}{:<7}{:<10}{:<6}{}\n";
  table += fmt::format(fmt::runtime(kPeerRow), "Peer IP", "Source IP", "Admin", "Auth", "Sync",
                       "DB Sync State");
  table += thin_line();
  for (const chassis::PeerStatus& peer : snapshot.status.peers) {
    table += fmt::format(fmt::runtime(kPeerRow), peer.address.text(), peer.source_address.text(),
                         up_down(peer.admin_up), peer.authentication ? "Enabled" : "Disabled",
                         up_down(peer.mcs_connected), mcs::text(peer.sync_state));
  }
  const bool pairs = std::ranges::any_of(snapshot.status.peers,
                                         [](const auto& peer) { return !peer.groups.empty(); });
  if (pairs || snapshot.status.domains.empty()) table += group_overview(snapshot.status);
  return table + domain_overview(snapshot.status);
}

std::string sync_table(const Snapshot& snapshot) {
  std::string table = "\n" + title("Multi-chassis Peer Table");
  for (const chassis::PeerStatus& peer : snapshot.status.peers) {
    table += sync_peer(snapshot, peer) + thick_line();
  }
  return table + thick_line();
}

}  // namespace segw::cli
