#pragma once

#include <filesystem>

#include "platform/files.h"

namespace segw::platform::os {

// No name leads out of the folder; links in it may.
class FolderFiles final : public Files {
 public:
  explicit FolderFiles(std::filesystem::path folder) : folder_(std::move(folder)) {}
  [[nodiscard]] Result<std::optional<Bytes>> read(std::string_view name) const override;

 private:
  std::filesystem::path folder_;
};

}  // namespace segw::platform::os
