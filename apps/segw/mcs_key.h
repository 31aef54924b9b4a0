#pragma once

#include <string>

#include "base/result.h"

namespace segw::app {

// Makes `state_folder`/mcs.key with 256 random bits. An existing key is never overwritten: the
// other chassis of the pair has the same one.
Result<std::string> generate_mcs_key(const std::string& state_folder);

}  // namespace segw::app
