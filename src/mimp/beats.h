#pragma once

// The beats of this boot (redundancy rule 3): one counter for all peers, so that two of them can
// say which of them heard us last. A beat stands for the moment in which its datagrams left.

#include <cstdint>
#include <deque>

#include "base/time.h"
#include "mimp/mimp_wire.h"

namespace segw::mimp {

class Beats {
 public:
  static constexpr size_t kKeptMax = 300;

  // `kept`: how far back fresh() can tell; the longest hold.
  Beats(const Nonce& own, Duration kept) : own_(own), kept_(kept) {}

  [[nodiscard]] const Nonce& own() const { return own_; }
  uint64_t next(Instant now);
  // Whether this beat left here, at most `span` ago.
  [[nodiscard]] bool fresh(uint64_t beat, Instant now, Duration span) const;

 private:
  struct Sent {
    uint64_t beat = 0;
    Instant at{};
  };
  Nonce own_;
  Duration kept_;
  uint64_t last_ = 0;
  std::deque<Sent> sent_;  // of the last `kept_`, thinned out to kKeptMax
};

}  // namespace segw::mimp
