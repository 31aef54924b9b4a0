#pragma once

// A node inside User Mode Linux (Debian package user-mode-linux): a kernel of its own, with ESP, on
// the files of this machine. Its network cards are the devices of the node's namespace, raw; its
// addresses and routes exist in the guest only. Commands reach it as files in the node's folder,
// since its sockets can't be seen from here.

#include "process.h"
#include "state.h"
#include "topology.h"

namespace segw::lab {

// The script that the guest runs as its init: network, modules, the daemon, then commands.
Result<> write_guest_files(const State& state, const Topology& topology, const Node& node);

[[nodiscard]] Spawn guest_spawn(const State& state, const Topology& topology, const Node& node);

struct GuestAnswer {
  int exit_code = 0;
  std::string output, errors;
};

// Runs a command in the guest to its end.
Result<GuestAnswer> guest_run(const std::filesystem::path& node_folder,
                              const std::vector<std::string>& argv,
                              std::chrono::milliseconds patience);

}  // namespace segw::lab
