#pragma once

#include <string>

namespace segw::app {

// `segw check`: reads and verifies a configuration without a running segwd. Prints every error;
// gives the exit code. The files of the PKI folder are only looked at if one is given.
int check(const std::string& config_file, const std::string& ports_file,
          const std::string& pki_folder);

}  // namespace segw::app
