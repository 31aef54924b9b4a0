#pragma once

#include "esp/child_sa.h"
#include "esp/ip_packet.h"

namespace segw::esp {

enum class Way : uint8_t { Inbound, Outbound };

// RFC 4301 5.2 and 5.1: the packet's addresses, protocol and ports fit one pair of selectors. A
// packet without ports (a later fragment) fits only selectors of all ports.
[[nodiscard]] bool fits(const ChildSa& sa, const Ipv4Packet& packet, Way way);

}  // namespace segw::esp
