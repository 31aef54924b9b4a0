#pragma once

// MIMP's UDP port, one per chassis: one socket for each source address, shared by all groups and
// domains that use it. A datagram goes to whoever listens for its addresses, its kind of group and
// the number that its header names as the receiver's.

#include <compare>
#include <functional>
#include <map>
#include <memory>

#include "base/counters.h"
#include "base/ip_address.h"
#include "base/result.h"
#include "mimp/mimp_wire.h"
#include "platform/platform.h"

namespace segw::mimp {

constexpr uint16_t kPort = 11030;  // UDP, base router; ours, not registered

// Between one group or domain here and one peer.
struct Channel {
  IpAddress local;
  IpAddress peer;
  GroupKind kind = GroupKind::Pair;
  uint16_t number = 0;  // of the group here, or of the domain
  auto operator<=>(const Channel&) const = default;
};

class Port {
 public:
  using Handler = std::function<void(ByteView datagram)>;

  // Destroyed, it listens no more; the last one of an address closes its socket. Lives no longer
  // than the port.
  class Line {
   public:
    Line(Port& port, Channel channel) : port_(port), channel_(channel) {}
    ~Line();
    Line(const Line&) = delete;
    Line& operator=(const Line&) = delete;
    void send(ByteView datagram);

   private:
    Port& port_;
    Channel channel_;
  };

  explicit Port(platform::Platform& platform) : platform_(platform) {}
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  // Error: the port is taken, the address is not ours, or somebody listens there already; one line.
  Result<std::unique_ptr<Line>> open(const Channel& channel, Handler handler);
  // Datagrams that nobody listens for, by reason: hello-bad-size, -address, -group.
  [[nodiscard]] const Counters& counters() const { return counters_; }

 private:
  struct Socket {
    std::unique_ptr<platform::DatagramSocket> socket;
    std::map<Channel, Handler> handlers;
  };
  void on_datagram(const IpAddress& local, const Endpoint& from, ByteView bytes);
  void close(const Channel& channel);

  platform::Platform& platform_;
  std::map<IpAddress, Socket> sockets_;  // by source address
  Counters counters_;
};

}  // namespace segw::mimp
