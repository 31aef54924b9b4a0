#include "isa/engine.h"

#include <algorithm>

#include "base/planted.h"
#include "esp/fragmentation.h"
#include "esp/selectors.h"

namespace segw::isa {
namespace {

constexpr size_t kMarkerSize = 4;  // RFC 3948 2.2: non-ESP marker
constexpr Duration kOutboundWaitMax = std::chrono::hours(24 * 365);
constexpr size_t kWindowsPerMessage = 256;
constexpr uint64_t kLowMin = 4 * esp::kBlockSize;
constexpr Duration kLowIntervalMax = std::chrono::seconds(60);

}  // namespace

Engine::Engine(platform::Rng& rng, std::unique_ptr<esp::Backend> backend)
    : rng_(rng), backend_(std::move(backend)) {}

bool Engine::fenced(Instant now) const {
  if (SEGW_PLANTED(fenced)) return false;
  return now >= deadline_;
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

void Engine::report_low(Sa& sa, Instant now, Output& out) const {
  const bool answered = sa.low_grants != sa.sa.grants;
  if (sa.low_reported + (answered ? kLowInterval : sa.low_wait) > now) return;
  const uint64_t ahead = esp::unhindered(sa.sa.grants, setup_.slot, sa.outbound_next);
  if (ahead >= std::max(sa.rate, kLowMin)) return;
  // Who gives nothing may have nothing to give: with no peer at hand an SA uses its own blocks.
  sa.low_wait = answered ? kLowInterval : std::min(2 * sa.low_wait, kLowIntervalMax);
  sa.low_grants = sa.sa.grants;
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
  unknown_told_ = 0;
  reassembler_.expire(now, drops_);
  path_mtus_.expire(now);
  Activity activity;
  for (auto& [spi, sa] : sas_) {
    const uint64_t sent = sa.activity.packets_out - sa.packets_at_tick;
    sa.packets_at_tick = sa.activity.packets_out;
    sa.rate = std::max(sent * 10, sa.rate / 2);
    keep_nat_alive(sa, now, out);
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
  out.to_segwd.emplace_back(Alive{});
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
  // Redundancy rule 8 is for IKE as well: segwd may not know yet that it slept.
  void operator()(const SendIke& m) const {
    if (engine.role_ != Role::Acting) return engine.drop("not-acting");
    if (engine.fenced(now)) return engine.drop("fenced");
    engine.send_ike(m.datagram, out);
  }
  void operator()(const Freeze& m) const { engine.freeze(m.cookie, out); }
};

void Engine::on_control(const ToIsa& message, Instant now, Output& out) {
  std::visit(Control{.engine = *this, .now = now, .out = out}, message);
}

void Engine::setup(const Setup& message, Output& out) {
  setup_ = message;
  own_.clear();
  own_private_.clear();
  own_.insert(message.gateways.begin(), message.gateways.end());
  for (const IpPrefix& each : message.public_interfaces) own_.insert(each.address);
  for (const IpPrefix& each : message.private_interfaces) own_private_.insert(each.address);
  reassembler_.set_max_wait(message.reassembly_wait);
  out.to_segwd.emplace_back(Ready{.crypto = backend_->name()});
}

void Engine::set_role(const SetRole& message, Instant now, Output& out) {
  if (message.role == Role::Acting) {
    iv_epoch_ = message.iv_epoch;
    for (auto& [spi, sa] : sas_) {
      // Rule 11: a chassis that begins to act goes on in its own block, above every bound it knows.
      sa.outbound_next =
          esp::takeover_start(sa.sa.grants, setup_.slot, sa.outbound_next, message.position);
      sa.moved = false;
      sa.low_wait = kLowInterval;
    }
  }
  role_ = message.role;
  // Rule 24: only the active reassembles.
  if (role_ != Role::Acting) reassembler_.clear(drops_);
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
  if (message.sa.local.family() != message.sa.remote.family()) return drop("install-two-families");
  const auto at = sas_.find(message.sa.inbound_spi);
  if (at != sas_.end()) {
    // Known: only what may change without new keys; windows never move back.
    Sa& sa = at->second;
    // The ciphers stay, so what they were made of must too.
    if (!(sa.sa.inbound_key == message.sa.inbound_key) ||
        !(sa.sa.outbound_key == message.sa.outbound_key) || sa.sa.suite != message.sa.suite) {
      return drop("install-other-key");
    }
    unindex_outbound(sa.sa);
    sa.sa = message.sa;
    sa.options = message.options;
    index_outbound(sa.sa);
    sa.may_seal = message.may_seal;
    sa.outbound_next = std::max(sa.outbound_next, message.outbound_next);
    if (message.outbound && !sa.outbound) use_outbound(message.sa.inbound_spi, now);
    return;
  }
  Sa sa;
  sa.sa = message.sa;
  sa.options = message.options;
  sa.opener = esp::Opener::make(message.sa, *backend_);
  sa.sealer = esp::Sealer::make(message.sa, *backend_);
  if (!sa.opener || !sa.sealer) return drop("install-bad-key");
  sa.may_seal = message.may_seal;
  sa.installed = ++installs_;
  sa.born = now - message.sa.age;
  sa.outbound_next = std::max<uint64_t>(message.outbound_next, 1);
  sa.activity.window.inbound_spi = message.sa.inbound_spi;
  if (message.inbound_edge != 0) sa.opener->window().merge(message.inbound_edge, {});
  const Spi spi = message.sa.inbound_spi;
  index_outbound(sa.sa);
  sa.last_sent = now;
  sas_.emplace(spi, std::move(sa));
  if (message.outbound) use_outbound(spi, now);
}

void Engine::index_outbound(const esp::ChildSa& sa) {
  by_outbound_[{sa.remote, sa.outbound_spi}] = sa.inbound_spi;
}

void Engine::unindex_outbound(const esp::ChildSa& sa) {
  const auto at = by_outbound_.find({sa.remote, sa.outbound_spi});
  if (at != by_outbound_.end() && at->second == sa.inbound_spi) by_outbound_.erase(at);
}

void Engine::use_outbound(Spi spi, Instant now) {
  const auto at = sas_.find(spi);
  if (at == sas_.end()) return;
  // sros-facts §6.1. Only the SA that it replaces is worth waiting behind.
  const esp::ChildSa& sa = at->second.sa;
  const auto old = sas_.find(sa.replaces);
  const bool waits = old != sas_.end() && old->second.outbound && sa.outbound_from > sa.age;
  at->second.outbound = true;
  at->second.preferred_from =
      waits ? now + std::min(sa.outbound_from - sa.age, kOutboundWaitMax) : now;
}

// A successor waits behind the SA that it replaces, and behind no other: with that gone it is used
// at once. Else the packets would go to an SA that the client has given up.
void Engine::remove(Spi spi, Instant now) {
  const auto at = sas_.find(spi);
  if (at == sas_.end()) return;
  unindex_outbound(at->second.sa);
  sas_.erase(at);
  for (auto& [other, sa] : sas_) {
    if (sa.outbound && sa.sa.replaces == spi) sa.preferred_from = std::min(sa.preferred_from, now);
  }
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
  esp::ChildSa& sa = at->second.sa;
  if (message.remote.family() != sa.local.family()) return drop("endpoint-other-family");
  unindex_outbound(sa);
  sa.remote = message.remote;
  sa.encapsulation = message.encapsulation;
  index_outbound(sa);
}

void Engine::send_ike(const IkeDatagram& datagram, Output& out) {
  const IpFamily family = datagram.local.address.family();
  if (datagram.remote.address.family() != family) return drop("ike-two-families");
  Bytes payload;
  if (datagram.encapsulated()) payload.assign(kMarkerSize, 0);
  append(payload, datagram.message);
  if (esp::ip_header_size(family) + esp::kUdpHeaderSize + payload.size() > esp::kIpSizeMax) {
    return drop("ike-too-large");
  }
  const Bytes packet = esp::udp_packet(datagram.local, datagram.remote, ++identification_, payload);
  // The kernel fragments IPv4 where it must; of IPv6 only the source does (RFC 8200 5).
  if (family == IpFamily::V4 || packet.size() <= setup_.public_mtu) {
    out.to_public.push_back(packet);
    return;
  }
  const auto identification = static_cast<uint32_t>(rng_.next());
  for (Bytes& part : cut(packet, setup_.public_mtu, identification)) {
    out.to_public.push_back(std::move(part));
  }
}

void Engine::freeze(uint64_t cookie, Output& out) {
  role_ = Role::Closed;
  reassembler_.clear(drops_);
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
