// The whole way of a configuration: any text is either refused with errors or loaded, and what was
// loaded is printed in a form that loads to the same tree.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "config/load.h"

namespace {

using segw::config::Loaded;

const segw::config::PortsMap& ports() {
  static const segw::config::PortsMap map = {
      {"1/1/1", "core"}, {"1/1/2", "pub"}, {"1/1/3", "icl"}, {"1/1/4", "picl"}};
  return map;
}

// Secrets are not printed; any value stands for them.
std::string entered_again(std::string printed) {
  constexpr std::string_view kHidden = "\"********\" hidden\n";
  size_t at = 0;
  while ((at = printed.find(kHidden, at)) != std::string::npos) {
    printed.replace(at, kHidden.size(), "secret\n");
  }
  return printed;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto schema = segw::config::make_schema();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto parsed_ports = segw::config::parse_ports(text);
  SEGW_ASSERT(parsed_ports || !parsed_ports.error().empty());
  const auto loaded = segw::config::load(schema, text, ports());
  if (!loaded) {
    SEGW_ASSERT(!loaded.error().empty());
    return 0;
  }
  const std::string printed = entered_again(segw::config::info(*loaded->tree));
  const auto again = segw::config::load(schema, printed, ports());
  SEGW_ASSERT(again.has_value());
  SEGW_ASSERT(segw::config::same(*loaded->tree, *again->tree));
  return 0;
}
