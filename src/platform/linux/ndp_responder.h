#pragma once

// ArpResponder's twin for IPv6: answers neighbour solicitations for an address that the kernel does
// not own, and announces it by unsolicited advertisements (RFC 4861 7.2.4, 7.2.6).

#include <array>
#include <asio/posix/stream_descriptor.hpp>
#include <optional>
#include <vector>

#include "platform/linux/file_descriptor.h"
#include "platform/linux/loop.h"
#include "platform/linux/network_namespace.h"

namespace segw::platform::os {

using Mac = std::array<uint8_t, 6>;

// A neighbour solicitation that is right (RFC 4861 7.1.1).
struct NeighbourSolicitation {
  Mac sender_mac{};
  IpAddress sender;  // :: while the sender detects duplicates
  IpAddress target;
};
std::optional<NeighbourSolicitation> decode_solicitation(ByteView frame);

// A frame that says `mac` has `target`; to `to`, or to all nodes where that is ::.
Bytes encode_advertisement(const Mac& mac, const IpAddress& target, const Mac& to_mac,
                           const IpAddress& to);

class NdpResponder {
 public:
  static Result<std::unique_ptr<NdpResponder>> open(Loop& loop, const NetworkNamespace& where,
                                                    const std::string& device);
  ~NdpResponder() { *alive_ = false; }
  // The addresses answered for; new ones are announced at once, and again at times for 16 s.
  void set(std::vector<IpAddress> addresses);

 private:
  NdpResponder(Loop& loop, int fd, FileDescriptor groups, unsigned device, const Mac& mac);
  void wait();
  void receive();
  void announce();
  void send(const Bytes& frame);

  Loop& loop_;
  asio::posix::stream_descriptor socket_;
  FileDescriptor groups_;  // is in the solicited-node groups, for the device's filter and switches
  unsigned device_;
  Mac mac_;
  std::vector<IpAddress> addresses_;
  uint64_t generation_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace segw::platform::os
