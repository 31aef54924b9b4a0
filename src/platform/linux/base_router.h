#pragma once

#include <filesystem>

#include "base/result.h"
#include "platform/linux/file_descriptor.h"

namespace segw::platform::os {

// segwd is the base router of its network namespace: a second one there would take the devices and
// addresses of the first. Who holds the descriptor has the place; it is free again when the process
// ends, however it ends. `folder` is made if it is missing; nobody but root may write there, or
// anybody could keep segwd from starting.
[[nodiscard]] Result<FileDescriptor> claim_base_router(
    const std::filesystem::path& folder = "/run/opensegw");

}  // namespace segw::platform::os
