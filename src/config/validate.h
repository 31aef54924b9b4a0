#pragma once

#include "config/tree.h"

namespace segw::config {

// Adds the schema's defaults to the tree and files every missing mandatory leaf, every reference
// that leads nowhere, every list that is too long; generic over the schema. libyang's own
// validation stops at its first error, so it runs last, as the net below.
void validate(Draft& draft);

}  // namespace segw::config
