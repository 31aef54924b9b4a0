#pragma once

// Files of one folder that the operator puts there, only to be read: the PKI folder. Not part of
// Platform: they are read where the configuration is, before there is a chassis.

#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace segw::platform {

constexpr size_t kFileMax = size_t{1} << 20;

class Files {
 public:
  virtual ~Files() = default;
  // Nothing if there is no such file. Error: it cannot be read, is larger than kFileMax, or `name`
  // is no name of a file in the folder.
  [[nodiscard]] virtual Result<std::optional<Bytes>> read(std::string_view name) const = 0;
};

}  // namespace segw::platform
