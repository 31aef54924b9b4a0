#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "config/build.h"

// Shunts for several chassis: the interfaces towards them, the profiles, and the tunnel interfaces
// that name one.

namespace segw::config {
namespace {

// Of an interface with a tunnel SAP.
TunnelGroupId group_of(const Interface& interface) {
  return interface.tunnel_sap ? interface.tunnel_sap->group : TunnelGroupId{};
}

class ShuntBuilder {
 public:
  ShuntBuilder(const View& root, Config& config) : root_(root), config_(config) {}

  void read_instances() {
    for (const View& router : root_.each("router")) {
      read_instance(router.at("ipsec"), config_.services.front());
    }
    for (const View& vprn : root_.at("service").each("vprn")) {
      if (Service* service = find_service(vprn)) read_instance(vprn.at("ipsec"), *service);
    }
  }

  void read_interfaces(const char* kind) {
    for (const View& entry : root_.at("service").each(kind)) {
      Service* service = find_service(entry);
      if (service == nullptr) continue;
      const Service& instance =
          service->kind == Service::Kind::Vprn ? *service : config_.services.front();
      for (const View& interface : entry.each("interface")) {
        const auto at = std::ranges::find(service->interfaces, interface.text("interface-name"),
                                          &Interface::name);
        if (at != service->interfaces.end()) read_interface(interface, instance, *at);
      }
    }
  }

 private:
  Service* find_service(const View& entry) {
    const auto at = std::ranges::find(config_.services, entry.text("service-name"), &Service::name);
    return at == config_.services.end() ? nullptr : &*at;
  }

  // The base router has the interfaces of its IES services too.
  [[nodiscard]] const Interface* find_interface(const Service& instance,
                                                std::string_view name) const {
    for (const Service& service : config_.services) {
      if (routing_instance(service) != instance.name) continue;
      const auto at = std::ranges::find(service.interfaces, name, &Interface::name);
      if (at != service.interfaces.end()) return &*at;
    }
    return nullptr;
  }

  void read_instance(const View& ipsec, Service& instance) {
    for (const View& entry : ipsec.each("multi-chassis-shunt-interface")) {
      const View next_hop = entry.at("next-hop");
      ShuntInterface shunt{.interface = entry.text("name"),
                           .next_hop = next_hop.address("address").value_or(IpAddress{}),
                           .next_hop_v6 = next_hop.address("ipv6-address")};
      const Interface* interface = find_interface(instance, shunt.interface);
      if (interface == nullptr || interface->tunnel_sap || interface->loopback) {
        entry.refuse(fmt::format("\"{}\" is no interface with a port in this routing instance",
                                 shunt.interface));
      } else {
        check_next_hop(next_hop.at("address"), *interface);
        check_next_hop(next_hop.at("ipv6-address"), *interface);
      }
      if (shunt.next_hop_v6 && !shunt.next_hop.is_v4()) {
        next_hop.at("ipv6-address").refuse("is for an address of IPv4; address is of IPv6 already");
      }
      instance.shunt_interfaces.push_back(std::move(shunt));
    }
    for (const View& entry : ipsec.each("multi-chassis-shunting-profile")) {
      instance.shunting_profiles.push_back(read_profile(entry));
    }
  }

  static void check_next_hop(const View& leaf, const Interface& interface) {
    const auto address = IpAddress::parse(leaf.value());
    if (!address) return;
    const auto& subnet = address->is_v4() ? interface.address : interface.address_v6;
    if (!subnet || !subnet->contains(*address)) {
      leaf.refuse(fmt::format("is not in the subnet of interface \"{}\"", interface.name));
    } else if (subnet->address == *address) {
      leaf.refuse("is an address of this chassis itself");
    }
  }

  [[nodiscard]] ShuntingProfile read_profile(const View& entry) const {
    ShuntingProfile profile{.name = entry.text("name"), .peers = {}};
    std::set<std::string> used;
    for (const View& peer : entry.each("peer")) {
      const auto address = peer.address("ip-address").value_or(IpAddress{});
      const std::string interface = peer.text("multi-chassis-shunt-interface");
      if (std::ranges::find(config_.peers, address, &McPeer::address) == config_.peers.end()) {
        peer.refuse(fmt::format("redundancy multi-chassis peer {} does not exist", address.text()));
      }
      if (!used.insert(interface).second) {
        peer.at("multi-chassis-shunt-interface").refuse("leads to another peer of the profile");
      }
      profile.peers.push_back({.peer = address, .interface = interface});
    }
    return profile;
  }

  void read_interface(const View& entry, const Service& instance, Interface& interface) const {
    const View leaf = entry.at("multi-chassis-shunting-profile");
    if (!interface.tunnel_sap) return;
    const Domain* domain = domain_of(config_, group_of(interface));
    if (!leaf.exists()) return check_next_hops(entry, interface, domain);
    if (interface.shunt_next_hop_v6) {
      leaf.refuse("excludes redundant next hops under ipv6, which are set too");
    }
    const auto profile =
        std::ranges::find(instance.shunting_profiles, leaf.value(), &ShuntingProfile::name);
    if (profile == instance.shunting_profiles.end()) return;  // filed by the schema
    interface.shunting_profile = profile->name;
    for (const ShuntingProfile::Entry& each : profile->peers) {
      const auto shunt =
          std::ranges::find(instance.shunt_interfaces, each.interface, &ShuntInterface::interface);
      if (shunt == instance.shunt_interfaces.end()) continue;
      interface.peer_shunts.push_back(resolved(each.peer, *shunt));
    }
    check_peers(leaf, interface, domain);
  }

  static PeerShunt resolved(const IpAddress& peer, const ShuntInterface& shunt) {
    PeerShunt way{.peer = peer, .next_hop = std::nullopt, .next_hop_v6 = shunt.next_hop_v6};
    (shunt.next_hop.is_v4() ? way.next_hop : way.next_hop_v6) = shunt.next_hop;
    return way;
  }

  // The chassis that shares the group; those of a domain may be several.
  [[nodiscard]] std::vector<IpAddress> others(const Interface& interface,
                                              const Domain* domain) const {
    std::vector<IpAddress> addresses;
    const auto has_group = [&](const McPeer& peer) {
      return domain != nullptr
                 ? std::ranges::find(peer.domains, domain->id, &PeerDomain::id) !=
                       peer.domains.end()
                 : std::ranges::find(peer.tunnel_groups, group_of(interface),
                                     &PeerTunnelGroup::id) != peer.tunnel_groups.end();
    };
    for (const McPeer& peer : config_.peers) {
      if (has_group(peer)) addresses.push_back(peer.address);
    }
    return addresses;
  }

  void check_next_hops(const View& entry, const Interface& interface, const Domain* domain) const {
    if (!interface.shunt_next_hop && !interface.shunt_next_hop_v6) return;
    if (others(interface, domain).size() < 2) return;
    entry.refuse(
        fmt::format("has a redundant next hop, and tunnel-group {} several other chassis: "
                    "multi-chassis-shunting-profile expected",
                    group_of(interface).value));
  }

  // What is for a chassis without a shunt is dropped; it may be meant so.
  void check_peers(const View& leaf, const Interface& interface, const Domain* domain) const {
    for (const IpAddress& peer : others(interface, domain)) {
      if (std::ranges::find(interface.peer_shunts, peer, &PeerShunt::peer) !=
          interface.peer_shunts.end()) {
        continue;
      }
      leaf.warn("MC_SHUNT_MISSING",
                fmt::format("profile \"{}\" has no way to peer {}: while it is active, what "
                            "arrives here for tunnel-group {} is dropped",
                            interface.shunting_profile, peer.text(), group_of(interface).value));
    }
  }

  const View& root_;
  Config& config_;
};

}  // namespace

void build_shunts(const View& root, Config& config) {
  ShuntBuilder builder(root, config);
  builder.read_instances();
  builder.read_interfaces("ies");
  builder.read_interfaces("vprn");
}

}  // namespace segw::config
