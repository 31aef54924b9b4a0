#pragma once

#include <cstdint>
#include <vector>

namespace segw::esp {

// The anti-replay window of one inbound SA (RFC 4303 3.4.3, Appendix A), 64-bit sequence numbers.
//
//   highest - size            highest
//        |  seen bits ......... |          below: refused; above: accepted, the window moves
class ReplayWindow {
 public:
  explicit ReplayWindow(uint16_t size);  // 32..512 packets

  // True if `sequence` was neither seen nor is too old. Number 0 is never valid (RFC 4303 3.3.3).
  [[nodiscard]] bool acceptable(uint64_t sequence) const;
  // After the integrity check only. `sequence` must be acceptable.
  void accept(uint64_t sequence);

  // RFC 4303 A2.2: the 64-bit number that `low` stands for, nearest to the window.
  [[nodiscard]] uint64_t recover(uint32_t low) const;

  [[nodiscard]] uint64_t highest() const { return highest_; }
  // Bit i of the words, counted from the lowest of word 0, is highest - i.
  [[nodiscard]] const std::vector<uint64_t>& seen() const { return seen_; }

  // Another chassis' knowledge: nothing at or below what it saw may be accepted here. Never moves
  // the window back. Without bits, everything at or below `highest` is refused.
  void merge(uint64_t highest, const std::vector<uint64_t>& seen);

 private:
  [[nodiscard]] bool bit(uint64_t back) const;
  void set_bit(uint64_t back);
  void move_to(uint64_t highest);

  uint16_t size_;
  uint64_t highest_ = 0;
  std::vector<uint64_t> seen_;
};

}  // namespace segw::esp
