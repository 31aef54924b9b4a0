#pragma once

// When a revertive node may take activity back (redundancy rule 10): 60 s since its last
// ineligibility, doubled per flap up to 30 min. Pure: time is given.

#include <cstdint>
#include <optional>

#include "base/time.h"

namespace segw::chassis {

class WaitToRestore {
 public:
  static constexpr Duration kFirst = std::chrono::seconds(60);
  static constexpr Duration kLongest = std::chrono::minutes(30);

  // The start of the node is the end of an ineligibility like any other.
  explicit WaitToRestore(Instant started) : eligible_since_(started) {}

  void on_eligible(bool eligible, Instant now);
  // The earliest moment; nothing while it is not eligible.
  [[nodiscard]] std::optional<Instant> due() const;
  [[nodiscard]] Duration wait() const { return wait_; }

 private:
  bool eligible_ = false;
  bool was_eligible_ = false;
  Instant eligible_since_;
  Duration wait_ = kFirst;
};

}  // namespace segw::chassis
