#include <fmt/format.h>

#include <algorithm>

#include "cli/tables.h"

namespace segw::cli {
namespace {

std::string whole_seconds(Duration duration) {
  return fmt::format("{} s", std::chrono::duration_cast<std::chrono::seconds>(duration).count());
}

// What is left of a lifetime; an overdue SA is on its way out.
std::string left(Duration age, Duration lifetime) {
  return lifetime.count() == 0 ? "never" : whole_seconds(std::max(lifetime - age, Duration{}));
}

std::string selector_lines(std::string_view name, const std::vector<std::string>& selectors) {
  std::string lines;
  for (const std::string& selector : selectors) {
    lines += fmt::format("  {:<19}: {}\n", lines.empty() ? name : "", selector);
  }
  return lines;
}

std::string sa_detail(const chassis::SaStatus& sa) {
  std::string text =
      fmt::format("CHILD SA {:#010x} in, {:#010x} out{}{}\n", sa.inbound_spi, sa.outbound_spi,
                  sa.rekeyed ? ", replaced" : "", sa.may_seal ? "" : ", may not send");
  text += fmt::format("  Algorithm          : {}\n", sa.algorithm);
  text += fmt::format("  Remote             : {:<19}Initiator          : {}\n", sa.remote,
                      sa.initiator ? "Local" : "Remote");
  text += selector_lines("Local Traffic", sa.local_selectors);
  text += selector_lines("Remote Traffic", sa.remote_selectors);
  text += fmt::format("  Age / Lifetime     : {:<19}Expires In         : {}\n",
                      whole_seconds(sa.age) + " / " + whole_seconds(sa.lifetime),
                      left(sa.age, sa.lifetime));
  text += fmt::format("  Next Seq Out       : {:<19}Highest Seq In     : {}\n", sa.outbound_next,
                      sa.inbound_highest);
  text += fmt::format("  Packets In         : {:<19}Bytes In           : {}\n", sa.packets_in,
                      sa.bytes_in);
  text += fmt::format("  Packets Out        : {:<19}Bytes Out          : {}\n", sa.packets_out,
                      sa.bytes_out);
  text += fmt::format("  Replay Window      : {}\n", sa.replay_window);
  text += fmt::format("  Replay Drops       : {:<19}Integrity Drops    : {}\n", sa.drops_replay,
                      sa.drops_integrity);
  text += fmt::format("  Selector Drops     : {:<19}Sequence Drops     : {}\n", sa.drops_selector,
                      sa.drops_sequence);
  return text;
}

}  // namespace

std::string service_name(const config::Config& config, uint32_t id) {
  for (const config::Service& service : config.services) {
    if (service.kind != config::Service::Kind::Base && service.id == id) return service.name;
  }
  return std::to_string(id);
}

std::string ike_detail(const chassis::IkeStatus& ike) {
  std::string text =
      fmt::format("IKE SA               : {}\n", ike.state.empty() ? "none" : ike.state);
  if (ike.state.empty()) return text;
  text += fmt::format("IKE SPIs             : {:#018x} / {:#018x}\n", ike.spi_i, ike.spi_r);
  text += fmt::format("Encryption           : {:<19}Authentication     : {}\n", ike.encryption,
                      ike.integrity);
  text += fmt::format("PRF                  : {:<19}DH Group           : {}\n", ike.prf, ike.group);
  text += fmt::format("Local Id             : {}\n", ike.local_id);
  text += fmt::format("Remote Id            : {}\n", ike.remote_id);
  text += fmt::format("Local Endpoint       : {:<19}Remote Endpoint    : {}\n", ike.local.text(),
                      ike.remote.text());
  text += fmt::format("Initiator            : {:<19}NAT                : {}\n",
                      ike.initiator ? "Local" : "Remote",
                      ike.remote_behind_nat  ? "Remote"
                      : ike.local_behind_nat ? "Local"
                                             : "None");
  text += fmt::format("Fragmentation        : {:<19}MOBIKE             : {}\n",
                      yes_no(ike.fragmentation), yes_no(ike.mobike));
  text += fmt::format("Age / Lifetime       : {:<19}Expires In         : {}\n",
                      whole_seconds(ike.age) + " / " + whole_seconds(ike.lifetime),
                      left(ike.age, ike.lifetime));
  if (ike.ppk) text += "Post-Quantum Key     : Yes\n";
  return text;
}

std::string sa_details(const std::vector<chassis::SaStatus>& sas) {
  std::string text = thin_line();
  for (const chassis::SaStatus& sa : sas) text += sa_detail(sa);
  text += thin_line();
  return text + fmt::format("CHILD SAs: {}\n", sas.size());
}

std::string tunnel_table(const Snapshot& snapshot) {
  constexpr std::string_view kRow = "{:<33}{:<18}{:<13}{:<7}{}\n";
  std::string table = "\n" + title("IPsec Tunnels");
  table += fmt::format(fmt::runtime(kRow), "TunnelName", "LocalAddress", "SvcId", "Admn", "Keying");
  table += fmt::format(fmt::runtime(kRow), "  SapId", "  RemoteAddress", "  DlvrySvcId", "  Oper",
                       "  Sec");
  table += fmt::format("{:73}Plcy\n", "");
  table += thin_line();
  for (const chassis::TunnelStatus& tunnel : snapshot.status.tunnels) {
    table += fmt::format(fmt::runtime(kRow), tunnel.name, tunnel.local.text(), tunnel.service_id,
                         up_down(tunnel.admin_up), "Dynamic");
    table +=
        fmt::format(fmt::runtime(kRow), "  " + tunnel.sap, "  " + tunnel.remote.text(),
                    "  " + service_name(snapshot.config, tunnel.delivery_service_id),
                    "  " + up_down(tunnel.oper_up), "  " + std::to_string(tunnel.security_policy));
  }
  table += table_end("IPsec Tunnels", snapshot.status.tunnels.size());
  return snapshot.status.gateways.empty() ? table : table + dynamic_tunnel_table(snapshot);
}

// Those that clients of gateways made.
std::string dynamic_tunnel_table(const Snapshot& snapshot) {
  constexpr std::string_view kRow = "{:<28}{:<23}{:<13}{:<7}{}\n";
  std::string table = "\n" + title("IPsec Dynamic Tunnels");
  table += fmt::format(fmt::runtime(kRow), "Idi-Value", "LocalAddress", "SvcId", "Client", "Tmpl");
  table += fmt::format(fmt::runtime(kRow), "  Gateway", "  RemoteEndpoint", "  DlvrySvcId",
                       "  Oper", "  SAs");
  table += thin_line();
  size_t count = 0;
  for (const chassis::GatewayStatus& gateway : snapshot.status.gateways) {
    count += gateway.tunnels.size();
    for (const chassis::GatewayTunnelStatus& tunnel : gateway.tunnels) {
      table += fmt::format(
          fmt::runtime(kRow), tunnel.ike.remote_id, gateway.local.text(), gateway.service_id,
          tunnel.client == 0 ? "--" : std::to_string(tunnel.client), tunnel.tunnel_template);
      table += fmt::format(fmt::runtime(kRow), "  " + gateway.name, "  " + tunnel.ike.remote.text(),
                           "  " + service_name(snapshot.config, gateway.delivery_service_id),
                           "  " + up_down(!tunnel.sas.empty()),
                           "  " + std::to_string(tunnel.sas.size()));
    }
  }
  table += thin_line();
  table += fmt::format("IPsec Dynamic Tunnels: {}\n", count);
  return table + thick_line();
}

std::string tunnel_detail(const Snapshot& snapshot, const chassis::TunnelStatus& tunnel) {
  std::string text = "\n" + title("IPsec Tunnel " + tunnel.name);
  text += fmt::format("Sap Id               : {}\n", tunnel.sap);
  text +=
      fmt::format("Service              : {}\n", service_name(snapshot.config, tunnel.service_id));
  text += fmt::format("Delivery Service     : {}\n",
                      service_name(snapshot.config, tunnel.delivery_service_id));
  text += fmt::format("Local Address        : {}\n", tunnel.local.text());
  text += fmt::format("Remote Address       : {}\n", tunnel.remote.text());
  text += fmt::format("Security Policy      : {}\n", tunnel.security_policy);
  text += fmt::format("Admin State          : {:<19}Oper State         : {}\n",
                      up_down(tunnel.admin_up), up_down(tunnel.oper_up));
  text += fmt::format("Isa State            : {}\n", isa_state_text(tunnel.isa_state));
  text += ike_detail(tunnel.ike) + sa_details(tunnel.sas);
  return text + counter_block("IKE Counters", tunnel.counters) + thick_line();
}

}  // namespace segw::cli
