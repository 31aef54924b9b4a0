#include "esp/sequence_plan.h"

#include <algorithm>

#include "base/planted.h"

namespace segw::esp {

Slot owner_of(uint64_t sequence, uint8_t slots) {
  const uint64_t count = std::max<uint8_t>(slots, 1);
  return Slot{static_cast<uint8_t>((sequence >> kBlockBits) % count)};
}

bool allowed(const SequenceGrants& grants, Slot own, uint64_t sequence) {
  if (SEGW_PLANTED(sequence_once)) return true;
  const Slot owner = owner_of(sequence, grants.slots);
  if (owner == own) return true;
  return grants.grantee == own && owner.value < kSlotsMax && sequence < grants.bound[owner.value];
}

std::optional<uint64_t> next_allowed(const SequenceGrants& grants, Slot own, uint64_t from,
                                     bool extended) {
  uint64_t next = std::max<uint64_t>(from, 1);
  // Among `slots` neighbouring blocks one is ours, so this ends.
  for (size_t tries = 0; tries <= kSlotsMax && !allowed(grants, own, next); ++tries) {
    next = ((next >> kBlockBits) + 1) << kBlockBits;
  }
  if (!allowed(grants, own, next) || next >= (extended ? kLongEnd : kShortEnd)) return std::nullopt;
  return next;
}

uint64_t takeover_start(const SequenceGrants& grants, Slot own, uint64_t reported,
                        Position position) {
  if (SEGW_PLANTED(sequence_once)) return std::max<uint64_t>(reported, 1);
  uint64_t floor = std::min(reported, kPositionMax);
  if (position == Position::LastReport) floor += kUnreportedMax;
  for (const uint64_t bound : grants.bound) floor = std::max(floor, bound);
  floor = std::min(floor, kPositionMax);  // where nothing is left: it must not come to 0 again
  uint64_t block = (floor + kBlockSize - 1) >> kBlockBits;
  const uint64_t slots = std::max<uint8_t>(grants.slots, 1);
  while (block % slots != own.value % slots) ++block;
  return std::max<uint64_t>(block << kBlockBits, 1);
}

bool worn(uint64_t next, bool extended) { return next >= (extended ? kLongRekey : kShortRekey); }

uint64_t numbers_left(uint64_t next, bool extended) {
  const uint64_t end = extended ? kLongEnd : kShortEnd;
  return next < end ? end - next : 0;
}

uint64_t unhindered(const SequenceGrants& grants, Slot own, uint64_t next) {
  if (grants.grantee != own) return 0;
  uint64_t lowest = UINT64_MAX;
  for (uint8_t slot = 0; slot < std::min<size_t>(grants.slots, kSlotsMax); ++slot) {
    // Who gives nothing any more is absent, and its blocks are jumped over.
    if (Slot{slot} != own && grants.bound[slot] > next) {
      lowest = std::min(lowest, grants.bound[slot]);
    }
  }
  return lowest == UINT64_MAX ? 0 : lowest - next;
}

uint64_t gcm_iv(Slot slot, uint32_t iv_epoch, uint64_t sequence) {
  constexpr uint64_t kLow = (uint64_t{1} << 40) - 1;
  constexpr uint32_t kEpochMask = (1U << 22) - 1;
  return uint64_t{slot.value} << 62 | uint64_t{iv_epoch & kEpochMask} << 40 | (sequence & kLow);
}

}  // namespace segw::esp
