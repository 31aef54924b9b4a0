#pragma once

// The links between chassis: each direction has loss, duplication, delay with jitter (so also
// reordering), can be cut, and can be clogged (everything waits until the clog ends).

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/ip_address.h"
#include "sim/world.h"

namespace segw::sim {

using HostId = uint8_t;

struct LinkQuality {
  uint32_t loss_per_mille = 0;
  uint32_t duplicate_per_mille = 0;
  Duration delay_min = std::chrono::microseconds(200);
  Duration delay_max = std::chrono::microseconds(200);
};

class Network {
 public:
  explicit Network(World& world) : world_(world), rng_(world.stream("network")) {}

  HostId add(const IpAddress& address);
  void add_address(HostId host, const IpAddress& address) { hosts_.emplace(address, host); }
  [[nodiscard]] std::optional<HostId> find(const IpAddress& address) const;

  void set_quality(HostId from, HostId to, const LinkQuality& quality);
  void cut_one_way(HostId from, HostId to);
  void cut(HostId a, HostId b);
  void heal();  // every cut, and every link's quality
  void heal(HostId a, HostId b);
  void clog(HostId from, Duration length);

  [[nodiscard]] bool open(HostId from, HostId to) const { return !link(from, to).cut; }
  [[nodiscard]] bool two_way(HostId a, HostId b) const { return open(a, b) && open(b, a); }
  [[nodiscard]] bool lossy() const;  // any link
  // Until when this one was cut in either direction; zero: it never was.
  [[nodiscard]] Instant cut_until(HostId a, HostId b) const;
  // When a packet sent now arrives: not at all, once, or twice.
  std::vector<Instant> arrivals(HostId from, HostId to);
  // When the next bytes of a reliable stream arrive, retransmissions included (cuts are not).
  Instant stream_arrival(HostId from, HostId to);

  // Something was wrong at least until then: the last cut, clog, pause, crash or its end.
  void disturbed();
  [[nodiscard]] Instant disturbed_until() const;
  // The same, but a cut that lasts counts as it began.
  [[nodiscard]] Instant changed_until() const;

 private:
  struct Link {
    LinkQuality quality;
    bool cut = false;
    Instant clogged_until{};
    Instant cut_until{};  // the last cut that ended
  };
  [[nodiscard]] const Link& link(HostId from, HostId to) const { return links_[from][to]; }
  Duration delay(const Link& link);
  void heal(Link& link);

  World& world_;
  Rng rng_;
  std::map<IpAddress, HostId> hosts_;
  std::vector<std::vector<Link>> links_;
  Instant disturbed_{};
};

}  // namespace segw::sim
