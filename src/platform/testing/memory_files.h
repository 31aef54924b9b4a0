#pragma once

#include <map>
#include <string>

#include "platform/files.h"

namespace segw::platform::testing {

// A folder in memory, for tests and the simulation.
class MemoryFiles final : public Files {
 public:
  [[nodiscard]] Result<std::optional<Bytes>> read(std::string_view name) const override {
    if (name == unreadable) return failure("permission denied");
    const auto at = files.find(name);
    return at == files.end() ? std::optional<Bytes>() : std::optional<Bytes>(at->second);
  }
  std::map<std::string, Bytes, std::less<>> files;
  std::string unreadable;
};

}  // namespace segw::platform::testing
