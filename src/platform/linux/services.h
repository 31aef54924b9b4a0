#pragma once

#include <map>

#include "platform/linux/netlink.h"
#include "platform/linux/network_namespace.h"
#include "platform/platform.h"

namespace segw::platform::os {

constexpr uint32_t kShuntTable = 193;
constexpr uint32_t kShuntRulePriority = 100;

// A service's place in the kernel.
struct ServicePlace {
  NetworkNamespace where;
  std::unique_ptr<Netlink> netlink;
  std::string own_name;  // of a namespace that we made; empty for the base router
  ServiceSpec spec;
};

// Services as namespaces: the base router is ours, a VPRN is `<prefix>-<service>`.
class NamespaceServices final : public Services {
 public:
  explicit NamespaceServices(std::string prefix) : prefix_(std::move(prefix)) {}
  Result<void> apply(const std::vector<ServiceSpec>& services) override;
  [[nodiscard]] uint16_t mtu(const std::string& service) override;
  [[nodiscard]] ServicePlace* find(const std::string& service);
  [[nodiscard]] std::vector<std::string> made_namespaces() const;
  // Gives the devices back to the base router and takes the namespaces away.
  void remove();

 private:
  Result<void> make_place(const ServiceSpec& spec);
  Result<void> apply_one(ServicePlace& place);
  Result<void> apply_interface(ServicePlace& place, const ServiceInterface& interface);
  static void clean_base(ServicePlace& place);
  Result<unsigned> bring(ServicePlace& place, const ServiceInterface& interface);

  std::string prefix_;
  std::map<std::string, ServicePlace> places_;
};

// Writes a sysctl of the namespace ("net/ipv4/ip_forward").
bool set_sysctl(const NetworkNamespace& where, const std::string& name, const std::string& value);

}  // namespace segw::platform::os
