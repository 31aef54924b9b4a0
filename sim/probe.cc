#include "sim/probe.h"

#include <algorithm>
#include <array>
#include <cstring>

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
  const auto payload = udp_payload_of(packet);
  if (!payload) return std::nullopt;
  wire::Reader in(*payload);
  const ByteView marker = in.bytes(kMarker.size(), "marker");
  if (!std::ranges::equal(marker, kMarker)) return std::nullopt;
  Probe probe;
  probe.echo = in.u8("echo") != 0;
  probe.number = in.u64("number");
  if (!in.ok()) return std::nullopt;
  return probe;
}

bool shows_probe(ByteView bytes) {
  // Of every packet that leaves: by its first byte, which is seldom there.
  while (bytes.size() >= kMarker.size()) {
    const void* first = std::memchr(bytes.data(), kMarker[0], bytes.size() - kMarker.size() + 1);
    if (first == nullptr) return false;
    bytes = bytes.subspan(static_cast<size_t>(static_cast<const uint8_t*>(first) - bytes.data()));
    if (std::memcmp(bytes.data(), kMarker.data(), kMarker.size()) == 0) return true;
    bytes = bytes.subspan(1);
  }
  return false;
}

}  // namespace segw::sim
