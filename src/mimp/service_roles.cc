// Facts, decision and state.

#include <fmt/format.h>

#include <algorithm>

#include "base/planted.h"
#include "mimp/service.h"

namespace segw::mimp {

bool MimpService::in_sync() const { return acting(state_) || wrote_last() || granted_by(); }

std::optional<PeerIndex> MimpService::granted_by() const {
  if (acting(state_) || blocked_) return std::nullopt;
  for (const Neighbour& peer : neighbours_) {
    if (peer.grant.valid(now(), activation_)) return peer.index;
  }
  return std::nullopt;
}

Standing MimpService::standing() const {
  return Standing{.state = state_,
                  .eligible = eligible_,
                  .in_sync = in_sync(),
                  .held = held_,
                  .priority = settings_.priority,
                  .active_isas = active_isas_,
                  .role = settings_.role,
                  .activation = activation_,
                  .acting_under = acting_under_,
                  .succeeds = succeeds_};
}

// After every event.
void MimpService::settle() {
  if (!started_) return;
  decide();
  update_set();
  announce();
  arm_timers();
}

void MimpService::decide() {
  const View view = this->view();
  if (!acting(state_) && view.peers.empty() && now() < discovery_until_) return;
  if (SEGW_PLANTED(liveness) && state_ == MasterState::Standby && view.peers.empty()) return;
  const Outcome outcome = elect(view);
  if (outcome.state == MasterState::Discovery) return;  // until the peers' word
  if (acting(state_)) {
    go_on(view, outcome);
    return;
  }
  // A fresh election waits for peers that were not heard yet, but no longer than hold.
  const bool first = state_ == MasterState::Discovery && acting(outcome.state);
  if (first && !view.peers.empty() && !all_up() && now() < gather_until_) return;
  switch (follow_up(outcome)) {
    case Doubt::Asking:
      return;
    case Doubt::Resolved:
      decide();
      return;
    case Doubt::None:
      break;
  }
  if (!view.peers.empty()) discovery_until_ = now();  // an election was held
  if (acting(outcome.state)) {
    begin_acting(outcome.state, Takeover::ByElection, text(outcome.cause));
    return;
  }
  const bool down = outcome.cause == Cause::NotEligible && !eligible_why_.empty();
  enter({.to = outcome.state, .why = down ? eligible_why_ : std::string(text(outcome.cause))});
}

// We do not act: is somebody known to, or has that to be asked?
MimpService::Doubt MimpService::follow_up(const Outcome& outcome) {
  switch (outcome.cause) {
    case Cause::Vouched:
      last_wrote_ = {};
      probe_.reset();
      set_blocked(true);
      return Doubt::None;
    case Cause::PeerActs:
    case Cause::NotEligible:
      probe_.reset();
      set_blocked(false);
      return Doubt::None;
    case Cause::NoPeer:
    case Cause::Succeeded:
    case Cause::TwoActed:
    case Cause::Sits:
    case Cause::NoOther:
    case Cause::Elected:
      return doubt(acting(outcome.state));
  }
  return Doubt::None;
}

// We act, and go on or not.
void MimpService::go_on(const View& view, const Outcome& outcome) {
  if (outcome.cause == Cause::Succeeded) {
    yield_as_planned();
    return;
  }
  const std::string why(text(outcome.cause));
  if (!acting(outcome.state)) {
    const bool down = outcome.cause == Cause::NotEligible && !eligible_why_.empty();
    enter({.to = outcome.state,
           .outranked = outcome.state == MasterState::Standby,
           .why = down ? eligible_why_ : why});
    return;
  }
  const auto contests = [this](const Side& side) {
    return acting(side.standing.state) && side.standing.acting_under >= acting_under_;
  };
  const bool contested =
      std::ranges::any_of(view.peers, contests) || std::ranges::any_of(view.vouched, contests);
  // What the other one told clients is not here, and never will be.
  if (contested) clean_ = false;
  if ((contested || activation_ > acting_under_) && may_renew()) {
    renew_activation(outcome.state, why);
  }
  enter({.to = outcome.state, .clean = clean_, .why = why});
}

// The chassis finishes its side of the handover first: it calls yield() from on_keep_alive.
void MimpService::yield_as_planned() {
  post_([this] {
    if (woke_from_pause()) return;
    host_.on_keep_alive();
    if (!acting(state_) || elect(view()).cause != Cause::Succeeded) return;
    enter({.to = MasterState::Standby, .why = std::string(text(Cause::Succeeded))});
    settle();
  });
}

// Two that act and cannot hear each other would raise it for ever by way of others: once in a hold.
bool MimpService::may_renew() const {
  return !renewed_at_ || now() - *renewed_at_ >= longest_hold_;
}

// Two acted, and we go on: what we write from now on must outrank what the other one wrote, or its
// records and ours could not be told apart (redundancy rules 2 and 16).
void MimpService::renew_activation(MasterState next, std::string_view why) {
  activation_.value += 1;
  acting_under_ = activation_;
  succeeds_ = {};
  renewed_at_ = now();
  for (Neighbour& peer : neighbours_) {
    peer.synced = false;
    peer.set.begin(acting_under_);
  }
  counters_.add("activation-renewed");
  history_.add(now(), fmt::format("activation {} ({})", activation_.value, why));
  if (next != state_) return;  // enter() tells it
  post_role(RoleChange{.from = state_,
                       .to = state_,
                       .activation = activation_,
                       .clean = clean_,
                       .why = std::string(why)});
}

void MimpService::begin_acting(MasterState next, Takeover takeover, std::string_view why) {
  const bool first_ever = activation_.value == 0;
  const bool clean = takeover == Takeover::Planned || first_ever || in_sync();
  succeeds_ = {};
  if (takeover == Takeover::Planned) {
    for (const Neighbour& peer : neighbours_) {
      if (peer.hello) succeeds_ = std::max(succeeds_, peer.hello->standing.acting_under);
    }
  }
  const Activation predecessor = activation_;
  // Redundancy rule 2: "max(own disk, all heard) + 1".
  activation_.value += 1;
  acting_under_ = activation_;
  held_ = held_ || clean;
  clean_ = clean;
  last_wrote_ = {};
  lost_active_ = false;
  for (Neighbour& peer : neighbours_) {
    peer.grant.clear();
    peer.synced = false;
    peer.set.begin(acting_under_);
    peer.set.expire(now());
  }
  if (clean) inherit_members(predecessor);
  counters_.add(clean ? "takeover-clean" : "takeover-unclean");
  enter({.to = next, .clean = clean, .why = std::string(why)});
}

// Whoever else was in the last active's set may believe in its grant still, and take over with it:
// until each of them has acknowledged that we act, or its grant has surely run out, commits wait.
void MimpService::inherit_members(Activation predecessor) {
  if (last_members_of_ != predecessor) return;
  std::vector<IpAddress> others = last_members_;
  std::erase(others, settings_.router_id);
  const auto take = [&](Neighbour& peer) {
    const Duration hold = peer.hello ? peer.hello->hold : peer.settings.hold();
    const Duration longest = hold + lease_of(peer);
    peer.set.inherit(now() + longest + longest / 10);
  };
  for (Neighbour& peer : neighbours_) {
    if (!peer.hello || !peer.hello->router_id) continue;
    if (std::erase(others, *peer.hello->router_id) > 0) take(peer);
  }
  if (others.empty()) return;
  for (Neighbour& peer : neighbours_) {
    if (!peer.hello) take(peer);  // one of these, never heard here
  }
}

void MimpService::enter(RoleChange change) {
  if (change.to == state_) return;
  change.from = state_;
  change.activation = activation_;
  if (acting(state_) && !acting(change.to)) {
    // Unheard, a member may be acting already: then this is no longer the last word.
    const bool heard = any_up() && std::ranges::all_of(neighbours_, [](const Neighbour& peer) {
                         return peer.up || !peer.set.believed();
                       });
    if (change.to == MasterState::NotEligible && heard) last_wrote_ = acting_under_;
    acting_under_ = {};
    succeeds_ = {};
    for (Neighbour& peer : neighbours_) peer.set.end();
  }
  history_.add(now(), fmt::format("{} -> {} ({})", text(state_), text(change.to), change.why));
  counters_.add("role-changes");
  state_ = change.to;
  post_role(std::move(change));
}

// A role that was taken before a pause and is told after it would make the ISAs act on old facts:
// it is left out, and what follows starts from what was told last.
void MimpService::post_role(RoleChange change) {
  post_([this, change = std::move(change), pauses = pauses_]() mutable {
    (void)woke_from_pause();
    if (acting(change.to) && pauses != pauses_) return;
    change.from = told_role_;
    if (change.from == change.to && !acting(change.to)) return;
    told_role_ = change.to;
    host_.on_role(change);
  });
}

// The loss of the role is told after the current event. Until then the host tells clients what it
// had to tell, and a member of the set that was, which may act by now, must hold that.
bool MimpService::in_sync_set(PeerIndex peer) const {
  const InSyncSet& set = at(peer).set;
  return set.waits() || (acting(told_role_) && !acting(state_) && set.believed());
}

// Grants membership to peers that are reachable and, as MCS says, hold everything.
void MimpService::update_set() {
  bool changed = false;
  for (Neighbour& peer : neighbours_) {
    if (acting(state_) && peer.synced && peer.up) {
      peer.set.admit();
      held_ = true;
    } else {
      peer.set.remove();
    }
    peer.set.expire(now());
    changed = changed || peer.set.waits() != peer.waits_told;
    peer.waits_told = peer.set.waits();
  }
  if (changed) post_([this] { host_.on_members_changed(); });
}

}  // namespace segw::mimp
