#include "chassis/ike_ivs.h"

namespace segw::chassis {
namespace {

constexpr uint64_t kCounterEnd = uint64_t{1} << 40;  // rule 12: dead at 2^40
constexpr uint64_t kCounterRekey = uint64_t{1} << 39;
constexpr int kSlotShift = 62;
constexpr int kEpochShift = 40;

}  // namespace

void IkeIvs::begin(uint32_t epoch) {
  epoch_ = epoch;
  counters_.clear();
}

void IkeIvs::stop() {
  epoch_.reset();
  counters_.clear();
}

std::optional<uint64_t> IkeIvs::next(IkeSpi spi) {
  if (!epoch_) return std::nullopt;
  uint64_t& counter = counters_.try_emplace(spi, first_).first->second;
  if (counter >= kCounterEnd) return std::nullopt;
  return uint64_t{slot_.value} << kSlotShift | uint64_t{*epoch_} << kEpochShift | counter++;
}

bool IkeIvs::worn(IkeSpi spi) const {
  const auto at = counters_.find(spi);
  return at != counters_.end() && at->second >= kCounterRekey;
}

}  // namespace segw::chassis
