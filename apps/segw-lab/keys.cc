#include "keys.h"

#include <fmt/format.h>

#include <fstream>
#include <sstream>

#include "daemons.h"

namespace segw::lab {
namespace {

namespace fs = std::filesystem;
using Tables = std::map<std::string, std::set<std::string>>;  // file name -> its lines

constexpr std::string_view kPreferences =
    "esp.enable_encryption_decode: TRUE\nesp.enable_authentication_check: TRUE\n";

// "[esp_sa]" begins what belongs in the file esp_sa.
Result<> add_tables(const std::string& text, Tables& tables) {
  std::istringstream in(text);
  std::string line;
  std::string file;
  while (std::getline(in, line)) {
    if (line.empty()) continue;
    if (line.front() == '[') {
      file = line.substr(1, line.find(']') - 1);
      if (file != "esp_sa" && file != "ikev2_decryption_table") {
        return failure(fmt::format("segwd exported an unknown table {}", line));
      }
    } else if (!file.empty()) {
      tables[file].insert(line);
    }
  }
  return {};
}

Result<> write_private(const fs::path& file, const std::string& text) {
  std::ofstream out(file);
  std::error_code error;
  fs::permissions(file, fs::perms::owner_read | fs::perms::owner_write, error);
  out << text;
  if (!out.flush()) return failure(fmt::format("{}: not written", file.string()));
  return {};
}

void read_lines(const fs::path& file, std::set<std::string>& lines) {
  std::ifstream in(file);
  std::string line;
  while (std::getline(in, line)) lines.insert(line);
}

}  // namespace

Result<> export_keys(const State& state, const Topology& topology, const std::string& node,
                     const fs::path& folder) {
  Tables tables;
  bool asked = false;
  for (const Node& one : topology.nodes) {
    if (one.kind != NodeKind::Chassis || (node != "all" && node != one.name)) continue;
    if (node == "all" && node_processes(state, one.name).empty()) continue;
    const auto text = ask_chassis(state, one.name, {"tools", "lab", "export-keys"});
    if (!text) return tl::unexpected(text.error());
    if (auto added = add_tables(*text, tables); !added) return added;
    asked = true;
  }
  if (!asked) return failure(fmt::format("{}: no chassis that runs", node));
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return failure(fmt::format("{}: {}", folder.string(), error.message()));
  for (auto& [file, lines] : tables) {
    read_lines(folder / file, lines);
    std::string all;
    for (const std::string& line : lines) all += line + "\n";
    if (auto written = write_private(folder / file, all); !written) return written;
  }
  return write_private(folder / "preferences", std::string(kPreferences));
}

}  // namespace segw::lab
