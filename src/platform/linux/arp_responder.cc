#include "platform/linux/arp_responder.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "platform/linux/announcements.h"
#include "wire/reader.h"
#include "wire/writer.h"

namespace segw::platform::os {
namespace {

constexpr uint16_t kRequest = 1;
constexpr uint16_t kReply = 2;
constexpr std::array<uint8_t, 6> kBroadcast{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
constexpr int kReceivesPerWakeup = 32;

}  // namespace

Result<std::unique_ptr<ArpResponder>> ArpResponder::open(Loop& loop, const NetworkNamespace& where,
                                                         const std::string& device) {
  int fd = -1;
  int error = 0;
  ifreq request{};
  std::strncpy(request.ifr_name, device.c_str(), IFNAMSIZ - 1);
  unsigned index = 0;
  where.inside([&] {
    fd = ::socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, htons(ETH_P_ARP));
    index = if_nametoindex(device.c_str());
    if (fd < 0 || index == 0 || ::ioctl(fd, SIOCGIFHWADDR, &request) != 0) error = errno;
  });
  FileDescriptor owned(fd);
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ARP);
  address.sll_ifindex = static_cast<int>(index);
  if (error == 0 && ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    error = errno;
  }
  if (error != 0) return failure(fmt::format("ARP on {}: {}", device, std::strerror(error)));
  Mac mac{};
  std::memcpy(mac.data(), request.ifr_hwaddr.sa_data, mac.size());
  return std::unique_ptr<ArpResponder>(new ArpResponder(loop, owned.release(), mac));
}

ArpResponder::ArpResponder(Loop& loop, int fd, const Mac& mac)
    : loop_(loop), socket_(loop.io(), fd), mac_(mac) {
  wait();
}

void ArpResponder::wait() {
  socket_.async_wait(asio::posix::stream_descriptor::wait_read,
                     [this, alive = alive_](const std::error_code& error) {
                       if (!*alive || error) return;
                       receive();
                       wait();
                     });
}

void ArpResponder::receive() {
  std::array<uint8_t, 128> frame{};
  for (int i = 0; i < kReceivesPerWakeup; ++i) {
    const ssize_t size = ::recv(socket_.native_handle(), frame.data(), frame.size(), 0);
    if (size <= 0) return;
    wire::Reader in(ByteView(frame).first(static_cast<size_t>(size)));
    in.bytes(ETH_HLEN, "ethernet");
    const bool ethernet = in.u16("hardware") == ARPHRD_ETHER;
    const bool ipv4 = in.u16("protocol") == ETH_P_IP;
    in.u16("sizes");
    const uint16_t operation = in.u16("operation");
    Mac sender_mac{};
    std::ranges::copy(in.bytes(sender_mac.size(), "sender-mac"), sender_mac.begin());
    const auto sender = IpAddress::from_bytes(in.bytes(4, "sender"));
    in.bytes(sender_mac.size(), "target-mac");
    const auto target = IpAddress::from_bytes(in.bytes(4, "target"));
    if (!in.ok() || !ethernet || !ipv4 || !sender || !target) continue;
    // Both chassis act while they cannot hear each other. Neighbours stay with the one that said so
    // last instead of changing with every announcement.
    if (sender_mac != mac_ && std::ranges::find(addresses_, *sender) != addresses_.end()) {
      ++generation_;
    }
    if (operation != kRequest || *sender == *target) continue;  // an announcement asks nothing
    if (std::ranges::find(addresses_, *target) == addresses_.end()) continue;
    send(kReply, sender_mac, *target, *sender);
  }
}

void ArpResponder::send(uint16_t operation, const Mac& target_mac, const IpAddress& sender,
                        const IpAddress& target) {
  wire::Writer out;
  out.bytes(target_mac).bytes(mac_).u16(ETH_P_ARP);
  out.u16(ARPHRD_ETHER).u16(ETH_P_IP).u8(6).u8(4).u16(operation);
  out.bytes(mac_).bytes(sender.bytes()).bytes(target_mac).bytes(target.bytes());
  [[maybe_unused]] const ssize_t sent =
      ::send(socket_.native_handle(), out.view().data(), out.view().size(), 0);
}

void ArpResponder::announce() {
  // RFC 5227 3 calls it an ARP Announcement; older stacks learn from replies, so both are sent.
  for (const IpAddress& address : addresses_) {
    send(kRequest, kBroadcast, address, address);
    send(kReply, kBroadcast, address, address);
  }
}

void ArpResponder::set(std::vector<IpAddress> addresses) {
  if (addresses == addresses_) return;
  addresses_ = std::move(addresses);
  const uint64_t generation = ++generation_;
  announce();
  for (const auto after : kAnnouncedAgainAfter) {
    loop_.at(loop_.now() + after, [this, generation, alive = alive_] {
      if (*alive && generation == generation_) announce();
    });
  }
}

}  // namespace segw::platform::os
