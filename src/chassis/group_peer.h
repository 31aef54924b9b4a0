#pragma once

#include <vector>

#include "base/shared_key.h"
#include "config/model.h"
#include "mcs/mcs_service.h"

namespace segw::chassis {

// One of the chassis that back up a tunnel group; its place in the group's list is its PeerIndex.
struct GroupPeer {
  const config::McPeer* config = nullptr;
  const config::PeerTunnelGroup* pair = nullptr;  // null: in a domain
  mcs::PeerLink* link = nullptr;                  // null: not synchronised
  SharedKeys keys;
};

}  // namespace segw::chassis
