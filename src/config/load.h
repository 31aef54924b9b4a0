#pragma once

// From the operator's text to the running configuration, and back.
//
// The text is MD-CLI: nested braces (`configure { isa { tunnel-group 1 { … } } }`) or one line per
// leaf (`configure isa tunnel-group 1 admin-state enable`), in any mixture. The reader knows the
// syntax and takes every name, key and value from the YANG schema (yang/, built into the library).
// Then three checks run, and each goes on after an error so that the operator sees them all:
//   reader.h    words, values, ranges                        (line and column of the word)
//   validate.h  mandatory leaves, references, counts         (generic over the schema)
//   build.h     what only this program knows: algorithms that this release has, addresses that
//               must lie in a connected subnet, SAPs that belong together (makes config::Config)
// Text in, values out: no files, no clock, no global state. A refused text leaves nothing behind.

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "config/model.h"

namespace segw::config {

class Schema;
class Tree;

constexpr size_t kTextBytesMax = 16U << 20U;  // a larger configuration is refused
constexpr size_t kErrorsMax = 500;            // after these, one last line says that there are more

struct ConfigError {
  unsigned line = 0;  // from 1; 0: of the whole text
  unsigned column = 0;
  std::string path;  // /configure/isa/tunnel-group[id=1]/admin-state
  std::string text;  // what is wrong and what was expected
};
using ConfigErrors = std::vector<ConfigError>;

// Something that is accepted, but that the operator should know.
struct ConfigWarning {
  std::string event;  // the name under which it is logged: IPSEC_WEAK_ALGORITHM
  ConfigError what;
};
using ConfigWarnings = std::vector<ConfigWarning>;

// `line 4, column 7: /configure/isa: …`, as an operator reads it.
[[nodiscard]] std::string text(const ConfigError& error);

using PortsMap = std::map<std::string, std::string, std::less<>>;  // port or SAP -> device

// One value of a configuration, as hashes: secrets can be compared, and are not there.
struct Setting {
  uint64_t path = 0;
  uint64_t value = 0;
};
using Settings = std::vector<Setting>;  // by path

struct Loaded {
  std::shared_ptr<const Config> config;
  std::shared_ptr<const Tree> tree;          // for info(); holds no secret
  std::shared_ptr<const Settings> settings;  // of all but the keys that chassis share
  ConfigWarnings warnings;
};

// The compiled schema. Making one costs some milliseconds; it can serve any number of loads.
[[nodiscard]] std::shared_ptr<const Schema> make_schema();

[[nodiscard]] tl::expected<Loaded, ConfigErrors> load(std::string_view text, const PortsMap& ports);
[[nodiscard]] tl::expected<Loaded, ConfigErrors> load(const std::shared_ptr<const Schema>& schema,
                                                      std::string_view text, const PortsMap& ports);

// The ports file: lines `1/1/1:1000 = eth1.1000`, # comments.
[[nodiscard]] tl::expected<PortsMap, ConfigErrors> parse_ports(std::string_view text);

// What `info` prints: the configuration as brace text without defaults. A secret is printed as
// "********" hidden, which load() refuses: it must be entered again.
[[nodiscard]] std::string info(const Tree& tree);
[[nodiscard]] std::string info_json(const Tree& tree);
// The entries of a list of /configure/ipsec, each as JSON with its defaults; secrets as in info().
// Costs what the list is long, whatever else is configured.
[[nodiscard]] std::vector<std::string> ipsec_entries_json(const Tree& tree, std::string_view list);
// Where `fresh` says something else than what runs, the keys that chassis share apart: paths, ten
// at most, and in words how many more there are, and how many that `fresh` does not have. Empty: it
// says the same.
[[nodiscard]] std::vector<std::string> differences(const Settings& running, const Loaded& fresh);
// The same configuration, defaults and explicit values alike.
[[nodiscard]] bool same(const Tree& a, const Tree& b);

}  // namespace segw::config
