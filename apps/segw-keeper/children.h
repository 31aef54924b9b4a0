#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace segw::keeper {

// The program `name` beside our own executable.
std::string beside_us(const std::string& name);

// Starts segwd with its arguments and `--keeper-fd N`; it dies with us. -1: failed.
pid_t start_segwd(const std::vector<std::string>& arguments, int keeper_fd);

// Starts segw-isa without privileges, with these three as fds 3, 4 and 5; it dies with us.
pid_t start_isa(const std::string& name, int control, int public_tun, int private_tun);

}  // namespace segw::keeper
