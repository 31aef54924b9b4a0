#pragma once

#include <cstdint>

#include "base/time.h"

namespace segw::esp {

// So many ICMP errors in an interval, for one SA.
struct IcmpLimit {
  uint16_t count = 100;  // 0: none
  Duration interval = std::chrono::seconds(10);
  auto operator<=>(const IcmpLimit&) const = default;
};

// How a tunnel treats packets beside protecting them: what its operator chose, of this chassis
// alone. Not negotiated and not part of an SA's record: the other chassis has its own.
struct TunnelOptions {
  bool clear_df_bit = false;
  bool copy_traffic_class = false;  // copy-traffic-class-upon-decapsulation
  bool propagate_pmtu_v4 = true;    // hosts inside are told what was learnt of the path outside
  bool propagate_pmtu_v6 = true;
  uint16_t ip_mtu = 0;               // of inner packets; 0: what fits outside
  uint16_t encapsulated_ip_mtu = 0;  // of outer packets; 0: what the interface has
  Duration pmtu_aging = std::chrono::seconds(900);
  uint16_t public_tcp_mss = 0;  // for SYNs that come out of the tunnel; 0: left alone
  bool public_tcp_mss_auto = false;
  uint16_t private_tcp_mss = 0;  // for SYNs that go into it
  Duration nat_keep_alive{};     // after so much silence of ours; zero: none
  IcmpLimit icmp_v4;             // icmp-generation, icmp6-generation: packets too big
  IcmpLimit icmp_v6;
  auto operator<=>(const TunnelOptions&) const = default;
};

}  // namespace segw::esp
