#include "mimp/bfd_verdict.h"

namespace segw::mimp {

void BfdVerdict::says(BfdSays says, Instant now) {
  if (says == says_) return;
  const bool was_up = says_ == BfdSays::Up;
  says_ = says;
  switch (says) {
    case BfdSays::Up:
      up_since_ = now;
      lost_ = false;
      return;
    case BfdSays::Down:
      if (!was_up) return;
      if (overruled_ && now - up_since_ < kTrustedAfter * hold_) return;
      overruled_ = false;
      lost_ = true;
      beats_since_.reset();
      return;
    case BfdSays::NeverUp:
    case BfdSays::AdminDown:
      lost_ = false;
      return;
  }
}

void BfdVerdict::on_adopted() {
  lost_ = false;
  overruled_ = false;
}

bool BfdVerdict::on_hello(Instant now) {
  if (!lost_) return false;
  if (!beats_since_ || now - last_beat_ > hold_) beats_since_ = now;
  last_beat_ = now;
  if (now - *beats_since_ < hold_) return false;
  lost_ = false;
  overruled_ = true;
  return true;
}

}  // namespace segw::mimp
