#include "esp/tunnel.h"

#include <algorithm>

#include "esp/algorithm.h"
#include "esp/selectors.h"
#include "wire/writer.h"

namespace segw::esp {
namespace {

constexpr size_t kTrailerSize = 2;  // pad length, next header
constexpr uint8_t kEcnMask = 3;
constexpr uint8_t kEcnCongestion = 3;

uint32_t high_half(uint64_t sequence) { return static_cast<uint32_t>(sequence >> 32); }

// RFC 6040 4.2: congestion marked on the way is carried inside; a sender that does not understand
// ECN must not get a marked packet.
bool carry_congestion(Bytes& inner, uint8_t outer_tos) {
  if ((outer_tos & kEcnMask) != kEcnCongestion) return true;
  const uint8_t ecn = inner[1] & kEcnMask;
  if (ecn == 0) return false;
  if (ecn == kEcnCongestion) return true;
  const auto before = static_cast<uint32_t>(inner[0] << 8 | inner[1]);
  inner[1] |= kEcnCongestion;
  const auto after = static_cast<uint32_t>(inner[0] << 8 | inner[1]);
  // RFC 1624: the header checksum follows the change of one word.
  uint32_t sum =
      (~(static_cast<uint32_t>(inner[10] << 8 | inner[11])) & 0xFFFF) + (~before & 0xFFFF) + after;
  while (sum > 0xFFFF) sum = (sum & 0xFFFF) + (sum >> 16);
  const auto checksum = static_cast<uint16_t>(~sum & 0xFFFF);
  inner[10] = static_cast<uint8_t>(checksum >> 8);
  inner[11] = static_cast<uint8_t>(checksum & 0xFF);
  return true;
}

}  // namespace

std::string_view text(Opening opening) {
  switch (opening) {
    case Opening::Ok:
      return "ok";
    case Opening::Malformed:
      return "esp-malformed";
    case Opening::Replayed:
      return "esp-replayed";
    case Opening::NotAuthentic:
      return "esp-not-authentic";
    case Opening::Dummy:
      return "esp-dummy";
    case Opening::BadInner:
      return "esp-bad-inner";
    case Opening::WrongSelectors:
      return "esp-wrong-selectors";
  }
  return "";
}

size_t overhead(const ChildSa& sa) {
  return kIpv4HeaderSize + (sa.encapsulation ? kUdpHeaderSize : 0) + kHeaderSize +
         iv_size(sa.suite) + kTrailerSize + block_size(sa.suite) - 1 + icv_size(sa.suite);
}

std::unique_ptr<Sealer> Sealer::make(const ChildSa& sa, Backend& backend) {
  auto cipher = backend.make(sa.suite, sa.outbound_key);
  if (!cipher) return nullptr;
  return std::unique_ptr<Sealer>(new Sealer(std::move(cipher)));
}

Bytes Sealer::seal(const ChildSa& sa, ByteView inner, const Numbers& numbers, platform::Rng& rng,
                   uint16_t identification) {
  const size_t block = block_size(sa.suite);
  const size_t padding = (block - (inner.size() + kTrailerSize) % block) % block;
  wire::Writer esp;
  esp.u32(sa.outbound_spi.value).u32(static_cast<uint32_t>(numbers.sequence));
  if (algorithm(sa.suite.encryption).counts()) {
    esp.u64(numbers.iv);
  } else {
    esp.bytes(rng.bytes(iv_size(sa.suite)));
  }
  esp.bytes(inner);
  // RFC 4303 2.4: "the padding bytes are initialized with a series of (unsigned, 1-byte) integer
  // values ... 1, 2, 3".
  for (size_t i = 1; i <= padding; ++i) esp.u8(static_cast<uint8_t>(i));
  esp.u8(static_cast<uint8_t>(padding)).u8(kProtocolIpv4).zeros(icv_size(sa.suite));
  Bytes sealed = esp.take();
  cipher_->seal(sealed, high_half(numbers.sequence));

  const size_t udp_size = sa.encapsulation ? kUdpHeaderSize : 0;
  Bytes packet = ipv4_header(Ipv4Fields{.source = sa.local,
                                        .destination = sa.remote,
                                        .protocol = sa.encapsulation ? kProtocolUdp : kProtocolEsp,
                                        .tos = inner.size() > 1 ? inner[1] : uint8_t{0},
                                        .identification = identification},
                             udp_size + sealed.size());
  if (sa.encapsulation) {
    wire::Writer udp;  // RFC 3948 2.1: the checksum SHOULD be zero
    udp.u16(sa.encapsulation->local_port).u16(sa.encapsulation->remote_port);
    udp.u16(static_cast<uint16_t>(kUdpHeaderSize + sealed.size())).u16(0);
    append(packet, udp.view());
  }
  append(packet, sealed);
  return packet;
}

std::unique_ptr<Opener> Opener::make(const ChildSa& sa, Backend& backend) {
  auto cipher = backend.make(sa.suite, sa.inbound_key);
  if (!cipher) return nullptr;
  return std::unique_ptr<Opener>(new Opener(std::move(cipher), sa.replay_window));
}

Opened Opener::open(const ChildSa& sa, ByteView packet, uint8_t outer_tos) {
  Opened opened;
  const size_t head = kHeaderSize + iv_size(sa.suite);
  if (packet.size() < head + kTrailerSize + icv_size(sa.suite)) return opened;
  const uint32_t low =
      uint32_t{packet[4]} << 24 | uint32_t{packet[5]} << 16 | uint32_t{packet[6]} << 8 | packet[7];
  opened.sequence = sa.suite.extended_sequence_numbers ? window_.recover(low) : low;
  if (!window_.acceptable(opened.sequence)) {
    opened.outcome = Opening::Replayed;
    return opened;
  }
  Bytes bytes = to_bytes(packet);
  if (!cipher_->open(bytes, high_half(opened.sequence))) {
    opened.outcome = Opening::NotAuthentic;
    return opened;
  }
  // RFC 4303 3.4.3: the window is updated only after the ICV is verified.
  window_.accept(opened.sequence);
  const ByteView plain = ByteView(bytes).subspan(head, bytes.size() - head - icv_size(sa.suite));
  const uint8_t next_header = plain[plain.size() - 1];
  const size_t padding = plain[plain.size() - 2];
  if (next_header == kProtocolDummy) {
    // RFC 4303 2.6: "the receiver MUST be prepared to discard" dummy packets.
    opened.outcome = Opening::Dummy;
    return opened;
  }
  opened.outcome = Opening::BadInner;
  if (next_header != kProtocolIpv4 || plain.size() < kTrailerSize + padding) return opened;
  const ByteView body = plain.first(plain.size() - kTrailerSize - padding);
  const auto inner = parse_ipv4(body);
  if (!inner) return opened;
  if (!fits(sa, *inner, Way::Inbound)) {
    opened.outcome = Opening::WrongSelectors;
    return opened;
  }
  // Traffic flow confidentiality padding behind the inner packet is cut off (RFC 4303 2.7).
  const size_t total = size_t{body[2]} << 8 | body[3];
  opened.inner = to_bytes(body.first(total));
  if (!carry_congestion(opened.inner, outer_tos)) {
    opened.inner.clear();
    return opened;
  }
  opened.outcome = Opening::Ok;
  return opened;
}

}  // namespace segw::esp
