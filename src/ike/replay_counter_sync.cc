#include "ike/replay_counter_sync.h"

#include "esp/sequence_plan.h"
#include "wire/writer.h"

namespace segw::ike {
namespace {

// More than arrives between two reports of the edge to the standby, at 40 million packets a second
// (redundancy rule 20), and as much as a grant (rule 11).
constexpr uint64_t kDelta = uint64_t{1} << 22;
// What an ISA may have sealed since it last said where it is.
constexpr uint64_t kUnreported = uint64_t{1} << 20;
// RFC 4303 A2.2: a receiver guesses the high half of a number right only if it is nearer than this.
constexpr uint64_t kJumpMost = (uint64_t{1} << 31) - 1;
using esp::kLongRekey;
using esp::kShortRekey;
// Redundancy rule 11: before the SA must end, with room for a rekey.
constexpr uint64_t kShortEnd = esp::kShortEnd - (uint64_t{1} << 24);

}  // namespace

Bytes encode_replay_delta(uint64_t delta, bool extended) {
  wire::Writer out;
  if (extended) return out.u64(delta).take();
  return out.u32(static_cast<uint32_t>(delta)).take();
}

wire::Decoded<uint64_t> decode_replay_delta(ByteView data) {
  wire::Reader in(data);
  const bool is_long = data.size() == sizeof(uint64_t);
  const uint64_t delta = is_long ? in.u64("replay-delta") : in.u32("replay-delta");
  return in.finish(delta);
}

Advance advance(uint64_t next, uint64_t delta, bool extended) {
  if (delta == 0) return {};
  const uint64_t end = extended ? kLongRekey : kShortEnd;
  const bool too_far = delta > kJumpMost - kUnreported || next >= end;
  if (too_far || next + delta + kUnreported >= end) return {.next = std::nullopt, .rekey = true};
  const uint64_t to = next + delta + kUnreported;
  // RFC 6311 5.2: "a rekey SHOULD follow shortly afterwards, to ensure that the counter never wraps
  // around."
  return {.next = to, .rekey = !extended && to >= kShortRekey};
}

std::optional<uint64_t> delta_to_ask(const std::vector<ReplayEdge>& edges) {
  if (edges.empty()) return std::nullopt;
  for (const ReplayEdge& edge : edges) {
    // RFC 6311 6.4: "this solution requires that either all Child SAs use Extended Sequence Numbers
    // (ESNs) or else that no Child SA uses ESNs."
    if (edge.extended != edges.front().extended) return std::nullopt;
    const uint64_t most = edge.extended ? kLongRekey : kShortRekey;
    if (edge.highest >= most - kDelta) return std::nullopt;
  }
  return kDelta;
}

}  // namespace segw::ike
