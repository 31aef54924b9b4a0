#pragma once

#include <optional>

#include "chassis/handover.h"
#include "mimp/master_state.h"
#include "platform/platform.h"

namespace segw::chassis {

struct SteeringFacts {
  mimp::MasterState role = mimp::MasterState::Discovery;
  HandoverPhase handover = HandoverPhase::Idle;
  PeerIndex counterpart;            // of the handover
  bool serving = false;             // outranked after a split, and not merged yet (rule 6)
  bool blocked = false;             // the active is heard by other peers only (rule 4)
  std::optional<PeerIndex> active;  // the peer that acts, or as a standby did when last heard
};

// Where the group's traffic goes in a role (redundancy rules 23 and 24; sros-facts §2.1). Pure.
platform::SteeringState decide_steering(const SteeringFacts& facts);

}  // namespace segw::chassis
