#pragma once

// One seed: options and faults drawn from it, a safety phase with faults, a liveness phase without.

#include <functional>
#include <string>
#include <vector>

#include "sim/cluster.h"

namespace segw::sim {

struct SeedOutcome {
  uint64_t seed = 0;
  std::string options;  // one line
  std::vector<Violation> violations;
  std::string history;  // the last lines, if there is a violation
  uint64_t unseed = 0;
  uint64_t events = 0;
  CheckerCounts takeovers;
  ClientCounts clients;  // summed up
};

// `echo` gets each line of the history as it is made; may be empty.
SeedOutcome run_seed(uint64_t seed, Duration length,
                     const std::function<void(const std::string&)>& echo);

}  // namespace segw::sim
