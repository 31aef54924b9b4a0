#pragma once

#include <cstdint>

#include "base/time.h"

namespace segw::sim {

// For each planted bug runs seeds until a checker fires. Prints bug, checker and seed; returns the
// exit code: 1 if one is not caught within `seeds_max`, or by another checker than it must be.
int run_planted_table(Duration length, uint64_t seeds_max);

}  // namespace segw::sim
