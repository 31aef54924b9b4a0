#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace segw::app {

// Makes `state_folder`/mcs.key with 256 random bits. An existing key is never overwritten: the
// other chassis of the pair has the same one.
Result<std::string> generate_mcs_key(const std::string& state_folder);

// The steps of a change of it, of which `segwd` hears by reload-keys: a second key of 256 random
// bits is accepted as well; the second is the one that is sent with; the second is accepted no
// more. The file is replaced as a whole. Error: it has not the number of keys that the step takes.
enum class McsKeyStep : uint8_t { Add, Swap, Remove };
Result<std::string> change_mcs_key(const std::string& state_folder, McsKeyStep step);

}  // namespace segw::app
