#pragma once

#include "chassis/status.h"

// Snapshots made by hand: of the pair lab's chassis A, and of SEG3 in the guide's domain.

namespace segw::cli {

chassis::Status master_snapshot();   // acting, the peer is in sync
chassis::Status alone_snapshot();    // acting, the peer is lost
chassis::Status bfd_snapshot();      // as the master's, with BFD towards two peers
chassis::Status standby_snapshot();  // the peer acts

chassis::Status seg3_dormant();  // SEG1 is active, SEG2 designated active, SEG3 standby
chassis::Status seg3_alone();    // both are lost: SEG3 acts

}  // namespace segw::cli
