#pragma once

// The processes that a node runs: segwd with its keeper and ISAs, or somebody else's daemon, which
// may be in a guest.

#include "state.h"
#include "topology.h"

namespace segw::lab {

// Makes folders, keys and configuration files of the node; starts nothing.
Result<> prepare_node(const State& state, const Topology& topology, const Node& node);

// Starts the node's processes, notes them in `state`, and waits until they answer.
Result<> start_node(State& state, const Topology& topology, const Node& node);

// Sends `signal` to all of the node; one that ends processes is waited for.
Result<> stop_node(State& state, const std::string& node, int signal);

[[nodiscard]] std::set<ProcessId> node_processes(const State& state, const std::string& node);

// Asks the segwd of a node.
Result<std::string> ask_chassis(const State& state, const std::string& node,
                                const std::vector<std::string>& command);

}  // namespace segw::lab
