#pragma once

// Keys of a lab's SAs as a Wireshark profile folder, for labs only: segwd gives them out only if
// the topology says allow-key-export.

#include "state.h"
#include "topology.h"

namespace segw::lab {

// `node` is a chassis, or "all". The folder is made; what it has of an earlier export stays.
Result<> export_keys(const State& state, const Topology& topology, const std::string& node,
                     const std::filesystem::path& folder);

}  // namespace segw::lab
