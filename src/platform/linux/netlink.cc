#include "platform/linux/netlink.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>

namespace segw::platform::os {
namespace {

constexpr size_t kBufferSize = 8192;
constexpr size_t kDumpBufferSize = 65536;
// FRR and others leave routes of a protocol that is not theirs alone.
constexpr uint8_t kProtocol = 193;
// Each answer of the kernel takes room in the socket's queue: all of a batch may be errors.
constexpr size_t kBatchMessages = 128;

uint8_t kernel_family(IpFamily family) { return family == IpFamily::V4 ? AF_INET : AF_INET6; }

class Message {
 public:
  Message(uint16_t type, uint16_t flags) : header_(mnl_nlmsg_put_header(buffer_.data())) {
    header_->nlmsg_type = type;
    header_->nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
  }
  template <typename T>
  T* extra() {
    return static_cast<T*>(mnl_nlmsg_put_extra_header(header_, sizeof(T)));
  }
  void put(uint16_t type, uint32_t value) { mnl_attr_put_u32(header_, type, value); }
  void put(uint16_t type, const std::string& value) {
    mnl_attr_put_strz(header_, type, value.c_str());
  }
  void put(uint16_t type, const IpAddress& address) {
    mnl_attr_put(header_, type, address.bytes().size(), address.bytes().data());
  }
  void put_flag(uint16_t type) { mnl_attr_put(header_, type, 0, nullptr); }
  nlmsghdr* get() { return header_; }
  [[nodiscard]] ByteView view() const {
    return {reinterpret_cast<const uint8_t*>(header_), header_->nlmsg_len};
  }

 private:
  alignas(8) std::array<char, kBufferSize> buffer_{};
  nlmsghdr* header_;
};

void put_route(Message& message, const Route& route) {
  auto* body = message.extra<rtmsg>();
  body->rtm_family = kernel_family(route.prefix.address.family());
  body->rtm_dst_len = route.prefix.length;
  body->rtm_table = RT_TABLE_UNSPEC;
  body->rtm_protocol = kProtocol;
  body->rtm_scope = RT_SCOPE_UNIVERSE;
  const bool blackhole = route.nexthop_id == 0 && !route.gateway;
  body->rtm_type = blackhole ? RTN_BLACKHOLE : RTN_UNICAST;
  message.put(RTA_TABLE, route.table);
  message.put(RTA_DST, route.prefix.first());
  if (route.metric != 0) message.put(RTA_PRIORITY, route.metric);
  if (route.nexthop_id != 0) message.put(RTA_NH_ID, route.nexthop_id);
  if (route.gateway) message.put(RTA_GATEWAY, *route.gateway);
}

void put_nexthop(Message& message, const Nexthop& nexthop) {
  auto* body = message.extra<nhmsg>();
  body->nh_family = kernel_family(family_of_nexthop(nexthop.id));
  body->nh_protocol = kProtocol;
  message.put(NHA_ID, nexthop.id);
  if (nexthop.device == 0) {
    message.put_flag(NHA_BLACKHOLE);
    return;
  }
  message.put(NHA_OIF, nexthop.device);
  if (nexthop.gateway) message.put(NHA_GATEWAY, *nexthop.gateway);
}

IpAddress address_of(const nlattr* attribute) {
  const auto* bytes = static_cast<const uint8_t*>(mnl_attr_get_payload(attribute));
  return IpAddress::from_bytes({bytes, mnl_attr_get_payload_len(attribute)}).value_or(IpAddress{});
}

int take_attribute(const nlattr* attribute, void* data) {
  Route& route = *static_cast<Route*>(data);
  const uint16_t type = mnl_attr_get_type(attribute);
  if (type == RTA_DST) route.prefix.address = address_of(attribute);
  if (type == RTA_GATEWAY) route.gateway = address_of(attribute);
  if (mnl_attr_get_payload_len(attribute) != sizeof(uint32_t)) return MNL_CB_OK;
  const uint32_t value = mnl_attr_get_u32(attribute);
  switch (type) {
    case RTA_TABLE:
      route.table = value;
      break;
    case RTA_PRIORITY:
      route.metric = value;
      break;
    case RTA_NH_ID:
      route.nexthop_id = value;
      break;
    default:
      break;
  }
  return MNL_CB_OK;
}

int take_route(const nlmsghdr* header, void* data) {
  if (header->nlmsg_type != RTM_NEWROUTE) return MNL_CB_OK;
  const auto* body = static_cast<const rtmsg*>(mnl_nlmsg_get_payload(header));
  const bool v6 = body->rtm_family == AF_INET6;
  if ((!v6 && body->rtm_family != AF_INET) || body->rtm_protocol != kProtocol) return MNL_CB_OK;
  // A default route has no destination attribute.
  const IpAddress any = v6 ? IpAddress::from_bytes(Bytes(16)).value_or(IpAddress{}) : IpAddress{};
  Route route{.prefix = {.address = any, .length = body->rtm_dst_len}, .table = body->rtm_table};
  if (mnl_attr_parse(header, sizeof(rtmsg), take_attribute, &route) == MNL_CB_ERROR) {
    return MNL_CB_ERROR;
  }
  static_cast<std::vector<Route>*>(data)->push_back(route);
  return MNL_CB_OK;
}

}  // namespace

Result<std::unique_ptr<Netlink>> Netlink::open(const NetworkNamespace& where) {
  mnl_socket* socket = nullptr;
  where.inside([&] {
    socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    if (socket != nullptr && mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) != 0) {
      mnl_socket_close(socket);
      socket = nullptr;
    }
  });
  if (socket == nullptr) return failure(fmt::format("netlink: {}", std::strerror(errno)));
  return std::unique_ptr<Netlink>(new Netlink(socket));
}

Netlink::Netlink(mnl_socket* socket) : socket_(socket), port_(mnl_socket_get_portid(socket)) {}
Netlink::~Netlink() { mnl_socket_close(socket_); }

Result<void> Netlink::talk(nlmsghdr* message, const std::string& what, int accepted_errno) {
  const int error = ask(message);
  if (error == 0 || error == accepted_errno) return {};
  return failure(fmt::format("{}: {}", what, std::strerror(error)));
}

int Netlink::ask(nlmsghdr* message) {
  message->nlmsg_seq = ++sequence_;
  if (mnl_socket_sendto(socket_, message, message->nlmsg_len) < 0) return errno;
  std::array<char, kBufferSize> buffer{};
  while (true) {
    const ssize_t size = mnl_socket_recvfrom(socket_, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return errno;
    const int result =
        mnl_cb_run(buffer.data(), static_cast<size_t>(size), sequence_, port_, nullptr, nullptr);
    if (result < 0) return errno;
    if (result == 0) return 0;  // the acknowledgement
  }
}

namespace {

struct Link {
  unsigned index = 0;
  uint32_t mtu = 0;
};

int take_link_attribute(const nlattr* attribute, void* data) {
  if (mnl_attr_get_type(attribute) == IFLA_MTU) {
    static_cast<Link*>(data)->mtu = mnl_attr_get_u32(attribute);
  }
  return MNL_CB_OK;
}

int take_link(const nlmsghdr* header, void* data) {
  if (header->nlmsg_type != RTM_NEWLINK) return MNL_CB_OK;
  const auto* link = static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(header));
  static_cast<Link*>(data)->index = static_cast<unsigned>(link->ifi_index);
  return mnl_attr_parse(header, sizeof(ifinfomsg), take_link_attribute, data);
}

// An answer and an acknowledgement, or an error alone.
Link ask_link(mnl_socket* socket, unsigned port, uint32_t sequence, Message& message) {
  Link found;
  message.get()->nlmsg_seq = sequence;
  if (mnl_socket_sendto(socket, message.get(), message.get()->nlmsg_len) < 0) return {};
  std::array<char, 32768> buffer{};
  while (true) {
    const ssize_t size = mnl_socket_recvfrom(socket, buffer.data(), buffer.size());
    if (size < 0) return {};
    if (mnl_cb_run(buffer.data(), static_cast<size_t>(size), sequence, port, take_link, &found) <=
        0) {
      return found;
    }
  }
}

}  // namespace

unsigned Netlink::device_index(const std::string& name) {
  Message message(RTM_GETLINK, 0);
  message.extra<ifinfomsg>();
  message.put(IFLA_IFNAME, name);
  return ask_link(socket_, port_, ++sequence_, message).index;
}

uint32_t Netlink::mtu(unsigned device) {
  Message message(RTM_GETLINK, 0);
  message.extra<ifinfomsg>()->ifi_index = static_cast<int>(device);
  return ask_link(socket_, port_, ++sequence_, message).mtu;
}

Result<void> Netlink::up(unsigned device) {
  Message message(RTM_NEWLINK, 0);
  auto* link = message.extra<ifinfomsg>();
  link->ifi_index = static_cast<int>(device);
  link->ifi_flags = IFF_UP;
  link->ifi_change = IFF_UP;
  return talk(message.get(), fmt::format("device {} up", device));
}

Result<void> Netlink::set_mtu(unsigned device, uint32_t mtu) {
  Message message(RTM_NEWLINK, 0);
  message.extra<ifinfomsg>()->ifi_index = static_cast<int>(device);
  message.put(IFLA_MTU, mtu);
  return talk(message.get(), fmt::format("device {} mtu {}", device, mtu));
}

Result<void> Netlink::set_queue_length(unsigned device, uint32_t packets) {
  Message message(RTM_NEWLINK, 0);
  message.extra<ifinfomsg>()->ifi_index = static_cast<int>(device);
  message.put(IFLA_TXQLEN, packets);
  return talk(message.get(), fmt::format("device {} queue of {} packets", device, packets));
}

Result<void> Netlink::move(unsigned device, int namespace_fd) {
  Message message(RTM_NEWLINK, 0);
  message.extra<ifinfomsg>()->ifi_index = static_cast<int>(device);
  message.put(IFLA_NET_NS_FD, static_cast<uint32_t>(namespace_fd));
  return talk(message.get(), fmt::format("device {} to its namespace", device));
}

Result<void> Netlink::address(Do what, unsigned device, const IpPrefix& address) {
  const bool add = what == Do::Add;
  Message message(add ? RTM_NEWADDR : RTM_DELADDR,
                  add ? static_cast<uint16_t>(NLM_F_CREATE | NLM_F_REPLACE) : uint16_t{0});
  auto* body = message.extra<ifaddrmsg>();
  body->ifa_family = kernel_family(address.address.family());
  // The other chassis never has it, and an address that is still tentative cannot be bound to.
  if (!address.address.is_v4()) body->ifa_flags = IFA_F_NODAD;
  body->ifa_prefixlen = address.length;
  body->ifa_index = device;
  message.put(IFA_LOCAL, address.address);
  message.put(IFA_ADDRESS, address.address);
  return talk(message.get(), "address " + address.text(), add ? 0 : EADDRNOTAVAIL);
}

Result<void> Netlink::replace(const Nexthop& nexthop) {
  Message message(RTM_NEWNEXTHOP, NLM_F_CREATE | NLM_F_REPLACE);
  put_nexthop(message, nexthop);
  return talk(message.get(), fmt::format("nexthop {}", nexthop.id));
}

Result<bool> Netlink::change(const Nexthop& nexthop) {
  Message message(RTM_NEWNEXTHOP, NLM_F_REPLACE);
  put_nexthop(message, nexthop);
  const int error = ask(message.get());
  if (error == ENOENT) return false;
  if (error != 0) return failure(fmt::format("nexthop {}: {}", nexthop.id, std::strerror(error)));
  return true;
}

Result<void> Netlink::remove_nexthop(uint32_t id) {
  Message message(RTM_DELNEXTHOP, 0);
  message.extra<nhmsg>()->nh_family = AF_UNSPEC;
  message.put(NHA_ID, id);
  return talk(message.get(), fmt::format("nexthop {}", id), ENOENT);
}

Result<void> Netlink::replace(const Route& wanted) {
  return route(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, wanted, 0);
}

Result<void> Netlink::remove(const Route& gone) { return route(RTM_DELROUTE, 0, gone, ESRCH); }

Result<void> Netlink::route(uint16_t type, uint16_t flags, const Route& route, int accepted_errno) {
  Message message(type, flags);
  put_route(message, route);
  return talk(message.get(), "route " + route.prefix.text(), accepted_errno);
}

Result<void> Netlink::replace_all(const std::vector<Route>& routes) {
  return batches(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, routes, 0);
}

Result<void> Netlink::remove_all(const std::vector<Route>& routes) {
  return batches(RTM_DELROUTE, 0, routes, ESRCH);
}

Result<void> Netlink::batches(uint16_t type, uint16_t flags, const std::vector<Route>& routes,
                              int accepted_errno) {
  Result<void> first;
  for (size_t from = 0; from < routes.size(); from += kBatchMessages) {
    const size_t end = std::min(routes.size(), from + kBatchMessages);
    Bytes together;
    for (size_t at = from; at < end; ++at) {
      Message message(type, flags);
      put_route(message, routes[at]);
      message.get()->nlmsg_seq = ++sequence_;
      // Errors are told of every message; success is asked for of the last only.
      if (at + 1 != end) message.get()->nlmsg_flags &= static_cast<uint16_t>(~NLM_F_ACK);
      const ByteView bytes = message.view();
      together.insert(together.end(), bytes.begin(), bytes.end());
    }
    if (mnl_socket_sendto(socket_, together.data(), together.size()) < 0) {
      return failure(fmt::format("routes: {}", std::strerror(errno)));
    }
    auto done = acknowledged(sequence_, accepted_errno);
    if (!done && first) first = std::move(done);
  }
  return first;
}

// Reads until the answer to the message numbered `last`.
Result<void> Netlink::acknowledged(uint32_t last, int accepted_errno) {
  Result<void> first;
  std::array<char, kBufferSize> buffer{};
  while (true) {
    const ssize_t received = mnl_socket_recvfrom(socket_, buffer.data(), buffer.size());
    if (received < 0 && errno == EINTR) continue;
    if (received < 0) return failure(fmt::format("routes: {}", std::strerror(errno)));
    auto left = static_cast<int>(received);
    const auto* header = reinterpret_cast<const nlmsghdr*>(buffer.data());
    for (; mnl_nlmsg_ok(header, left); header = mnl_nlmsg_next(header, &left)) {
      if (header->nlmsg_type != NLMSG_ERROR) continue;
      const auto* answer = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(header));
      if (answer->error != 0 && -answer->error != accepted_errno && first) {
        first = failure(fmt::format("routes: {}", std::strerror(-answer->error)));
      }
      if (header->nlmsg_seq == last) return first;
    }
  }
}

Result<std::vector<Route>> Netlink::own_routes() {
  Message message(RTM_GETROUTE, NLM_F_DUMP);
  message.extra<rtmsg>()->rtm_family = AF_UNSPEC;
  message.get()->nlmsg_seq = ++sequence_;
  if (mnl_socket_sendto(socket_, message.get(), message.get()->nlmsg_len) < 0) {
    return failure(fmt::format("routes: {}", std::strerror(errno)));
  }
  std::vector<Route> found;
  std::vector<char> buffer(kDumpBufferSize);
  while (true) {
    const ssize_t size = mnl_socket_recvfrom(socket_, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return failure(fmt::format("routes: {}", std::strerror(errno)));
    const int result =
        mnl_cb_run(buffer.data(), static_cast<size_t>(size), sequence_, port_, take_route, &found);
    if (result < 0) return failure(fmt::format("routes: {}", std::strerror(errno)));
    if (result == 0) return found;
  }
}

Result<void> Netlink::rule(Do what, IpFamily family, const std::string& device, uint32_t table,
                           uint32_t priority) {
  const bool add = what == Do::Add;
  Message message(add ? RTM_NEWRULE : RTM_DELRULE,
                  add ? static_cast<uint16_t>(NLM_F_CREATE | NLM_F_EXCL) : uint16_t{0});
  auto* body = message.extra<fib_rule_hdr>();
  body->family = kernel_family(family);
  body->action = FR_ACT_TO_TBL;
  body->table = RT_TABLE_UNSPEC;
  message.put(FRA_IIFNAME, device);
  message.put(FRA_TABLE, table);
  message.put(FRA_PRIORITY, priority);
  return talk(message.get(), "rule for " + device, add ? EEXIST : ENOENT);
}

}  // namespace segw::platform::os
