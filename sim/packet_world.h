#pragma once

// The two networks around the chassis: clients reach the gateway address, and core hosts reach the
// clients, through the chassis that last announced the virtual next hop of that side.

#include <array>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "sim/network.h"
#include "sim/observer.h"

namespace segw::sim {

// A chassis as its neighbours in the service networks see it.
class NextHop {
 public:
  virtual ~NextHop() = default;
  [[nodiscard]] virtual bool answers_arp() const = 0;  // up, and holds the virtual next hop
  [[nodiscard]] virtual bool receives() const = 0;     // up
  virtual void receive(platform::Side side, Bytes packet) = 0;
};

class PacketWorld {
 public:
  using Sink = std::function<void(Bytes packet)>;
  explicit PacketWorld(World& world) : world_(world), rng_(world.stream("packets")) {}

  void add_chassis(NextHop& chassis) { chassis_.push_back(&chassis); }
  // Packets that come out of the public network to this address.
  void add_client(const IpAddress& address, Sink sink) { clients_[address] = std::move(sink); }
  void set_core(Sink sink) { core_ = std::move(sink); }
  void set_client_quality(const LinkQuality& quality);
  [[nodiscard]] bool client_link_bad() const { return client_quality_.loss_per_mille != 0; }
  // When it last became better; zero: it never was bad.
  [[nodiscard]] Instant client_link_mended() const { return client_link_mended_; }

  void announce(HostId host, platform::Side side);  // gratuitous ARP
  void send_to_gateway(const Bytes& packet);        // by a client
  void send_to_clients(Bytes packet);               // by the core network
  // By the core network, so many at once that of those for the client's access link one in 64
  // arrives.
  void overrun_client(const Bytes& packet, uint32_t count);
  void leave_chassis(platform::Side side, Bytes packet);

 private:
  struct Neighbour {
    std::optional<HostId> holder;
    std::optional<Instant> silent_since;
  };
  void enter_chassis(platform::Side side, Bytes packet);
  std::vector<Instant> client_arrivals();

  World& world_;
  Rng rng_;
  std::vector<NextHop*> chassis_;
  std::array<Neighbour, 2> neighbours_;
  std::map<IpAddress, Sink> clients_;
  Sink core_;
  bool overrun_ = false;  // what leaves for a client now is lost
  LinkQuality client_quality_{.delay_min = std::chrono::milliseconds(4),
                              .delay_max = std::chrono::milliseconds(5)};
  Instant client_link_mended_{};
};

}  // namespace segw::sim
