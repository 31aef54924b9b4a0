#include "esp/ip_packet.h"

#include <algorithm>

#include "wire/reader.h"
#include "wire/writer.h"

namespace segw::esp {
namespace {

constexpr uint16_t kDontFragment = 0x4000;
constexpr uint16_t kMoreFragments = 0x2000;
constexpr uint16_t kOffsetMask = 0x1FFF;
constexpr uint8_t kTtl = 64;
constexpr uint8_t kEchoRequest = 8;
constexpr uint8_t kEchoReply = 0;
constexpr uint8_t kUnreachable = 3;
constexpr uint8_t kFragmentationNeeded = 4;

uint32_t sum(ByteView bytes, uint32_t start = 0) {
  uint64_t total = start;
  for (size_t i = 0; i + 1 < bytes.size(); i += 2) total += uint32_t{bytes[i]} << 8 | bytes[i + 1];
  if (bytes.size() % 2 != 0) total += uint32_t{bytes.back()} << 8;
  while (total > 0xFFFF) total = (total & 0xFFFF) + (total >> 16);
  return static_cast<uint32_t>(total);
}

uint16_t checksum(uint32_t total) { return static_cast<uint16_t>(~total & 0xFFFF); }

Bytes with_header(const Ipv4Fields& fields, ByteView payload) {
  Bytes packet = ipv4_header(fields, payload.size());
  append(packet, payload);
  return packet;
}

}  // namespace

std::optional<Ipv4Packet> parse_ipv4(ByteView bytes) {
  if (bytes.size() < kIpv4HeaderSize || bytes[0] >> 4 != 4) return std::nullopt;
  const size_t header_size = size_t{bytes[0] & 0xFU} * 4;
  const size_t total = size_t{bytes[2]} << 8 | bytes[3];
  if (header_size < kIpv4HeaderSize || total < header_size || total > bytes.size()) {
    return std::nullopt;
  }
  if (sum(bytes.first(header_size)) != 0xFFFF) return std::nullopt;
  const auto flags = static_cast<uint16_t>(bytes[6] << 8 | bytes[7]);
  Ipv4Packet packet;
  packet.source = IpAddress::from_bytes(bytes.subspan(12, 4)).value_or(IpAddress{});
  packet.destination = IpAddress::from_bytes(bytes.subspan(16, 4)).value_or(IpAddress{});
  packet.protocol = bytes[9];
  packet.tos = bytes[1];
  packet.ttl = bytes[8];
  packet.dont_fragment = (flags & kDontFragment) != 0;
  packet.fragment = (flags & (kMoreFragments | kOffsetMask)) != 0;
  packet.first_fragment = (flags & kOffsetMask) == 0;
  packet.payload = bytes.subspan(header_size, total - header_size);
  return packet;
}

Bytes ipv4_header(const Ipv4Fields& fields, size_t payload_size) {
  wire::Writer out;
  out.u8(0x45).u8(fields.tos).u16(static_cast<uint16_t>(kIpv4HeaderSize + payload_size));
  out.u16(fields.identification).u16(fields.dont_fragment ? kDontFragment : uint16_t{0});
  out.u8(kTtl).u8(fields.protocol).u16(0);
  out.bytes(fields.source.bytes()).bytes(fields.destination.bytes());
  out.patch_u16(10, checksum(sum(out.view())));
  return out.take();
}

Bytes udp_packet(const Endpoint& from, const Endpoint& to, uint16_t identification,
                 ByteView payload) {
  const auto size = static_cast<uint16_t>(kUdpHeaderSize + payload.size());
  wire::Writer udp;
  udp.u16(from.port).u16(to.port).u16(size).u16(0).bytes(payload);
  wire::Writer pseudo;
  pseudo.bytes(from.address.bytes()).bytes(to.address.bytes()).u8(0).u8(kProtocolUdp).u16(size);
  const uint16_t computed = checksum(sum(udp.view(), sum(pseudo.view())));
  udp.patch_u16(6, computed == 0 ? uint16_t{0xFFFF} : computed);
  return with_header(Ipv4Fields{.source = from.address,
                                .destination = to.address,
                                .protocol = kProtocolUdp,
                                .identification = identification},
                     udp.view());
}

std::optional<UdpDatagram> parse_udp(ByteView bytes) {
  wire::Reader in(bytes);
  UdpDatagram datagram;
  datagram.source_port = in.u16("source-port");
  datagram.destination_port = in.u16("destination-port");
  const uint16_t size = in.u16("length");
  in.u16("checksum");
  if (!in.ok() || size < kUdpHeaderSize || size > bytes.size()) return std::nullopt;
  datagram.payload = bytes.subspan(kUdpHeaderSize, size - kUdpHeaderSize);
  return datagram;
}

std::optional<Bytes> echo_reply(const Ipv4Packet& packet, uint16_t identification) {
  constexpr size_t kEchoHeaderSize = 8;
  if (packet.protocol != kProtocolIcmp || packet.fragment) return std::nullopt;
  if (packet.payload.size() < kEchoHeaderSize || packet.payload[0] != kEchoRequest ||
      sum(packet.payload) != 0xFFFF) {
    return std::nullopt;
  }
  Bytes icmp = to_bytes(packet.payload);
  icmp[0] = kEchoReply;
  icmp[2] = icmp[3] = 0;
  const uint16_t computed = checksum(sum(icmp));
  icmp[2] = static_cast<uint8_t>(computed >> 8);
  icmp[3] = static_cast<uint8_t>(computed & 0xFF);
  return with_header(Ipv4Fields{.source = packet.destination,
                                .destination = packet.source,
                                .protocol = kProtocolIcmp,
                                .tos = packet.tos,
                                .identification = identification},
                     icmp);
}

Bytes fragmentation_needed(const IpAddress& from, const Ipv4Packet& packet, ByteView original,
                           uint16_t mtu, uint16_t identification) {
  constexpr size_t kQuoted = kIpv4HeaderSize + 8;
  wire::Writer icmp;
  icmp.u8(kUnreachable).u8(kFragmentationNeeded).u16(0).u16(0).u16(mtu);
  icmp.bytes(original.first(std::min(original.size(), kQuoted)));
  icmp.patch_u16(2, checksum(sum(icmp.view())));
  return with_header(Ipv4Fields{.source = from,
                                .destination = packet.source,
                                .protocol = kProtocolIcmp,
                                .identification = identification},
                     icmp.view());
}

std::optional<Ports> ports_of(const Ipv4Packet& packet) {
  const bool has = packet.protocol == kProtocolTcp || packet.protocol == kProtocolUdp;
  if (!has || !packet.first_fragment || packet.payload.size() < 4) return std::nullopt;
  const ByteView at = packet.payload;
  return Ports{.source = static_cast<uint16_t>(at[0] << 8 | at[1]),
               .destination = static_cast<uint16_t>(at[2] << 8 | at[3])};
}

}  // namespace segw::esp
