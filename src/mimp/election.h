#pragma once

// Who is master: pure, no clock, no I/O. Both chassis evaluate it on the same two sides and come to
// opposite answers, because outranking is a total order and nobody begins to act on facts that the
// other one has not accepted.

#include <optional>
#include <string_view>

#include "base/ids.h"
#include "base/ip_address.h"
#include "mimp/mimp_wire.h"

namespace segw::mimp {

struct LocalSide {
  Standing standing;
  IpAddress address;  // MIMP source address
};

struct PeerSide {
  Standing standing;
  IpAddress address;
  bool knows_us = false;        // it has accepted our present standing
  bool knows_eligible = false;  // … or at least that we are eligible
};

// `peer`: nothing if no two-way adjacency exists. Discovery is the answer only while the outcome
// waits for the peer's word (self is in Discovery and outranks a peer that does not know it yet).
[[nodiscard]] MasterState elect(const LocalSide& self, const std::optional<PeerSide>& peer);

// Why elect() says so, for the history and the event.
[[nodiscard]] std::string_view reason(const LocalSide& self, const std::optional<PeerSide>& peer);

// The peer took over from our present activation, by a planned handover that we agreed to.
[[nodiscard]] bool succeeded_by(const Standing& self, const Standing& peer);

}  // namespace segw::mimp
