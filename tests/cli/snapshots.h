#pragma once

#include "chassis/status.h"

// Snapshots made by hand, of the pair lab's chassis A.

namespace segw::cli {

chassis::Status master_snapshot();   // acting, the peer is in sync
chassis::Status alone_snapshot();    // acting, the peer is lost
chassis::Status bfd_snapshot();      // as the master's, with BFD towards two peers
chassis::Status standby_snapshot();  // the peer acts

}  // namespace segw::cli
