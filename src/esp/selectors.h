#pragma once

#include "esp/child_sa.h"
#include "esp/ip_packet.h"

namespace segw::esp {

enum class Way : uint8_t { Inbound, Outbound };

// RFC 7296 3.13.1: start 65535, end 0 means that the ports are not there to be looked at.
[[nodiscard]] inline bool all_ports(const TrafficSelector& selector) {
  return selector.port_first == 0 && selector.port_last == 0xFFFF;
}
[[nodiscard]] inline bool opaque_ports(const TrafficSelector& selector) {
  return selector.port_first == 0xFFFF && selector.port_last == 0;
}

// RFC 4301 5.2 and 5.1: the packet's addresses, protocol and ports fit one pair of selectors. A
// packet without ports (a later fragment) fits only selectors of all ports, or opaque ones; one
// whose protocol is unknown, only selectors of all protocols.
[[nodiscard]] bool fits(const ChildSa& sa, const IpPacket& packet, Way way);

// True where a later fragment of whatever fits the SA fits it too.
[[nodiscard]] bool takes_fragments(const ChildSa& sa);

}  // namespace segw::esp
