// Who is there, and whose word counts.

#include <fmt/format.h>

#include <algorithm>

#include "mimp/service.h"

namespace segw::mimp {
namespace {

// Redundancy rule 4: peers that were asked have min(100 ms, interval / 2) to answer.
constexpr Duration kProbeMax = std::chrono::milliseconds(100);

}  // namespace

bool MimpService::any_up() const { return std::ranges::any_of(neighbours_, &Neighbour::up); }
bool MimpService::all_up() const { return std::ranges::all_of(neighbours_, &Neighbour::up); }

MasterState MimpService::peer_state(PeerIndex peer) const {
  const Neighbour& of = at(peer);
  return of.up && of.hello ? of.hello->standing.state : MasterState::Discovery;
}

PeerInfo MimpService::peer_info(PeerIndex peer) const {
  const Neighbour& of = at(peer);
  if (!of.up || !of.hello) return {};
  return PeerInfo{.router_id = of.hello->router_id.value_or(IpAddress{}),
                  .role = of.hello->standing.role,
                  .priority = of.hello->standing.priority,
                  .in_sync = of.hello->standing.in_sync};
}

std::vector<uint16_t> MimpService::peer_keys(PeerIndex peer) const {
  const Neighbour& of = at(peer);
  return of.up && of.hello ? of.hello->keys : std::vector<uint16_t>{};
}

Side MimpService::side_of(const Neighbour& peer, const Hello& hello) const {
  return Side{
      .standing = hello.standing,
      .address = settings_.domain ? hello.router_id.value_or(IpAddress{}) : peer.settings.address,
      .nonce = hello.nonce};
}

View MimpService::view() const {
  View view;
  const Standing own = standing();
  view.self =
      Side{.standing = own,
           .address = settings_.domain ? settings_.router_id : neighbours_.front().settings.local,
           .nonce = beats_.own()};
  for (const Neighbour& peer : neighbours_) {
    if (!peer.up || !peer.hello) continue;
    const uint64_t accepted = peer.hello->echo ? peer.hello->echo->accepted : 0;
    view.peers.push_back(PeerSide{side_of(peer, *peer.hello),
                                  told_ == own && accepted >= standing_beat_,
                                  told_ && told_->eligible && accepted >= eligible_beat_});
  }
  each_word([&view](const Neighbour&, const Vouching& vouching, Word word) {
    if (word != Word::Blocks) return;
    view.vouched.push_back(Side{
        .standing = vouching.standing, .address = vouching.router_id, .nonce = vouching.nonce});
  });
  return view;
}

std::vector<FirstHand> MimpService::first_hand() const {
  std::vector<FirstHand> all;
  all.reserve(neighbours_.size());
  for (const Neighbour& peer : neighbours_) {
    all.push_back(FirstHand{.router_id = peer.hello ? peer.hello->router_id : std::nullopt,
                            .nonce = peer.adjacency.peer().value_or(Nonce{}),
                            .beat = peer.last_beat,
                            .reachable = peer.up});
  }
  return all;
}

// Every word of the peers that we hear, with what it is worth now.
void MimpService::each_word(
    const std::function<void(const Neighbour&, const Vouching&, Word)>& then) const {
  if (!settings_.domain) return;
  const std::vector<FirstHand> known = first_hand();
  for (const Neighbour& peer : neighbours_) {
    if (!peer.up || !peer.hello) continue;
    const Duration limit = word_limit(std::max(keep_alive_, peer.hello->keep_alive));
    for (const Vouching& vouching : peer.hello->vouchings) {
      then(peer, vouching, weigh(vouching, now() - peer.hello_at, limit, beats_.own(), known));
    }
  }
}

// Nobody is known to act. Redundancy rule 4: "On loss, probe all peers at once and decide on the
// answers"; so also when a word that blocked us is no longer fresh.
MimpService::Doubt MimpService::doubt(bool about_to_act) {
  if (!blocked_ && !(lost_active_ && about_to_act)) return Doubt::None;
  if (any_up()) {
    if (!probe_) {
      ask_around();
      return Doubt::Asking;
    }
    if (!answered() && now() < probe_->deadline) return Doubt::Asking;
  }
  probe_.reset();
  lost_active_ = false;
  set_blocked(false);
  return Doubt::Resolved;
}

void MimpService::ask_around() {
  counters_.add("probes");
  probe_ = Probe{.beat = next_beat(), .deadline = now() + std::min(kProbeMax, keep_alive_ / 2)};
  for (Neighbour& peer : neighbours_) {
    if (!peer.up || !peer.hello) continue;
    peer.probe_owed = true;
    send_hello(peer, probe_->beat, std::nullopt);
  }
}

bool MimpService::answered() const {
  if (!probe_) return false;
  for (const Neighbour& peer : neighbours_) {
    if (!peer.up || !peer.hello) continue;
    if (!peer.hello->echo || peer.hello->echo->accepted < probe_->beat) return false;
  }
  bool clear = true;
  each_word([&clear](const Neighbour&, const Vouching&, Word word) {
    clear = clear && word != Word::Unclear;
  });
  return clear;
}

void MimpService::set_blocked(bool blocked) {
  if (blocked == blocked_) return;
  blocked_ = blocked;
  if (blocked) counters_.add("blocked");
  history_.add(now(), blocked ? "blocked: a peer hears a master that is not heard here"
                              : "no longer blocked");
}

void MimpService::lose(Neighbour& peer, std::string_view why) {
  if (!peer.up) return;
  // It may have taken over with its grant by now.
  if (peer.set.believed()) last_wrote_ = {};
  if (peer.acts() && !acting(state_)) lost_active_ = true;
  set_up(peer, false, why);
  counters_.add("peer-lost");
  settle();
}

void MimpService::set_up(Neighbour& peer, bool up, std::string_view why) {
  peer.up = up;
  const std::string_view reason = up ? "is reachable" : "is lost";
  history_.add(now(), fmt::format("peer {} {}{}{}", peer.settings.address.text(), reason,
                                  why.empty() ? "" : ": ", why));
  post_([this, index = peer.index, up] { host_.on_peer(index, up); });
}

std::optional<PeerIndex> MimpService::active_peer() const {
  std::vector<Side> sides;
  std::vector<PeerIndex> of;
  for (const Neighbour& peer : neighbours_) {
    if (!peer.up || !peer.hello) continue;
    sides.push_back(side_of(peer, *peer.hello));
    of.push_back(peer.index);
  }
  const auto found = active_of(sides);
  return found ? std::optional(of.at(*found)) : std::nullopt;
}

std::optional<IpAddress> MimpService::current_active() const {
  if (acting(state_)) return settings_.router_id;
  if (const auto peer = active_peer()) return peer_info(*peer).router_id;
  const auto vouched = view().vouched;
  const auto found = active_of(vouched);
  return found ? std::optional(vouched.at(*found).address) : std::nullopt;
}

std::optional<PeerIndex> MimpService::successor(std::optional<IpAddress> to_router) const {
  std::vector<Side> sides;
  std::vector<PeerIndex> of;
  for (const Neighbour& peer : neighbours_) {
    if (!peer.up || !peer.hello || (to_router && peer.hello->router_id != to_router)) continue;
    sides.push_back(side_of(peer, *peer.hello));
    of.push_back(peer.index);
  }
  const auto found = next_of(sides);
  return found ? std::optional(of.at(*found)) : std::nullopt;
}

}  // namespace segw::mimp
