#include "isa/packet_sizes.h"

#include <algorithm>

#include "esp/selectors.h"
#include "esp/tunnel.h"

namespace segw::isa {
namespace {

size_t or_all(uint16_t configured) { return configured == 0 ? SIZE_MAX : configured; }

size_t outer_mtu(const esp::TunnelOptions& options, const PathMtu& path) {
  return std::min({path.interface, path.learnt, or_all(options.encapsulated_ip_mtu)});
}

}  // namespace

size_t inner_mtu(const esp::ChildSa& sa, const esp::TunnelOptions& options, const PathMtu& path) {
  return std::min(or_all(options.ip_mtu), esp::inner_size_max(sa, outer_mtu(options, path)));
}

SizeDecision decide_by_size(const esp::ChildSa& sa, const esp::TunnelOptions& options,
                            const esp::IpPacket& packet, const PathMtu& path) {
  const size_t outer = outer_mtu(options, path);
  const size_t inner = inner_mtu(sa, options, path);
  // RFC 4301 8.1: the outer bit is copied, or cleared where the operator says so. An inner IPv6
  // packet may not be fragmented on its way either.
  const bool whole = packet.dont_fragment && !(packet.is_v4() && options.clear_df_bit);
  if (packet.size <= inner) return {.fate = Fate::Seal, .mtu = 0, .dont_fragment = whole};
  const SizeDecision cut_outside{.fate = Fate::SealThenCut, .mtu = outer};
  if (!whole) {
    // Before sealing: then the client's end reassembles nothing, and every packet that it gets is
    // authentic by itself. Selectors with ports have no place for later fragments (RFC 4301 7).
    const bool before = esp::takes_fragments(sa) && inner >= esp::kIpv4MtuMin;
    return before ? SizeDecision{.fate = Fate::CutThenSeal, .mtu = inner} : cut_outside;
  }
  // What routers said is told on only where the operator wants it so.
  const bool propagate = packet.is_v4() ? options.propagate_pmtu_v4 : options.propagate_pmtu_v6;
  const PathMtu told_of{.interface = path.interface, .learnt = propagate ? path.learnt : SIZE_MAX};
  // RFC 8200 5: no link of IPv6 has less, and no source must go below it: RFC 2473 7.1 then
  // fragments outside.
  const size_t least = packet.is_v4() ? esp::kIpv4MtuMin : esp::kIpv6MtuMin;
  const size_t told = std::max(inner_mtu(sa, options, told_of), least);
  if (packet.size <= told) return cut_outside;
  return {.fate = Fate::TooBig, .mtu = told};
}

}  // namespace segw::isa
