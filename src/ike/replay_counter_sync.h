#pragma once

// IPsec replay counter synchronisation (RFC 6311 5.2): a cluster that took over does not know what
// its dead member received last. It asks the peer to skip numbers, and then refuses those below.
// Pure: the engine keeps what comes of it.

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "wire/reader.h"

namespace segw::ike {

// Data of IPSEC_REPLAY_COUNTER_SYNC (RFC 6311 6.4): "if the ESN bit is 1, the field's size is 8
// octets; otherwise, it is 4 octets." Received, either size says the same.
Bytes encode_replay_delta(uint64_t delta, bool extended);
wire::Decoded<uint64_t> decode_replay_delta(ByteView data);

// ---- As the peer of a cluster ----

struct Advance {
  std::optional<uint64_t> next;  // the first number to be used; nothing: the SA stays where it is
  bool rekey = false;            // little is left of its numbers, or it could not follow
};
// `next`: the highest number that is known to be unused. What was used since that was reported is
// made up for.
Advance advance(uint64_t next, uint64_t delta, bool extended);

// ---- As the cluster ----

struct ReplayEdge {
  uint64_t highest = 0;  // received
  bool extended = false;
};
// What to ask for. Nothing: not asked, because the CHILD SAs differ in their extended numbers, or
// one is so far that the client would use up its space.
std::optional<uint64_t> delta_to_ask(const std::vector<ReplayEdge>& edges);

}  // namespace segw::ike
