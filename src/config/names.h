#pragma once

// What the configuration calls an algorithm that was negotiated.

#include <string>
#include <string_view>

#include "ike/ike_sa.h"

namespace segw::config {

[[nodiscard]] std::string_view name(ike::Prf prf);
[[nodiscard]] std::string name(ike::Group group);

}  // namespace segw::config
