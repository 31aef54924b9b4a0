// What goes to the clients.
#include <algorithm>

#include "base/planted.h"
#include "esp/fragmentation.h"
#include "esp/selectors.h"
#include "esp/tcp_mss.h"
#include "isa/engine.h"

namespace segw::isa {
namespace {

constexpr uint8_t kNatKeepAlive = 0xFF;

}  // namespace

void Engine::private_packet(const Bytes& bytes, Instant now, Output& out) {
  const auto packet = esp::parse_ip(bytes);
  if (!packet) return drop("private-malformed");
  if (own_private_.contains(packet->destination)) {
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
  into_tunnel(*sa, to_bytes(ByteView(bytes).first(packet->size)), now, out);
}

PathMtu Engine::path_of(const Sa& sa, Instant now) const {
  return PathMtu{.interface = setup_.public_mtu,
                 .learnt = path_mtus_.get(sa.sa.local, sa.sa.remote, now)};
}

std::vector<Bytes> Engine::cut(const Bytes& packet, size_t mtu, uint32_t identification) {
  auto parts = esp::fragments_of(packet, mtu, identification);
  if (parts.empty()) drop("cannot-be-cut");
  return parts;
}

void Engine::into_tunnel(Sa& sa, Bytes bytes, Instant now, Output& out) {
  if (sa.options.private_tcp_mss != 0) esp::lower_tcp_mss(bytes, sa.options.private_tcp_mss);
  const auto packet = esp::parse_ip(bytes);
  if (!packet) return drop("private-malformed");
  const SizeDecision decision = decide_by_size(sa.sa, sa.options, *packet, path_of(sa, now));
  switch (decision.fate) {
    case Fate::TooBig:
      return too_big(sa, *packet, bytes, decision.mtu, now, out);
    case Fate::CutThenSeal:
      for (const Bytes& part : cut(bytes, decision.mtu, 0)) {
        if (!seal(sa, part, decision, now, out)) return;
      }
      return;
    case Fate::Seal:
    case Fate::SealThenCut:
      if (packet->size > esp::inner_size_max(sa.sa, esp::kIpSizeMax)) {
        return drop("private-too-big");
      }
      seal(sa, bytes, decision, now, out);
      return;
  }
}

Engine::Sa* Engine::outbound_sa(const esp::IpPacket& packet, Instant now) {
  Sa* best = nullptr;
  const auto better = [&](const Sa& candidate) {
    if (best == nullptr) return true;
    const bool due = candidate.preferred_from <= now;
    const bool best_due = best->preferred_from <= now;
    if (due != best_due) return due;
    // Both may be used: the newer. Neither yet: the older, that the client surely has. After a copy
    // from the other chassis the order of installing says nothing, but for equal ages.
    const auto birth = std::pair(candidate.born, candidate.installed);
    const auto best_birth = std::pair(best->born, best->installed);
    return due ? birth > best_birth : birth < best_birth;
  };
  for (auto& [spi, sa] : sas_) {
    if (!sa.outbound || !sa.may_seal || !fits(sa.sa, packet, esp::Way::Outbound)) continue;
    if (better(sa)) best = &sa;
  }
  return best;
}

void Engine::too_big(Sa& sa, const esp::IpPacket& packet, const Bytes& inner, size_t mtu,
                     Instant now, Output& out) {
  drop("private-too-big");
  if (!esp::may_be_told(packet)) return;
  const esp::IcmpLimit& limit = packet.is_v4() ? sa.options.icmp_v4 : sa.options.icmp_v6;
  Sa::Told& told = packet.is_v4() ? sa.told_v4 : sa.told_v6;
  if (now >= told.since + limit.interval) told = {.count = 0, .since = now};
  if (++told.count > limit.count) return drop("private-too-big-untold");
  // From our address on that side; without one, in the name of the destination.
  IpAddress from = packet.destination;
  for (const IpPrefix& own : setup_.private_interfaces) {
    if (own.address.family() == packet.source.family()) from = own.address;
  }
  out.to_private.push_back(esp::packet_too_big(from, packet, inner, mtu, ++identification_));
}

bool Engine::seal(Sa& sa, const Bytes& inner, const SizeDecision& decision, Instant now,
                  Output& out) {
  const auto sequence = esp::next_allowed(sa.sa.grants, setup_.slot, sa.outbound_next,
                                          sa.sa.suite.extended_sequence_numbers);
  if (!sequence) {
    ++sa.activity.drops_sequence;
    sa.changed = true;
    drop("sequence-space-ended");
    return false;
  }
  sa.outbound_next = *sequence + 1;
  sa.changed = sa.moved = true;
  sa.last_sent = now;
  ++sa.activity.packets_out;
  sa.activity.bytes_out += inner.size();
  const esp::Numbers numbers{.sequence = *sequence,
                             .iv = esp::gcm_iv(setup_.slot, iv_epoch_, *sequence)};
  Bytes outer = sa.sealer->seal(sa.sa, inner, numbers, rng_,
                                esp::OuterFields{.identification = ++identification_,
                                                 .dont_fragment = decision.dont_fragment});
  if (decision.fate != Fate::SealThenCut || outer.size() <= decision.mtu) {
    out.to_public.push_back(std::move(outer));
  } else {
    const auto identification = static_cast<uint32_t>(rng_.next());
    for (Bytes& part : cut(outer, decision.mtu, identification)) {
      out.to_public.push_back(std::move(part));
    }
  }
  report_low(sa, now, out);
  return true;
}

// RFC 3948 4: "The NAT-keepalive ... if no other packet to the peer has been sent in M seconds".
// Of a tunnel's SAs the newest one sends it.
void Engine::keep_nat_alive(Sa& sa, Instant now, Output& out) {
  const Duration interval = sa.options.nat_keep_alive;
  if (interval == Duration{} || !sa.sa.encapsulation || sa.sa.rekeyed || !sa.outbound) return;
  if (role_ != Role::Acting || fenced(now) || now < sa.last_sent + interval) return;
  sa.last_sent = now;
  const Bytes payload{kNatKeepAlive};
  out.to_public.push_back(
      esp::udp_packet({.address = sa.sa.local, .port = sa.sa.encapsulation->local_port},
                      {.address = sa.sa.remote, .port = sa.sa.encapsulation->remote_port},
                      ++identification_, payload));
}

}  // namespace segw::isa
