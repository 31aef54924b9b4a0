#pragma once

// ICMP of both families as far as a gateway speaks it: echoes to its own addresses, packets that
// are too big, and what routers on the way to a client say of our own packets.

#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "esp/ip_packet.h"

namespace segw::esp {

// The echo reply to an ICMP or ICMPv6 echo request; nothing if `packet` is none.
std::optional<Bytes> echo_reply(const IpPacket& packet, uint16_t identification);

// RFC 4443 2.4 (e) and RFC 1122 3.2.2: no error about an error, a later fragment, or a packet whose
// source or destination does not name one host.
[[nodiscard]] bool may_be_told(const IpPacket& packet);

// To the source of `original`, from `from` (same family): fragmentation needed (RFC 1191) or packet
// too big (RFC 4443 3.2), with the MTU that would do.
Bytes packet_too_big(const IpAddress& from, const IpPacket& packet, ByteView original, size_t mtu,
                     uint16_t identification);

// What a packet too big says of an ESP packet of ours that it quotes.
struct TooBigReport {
  IpAddress source;       // of the quoted packet: us
  IpAddress destination;  // the client
  uint32_t spi = 0;
  uint32_t sequence = 0;
  size_t mtu = 0;
};
// Nothing unless the ICMP is whole and right, and quotes ESP far enough, raw or in UDP.
std::optional<TooBigReport> too_big_report(const IpPacket& packet);

}  // namespace segw::esp
