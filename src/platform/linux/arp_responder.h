#pragma once

// Answers ARP for an address that the kernel does not own, and announces it: the virtual next hop
// of an acting chassis. A chassis that dies stops answering at once (docs/decisions/0020).

#include <array>
#include <asio/posix/stream_descriptor.hpp>
#include <vector>

#include "platform/linux/loop.h"
#include "platform/linux/network_namespace.h"

namespace segw::platform::os {

class ArpResponder {
 public:
  static Result<std::unique_ptr<ArpResponder>> open(Loop& loop, const NetworkNamespace& where,
                                                    const std::string& device);
  ~ArpResponder() { *alive_ = false; }
  // The addresses answered for; new ones are announced at once, and again at times for 16 s, or
  // until another host announces one of them.
  void set(std::vector<IpAddress> addresses);

 private:
  using Mac = std::array<uint8_t, 6>;
  ArpResponder(Loop& loop, int fd, const Mac& mac);
  void wait();
  void receive();
  void announce();
  void send(uint16_t operation, const Mac& target_mac, const IpAddress& sender,
            const IpAddress& target);

  Loop& loop_;
  asio::posix::stream_descriptor socket_;
  Mac mac_;
  std::vector<IpAddress> addresses_;
  uint64_t generation_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace segw::platform::os
