#include "mimp/election.h"

#include "base/planted.h"

namespace segw::mimp {
namespace {

// sros-facts §2.2, rules 4 and 5: "higher configured priority; equal → more active ISAs", then the
// higher MIMP source address.
bool wins_by_configuration(const LocalSide& self, const PeerSide& peer) {
  if (self.standing.priority != peer.standing.priority) {
    return self.standing.priority > peer.standing.priority;
  }
  if (self.standing.active_isas != peer.standing.active_isas) {
    return self.standing.active_isas > peer.standing.active_isas;
  }
  return self.address > peer.address;
}

// Nobody acts. In sync goes before priority (redundancy rule 1), so that a stale chassis with the
// higher priority does not lose what clients were told.
bool outranks(const LocalSide& self, const PeerSide& peer) {
  if (!peer.standing.eligible) return true;
  if (self.standing.in_sync != peer.standing.in_sync) return self.standing.in_sync;
  return wins_by_configuration(self, peer);
}

// Both act.
bool keeps_acting(const LocalSide& self, const PeerSide& peer) {
  if (succeeded_by(peer.standing, self.standing)) return true;
  if (succeeded_by(self.standing, peer.standing)) return false;
  if (!peer.standing.eligible) return true;
  // Redundancy rule 6: "one that never held or synchronised this group since its boot yields".
  if (self.standing.held != peer.standing.held) return self.standing.held;
  return wins_by_configuration(self, peer);
}

bool peer_acts(const PeerSide& peer) {
  if (SEGW_PLANTED(one_active)) return false;
  return acting(peer.standing.state);
}

}  // namespace

bool succeeded_by(const Standing& self, const Standing& peer) {
  return peer.succeeds.value != 0 && peer.succeeds == self.acting_under;
}

MasterState elect(const LocalSide& self, const std::optional<PeerSide>& peer) {
  if (!self.standing.eligible) return MasterState::NotEligible;
  if (!peer) return MasterState::Eligible;
  const bool self_acts = acting(self.standing.state);
  if (self_acts && peer_acts(*peer)) {
    return keeps_acting(self, *peer) ? MasterState::Master : MasterState::Standby;
  }
  if (self_acts) return MasterState::Master;  // sros-facts §2.2 rule 3: the sitting master stays
  if (peer_acts(*peer)) return MasterState::Standby;
  if (!outranks(self, *peer)) return MasterState::Standby;
  // The peer must have accepted what we decide on, and still not act; else a change on both sides
  // at once would make two masters. A standby whose eligibility is known waits for nobody: a peer
  // that says that it is not eligible cannot act again without its word.
  const bool settled = peer->standing.eligible ? peer->knows_us : peer->knows_eligible;
  if (settled) return MasterState::Master;
  return self.standing.state == MasterState::Discovery ? MasterState::Discovery
                                                       : MasterState::Standby;
}

std::string_view reason(const LocalSide& self, const std::optional<PeerSide>& peer) {
  if (!self.standing.eligible) return "tunnel-group is not eligible";
  if (!peer) return "no peer is reachable";
  const bool self_acts = acting(self.standing.state);
  if (self_acts && acting(peer->standing.state)) {
    if (succeeded_by(self.standing, peer->standing)) return "the peer took over as planned";
    return "both chassis were acting";
  }
  if (self_acts) return "the peer is reachable again";
  if (acting(peer->standing.state)) return "the peer is master";
  if (!peer->standing.eligible) return "the peer is not eligible";
  return "of an election";
}

}  // namespace segw::mimp
