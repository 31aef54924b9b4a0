#pragma once

// What BFD says of a peer and what we make of it (redundancy rule 5), pure: time is given.
//
// BFD only accelerates loss. Down counts if it was Up in this adjacency, and means lost now. Newer
// beats that then arrive for one hold overrule it: the peer lives, and BFD was starved. After that
// BFD must be Up for 3 × hold before it counts again. AdminDown and a session that was never Up do
// not count.

#include <cstdint>
#include <optional>

#include "base/time.h"

namespace segw::mimp {

enum class BfdSays : uint8_t { NeverUp, Up, Down, AdminDown };

class BfdVerdict {
 public:
  explicit BfdVerdict(Duration hold) : hold_(hold) {}

  void says(BfdSays says, Instant now);
  // Another boot of the peer: a new adjacency.
  void on_adopted();
  // A hello was accepted. True: beats overrule BFD from now on.
  bool on_hello(Instant now);
  // The peer counts as lost, whatever is heard from it.
  [[nodiscard]] bool lost() const { return lost_; }

 private:
  static constexpr int kTrustedAfter = 3;  // holds
  Duration hold_;
  BfdSays says_ = BfdSays::NeverUp;
  Instant up_since_{};
  bool overruled_ = false;
  bool lost_ = false;
  std::optional<Instant> beats_since_;  // while lost
  Instant last_beat_{};
};

}  // namespace segw::mimp
