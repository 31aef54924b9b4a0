#pragma once

// segwd: the Linux side of the seam, one chassis on it, and the operator's socket.

#include <string>

namespace segw::daemon {

struct Options {
  std::string config_file;
  std::string ports_file;
  std::string state_folder = "/var/lib/opensegw";
  std::string pki_folder;        // <state folder>/pki where empty
  std::string namespace_prefix;  // the system name where empty
  std::string log_file;          // standard error where empty
  bool allow_key_export = false;
  int keeper_fd = -1;
};

int run(const Options& options);

}  // namespace segw::daemon
