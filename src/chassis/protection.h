#pragma once

// Protection status (redundancy rule 26, sros-facts §4): nominal when at least one standby is in
// sync and installed or installable, and no reachable member lacks it; alone: not ready. Pure.

#include <string>
#include <vector>

#include "mcs/mcs_service.h"
#include "mimp/master_state.h"

namespace segw::chassis {

struct PeerProtection {
  std::string name;  // its address
  bool reachable = false;
  mimp::MasterState state = mimp::MasterState::Discovery;
  bool in_sync = false;  // active: it is in the in-sync set; standby: it says so
  mcs::SyncState sync = mcs::SyncState::OutOfSync;  // active only
  uint64_t unusable = 0;                            // active only: records that it could not use
  uint64_t unsealable = 0;  // active only: SAs on which it may not send (rule 13)
};

struct ProtectionFacts {
  mimp::MasterState role = mimp::MasterState::Discovery;
  bool in_sync = false;     // this chassis, where it does not act
  bool blocked = false;     // an active that it cannot hear is vouched for
  bool merging = false;     // a split is being healed
  uint64_t unsealable = 0;  // SAs on which it may not send
  uint64_t failed = 0;      // tunnels that do not fit into this chassis' ISAs
  std::vector<PeerProtection> peers;
};

// Why it is not nominal, for the operator ("no peer is reachable"); empty: it is.
std::string why_not_nominal(const ProtectionFacts& facts);

}  // namespace segw::chassis
