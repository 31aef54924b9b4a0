#include "cli/console.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "cli/configured_tables.h"
#include "cli/tables.h"

namespace segw::cli {
namespace {

using Json = nlohmann::ordered_json;
using Answer = std::pair<int, std::string>;

constexpr std::string_view kLogId = "99";  // the only log there is

Answer done(std::string text) { return {kDone, std::move(text)}; }
Answer refused(std::string text) { return {kRefused, "MINOR: CLI " + std::move(text) + "\n"}; }

// Bytes that came from outside (an identity, a reason) may be no UTF-8: replaced, never thrown at.
Answer json(const Json& value) {
  constexpr int kIndent = 2;
  return done(value.dump(kIndent, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace) +
              "\n");
}

Answer show_peer(const chassis::Status& status, const Command& command) {
  const auto address = IpAddress::parse(command.arguments.front());
  if (!address) return refused(address.error().text);
  const auto peer = std::ranges::find(status.peers, *address, &chassis::PeerStatus::address);
  if (peer == status.peers.end()) {
    return refused(fmt::format("multi-chassis peer {} is not configured", address->text()));
  }
  if (command.json) return json(to_json(*peer));
  return done(command.action == Action::ShowPeerDetail ? peer_detail(*peer) : peer_table(*peer));
}

Answer show_tunnel(const Snapshot& snapshot, const Command& command) {
  const std::string& name = command.arguments.front();
  const auto& tunnels = snapshot.status.tunnels;
  const auto tunnel = std::ranges::find(tunnels, name, &chassis::TunnelStatus::name);
  if (tunnel == tunnels.end()) {
    return refused(fmt::format("ipsec-tunnel \"{}\" is not configured", name));
  }
  return command.json ? json(to_json(*tunnel)) : done(tunnel_detail(snapshot, *tunnel));
}

// By the client's endpoint, its identity or the name of its entry.
const chassis::GatewayTunnelStatus* find_client(const chassis::GatewayStatus& gateway,
                                                const std::string& word) {
  const auto at = std::ranges::find_if(gateway.tunnels, [&](const auto& tunnel) {
    return tunnel.ike.remote.text() == word || tunnel.ike.remote_id == word ||
           (!tunnel.client_name.empty() && tunnel.client_name == word);
  });
  return at == gateway.tunnels.end() ? nullptr : &*at;
}

Answer show_gateway(const Snapshot& snapshot, const Command& command) {
  const std::string& name = command.arguments.front();
  const auto& gateways = snapshot.status.gateways;
  const auto gateway = std::ranges::find(gateways, name, &chassis::GatewayStatus::name);
  if (gateway == gateways.end()) {
    return refused(fmt::format("ipsec-gateway \"{}\" is not configured", name));
  }
  if (command.action == Action::ShowGatewayTunnel) {
    const auto* tunnel = find_client(*gateway, command.arguments.back());
    if (tunnel == nullptr) {
      return refused(fmt::format(R"(ipsec-gateway "{}" has no tunnel of "{}")", name,
                                 command.arguments.back()));
    }
    return command.json ? json(to_json(*tunnel)) : done(gateway_tunnel_detail(*gateway, *tunnel));
  }
  if (command.json) return json(to_json(*gateway));
  return done(command.action == Action::ShowGateway ? gateway_detail(snapshot, *gateway)
                                                    : gateway_tunnel_table(snapshot, *gateway));
}

Answer show_configured(const Snapshot& snapshot, const config::Tree& tree, const Command& command) {
  const Json entries = configured_list(tree, command.list);
  if (command.arguments.empty()) {
    return command.json ? json(Json{{command.list, entries}})
                        : done(configured_table(command.list, entries));
  }
  const std::string& key = command.arguments.front();
  const Json* entry = configured_entry(entries, command.list, key);
  if (entry == nullptr) {
    return refused(fmt::format("{} \"{}\" is not configured", command.list, key));
  }
  if (command.json) return json(*entry);
  return done(command.list == "client-db" ? client_table(snapshot, key, *entry)
                                          : configured_detail(command.list, key, *entry));
}

Answer show_pool(const Snapshot& snapshot, const Command& command) {
  if (command.action == Action::ShowPools) {
    return command.json ? json(pools_json(snapshot)) : done(pool_list(snapshot));
  }
  const std::string& name = command.arguments.front();
  const auto& pools = snapshot.config.member_pools;
  const auto pool = std::ranges::find(pools, name, &config::MemberPool::name);
  if (pool == pools.end()) {
    return refused(fmt::format("tunnel-member-pool \"{}\" is not configured", name));
  }
  if (command.json) return json(pool_json(snapshot, *pool));
  return done(command.action == Action::ShowPoolDetail ? pool_detail(snapshot, *pool)
                                                       : pool_table(snapshot, *pool));
}

Answer show_shunting(const Snapshot& snapshot, const Command& command) {
  const bool profiles =
      command.action == Action::ShowProfiles || command.action == Action::ShowProfilesOf;
  const bool of_service =
      command.action == Action::ShowShuntsOf || command.action == Action::ShowProfilesOf;
  ShuntFilter filter;
  if (!command.arguments.empty()) {
    (of_service ? filter.service : filter.name) = command.arguments.front();
  }
  const auto shunts = profiles ? std::vector<ShuntRow>{} : shunt_rows(snapshot, filter);
  const auto entries = profiles ? profile_rows(snapshot, filter) : std::vector<ProfileRow>{};
  if (shunts.empty() && entries.empty() && !command.arguments.empty()) {
    return refused(
        fmt::format("{} {}\"{}\" is not configured",
                    profiles ? "multi-chassis-shunting-profile" : "multi-chassis-shunt-interface",
                    of_service ? "of service " : "", command.arguments.front()));
  }
  if (profiles) return command.json ? json(profiles_json(entries)) : done(profile_table(entries));
  return command.json ? json(shunts_json(shunts)) : done(shunt_table(shunts));
}

Answer show_log(const chassis::Status& status, const Command& command) {
  if (command.arguments.front() != kLogId) return refused("log-id 99 is the only log");
  return command.json ? json(log_json(status)) : done(log_table(status));
}

Answer show_trace(const chassis::Status& status, const Command& command) {
  const auto address = IpAddress::parse(command.arguments.front());
  if (!address) return refused(address.error().text);
  const auto trace = std::ranges::find(status.traces, *address, &chassis::TraceStatus::peer);
  if (trace == status.traces.end()) {
    return refused(fmt::format("{} is not traced: tools debug ipsec peer {}", address->text(),
                               address->text()));
  }
  return command.json ? json(to_json(*trace)) : done(trace_table(*trace));
}

Answer show_version(const chassis::Status& status, const Command& command) {
  if (command.json) return json(Json{{"version", SEGW_VERSION}, {"name", status.system_name}});
  return done(fmt::format("OpenSeGW {} on {}\n", SEGW_VERSION, status.system_name));
}

std::optional<ike::TunnelAction> tunnel_action(Action action) {
  if (action == Action::RekeyChild) return ike::TunnelAction::RekeyChild;
  if (action == Action::RekeyIke) return ike::TunnelAction::RekeyIke;
  if (action == Action::DeleteChild) return ike::TunnelAction::DeleteChild;
  if (action == Action::DeleteIke) return ike::TunnelAction::DeleteIke;
  if (action == Action::Liveness) return ike::TunnelAction::Liveness;
  return std::nullopt;
}

template <typename Id>
std::optional<Id> parse_id(std::string_view text) {
  uint16_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return Id{id};
}

Result<const chassis::DomainStatus*> find_domain(const chassis::Status& status,
                                                 std::string_view text) {
  const auto id = parse_id<DomainId>(text);
  for (const chassis::DomainStatus& domain : status.domains) {
    if (id == domain.id) return &domain;
  }
  return failure(fmt::format("ipsec-domain {} is not configured", text));
}

Answer show_domains(const chassis::Status& status, const Command& command) {
  if (command.json) return json(domains_json(status));
  std::string tables;
  for (const chassis::DomainStatus& domain : status.domains) tables += domain_table(domain);
  return tables.empty() ? refused("no ipsec-domain is configured") : done(tables);
}

Answer show_domain(const chassis::Status& status, const Command& command) {
  if (command.action == Action::ShowDomains) return show_domains(status, command);
  const auto domain = find_domain(status, command.arguments.front());
  if (!domain) return refused(domain.error().text);
  if (command.json) return json(to_json(**domain));
  return done(command.action == Action::ShowDomainDetail ? domain_detail(**domain)
                                                         : domain_table(**domain));
}

// By router id, as the guide's MIB has it, or by a peer's address, as its text has it.
Result<IpAddress> find_node(const chassis::DomainStatus& domain, std::string_view text) {
  auto address = IpAddress::parse(text);
  if (!address || *address == domain.router_id) return address;
  for (const chassis::DomainAdjacency& peer : domain.adjacencies) {
    if (peer.router_id == *address) return address;
  }
  for (const chassis::DomainAdjacency& peer : domain.adjacencies) {
    if (peer.peer == *address) return peer.router_id.value_or(peer.peer);
  }
  return failure(fmt::format("{} is no node of ipsec-domain {}", text, domain.id.value));
}

std::string switchover_question(bool nominal) {
  return fmt::format(
      "WARNING! Forcing a mastership switchover may {}impact traffic. Are you sure (y/n)?\n",
      nominal ? "" : "significantly ");
}

// Why there is nothing to be moved between a pair.
std::string not_of_a_pair(const chassis::Status& status, std::string_view group) {
  const auto id = parse_id<TunnelGroupId>(group);
  for (const chassis::DomainStatus& domain : status.domains) {
    if (id != domain.group) continue;
    return fmt::format("tunnel-group {} is of ipsec-domain {}: force-switchover domain {}", group,
                       domain.id.value, domain.id.value);
  }
  return fmt::format("tunnel-group {} is shared with no multi-chassis peer", group);
}

std::function<void(Result<std::string>)> told_later(const Done& done) {
  return [done](const Result<std::string>& moved) {
    const Answer answer = moved ? cli::done(*moved + "\n") : refused(moved.error().text);
    done(answer.first, answer.second);
  };
}

const chassis::PeerGroupStatus* find_group(const chassis::Status& status, TunnelGroupId id) {
  for (const chassis::PeerStatus& peer : status.peers) {
    for (const chassis::PeerGroupStatus& group : peer.groups) {
      if (group.id == id) return &group;
    }
  }
  return nullptr;
}

}  // namespace

Console::Console(chassis::Chassis& chassis, config::Loaded loaded, const platform::Files* pki,
                 ReloadKeys reload_keys)
    : chassis_(chassis),
      loaded_(std::move(loaded)),
      pki_(pki),
      reload_keys_(std::move(reload_keys)) {}

void Console::run(std::string_view command, const Done& done) {
  if (command.size() > kCommandBytesMax) {
    const Answer answer = refused("the command is too long");
    return done(answer.first, answer.second);
  }
  const auto parsed = parse_command(command);
  if (!parsed) {
    const Answer answer = refused(parsed.error().text);
    return done(answer.first, answer.second);
  }
  perform(*parsed, done);
}

void Console::perform(const Command& command, const Done& done) {
  switch (command.action) {
    case Action::ForceSwitchover:
    case Action::ForceSwitchoverNow:
      return force_switchover(command, done);
    case Action::MoveDomain:
    case Action::MoveDomainNow:
      return move_domain(command, done);
    case Action::ReloadKeys:
      if (reload_keys_) return reload_keys_(told_later(done));
      return told_later(done)(failure("there is no configuration file"));
    case Action::ExportKeys:
    case Action::ReloadCertificates:
    case Action::ClearTunnel:
    case Action::ClearClient:
    case Action::Trace:
    case Action::TraceDetail:
    case Action::TraceKeys:
    case Action::TraceOff:
    case Action::RekeyChild:
    case Action::RekeyIke:
    case Action::DeleteChild:
    case Action::DeleteIke:
    case Action::Liveness: {
      const auto result = act(command);
      const Answer answer = result ? cli::done(*result) : refused(result.error().text);
      return done(answer.first, answer.second);
    }
    case Action::ShowPeer:
    case Action::ShowPeerDetail:
    case Action::ShowSync:
    case Action::ShowMultiChassis:
    case Action::ShowDomains:
    case Action::ShowDomain:
    case Action::ShowDomainDetail:
    case Action::ShowBfdSessions:
    case Action::ShowTunnels:
    case Action::ShowTunnel:
    case Action::ShowGateways:
    case Action::ShowGateway:
    case Action::ShowGatewayTunnels:
    case Action::ShowGatewayTunnel:
    case Action::ShowConfigured:
    case Action::ShowTunnelGroups:
    case Action::ShowPools:
    case Action::ShowPool:
    case Action::ShowPoolDetail:
    case Action::ShowShunts:
    case Action::ShowShuntsOf:
    case Action::ShowProfiles:
    case Action::ShowProfilesOf:
    case Action::ShowCounters:
    case Action::ShowLog:
    case Action::ShowVersion:
    case Action::ShowTrace:
    case Action::Info: {
      Answer answer = show(command);
      return done(answer.first, std::move(answer.second));
    }
  }
}

std::pair<int, std::string> Console::show(const Command& command) const {
  const chassis::Status status = chassis_.status();
  const Snapshot snapshot{.status = status, .config = *loaded_.config};
  switch (command.action) {
    case Action::ShowPeer:
    case Action::ShowPeerDetail:
      return show_peer(status, command);
    case Action::ShowSync:
      return command.json ? json(peers_json(status)) : done(sync_table(snapshot));
    case Action::ShowMultiChassis:
      return command.json ? json(multi_chassis_json(status)) : done(multi_chassis_table(snapshot));
    case Action::ShowDomains:
    case Action::ShowDomain:
    case Action::ShowDomainDetail:
      return show_domain(status, command);
    case Action::ShowBfdSessions:
      return command.json ? json(bfd_json(status)) : done(bfd_table(snapshot));
    case Action::ShowTunnels:
      return command.json ? json(tunnels_json(status)) : done(tunnel_table(snapshot));
    case Action::ShowTunnel:
      return show_tunnel(snapshot, command);
    case Action::ShowGateways:
      return command.json ? json(gateways_json(status)) : done(gateway_table(snapshot));
    case Action::ShowGateway:
    case Action::ShowGatewayTunnels:
    case Action::ShowGatewayTunnel:
      return show_gateway(snapshot, command);
    case Action::ShowConfigured:
      return show_configured(snapshot, *loaded_.tree, command);
    case Action::ShowTunnelGroups:
      return command.json ? json(isas_json(snapshot)) : done(tunnel_group_table(snapshot));
    case Action::ShowPools:
    case Action::ShowPool:
    case Action::ShowPoolDetail:
      return show_pool(snapshot, command);
    case Action::ShowShunts:
    case Action::ShowShuntsOf:
    case Action::ShowProfiles:
    case Action::ShowProfilesOf:
      return show_shunting(snapshot, command);
    case Action::ShowCounters:
      return command.json ? json(Json(status.counters)) : done(counter_table(status));
    case Action::ShowLog:
      return show_log(status, command);
    case Action::ShowVersion:
      return show_version(status, command);
    case Action::ShowTrace:
      return show_trace(status, command);
    case Action::Info:
      return done(command.json ? config::info_json(*loaded_.tree) + "\n"
                               : config::info(*loaded_.tree));
    case Action::ForceSwitchover:
    case Action::ForceSwitchoverNow:
    case Action::MoveDomain:
    case Action::MoveDomainNow:
    case Action::ExportKeys:
    case Action::ReloadKeys:
    case Action::ReloadCertificates:
    case Action::ClearTunnel:
    case Action::ClearClient:
    case Action::Trace:
    case Action::TraceDetail:
    case Action::TraceKeys:
    case Action::TraceOff:
    case Action::RekeyChild:
    case Action::RekeyIke:
    case Action::DeleteChild:
    case Action::DeleteIke:
    case Action::Liveness:
      break;
  }
  return refused("this command shows nothing");
}

Result<std::string> Console::perform_on_tunnel(const Command& command, ike::TunnelAction action) {
  const auto& names = command.arguments;
  if (names.size() == 1) return chassis_.perform_on_tunnel(names.front(), action);
  return chassis_.perform_on_client(names.front(), names.back(), action);
}

// Commands that answer at once.
Result<std::string> Console::act(const Command& command) {
  const auto line = [](Result<std::string> result) {
    if (result) *result += "\n";
    return result;
  };
  const auto trace = [&](chassis::TraceMode mode) -> Result<std::string> {
    const auto peer = IpAddress::parse(command.arguments.front());
    if (!peer) return tl::unexpected(peer.error());
    return line(chassis_.trace(*peer, mode));
  };
  const Action action = command.action;
  if (const auto asked = tunnel_action(action)) return line(perform_on_tunnel(command, *asked));
  if (action == Action::ExportKeys) return chassis_.export_keys();
  if (action == Action::ReloadCertificates) {
    return pki_ != nullptr ? line(chassis_.reload_credentials(*pki_))
                           : failure("there is no PKI folder");
  }
  if (action == Action::ClearTunnel) return line(chassis_.clear_tunnel(command.arguments.front()));
  if (action == Action::ClearClient) {
    return line(chassis_.clear_client(command.arguments.front(), command.arguments.back()));
  }
  if (action == Action::Trace) return trace(chassis::TraceMode::Brief);
  if (action == Action::TraceDetail) return trace(chassis::TraceMode::Detail);
  if (action == Action::TraceKeys) return trace(chassis::TraceMode::ShowKeys);
  return trace(chassis::TraceMode::Off);
}

void Console::force_switchover(const Command& command, const Done& done) {
  const std::string& named = command.arguments.front();
  const auto id = parse_id<TunnelGroupId>(named);
  const chassis::Status status = chassis_.status();
  const chassis::PeerGroupStatus* group = id ? find_group(status, *id) : nullptr;
  if (group == nullptr) {
    const Answer answer = refused(not_of_a_pair(status, named));
    return done(answer.first, answer.second);
  }
  if (command.action == Action::ForceSwitchover) {
    return done(kMustConfirm, switchover_question(group->nominal));
  }
  chassis_.force_switchover(*id, told_later(done));
}

void Console::move_domain(const Command& command, const Done& done) {
  const auto refuse = [&done](const Error& error) {
    const Answer answer = refused(error.text);
    done(answer.first, answer.second);
  };
  const chassis::Status status = chassis_.status();
  const auto domain = find_domain(status, command.arguments.front());
  if (!domain) return refuse(domain.error());
  std::optional<IpAddress> to;
  if (command.arguments.size() > 1) {
    const auto node = find_node(**domain, command.arguments.back());
    if (!node) return refuse(node.error());
    to = *node;
  }
  if (command.action == Action::MoveDomain) {
    return done(kMustConfirm, switchover_question((*domain)->nominal));
  }
  chassis_.force_switchover((*domain)->id, to, told_later(done));
}

}  // namespace segw::cli
