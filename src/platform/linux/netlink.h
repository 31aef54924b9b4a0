#pragma once

// What we say to the kernel by rtnetlink, in one namespace. Every call waits for the kernel's
// answer; errors are the kernel's words.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ip_address.h"
#include "base/result.h"
#include "platform/linux/network_namespace.h"

struct mnl_socket;
struct nlmsghdr;  // NOLINT(readability-identifier-naming): the kernel's

namespace segw::platform::os {

constexpr uint32_t kMainTable = 254;

// A nexthop object is of one family for its life; ours have it in their id, so that the keeper too
// can turn one to blackhole.
constexpr uint32_t kNexthopV6 = 4;
constexpr IpFamily family_of_nexthop(uint32_t id) {
  return (id & kNexthopV6) != 0 ? IpFamily::V6 : IpFamily::V4;
}

struct Nexthop {
  uint32_t id = 0;
  unsigned device = 0;               // interface index; 0: blackhole
  std::optional<IpAddress> gateway;  // with a device
};

struct Route {
  IpPrefix prefix;
  uint32_t table = kMainTable;
  uint32_t metric = 0;
  uint32_t nexthop_id = 0;           // 0: see below
  std::optional<IpAddress> gateway;  // neither: a blackhole route
};

class Netlink {
 public:
  static Result<std::unique_ptr<Netlink>> open(const NetworkNamespace& where);
  ~Netlink();

  [[nodiscard]] unsigned device_index(const std::string& name);  // 0: none
  [[nodiscard]] uint32_t mtu(unsigned device);                   // 0: unknown
  Result<void> up(unsigned device);
  Result<void> set_mtu(unsigned device, uint32_t mtu);
  // What may wait for the device, or for the reader of a TUN; the rest is dropped there.
  Result<void> set_queue_length(unsigned device, uint32_t packets);
  Result<void> move(unsigned device, int namespace_fd);
  // Made, or taken away; what is there already, or gone already, is no error.
  enum class Do : uint8_t { Add, Remove };
  Result<void> address(Do what, unsigned device, const IpPrefix& address);
  Result<void> replace(const Nexthop& nexthop);
  // Replaces an object that is there, and with it where all its routes lead; false: there is none.
  Result<bool> change(const Nexthop& nexthop);
  Result<void> remove_nexthop(uint32_t id);
  Result<void> replace(const Route& route);
  Result<void> remove(const Route& route);
  // Many at a time, a send for some hundred. What is there already, or gone already, is no error;
  // after an error the rest is still done, and the first error is told.
  Result<void> replace_all(const std::vector<Route>& routes);
  Result<void> remove_all(const std::vector<Route>& routes);
  // The routes of ours in all tables, both families.
  Result<std::vector<Route>> own_routes();
  // Packets that came in by `device` are looked up in `table` first.
  Result<void> rule(Do what, IpFamily family, const std::string& device, uint32_t table,
                    uint32_t priority);

 private:
  explicit Netlink(mnl_socket* socket);
  Result<void> talk(nlmsghdr* message, const std::string& what, int accepted_errno = 0);
  int ask(nlmsghdr* message);  // 0, or the errno
  Result<void> route(uint16_t type, uint16_t flags, const Route& route, int accepted_errno);
  Result<void> batches(uint16_t type, uint16_t flags, const std::vector<Route>& routes,
                       int accepted_errno);
  Result<void> acknowledged(uint32_t last, int accepted_errno);

  mnl_socket* socket_;
  unsigned port_;
  uint32_t sequence_ = 0;
};

}  // namespace segw::platform::os
