#pragma once

// Vouching (redundancy rule 4), pure: what a node makes of a peer's word on an acting node that it
// does not hear itself. A peer speaks only of what it hears itself, both ways; its word keeps us
// from acting only if it heard a beat that we did not, at most one interval ago.

#include <optional>
#include <vector>

#include "mimp/mimp_wire.h"

namespace segw::mimp {

// What we know ourselves of a peer.
struct FirstHand {
  std::optional<IpAddress> router_id;
  Nonce nonce{};      // of its last boot that we had an adjacency with
  uint64_t beat = 0;  // last accepted from it while it was reachable
  bool reachable = false;
};

enum class Word : uint8_t {
  Nothing,  // it does not concern us, or is too old
  Unclear,  // recent, but no more than we heard ourselves: it may be the last that anybody hears
  Blocks,   // it lives
};

// How old a word may be. One keep-alive interval and a quarter: what comes in time may have been
// sent, and carried, a little late (docs/decisions/0080).
[[nodiscard]] constexpr Duration word_limit(Duration keep_alive) {
  return keep_alive + keep_alive / 4;
}

// `since`: since the hello with this vouching came; `own`: nonce of this boot.
[[nodiscard]] Word weigh(const Vouching& vouching, Duration since, Duration limit, const Nonce& own,
                         const std::vector<FirstHand>& peers);

}  // namespace segw::mimp
