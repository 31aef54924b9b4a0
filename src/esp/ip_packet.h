#pragma once

// IPv4 and IPv6 as far as a gateway needs them: bounded parsing, and headers of our own.

#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/ip_address.h"

namespace segw::esp {

constexpr uint8_t kProtocolIcmp = 1;
constexpr uint8_t kProtocolIpv4 = 4;  // next header of an inner IPv4 packet
constexpr uint8_t kProtocolTcp = 6;
constexpr uint8_t kProtocolUdp = 17;
constexpr uint8_t kProtocolIpv6 = 41;  // next header of an inner IPv6 packet
constexpr uint8_t kProtocolFragment = 44;
constexpr uint8_t kProtocolEsp = 50;
constexpr uint8_t kProtocolIcmpv6 = 58;
constexpr uint8_t kProtocolDummy = 59;  // RFC 4303 2.6; in IPv6: no next header
constexpr uint8_t kProtocolMobility = 135;

constexpr size_t kIpv4HeaderSize = 20;
constexpr size_t kIpv6HeaderSize = 40;
constexpr size_t kFragmentHeaderSize = 8;
constexpr size_t kUdpHeaderSize = 8;
constexpr size_t kIpv4MtuMin = 68;    // RFC 791: every link carries it whole
constexpr size_t kIpv6MtuMin = 1280;  // RFC 8200 5
constexpr size_t kIpSizeMax = 65535;  // of what follows a header of IPv6, and of all of IPv4
constexpr size_t kExtensionsMax = 8;  // IPv6 extension headers that we go through
constexpr uint8_t kHopLimit = 64;     // of packets that begin here

struct IpPacket {
  IpAddress source;
  IpAddress destination;
  // Of `payload`, behind every IPv6 extension header. A later fragment may begin with more of
  // them: then nobody knows the protocol.
  uint8_t protocol = 0;
  bool protocol_known = true;
  uint8_t traffic_class = 0;  // DSCP and ECN
  uint8_t hop_limit = 0;
  bool dont_fragment = false;  // always in IPv6
  bool fragment = false;       // any but a whole packet (RFC 6946: an atomic fragment is whole)
  bool more_fragments = false;
  size_t fragment_offset = 0;  // bytes
  uint32_t identification = 0;
  // What fragments carry the parts of, and the protocol that it begins with. IPv4: the payload.
  ByteView fragmentable;
  uint8_t fragmentable_protocol = 0;
  size_t size = 0;   // of the packet; bytes behind it are not part of it
  ByteView payload;  // of `protocol`

  [[nodiscard]] bool is_v4() const { return source.is_v4(); }
  [[nodiscard]] bool first_fragment() const { return fragment_offset == 0; }
};

// Nothing unless version, lengths, IPv4's header checksum and IPv6's extension headers are right.
std::optional<IpPacket> parse_ip(ByteView bytes);

struct IpFields {
  IpAddress source;  // its family says which header
  IpAddress destination;
  uint8_t protocol = 0;
  uint8_t traffic_class = 0;
  uint16_t identification = 0;  // IPv4 only
  bool dont_fragment = false;   // IPv4 only
  uint8_t hop_limit = kHopLimit;
};
[[nodiscard]] size_t ip_header_size(IpFamily family);
// For a payload of `payload_size` bytes, which must fit.
Bytes ip_header(const IpFields& fields, size_t payload_size);
Bytes ip_packet(const IpFields& fields, ByteView payload);

// A whole packet: IP, UDP with checksum, payload.
Bytes udp_packet(const Endpoint& from, const Endpoint& to, uint16_t identification,
                 ByteView payload);
// The UDP header of `payload`, which follows in one piece or two, with its checksum.
Bytes udp_header(const Endpoint& from, const Endpoint& to, ByteView payload);

struct UdpDatagram {
  uint16_t source_port = 0;
  uint16_t destination_port = 0;
  bool has_checksum = false;
  ByteView payload;
};
// The lengths are right; the checksum is not looked at.
std::optional<UdpDatagram> parse_udp(ByteView bytes);
// Right, or absent where IP version 4 allows it.
[[nodiscard]] bool udp_checksum_right(const IpPacket& packet);

// The selector values of a packet's ports (RFC 4301 4.4.1.1), if they are in it. ICMP has a type
// and code, a mobility header a type, in place of the sender's.
struct Ports {
  uint16_t source = 0;
  std::optional<uint16_t> destination;
};
std::optional<Ports> ports_of(const IpPacket& packet);

}  // namespace segw::esp
