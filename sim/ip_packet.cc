#include "sim/ip_packet.h"

#include <algorithm>

#include "wire/reader.h"
#include "wire/writer.h"

namespace segw::sim {
namespace {

constexpr size_t kHeaderSize = 20;
constexpr size_t kUdpHeaderSize = 8;
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

bool has_marker(ByteView payload) {
  return payload.size() >= kMarkerSize && u32_at(payload, 0) == 0;
}

// The UDP payload if it is from or to `port`.
std::optional<ByteView> udp_of(ByteView packet, uint16_t port) {
  if (!is_ipv4(packet) || packet[kProtocolAt] != kProtocolUdp ||
      packet.size() < kHeaderSize + kUdpHeaderSize) {
    return std::nullopt;
  }
  const ByteView udp = packet.subspan(kHeaderSize);
  if (u16_at(udp, 0) != port && u16_at(udp, 2) != port) return std::nullopt;
  return udp.subspan(kUdpHeaderSize);
}

}  // namespace

Bytes encode(const Ipv4Packet& packet) {
  wire::Writer out;
  out.u8(kVersionAndLength).u8(0);
  out.u16(static_cast<uint16_t>(kHeaderSize + packet.payload.size()));
  out.u32(0).u8(packet.ttl).u8(packet.protocol).u16(0);
  out.bytes(packet.source.bytes()).bytes(packet.destination.bytes()).bytes(packet.payload);
  Bytes bytes = out.take();
  seal_header(bytes);
  return bytes;
}

std::optional<Ipv4Packet> decode_ipv4(ByteView bytes) {
  if (!is_ipv4(bytes) || checksum(bytes.first(kHeaderSize)) != 0) return std::nullopt;
  const size_t size = u16_at(bytes, 2);
  if (size < kHeaderSize || size > bytes.size()) return std::nullopt;
  return Ipv4Packet{.source = IpAddress::v4(u32_at(bytes, kSourceAt)),
                    .destination = IpAddress::v4(u32_at(bytes, kDestinationAt)),
                    .protocol = bytes[kProtocolAt],
                    .ttl = bytes[kTtlAt],
                    .payload = to_bytes(bytes.subspan(kHeaderSize, size - kHeaderSize))};
}

Bytes encode(const UdpDatagram& datagram) {
  wire::Writer out;
  out.u16(datagram.source.port).u16(datagram.destination.port);
  out.u16(static_cast<uint16_t>(kUdpHeaderSize + datagram.payload.size())).u16(0);
  out.bytes(datagram.payload);
  return encode(Ipv4Packet{.source = datagram.source.address,
                           .destination = datagram.destination.address,
                           .protocol = kProtocolUdp,
                           .payload = out.take()});
}

std::optional<UdpDatagram> decode_udp(const Ipv4Packet& packet) {
  const ByteView bytes = packet.payload;
  if (packet.protocol != kProtocolUdp || bytes.size() < kUdpHeaderSize) return std::nullopt;
  const size_t size = u16_at(bytes, 4);
  if (size < kUdpHeaderSize || size > bytes.size()) return std::nullopt;
  return UdpDatagram{
      .source = Endpoint{.address = packet.source, .port = u16_at(bytes, 0)},
      .destination = Endpoint{.address = packet.destination, .port = u16_at(bytes, 2)},
      .payload = to_bytes(bytes.subspan(kUdpHeaderSize, size - kUdpHeaderSize))};
}

std::optional<IpAddress> destination_of(ByteView packet) {
  if (!is_ipv4(packet)) return std::nullopt;
  return IpAddress::v4(u32_at(packet, kDestinationAt));
}

std::optional<IpAddress> source_of(ByteView packet) {
  if (!is_ipv4(packet)) return std::nullopt;
  return IpAddress::v4(u32_at(packet, kSourceAt));
}

bool spend_ttl(Bytes& packet) {
  if (!is_ipv4(packet) || packet[kTtlAt] <= 1) return false;
  --packet[kTtlAt];
  seal_header(packet);
  return true;
}

std::optional<EspOnWire> esp_of(ByteView packet) {
  std::optional<ByteView> esp;
  if (is_ipv4(packet) && packet[kProtocolAt] == kProtocolEsp) esp = packet.subspan(kHeaderSize);
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
