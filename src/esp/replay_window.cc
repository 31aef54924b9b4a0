#include "esp/replay_window.h"

#include <algorithm>

#include "base/planted.h"

namespace segw::esp {
namespace {

constexpr uint64_t kWordBits = 64;
constexpr uint64_t kHalf = uint64_t{1} << 32;

}  // namespace

ReplayWindow::ReplayWindow(uint16_t size)
    : size_(std::clamp<uint16_t>(size, 32, 512)), seen_((size_ + kWordBits - 1) / kWordBits, 0) {}

bool ReplayWindow::bit(uint64_t back) const {
  return (seen_[back / kWordBits] >> (back % kWordBits) & 1) != 0;
}

void ReplayWindow::set_bit(uint64_t back) {
  seen_[back / kWordBits] |= uint64_t{1} << (back % kWordBits);
}

bool ReplayWindow::acceptable(uint64_t sequence) const {
  if (SEGW_PLANTED(replay_never)) return sequence != 0;
  if (sequence == 0) return false;
  if (sequence > highest_) return true;
  const uint64_t back = highest_ - sequence;
  // RFC 4303 3.4.3: "packets that are to the left of the window" are rejected, as are duplicates.
  return back < size_ && !bit(back);
}

void ReplayWindow::move_to(uint64_t highest) {
  const uint64_t by = highest - highest_;
  highest_ = highest;
  if (by >= size_) {
    std::ranges::fill(seen_, 0);
    return;
  }
  const uint64_t words = by / kWordBits;
  const uint64_t bits = by % kWordBits;
  for (size_t i = seen_.size(); i-- > 0;) {
    uint64_t value = i >= words ? seen_[i - words] << bits : 0;
    if (bits != 0 && i > words) value |= seen_[i - words - 1] >> (kWordBits - bits);
    seen_[i] = value;
  }
}

void ReplayWindow::accept(uint64_t sequence) {
  if (sequence > highest_) {
    move_to(sequence);
    set_bit(0);
  } else if (highest_ - sequence < size_) {
    set_bit(highest_ - sequence);
  }
}

uint64_t ReplayWindow::recover(uint32_t low) const {
  const uint64_t epoch = highest_ & ~(kHalf - 1);
  const uint64_t same = epoch | low;
  // RFC 4303 A2.2, both cases as one: the candidate not below the window's left edge that is
  // lowest.
  const uint64_t left = highest_ >= size_ ? highest_ - size_ + 1 : 0;
  if (same >= left) {
    // Window across the boundary, number from before it.
    return same >= kHalf && same - kHalf >= left && same > highest_ ? same - kHalf : same;
  }
  return same + kHalf;
}

void ReplayWindow::merge(uint64_t highest, const std::vector<uint64_t>& seen) {
  if (highest > highest_) move_to(highest);
  const uint64_t offset = highest_ - highest;
  for (uint64_t back = 0; back + offset < size_; ++back) {
    const uint64_t word = back / kWordBits;
    const bool known =
        seen.empty() || word >= seen.size() || (seen[word] >> (back % kWordBits) & 1) != 0;
    if (known) set_bit(back + offset);
  }
}

}  // namespace segw::esp
