#include <fmt/format.h>

#include <algorithm>

#include "config/load.h"

namespace segw::config {
namespace {

constexpr size_t kDeviceBytesMax = 15;  // the kernel's limit
constexpr size_t kPortBytesMax = 45;    // the schema's

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r";
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

bool is_device(std::string_view name) {
  return !name.empty() && name.size() <= kDeviceBytesMax && name != "." && name != ".." &&
         std::ranges::all_of(name, [](char c) { return c > ' ' && c < 0x7F && c != '/'; });
}

bool is_port(std::string_view name) {
  return !name.empty() && name.size() <= kPortBytesMax &&
         std::ranges::all_of(name, [](char c) { return c > ' ' && c < 0x7F; });
}

// What is wrong with the line, or nothing; then its pair is in `ports`.
std::string read_line(std::string_view line, PortsMap& ports) {
  const size_t equals = line.find('=');
  if (equals == std::string_view::npos) return "port = device expected";
  const std::string_view port = trim(line.substr(0, equals));
  const std::string_view device = trim(line.substr(equals + 1));
  if (!is_port(port)) return "the port's name before '=' is missing or has blanks in it";
  if (!is_device(device)) return "after '=' a device name of 1..15 characters expected";
  for (const auto& [other_port, other_device] : ports) {
    if (other_port == port) return fmt::format("port {} has a device already", port);
    if (other_device == device) {
      return fmt::format("device {} belongs to port {} already", device, other_port);
    }
  }
  ports.emplace(port, device);
  return "";
}

}  // namespace

tl::expected<PortsMap, ConfigErrors> parse_ports(std::string_view text) {
  PortsMap ports;
  ConfigErrors errors;
  unsigned number = 0;
  while (!text.empty() && errors.size() < kErrorsMax) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    line = trim(line.substr(0, line.find('#')));
    if (line.empty()) continue;
    std::string wrong = read_line(line, ports);
    if (!wrong.empty()) {
      errors.push_back(
          ConfigError{.line = number, .column = 1, .path = "", .text = std::move(wrong)});
    }
  }
  if (!errors.empty()) return tl::unexpected(std::move(errors));
  return ports;
}

}  // namespace segw::config
