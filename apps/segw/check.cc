#include "check.h"

#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <optional>

#include "chassis/credentials.h"
#include "config/load.h"
#include "platform/linux/folder_files.h"

namespace segw::app {
namespace {

std::optional<std::string> read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::nullopt;
  std::string text;
  // One byte more than is accepted is enough for load() to refuse the file.
  text.resize(config::kTextBytesMax + 1);
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad()) return std::nullopt;
  text.resize(static_cast<size_t>(in.gcount()));
  return text;
}

int print(const std::string& file, const config::ConfigErrors& errors) {
  for (const config::ConfigError& error : errors) {
    fmt::print(stderr, "{}: {}\n", file, config::text(error));
  }
  return 1;
}

int cannot_read(const std::string& file) {
  fmt::print(stderr, "{}: cannot be read\n", file);
  return 1;
}

}  // namespace

int check(const std::string& config_file, const std::string& ports_file,
          const std::string& pki_folder) {
  const auto text = read_file(config_file);
  if (!text) return cannot_read(config_file);
  const auto ports_text = read_file(ports_file);
  if (!ports_text) return cannot_read(ports_file);
  const auto ports = config::parse_ports(*ports_text);
  if (!ports) return print(ports_file, ports.error());
  const auto loaded = config::load(*text, *ports);
  if (!loaded) return print(config_file, loaded.error());
  if (!pki_folder.empty()) {
    const auto credentials =
        chassis::load_credentials(*loaded->config, platform::os::FolderFiles(pki_folder));
    if (!credentials) return print(config_file, credentials.error());
  }
  for (const config::ConfigWarning& warning : loaded->warnings) {
    fmt::print("{}: warning: {}\n", config_file, config::text(warning.what));
  }
  fmt::print("{}: no errors\n", config_file);
  return 0;
}

}  // namespace segw::app
