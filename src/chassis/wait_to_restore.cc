#include "chassis/wait_to_restore.h"

#include <algorithm>

namespace segw::chassis {

void WaitToRestore::on_eligible(bool eligible, Instant now) {
  if (eligible == eligible_) return;
  eligible_ = eligible;
  if (eligible) {
    eligible_since_ = now;
    was_eligible_ = true;
    return;
  }
  // What stood for longer than the longest wait is no flap.
  const bool flap = was_eligible_ && now - eligible_since_ < kLongest;
  wait_ = flap ? std::min(2 * wait_, kLongest) : kFirst;
}

std::optional<Instant> WaitToRestore::due() const {
  if (!eligible_) return std::nullopt;
  return eligible_since_ + wait_;
}

}  // namespace segw::chassis
