#include "esp/traffic_class.h"

#include <array>

#include "base/assert.h"
#include "esp/checksum.h"
#include "esp/ip_packet.h"

namespace segw::esp {
namespace {

constexpr uint8_t kDrop = 0xFF;
constexpr size_t kIpv4ChecksumAt = 10;

// RFC 6040, figure 4. Rows: inner; columns: outer; both in the order of the code points.
constexpr std::array<std::array<uint8_t, 4>, 4> kOutgoing{{
    //  Not-ECT         ECT(1)          ECT(0)          CE
    {{kEcnNotCapable, kEcnNotCapable, kEcnNotCapable, kDrop}},           // Not-ECT
    {{kEcnCapable1, kEcnCapable1, kEcnCapable1, kEcnCongestion}},        // ECT(1)
    {{kEcnCapable0, kEcnCapable1, kEcnCapable0, kEcnCongestion}},        // ECT(0)
    {{kEcnCongestion, kEcnCongestion, kEcnCongestion, kEcnCongestion}},  // CE
}};

}  // namespace

std::optional<uint8_t> ecn_after_decapsulation(uint8_t inner, uint8_t outer) {
  const uint8_t outgoing = kOutgoing.at(inner & kEcnMask).at(outer & kEcnMask);
  return outgoing == kDrop ? std::nullopt : std::optional(outgoing);
}

std::optional<uint8_t> class_after_decapsulation(uint8_t inner, uint8_t outer, Dscp dscp) {
  const auto ecn = ecn_after_decapsulation(inner, outer);
  if (!ecn) return std::nullopt;
  const uint8_t from = dscp == Dscp::CopyOuter ? outer : inner;
  return static_cast<uint8_t>((from & ~kEcnMask) | *ecn);
}

void set_traffic_class(Bytes& packet, uint8_t traffic_class) {
  SEGW_ASSERT(packet.size() >= kIpv4HeaderSize);
  if (packet[0] >> 4 == 4) {
    replace_covered(packet, 0, kIpv4ChecksumAt, 0,
                    static_cast<uint16_t>(packet[0] << 8 | traffic_class));
    return;
  }
  packet[0] = static_cast<uint8_t>((packet[0] & 0xF0) | traffic_class >> 4);
  packet[1] = static_cast<uint8_t>((packet[1] & 0x0F) | traffic_class << 4);
}

}  // namespace segw::esp
