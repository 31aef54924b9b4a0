#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "esp/ip_packet.h"

namespace segw::esp {

// The fragments of a packet, each of at most `mtu` bytes (RFC 791 3.2, RFC 8200 4.5); itself if it
// is that small. Empty if it cannot be cut: an MTU too small, or IPv6 with a fragment header.
// IPv4's don't-fragment bit is cleared in them; whether that may be is the caller's matter.
// `identification` is used for IPv6; IPv4 packets have their own.
[[nodiscard]] std::vector<Bytes> fragments_of(const Bytes& packet, size_t mtu,
                                              uint32_t identification);

}  // namespace segw::esp
