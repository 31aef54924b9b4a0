#pragma once

#include <string>

namespace segw::app {

// `segw check`: reads and verifies a configuration without a running segwd. Prints every error;
// gives the exit code.
int check(const std::string& config_file, const std::string& ports_file);

}  // namespace segw::app
