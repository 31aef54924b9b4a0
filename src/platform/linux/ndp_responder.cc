#include "platform/linux/ndp_responder.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "esp/checksum.h"
#include "esp/ip_packet.h"
#include "platform/linux/announcements.h"
#include "wire/reader.h"
#include "wire/writer.h"

namespace segw::platform::os {
namespace {

constexpr uint8_t kSolicitation = 135;
constexpr uint8_t kAdvertisement = 136;
constexpr uint8_t kHopLimit = 255;  // RFC 4861 7.1: it came from this link
constexpr uint32_t kRouter = 0x80000000;
constexpr uint32_t kSolicited = 0x40000000;
constexpr uint32_t kOverride = 0x20000000;
constexpr uint8_t kTargetLinkLayerAddress = 2;
constexpr Mac kAllNodesMac{0x33, 0x33, 0, 0, 0, 1};
constexpr int kReceivesPerWakeup = 32;
constexpr size_t kFrameMax = 256;

IpAddress all_nodes() { return IpAddress::parse("ff02::1").value_or(IpAddress{}); }

// Everything else that passes the device is not even copied to us.
void only_solicitations(int fd) {
  std::array<sock_filter, 6> program{{
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, ETH_HLEN + 6),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMPV6, 0, 3),
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, ETH_HLEN + 40),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kSolicitation, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, kFrameMax),
      BPF_STMT(BPF_RET | BPF_K, 0),
  }};
  sock_fprog filter{.len = static_cast<unsigned short>(program.size()), .filter = program.data()};
  ::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter));
}

}  // namespace

std::optional<NeighbourSolicitation> decode_solicitation(ByteView frame) {
  wire::Reader in(frame);
  in.bytes(kAllNodesMac.size(), "destination-mac");
  NeighbourSolicitation found;
  const ByteView mac = in.bytes(found.sender_mac.size(), "source-mac");
  if (in.u16("type") != ETH_P_IPV6) in.refuse("type");
  if (!in.ok()) return std::nullopt;
  std::ranges::copy(mac, found.sender_mac.begin());
  const auto packet = esp::parse_ip(in.rest());
  // RFC 4861 7.1.1: hop limit 255, checksum, code 0, 24 bytes or more, no multicast target.
  if (!packet || packet->is_v4() || packet->fragment || packet->hop_limit != kHopLimit ||
      packet->protocol != esp::kProtocolIcmpv6) {
    return std::nullopt;
  }
  const uint32_t pseudo = esp::pseudo_header_sum(packet->source, packet->destination,
                                                 esp::kProtocolIcmpv6, packet->payload.size());
  if (esp::ones_sum(packet->payload, pseudo) != 0xFFFF) return std::nullopt;
  wire::Reader message(packet->payload);
  if (message.u8("type") != kSolicitation) message.refuse("type");
  if (message.u8("code") != 0) message.refuse("code");
  message.bytes(6, "reserved");
  found.sender = packet->source;
  found.target = IpAddress::from_bytes(message.bytes(16, "target")).value_or(IpAddress{});
  if (!message.ok() || found.target.is_v4() || found.target.bytes()[0] == 0xFF) return std::nullopt;
  return found;
}

Bytes encode_advertisement(const Mac& mac, const IpAddress& target, const Mac& to_mac,
                           const IpAddress& to) {
  const bool to_all = to.unspecified();
  const IpAddress destination = to_all ? all_nodes() : to;
  wire::Writer message;
  message.u8(kAdvertisement).u8(0).u16(0);
  message.u32(kRouter | kOverride | (to_all ? 0 : kSolicited)).bytes(target.bytes());
  message.u8(kTargetLinkLayerAddress).u8(1).bytes(mac);
  const uint32_t pseudo =
      esp::pseudo_header_sum(target, destination, esp::kProtocolIcmpv6, message.size());
  message.patch_u16(2, esp::checksum(esp::ones_sum(message.view(), pseudo)));
  wire::Writer frame;
  frame.bytes(to_all ? kAllNodesMac : to_mac).bytes(mac).u16(ETH_P_IPV6);
  frame.bytes(esp::ip_packet(esp::IpFields{.source = target,
                                           .destination = destination,
                                           .protocol = esp::kProtocolIcmpv6,
                                           .hop_limit = kHopLimit},
                             message.view()));
  return frame.take();
}

Result<std::unique_ptr<NdpResponder>> NdpResponder::open(Loop& loop, const NetworkNamespace& where,
                                                         const std::string& device) {
  int fd = -1;
  int groups = -1;
  int error = 0;
  ifreq request{};
  std::strncpy(request.ifr_name, device.c_str(), IFNAMSIZ - 1);
  unsigned index = 0;
  where.inside([&] {
    // Of no protocol until the filter is there.
    fd = ::socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    groups = ::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    index = if_nametoindex(device.c_str());
    if (fd < 0 || index == 0 || ::ioctl(fd, SIOCGIFHWADDR, &request) != 0) error = errno;
  });
  FileDescriptor owned(fd);
  if (error == 0) only_solicitations(fd);
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_IPV6);
  address.sll_ifindex = static_cast<int>(index);
  if (error == 0 && ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    error = errno;
  }
  FileDescriptor in_groups(groups);
  if (error != 0) {
    return failure(fmt::format("neighbour discovery on {}: {}", device, std::strerror(error)));
  }
  Mac mac{};
  std::memcpy(mac.data(), request.ifr_hwaddr.sa_data, mac.size());
  return std::unique_ptr<NdpResponder>(
      new NdpResponder(loop, owned.release(), std::move(in_groups), index, mac));
}

NdpResponder::NdpResponder(Loop& loop, int fd, FileDescriptor groups, unsigned device,
                           const Mac& mac)
    : loop_(loop), socket_(loop.io(), fd), groups_(std::move(groups)), device_(device), mac_(mac) {
  wait();
}

void NdpResponder::wait() {
  socket_.async_wait(asio::posix::stream_descriptor::wait_read,
                     [this, alive = alive_](const std::error_code& error) {
                       if (!*alive || error) return;
                       receive();
                       wait();
                     });
}

void NdpResponder::receive() {
  std::array<uint8_t, kFrameMax> frame{};
  for (int i = 0; i < kReceivesPerWakeup; ++i) {
    const ssize_t size = ::recv(socket_.native_handle(), frame.data(), frame.size(), 0);
    if (size <= 0) return;
    const auto asked = decode_solicitation(ByteView(frame).first(static_cast<size_t>(size)));
    if (!asked || std::ranges::find(addresses_, asked->target) == addresses_.end()) continue;
    send(encode_advertisement(mac_, asked->target, asked->sender_mac, asked->sender));
  }
}

void NdpResponder::send(const Bytes& frame) {
  [[maybe_unused]] const ssize_t sent =
      ::send(socket_.native_handle(), frame.data(), frame.size(), 0);
}

void NdpResponder::announce() {
  for (const IpAddress& address : addresses_) {
    send(encode_advertisement(mac_, address, kAllNodesMac,
                              IpAddress::from_bytes(Bytes(16)).value_or(IpAddress{})));
  }
}

void NdpResponder::set(std::vector<IpAddress> addresses) {
  if (addresses == addresses_) return;
  addresses_ = std::move(addresses);
  for (const IpAddress& address : addresses_) {
    // RFC 4291 2.7.1: ff02::1:ff and the last 24 bits. Being in it already is no error.
    ipv6_mreq group{.ipv6mr_multiaddr = {}, .ipv6mr_interface = device_};
    constexpr std::array<uint8_t, 13> kSolicitedNode{0xFF, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xFF};
    auto* bytes = group.ipv6mr_multiaddr.s6_addr;
    std::ranges::copy(kSolicitedNode, bytes);
    std::ranges::copy(address.bytes().last(3), bytes + kSolicitedNode.size());
    ::setsockopt(groups_.get(), IPPROTO_IPV6, IPV6_JOIN_GROUP, &group, sizeof(group));
  }
  const uint64_t generation = ++generation_;
  announce();
  for (const auto after : kAnnouncedAgainAfter) {
    loop_.at(loop_.now() + after, [this, generation, alive = alive_] {
      if (*alive && generation == generation_) announce();
    });
  }
}

}  // namespace segw::platform::os
