#include "esp/tunnel.h"

#include "base/assert.h"
#include "esp/algorithm.h"
#include "esp/selectors.h"
#include "wire/writer.h"

namespace segw::esp {
namespace {

constexpr size_t kTrailerSize = 2;  // pad length, next header

uint32_t high_half(uint64_t sequence) { return static_cast<uint32_t>(sequence >> 32); }

// RFC 3948 2.1: over IPv4 the checksum "SHOULD be transmitted as a zero value". Over IPv6 RFC 8200
// 8.1 wants one, and a receiver need not have RFC 6936's exception: it is computed there.
Bytes encapsulation_header(const ChildSa& sa, const UdpEncapsulation& ports, ByteView sealed) {
  const Endpoint from{.address = sa.local, .port = ports.local_port};
  const Endpoint to{.address = sa.remote, .port = ports.remote_port};
  if (!sa.remote.is_v4()) return udp_header(from, to, sealed);
  wire::Writer udp;
  udp.u16(from.port).u16(to.port);
  udp.u16(static_cast<uint16_t>(kUdpHeaderSize + sealed.size())).u16(0);
  return udp.take();
}

// RFC 6040 4.1 (normal mode) and RFC 4301 5.1.2: the inner traffic class is copied, ECN included.
Bytes outer_packet(const ChildSa& sa, ByteView sealed, uint8_t traffic_class,
                   const OuterFields& outer) {
  const size_t udp_size = sa.encapsulation ? kUdpHeaderSize : 0;
  Bytes packet = ip_header(IpFields{.source = sa.local,
                                    .destination = sa.remote,
                                    .protocol = sa.encapsulation ? kProtocolUdp : kProtocolEsp,
                                    .traffic_class = traffic_class,
                                    .identification = outer.identification,
                                    .dont_fragment = outer.dont_fragment},
                           udp_size + sealed.size());
  if (const auto& ports = sa.encapsulation)
    append(packet, encapsulation_header(sa, *ports, sealed));
  append(packet, sealed);
  return packet;
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
    case Opening::Congestion:
      return "esp-congestion";
  }
  return "";
}

size_t overhead(const ChildSa& sa) {
  return ip_header_size(sa.remote.family()) + (sa.encapsulation ? kUdpHeaderSize : 0) +
         kHeaderSize + iv_size(sa.suite) + kTrailerSize + block_size(sa.suite) - 1 +
         icv_size(sa.suite);
}

size_t inner_size_max(const ChildSa& sa, size_t mtu) {
  const size_t around = overhead(sa) - kTrailerSize - (block_size(sa.suite) - 1);
  if (mtu <= around) return 0;
  const size_t padded = (mtu - around) / block_size(sa.suite) * block_size(sa.suite);
  return padded > kTrailerSize ? padded - kTrailerSize : 0;
}

std::unique_ptr<Sealer> Sealer::make(const ChildSa& sa, Backend& backend) {
  auto cipher = backend.make(sa.suite, sa.outbound_key);
  if (!cipher) return nullptr;
  return std::unique_ptr<Sealer>(new Sealer(std::move(cipher)));
}

Bytes Sealer::seal(const ChildSa& sa, ByteView inner, const Numbers& numbers, platform::Rng& rng,
                   const OuterFields& outer) {
  const auto fields = parse_ip(inner);
  SEGW_ASSERT(fields);
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
  esp.u8(static_cast<uint8_t>(padding)).u8(fields->is_v4() ? kProtocolIpv4 : kProtocolIpv6);
  esp.zeros(icv_size(sa.suite));
  Bytes sealed = esp.take();
  cipher_->seal(sealed, high_half(numbers.sequence));
  return outer_packet(sa, sealed, fields->traffic_class, outer);
}

std::unique_ptr<Opener> Opener::make(const ChildSa& sa, Backend& backend) {
  auto cipher = backend.make(sa.suite, sa.inbound_key);
  if (!cipher) return nullptr;
  return std::unique_ptr<Opener>(new Opener(std::move(cipher), sa.replay_window));
}

Opened Opener::open(const ChildSa& sa, ByteView packet, uint8_t outer_class, Dscp dscp) {
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
  if (plain.size() < kTrailerSize + padding) return opened;
  const ByteView body = plain.first(plain.size() - kTrailerSize - padding);
  const auto inner = parse_ip(body);
  // The next header and the packet must say the same of its version.
  if (!inner || next_header != (inner->is_v4() ? kProtocolIpv4 : kProtocolIpv6)) return opened;
  if (!fits(sa, *inner, Way::Inbound)) {
    opened.outcome = Opening::WrongSelectors;
    return opened;
  }
  const auto traffic_class = class_after_decapsulation(inner->traffic_class, outer_class, dscp);
  if (!traffic_class) {
    opened.outcome = Opening::Congestion;
    return opened;
  }
  // Traffic flow confidentiality padding behind the inner packet is cut off (RFC 4303 2.7).
  opened.inner = to_bytes(body.first(inner->size));
  if (*traffic_class != inner->traffic_class) set_traffic_class(opened.inner, *traffic_class);
  opened.outcome = Opening::Ok;
  return opened;
}

}  // namespace segw::esp
