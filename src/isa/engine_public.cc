// What comes from the clients' side.
#include <algorithm>

#include "base/planted.h"
#include "esp/tcp_mss.h"
#include "isa/engine.h"

namespace segw::isa {
namespace {

constexpr uint16_t kIkePort = 500;
constexpr uint16_t kIkeNatPort = 4500;
constexpr size_t kMarkerSize = 4;  // RFC 3948 2.2: non-ESP marker
constexpr uint8_t kNatKeepAlive = 0xFF;
constexpr size_t kIkeHeaderSize = 28;
constexpr size_t kTcpHeaderSize = 20;
// How far back a sequence number may be in what a router quotes.
constexpr uint32_t kQuotedSequencesMax = 1U << 16;

Spi spi_at(ByteView payload) {
  return Spi{uint32_t{payload[0]} << 24 | uint32_t{payload[1]} << 16 | uint32_t{payload[2]} << 8 |
             payload[3]};
}

}  // namespace

void Engine::public_packet(const Bytes& bytes, Instant now, Output& out) {
  const auto packet = esp::parse_ip(bytes);
  if (!packet) return drop("public-malformed");
  if (!own_.contains(packet->destination)) {
    // What the policy protects never passes in clear: only ESP, IKE and echoes end here.
    if (SEGW_PLANTED(no_clear_text)) out.to_private.push_back(bytes);
    return drop("public-not-ours");
  }
  if (packet->fragment) return fragment(*packet, now, out);
  whole_packet(*packet, now, out);
}

void Engine::fragment(const esp::IpPacket& packet, Instant now, Output& out) {
  // Rule 24: only the active reassembles; a standby's kernel hands fragments on as they are.
  if (role_ != Role::Acting) return drop("not-acting");
  if (fenced(now)) return drop("fenced");
  const auto bytes = reassembler_.add(packet, now, drops_);
  if (!bytes) return;
  const auto whole = esp::parse_ip(*bytes);
  if (!whole) return drop("public-malformed");
  if (whole->fragment) return drop("fragment-nested");
  whole_packet(*whole, now, out);
}

void Engine::whole_packet(const esp::IpPacket& packet, Instant now, Output& out) {
  if (packet.protocol == esp::kProtocolUdp) return udp(packet, now, out);
  if (packet.protocol == esp::kProtocolEsp) {
    if (role_ != Role::Acting) return drop("not-acting");
    if (fenced(now)) return drop("fenced");
    return esp(packet, packet.payload, std::nullopt, now, out);
  }
  if (auto reply = esp::echo_reply(packet, ++identification_)) {
    if (reply->size() > setup_.public_mtu) return drop("echo-too-large");
    out.to_public.push_back(std::move(*reply));
    return;
  }
  if (const auto report = esp::too_big_report(packet)) return learn_path_mtu(*report, now);
  drop("public-not-ipsec");
}

void Engine::udp(const esp::IpPacket& packet, Instant now, Output& out) {
  const auto datagram = esp::parse_udp(packet.payload);
  if (!datagram) return drop("udp-malformed");
  if (datagram->destination_port == kIkePort) {
    return punt(packet, *datagram, datagram->payload, out);
  }
  if (datagram->destination_port != kIkeNatPort) return drop("public-not-ipsec");
  const ByteView payload = datagram->payload;
  // RFC 3948 4: "The receiver SHOULD ignore a received NAT-keepalive packet."
  if (payload.size() == 1 && payload[0] == kNatKeepAlive) return drop("nat-keepalive");
  if (payload.size() < kMarkerSize) return drop("udp-malformed");
  const ByteView marker = payload.first(kMarkerSize);
  if (std::ranges::all_of(marker, [](uint8_t byte) { return byte == 0; })) {
    return punt(packet, *datagram, payload.subspan(kMarkerSize), out);
  }
  if (role_ != Role::Acting) return drop("not-acting");
  if (fenced(now)) return drop("fenced");
  // RFC 3948 2.1: "receivers MUST NOT depend upon the UDP checksum being a zero value", nor is it
  // looked at: ESP protects itself. So it may be zero over IPv6 too (RFC 6936 4).
  esp(packet, payload, datagram->source_port, now, out);
}

void Engine::punt(const esp::IpPacket& packet, const esp::UdpDatagram& datagram, ByteView message,
                  Output& out) {
  if (role_ != Role::Acting) return drop("not-acting");
  if (message.size() < kIkeHeaderSize) return drop("ike-short");
  if (!esp::udp_checksum_right(packet)) return drop("udp-checksum");
  out.to_segwd.emplace_back(PuntIke{
      .datagram = {.local = {.address = packet.destination, .port = datagram.destination_port},
                   .remote = {.address = packet.source, .port = datagram.source_port},
                   .message = to_bytes(message)}});
}

void Engine::esp(const esp::IpPacket& packet, ByteView payload, std::optional<uint16_t> udp_port,
                 Instant now, Output& out) {
  if (payload.size() < esp::kHeaderSize) return drop("esp-malformed");
  const Spi spi = spi_at(payload);
  const auto at = sas_.find(spi);
  if (at == sas_.end()) return tell_unknown(packet, spi, udp_port, out);
  if (at->second.sa.local != packet.destination) return drop("esp-unknown-spi");
  Sa& sa = at->second;
  const auto dscp = sa.options.copy_traffic_class ? esp::Dscp::CopyOuter : esp::Dscp::KeepInner;
  esp::Opened opened = sa.opener->open(sa.sa, payload, packet.traffic_class, dscp);
  SaActivity& activity = sa.activity;
  switch (opened.outcome) {
    case esp::Opening::Ok:
      break;
    case esp::Opening::Replayed:
      ++activity.drops_replay;
      sa.changed = true;
      return drop(text(opened.outcome));
    case esp::Opening::NotAuthentic:
      ++activity.drops_integrity;
      sa.changed = true;
      return drop(text(opened.outcome));
    case esp::Opening::WrongSelectors:
      ++activity.drops_selector;
      sa.changed = sa.moved = true;
      return drop(text(opened.outcome));
    case esp::Opening::Malformed:
      return drop(text(opened.outcome));
    case esp::Opening::Dummy:
    case esp::Opening::BadInner:
    case esp::Opening::Congestion:
      sa.changed = sa.moved = true;
      return drop(text(opened.outcome));
  }
  // RFC 7296 2.23: both forms are taken, but only UDP says behind which port of a NAT a client is.
  // A packet that was overtaken by newer ones tells of the past.
  const bool newest = opened.sequence == sa.opener->window().highest();
  if (newest && sa.sa.encapsulation && udp_port) {
    const Endpoint from{.address = packet.source, .port = *udp_port};
    const bool elsewhere =
        from.address != sa.sa.remote || from.port != sa.sa.encapsulation->remote_port;
    activity.moved_to = elsewhere ? std::optional(from) : std::nullopt;
  }
  opened_packet(sa, std::move(opened.inner), now, out);
}

void Engine::tell_unknown(const esp::IpPacket& packet, Spi spi, std::optional<uint16_t> udp_port,
                          Output& out) {
  drop("esp-unknown-spi");
  if (unknown_told_ == kUnknownMost) return;
  ++unknown_told_;
  out.to_segwd.emplace_back(
      UnknownEsp{.local = packet.destination,
                 .remote = {.address = packet.source, .port = udp_port.value_or(0)},
                 .spi = spi,
                 .size = static_cast<uint32_t>(packet.payload.size())});
}

void Engine::opened_packet(Sa& sa, Bytes inner, Instant now, Output& out) {
  sa.changed = sa.moved = true;
  ++sa.activity.packets_in;
  sa.activity.bytes_in += inner.size();
  size_t mss = sa.options.public_tcp_mss;
  if (sa.options.public_tcp_mss_auto) {
    // What the answer may carry: the tunnel's inner MTU without the two headers.
    const size_t headers =
        kTcpHeaderSize + (inner[0] >> 4 == 4 ? esp::kIpv4HeaderSize : esp::kIpv6HeaderSize);
    const size_t most = inner_mtu(sa.sa, sa.options, path_of(sa, now));
    mss = most > headers ? most - headers : 0;
  }
  if (mss != 0) esp::lower_tcp_mss(inner, mss);
  out.to_private.push_back(std::move(inner));
}

// RFC 4301 8.2: what is unauthenticated may lower the MTU only. Enough is asked for that nobody off
// the path can do it: the client's SPI of a living SA, both addresses, and a number lately used.
void Engine::learn_path_mtu(const esp::TooBigReport& report, Instant now) {
  const auto index = by_outbound_.find({report.destination, Spi{report.spi}});
  const auto at = index == by_outbound_.end() ? sas_.end() : sas_.find(index->second);
  if (at == sas_.end() || at->second.sa.local != report.source) return drop("icmp-unknown-spi");
  const Sa& sa = at->second;
  const uint32_t back = static_cast<uint32_t>(sa.outbound_next) - report.sequence;
  if (back == 0 || back > kQuotedSequencesMax) return drop("icmp-unknown-sequence");
  const bool news = path_mtus_.learn(report.source, report.destination, report.mtu,
                                     path_of(sa, now).interface, now + sa.options.pmtu_aging, now);
  drop(news ? "icmp-path-mtu-learnt" : "icmp-path-mtu-known");
}

}  // namespace segw::isa
