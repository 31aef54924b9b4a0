#include "mimp/beats.h"

#include <algorithm>

namespace segw::mimp {

uint64_t Beats::next(Instant now) {
  ++last_;
  // Two entries less than a two-hundredth apart are one, the earlier: a beat then seems a little
  // older than it is, never younger, and no rate of sending makes the list long.
  if (sent_.empty() || now - sent_.back().at >= kept_ / 200) {
    sent_.push_back(Sent{.beat = last_, .at = now});
  }
  while (sent_.size() > kKeptMax || (sent_.size() > 1 && now - sent_[1].at > kept_)) {
    sent_.pop_front();
  }
  return last_;
}

bool Beats::fresh(uint64_t beat, Instant now, Duration span) const {
  if (beat == 0 || beat > last_ || sent_.empty() || beat < sent_.front().beat) return false;
  const auto after = std::ranges::upper_bound(sent_, beat, {}, &Sent::beat);
  return now - std::prev(after)->at <= span;
}

}  // namespace segw::mimp
