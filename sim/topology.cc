#include "sim/topology.h"

#include <fmt/format.h>

namespace segw::sim {
namespace {

constexpr IsaId kIsa{.slot = 1, .mda = 2};
constexpr uint8_t kPriorities[] = {110, 100};

IpAddress address(uint8_t a, uint8_t b, uint8_t c, uint8_t d) {
  return IpAddress::v4(uint32_t{a} << 24 | uint32_t{b} << 16 | uint32_t{c} << 8 | d);
}
IpAddress v6(const std::string& text) { return IpAddress::parse(text).value_or(IpAddress{}); }
IpPrefix prefix(const IpAddress& of, uint8_t length) {
  return IpPrefix{.address = of, .length = length};
}

const IpAddress kGateway = address(192, 0, 2, 10);
const IpPrefix kCoreNetwork = prefix(address(10, 200, 0, 0), 16);
const IpAddress kCoreHost = address(10, 200, 0, 1);

SecretBytes client_key(uint8_t index) {
  return SecretBytes(as_bytes(fmt::format("client {} and its gateway", index)));
}

config::McPeer peer_of(const ClusterOptions& options, HostId host, HostId other) {
  config::McPeer peer;
  peer.address = system_address(other);
  peer.source_address = system_address(host);
  peer.name = host_name(other);
  peer.enabled = true;
  peer.authentication_key = SecretBytes(as_bytes(kPeerKey));
  peer.mc_ipsec = true;
  peer.bfd_liveness = options.bfd;
  peer.hold_on_neighbor_failure = options.hold_count;
  peer.keep_alive_interval = options.keep_alive;
  peer.discovery_interval = options.discovery;
  peer.discovery_interval_boot = options.discovery;
  peer.sync_enabled = true;
  peer.sync_ipsec = true;
  if (!options.domain.empty()) {
    peer.domains.push_back(config::PeerDomain{.id = kDomain, .enabled = true});
    return peer;
  }
  peer.tunnel_groups.push_back(config::PeerTunnelGroup{.id = kGroup,
                                                       .enabled = true,
                                                       .peer_group = {},
                                                       .priority = kPriorities[host],
                                                       .sync_tag = "tg1"});
  return peer;
}

config::Interface access(HostId host, uint8_t network, std::string device) {
  config::Interface interface;
  interface.name = "access";
  interface.device = std::move(device);
  interface.address = prefix(address(203, 0, network, static_cast<uint8_t>(host + 1)), 24);
  interface.vrrp_backup = {address(203, 0, network, 254)};
  interface.address_v6 = prefix(v6(fmt::format("2001:db8:{}::{}", network, host + 1)), 64);
  return interface;
}

config::Interface tunnel_interface(const ClusterOptions& options, HostId host, uint8_t network,
                                   bool is_public) {
  config::Interface interface;
  interface.name = "tunnel";
  interface.address = prefix(address(192, 0, network, 1), 24);
  interface.address_v6 = prefix(v6(fmt::format("2001:db8:{}::1", network)), 64);
  const auto side = is_public ? platform::Side::Public : platform::Side::Private;
  if (options.domain.empty()) interface.shunt_next_hop = shunt_address(side, host == A ? B : A);
  for (HostId other = 0; other < static_cast<HostId>(options.domain.size()); ++other) {
    if (other == host) continue;
    interface.shunting_profile = "shunts";
    interface.peer_shunts.push_back(config::PeerShunt{
        .peer = system_address(other), .next_hop = shunt_address(side, other), .next_hop_v6 = {}});
  }
  interface.tunnel_sap =
      config::Interface::TunnelSap{.group = kGroup, .is_public = is_public, .tag = 1};
  return interface;
}

std::vector<config::Service> services(const ClusterOptions& options, HostId host) {
  config::Interface system;
  system.name = "system";
  system.loopback = true;
  system.address = prefix(system_address(host), 32);
  system.bfd = {.enabled = options.bfd,
                .transmit_interval = std::chrono::milliseconds(50),
                .receive_interval = std::chrono::milliseconds(50)};
  config::Service base{.kind = config::Service::Kind::Base, .name = "Base"};
  base.interfaces = {system};
  config::Service outside{.kind = config::Service::Kind::Ies, .name = "outside", .id = 100};
  outside.interfaces = {access(host, 113, "eth1"), tunnel_interface(options, host, 2, true)};
  config::Service inside{.kind = config::Service::Kind::Vprn, .name = "inside", .id = 200};
  inside.interfaces = {access(host, 114, "eth2"), tunnel_interface(options, host, 3, false)};
  return {base, outside, inside};
}

config::IkePolicy ike_policy(const ClusterOptions& options) {
  config::IkePolicy policy;
  policy.transforms = {config::IkeTransform{.encryption = options.ike_suite.encryption,
                                            .key_bits = options.ike_suite.key_bits,
                                            .integrity = options.ike_suite.integrity,
                                            .prf = options.ike_suite.prf,
                                            .group = options.ike_suite.group,
                                            .lifetime = options.ike_lifetime}};
  policy.pfs = options.pfs;
  policy.nat_traversal = true;
  policy.dpd = options.gateway_liveness > Duration{0};
  policy.dpd_interval = options.gateway_liveness;
  return policy;
}

config::IpsecTunnel tunnel(const ClusterOptions& options, uint8_t index) {
  const ClientSpec client = client_spec(options, index);
  config::IpsecTunnel made;
  made.name = client.name;
  made.number = index;
  made.enabled = true;
  made.group = kGroup;
  made.private_service = "inside";
  made.delivery_service = "outside";
  made.delivery_service_id = 100;
  made.private_service_id = 200;
  made.local_gateway = client.gateway;
  made.remote_gateway = client.outer;
  made.pre_shared_key = client.pre_shared_key;
  made.ike_policy = ike_policy(options);
  made.auto_establish = client.waits;
  made.transforms = {config::IpsecTransform{
      .suite = options.esp_suite, .lifetime = options.child_lifetime, .pfs = {}}};
  made.security_policy = {config::SecurityPolicyEntry{
      .id = 1, .local = client.core_network, .remote = client.inner_network}};
  made.replay_window = options.gateway_window;
  made.routed_prefixes = {client.inner_network};
  return made;
}

// All clients, each by its name and with its own key. B has one more client, in front.
config::IpsecGateway gateway(const ClusterOptions& options, HostId host) {
  config::IpsecGateway made;
  made.name = "gateway";
  made.enabled = true;
  made.group = kGroup;
  made.sap = "tunnel-1.public:1";
  made.delivery_service = "outside";
  made.delivery_service_id = 100;
  made.private_service = "inside";
  made.private_service_id = 200;
  made.private_interface = "tunnel";
  made.local_gateway = kGateway;
  made.ike_policy = ike_policy(options);
  auto pattern = std::make_shared<config::TunnelTemplate>();
  pattern->id = 1;
  pattern->transforms = {config::IpsecTransform{
      .suite = options.esp_suite, .lifetime = options.child_lifetime, .pfs = {}}};
  pattern->replay_window = options.gateway_window;
  pattern->reverse_route = true;
  made.tunnel_template = pattern;
  made.client_db = "clients";
  made.fallback = false;
  const auto add = [&](uint16_t number, const std::string& name, SecretBytes key) {
    config::GatewayClient client;
    client.number = number;
    client.name = name;
    client.identity = ike::IdentityMatch{.kind = ike::IdentityMatch::Kind::Exact,
                                         .type = ike::kIdFqdn,
                                         .data = to_bytes(as_bytes(name)),
                                         .prefix = {}};
    client.pre_shared_key = std::move(key);
    client.tunnel_template = pattern;
    made.clients.push_back(std::move(client));
  };
  if (host == B) add(1, "only at B", client_key(0));
  for (uint8_t index = 0; index < options.clients; ++index) {
    const ClientSpec client = client_spec(options, index);
    add(static_cast<uint16_t>(10 + index), client.identity, client.pre_shared_key);
  }
  return made;
}

void add_domain(config::Config& config, const DomainNode& node) {
  config.domains.push_back(config::Domain{.id = kDomain,
                                          .enabled = true,
                                          .role = node.role,
                                          .priority = node.priority,
                                          .revertive = node.revertive,
                                          .group = kGroup});
  if (!node.pooled) return;
  config.member_pools.push_back(
      config::MemberPool{.name = "pool", .description = {}, .isas = {kIsa}});
  config.tunnel_groups.front().member_pool = "pool";
}

}  // namespace

HostId host_count(const ClusterOptions& options) {
  return options.domain.empty() ? HostId{2} : static_cast<HostId>(options.domain.size());
}

std::string host_name(HostId host) { return {static_cast<char>('A' + host)}; }

IpAddress shunt_address(platform::Side side, HostId host) {
  const uint8_t network = side == platform::Side::Public ? 2 : 3;
  return address(10, 255, network, static_cast<uint8_t>(host + 1));
}

IpAddress system_address(HostId host) {
  return address(10, 255, 0, static_cast<uint8_t>(host + 1));
}

ClientSpec client_spec(const ClusterOptions& options, uint8_t index) {
  const auto number = static_cast<uint8_t>(index + 1);
  ClientSpec spec;
  spec.index = number;
  spec.name = fmt::format("client{}", number);
  spec.outer = address(198, 51, 100, number);
  if ((options.behind_nat >> index & 1) != 0) spec.behind_nat = address(172, 16, number, 2);
  spec.gateway = kGateway;
  spec.inner_network = prefix(address(10, 10, number, 0), 24);
  spec.inner_host = address(10, 10, number, 7);
  spec.core_network = kCoreNetwork;
  spec.core_host = kCoreHost;
  if ((options.over_v6 >> index & 1) != 0) {
    spec.outer = v6(fmt::format("2001:db8:51::{}", number));
    spec.gateway = v6("2001:db8:2::10");
  }
  if ((options.inside_v6 >> index & 1) != 0) {
    spec.inner_network = prefix(v6(fmt::format("2001:db8:10:{}::", number)), 64);
    spec.inner_host = v6(fmt::format("2001:db8:10:{}::7", number));
    spec.core_network = prefix(v6("2001:db8:200::"), 48);
    spec.core_host = v6("2001:db8:200::1");
  }
  spec.pre_shared_key = client_key(number);
  if (options.dynamic) spec.identity = spec.name + ".example.net";
  spec.ike_suite = options.ike_suite;
  spec.esp_suite = options.esp_suite;
  spec.pfs = options.pfs;
  spec.window = options.client_window;
  spec.probe_interval = options.probe_interval;
  spec.chore_min = options.chore_min;
  spec.chore_max = options.chore_max;
  spec.waits = (options.gateway_begins >> index & 1) != 0 && !spec.behind_nat && !options.dynamic;
  return spec;
}

std::shared_ptr<const config::Config> chassis_config(const ClusterOptions& options, HostId host) {
  auto config = std::make_shared<config::Config>();
  config->system_name = host_name(host);
  config->system_address = system_address(host);
  for (HostId other = 0; other < host_count(options); ++other) {
    if (other != host) config->peers.push_back(peer_of(options, host, other));
  }
  config->tunnel_groups = {config::TunnelGroup{.id = kGroup,
                                               .enabled = true,
                                               .responder_only = options.responder_only,
                                               .rekeys_taken_over = options.rekeys_taken_over,
                                               .spi_range_index = {},
                                               .isas = {kIsa}}};
  if (!options.domain.empty()) add_domain(*config, options.domain.at(host));
  config->services = services(options, host);
  if (options.dynamic) {
    config->gateways.push_back(gateway(options, host));
    return config;
  }
  for (uint8_t index = 0; index < options.clients; ++index) {
    config->tunnels.push_back(tunnel(options, index));
  }
  return config;
}

}  // namespace segw::sim
