#include <fmt/format.h>

#include <set>

#include "config/build.h"

namespace segw::config {
namespace {

constexpr std::string_view kSystemInterface = "system";

// What may be used once only in the whole configuration.
struct Taken {
  std::set<std::string> devices;
  std::set<std::string> tunnel_saps;
  std::set<std::pair<TunnelGroupId, bool>> group_sides;
  std::set<uint32_t> service_ids;
  std::set<std::string> service_names;
};

struct Context {
  const PortsMap& ports;
  Config& config;
  Taken taken;
};

bool group_exists(const Config& config, TunnelGroupId id) {
  for (const TunnelGroup& group : config.tunnel_groups) {
    if (group.id == id) return true;
  }
  return false;
}

void attach_port(const View& at, const std::string& port, Context& context, Interface& interface) {
  const auto device = context.ports.find(port);
  interface.port = port;
  if (device == context.ports.end()) {
    at.refuse(fmt::format("port {} is not in the ports file", port));
    return;
  }
  interface.device = device->second;
  if (!context.taken.devices.insert(interface.device).second) {
    at.refuse(
        fmt::format("port {} (device {}) is used by another interface", port, interface.device));
  }
}

void attach_tunnel(const View& entry, const View& sap, Service::Kind kind, Context& context,
                   Interface& interface, const Interface::TunnelSap& tunnel) {
  interface.tunnel_sap = tunnel;
  if (!group_exists(context.config, tunnel.group)) {
    sap.refuse(fmt::format("isa tunnel-group {} does not exist", tunnel.group.value));
  }
  if (!context.taken.tunnel_saps.insert(sap.text("sap-id")).second) {
    sap.refuse("is used by another interface");
  } else if (!context.taken.group_sides.emplace(tunnel.group, tunnel.is_public).second) {
    sap.refuse(fmt::format("this release has one {} SAP in a tunnel group",
                           tunnel.is_public ? "public" : "private"));
  }
  if (tunnel.is_public) {
    if (!interface.address && !interface.address_v6) {
      entry.refuse("a public tunnel interface needs an ipv4 primary address");
    }
    return;
  }
  if (kind != Service::Kind::Vprn) sap.refuse("a private tunnel SAP belongs in a VPRN");
  if (kind == Service::Kind::Vprn && !entry.flag("tunnel")) {
    entry.at("tunnel").refuse("true expected: the interface has a private tunnel SAP");
  }
}

void attach(const View& entry, Service::Kind kind, Context& context, Interface& interface) {
  const bool system = kind == Service::Kind::Base && interface.name == kSystemInterface;
  interface.loopback = system || entry.flag("loopback");
  const std::vector<View> saps = entry.each("sap");
  const View at = saps.empty() ? entry.at("port") : saps.front();
  const std::string port = saps.empty() ? at.value() : at.text("sap-id");
  if (interface.loopback) {
    if (!port.empty()) at.refuse("a loopback interface has no port");
  } else if (port.empty()) {
    entry.refuse(kind == Service::Kind::Base ? "port or loopback true expected"
                                             : "sap or loopback true expected");
  } else if (const auto sap = parse_tunnel_sap(port); !sap || saps.empty()) {
    attach_port(at, port, context, interface);
  } else if (!*sap) {
    at.refuse(sap->error().text);
  } else {
    attach_tunnel(entry, at, kind, context, interface, **sap);
  }
}

void read_vrrp(const View& ip, const std::optional<IpPrefix>& subnet, Interface& interface) {
  for (const View& router : ip.each("vrrp")) {
    const std::vector<View> backups = router.each("backup");
    if (backups.empty()) router.refuse("backup expected");
    for (const View& backup : backups) {
      const auto address = IpAddress::parse(backup.value());
      if (!address) continue;
      const IpPrefix link_local{.address = *IpAddress::parse("fe80::"), .length = 10};
      if (!(subnet && subnet->contains(*address)) && !link_local.contains(*address)) {
        backup.refuse("is not in the interface's subnet");
      }
      interface.vrrp_backup.push_back(*address);
    }
  }
}

// One nexthop object serves the configured tunnels and those made on demand.
void read_shunt(const View& entry, std::optional<IpAddress>& next_hop) {
  const auto configured = entry.address("static-tunnel-redundant-nexthop");
  const auto on_demand = entry.address("dynamic-tunnel-redundant-nexthop");
  next_hop = configured ? configured : on_demand;
  if (configured && on_demand && *configured != *on_demand) {
    entry.at("dynamic-tunnel-redundant-nexthop")
        .refuse(
            "this release has one redundant next hop of an interface: the same address as "
            "static-tunnel-redundant-nexthop expected");
  }
}

Bfd read_bfd(const View& bfd) {
  using std::chrono::milliseconds;
  return Bfd{.enabled = bfd.enabled(),
             .transmit_interval = milliseconds(bfd.number<uint32_t>("transmit-interval")),
             .receive_interval = milliseconds(bfd.number<uint32_t>("receive")),
             .multiplier = bfd.number<uint8_t>("multiplier")};
}

void read_interface(const View& entry, Service& service, Context& context) {
  if (!entry.enabled()) return;
  Interface interface;
  interface.name = entry.text("interface-name");
  const View ipv4 = entry.at("ipv4");
  const View primary = ipv4.at("primary");
  if (const auto address = primary.address("address")) {
    interface.address =
        IpPrefix{.address = *address, .length = primary.number<uint8_t>("prefix-length")};
  }
  const View ipv6 = entry.at("ipv6");
  for (const View& each : ipv6.each("address")) {
    const auto address = each.address("ipv6-address");
    if (!address) continue;
    interface.address_v6 =
        IpPrefix{.address = *address, .length = each.number<uint8_t>("prefix-length")};
  }
  attach(entry, service.kind, context, interface);
  read_vrrp(ipv4, interface.address, interface);
  read_vrrp(ipv6, interface.address_v6, interface);
  if (!interface.tunnel_sap) {
    if (entry.flag("tunnel")) entry.at("tunnel").refuse("a sap tunnel-N.private:T expected");
    for (const auto* leaf : {"static-tunnel-redundant-nexthop", "dynamic-tunnel-redundant-nexthop",
                             "multi-chassis-shunting-profile"}) {
      for (const View& at : {entry.at(leaf), ipv6.at(leaf)}) {
        if (at.exists()) at.refuse("is for interfaces with a tunnel SAP");
      }
    }
  }
  read_shunt(entry, interface.shunt_next_hop);
  read_shunt(ipv6, interface.shunt_next_hop_v6);
  interface.bfd = read_bfd(ipv4.at("bfd"));
  interface.bfd_v6 = read_bfd(ipv6.at("bfd"));
  service.interfaces.push_back(std::move(interface));
}

void read_routes(const View& routes, Service& service) {
  for (const View& route : routes.each("route")) {
    const std::vector<View> next_hops = route.each("next-hop");
    const std::vector<View> tunnels = route.each("ipsec-tunnel");
    if (next_hops.size() + tunnels.size() != 1) {
      route.refuse(service.kind == Service::Kind::Vprn ? "one next-hop or one ipsec-tunnel expected"
                                                       : "one next-hop expected");
      continue;
    }
    if (next_hops.empty() || !next_hops.front().enabled()) continue;
    const auto prefix = route.prefix("ip-prefix");
    const auto next_hop = next_hops.front().address("ip-address");
    if (!prefix || !next_hop) continue;
    if (prefix->address.family() != next_hop->family()) {
      next_hops.front().refuse("is of another IP version than the route");
    }
    service.routes.push_back(StaticRoute{.prefix = *prefix, .next_hop = *next_hop});
  }
}

void read_service(const View& entry, Service::Kind kind, Context& context) {
  Service service;
  service.kind = kind;
  service.name = entry.text("service-name");
  service.id = entry.number<uint32_t>("service-id");
  service.enabled = entry.enabled();
  if (service.id != 0 && !context.taken.service_ids.insert(service.id).second) {
    entry.at("service-id").refuse(fmt::format("{} is another service's", service.id));
  }
  if (service.name == "Base" || !context.taken.service_names.insert(service.name).second) {
    entry.refuse("another service has this name");
  }
  for (const View& interface : entry.each("interface")) {
    read_interface(interface, service, context);
  }
  read_routes(entry.at("static-routes"), service);
  context.config.services.push_back(std::move(service));
}

void read_base(const View& root, Context& context) {
  Service base{.kind = Service::Kind::Base,
               .name = "Base",
               .id = 0,
               .enabled = true,
               .interfaces = {},
               .routes = {},
               .shunt_interfaces = {},
               .shunting_profiles = {}};
  for (const View& router : root.each("router")) {
    for (const View& interface : router.each("interface")) {
      read_interface(interface, base, context);
    }
    read_routes(router.at("static-routes"), base);
  }
  for (const Interface& interface : base.interfaces) {
    if (interface.name == kSystemInterface && interface.address) {
      context.config.system_address = interface.address->address;
    }
  }
  context.config.services.push_back(std::move(base));
}

// A number 1..most in its one spelling.
std::optional<uint16_t> small_number(std::string_view text, uint16_t most) {
  uint16_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc{} && end == text.data() + text.size();
  if (!whole || value == 0 || value > most || text.front() == '0') return std::nullopt;
  return value;
}

}  // namespace

std::optional<Result<Interface::TunnelSap>> parse_tunnel_sap(std::string_view sap) {
  constexpr std::string_view kPrefix = "tunnel-";
  constexpr uint16_t kGroupMax = 64;
  constexpr uint16_t kTagMax = 4094;
  if (!sap.starts_with(kPrefix)) return std::nullopt;
  const std::string_view rest = sap.substr(kPrefix.size());
  const size_t dot = rest.find('.');
  const size_t colon = rest.find(':');
  if (dot == 0 || dot == std::string_view::npos || colon == std::string_view::npos || colon < dot ||
      colon + 1 == rest.size()) {
    return failure("tunnel-N.public:T or tunnel-N.private:T expected");
  }
  const std::string_view side = rest.substr(dot + 1, colon - dot - 1);
  const auto group = small_number(rest.substr(0, dot), kGroupMax);
  const auto tag = small_number(rest.substr(colon + 1), kTagMax);
  if (!group) return failure("the tunnel group in a SAP is a number 1..64");
  if (!tag) return failure("the tag of a tunnel SAP is a number 1..4094");
  if (side != "public" && side != "private") return failure("a tunnel SAP is public or private");
  return Interface::TunnelSap{
      .group = TunnelGroupId{*group}, .is_public = side == "public", .tag = *tag};
}

void build_services(const View& root, const PortsMap& ports, Config& config) {
  Context context{.ports = ports, .config = config, .taken = {}};
  read_base(root, context);
  const View services = root.at("service");
  for (const View& entry : services.each("ies")) {
    read_service(entry, Service::Kind::Ies, context);
  }
  for (const View& entry : services.each("vprn")) {
    read_service(entry, Service::Kind::Vprn, context);
  }
}

}  // namespace segw::config
