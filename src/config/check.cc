#include <fmt/format.h>

#include <set>

#include "config/build.h"

// Addresses that must fit together across interfaces.

namespace segw::config {
namespace {

class AddressCheck {
 public:
  AddressCheck(const Config& config, std::string instance)
      : config_(config), instance_(std::move(instance)) {}

  // An interface's own address and its neighbours on the path to the other chassis.
  void interface(const View& entry) {
    if (!entry.enabled()) return;
    const View primary = entry.at("ipv4").at("primary");
    if (const auto address = primary.address("address")) {
      if (!addresses_.insert(*address).second) {
        primary.at("address").refuse("another interface of this routing instance has it");
      }
    }
    const View ipv6 = entry.at("ipv6");
    for (const View& each : ipv6.each("address")) {
      const auto address = each.address("ipv6-address");
      if (address && !addresses_.insert(*address).second) {
        each.refuse("another interface of this routing instance has it");
      }
    }
    for (const auto* leaf :
         {"static-tunnel-redundant-nexthop", "dynamic-tunnel-redundant-nexthop"}) {
      if (entry.at(leaf).exists()) neighbour(entry.at(leaf), entry.address(leaf));
      if (ipv6.at(leaf).exists()) neighbour(ipv6.at(leaf), ipv6.address(leaf));
    }
  }

  void routes(const View& routes) {
    for (const View& route : routes.each("route")) {
      for (const View& next_hop : route.each("next-hop")) {
        neighbour(next_hop, next_hop.address("ip-address"));
      }
    }
  }

 private:
  void neighbour(const View& at, const std::optional<IpAddress>& address) const {
    if (!address) return;
    const auto subnet = connected(config_, instance_, *address);
    if (!subnet) {
      at.refuse("is in no connected subnet of this routing instance");
    } else if (subnet->address == *address) {
      at.refuse("is an address of this chassis itself");
    }
  }

  const Config& config_;
  std::string instance_;
  std::set<IpAddress> addresses_;
};

}  // namespace

std::string routing_instance(const Service& service) {
  return service.kind == Service::Kind::Vprn ? service.name : "Base";
}

std::optional<IpPrefix> connected(const Config& config, std::string_view instance,
                                  const IpAddress& address) {
  std::optional<IpPrefix> found;
  for (const Service& service : config.services) {
    if (routing_instance(service) != instance) continue;
    for (const Interface& interface : service.interfaces) {
      if (interface.tunnel_sap || interface.loopback) continue;
      const auto& subnet = address.is_v4() ? interface.address : interface.address_v6;
      if (!subnet || !subnet->contains(address)) continue;
      found = subnet;
      if (found->address == address) return found;  // its owner says most
    }
  }
  return found;
}

void check_addresses(const View& root, const Config& config) {
  AddressCheck base(config, "Base");
  for (const View& router : root.each("router")) {
    for (const View& entry : router.each("interface")) base.interface(entry);
    base.routes(router.at("static-routes"));
  }
  const View services = root.at("service");
  for (const View& ies : services.each("ies")) {
    for (const View& entry : ies.each("interface")) base.interface(entry);
  }
  for (const View& vprn : services.each("vprn")) {
    AddressCheck check(config, vprn.text("service-name"));
    for (const View& entry : vprn.each("interface")) check.interface(entry);
    check.routes(vprn.at("static-routes"));
  }
}

}  // namespace segw::config
