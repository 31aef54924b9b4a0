#include "mimp/election.h"

#include <algorithm>
#include <tuple>

#include "base/planted.h"

namespace segw::mimp {
namespace {

// sros-facts §3.3: designated role, then priority; §2.2 rules 4 and 5: "higher configured priority;
// equal → more active ISAs", then the higher address. In a pair all roles are equal.
auto by_configuration(const Side& side) {
  return std::tie(side.standing.role, side.standing.priority, side.standing.active_isas,
                  side.address, side.nonce);
}

// Nobody acts. In sync goes before all that is configured (redundancy rule 1), so that a stale
// chassis with the higher priority does not lose what clients were told.
bool outranks(const Side& self, const Side& other) {
  if (self.standing.eligible != other.standing.eligible) return self.standing.eligible;
  if (self.standing.in_sync != other.standing.in_sync) return self.standing.in_sync;
  return by_configuration(self) > by_configuration(other);
}

// Both act, neither by a planned handover from the other.
bool goes_on(const Side& self, const Side& other) {
  if (self.standing.eligible != other.standing.eligible) return self.standing.eligible;
  // Redundancy rule 6: "one that never held or synchronised this group since its boot yields".
  if (self.standing.held != other.standing.held) return self.standing.held;
  return by_configuration(self) > by_configuration(other);
}

bool acts(const Side& side) { return acting(side.standing.state); }

bool succeeded_among(const Side& side, const std::vector<const Side*>& acting_ones) {
  return std::ranges::any_of(acting_ones, [&](const Side* other) {
    return other != &side && succeeded_by(side.standing, other->standing);
  });
}

// Of acting ones: who goes on. One that was succeeded as planned counts no more, so that what is
// left is in a total order.
const Side* who_goes_on(const std::vector<const Side*>& acting_ones) {
  const Side* best = nullptr;
  for (const Side* side : acting_ones) {
    if (succeeded_among(*side, acting_ones)) continue;
    if (best == nullptr || goes_on(*side, *best)) best = side;
  }
  return best;
}

std::vector<const Side*> acting_others(const View& view) {
  std::vector<const Side*> all;
  if (SEGW_PLANTED(one_active)) return all;
  for (const PeerSide& peer : view.peers) {
    if (acts(peer)) all.push_back(&peer);
  }
  for (const Side& side : view.vouched) all.push_back(&side);
  return all;
}

Outcome elect_acting(const View& view) {
  std::vector<const Side*> all = acting_others(view);
  if (all.empty()) {
    return {view.peers.empty() ? MasterState::Eligible : MasterState::Master,
            view.peers.empty() ? Cause::NoPeer : Cause::Sits};
  }
  all.push_back(&view.self);
  if (who_goes_on(all) == &view.self) return {MasterState::Master, Cause::TwoActed};
  const bool planned = succeeded_among(view.self, all);
  return {MasterState::Standby, planned ? Cause::Succeeded : Cause::TwoActed};
}

}  // namespace

bool succeeded_by(const Standing& self, const Standing& peer) {
  return peer.succeeds.value != 0 && peer.succeeds == self.acting_under;
}

Outcome elect(const View& view) {
  const Standing& self = view.self.standing;
  if (!self.eligible) return {MasterState::NotEligible, Cause::NotEligible};
  if (acting(self.state)) return elect_acting(view);
  if (view.peers.empty()) return {MasterState::Eligible, Cause::NoPeer};
  // sros-facts §2.2 rule 3: the sitting master stays.
  if (!acting_others(view).empty()) {
    const bool heard = std::ranges::any_of(view.peers, acts);
    return {MasterState::Standby, heard ? Cause::PeerActs : Cause::Vouched};
  }
  bool settled = true;
  bool alone = true;
  for (const PeerSide& peer : view.peers) {
    if (!outranks(view.self, peer)) return {MasterState::Standby, Cause::Elected};
    // A peer must have accepted what we decide on, and still not act; else a change on both sides
    // at once would make two masters. One that says that it is not eligible cannot act again
    // without our word, if it knows that we are.
    settled = settled && (peer.standing.eligible ? peer.knows_us : peer.knows_eligible);
    alone = alone && !peer.standing.eligible;
  }
  const Cause cause = alone ? Cause::NoOther : Cause::Elected;
  if (settled) return {MasterState::Master, cause};
  const bool waits = self.state == MasterState::Discovery;
  return {waits ? MasterState::Discovery : MasterState::Standby, cause};
}

std::string_view text(Cause cause) {
  switch (cause) {
    case Cause::NotEligible:
      return "tunnel-group is not eligible";
    case Cause::NoPeer:
      return "no peer is reachable";
    case Cause::Succeeded:
      return "the peer took over as planned";
    case Cause::TwoActed:
      return "two chassis were acting";
    case Cause::Sits:
      return "a peer is reachable again";
    case Cause::PeerActs:
      return "a peer is master";
    case Cause::Vouched:
      return "a peer hears a master that is not heard here";
    case Cause::NoOther:
      return "no peer is eligible";
    case Cause::Elected:
      return "of an election";
  }
  return {};
}

std::optional<size_t> active_of(const std::vector<Side>& sides) {
  std::vector<const Side*> all;
  for (const Side& side : sides) {
    if (acts(side)) all.push_back(&side);
  }
  const Side* best = who_goes_on(all);
  if (best == nullptr) return std::nullopt;
  return static_cast<size_t>(best - sides.data());
}

std::optional<size_t> next_of(const std::vector<Side>& sides) {
  std::optional<size_t> best;
  for (size_t at = 0; at < sides.size(); ++at) {
    const Standing& standing = sides[at].standing;
    if (!standing.eligible || standing.state != MasterState::Standby) continue;
    if (!best || outranks(sides[at], sides[*best])) best = at;
  }
  return best;
}

}  // namespace segw::mimp
