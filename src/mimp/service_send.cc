// Hellos out.

#include <algorithm>

#include "base/planted.h"
#include "mimp/service.h"

namespace segw::mimp {

// The beat of what is sent now, to one peer or to all; what it tells of us is noted.
uint64_t MimpService::next_beat() {
  const uint64_t beat = beats_.next(now());
  const Standing said = standing();
  if (!told_ || *told_ != said) standing_beat_ = beat;
  if (!told_ || told_->eligible != said.eligible) eligible_beat_ = beat;
  told_ = said;
  return beat;
}

void MimpService::send_to_all() {
  const uint64_t beat = next_beat();
  for (Neighbour& peer : neighbours_) send_hello(peer, beat, std::nullopt);
}

Duration MimpService::lease_of(const Neighbour& peer) const {
  Duration hold = peer.settings.hold();
  Duration interval = keep_alive_;
  if (peer.hello) {
    hold = std::max(hold, peer.hello->hold);
    interval = std::max(interval, peer.hello->keep_alive);
  }
  return std::min(hold + interval, kLeaseMax);
}

// The highest that both speak. Until its range is known, our lowest: of two that have one in
// common, the one with the higher lowest is understood by the other, and answered.
uint8_t MimpService::version_for(const Neighbour& peer) const {
  if (!peer.versions) return settings_.versions.lowest;
  return common_version(settings_.versions, *peer.versions).value_or(settings_.versions.lowest);
}

// `answer`: to a boot of the peer that we have no adjacency with (yet).
void MimpService::send_hello(Neighbour& peer, uint64_t beat, const std::optional<Nonce>& answer) {
  if (answer) peer.adjacency.answered(*answer, beat);
  Announced announcing = to_announce(peer);
  Hello hello{.nonce = beats_.own(),
              .beat = beat,
              .echo = peer.adjacency.echo(answer),
              .standing = announcing.standing,
              .keep_alive = keep_alive_,
              .hold = peer.settings.hold(),
              .up_for = now() - started_at_,
              .router_id = settings_.router_id,
              .versions = settings_.versions};
  for (const SharedKey& key : peer.keys) hello.keys.push_back(key.id);
  if (!answer || answer == peer.adjacency.peer()) {
    const Duration peer_hold = peer.hello ? peer.hello->hold : peer.settings.hold();
    hello.grant = peer.set.sent(peer.adjacency.heard_at(), lease_of(peer), peer_hold);
    if (hello.grant) hello.members = members();
    if (!acting(state_)) hello.grant_ack = peer.grant.ack();
    hello.switchover = request_;
    hello.vouchings = vouchings();
    hello.probe = std::exchange(peer.probe_owed, false);
    peer.announced = std::move(announcing);
    peer.word_owed = false;
  }
  peer.last_sent = now();
  counters_.add("hello-sent");
  const SecretBytes none;
  peer.line->send(seal(encode_hello(hello), binding_to(peer),
                       peer.keys.empty() ? none : peer.keys.front().secret, version_for(peer)));
}

Announced MimpService::to_announce(const Neighbour& peer) const {
  Announced announced{.standing = standing(),
                      .grant = peer.set.word(),
                      .grant_ack = peer.grant.ack().value_or(GrantAck{}),
                      .switchover = request_ ? request_->number : 0};
  for (const Vouching& vouching : vouchings()) {
    announced.vouched.emplace_back(vouching.nonce, vouching.standing.acting_under);
  }
  return announced;
}

// Rule 4: "A third node reports first-hand only". In a pair there is no third.
std::vector<Vouching> MimpService::vouchings() const {
  std::vector<Vouching> all;
  if (!settings_.domain) return all;
  for (const Neighbour& peer : neighbours_) {
    if (!peer.acts() || !peer.hello) continue;
    all.push_back(Vouching{.router_id = peer.hello->router_id.value_or(IpAddress{}),
                           .nonce = peer.hello->nonce,
                           .beat = peer.last_beat,
                           .age = now() - peer.hello_at,
                           .standing = peer.hello->standing});
  }
  if (SEGW_PLANTED(vouching_hearsay)) {
    for (const Neighbour& peer : neighbours_) {
      if (!peer.up || !peer.hello) continue;
      for (const Vouching& hearsay : peer.hello->vouchings) {
        if (all.size() == kVouchingsMax) return all;
        all.push_back(hearsay);
        all.back().age = {};
      }
    }
  }
  return all;
}

// Of the in-sync set, as told to each of them.
std::vector<IpAddress> MimpService::members() const {
  std::vector<IpAddress> all;
  for (const Neighbour& peer : neighbours_) {
    if (peer.set.waits() && peer.hello && peer.hello->router_id) {
      all.push_back(*peer.hello->router_id);
    }
  }
  return all;
}

}  // namespace segw::mimp
