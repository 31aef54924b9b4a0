#include "check.h"

#include <fmt/format.h>

#include "apps/text_file.h"
#include "chassis/credentials.h"
#include "config/load.h"
#include "platform/linux/folder_files.h"

namespace segw::app {
namespace {

int print(const std::string& file, const config::ConfigErrors& errors) {
  for (const config::ConfigError& error : errors) {
    fmt::print(stderr, "{}: {}\n", file, config::text(error));
  }
  return 1;
}

int cannot_read(const Error& error) {
  fmt::print(stderr, "{}\n", error.text);
  return 1;
}

}  // namespace

int check(const std::string& config_file, const std::string& ports_file,
          const std::string& pki_folder) {
  const auto text = read_text(config_file);
  if (!text) return cannot_read(text.error());
  const auto ports_text = read_text(ports_file);
  if (!ports_text) return cannot_read(ports_text.error());
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
