#pragma once

// The lab as a whole. Up is all or nothing; down leaves nothing.

#include <string>

#include "state.h"
#include "topology.h"

namespace segw::lab {

struct Where {
  std::filesystem::path base;  // folder of all labs
  std::string programs;        // folder of segwd and segw
};

// The state of the new lab; everything made is removed again if a step fails.
Result<State> up(const Where& where, const std::string& topology_file, const std::string& name);

// Ends all processes, removes all namespaces and the folder. Logs go to `keep_logs` first if set.
Result<> down(State& state, const std::string& keep_logs);

Result<> change_fault(State& state, const std::string& link, const Fault& fault);

// The topology with its addresses, and what runs where.
[[nodiscard]] std::string describe(const State& state, const Topology& topology);
[[nodiscard]] std::string list_processes(const State& state, const Topology& topology);

// SIGINT and SIGTERM make `up` stop and remove what it made, instead of ending the program.
void catch_interrupts();

}  // namespace segw::lab
