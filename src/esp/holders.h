#pragma once

// Who ever held an SA's keys (redundancy rule 13). Pure.

#include <vector>

#include "esp/child_sa.h"

namespace segw::esp {

// Whether an earlier life of this chassis, with another state folder, held the keys: what it sealed
// is not known, so nothing may be sealed with them any more.
[[nodiscard]] bool held_in_another_life(const std::vector<Holder>& holders, const Holder& self);

// Once each.
void add_holder(std::vector<Holder>& holders, const Holder& holder);

}  // namespace segw::esp
