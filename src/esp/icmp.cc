#include "esp/icmp.h"

#include <algorithm>
#include <array>

#include "base/assert.h"
#include "esp/checksum.h"
#include "wire/reader.h"
#include "wire/writer.h"

namespace segw::esp {
namespace {

constexpr size_t kIcmpHeaderSize = 8;
constexpr uint8_t kEchoRequestV4 = 8;
constexpr uint8_t kEchoReplyV4 = 0;
constexpr uint8_t kEchoRequestV6 = 128;
constexpr uint8_t kEchoReplyV6 = 129;
constexpr uint8_t kUnreachableV4 = 3;
constexpr uint8_t kFragmentationNeeded = 4;
constexpr uint8_t kPacketTooBigV6 = 2;
constexpr uint8_t kInformationalV6 = 128;  // types from here on are no errors
constexpr uint16_t kNatPort = 4500;

bool is_icmp(const IpPacket& packet) {
  return packet.protocol == (packet.is_v4() ? kProtocolIcmp : kProtocolIcmpv6);
}

uint32_t start_sum(const IpAddress& source, const IpAddress& destination, size_t size) {
  return source.is_v4() ? 0 : pseudo_header_sum(source, destination, kProtocolIcmpv6, size);
}

bool right(const IpPacket& packet) {
  const uint32_t start = start_sum(packet.source, packet.destination, packet.payload.size());
  return ones_sum(packet.payload, start) == 0xFFFF;
}

Bytes finish(const IpFields& fields, wire::Writer& icmp) {
  const uint32_t start = start_sum(fields.source, fields.destination, icmp.size());
  icmp.patch_u16(2, checksum(ones_sum(icmp.view(), start)));
  return ip_packet(fields, icmp.view());
}

bool one_host(const IpAddress& address) {
  if (address.unspecified()) return false;
  const ByteView bytes = address.bytes();
  if (!address.is_v4()) return bytes[0] != 0xFF;
  return bytes[0] < 224 && bytes[0] != 127 && bytes[0] != 0;
}

bool is_icmp_error(const IpPacket& packet) {
  if (packet.payload.empty()) return true;
  const uint8_t type = packet.payload[0];
  if (packet.protocol == kProtocolIcmpv6) return type < kInformationalV6;
  constexpr std::array<uint8_t, 5> kErrorsV4{3, 4, 5, 11, 12};
  return packet.protocol == kProtocolIcmp && std::ranges::find(kErrorsV4, type) != kErrorsV4.end();
}

// The quoted packet as far as it is there: it is cut, so its own lengths say nothing.
bool read_quote(wire::Reader& in, bool v4, TooBigReport& report, uint8_t& protocol) {
  if (v4) {
    const uint8_t version = in.u8("version");
    in.bytes(8, "quoted");
    protocol = in.u8("protocol");
    in.bytes(2, "checksum");
    const size_t header_size = size_t{version & 0xFU} * 4;
    if (version >> 4 != 4 || header_size < kIpv4HeaderSize) in.refuse("version");
    report.source = IpAddress::from_bytes(in.bytes(4, "source")).value_or(IpAddress{});
    report.destination = IpAddress::from_bytes(in.bytes(4, "destination")).value_or(IpAddress{});
    in.bytes(in.ok() ? header_size - kIpv4HeaderSize : 0, "options");
    return in.ok();
  }
  if (in.u8("version") >> 4 != 6) in.refuse("version");
  in.bytes(5, "quoted");
  protocol = in.u8("next-header");
  in.u8("hop-limit");
  report.source = IpAddress::from_bytes(in.bytes(16, "source")).value_or(IpAddress{});
  report.destination = IpAddress::from_bytes(in.bytes(16, "destination")).value_or(IpAddress{});
  return in.ok();
}

}  // namespace

std::optional<Bytes> echo_reply(const IpPacket& packet, uint16_t identification) {
  if (!is_icmp(packet) || packet.fragment || packet.payload.size() < kIcmpHeaderSize) {
    return std::nullopt;
  }
  const bool v4 = packet.is_v4();
  if (packet.payload[0] != (v4 ? kEchoRequestV4 : kEchoRequestV6) || !right(packet)) {
    return std::nullopt;
  }
  wire::Writer icmp;
  icmp.u8(v4 ? kEchoReplyV4 : kEchoReplyV6).u8(packet.payload[1]).u16(0);
  icmp.bytes(packet.payload.subspan(4));
  return finish(IpFields{.source = packet.destination,
                         .destination = packet.source,
                         .protocol = packet.protocol,
                         .traffic_class = packet.traffic_class,
                         .identification = identification},
                icmp);
}

bool may_be_told(const IpPacket& packet) {
  return packet.first_fragment() && one_host(packet.source) && one_host(packet.destination) &&
         !is_icmp_error(packet);
}

Bytes packet_too_big(const IpAddress& from, const IpPacket& packet, ByteView original, size_t mtu,
                     uint16_t identification) {
  SEGW_ASSERT(from.family() == packet.source.family());
  const bool v4 = packet.is_v4();
  // RFC 4443 3.2: as much of the packet "as possible without the ICMPv6 packet exceeding the
  // minimum IPv6 MTU".
  // RFC 792: "The internet header plus the first 64 bits of the original datagram's data", options
  // and all.
  const size_t quoted_v4 = packet.size - packet.payload.size() + 8;
  const size_t quoted = v4 ? quoted_v4 : kIpv6MtuMin - kIpv6HeaderSize - kIcmpHeaderSize;
  wire::Writer icmp;
  if (v4) {
    icmp.u8(kUnreachableV4).u8(kFragmentationNeeded).u16(0).u16(0);
    icmp.u16(static_cast<uint16_t>(std::min(mtu, kIpSizeMax)));
  } else {
    icmp.u8(kPacketTooBigV6).u8(0).u16(0).u32(static_cast<uint32_t>(mtu));
  }
  icmp.bytes(original.first(std::min(original.size(), quoted)));
  return finish(IpFields{.source = from,
                         .destination = packet.source,
                         .protocol = v4 ? kProtocolIcmp : kProtocolIcmpv6,
                         .identification = identification},
                icmp);
}

std::optional<TooBigReport> too_big_report(const IpPacket& packet) {
  if (!is_icmp(packet) || packet.fragment || packet.payload.size() < kIcmpHeaderSize) {
    return std::nullopt;
  }
  const bool v4 = packet.is_v4();
  wire::Reader in(packet.payload);
  const uint8_t type = in.u8("type");
  const uint8_t code = in.u8("code");
  in.u16("checksum");
  const bool too_big =
      v4 ? type == kUnreachableV4 && code == kFragmentationNeeded : type == kPacketTooBigV6;
  if (!too_big || !right(packet)) return std::nullopt;
  TooBigReport report;
  const uint32_t mtu = in.u32("mtu");
  report.mtu = v4 ? mtu & 0xFFFF : mtu;
  uint8_t protocol = 0;
  if (!read_quote(in, v4, report, protocol)) return std::nullopt;
  if (protocol == kProtocolUdp) {
    const uint16_t source_port = in.u16("source-port");
    in.bytes(kUdpHeaderSize - 2, "udp");
    if (source_port != kNatPort) return std::nullopt;
  } else if (protocol != kProtocolEsp) {
    return std::nullopt;
  }
  report.spi = in.u32("spi");
  report.sequence = in.u32("sequence");
  if (!in.ok()) return std::nullopt;
  return report;
}

}  // namespace segw::esp
