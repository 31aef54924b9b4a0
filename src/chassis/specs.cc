#include "chassis/specs.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "chassis/shared_keys.h"

namespace segw::chassis {
namespace {

constexpr std::string_view kBase = "Base";
constexpr uint32_t kSelectorsMax = 32;  // 16 entries, each of both families

// An IES is part of the base router.
std::string namespace_of(const config::Service& service) {
  return service.kind == config::Service::Kind::Vprn ? service.name : std::string(kBase);
}

std::set<IpAddress> shunt_next_hops(const config::Config& config, std::string_view name) {
  std::set<IpAddress> next_hops;
  for (const config::Service& service : config.services) {
    if (namespace_of(service) != name) continue;
    for (const config::Interface& interface : service.interfaces) {
      if (interface.shunt_next_hop) next_hops.insert(*interface.shunt_next_hop);
      if (interface.shunt_next_hop_v6) next_hops.insert(*interface.shunt_next_hop_v6);
      for (const config::PeerShunt& shunt : interface.peer_shunts) {
        if (shunt.next_hop) next_hops.insert(*shunt.next_hop);
        if (shunt.next_hop_v6) next_hops.insert(*shunt.next_hop_v6);
      }
    }
  }
  return next_hops;
}

std::vector<IpPrefix> addresses_of(const config::Interface& interface) {
  std::vector<IpPrefix> addresses;
  if (interface.address) addresses.push_back(*interface.address);
  if (interface.address_v6) addresses.push_back(*interface.address_v6);
  return addresses;
}

void add_interfaces(platform::ServiceSpec& spec, const config::Service& service,
                    const std::set<IpAddress>& shunts) {
  for (const config::Interface& interface : service.interfaces) {
    if (interface.tunnel_sap) continue;
    std::vector<IpPrefix> addresses = addresses_of(interface);
    if (addresses.empty()) continue;
    const bool shunt = std::ranges::any_of(shunts, [&](const IpAddress& next_hop) {
      return std::ranges::any_of(
          addresses, [&](const IpPrefix& address) { return address.contains(next_hop); });
    });
    spec.interfaces.push_back(platform::ServiceInterface{.name = interface.name,
                                                         .device = interface.device,
                                                         .addresses = std::move(addresses),
                                                         .shunt = shunt});
  }
  for (const config::StaticRoute& route : service.routes) {
    spec.routes.push_back(
        platform::StaticRoute{.prefix = route.prefix, .next_hop = route.next_hop});
  }
}

struct TunnelSap {
  const config::Service* service = nullptr;
  const config::Interface* interface = nullptr;
};

TunnelSap find_sap(const config::Config& config, TunnelGroupId group, bool is_public) {
  for (const config::Service& service : config.services) {
    for (const config::Interface& interface : service.interfaces) {
      if (interface.tunnel_sap && interface.tunnel_sap->group == group &&
          interface.tunnel_sap->is_public == is_public) {
        return TunnelSap{.service = &service, .interface = &interface};
      }
    }
  }
  return {};
}

// sros-facts §7: by the profile the way depends on the peer; a redundant next hop is for all.
// A group that takes its ISAs from a pool has devices of its own: they are there before it takes.
std::string isa_device(const config::TunnelGroup& group) {
  if (!group.member_pool.empty()) return fmt::format("tg{}", group.id.value);
  return fmt::format("isa{}-{}", group.isas.front().slot, group.isas.front().mda);
}

platform::Shunt shunt_to(const config::Interface& from, const IpAddress& peer) {
  if (from.shunting_profile.empty()) {
    return platform::Shunt{.next_hop = from.shunt_next_hop, .next_hop_v6 = from.shunt_next_hop_v6};
  }
  const auto at = std::ranges::find(from.peer_shunts, peer, &config::PeerShunt::peer);
  if (at == from.peer_shunts.end()) return {};
  return platform::Shunt{.next_hop = at->next_hop, .next_hop_v6 = at->next_hop_v6};
}

platform::SteeringSide steering_side(const config::Config& config, const TunnelSap& sap,
                                     const std::vector<GroupPeer>& peers) {
  platform::SteeringSide side;
  side.service = namespace_of(*sap.service);
  for (const GroupPeer& peer : peers) {
    side.shunts.push_back(shunt_to(*sap.interface, peer.config->address));
  }
  for (const config::Service& service : config.services) {
    if (namespace_of(service) != side.service) continue;
    for (const config::Interface& interface : service.interfaces) {
      for (const IpAddress& address : interface.vrrp_backup) {
        side.virtual_next_hops.push_back(
            platform::VirtualNextHop{.device = interface.device, .address = address});
      }
    }
  }
  return side;
}

esp::IcmpLimit icmp_limit(const config::IcmpGeneration& generation) {
  return {.count = generation.enabled ? generation.message_count : uint16_t{0},
          .interval = generation.interval};
}

IpPrefix host_prefix(const IpAddress& address) {
  return IpPrefix{.address = address, .length = static_cast<uint8_t>(address.is_v4() ? 32 : 128)};
}

void add_unique(std::vector<IpPrefix>& to, const IpPrefix& prefix) {
  if (std::ranges::find(to, prefix) == to.end()) to.push_back(prefix);
}

esp::TrafficSelector selector(const std::optional<IpPrefix>& prefix) {
  const IpPrefix any{.address = IpAddress::v4(0), .length = 0};
  const IpPrefix& range = prefix ? *prefix : any;
  return esp::TrafficSelector{.first = range.first(), .last = range.last()};
}

ike::TunnelSettings tunnel_settings(const config::IpsecTunnel& tunnel, bool responder_only) {
  ike::TunnelSettings settings{.index = tunnel.number,
                               .name = tunnel.name,
                               .enabled = tunnel.enabled,
                               .local_gateway = tunnel.local_gateway,
                               .remote_gateway = tunnel.remote_gateway,
                               .local_id = address_identity(tunnel.local_gateway),
                               .remote_id = address_identity(tunnel.remote_gateway),
                               .pre_shared_key = tunnel.pre_shared_key,
                               .proposals = {},
                               .child_proposals = {},
                               .nat_traversal = tunnel.ike_policy.nat_traversal,
                               .force_encapsulation = tunnel.ike_policy.nat_traversal_force,
                               .local_selectors = {},
                               .remote_selectors = {},
                               .replay_window = tunnel.replay_window,
                               .auto_establish = tunnel.auto_establish && !responder_only,
                               .dpd = tunnel.ike_policy.dpd && !tunnel.ike_policy.dpd_reply_only,
                               .dpd_interval = tunnel.ike_policy.dpd_interval,
                               .dpd_max_retries = tunnel.ike_policy.dpd_max_retries,
                               .options = tunnel.ike_policy.options};
  add_proposals(settings, tunnel.ike_policy, tunnel.transforms);
  for (const config::SecurityPolicyEntry& entry : tunnel.security_policy) {
    if (settings.local_selectors.size() == kSelectorsMax) break;
    settings.local_selectors.push_back(selector(entry.local));
    settings.remote_selectors.push_back(selector(entry.remote));
  }
  return settings;
}

}  // namespace

ike::Identity address_identity(const IpAddress& address) {
  return ike::Identity{.type = address.is_v4() ? ike::kIdIpv4 : ike::kIdIpv6,
                       .data = to_bytes(address.bytes())};
}

void add_proposals(ike::TunnelSettings& settings, const config::IkePolicy& policy,
                   const std::vector<config::IpsecTransform>& transforms) {
  for (const config::IkeTransform& transform : policy.transforms) {
    settings.proposals.push_back(ike::Proposal{.suite = {.encryption = transform.encryption,
                                                         .key_bits = transform.key_bits,
                                                         .integrity = transform.integrity,
                                                         .prf = transform.prf,
                                                         .group = transform.group},
                                               .lifetime = transform.lifetime});
  }
  for (const config::IpsecTransform& transform : transforms) {
    settings.child_proposals.push_back(
        ike::ChildProposal{.suite = transform.suite,
                           .pfs = transform.pfs ? transform.pfs : policy.pfs,
                           .lifetime = transform.lifetime.value_or(policy.ipsec_lifetime)});
  }
}

std::vector<platform::ServiceSpec> service_specs(const config::Config& config) {
  std::vector<platform::ServiceSpec> specs;
  specs.push_back(
      platform::ServiceSpec{.name = std::string(kBase), .interfaces = {}, .routes = {}});
  const auto base_shunts = shunt_next_hops(config, kBase);
  for (const config::Service& service : config.services) {
    if (service.kind != config::Service::Kind::Vprn) {
      add_interfaces(specs.front(), service, base_shunts);
      continue;
    }
    platform::ServiceSpec spec{.name = service.name, .interfaces = {}, .routes = {}};
    add_interfaces(spec, service, shunt_next_hops(config, service.name));
    specs.push_back(std::move(spec));
  }
  return specs;
}

static esp::TunnelOptions tunnel_options(const config::PacketOptions& packets,
                                         const config::IkePolicy& policy, bool behind_nat) {
  const bool kept_alive = policy.nat_force_keep_alive || behind_nat;
  return esp::TunnelOptions{
      .clear_df_bit = packets.clear_df_bit,
      .copy_traffic_class = packets.copy_traffic_class_upon_decapsulation,
      .propagate_pmtu_v4 = packets.propagate_pmtu_v4,
      .propagate_pmtu_v6 = packets.propagate_pmtu_v6,
      .ip_mtu = packets.ip_mtu.value_or(0),
      .encapsulated_ip_mtu = packets.encapsulated_ip_mtu.value_or(0),
      .pmtu_aging = packets.pmtu_discovery_aging,
      .public_tcp_mss = packets.public_tcp_mss_adjust.value_or(0),
      .public_tcp_mss_auto = packets.public_tcp_mss_auto,
      .private_tcp_mss = packets.private_tcp_mss_adjust.value_or(0),
      .nat_keep_alive =
          kept_alive ? policy.nat_keep_alive_interval.value_or(Duration{}) : Duration{},
      .icmp_v4 = icmp_limit(packets.icmp_generation),
      .icmp_v6 = icmp_limit(packets.icmp6_generation)};
}

const config::TunnelTemplate* template_of(const config::IpsecGateway& gateway, uint16_t client) {
  const auto at =
      std::ranges::lower_bound(gateway.clients, client, {}, &config::GatewayClient::number);
  const bool known = client != 0 && at != gateway.clients.end() && at->number == client;
  return known && at->tunnel_template ? at->tunnel_template.get() : gateway.tunnel_template.get();
}

esp::TunnelOptions tunnel_options(const config::Config& config, const config::IpsecTunnel* tunnel,
                                  const std::optional<ike::DynamicTunnel>& dynamic,
                                  bool behind_nat) {
  if (tunnel != nullptr) return tunnel_options(tunnel->packets, tunnel->ike_policy, behind_nat);
  if (!dynamic) return {};
  const auto gateway =
      std::ranges::find(config.gateways, dynamic->gateway, &config::IpsecGateway::local_gateway);
  if (gateway == config.gateways.end()) return {};
  const config::TunnelTemplate* from = template_of(*gateway, dynamic->client);
  if (from == nullptr) return {};
  return tunnel_options(from->packets, gateway->ike_policy, behind_nat);
}

std::optional<platform::SteeringSpec> steering_spec(const config::Config& config,
                                                    const config::TunnelGroup& group,
                                                    const std::vector<GroupPeer>& peers) {
  const TunnelSap outer = find_sap(config, group.id, true);
  const TunnelSap inner = find_sap(config, group.id, false);
  if (outer.interface == nullptr || inner.interface == nullptr || group.isas.empty()) {
    return std::nullopt;
  }
  platform::SteeringSpec spec{.group = group.id,
                              .isa_device = isa_device(group),
                              .public_side = steering_side(config, outer, peers),
                              .private_side = steering_side(config, inner, peers)};
  for (const IpPrefix& own : addresses_of(*outer.interface)) {
    add_unique(spec.public_side.prefixes, host_prefix(own.address));
  }
  for (const config::IpsecTunnel& tunnel : config.tunnels) {
    if (tunnel.group != group.id) continue;
    add_unique(spec.public_side.prefixes, host_prefix(tunnel.local_gateway));
    for (const IpPrefix& prefix : tunnel.routed_prefixes) {
      add_unique(spec.private_side.prefixes, prefix);
    }
  }
  for (const config::IpsecGateway& gateway : config.gateways) {
    if (gateway.group != group.id) continue;
    add_unique(spec.public_side.prefixes, host_prefix(gateway.local_gateway));
  }
  return spec;
}

std::optional<platform::IsaSpec> isa_spec(const config::Config& config,
                                          const config::TunnelGroup& group) {
  const TunnelSap outer = find_sap(config, group.id, true);
  const TunnelSap inner = find_sap(config, group.id, false);
  if (outer.interface == nullptr || inner.interface == nullptr || group.isas.empty()) {
    return std::nullopt;
  }
  return platform::IsaSpec{.id = group.isas.front(),
                           .group = group.id,
                           .device = isa_device(group),
                           .public_service = namespace_of(*outer.service),
                           .private_service = namespace_of(*inner.service),
                           .public_interfaces = addresses_of(*outer.interface),
                           .private_interfaces = addresses_of(*inner.interface)};
}

isa::Setup isa_setup(const config::Config& config, const config::TunnelGroup& group, Slot slot,
                     uint16_t public_mtu) {
  const auto spec = isa_spec(config, group);
  isa::Setup setup{.id = spec ? spec->id : IsaId{},
                   .slot = slot,
                   .public_interfaces = spec ? spec->public_interfaces : std::vector<IpPrefix>{},
                   .private_interfaces = spec ? spec->private_interfaces : std::vector<IpPrefix>{},
                   .public_mtu = public_mtu,
                   .reassembly_wait = group.reassembly_wait,
                   .gateways = {}};
  for (const config::IpsecTunnel& tunnel : config.tunnels) {
    if (tunnel.group == group.id &&
        std::ranges::find(setup.gateways, tunnel.local_gateway) == setup.gateways.end()) {
      setup.gateways.push_back(tunnel.local_gateway);
    }
  }
  for (const config::IpsecGateway& gateway : config.gateways) {
    if (gateway.group == group.id &&
        std::ranges::find(setup.gateways, gateway.local_gateway) == setup.gateways.end()) {
      setup.gateways.push_back(gateway.local_gateway);
    }
  }
  return setup;
}

// With a peer, so that the loss of an ISA that hangs costs less than that of the chassis.
Duration isa_silence_max(const std::vector<GroupPeer>& peers) {
  Duration silence = std::chrono::seconds(1);
  for (const GroupPeer& peer : peers) {
    const Duration hold = peer.config->keep_alive_interval * peer.config->hold_on_neighbor_failure;
    silence = std::min(silence, hold / 2);
  }
  return silence;
}

Slot slot_of(const config::TunnelGroup& group, const std::vector<const config::McPeer*>& peers) {
  if (group.spi_range_index) return Slot{static_cast<uint8_t>(*group.spi_range_index - 1)};
  const auto below = std::ranges::count_if(
      peers, [](const config::McPeer* peer) { return peer->address < peer->source_address; });
  return Slot{static_cast<uint8_t>(below)};
}

ike::GroupSettings ike_settings(const config::Config& config, const config::TunnelGroup& group,
                                Slot slot, const std::array<uint8_t, 16>& incarnation,
                                const Credentials& credentials, uint8_t slots) {
  ike::GroupSettings settings;
  settings.slots = slots;
  settings.group = group.id;
  settings.slot = slot;
  settings.incarnation = incarnation;
  settings.tunnels_max = group.tunnels_max;
  settings.responder_only = group.responder_only;
  settings.rekey_taken_over = group.rekeys_taken_over;
  settings.rekeys_per_second = kRekeysPerSecond;
  for (const config::IpsecTunnel& tunnel : config.tunnels) {
    if (tunnel.group != group.id) continue;
    settings.tunnels.push_back(tunnel_settings(tunnel, group.responder_only));
    set_authentication(tunnel.auth, tunnel.ike_policy, credentials, settings.tunnels.back());
  }
  for (const config::IpsecGateway& gateway : config.gateways) {
    if (gateway.group == group.id)
      settings.gateways.push_back(gateway_settings(gateway, credentials));
  }
  return settings;
}

mimp::Settings mimp_settings(const config::Config& config, const config::TunnelGroup& group,
                             const config::Domain* domain, const std::vector<GroupPeer>& peers) {
  mimp::Settings settings{.group = group.id, .domain = {}, .router_id = {}, .peers = {}};
  if (domain != nullptr) {
    settings.domain = domain->id;
    settings.router_id = config.system_address;
    settings.role = domain->role;
    settings.priority = domain->priority;
  }
  for (const GroupPeer& peer : peers) {
    TunnelGroupId there = group.id;
    if (peer.pair != nullptr) {
      settings.router_id = peer.config->source_address;
      settings.priority = peer.pair->priority;
      if (peer.pair->peer_group.value != 0) there = peer.pair->peer_group;
    }
    settings.peers.push_back(mimp::PeerSettings{.group = there,
                                                .local = peer.config->source_address,
                                                .address = peer.config->address,
                                                .keep_alive = peer.config->keep_alive_interval,
                                                .hold_count = peer.config->hold_on_neighbor_failure,
                                                .discovery = peer.config->discovery_interval_boot,
                                                .keys = protocol_keys(peer.keys, "mimp 1")});
  }
  return settings;
}

std::optional<bfd::PeerSettings> bfd_settings(const config::Config& config,
                                              const config::McPeer& peer, const SharedKeys& keys) {
  if (!peer.mc_ipsec || !peer.bfd_liveness) return std::nullopt;
  const bool v4 = peer.source_address.is_v4();
  for (const config::Service& service : config.services) {
    if (service.kind == config::Service::Kind::Vprn) continue;
    for (const config::Interface& interface : service.interfaces) {
      const auto& own = v4 ? interface.address : interface.address_v6;
      const config::Bfd& bfd = v4 ? interface.bfd : interface.bfd_v6;
      if (!own || own->address != peer.source_address) continue;
      if (!bfd.enabled) return std::nullopt;
      return bfd::PeerSettings{
          .local = peer.source_address,
          .peer = peer.address,
          .path = own->contains(peer.address) ? bfd::Path::SingleHop : bfd::Path::MultiHop,
          .transmit_interval = bfd.transmit_interval,
          .receive_interval = bfd.receive_interval,
          .multiplier = bfd.multiplier,
          .keys = bfd_keys(keys)};
    }
  }
  return std::nullopt;
}

}  // namespace segw::chassis
