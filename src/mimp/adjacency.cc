#include "mimp/adjacency.h"

#include <algorithm>

namespace segw::mimp {

uint64_t Adjacency::next_beat(Instant now, const std::optional<Nonce>& answer) {
  ++beat_;
  // Two entries less than a two-hundredth of a hold apart are one, the earlier: a beat then seems a
  // little older than it is, never younger, and no rate of sending makes the list long.
  if (sent_.empty() || now - sent_.back().at >= hold_ / 200) {
    sent_.push_back(Sent{.beat = beat_, .at = now});
  }
  while (sent_.size() > kBeatsMax || (sent_.size() > 1 && now - sent_[1].at > hold_)) {
    sent_.pop_front();
  }
  if (answer) {
    const auto at = std::ranges::find(candidates_, *answer, &Known::nonce);
    if (at != candidates_.end() && at->challenge == 0) at->challenge = beat_;
  }
  return beat_;
}

std::optional<Echo> Adjacency::echo(const std::optional<Nonce>& answer) const {
  if (answer) {
    const auto at = std::ranges::find(candidates_, *answer, &Known::nonce);
    if (at != candidates_.end()) return Echo{.nonce = at->nonce, .seen = at->seen};
  }
  if (!peer_) return std::nullopt;
  return Echo{.nonce = peer_->nonce, .seen = peer_->seen, .accepted = peer_->accepted};
}

bool Adjacency::fresh(uint64_t beat, Instant now) const {
  if (beat == 0 || beat > beat_ || sent_.empty() || beat < sent_.front().beat) return false;
  const auto after = std::ranges::upper_bound(sent_, beat, {}, &Sent::beat);
  return now - std::prev(after)->at <= hold_;
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
  if (!echo || echo->nonce != own_) return Verdict::Unknown;
  if (!fresh(echo->seen, now)) return Verdict::StaleEcho;
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
