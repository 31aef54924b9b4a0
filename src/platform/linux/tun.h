#pragma once

#include <string>

#include "base/result.h"
#include "platform/linux/file_descriptor.h"
#include "platform/linux/network_namespace.h"

namespace segw::platform::os {

// Another queue of the TUN device `name` (made if it is missing) in `where`: whole IP packets,
// non-blocking. Error: names the device.
Result<FileDescriptor> open_tun_queue(const NetworkNamespace& where, const std::string& name);
// A detached queue receives nothing and keeps the device, its carrier and its routes.
Result<void> detach_queue(const FileDescriptor& queue, const std::string& name);

}  // namespace segw::platform::os
