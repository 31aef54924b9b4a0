#pragma once

// Debian's strongSwan as a client: IKEv2, and ESP in user space (kernel-libipsec), always inside
// UDP since 5.9.8 has no other form there.

#include <filesystem>

#include "topology.h"

namespace segw::lab {

inline constexpr std::string_view kCharon = "/usr/lib/ipsec/charon";

// strongswan.conf and swanctl.conf of the node.
Result<> write_strongswan_files(const std::filesystem::path& folder, const Node& node);

// Fails while the charon that runs there does not answer.
Result<> vici_answers(const std::filesystem::path& folder);

// Hands swanctl.conf to it.
Result<> load_connections(const std::filesystem::path& folder);

}  // namespace segw::lab
