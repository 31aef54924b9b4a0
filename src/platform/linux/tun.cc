#include "platform/linux/tun.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstring>

namespace segw::platform::os {

Result<FileDescriptor> open_tun_queue(const NetworkNamespace& where, const std::string& name) {
  FileDescriptor queue;
  int error = 0;
  where.inside([&] {
    queue = FileDescriptor(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
    ifreq request{};
    std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
    request.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_MULTI_QUEUE;
    if (!queue.valid() || ::ioctl(queue.get(), TUNSETIFF, &request) != 0) error = errno;
  });
  if (error != 0) return failure(fmt::format("TUN device {}: {}", name, std::strerror(error)));
  return queue;
}

Result<void> detach_queue(const FileDescriptor& queue, const std::string& name) {
  ifreq request{};
  request.ifr_flags = IFF_DETACH_QUEUE;
  if (::ioctl(queue.get(), TUNSETQUEUE, &request) != 0) {
    return failure(fmt::format("TUN device {}: detach: {}", name, std::strerror(errno)));
  }
  return {};
}

}  // namespace segw::platform::os
