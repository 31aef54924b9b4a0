// Time: keep-alives, loss, what runs out, and pauses of this process.

#include <algorithm>

#include "mimp/service.h"

namespace segw::mimp {

// A timer that is this late, as part of the keep-alive interval, says that we slept: what the peer
// sent meanwhile may still wait in the socket.
constexpr int kLatePart = 4;

void MimpService::on_keep_alive_due() {
  const Instant due = keep_alive_timer_.due();
  if (woke_from_pause()) return;
  const Instant next = due + keep_alive_;
  keep_alive_timer_.arm_at(next > now() ? next : now() + keep_alive_);
  if (request_ && now() >= request_until_) request_.reset();
  send_to_all();
  post_keep_alive();
  settle();
}

// Redundancy rule 8. Only from here does the chassis vouch for its ISAs; a process that slept
// through it does not get to it before it has noticed.
void MimpService::post_keep_alive() {
  post_([this, pauses = pauses_] {
    if (!woke_from_pause() && pauses == pauses_) host_.on_keep_alive();
  });
}

void MimpService::on_loss_due(Neighbour& peer) {
  const Instant due = peer.loss_timer.due();
  if (woke_from_pause()) return;
  if (peer.adjacency.up(now())) {
    peer.loss_timer.arm_at(peer.adjacency.lost_at());
    return;
  }
  const Duration late = keep_alive_ / kLatePart;
  if (now() - due > late && !peer.loss_graced) {
    peer.loss_graced = true;
    peer.loss_timer.arm(late);
    return;
  }
  lose(peer, {});
}

void MimpService::on_time() {
  if (woke_from_pause()) return;
  settle();
}

// When the facts change without anything happening.
void MimpService::arm_timers() {
  std::optional<Instant> next;
  const auto consider = [&](Instant at) {
    if (at > now() && (!next || at < *next)) next = at;
  };
  if (!acting(state_)) {
    consider(discovery_until_);
    consider(gather_until_);
    if (probe_) consider(probe_->deadline);
  }
  for (const Neighbour& peer : neighbours_) {
    if (const auto out = peer.set.surely_out_at()) consider(*out);
  }
  each_word([&](const Neighbour& peer, const Vouching& vouching, Word word) {
    if (word == Word::Nothing) return;
    const Duration limit = word_limit(std::max(keep_alive_, peer.hello->keep_alive));
    consider(peer.hello_at + limit - vouching.age + Duration(1));
  });
  if (!next) {
    time_timer_.cancel();
  } else if (!time_timer_.armed() || time_timer_.due() != *next) {
    time_timer_.arm_at(*next);
  }
}

Instant MimpService::sent_to_all() const {
  return std::ranges::min_element(neighbours_, {}, &Neighbour::last_sent)->last_sent;
}

// Whoever waits least: a peer may have less configured than we have.
Duration MimpService::shortest_hold() const {
  Duration hold = hold_;
  for (const Neighbour& peer : neighbours_) {
    if (peer.hello) hold = std::min(hold, peer.hello->hold);
  }
  return hold;
}

Instant MimpService::vouch_until() const { return sent_to_all() + shortest_hold(); }

// Redundancy rule 8: "After any pause longer than hold, segwd is not acting until it has heard MIMP
// or waited hold." A pause is a silence of ours: the peers count hold from our last hello, so from
// then on they may act.
bool MimpService::woke_from_pause() {
  if (!started_ || now() - sent_to_all() <= shortest_hold()) return false;
  ++pauses_;
  counters_.add("paused");
  history_.add(now(), "this chassis was paused");
  last_wrote_ = {};
  discovery_until_ = now() + longest_hold_;
  gather_until_ = discovery_until_;
  probe_.reset();
  lost_active_ = false;
  set_blocked(false);
  if (state_ != MasterState::NotEligible) {
    enter({.to = MasterState::Discovery, .why = "paused"});
  }
  request_.reset();
  keep_alive_timer_.arm(keep_alive_);
  send_to_all();
  for (Neighbour& peer : neighbours_) {
    peer.loss_timer.cancel();
    if (!peer.up) continue;
    // What we know of it is from before; the next accepted hello brings it back.
    set_up(peer, false, "this chassis was paused");
    peer.hello.reset();
  }
  update_set();
  arm_timers();
  return true;
}

}  // namespace segw::mimp
