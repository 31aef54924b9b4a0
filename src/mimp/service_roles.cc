// Facts, decision and state.

#include <fmt/format.h>

#include <utility>

#include "base/planted.h"
#include "mimp/service.h"

namespace segw::mimp {

bool MimpService::in_sync() const {
  return acting(state_) || wrote_last() || grant_.valid(now(), activation_);
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

MasterState MimpService::peer_state(PeerIndex /*peer*/) const {
  return peer_up_ && peer_ ? peer_->standing.state : MasterState::Discovery;
}

PeerInfo MimpService::peer_info(PeerIndex /*peer*/) const {
  if (!peer_up_ || !peer_) return {};
  return PeerInfo{.router_id = peer_->router_id.value_or(IpAddress{}),
                  .role = peer_->standing.role,
                  .priority = peer_->standing.priority,
                  .in_sync = peer_->standing.in_sync};
}

std::optional<PeerIndex> MimpService::active_peer() const {
  if (!acting(peer_state(PeerIndex{0}))) return std::nullopt;
  return PeerIndex{0};
}

std::optional<IpAddress> MimpService::current_active() const {
  if (acting(state_)) return settings_.router_id;
  if (const auto peer = active_peer()) return peer_info(*peer).router_id;
  return std::nullopt;
}

std::optional<PeerIndex> MimpService::successor(std::optional<IpAddress> to_router) const {
  if (!peer_up_ || !peer_ || peer_->standing.state != MasterState::Standby) return std::nullopt;
  if (to_router && peer_->router_id != to_router) return std::nullopt;
  return PeerIndex{0};
}

std::optional<PeerSide> MimpService::peer_side() const {
  if (!peer_up_ || !peer_) return std::nullopt;
  const uint64_t accepted = peer_->echo ? peer_->echo->accepted : 0;
  return PeerSide{.standing = peer_->standing,
                  .address = peer_settings().address,
                  .knows_us = told_ == standing() && accepted >= standing_beat_,
                  .knows_eligible = told_ && told_->eligible && accepted >= eligible_beat_};
}

// After every event.
void MimpService::settle() {
  if (!started_) return;
  decide();
  update_set();
  announce();
}

void MimpService::decide() {
  const auto peer = peer_side();
  if (!acting(state_) && !peer && now() < discovery_until_) return;
  if (SEGW_PLANTED(liveness) && state_ == MasterState::Standby && !peer) return;
  const LocalSide self{.standing = standing(), .address = peer_settings().local};
  const std::string why(reason(self, peer));
  const MasterState next = elect(self, peer);
  if (next == MasterState::Discovery) return;  // until the peer's word
  if (peer) discovery_until_ = now();          // an election was held
  if (acting(next)) {
    if (!acting(state_)) {
      begin_acting(next, Takeover::ByElection, why);
      return;
    }
    const bool contested =
        peer && acting(peer->standing.state) && peer->standing.acting_under >= acting_under_;
    // What the other one told clients is not here, and never will be.
    if (contested) clean_ = false;
    if (contested || activation_ > acting_under_) renew_activation(next, why);
    enter(next, clean_, why);
    return;
  }
  if (acting(state_) && peer && succeeded_by(self.standing, peer->standing)) {
    // The chassis finishes its side of the handover first: it calls yield() from on_keep_alive.
    post_([this, why] {
      if (woke_from_pause()) return;
      host_.on_keep_alive();
      const auto successor = peer_side();
      if (!acting(state_) || !successor || !succeeded_by(standing(), successor->standing)) return;
      enter(MasterState::Standby, true, why);
      settle();
    });
    return;
  }
  outranked_ = next == MasterState::Standby && acting(state_);
  const bool no_longer_eligible = next == MasterState::NotEligible && !eligible_why_.empty();
  enter(next, true, no_longer_eligible ? eligible_why_ : why);
}

// Two acted, and we go on: what we write from now on must outrank what the other one wrote, or its
// records and ours could not be told apart (redundancy rules 2 and 16).
void MimpService::renew_activation(MasterState next, std::string_view why) {
  activation_.value += 1;
  acting_under_ = activation_;
  succeeds_ = {};
  peer_synced_ = false;
  set_.begin(acting_under_);
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
  succeeds_ = takeover == Takeover::Planned && peer_ ? peer_->standing.acting_under : Activation{};
  // Redundancy rule 2: "max(own disk, all heard) + 1".
  activation_.value += 1;
  acting_under_ = activation_;
  held_ = held_ || clean;
  clean_ = clean;
  last_wrote_ = {};
  grant_.clear();
  peer_synced_ = false;
  set_.begin(acting_under_);
  set_.expire(now());
  counters_.add(clean ? "takeover-clean" : "takeover-unclean");
  enter(next, clean, why);
}

void MimpService::enter(MasterState next, bool clean, std::string_view why) {
  if (next == state_) return;
  if (acting(state_) && !acting(next)) {
    // Unheard, the peer may be acting already: then this is no longer the last word.
    if (next == MasterState::NotEligible && peer_up_) last_wrote_ = acting_under_;
    acting_under_ = {};
    succeeds_ = {};
    set_.end();
  }
  history_.add(now(), fmt::format("{} -> {} ({})", text(state_), text(next), why));
  counters_.add("role-changes");
  const RoleChange change{.from = state_,
                          .to = next,
                          .activation = activation_,
                          .clean = clean,
                          .outranked = std::exchange(outranked_, false),
                          .why = std::string(why)};
  state_ = next;
  post_role(change);
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

// No hello was accepted for hold.
void MimpService::lose_peer() {
  if (!peer_up_) return;
  // It may have taken over with its grant by now.
  if (set_.believed()) last_wrote_ = {};
  set_peer_up(false);
  counters_.add("peer-lost");
  settle();
}

void MimpService::set_peer_up(bool up) {
  peer_up_ = up;
  history_.add(now(), up ? "the peer is reachable" : "the peer is lost");
  post_([this, up] { host_.on_peer(PeerIndex{0}, up); });
}

// Grants membership to a peer that is reachable and, as MCS says, holds everything.
void MimpService::update_set() {
  if (acting(state_) && peer_synced_ && peer_up_) {
    set_.admit();
    held_ = true;
  } else {
    set_.remove();
  }
  set_.expire(now());
  if (set_.waits() != waits_told_) {
    waits_told_ = set_.waits();
    post_([this] { host_.on_members_changed(); });
  }
  arm_set_timer();
}

}  // namespace segw::mimp
