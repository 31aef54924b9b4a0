#pragma once

// What a chassis says of its tunnel group, in a pair and in a domain alike.

#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "mimp/master_state.h"
#include "sim/host.h"

namespace segw::sim {

struct GroupView {
  mimp::MasterState role = mimp::MasterState::Discovery;
  bool in_sync = false;              // a standby's valid grant
  std::optional<HostId> granted_by;  // … of whom, in a domain
  std::set<HostId> members;          // an active's in-sync set, without itself
  std::string not_nominal;           // the reason; empty: protection is nominal
  uint64_t unclean_takeovers = 0;    // since it booted
};

// As nobody knows better where the chassis does not run.
GroupView view_group(const SimHost& host, const Network& network);

}  // namespace segw::sim
