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
  // `first`: where each SA's counter begins; another one than 0 in tests only.
  explicit IkeIvs(Slot slot, uint64_t first = 0) : slot_(slot), first_(first) {}

  void begin(uint32_t epoch);
  // Without an epoch of our own nothing is sealed: the one before may have been used.
  void stop();
  [[nodiscard]] std::optional<uint64_t> next(IkeSpi spi);
  [[nodiscard]] std::optional<uint32_t> epoch() const { return epoch_; }
  // So many are used that the SA is to be rekeyed: half of them (rule 12).
  [[nodiscard]] bool worn(IkeSpi spi) const;
  // The SA has gone, and its keys with it.
  void forget(IkeSpi spi) { counters_.erase(spi); }
  [[nodiscard]] size_t kept() const { return counters_.size(); }

 private:
  Slot slot_;
  uint64_t first_;
  std::optional<uint32_t> epoch_;
  std::map<IkeSpi, uint64_t> counters_;  // of this epoch
};

}  // namespace segw::chassis
