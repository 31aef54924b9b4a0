#pragma once

// Which outbound sequence numbers a chassis may use (redundancy rule 11). Pure.
//
//   block      0    1    2    3    4    5      block b belongs to slot b mod slots
//   owner      0    1    0    1    0    1
//   bound[1] = start of block 4: slot 1 gave its blocks 1 and 3 to the grantee

#include <cstdint>
#include <optional>

#include "base/ids.h"
#include "esp/child_sa.h"

namespace segw::esp {

constexpr int kBlockBits = 14;
constexpr uint64_t kBlockSize = uint64_t{1} << kBlockBits;
// Without extended numbers: "stop at 2^32 − 2^24, never wrap".
constexpr uint64_t kShortEnd = (uint64_t{1} << 32) - (uint64_t{1} << 24);
// Redundancy rule 12: an SA is dead at 2^40, where its IVs would repeat.
constexpr uint64_t kLongEnd = uint64_t{1} << 40;
// Redundancy rules 11 and 12: an SA is rekeyed from here on, without and with extended numbers.
constexpr uint64_t kShortRekey = uint64_t{1} << 31;
constexpr uint64_t kLongRekey = uint64_t{1} << 39;
// No position or bound is beyond: skips and grants go somewhat above the end of the space.
constexpr uint64_t kPositionMax = uint64_t{1} << 48;

// What a chassis may have sealed on one SA after the last report of it that its successor has
// (docs/decisions/0103): the smallest packets that a 10 Gbit/s line carries in 0.38 s, or 0.8
// million packets a second for the 5 s after which a silent MCS link is closed.
constexpr uint64_t kUnreportedMax = uint64_t{1} << 22;

// How well a chassis that begins to act knows where its predecessor was.
enum class Position : uint8_t {
  Exact,       // there was none but itself, or it stopped and told its windows (rule 23)
  LastReport,  // it was lost, and sealed on after its last report
};

[[nodiscard]] Slot owner_of(uint64_t sequence, uint8_t slots);
[[nodiscard]] bool allowed(const SequenceGrants& grants, Slot own, uint64_t sequence);
// The first number at or above `from` that `own` may use; nothing where the space ends.
[[nodiscard]] std::optional<uint64_t> next_allowed(const SequenceGrants& grants, Slot own,
                                                   uint64_t from, bool extended);
// Where a chassis that begins to act goes on: its first own block above every bound it knows and
// above all that was sent. Bounds alone do not say that: a predecessor whose grants did not come in
// time went on beyond them in its own blocks. Those are given away later, so a start below what was
// sent there would repeat it.
[[nodiscard]] uint64_t takeover_start(const SequenceGrants& grants, Slot own, uint64_t reported,
                                      Position position);
// Numbers have been used or jumped over until an SA is to be rekeyed.
[[nodiscard]] bool worn(uint64_t next, bool extended);
// Numbers from `next` to where the space ends.
[[nodiscard]] uint64_t numbers_left(uint64_t next, bool extended);
// How many more numbers may be used before a block is in the way whose owner gave what was asked
// until now; 0: nobody gives anything.
[[nodiscard]] uint64_t unhindered(const SequenceGrants& grants, Slot own, uint64_t next);

// The 8-byte IV of AES-GCM (rule 12): slot, iv_epoch, low 40 bits of the sequence number.
[[nodiscard]] uint64_t gcm_iv(Slot slot, uint32_t iv_epoch, uint64_t sequence);

}  // namespace segw::esp
