#pragma once

// DSCP and ECN across a tunnel: RFC 4301 5.1.2 and RFC 6040.

#include <cstdint>
#include <optional>

#include "base/bytes.h"

namespace segw::esp {

constexpr uint8_t kEcnMask = 3;
constexpr uint8_t kEcnNotCapable = 0;
constexpr uint8_t kEcnCapable1 = 1;
constexpr uint8_t kEcnCapable0 = 2;
constexpr uint8_t kEcnCongestion = 3;

// RFC 6040 4.2, figure 4: the outgoing ECN field of a packet whose inner and outer fields were
// these. Nothing: the packet must be dropped.
[[nodiscard]] std::optional<uint8_t> ecn_after_decapsulation(uint8_t inner, uint8_t outer);

// Whose DSCP a decapsulated packet carries on (RFC 4301 5.1.2: configurable; the inner's).
enum class Dscp : uint8_t { KeepInner, CopyOuter };
// The traffic class of a decapsulated packet; nothing: drop it.
[[nodiscard]] std::optional<uint8_t> class_after_decapsulation(uint8_t inner, uint8_t outer,
                                                               Dscp dscp);

// Writes the traffic class of a packet that has been parsed; IPv4's checksum follows.
void set_traffic_class(Bytes& packet, uint8_t traffic_class);

}  // namespace segw::esp
