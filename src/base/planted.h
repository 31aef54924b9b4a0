#pragma once

#include <string_view>

// Bugs on purpose, one for each checker of the simulation, compiled in only with the build option
// SEGW_PLANTED_BUGS and then chosen by name (segw-sim --planted NAME). `./dev sim --planted` shows
// that each is caught. In every other build SEGW_PLANTED(x) is the constant false.
#ifdef SEGW_PLANTED_BUGS
namespace segw {
void plant(std::string_view name);
[[nodiscard]] bool planted(std::string_view name);
}  // namespace segw
#define SEGW_PLANTED(name) (::segw::planted(#name))
#else
#define SEGW_PLANTED(name) (false)
#endif
