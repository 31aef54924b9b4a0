#include "mimp/vouching.h"

namespace segw::mimp {

Word weigh(const Vouching& vouching, Duration since, Duration limit, const Nonce& own,
           const std::vector<FirstHand>& peers) {
  if (vouching.nonce == own || vouching.age + since > limit) return Word::Nothing;
  for (const FirstHand& peer : peers) {
    const bool same_boot = peer.nonce == vouching.nonce;
    // Of a node that we hear we know better, and of its earlier boot as well.
    if (peer.reachable && (same_boot || peer.router_id == vouching.router_id)) return Word::Nothing;
    if (same_boot && vouching.beat <= peer.beat) return Word::Unclear;
  }
  return Word::Blocks;
}

}  // namespace segw::mimp
