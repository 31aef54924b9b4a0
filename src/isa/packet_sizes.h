#pragma once

// What becomes of a packet into a tunnel by its size: RFC 4301 8, docs/decisions/0060. Pure.

#include "esp/child_sa.h"
#include "esp/ip_packet.h"
#include "esp/tunnel_options.h"

namespace segw::isa {

struct PathMtu {
  size_t interface = 1500;   // of the public side
  size_t learnt = SIZE_MAX;  // from routers on the way to the client
};

enum class Fate : uint8_t {
  Seal,
  CutThenSeal,  // into fragments of at most `mtu`, each sealed
  SealThenCut,  // the outer packet into fragments of at most `mtu`
  TooBig,       // dropped; its source is told of `mtu`
};

struct SizeDecision {
  Fate fate = Fate::Seal;
  size_t mtu = 0;
  bool dont_fragment = false;  // in the outer IPv4 header
  auto operator<=>(const SizeDecision&) const = default;
};

[[nodiscard]] SizeDecision decide_by_size(const esp::ChildSa& sa, const esp::TunnelOptions& options,
                                          const esp::IpPacket& packet, const PathMtu& path);

// The largest inner packet that is sealed into one outer packet.
[[nodiscard]] size_t inner_mtu(const esp::ChildSa& sa, const esp::TunnelOptions& options,
                               const PathMtu& path);

}  // namespace segw::isa
