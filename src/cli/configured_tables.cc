#include "cli/configured_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cli/tables.h"
#include "config/load.h"

// Policies, transforms and clients as they are configured, defaults filled in. A list is shown as a
// table of its most telling leaves, one entry with all of them.

namespace segw::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kPathDepth = 3;
using Path = std::array<std::string_view, kPathDepth>;  // of a leaf in its entry; "" ends it

struct Column {
  std::string_view title;
  size_t width;
  Path leaf;
};

struct List {
  std::string_view name;   // in the configuration
  std::string_view title;  // of the table
  std::string_view key;
  std::vector<Column> columns;
};

// NOLINTBEGIN(modernize-use-designated-initializers): tables.
const std::vector<List>& lists() {
  static const std::vector<List> all = {
      {"ike-policy",
       "IPsec IKE Policies",
       "id",
       {{"Id", 6, {"id"}},
        {"Auth", 7, {"ike-version-2", "auth-method"}},
        {"Own Auth", 11, {"ike-version-2", "own-auth-method"}},
        {"PFS", 10, {"pfs", "dh-group"}},
        {"NAT-T", 7, {"nat-traversal"}},
        {"DPD", 6, {"dpd", "interval"}},
        {"Lockout", 9, {"lockout", "failed-attempts"}},
        {"Lifetime", 10, {"ipsec-lifetime"}},
        {"Transforms", 0, {"ike-transform"}}}},
      {"ike-transform",
       "IPsec IKE Transforms",
       "id",
       {{"Id", 6, {"id"}},
        {"Encryption", 19, {"ike-encryption-algorithm"}},
        {"Auth", 17, {"ike-auth-algorithm"}},
        {"PRF", 14, {"ike-prf-algorithm"}},
        {"DH Group", 10, {"dh-group"}},
        {"Lifetime", 0, {"isakmp-lifetime"}}}},
      {"ipsec-transform",
       "IPsec Transforms",
       "id",
       {{"Id", 6, {"id"}},
        {"Encryption", 21, {"esp-encryption-algorithm"}},
        {"Auth", 17, {"esp-auth-algorithm"}},
        {"PFS", 12, {"pfs-dh-group"}},
        {"ESN", 7, {"extended-sequence-number"}},
        {"Lifetime", 0, {"ipsec-lifetime"}}}},
      {"client-db",
       "IPsec Client Databases",
       "name",
       {{"Name", 33, {"name"}},
        {"Admin", 9, {"admin-state"}},
        {"Match IDi", 11, {"match-list", "idi"}},
        {"Match Peer", 0, {"match-list", "peer-ip-prefix"}}}},
  };
  return all;
}
// NOLINTEND(modernize-use-designated-initializers)

// libyang puts a module's name in front where it changes.
std::string_view plain_name(std::string_view name) {
  const size_t colon = name.find(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

const Json* child(const Json& of, std::string_view name) {
  if (!of.is_object()) return nullptr;
  for (const auto& [key, value] : of.items()) {
    if (plain_name(key) == name) return &value;
  }
  return nullptr;
}

std::string text_of(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return yes_no(value.get<bool>());
  if (value.is_object()) return "Yes";  // a container that is there
  if (!value.is_array()) return value.dump();
  std::string words;
  for (const Json& each : value) {
    if (each.is_null()) return "Yes";  // a leaf of type empty
    words += (words.empty() ? "" : " ") + text_of(each);
  }
  return words;
}

std::string leaf(const Json& entry, const Path& path) {
  const Json* at = &entry;
  for (const std::string_view step : path) {
    if (step.empty()) break;
    at = child(*at, step);
    if (at == nullptr) return "--";
  }
  return text_of(*at);
}

const List* find_list(std::string_view name) {
  const auto at = std::ranges::find(lists(), name, &List::name);
  return at == lists().end() ? nullptr : &*at;
}

void add_leaves(const Json& of, const std::string& before, std::string& text) {
  constexpr size_t kNameWidth = 49;
  for (const auto& [key, value] : of.items()) {
    const std::string name = before + std::string(plain_name(key));
    if (value.is_object()) {
      add_leaves(value, name + " ", text);
    } else if (!value.is_array() || value.empty() || !value.front().is_object()) {
      text += fmt::format("{:<{}} : {}\n", name, kNameWidth, text_of(value));
    }
  }
}

std::string identity(const Json& client) {
  const Json* of = child(client, "identification");
  const Json* idi = of == nullptr ? nullptr : child(*of, "idi");
  if (idi == nullptr || idi->empty()) return "--";
  if (child(*idi, "any") != nullptr) return "any";
  for (const std::string_view prefix : {"ipv4-prefix", "ipv6-prefix"}) {
    if (const Json* at = child(*idi, prefix)) return text_of(*at);
  }
  return leaf(*idi, {"string-type"}) + " " + leaf(*idi, {"string-value"});
}

size_t tunnels_of(const Snapshot& snapshot, const std::string& database, uint64_t client) {
  size_t count = 0;
  for (const chassis::GatewayStatus& gateway : snapshot.status.gateways) {
    if (gateway.client_db != database) continue;
    count += static_cast<size_t>(
        std::ranges::count(gateway.tunnels, client, &chassis::GatewayTunnelStatus::client));
  }
  return count;
}

}  // namespace

Json configured_list(const config::Tree& tree, std::string_view name) {
  Json entries = Json::array();
  for (const std::string& text : config::ipsec_entries_json(tree, name)) {
    const Json one = Json::parse(text, nullptr, /*allow_exceptions=*/false);
    const Json* list = child(one, name);
    if (list != nullptr && list->is_array() && list->size() == 1) entries.push_back(list->front());
  }
  return entries;
}

const Json* configured_entry(const Json& entries, std::string_view list, std::string_view key) {
  const List* of = find_list(list);
  if (of == nullptr) return nullptr;
  for (const Json& entry : entries) {
    const Json* id = child(entry, of->key);
    if (id != nullptr && text_of(*id) == key) return &entry;
  }
  return nullptr;
}

std::string configured_table(std::string_view list, const Json& entries) {
  const List* of = find_list(list);
  if (of == nullptr) return {};
  const auto row = [&](const auto& cell) {
    std::string line;
    for (const Column& column : of->columns) {
      line += fmt::format("{:<{}}", cell(column), column.width);
    }
    return line + "\n";
  };
  std::string table = "\n" + title(of->title);
  table += row([](const Column& column) { return std::string(column.title); }) + thin_line();
  for (const Json& entry : entries) {
    table += row([&](const Column& column) { return leaf(entry, column.leaf); });
  }
  table += thin_line() + fmt::format("{}: {}\n", of->title, entries.size());
  return table + thick_line();
}

std::string configured_detail(std::string_view list, std::string_view key, const Json& entry) {
  std::string text = "\n" + title(fmt::format("{} {}", list, key));
  add_leaves(entry, "", text);
  return text + thick_line();
}

std::string client_table(const Snapshot& snapshot, std::string_view name, const Json& entry) {
  constexpr std::string_view kRow = "{:<7}{:<27}{:<9}{:<10}{:<18}{}\n";
  const Json* clients = child(entry, "client");
  std::string table = configured_detail("client-db", name, entry) + "\n" + title("Clients");
  table += fmt::format(fmt::runtime(kRow), "Id", "Name", "Admin", "Template", "TsList", "Tunnels");
  table += fmt::format("{:<7}{:<46}{}\n", "", "  Idi", "  Peer") + thin_line();
  size_t count = 0;
  for (const Json& client : clients == nullptr ? Json::array() : *clients) {
    const std::string number = leaf(client, {"client-index"});
    const uint64_t id = client.value("client-index", uint64_t{0});
    table += fmt::format(fmt::runtime(kRow), number, leaf(client, {"client-name"}),
                         leaf(client, {"admin-state"}), leaf(client, {"tunnel-template"}),
                         leaf(client, {"ts-list"}), tunnels_of(snapshot, std::string(name), id));
    table += fmt::format("{:<7}{:<46}{}\n", "", "  " + identity(client),
                         "  " + leaf(client, {"identification", "peer-ip-prefix"}));
    ++count;
  }
  table += thin_line() + fmt::format("Clients: {}\n", count);
  return table + thick_line();
}

}  // namespace segw::cli
