#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace segw {

// An integer that cannot be taken for another one. `value` is public: these are plain data.
template <typename Tag, typename Integer>
struct StrongId {
  Integer value{};
  auto operator<=>(const StrongId&) const = default;
};

using TunnelGroupId = StrongId<struct TunnelGroupTag, uint16_t>;  // 1..64
using Spi = StrongId<struct SpiTag, uint32_t>;                    // ESP SPI, 256..2^32-1
using IkeSpi = StrongId<struct IkeSpiTag, uint64_t>;              // IKE SPI, never 0 on our side
using Slot = StrongId<struct SlotTag, uint8_t>;                   // 0..3, redundancy rule 13
using DomainId = StrongId<struct DomainTag, uint16_t>;            // 1..255
using PeerIndex = StrongId<struct PeerIndexTag, uint8_t>;         // place in a group's list, 0..2
using Activation = StrongId<struct ActivationTag, uint64_t>;  // Lamport number, rule 2; 0 = none

// An ISA's place, printed slot/mda (`1/2`).
struct IsaId {
  uint8_t slot{};
  uint8_t mda{};
  auto operator<=>(const IsaId&) const = default;
};

}  // namespace segw

template <typename Tag, typename Integer>
// NOLINTNEXTLINE(cert-dcl58-cpp): for a type of ours, as [namespace.std] allows
struct std::hash<segw::StrongId<Tag, Integer>> {
  size_t operator()(const segw::StrongId<Tag, Integer>& id) const noexcept {
    return std::hash<Integer>{}(id.value);
  }
};
