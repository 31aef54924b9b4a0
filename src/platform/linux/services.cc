#include "platform/linux/services.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace segw::platform::os {
namespace {

constexpr const char* kBase = "Base";
constexpr const char* kLoopback = "lo";
constexpr uint16_t kMtuDefault = 1500;

Result<void> add_addresses(Netlink& netlink, unsigned device, const ServiceInterface& interface) {
  for (const IpPrefix& address : interface.addresses) {
    if (auto added = netlink.address(Netlink::Do::Add, device, address); !added) return added;
  }
  return {};
}

std::set<IpFamily> families_of(const ServiceInterface& interface) {
  std::set<IpFamily> families;
  for (const IpPrefix& address : interface.addresses) families.insert(address.address.family());
  return families;
}

}  // namespace

bool set_sysctl(const NetworkNamespace& where, const std::string& name, const std::string& value) {
  bool done = false;
  // /proc/sys/net shows the namespace of whoever opens it.
  where.inside([&] {
    const FileDescriptor file(::open(("/proc/sys/" + name).c_str(), O_WRONLY | O_CLOEXEC));
    done = file.valid() &&
           ::write(file.get(), value.data(), value.size()) == static_cast<ssize_t>(value.size());
  });
  return done;
}

Result<void> NamespaceServices::apply(const std::vector<ServiceSpec>& services) {
  for (const ServiceSpec& spec : services) {
    if (auto made = make_place(spec); !made) {
      remove();
      return made;
    }
  }
  for (auto& [name, place] : places_) {
    if (auto applied = apply_one(place); !applied) {
      remove();
      return applied;
    }
  }
  return {};
}

Result<void> NamespaceServices::make_place(const ServiceSpec& spec) {
  const bool base = spec.name == kBase;
  const std::string own_name = base ? std::string() : fmt::format("{}-{}", prefix_, spec.name);
  auto where = base ? NetworkNamespace::own() : NetworkNamespace::named(own_name);
  if (!where) return tl::unexpected(where.error());
  auto netlink = Netlink::open(*where);
  if (!netlink) return tl::unexpected(netlink.error());
  places_.emplace(spec.name, ServicePlace{.where = std::move(*where),
                                          .netlink = std::move(*netlink),
                                          .own_name = own_name,
                                          .spec = spec});
  return {};
}

Result<void> NamespaceServices::apply_one(ServicePlace& place) {
  if (const unsigned loopback = place.netlink->device_index(kLoopback); loopback != 0) {
    if (auto up = place.netlink->up(loopback); !up) return up;
  }
  set_sysctl(place.where, "net/ipv4/ip_forward", "1");
  set_sysctl(place.where, "net/ipv4/conf/all/rp_filter", "0");
  set_sysctl(place.where, "net/ipv4/conf/default/rp_filter", "0");
  set_sysctl(place.where, "net/ipv4/conf/all/send_redirects", "0");
  set_sysctl(place.where, "net/ipv4/conf/default/send_redirects", "0");
  set_sysctl(place.where, "net/ipv4/conf/all/accept_redirects", "0");
  set_sysctl(place.where, "net/ipv6/conf/all/forwarding", "1");
  set_sysctl(place.where, "net/ipv6/conf/all/accept_redirects", "0");
  set_sysctl(place.where, "net/ipv6/conf/default/accept_redirects", "0");
  for (const ServiceInterface& interface : place.spec.interfaces) {
    if (auto applied = apply_interface(place, interface); !applied) return applied;
  }
  for (const StaticRoute& route : place.spec.routes) {
    auto added = place.netlink->replace(Route{.prefix = route.prefix, .gateway = route.next_hop});
    if (!added) return added;
  }
  return {};
}

// The device in the service's namespace; moved there from the base router if it is still there.
Result<unsigned> NamespaceServices::bring(ServicePlace& place, const ServiceInterface& interface) {
  if (const unsigned found = place.netlink->device_index(interface.device); found != 0)
    return found;
  if (!place.own_name.empty()) {
    const auto own = NetworkNamespace::own();
    if (!own) return tl::unexpected(own.error());
    auto base = Netlink::open(*own);
    if (!base) return tl::unexpected(base.error());
    if (const unsigned there = (*base)->device_index(interface.device); there != 0) {
      auto moved = (*base)->move(there, place.where.fd());
      if (!moved) return tl::unexpected(moved.error());
      if (const unsigned found = place.netlink->device_index(interface.device); found != 0) {
        return found;
      }
    }
  }
  return failure(
      fmt::format("interface \"{}\": no network device {}", interface.name, interface.device));
}

Result<void> NamespaceServices::apply_interface(ServicePlace& place,
                                                const ServiceInterface& interface) {
  Netlink& netlink = *place.netlink;
  if (interface.device.empty()) {
    return add_addresses(netlink, netlink.device_index(kLoopback), interface);
  }
  const auto device = bring(place, interface);
  if (!device) return tl::unexpected(device.error());
  if (auto up = netlink.up(*device); !up) return up;
  const std::string folder6 = "net/ipv6/conf/" + interface.device + "/";
  set_sysctl(place.where, folder6 + "accept_redirects", "0");
  set_sysctl(place.where, folder6 + "accept_ra", "0");
  // As IPv4 does: a device that was down for a moment has its addresses again.
  set_sysctl(place.where, folder6 + "keep_addr_on_down", "1");
  if (auto added = add_addresses(netlink, *device, interface); !added) return added;
  const std::string folder = "net/ipv4/conf/" + interface.device + "/";
  set_sysctl(place.where, folder + "rp_filter", "0");
  set_sysctl(place.where, folder + "send_redirects", "0");
  set_sysctl(place.where, folder + "accept_redirects", "0");
  if (!interface.shunt) return {};
  for (const IpFamily family : families_of(interface)) {
    auto added =
        netlink.rule(Netlink::Do::Add, family, interface.device, kShuntTable, kShuntRulePriority);
    if (!added) return added;
  }
  return {};
}

uint16_t NamespaceServices::mtu(const std::string& service) {
  constexpr uint32_t kMost = 9000;
  uint32_t least = kMost;
  bool known = false;
  ServicePlace* place = find(service);
  if (place == nullptr) return kMtuDefault;
  for (const ServiceInterface& interface : place->spec.interfaces) {
    if (interface.device.empty()) continue;
    const uint32_t mtu = place->netlink->mtu(place->netlink->device_index(interface.device));
    if (mtu == 0) continue;
    known = true;
    least = std::min(least, mtu);
  }
  return known ? static_cast<uint16_t>(least) : kMtuDefault;
}

ServicePlace* NamespaceServices::find(const std::string& service) {
  const auto at = places_.find(service);
  return at == places_.end() ? nullptr : &at->second;
}

std::vector<std::string> NamespaceServices::made_namespaces() const {
  std::vector<std::string> names;
  for (const auto& [service, place] : places_) {
    if (!place.own_name.empty()) names.push_back(place.own_name);
  }
  return names;
}

// The base router is not ours: what we put into it is taken out again, one by one.
void NamespaceServices::clean_base(ServicePlace& place) {
  Netlink& netlink = *place.netlink;
  for (const StaticRoute& route : place.spec.routes) {
    if (!netlink.remove(Route{.prefix = route.prefix, .gateway = route.next_hop})) continue;
  }
  for (const ServiceInterface& interface : place.spec.interfaces) {
    const std::string device = interface.device.empty() ? kLoopback : interface.device;
    const unsigned index = netlink.device_index(device);
    if (index == 0) continue;
    for (const IpFamily family : families_of(interface)) {
      if (interface.shunt &&
          !netlink.rule(Netlink::Do::Remove, family, device, kShuntTable, kShuntRulePriority)) {
        continue;
      }
    }
    for (const IpPrefix& address : interface.addresses) {
      if (!netlink.address(Netlink::Do::Remove, index, address)) continue;
    }
  }
}

void NamespaceServices::remove() {
  const auto own = NetworkNamespace::own();
  for (auto& [service, place] : places_) {
    if (place.own_name.empty()) {
      clean_base(place);
      continue;
    }
    for (const ServiceInterface& interface : place.spec.interfaces) {
      if (interface.device.empty() || !own) continue;
      const unsigned device = place.netlink->device_index(interface.device);
      if (device != 0 && !place.netlink->move(device, own->fd())) continue;
    }
    remove_named_namespace(place.own_name);
  }
  places_.clear();
}

}  // namespace segw::platform::os
