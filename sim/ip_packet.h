#pragma once

// IPv4 and IPv6 packets of the simulated networks, without options or extension headers. Written
// apart from the ISA's own parser, so that one does not hide the other's mistakes.

#include <optional>

#include "base/bytes.h"
#include "base/ip_address.h"

namespace segw::sim {

constexpr uint8_t kProtocolUdp = 17;
constexpr uint8_t kProtocolEsp = 50;

struct IpPacket {
  IpAddress source;
  IpAddress destination;
  uint8_t protocol = 0;
  uint8_t ttl = 64;
  Bytes payload;
};
struct UdpDatagram {
  Endpoint source;
  Endpoint destination;
  Bytes payload;
};
// An ESP packet, raw or UDP-encapsulated, as it is on a wire.
struct EspOnWire {
  uint32_t spi = 0;
  uint32_t sequence = 0;
  ByteView bytes;  // from the SPI on; a view into the packet
};
struct IkeOnWire {
  ByteView bytes;  // from the IKE header on
};

Bytes encode(const IpPacket& packet);
std::optional<IpPacket> decode_ip(ByteView bytes);
Bytes encode(const UdpDatagram& datagram);
std::optional<UdpDatagram> decode_udp(const IpPacket& packet);
// The payload of a UDP datagram that decode_ip() and decode_udp() would take; a view into it.
std::optional<ByteView> udp_payload_of(ByteView packet);
std::optional<IpAddress> destination_of(ByteView packet);
std::optional<IpAddress> source_of(ByteView packet);
// False if the TTL ran out.
bool spend_ttl(Bytes& packet);

std::optional<EspOnWire> esp_of(ByteView packet);
std::optional<IkeOnWire> ike_of(ByteView packet);

}  // namespace segw::sim
