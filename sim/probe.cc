#include "sim/probe.h"

#include <algorithm>
#include <array>

#include "sim/ip_packet.h"
#include "wire/reader.h"
#include "wire/writer.h"

namespace segw::sim {
namespace {

constexpr std::array<uint8_t, 8> kMarker = {'S', 'e', 'G', 'w', 0xC1, 0xEA, 'r', '!'};
constexpr uint16_t kPort = 7;  // echo
constexpr size_t kPadding = 40;
constexpr uint16_t kBulkPort = 9;  // discard
constexpr size_t kBulkSize = 16;

}  // namespace

Bytes encode_probe(const Probe& probe, const IpAddress& from, const IpAddress& to) {
  wire::Writer out;
  out.bytes(kMarker).u8(probe.echo ? 1 : 0).u64(probe.number).zeros(kPadding);
  return encode(UdpDatagram{.source = Endpoint{.address = from, .port = kPort},
                            .destination = Endpoint{.address = to, .port = kPort},
                            .payload = out.take()});
}

Bytes bulk_packet(const IpAddress& from, const IpAddress& to) {
  return encode(UdpDatagram{.source = Endpoint{.address = from, .port = kBulkPort},
                            .destination = Endpoint{.address = to, .port = kBulkPort},
                            .payload = Bytes(kBulkSize)});
}

std::optional<Probe> decode_probe(ByteView packet) {
  const auto ip = decode_ip(packet);
  if (!ip) return std::nullopt;
  const auto udp = decode_udp(*ip);
  if (!udp) return std::nullopt;
  wire::Reader in(udp->payload);
  const ByteView marker = in.bytes(kMarker.size(), "marker");
  if (!std::ranges::equal(marker, kMarker)) return std::nullopt;
  Probe probe;
  probe.echo = in.u8("echo") != 0;
  probe.number = in.u64("number");
  if (!in.ok()) return std::nullopt;
  return probe;
}

bool shows_probe(ByteView bytes) { return !std::ranges::search(bytes, kMarker).empty(); }

}  // namespace segw::sim
