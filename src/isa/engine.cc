#include "isa/engine.h"

#include <algorithm>

#include "base/planted.h"
#include "esp/selectors.h"

namespace segw::isa {
namespace {

constexpr uint16_t kIkePort = 500;
constexpr uint16_t kIkeNatPort = 4500;
constexpr size_t kMarkerSize = 4;  // RFC 3948 2.2: non-ESP marker
constexpr uint8_t kNatKeepalive = 0xFF;
constexpr size_t kIkeHeaderSize = 28;
constexpr uint16_t kPublicMtu = 1500;
// sros-facts §6.1: as responder of a rekey the old SA is used for sending for 25 s, or until it
// goes.
constexpr Duration kOldOutbound = std::chrono::seconds(25);
constexpr size_t kWindowsPerMessage = 256;
constexpr uint64_t kLowMin = 4 * esp::kBlockSize;
constexpr Duration kLowInterval = std::chrono::milliseconds(200);

}  // namespace

Engine::Engine(platform::Rng& rng, std::unique_ptr<esp::Backend> backend)
    : rng_(rng), backend_(std::move(backend)) {}

bool Engine::fenced(Instant now) const {
  if (SEGW_PLANTED(fenced)) return false;
  return now >= deadline_;
}

bool Engine::ours(const IpAddress& address) const {
  return address == setup_.public_interface.address ||
         std::ranges::find(setup_.gateways, address) != setup_.gateways.end();
}

void Engine::on_public(std::span<const Bytes> packets, Instant now, Output& out) {
  for (const Bytes& bytes : packets) {
    if (role_ != Role::Buffering) {
      public_packet(bytes, now, out);
    } else if (kept_.size() < kBufferedMax) {
      kept_.push_back(Kept{.from_public = true, .packet = bytes});
    } else {
      drop("buffer-full");
    }
  }
}

void Engine::on_private(std::span<const Bytes> packets, Instant now, Output& out) {
  for (const Bytes& bytes : packets) {
    if (role_ != Role::Buffering) {
      private_packet(bytes, now, out);
    } else if (kept_.size() < kBufferedMax) {
      kept_.push_back(Kept{.from_public = false, .packet = bytes});
    } else {
      drop("buffer-full");
    }
  }
}

void Engine::public_packet(const Bytes& bytes, Instant now, Output& out) {
  const auto packet = esp::parse_ipv4(bytes);
  if (!packet) return drop("public-malformed");
  if (!ours(packet->destination)) {
    // What the policy protects never passes in clear: only ESP, IKE and echoes end here.
    if (SEGW_PLANTED(no_clear_text)) out.to_private.push_back(bytes);
    return drop("public-not-ours");
  }
  if (packet->fragment) return drop("public-fragment");
  if (packet->protocol == esp::kProtocolUdp) return udp(*packet, now, out);
  if (packet->protocol == esp::kProtocolEsp) {
    if (role_ != Role::Acting) return drop("not-acting");
    if (fenced(now)) return drop("fenced");
    return esp(*packet, packet->payload, std::nullopt, out);
  }
  if (auto reply = esp::echo_reply(*packet, ++identification_)) {
    out.to_public.push_back(std::move(*reply));
    return;
  }
  drop("public-not-ipsec");
}

void Engine::udp(const esp::Ipv4Packet& packet, Instant now, Output& out) {
  const auto datagram = esp::parse_udp(packet.payload);
  if (!datagram) return drop("udp-malformed");
  if (datagram->destination_port == kIkePort) {
    return punt(packet, *datagram, datagram->payload, out);
  }
  if (datagram->destination_port != kIkeNatPort) return drop("public-not-ipsec");
  const ByteView payload = datagram->payload;
  if (payload.size() == 1 && payload[0] == kNatKeepalive) return drop("nat-keepalive");
  if (payload.size() < kMarkerSize) return drop("udp-malformed");
  const ByteView marker = payload.first(kMarkerSize);
  if (std::ranges::all_of(marker, [](uint8_t byte) { return byte == 0; })) {
    return punt(packet, *datagram, payload.subspan(kMarkerSize), out);
  }
  if (role_ != Role::Acting) return drop("not-acting");
  if (fenced(now)) return drop("fenced");
  esp(packet, payload, datagram->source_port, out);
}

void Engine::punt(const esp::Ipv4Packet& packet, const esp::UdpDatagram& datagram, ByteView message,
                  Output& out) {
  if (role_ != Role::Acting) return drop("not-acting");
  if (message.size() < kIkeHeaderSize) return drop("ike-short");
  out.to_segwd.emplace_back(PuntIke{
      .datagram = {.local = {.address = packet.destination, .port = datagram.destination_port},
                   .remote = {.address = packet.source, .port = datagram.source_port},
                   .message = to_bytes(message)}});
}

void Engine::esp(const esp::Ipv4Packet& packet, ByteView payload, std::optional<uint16_t> udp_port,
                 Output& out) {
  if (payload.size() < esp::kHeaderSize) return drop("esp-malformed");
  const Spi spi{uint32_t{payload[0]} << 24 | uint32_t{payload[1]} << 16 |
                uint32_t{payload[2]} << 8 | payload[3]};
  const auto at = sas_.find(spi);
  if (at == sas_.end() || at->second.sa.local != packet.destination) return drop("esp-unknown-spi");
  Sa& sa = at->second;
  esp::Opened opened = sa.opener->open(sa.sa, payload, packet.tos);
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
      sa.changed = sa.moved = true;
      return drop(text(opened.outcome));
  }
  sa.changed = sa.moved = true;
  ++activity.packets_in;
  activity.bytes_in += opened.inner.size();
  const Endpoint from{.address = packet.source, .port = udp_port.value_or(0)};
  const uint16_t known_port = sa.sa.encapsulation ? sa.sa.encapsulation->remote_port : uint16_t{0};
  const bool elsewhere = from.address != sa.sa.remote || from.port != known_port;
  activity.moved_to = elsewhere ? std::optional(from) : std::nullopt;
  out.to_private.push_back(std::move(opened.inner));
}

void Engine::private_packet(const Bytes& bytes, Instant now, Output& out) {
  const auto packet = esp::parse_ipv4(bytes);
  if (!packet) return drop("private-malformed");
  const IpPrefix& own = setup_.private_interface;
  if (own.length != 0 && packet->destination == own.address) {
    if (auto reply = esp::echo_reply(*packet, ++identification_)) {
      out.to_private.push_back(std::move(*reply));
      return;
    }
    return drop("private-not-for-us");
  }
  if (role_ != Role::Acting) return drop("not-acting");
  if (fenced(now)) return drop("fenced");
  Sa* sa = outbound_sa(*packet, now);
  if (sa == nullptr) {
    if (SEGW_PLANTED(no_clear_text)) out.to_public.push_back(bytes);
    return drop("private-no-sa");
  }
  if (packet->dont_fragment && bytes.size() + esp::overhead(sa->sa) > kPublicMtu) {
    return too_big(*sa, *packet, bytes, out);
  }
  seal(*sa, bytes, *packet, now, out);
}

Engine::Sa* Engine::outbound_sa(const esp::Ipv4Packet& packet, Instant now) {
  Sa* best = nullptr;
  const auto better = [&](const Sa& candidate) {
    if (best == nullptr) return true;
    const bool due = candidate.preferred_from <= now;
    const bool best_due = best->preferred_from <= now;
    if (due != best_due) return due;
    // Both may be used: the newer. Neither yet: the older, that the client surely has.
    return due ? candidate.installed > best->installed : candidate.installed < best->installed;
  };
  for (auto& [spi, sa] : sas_) {
    if (!sa.outbound || !sa.may_seal || !fits(sa.sa, packet, esp::Way::Outbound)) continue;
    if (better(sa)) best = &sa;
  }
  return best;
}

void Engine::too_big(const Sa& sa, const esp::Ipv4Packet& packet, const Bytes& inner, Output& out) {
  const auto mtu = static_cast<uint16_t>(kPublicMtu - esp::overhead(sa.sa));
  const IpAddress from =
      setup_.private_interface.length != 0 ? setup_.private_interface.address : packet.destination;
  out.to_private.push_back(esp::fragmentation_needed(from, packet, inner, mtu, ++identification_));
  drop("private-too-big");
}

void Engine::seal(Sa& sa, const Bytes& inner, const esp::Ipv4Packet& /*packet*/, Instant now,
                  Output& out) {
  const auto sequence = esp::next_allowed(sa.sa.grants, setup_.slot, sa.outbound_next,
                                          sa.sa.suite.extended_sequence_numbers);
  if (!sequence) {
    ++sa.activity.drops_sequence;
    sa.changed = true;
    return drop("sequence-space-ended");
  }
  sa.outbound_next = *sequence + 1;
  sa.changed = sa.moved = true;
  ++sa.activity.packets_out;
  sa.activity.bytes_out += inner.size();
  const esp::Numbers numbers{.sequence = *sequence,
                             .iv = esp::gcm_iv(setup_.slot, iv_epoch_, *sequence)};
  out.to_public.push_back(sa.sealer->seal(sa.sa, inner, numbers, rng_, ++identification_));
  report_low(sa, now, out);
}

void Engine::report_low(Sa& sa, Instant now, Output& out) const {
  if (sa.low_reported + kLowInterval > now) return;
  const uint64_t ahead = esp::unhindered(sa.sa.grants, setup_.slot, sa.outbound_next);
  if (ahead >= std::max(sa.rate, kLowMin)) return;
  sa.low_reported = now;
  out.to_segwd.emplace_back(
      SequenceLow{.inbound_spi = sa.sa.inbound_spi, .next = sa.outbound_next, .rate = sa.rate});
}

esp::SaWindow Engine::window_of(const Sa& sa) {
  return esp::SaWindow{.inbound_spi = sa.sa.inbound_spi,
                       .outbound_next = sa.outbound_next,
                       .inbound_highest = sa.opener->window().highest(),
                       .seen = sa.opener->window().seen()};
}

void Engine::on_timer(Instant now, Output& out) {
  if (now < next_activity_) return;
  next_activity_ = now + kActivityInterval;
  Activity activity;
  for (auto& [spi, sa] : sas_) {
    const uint64_t sent = sa.activity.packets_out - sa.packets_at_tick;
    sa.packets_at_tick = sa.activity.packets_out;
    sa.rate = std::max(sent * 10, sa.rate / 2);
    if (!sa.changed) continue;
    sa.changed = false;
    sa.activity.window = window_of(sa);
    activity.sas.push_back(sa.activity);
    sa.activity.moved_to.reset();
    if (activity.sas.size() == kWindowsPerMessage) {
      out.to_segwd.emplace_back(std::move(activity));
      activity = {};
    }
  }
  if (!activity.sas.empty()) out.to_segwd.emplace_back(std::move(activity));
  Drops drops;
  for (const auto& [reason, count] : drops_.all()) {
    uint64_t& told = drops_told_[reason];
    if (told == count) continue;
    told = count;
    drops.counts.push_back(DropCount{.reason = reason, .count = count});
  }
  if (!drops.counts.empty()) out.to_segwd.emplace_back(std::move(drops));
}

// ---- control ----

struct Engine::Control {
  Engine& engine;
  Instant now;
  Output& out;

  void operator()(const Setup& m) const { engine.setup(m, out); }
  void operator()(const SetRole& m) const { engine.set_role(m, now, out); }
  void operator()(const Vouch& m) const { engine.deadline_ = m.deadline; }
  void operator()(const InstallSa& m) const { engine.install(m, now); }
  void operator()(const UseOutbound& m) const { engine.use_outbound(m.inbound_spi, now); }
  void operator()(const RemoveSa& m) const { engine.remove(m.inbound_spi, now); }
  void operator()(const SetGrants& m) const {
    const auto at = engine.sas_.find(m.inbound_spi);
    if (at != engine.sas_.end()) at->second.sa.grants = m.grants;
  }
  void operator()(const SetWindow& m) const { engine.set_window(m.window); }
  void operator()(const SetPeerEndpoint& m) const { engine.set_peer_endpoint(m); }
  void operator()(const SendIke& m) const { engine.send_ike(m.datagram, out); }
  void operator()(const Freeze& m) const { engine.freeze(m.cookie, out); }
};

void Engine::on_control(const ToIsa& message, Instant now, Output& out) {
  std::visit(Control{.engine = *this, .now = now, .out = out}, message);
}

void Engine::setup(const Setup& message, Output& out) {
  setup_ = message;
  out.to_segwd.emplace_back(Ready{.crypto = backend_->name()});
}

void Engine::set_role(const SetRole& message, Instant now, Output& out) {
  if (message.role == Role::Acting) {
    iv_epoch_ = message.iv_epoch;
    for (auto& [spi, sa] : sas_) {
      // Rule 11: a chassis that begins to act goes on in its own block, above every bound it knows.
      sa.outbound_next = esp::takeover_start(sa.sa.grants, setup_.slot, sa.outbound_next);
      sa.moved = false;
    }
  }
  role_ = message.role;
  std::deque<Kept> kept = std::move(kept_);
  kept_.clear();
  if (role_ == Role::Buffering) {
    kept_ = std::move(kept);
    return;
  }
  if (role_ != Role::Acting) {
    if (!kept.empty()) drops_.add("buffer-given-up", kept.size());
    return;
  }
  for (const Kept& each : kept) {
    if (each.from_public) {
      public_packet(each.packet, now, out);
    } else {
      private_packet(each.packet, now, out);
    }
  }
}

void Engine::install(const InstallSa& message, Instant now) {
  const auto at = sas_.find(message.sa.inbound_spi);
  if (at != sas_.end()) {
    // Known: only what may change without new keys; windows never move back.
    Sa& sa = at->second;
    if (!(sa.sa.inbound_key == message.sa.inbound_key)) return drop("install-other-key");
    sa.sa = message.sa;
    sa.may_seal = message.may_seal;
    sa.outbound_next = std::max(sa.outbound_next, message.outbound_next);
    if (message.outbound && !sa.outbound) use_outbound(message.sa.inbound_spi, now);
    return;
  }
  Sa sa;
  sa.sa = message.sa;
  sa.opener = esp::Opener::make(message.sa, *backend_);
  sa.sealer = esp::Sealer::make(message.sa, *backend_);
  if (!sa.opener || !sa.sealer) return drop("install-bad-key");
  sa.may_seal = message.may_seal;
  sa.installed = ++installs_;
  sa.outbound_next = std::max<uint64_t>(message.outbound_next, 1);
  sa.activity.window.inbound_spi = message.sa.inbound_spi;
  if (message.inbound_edge != 0) sa.opener->window().merge(message.inbound_edge, {});
  const Spi spi = message.sa.inbound_spi;
  sas_.emplace(spi, std::move(sa));
  if (message.outbound) use_outbound(spi, now);
}

void Engine::use_outbound(Spi spi, Instant now) {
  const auto at = sas_.find(spi);
  if (at == sas_.end()) return;
  // Only a rekey has an old SA that the client still listens to; after a new IKE SA it does not.
  const IkeSpi owner = at->second.sa.ike_sa;
  const bool has_older = std::ranges::any_of(sas_, [&](const auto& entry) {
    return entry.first != spi && entry.second.outbound && entry.second.sa.ike_sa == owner;
  });
  at->second.outbound = true;
  at->second.preferred_from = has_older ? now + kOldOutbound : now;
}

// A successor waits behind the SA that it replaces, and behind no other: with that gone it is used
// at once. Else the packets would go to an IKE SA that the client has given up.
void Engine::remove(Spi spi, Instant now) {
  const auto at = sas_.find(spi);
  if (at == sas_.end()) return;
  const IkeSpi owner = at->second.sa.ike_sa;
  sas_.erase(at);
  Sa* next = nullptr;
  for (auto& [other, sa] : sas_) {
    if (!sa.outbound || sa.sa.ike_sa != owner) continue;
    if (sa.preferred_from <= now) return;
    if (next == nullptr || sa.installed < next->installed) next = &sa;
  }
  if (next != nullptr) next->preferred_from = now;
}

void Engine::set_window(const esp::SaWindow& window) {
  const auto at = sas_.find(window.inbound_spi);
  if (at == sas_.end()) return;
  Sa& sa = at->second;
  sa.outbound_next = std::max(sa.outbound_next, window.outbound_next);
  if (window.inbound_highest != 0) {
    sa.opener->window().merge(window.inbound_highest, window.seen);
  }
}

void Engine::set_peer_endpoint(const SetPeerEndpoint& message) {
  const auto at = sas_.find(message.inbound_spi);
  if (at == sas_.end()) return;
  at->second.sa.remote = message.remote;
  at->second.sa.encapsulation = message.encapsulation;
}

void Engine::send_ike(const IkeDatagram& datagram, Output& out) {
  Bytes payload;
  if (datagram.encapsulated()) payload.assign(kMarkerSize, 0);
  append(payload, datagram.message);
  out.to_public.push_back(
      esp::udp_packet(datagram.local, datagram.remote, ++identification_, payload));
}

void Engine::freeze(uint64_t cookie, Output& out) {
  role_ = Role::Closed;
  Frozen frozen{.cookie = cookie, .windows = {}, .last = false};
  for (const auto& [spi, sa] : sas_) {
    if (!sa.moved) continue;
    frozen.windows.push_back(window_of(sa));
    if (frozen.windows.size() == kWindowsPerMessage) {
      out.to_segwd.emplace_back(frozen);
      frozen.windows.clear();
    }
  }
  frozen.last = true;
  out.to_segwd.emplace_back(std::move(frozen));
}

}  // namespace segw::isa
