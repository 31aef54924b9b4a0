#include "mimp/adjacency.h"

#include <algorithm>

namespace segw::mimp {

void Adjacency::answered(const Nonce& candidate, uint64_t beat) {
  const auto at = std::ranges::find(candidates_, candidate, &Known::nonce);
  if (at != candidates_.end() && at->challenge == 0) at->challenge = beat;
}

std::optional<Echo> Adjacency::echo(const std::optional<Nonce>& answer) const {
  if (answer) {
    const auto at = std::ranges::find(candidates_, *answer, &Known::nonce);
    if (at != candidates_.end()) return Echo{.nonce = at->nonce, .seen = at->seen};
  }
  if (!peer_) return std::nullopt;
  return Echo{.nonce = peer_->nonce, .seen = peer_->seen, .accepted = peer_->accepted};
}

Adjacency::Known& Adjacency::candidate(const Nonce& nonce) {
  const auto at = std::ranges::find(candidates_, nonce, &Known::nonce);
  if (at != candidates_.end()) return *at;
  if (candidates_.size() == kCandidatesMax) {
    candidates_.erase(std::ranges::min_element(candidates_, {}, &Known::seen_at));
  }
  return candidates_.emplace_back(Known{.nonce = nonce});
}

Verdict Adjacency::receive(const Nonce& nonce, uint64_t beat, const std::optional<Echo>& echo,
                           Instant now) {
  const bool is_peer = peer_ && peer_->nonce == nonce;
  Known& known = is_peer ? *peer_ : candidate(nonce);
  if (beat <= known.seen) return Verdict::OldBeat;
  known.seen = beat;
  known.seen_at = now;
  if (!echo || echo->nonce != beats_.own()) return Verdict::Unknown;
  if (!beats_.fresh(echo->seen, now, hold_)) return Verdict::StaleEcho;
  // Nothing that this boot of ours adopted can have died yet if it has adopted nothing.
  const bool proven = is_peer || !peer_ || (known.challenge != 0 && echo->seen >= known.challenge);
  if (!proven) return Verdict::Unknown;
  known.accepted = beat;
  accepted_at_ = now;
  if (is_peer) return Verdict::Accepted;
  peer_ = known;
  candidates_.clear();
  return Verdict::Adopted;
}

}  // namespace segw::mimp
