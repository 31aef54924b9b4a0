#include <fmt/format.h>

#include <algorithm>

#include "cli/tables.h"

// `show ipsec gateway`.

namespace segw::cli {
namespace {

std::string or_none(const std::string& name) { return name.empty() ? "(Not Specified)" : name; }

// The engine's counters that are one reason for an operator; numbers are notifications' of RFC
// 7296.
uint64_t sum(const chassis::GatewayStatus& gateway, std::initializer_list<const char*> names) {
  uint64_t count = 0;
  for (const char* name : names) {
    const auto at = gateway.counters.find(name);
    if (at != gateway.counters.end()) count += at->second;
  }
  return count;
}

std::string refusals(const chassis::GatewayStatus& gateway) {
  constexpr std::string_view kRow = "  {:<19}: {:<19}{:<19}: {}\n";
  std::string text = thin_line() + "Refused\n";
  text += fmt::format(fmt::runtime(kRow), "Authentication", sum(gateway, {"authentication-failed"}),
                      "Locked Out", sum(gateway, {"locked-out"}));
  text += fmt::format(fmt::runtime(kRow), "No Proposal",
                      sum(gateway, {"refused-no-proposal", "refused-14"}), "DH Group",
                      sum(gateway, {"refused-group", "refused-17"}));
  text += fmt::format(fmt::runtime(kRow), "Traffic Selectors", sum(gateway, {"refused-38"}),
                      "Tunnel Limit", sum(gateway, {"refused-tunnels-max"}));
  return text;
}

}  // namespace

std::string gateway_table(const Snapshot& snapshot) {
  constexpr std::string_view kRow = "{:<33}{:<18}{:<13}{:<7}{}\n";
  constexpr std::string_view kSecondRow = "{:<51}{:<13}{}\n";
  std::string table = "\n" + title("IPsec Gateways");
  table += fmt::format(fmt::runtime(kRow), "GwName", "LocalAddress", "SvcId", "Admn", "Tunnels");
  table += fmt::format(fmt::runtime(kSecondRow), "  SapId", "  DlvrySvcId", "  Oper");
  table += thin_line();
  for (const chassis::GatewayStatus& gateway : snapshot.status.gateways) {
    table += fmt::format(fmt::runtime(kRow), gateway.name, gateway.local.text(), gateway.service_id,
                         up_down(gateway.admin_up), gateway.tunnels.size());
    table += fmt::format(fmt::runtime(kSecondRow), "  " + gateway.sap,
                         "  " + service_name(snapshot.config, gateway.delivery_service_id),
                         "  " + up_down(gateway.oper_up));
  }
  return table + table_end("IPsec Gateways", snapshot.status.gateways.size());
}

std::string gateway_detail(const Snapshot& snapshot, const chassis::GatewayStatus& gateway) {
  std::string text = "\n" + title("IPsec Gateway " + gateway.name);
  text += fmt::format("Sap Id               : {}\n", gateway.sap);
  text +=
      fmt::format("Secure Service       : {}\n", service_name(snapshot.config, gateway.service_id));
  text += fmt::format("Delivery Service     : {}\n",
                      service_name(snapshot.config, gateway.delivery_service_id));
  text += fmt::format("Local Address        : {}\n", gateway.local.text());
  text += fmt::format("Tunnel Template      : {}\n", gateway.tunnel_template);
  text += fmt::format("TS List              : {}\n", or_none(gateway.ts_list));
  text += fmt::format("Client Database      : {}\n", or_none(gateway.client_db));
  text += fmt::format("Admin State          : {:<19}Oper State         : {}\n",
                      up_down(gateway.admin_up), up_down(gateway.oper_up));
  text += fmt::format("Tunnels              : {:<19}Reverse Routes     : {}\n",
                      gateway.tunnels.size(), gateway.reverse_routes);
  text += fmt::format("Half-Open            : {:<19}Established        : {}\n", gateway.half_open,
                      sum(gateway, {"established"}));
  text += fmt::format("Cookies Asked        : {:<19}Lock-Outs          : {}\n",
                      sum(gateway, {"cookies-asked"}), sum(gateway, {"lockouts"}));
  text += fmt::format("Clients Silent       : {:<19}Deleted By Clients : {}\n",
                      sum(gateway, {"client-silent"}), sum(gateway, {"deleted-by-client"}));
  return text + refusals(gateway) + counter_block("IKE Counters", gateway.counters) + thick_line();
}

std::string gateway_tunnel_table(const Snapshot& snapshot, const chassis::GatewayStatus& gateway) {
  constexpr std::string_view kRow = "{:<33}{:<18}{:<20}{}\n";
  std::string table = "\n" + title("IPsec Gateway Tunnels: " + gateway.name);
  table += fmt::format(fmt::runtime(kRow), "Remote Endpoint", "GwLclAddr", "SecureSvc", "Oper");
  table += fmt::format(fmt::runtime(kRow), "  Idi-Value", "  Client", "  Template", "  BiDirSA");
  table += thin_line();
  for (const chassis::GatewayTunnelStatus& tunnel : gateway.tunnels) {
    const std::string client =
        tunnel.client == 0 ? "--" : std::to_string(tunnel.client) + " " + tunnel.client_name;
    table += fmt::format(fmt::runtime(kRow), tunnel.ike.remote.text(), gateway.local.text(),
                         service_name(snapshot.config, gateway.service_id),
                         up_down(!tunnel.sas.empty()));
    table += fmt::format(fmt::runtime(kRow), "  " + tunnel.ike.remote_id, "  " + client,
                         "  " + std::to_string(tunnel.tunnel_template),
                         "  " + std::to_string(tunnel.sas.size()));
  }
  return table + table_end("IPsec Gateway Tunnels", gateway.tunnels.size());
}

std::string gateway_tunnel_detail(const chassis::GatewayStatus& gateway,
                                  const chassis::GatewayTunnelStatus& tunnel) {
  std::string text = "\n" + title("IPsec Gateway Tunnel of " + tunnel.ike.remote_id);
  text += fmt::format("Gateway              : {}\n", gateway.name);
  text += fmt::format("Client               : {}\n",
                      tunnel.client == 0 ? "--" : std::to_string(tunnel.client));
  text += fmt::format("Client Name          : {}\n", or_none(tunnel.client_name));
  text += fmt::format("Tunnel Template      : {}\n", tunnel.tunnel_template);
  text += fmt::format("Oper State           : {:<19}Isa State          : {}\n",
                      up_down(!tunnel.sas.empty()), isa_state_text(tunnel.isa_state));
  return text + ike_detail(tunnel.ike) + sa_details(tunnel.sas) + thick_line();
}

}  // namespace segw::cli
