#pragma once

// Who is master: pure, no clock, no I/O. All nodes evaluate it on the same standings and come to
// one answer, because outranking is a total order and nobody begins to act on facts that the others
// have not accepted.

#include <optional>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/ip_address.h"
#include "mimp/mimp_wire.h"

namespace segw::mimp {

// A node as elections see it.
struct Side {
  Standing standing;
  IpAddress address;  // pair: MIMP source address; domain: router id
  Nonce nonce{};      // of its boot; decides only between two nodes with one router id
};

struct PeerSide : Side {
  bool knows_us = false;        // it has accepted our present standing
  bool knows_eligible = false;  // … or at least that we are eligible
};

// What a node knows.
struct View {
  Side self;
  std::vector<PeerSide> peers;  // reachable, both ways
  // Acting nodes that are not heard here, by the word of a peer that hears them (vouching.h).
  std::vector<Side> vouched;
};

enum class Cause : uint8_t {
  NotEligible,
  NoPeer,
  Succeeded,  // by a planned handover
  TwoActed,
  Sits,  // acts, and no other does
  PeerActs,
  Vouched,  // a peer hears an acting node that is not heard here
  NoOther,  // no peer is eligible
  Elected,
};

struct Outcome {
  // Discovery only while the outcome waits for the peers' word (self is in Discovery and outranks
  // peers that do not all know it yet).
  MasterState state = MasterState::Discovery;
  Cause cause = Cause::Elected;
};

[[nodiscard]] Outcome elect(const View& view);

// For the history and the event.
[[nodiscard]] std::string_view text(Cause cause);

// The peer took over from our present activation, by a planned handover that we agreed to.
[[nodiscard]] bool succeeded_by(const Standing& self, const Standing& peer);

// Whom of these the others are to follow: the place of the acting one that goes on, if any acts.
[[nodiscard]] std::optional<size_t> active_of(const std::vector<Side>& sides);
// Whom of these an election without the active would choose: the place of a standby.
[[nodiscard]] std::optional<size_t> next_of(const std::vector<Side>& sides);

}  // namespace segw::mimp
