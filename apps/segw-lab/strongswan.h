#pragma once

// Debian's strongSwan: IKEv2, with ESP in user space (kernel-libipsec), always inside UDP since
// 5.9.8 has no other form there; or inside a guest, with that kernel's ESP.

#include <filesystem>

#include "topology.h"

namespace segw::lab {

inline constexpr std::string_view kCharon = "/usr/lib/ipsec/charon";

// strongswan.conf and swanctl.conf of the node.
Result<> write_strongswan_files(const std::filesystem::path& folder, const Node& node);

// The command that succeeds once the charon that runs there answers.
std::vector<std::string> vici_ready_command(const std::filesystem::path& folder);

// The command that hands it swanctl.conf, with the keys and certificates beside that.
std::vector<std::string> load_command(const std::filesystem::path& folder, const Node& node);

}  // namespace segw::lab
