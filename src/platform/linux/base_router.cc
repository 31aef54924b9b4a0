#include "platform/linux/base_router.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

namespace segw::platform::os {
namespace {

std::string errno_text() { return std::strerror(errno); }

Result<FileDescriptor> open_folder(const std::filesystem::path& folder) {
  const std::string name = folder.string();
  if (::mkdir(name.c_str(), S_IRWXU) != 0 && errno != EEXIST) {
    return failure(fmt::format("{}: {}", name, errno_text()));
  }
  FileDescriptor opened(::open(name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat info{};
  if (!opened.valid() || ::fstat(opened.get(), &info) != 0) {
    return failure(fmt::format("{}: {}", name, errno_text()));
  }
  if (info.st_uid != 0 || (info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return failure(fmt::format("{}: others than root may write there", name));
  }
  return opened;
}

}  // namespace

Result<FileDescriptor> claim_base_router(const std::filesystem::path& folder) {
  const auto opened = open_folder(folder);
  if (!opened) return tl::unexpected(opened.error());
  struct stat own{};
  if (::stat("/proc/self/ns/net", &own) != 0) {
    return failure(fmt::format("own network namespace: {}", errno_text()));
  }
  // The kernel gives a number again when its namespace is gone, so few files are ever left.
  const std::string name = fmt::format("netns-{}", own.st_ino);
  FileDescriptor place(::openat(opened->get(), name.c_str(),
                                O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!place.valid()) {
    return failure(fmt::format("{}: {}", (folder / name).string(), errno_text()));
  }
  if (::flock(place.get(), LOCK_EX | LOCK_NB) != 0) {
    return failure("another segwd runs in this network namespace");
  }
  return place;
}

}  // namespace segw::platform::os
