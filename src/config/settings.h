#pragma once

#include "config/load.h"
#include "config/tree.h"

namespace segw::config {

// Before its secrets are masked.
[[nodiscard]] Settings settings_of(const Tree& tree);

}  // namespace segw::config
