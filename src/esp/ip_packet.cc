#include "esp/ip_packet.h"

#include "base/assert.h"
#include "esp/checksum.h"
#include "wire/reader.h"
#include "wire/writer.h"

namespace segw::esp {
namespace {

constexpr uint16_t kDontFragment = 0x4000;
constexpr uint16_t kMoreFragmentsV4 = 0x2000;
constexpr uint16_t kOffsetMaskV4 = 0x1FFF;
constexpr uint16_t kMoreFragmentsV6 = 1;
constexpr uint16_t kOffsetMaskV6 = 0xFFF8;

constexpr uint8_t kHopByHop = 0;
constexpr uint8_t kRouting = 43;
constexpr uint8_t kDestinationOptions = 60;
constexpr uint8_t kSctp = 132;
constexpr uint8_t kDccp = 33;
constexpr uint8_t kUdpLite = 136;

bool is_extension(uint8_t protocol) {
  return protocol == kHopByHop || protocol == kRouting || protocol == kProtocolFragment ||
         protocol == kDestinationOptions;
}

IpAddress address_at(ByteView bytes, size_t at, size_t size) {
  return IpAddress::from_bytes(bytes.subspan(at, size)).value_or(IpAddress{});
}

std::optional<IpPacket> parse_ipv4(ByteView bytes) {
  if (bytes.size() < kIpv4HeaderSize) return std::nullopt;
  const size_t header_size = size_t{bytes[0] & 0xFU} * 4;
  const size_t total = size_t{bytes[2]} << 8 | bytes[3];
  if (header_size < kIpv4HeaderSize || total < header_size || total > bytes.size()) {
    return std::nullopt;
  }
  if (ones_sum(bytes.first(header_size)) != 0xFFFF) return std::nullopt;
  const auto flags = static_cast<uint16_t>(bytes[6] << 8 | bytes[7]);
  IpPacket packet;
  packet.source = address_at(bytes, 12, 4);
  packet.destination = address_at(bytes, 16, 4);
  packet.protocol = packet.fragmentable_protocol = bytes[9];
  packet.traffic_class = bytes[1];
  packet.hop_limit = bytes[8];
  packet.dont_fragment = (flags & kDontFragment) != 0;
  packet.more_fragments = (flags & kMoreFragmentsV4) != 0;
  packet.fragment_offset = static_cast<size_t>(flags & kOffsetMaskV4) * 8;
  packet.fragment = packet.more_fragments || packet.fragment_offset != 0;
  packet.identification = static_cast<uint32_t>(bytes[4] << 8 | bytes[5]);
  packet.size = total;
  packet.payload = packet.fragmentable = bytes.subspan(header_size, total - header_size);
  if (packet.fragment_offset + packet.payload.size() > kIpSizeMax) return std::nullopt;
  return packet;
}

// Goes through the extension headers of `packet`, whose payload begins with the first of them.
bool skip_extensions(IpPacket& packet) {
  bool fragment_seen = false;
  for (size_t count = 0; is_extension(packet.protocol); ++count) {
    if (count == kExtensionsMax) return false;
    // RFC 8200 4.1: hop-by-hop options come "immediately following an IPv6 header" only.
    if (packet.protocol == kHopByHop && count != 0) return false;
    wire::Reader in(packet.payload);
    const uint8_t next = in.u8("next-header");
    if (packet.protocol == kProtocolFragment) {
      if (fragment_seen) return false;
      fragment_seen = true;
      in.u8("reserved");
      const uint16_t offset = in.u16("fragment-offset");
      packet.identification = in.u32("identification");
      packet.fragment_offset = offset & kOffsetMaskV6;
      packet.more_fragments = (offset & kMoreFragmentsV6) != 0;
      packet.fragment = packet.more_fragments || packet.fragment_offset != 0;
    } else {
      const size_t size = (size_t{in.u8("extension-length")} + 1) * 8;
      const uint8_t routing_type = in.u8("routing-type");
      const uint8_t segments_left = in.u8("segments-left");
      // RFC 5095 3: a type 0 routing header with segments left is not processed, and what hides
      // its destination from the policy goes nowhere.
      if (packet.protocol == kRouting && routing_type == 0 && segments_left != 0) return false;
      in.bytes(in.ok() ? size - 4 : 0, "extension");
    }
    if (!in.ok()) return false;
    const bool is_fragment_header = packet.protocol == kProtocolFragment;
    packet.protocol = next;
    packet.payload = in.rest();
    if (!is_fragment_header) continue;
    // RFC 8200 4.5: what goes beyond 65,535 bytes is no part of a packet.
    if (packet.fragment_offset + packet.payload.size() > kIpSizeMax) return false;
    packet.fragmentable = packet.payload;
    packet.fragmentable_protocol = next;
    if (packet.fragment_offset == 0) continue;
    packet.protocol_known = !is_extension(next);
    return true;
  }
  return true;
}

std::optional<IpPacket> parse_ipv6(ByteView bytes) {
  if (bytes.size() < kIpv6HeaderSize) return std::nullopt;
  const size_t total = kIpv6HeaderSize + (size_t{bytes[4]} << 8 | bytes[5]);
  if (total > bytes.size()) return std::nullopt;
  IpPacket packet;
  packet.source = address_at(bytes, 8, 16);
  packet.destination = address_at(bytes, 24, 16);
  packet.traffic_class = static_cast<uint8_t>(bytes[0] << 4 | bytes[1] >> 4);
  packet.hop_limit = bytes[7];
  packet.dont_fragment = true;
  packet.size = total;
  packet.protocol = packet.fragmentable_protocol = bytes[6];
  packet.payload = packet.fragmentable = bytes.subspan(kIpv6HeaderSize, total - kIpv6HeaderSize);
  // RFC 7112 5: "The first fragment MUST include the entire IPv6 header chain": one that does not
  // ends its bytes before the chain, and is refused with the rest.
  if (!skip_extensions(packet)) return std::nullopt;
  return packet;
}

uint16_t u16_at(ByteView bytes, size_t at) {
  return static_cast<uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

}  // namespace

std::optional<IpPacket> parse_ip(ByteView bytes) {
  if (bytes.empty()) return std::nullopt;
  switch (bytes[0] >> 4) {
    case 4:
      return parse_ipv4(bytes);
    case 6:
      return parse_ipv6(bytes);
    default:
      return std::nullopt;
  }
}

size_t ip_header_size(IpFamily family) {
  return family == IpFamily::V4 ? kIpv4HeaderSize : kIpv6HeaderSize;
}

Bytes ip_header(const IpFields& fields, size_t payload_size) {
  SEGW_ASSERT(fields.source.family() == fields.destination.family());
  wire::Writer out;
  if (!fields.source.is_v4()) {
    SEGW_ASSERT(payload_size <= kIpSizeMax);
    out.u32(6U << 28 | uint32_t{fields.traffic_class} << 20);
    out.u16(static_cast<uint16_t>(payload_size)).u8(fields.protocol).u8(fields.hop_limit);
    out.bytes(fields.source.bytes()).bytes(fields.destination.bytes());
    return out.take();
  }
  SEGW_ASSERT(kIpv4HeaderSize + payload_size <= kIpSizeMax);
  out.u8(0x45).u8(fields.traffic_class);
  out.u16(static_cast<uint16_t>(kIpv4HeaderSize + payload_size));
  out.u16(fields.identification).u16(fields.dont_fragment ? kDontFragment : uint16_t{0});
  out.u8(fields.hop_limit).u8(fields.protocol).u16(0);
  out.bytes(fields.source.bytes()).bytes(fields.destination.bytes());
  out.patch_u16(10, checksum(ones_sum(out.view())));
  return out.take();
}

Bytes ip_packet(const IpFields& fields, ByteView payload) {
  Bytes packet = ip_header(fields, payload.size());
  append(packet, payload);
  return packet;
}

Bytes udp_header(const Endpoint& from, const Endpoint& to, ByteView payload) {
  const size_t size = kUdpHeaderSize + payload.size();
  wire::Writer udp;
  udp.u16(from.port).u16(to.port).u16(static_cast<uint16_t>(size)).u16(0);
  const uint32_t head =
      ones_sum(udp.view(), pseudo_header_sum(from.address, to.address, kProtocolUdp, size));
  const uint16_t computed = checksum(ones_sum(payload, head));
  udp.patch_u16(6, computed == 0 ? uint16_t{0xFFFF} : computed);
  return udp.take();
}

Bytes udp_packet(const Endpoint& from, const Endpoint& to, uint16_t identification,
                 ByteView payload) {
  Bytes udp = udp_header(from, to, payload);
  append(udp, payload);
  return ip_packet(IpFields{.source = from.address,
                            .destination = to.address,
                            .protocol = kProtocolUdp,
                            .identification = identification},
                   udp);
}

std::optional<UdpDatagram> parse_udp(ByteView bytes) {
  wire::Reader in(bytes);
  UdpDatagram datagram;
  datagram.source_port = in.u16("source-port");
  datagram.destination_port = in.u16("destination-port");
  const uint16_t size = in.u16("length");
  datagram.has_checksum = in.u16("checksum") != 0;
  if (!in.ok() || size < kUdpHeaderSize || size > bytes.size()) return std::nullopt;
  datagram.payload = bytes.subspan(kUdpHeaderSize, size - kUdpHeaderSize);
  return datagram;
}

bool udp_checksum_right(const IpPacket& packet) {
  if (packet.payload.size() < kUdpHeaderSize) return false;
  const size_t size = u16_at(packet.payload, 4);
  if (size < kUdpHeaderSize || size > packet.payload.size()) return false;
  // RFC 768: "An all zero transmitted checksum value means that the transmitter generated no
  // checksum". RFC 8200 8.1: over IPv6 such packets are discarded.
  if (u16_at(packet.payload, 6) == 0) return packet.is_v4();
  const uint32_t pseudo = pseudo_header_sum(packet.source, packet.destination, kProtocolUdp, size);
  return ones_sum(packet.payload.first(size), pseudo) == 0xFFFF;
}

std::optional<Ports> ports_of(const IpPacket& packet) {
  if (!packet.first_fragment()) return std::nullopt;
  const ByteView at = packet.payload;
  switch (packet.protocol) {
    case kProtocolTcp:
    case kProtocolUdp:
    case kSctp:
    case kDccp:
    case kUdpLite:
      if (at.size() < 4) return std::nullopt;
      return Ports{.source = u16_at(at, 0), .destination = u16_at(at, 2)};
    case kProtocolIcmp:
    case kProtocolIcmpv6:
      if (at.size() < 2) return std::nullopt;
      return Ports{.source = u16_at(at, 0), .destination = std::nullopt};
    case kProtocolMobility:
      // RFC 4301 4.4.1.1: the type "must be placed in the most significant 8 bits" of the port.
      if (at.size() < 3) return std::nullopt;
      return Ports{.source = static_cast<uint16_t>(at[2] << 8), .destination = std::nullopt};
    default:
      return std::nullopt;
  }
}

}  // namespace segw::esp
