#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "config/build.h"

namespace segw::config {
namespace {

const Service* find_service(const Config& config, std::string_view name) {
  const auto at = std::ranges::find(config.services, name, &Service::name);
  return at == config.services.end() ? nullptr : &*at;
}

const Interface* public_side(const Service& service, TunnelGroupId group) {
  for (const Interface& interface : service.interfaces) {
    if (interface.tunnel_sap && interface.tunnel_sap->is_public &&
        interface.tunnel_sap->group == group) {
      return &interface;
    }
  }
  return nullptr;
}

bool written(const View& side) { return side.at("any").exists() || side.at("address").exists(); }

std::vector<SecurityPolicyEntry> security_entries(const View& policy) {
  std::vector<SecurityPolicyEntry> entries;
  for (const View& entry : policy.each("entry")) {
    const auto id = entry.number<uint16_t>("entry-id");
    const View local = entry.at("local-ip-v6");
    const View remote = entry.at("remote-ip-v6");
    const bool v6 = local.exists() || remote.exists();
    // Of IPv4 it says nothing if it says something of IPv6 only.
    if (!v6 || written(entry.at("local-ip")) || written(entry.at("remote-ip"))) {
      entries.push_back(SecurityPolicyEntry{.id = id,
                                            .local = entry.at("local-ip").prefix("address"),
                                            .remote = entry.at("remote-ip").prefix("address")});
    }
    if (!v6) continue;
    const IpPrefix any{.address = IpAddress::from_bytes(Bytes(16)).value_or(IpAddress{}),
                       .length = 0};
    entries.push_back(SecurityPolicyEntry{.id = id,
                                          .local = local.prefix("address").value_or(any),
                                          .remote = remote.prefix("address").value_or(any)});
  }
  // Of one entry, IPv4 first.
  std::ranges::sort(entries, {}, [](const SecurityPolicyEntry& entry) {
    return std::pair(entry.id, entry.local && !entry.local->address.is_v4());
  });
  return entries;
}

// What the tunnels of a VPRN refer to, read once for all of them.
struct Vprn {
  View view;
  std::map<std::string, std::vector<SecurityPolicyEntry>> policies;  // by id
  std::map<std::string, std::vector<IpPrefix>> routes;               // by tunnel
};

constexpr uint32_t kTunnelNumberMask = 0x7FFFFFFF;  // above are those of clients of a gateway

// FNV-1a. Part of what the chassis say to each other: never to be changed (decision 0016).
uint32_t number_by_addresses(const IpsecTunnel& tunnel) {
  constexpr uint32_t kOffset = 2166136261;
  constexpr uint32_t kPrime = 16777619;
  uint32_t hash = kOffset;
  for (const IpAddress& address : {tunnel.local_gateway, tunnel.remote_gateway}) {
    for (const uint8_t byte : address.bytes()) hash = (hash ^ byte) * kPrime;
  }
  return (hash ^ hash >> 31) & kTunnelNumberMask;
}

class TunnelBuilder {
 public:
  TunnelBuilder(const IpsecParts& parts, Config& config) : parts_(parts), config_(config) {}

  void read_vprn(const View& vprn) {
    const Vprn service = read_parts(vprn);
    for (const View& interface : vprn.each("interface")) {
      if (!interface.enabled()) continue;
      for (const View& sap : interface.each("sap")) read_sap(service, sap);
    }
    check_routes(vprn);
  }

  void finish(const View& root) {
    for (const View& group : root.at("isa").each("tunnel-group")) check_count(group);
    std::ranges::sort(config_.tunnels, {}, [](const IpsecTunnel& tunnel) {
      return std::tuple(tunnel.group, tunnel.local_gateway, tunnel.remote_gateway);
    });
    number_tunnels();
  }

 private:
  // SA records name a tunnel by its number within its group, so every chassis must come to the same
  // one, whatever else it has configured. Two that meet in one number: the second in order moves
  // on.
  void number_tunnels() {
    std::set<std::pair<TunnelGroupId, uint32_t>> taken;
    for (IpsecTunnel& tunnel : config_.tunnels) {
      tunnel.number = number_by_addresses(tunnel);
      while (!taken.emplace(tunnel.group, tunnel.number).second) {
        tunnel.number = (tunnel.number + 1) & kTunnelNumberMask;
      }
    }
  }
  static Vprn read_parts(const View& vprn) {
    Vprn parts{.view = vprn, .policies = {}, .routes = {}};
    for (const View& policy : vprn.at("ipsec").each("security-policy")) {
      parts.policies.emplace(policy.text("id"), security_entries(policy));
    }
    for (const View& route : vprn.at("static-routes").each("route")) {
      for (const View& into : route.each("ipsec-tunnel")) {
        const auto prefix = route.prefix("ip-prefix");
        if (into.enabled() && prefix) parts.routes[into.text("tunnel-name")].push_back(*prefix);
      }
    }
    return parts;
  }

  // Routes lead into tunnels of their own service.
  static void check_routes(const View& vprn) {
    std::set<std::string> names;
    for (const View& interface : vprn.each("interface")) {
      for (const View& sap : interface.each("sap")) {
        for (const View& tunnel : sap.each("ipsec-tunnel")) names.insert(tunnel.text("name"));
      }
    }
    for (const View& route : vprn.at("static-routes").each("route")) {
      for (const View& into : route.each("ipsec-tunnel")) {
        const std::string name = into.text("tunnel-name");
        if (!names.contains(name)) {
          into.refuse(fmt::format("ipsec-tunnel \"{}\" does not exist in this service", name));
        }
      }
    }
  }

  void read_sap(const Vprn& vprn, const View& sap) {
    const auto parsed = parse_tunnel_sap(sap.text("sap-id"));
    const bool is_private = parsed && *parsed && !(*parsed)->is_public;
    for (const View& entry : sap.each("ipsec-tunnel")) {
      if (is_private) {
        read_tunnel(vprn, entry, (*parsed)->group);
      } else {
        entry.refuse("a tunnel belongs under a sap tunnel-N.private:T");
      }
    }
  }

  void read_tunnel(const Vprn& vprn, const View& entry, TunnelGroupId group) {
    IpsecTunnel tunnel;
    tunnel.name = entry.text("name");
    tunnel.group = group;
    tunnel.private_service = vprn.view.text("service-name");
    tunnel.private_service_id = vprn.view.number<uint32_t>("service-id");
    tunnel.enabled = entry.enabled() && vprn.view.enabled();
    tunnel.replay_window = entry.number<uint16_t>("replay-window");
    tunnel.packets = packet_options(entry);
    read_keys(entry.at("key-exchange").at("dynamic"), tunnel);
    read_endpoint(entry.at("tunnel-endpoint"), tunnel);
    read_policy(vprn, entry.at("security-policy").at("id"), tunnel);
    const auto routes = vprn.routes.find(tunnel.name);
    if (routes != vprn.routes.end()) tunnel.routed_prefixes = routes->second;
    std::ranges::sort(tunnel.routed_prefixes);
    if (!names_.insert(tunnel.name).second) entry.refuse("another tunnel has this name");
    config_.tunnels.push_back(std::move(tunnel));
  }

  void read_keys(const View& dynamic, IpsecTunnel& tunnel) {
    const View policy = dynamic.at("ike-policy");
    const auto found = parts_.policies.find(policy.value());
    if (found != parts_.policies.end()) {
      tunnel.ike_policy = found->second;
      if (tunnel.ike_policy.transforms.empty()) {
        policy.refuse(fmt::format("ike-policy {} has no ike-transform", policy.value()));
      }
    }
    const std::vector<View> transforms = dynamic.each("ipsec-transform");
    if (transforms.empty()) dynamic.at("ipsec-transform").refuse("is missing and must be set");
    for (const View& id : transforms) {
      const auto transform = parts_.transforms.find(id.value());
      if (transform != parts_.transforms.end()) tunnel.transforms.push_back(transform->second);
    }
    const View secret = dynamic.at("pre-shared-key");
    const bool needed = tunnel.ike_policy.auth_method == ike::AuthMethod::PreSharedKey ||
                        tunnel.ike_policy.own_auth_method == ike::AuthMethod::PreSharedKey;
    if (needed && !secret.exists() && !secret.was_refused()) {
      secret.refuse("is missing and must be set");
    }
    tunnel.pre_shared_key = SecretBytes(as_bytes(secret.value()));
    tunnel.auto_establish = dynamic.flag("auto-establish");
    tunnel.auth = build_peer_auth(dynamic, tunnel.ike_policy, parts_, config_);
  }

  void read_endpoint(const View& endpoint, IpsecTunnel& tunnel) {
    const View local = endpoint.at("local-gateway-address");
    tunnel.local_gateway = endpoint.address("local-gateway-address").value_or(IpAddress{});
    tunnel.remote_gateway = endpoint.address("remote-ip-address").value_or(IpAddress{});
    const View delivery = endpoint.at("delivery-service");
    tunnel.delivery_service = delivery.value();
    if (!delivery.exists() || !local.exists()) return;
    if (endpoint.at("remote-ip-address").exists() &&
        tunnel.local_gateway.family() != tunnel.remote_gateway.family()) {
      endpoint.refuse("local-gateway-address and remote-ip-address are of two IP versions");
    }
    if (!ends_.emplace(tunnel.delivery_service, tunnel.local_gateway, tunnel.remote_gateway)
             .second) {
      endpoint.refuse("another tunnel has the same two addresses");
    }
    const Service* service = find_service(config_, tunnel.delivery_service);
    if (service == nullptr || service->kind == Service::Kind::Base) {
      delivery.refuse(fmt::format("service \"{}\" does not exist", tunnel.delivery_service));
      return;
    }
    tunnel.delivery_service_id = service->id;
    tunnel.enabled = tunnel.enabled && service->enabled;
    const Interface* outside = public_side(*service, tunnel.group);
    if (outside == nullptr) {
      delivery.refuse(fmt::format("service \"{}\" has no sap tunnel-{}.public:T",
                                  tunnel.delivery_service, tunnel.group.value));
      return;
    }
    const auto& subnet = tunnel.local_gateway.is_v4() ? outside->address : outside->address_v6;
    if (!subnet) {
      local.refuse(fmt::format("interface \"{}\" has no {} address", outside->name,
                               tunnel.local_gateway.is_v4() ? "ipv4" : "ipv6"));
    } else if (!subnet->contains(tunnel.local_gateway)) {
      local.refuse(fmt::format("is not in the subnet of interface \"{}\" ({})", outside->name,
                               subnet->text()));
    } else if (subnet->address == tunnel.local_gateway) {
      local.refuse(fmt::format("is the address of interface \"{}\" itself", outside->name));
    }
  }

  static void read_policy(const Vprn& vprn, const View& id, IpsecTunnel& tunnel) {
    const auto policy = vprn.policies.find(id.value());
    if (policy == vprn.policies.end()) return;
    std::from_chars(policy->first.data(), policy->first.data() + policy->first.size(),
                    tunnel.security_policy_id);
    tunnel.security_policy = policy->second;
    if (tunnel.security_policy.empty()) {
      id.refuse(fmt::format("security-policy {} has no entry", id.value()));
    }
  }

  void check_count(const View& group) const {
    const TunnelGroupId id{group.number<uint16_t>("id")};
    const auto limits = std::ranges::find(config_.tunnel_groups, id, &TunnelGroup::id);
    const auto tunnels = std::ranges::count(config_.tunnels, id, &IpsecTunnel::group);
    if (limits != config_.tunnel_groups.end() &&
        static_cast<uint64_t>(tunnels) > limits->tunnels_max) {
      group.at("isa-scale-mode")
          .refuse(
              fmt::format("{} tunnels are configured, it allows {}", tunnels, limits->tunnels_max));
    }
    constexpr size_t kAddressesMax = 1000;  // what an ISA can be told, less what gateways need
    std::set<IpAddress> addresses;
    for (const IpsecTunnel& tunnel : config_.tunnels) {
      if (tunnel.group == id) addresses.insert(tunnel.local_gateway);
    }
    if (addresses.size() > kAddressesMax) {
      group.at("isa-scale-mode")
          .refuse(fmt::format("{} local gateway addresses are configured, at most {} are possible",
                              addresses.size(), kAddressesMax));
    }
  }

  const IpsecParts& parts_;
  Config& config_;
  std::set<std::string> names_;
  std::set<std::tuple<std::string, IpAddress, IpAddress>> ends_;
};

}  // namespace

void build_tunnels(const View& root, const IpsecParts& parts, Config& config) {
  TunnelBuilder builder(parts, config);
  for (const View& vprn : root.at("service").each("vprn")) builder.read_vprn(vprn);
  builder.finish(root);
}

}  // namespace segw::config
