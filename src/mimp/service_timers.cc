// Time: keep-alives, loss, discovery, grants running out, and pauses of this process.

#include <fmt/format.h>

#include "mimp/service.h"

namespace segw::mimp {

// A timer that is this late, as part of the keep-alive interval, says that we slept: what the peer
// sent meanwhile may still wait in the socket.
constexpr int kLatePart = 4;

void MimpService::on_keep_alive_due() {
  const Instant due = keep_alive_timer_.due();
  if (woke_from_pause()) return;
  const Instant next = due + peer_settings().keep_alive;
  keep_alive_timer_.arm_at(next > now() ? next : now() + peer_settings().keep_alive);
  if (request_ && now() >= request_until_) request_.reset();
  send_hello(std::nullopt);
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

void MimpService::on_loss_due() {
  const Instant due = loss_timer_.due();
  if (woke_from_pause()) return;
  if (adjacency_.up(now())) {
    loss_timer_.arm_at(adjacency_.lost_at());
    return;
  }
  const Duration late = peer_settings().keep_alive / kLatePart;
  if (now() - due > late && !loss_graced_) {
    loss_graced_ = true;
    loss_timer_.arm(late);
    return;
  }
  lose_peer();
}

void MimpService::on_discovery_due() {
  if (woke_from_pause()) return;
  settle();
}

void MimpService::on_set_due() {
  if (woke_from_pause()) return;
  settle();
}

void MimpService::arm_set_timer() {
  const auto at = set_.surely_out_at();
  if (!at) {
    set_timer_.cancel();
  } else if (!set_timer_.armed() || set_timer_.due() != *at) {
    set_timer_.arm_at(*at);
  }
}

// Redundancy rule 8: "After any pause longer than hold, segwd is not acting until it has heard MIMP
// or waited hold." A pause is a silence of ours: the peer counts hold from our last hello, so from
// then on it may act.
bool MimpService::woke_from_pause() {
  if (!started_ || now() - last_sent_ <= peer_settings().hold()) return false;
  ++pauses_;
  counters_.add("paused");
  history_.add(now(), "this chassis was paused");
  last_wrote_ = {};
  discovery_until_ = now() + peer_settings().hold();
  discovery_timer_.arm_at(discovery_until_);
  if (state_ != MasterState::NotEligible) enter(MasterState::Discovery, true, "paused");
  request_.reset();
  keep_alive_timer_.arm(peer_settings().keep_alive);
  loss_timer_.cancel();
  send_hello(std::nullopt);
  if (peer_up_) {
    // What we know of the peer is from before; the next accepted hello brings it back.
    set_peer_up(false);
    peer_.reset();
  }
  update_set();
  return true;
}

}  // namespace segw::mimp
