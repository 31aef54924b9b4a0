#pragma once

// IPv4 as far as a gateway needs it: bounded parsing, and headers of our own. IPv6 comes later.

#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/ip_address.h"

namespace segw::esp {

constexpr uint8_t kProtocolIcmp = 1;
constexpr uint8_t kProtocolIpv4 = 4;  // next header of an inner IPv4 packet
constexpr uint8_t kProtocolTcp = 6;
constexpr uint8_t kProtocolUdp = 17;
constexpr uint8_t kProtocolEsp = 50;
constexpr uint8_t kProtocolDummy = 59;  // RFC 4303 2.6

constexpr size_t kIpv4HeaderSize = 20;
constexpr size_t kUdpHeaderSize = 8;

struct Ipv4Packet {
  IpAddress source;
  IpAddress destination;
  uint8_t protocol = 0;
  uint8_t tos = 0;
  uint8_t ttl = 0;
  bool dont_fragment = false;
  bool fragment = false;       // any but a whole packet
  bool first_fragment = true;  // ports are there
  ByteView payload;            // cut to the total length
};

// Nothing unless the version, header length, total length and header checksum are right.
std::optional<Ipv4Packet> parse_ipv4(ByteView bytes);

struct Ipv4Fields {
  IpAddress source;
  IpAddress destination;
  uint8_t protocol = 0;
  uint8_t tos = 0;
  uint16_t identification = 0;
  bool dont_fragment = false;
};
// A header of 20 bytes, TTL 64, for a payload of `payload_size` bytes.
Bytes ipv4_header(const Ipv4Fields& fields, size_t payload_size);

// A whole packet: IPv4, UDP with checksum, payload.
Bytes udp_packet(const Endpoint& from, const Endpoint& to, uint16_t identification,
                 ByteView payload);

struct UdpDatagram {
  uint16_t source_port = 0;
  uint16_t destination_port = 0;
  ByteView payload;
};
std::optional<UdpDatagram> parse_udp(ByteView bytes);

// The echo reply to an ICMP echo request; nothing if `packet` is none.
std::optional<Bytes> echo_reply(const Ipv4Packet& packet, uint16_t identification);

// RFC 1191: ICMP destination unreachable, fragmentation needed, from `from`, quoting `original`.
Bytes fragmentation_needed(const IpAddress& from, const Ipv4Packet& packet, ByteView original,
                           uint16_t mtu, uint16_t identification);

// Ports of a TCP or UDP packet, if they are in it.
struct Ports {
  uint16_t source = 0;
  uint16_t destination = 0;
};
std::optional<Ports> ports_of(const Ipv4Packet& packet);

}  // namespace segw::esp
