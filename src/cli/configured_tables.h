#pragma once

// `show ipsec ike-policy`, `ike-transform`, `ipsec-transform`, `client-db`: what is configured,
// defaults filled in. `list` is the list's name in the configuration.

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "cli/tables.h"
#include "config/load.h"

namespace segw::cli {

// The entries of /configure/ipsec/LIST.
[[nodiscard]] nlohmann::ordered_json configured_list(const config::Tree& tree,
                                                     std::string_view name);
// Null: there is none with this key.
[[nodiscard]] const nlohmann::ordered_json* configured_entry(const nlohmann::ordered_json& entries,
                                                             std::string_view list,
                                                             std::string_view key);
[[nodiscard]] std::string configured_table(std::string_view list,
                                           const nlohmann::ordered_json& entries);
[[nodiscard]] std::string configured_detail(std::string_view list, std::string_view key,
                                            const nlohmann::ordered_json& entry);
// A client-db with its clients, and how many tunnels each has.
[[nodiscard]] std::string client_table(const Snapshot& snapshot, std::string_view name,
                                       const nlohmann::ordered_json& entry);

}  // namespace segw::cli
