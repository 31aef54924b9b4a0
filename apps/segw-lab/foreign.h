#pragma once

// libreswan's pluto and OpenIKED's iked, inside a guest. Their Debian packages conflict with
// strongSwan's, so they run from where they were unpacked.

#include <filesystem>

#include "topology.h"

namespace segw::lab {

// Lines of the guest's script that start the daemon, logging to FOLDER/daemon.log.
std::string foreign_daemon_lines(const std::filesystem::path& folder, const Node& node);

// The command that succeeds once it answers.
std::vector<std::string> foreign_ready_command(const Node& node);

}  // namespace segw::lab
