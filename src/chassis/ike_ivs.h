#pragma once

// The IVs of what this chassis seals on IKE SAs (redundancy rule 12): slot, epoch and a counter of
// each SA, so that no two messages under one key have the same.

#include <cstdint>
#include <map>
#include <optional>

#include "base/ids.h"

namespace segw::chassis {

class IkeIvs {
 public:
  explicit IkeIvs(Slot slot) : slot_(slot) {}

  void begin(uint32_t epoch);
  // Without an epoch of our own nothing is sealed: the one before may have been used.
  void stop();
  [[nodiscard]] std::optional<uint64_t> next(IkeSpi spi);
  [[nodiscard]] std::optional<uint32_t> epoch() const { return epoch_; }
  // The SA has gone, and its keys with it.
  void forget(IkeSpi spi) { counters_.erase(spi); }
  [[nodiscard]] size_t kept() const { return counters_.size(); }

 private:
  Slot slot_;
  std::optional<uint32_t> epoch_;
  std::map<IkeSpi, uint64_t> counters_;  // of this epoch
};

}  // namespace segw::chassis
