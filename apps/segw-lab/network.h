#pragma once

// Namespaces, veth pairs, bridges, addresses, and faults on links.

#include "state.h"
#include "topology.h"

namespace segw::lab {

// Everything of the topology that is no process.
Result<> make_network(const State& state, const Topology& topology);

// Removes every namespace of the lab, with all devices in them.
Result<> remove_network(const State& state);

// Makes the link's rules what state.faults says.
Result<> apply_fault(const State& state, const Link& link);

// The namespace where this end's device is now: segwd moves devices into its services.
Result<std::string> device_namespace(const State& state, const End& end);

}  // namespace segw::lab
