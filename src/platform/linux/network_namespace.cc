#include "platform/linux/network_namespace.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cerrno>
#include <cstring>
#include <thread>

#include "base/assert.h"

namespace segw::platform::os {
namespace {

constexpr const char* kFolder = "/run/netns";

std::string path_of(const std::string& name) { return fmt::format("{}/{}", kFolder, name); }

FileDescriptor open_namespace(const std::string& path) {
  return FileDescriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
}

// A namespace lives while something holds it: a bind mount does, as `ip netns add` makes one.
bool make_named(const std::string& path) {
  ::mkdir(kFolder, 0755);
  // The folder must propagate nothing private: as `ip netns`, it is made a shared mount of its own.
  if (::mount("", kFolder, "none", MS_SHARED | MS_REC, nullptr) != 0) {
    ::mount(kFolder, kFolder, "none", MS_BIND | MS_REC, nullptr);
    ::mount("", kFolder, "none", MS_SHARED | MS_REC, nullptr);
  }
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444));
  if (!file.valid()) return false;
  bool made = false;
  // In a thread of its own, so that this one never leaves its namespace.
  std::thread([&] {
    made = ::unshare(CLONE_NEWNET) == 0 &&
           ::mount("/proc/thread-self/ns/net", path.c_str(), "none", MS_BIND, nullptr) == 0;
  }).join();
  if (!made) ::unlink(path.c_str());
  return made;
}

}  // namespace

Result<NetworkNamespace> NetworkNamespace::own() {
  auto fd = open_namespace("/proc/self/ns/net");
  if (!fd.valid()) return failure("cannot open our network namespace");
  return NetworkNamespace(std::move(fd));
}

// A file without the mount is what another mount namespace left behind: it names nothing here.
static bool is_namespace(const std::string& path) {
  struct statfs info{};
  return ::statfs(path.c_str(), &info) == 0 && info.f_type == NSFS_MAGIC;
}

Result<NetworkNamespace> NetworkNamespace::named(const std::string& name) {
  const std::string path = path_of(name);
  if (!is_namespace(path)) ::unlink(path.c_str());
  if (::access(path.c_str(), F_OK) != 0 && !make_named(path)) {
    return failure(fmt::format("namespace {}: {}", name, std::strerror(errno)));
  }
  auto fd = open_namespace(path);
  if (!fd.valid()) return failure(fmt::format("namespace {}: {}", name, std::strerror(errno)));
  return NetworkNamespace(std::move(fd));
}

bool may_change_network() {
  const auto own = open_namespace("/proc/self/ns/net");
  return own.valid() && ::setns(own.get(), CLONE_NEWNET) == 0;
}

void NetworkNamespace::inside(const std::function<void()>& work) const {
  const FileDescriptor back(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  SEGW_ASSERT(back.valid());
  SEGW_ASSERT(::setns(fd_.get(), CLONE_NEWNET) == 0);
  work();
  SEGW_ASSERT(::setns(back.get(), CLONE_NEWNET) == 0);
}

void remove_named_namespace(const std::string& name) {
  const std::string path = path_of(name);
  ::umount2(path.c_str(), MNT_DETACH);
  ::unlink(path.c_str());
}

}  // namespace segw::platform::os
