#include "sim/ip_packet.h"

#include <algorithm>

#include "wire/reader.h"
#include "wire/writer.h"

namespace segw::sim {
namespace {

constexpr size_t kHeaderSize = 20;
constexpr size_t kUdpHeaderSize = 8;
constexpr size_t kHeaderSizeV6 = 40;
constexpr size_t kProtocolAtV6 = 6;
constexpr size_t kHopLimitAtV6 = 7;
constexpr size_t kSourceAtV6 = 8;
constexpr size_t kDestinationAtV6 = 24;
constexpr uint8_t kVersionAndLength = 0x45;
constexpr size_t kTtlAt = 8;
constexpr size_t kProtocolAt = 9;
constexpr size_t kChecksumAt = 10;
constexpr size_t kSourceAt = 12;
constexpr size_t kDestinationAt = 16;
constexpr uint16_t kIkePort = 500;
constexpr uint16_t kNatPort = 4500;
constexpr size_t kMarkerSize = 4;
constexpr size_t kEspHeaderSize = 8;

uint16_t checksum(ByteView header) {
  uint32_t sum = 0;
  for (size_t i = 0; i + 1 < header.size(); i += 2) {
    sum += static_cast<uint32_t>(header[i] << 8 | header[i + 1]);
  }
  while (sum > 0xFFFF) sum = (sum & 0xFFFF) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

void seal_header(Bytes& packet) {
  packet[kChecksumAt] = packet[kChecksumAt + 1] = 0;
  const uint16_t sum = checksum(ByteView(packet).first(kHeaderSize));
  packet[kChecksumAt] = static_cast<uint8_t>(sum >> 8);
  packet[kChecksumAt + 1] = static_cast<uint8_t>(sum & 0xFF);
}

uint32_t u32_at(ByteView bytes, size_t at) {
  return static_cast<uint32_t>(bytes[at]) << 24 | static_cast<uint32_t>(bytes[at + 1]) << 16 |
         static_cast<uint32_t>(bytes[at + 2]) << 8 | bytes[at + 3];
}

uint16_t u16_at(ByteView bytes, size_t at) {
  return static_cast<uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

bool is_ipv4(ByteView packet) {
  return packet.size() >= kHeaderSize && packet[0] == kVersionAndLength;
}

bool is_ipv6(ByteView packet) { return packet.size() >= kHeaderSizeV6 && packet[0] == 0x60; }

IpAddress address_at(ByteView packet, size_t at, size_t size) {
  return IpAddress::from_bytes(packet.subspan(at, size)).value_or(IpAddress{});
}

// Where what it carries begins, and what that is; nothing if it is no packet of ours.
struct Carried {
  size_t at;
  uint8_t protocol;
};
std::optional<Carried> carried(ByteView packet) {
  if (is_ipv4(packet)) return Carried{.at = kHeaderSize, .protocol = packet[kProtocolAt]};
  if (is_ipv6(packet)) return Carried{.at = kHeaderSizeV6, .protocol = packet[kProtocolAtV6]};
  return std::nullopt;
}

bool has_marker(ByteView payload) {
  return payload.size() >= kMarkerSize && u32_at(payload, 0) == 0;
}

// The UDP payload if it is from or to `port`.
std::optional<ByteView> udp_of(ByteView packet, uint16_t port) {
  const auto found = carried(packet);
  if (!found || found->protocol != kProtocolUdp || packet.size() < found->at + kUdpHeaderSize) {
    return std::nullopt;
  }
  const ByteView udp = packet.subspan(found->at);
  if (u16_at(udp, 0) != port && u16_at(udp, 2) != port) return std::nullopt;
  return udp.subspan(kUdpHeaderSize);
}

}  // namespace

Bytes encode(const IpPacket& packet) {
  wire::Writer out;
  if (!packet.source.is_v4()) {
    out.u32(0x60000000).u16(static_cast<uint16_t>(packet.payload.size()));
    out.u8(packet.protocol).u8(packet.ttl);
    out.bytes(packet.source.bytes()).bytes(packet.destination.bytes()).bytes(packet.payload);
    return out.take();
  }
  out.u8(kVersionAndLength).u8(0);
  out.u16(static_cast<uint16_t>(kHeaderSize + packet.payload.size()));
  out.u32(0).u8(packet.ttl).u8(packet.protocol).u16(0);
  out.bytes(packet.source.bytes()).bytes(packet.destination.bytes()).bytes(packet.payload);
  Bytes bytes = out.take();
  seal_header(bytes);
  return bytes;
}

std::optional<IpPacket> decode_ip(ByteView bytes) {
  if (is_ipv6(bytes)) {
    const size_t left = u16_at(bytes, 4);
    if (kHeaderSizeV6 + left > bytes.size()) return std::nullopt;
    return IpPacket{.source = address_at(bytes, kSourceAtV6, 16),
                    .destination = address_at(bytes, kDestinationAtV6, 16),
                    .protocol = bytes[kProtocolAtV6],
                    .ttl = bytes[kHopLimitAtV6],
                    .payload = to_bytes(bytes.subspan(kHeaderSizeV6, left))};
  }
  if (!is_ipv4(bytes) || checksum(bytes.first(kHeaderSize)) != 0) return std::nullopt;
  const size_t size = u16_at(bytes, 2);
  if (size < kHeaderSize || size > bytes.size()) return std::nullopt;
  return IpPacket{.source = IpAddress::v4(u32_at(bytes, kSourceAt)),
                  .destination = IpAddress::v4(u32_at(bytes, kDestinationAt)),
                  .protocol = bytes[kProtocolAt],
                  .ttl = bytes[kTtlAt],
                  .payload = to_bytes(bytes.subspan(kHeaderSize, size - kHeaderSize))};
}

Bytes encode(const UdpDatagram& datagram) {
  wire::Writer out;
  out.u16(datagram.source.port).u16(datagram.destination.port);
  const size_t size = kUdpHeaderSize + datagram.payload.size();
  out.u16(static_cast<uint16_t>(size)).u16(0).bytes(datagram.payload);
  if (!datagram.source.address.is_v4()) {
    // Over IPv6 there must be a checksum.
    wire::Writer pseudo;
    pseudo.bytes(datagram.source.address.bytes()).bytes(datagram.destination.address.bytes());
    pseudo.u32(static_cast<uint32_t>(size)).u32(kProtocolUdp).bytes(out.view());
    if (pseudo.size() % 2 != 0) pseudo.u8(0);
    const uint16_t sum = checksum(pseudo.view());
    out.patch_u16(6, sum == 0 ? uint16_t{0xFFFF} : sum);
  }
  return encode(IpPacket{.source = datagram.source.address,
                         .destination = datagram.destination.address,
                         .protocol = kProtocolUdp,
                         .payload = out.take()});
}

std::optional<UdpDatagram> decode_udp(const IpPacket& packet) {
  const ByteView bytes = packet.payload;
  if (packet.protocol != kProtocolUdp || bytes.size() < kUdpHeaderSize) return std::nullopt;
  const size_t size = u16_at(bytes, 4);
  if (size < kUdpHeaderSize || size > bytes.size()) return std::nullopt;
  return UdpDatagram{
      .source = Endpoint{.address = packet.source, .port = u16_at(bytes, 0)},
      .destination = Endpoint{.address = packet.destination, .port = u16_at(bytes, 2)},
      .payload = to_bytes(bytes.subspan(kUdpHeaderSize, size - kUdpHeaderSize))};
}

std::optional<ByteView> udp_payload_of(ByteView packet) {
  const auto found = carried(packet);
  if (!found || found->protocol != kProtocolUdp) return std::nullopt;
  if (found->at == kHeaderSize && checksum(packet.first(kHeaderSize)) != 0) return std::nullopt;
  const size_t end =
      found->at == kHeaderSize ? size_t{u16_at(packet, 2)} : kHeaderSizeV6 + u16_at(packet, 4);
  if (end < found->at + kUdpHeaderSize || end > packet.size()) return std::nullopt;
  const ByteView udp = packet.subspan(found->at, end - found->at);
  const size_t size = u16_at(udp, 4);
  if (size < kUdpHeaderSize || size > udp.size()) return std::nullopt;
  return udp.subspan(kUdpHeaderSize, size - kUdpHeaderSize);
}

std::optional<IpAddress> destination_of(ByteView packet) {
  if (is_ipv6(packet)) return address_at(packet, kDestinationAtV6, 16);
  if (!is_ipv4(packet)) return std::nullopt;
  return address_at(packet, kDestinationAt, 4);
}

std::optional<IpAddress> source_of(ByteView packet) {
  if (is_ipv6(packet)) return address_at(packet, kSourceAtV6, 16);
  if (!is_ipv4(packet)) return std::nullopt;
  return address_at(packet, kSourceAt, 4);
}

bool spend_ttl(Bytes& packet) {
  if (is_ipv6(packet)) {
    if (packet[kHopLimitAtV6] <= 1) return false;
    --packet[kHopLimitAtV6];
    return true;
  }
  if (!is_ipv4(packet) || packet[kTtlAt] <= 1) return false;
  --packet[kTtlAt];
  seal_header(packet);
  return true;
}

std::optional<EspOnWire> esp_of(ByteView packet) {
  std::optional<ByteView> esp;
  const auto found = carried(packet);
  if (found && found->protocol == kProtocolEsp) esp = packet.subspan(found->at);
  if (!esp) {
    esp = udp_of(packet, kNatPort);
    if (esp && has_marker(*esp)) return std::nullopt;
  }
  if (!esp || esp->size() < kEspHeaderSize) return std::nullopt;
  return EspOnWire{.spi = u32_at(*esp, 0), .sequence = u32_at(*esp, 4), .bytes = *esp};
}

std::optional<IkeOnWire> ike_of(ByteView packet) {
  if (const auto plain = udp_of(packet, kIkePort)) return IkeOnWire{.bytes = *plain};
  const auto marked = udp_of(packet, kNatPort);
  if (!marked || !has_marker(*marked)) return std::nullopt;
  return IkeOnWire{.bytes = marked->subspan(kMarkerSize)};
}

}  // namespace segw::sim
