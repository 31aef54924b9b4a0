#pragma once

// The Internet checksum (RFC 1071) and what follows it through a change (RFC 1624).

#include <cstdint>

#include "base/bytes.h"
#include "base/ip_address.h"

namespace segw::esp {

// One's complement sum of 16-bit words, folded. A right block, checksum included, gives 0xFFFF.
[[nodiscard]] uint32_t ones_sum(ByteView bytes, uint32_t start = 0);
[[nodiscard]] inline uint16_t checksum(uint32_t sum) { return static_cast<uint16_t>(~sum); }
// Of the pseudo header of UDP, TCP and ICMPv6, either family.
[[nodiscard]] uint32_t pseudo_header_sum(const IpAddress& source, const IpAddress& destination,
                                         uint8_t protocol, size_t size);

// Writes `value` at `at` of `block`, and mends the checksum at `checksum_at`, which covers it from
// `begin` on. RFC 1624.
void replace_covered(MutableBytes block, size_t begin, size_t checksum_at, size_t at,
                     uint16_t value);

}  // namespace segw::esp
