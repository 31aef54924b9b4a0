#include "platform/linux/folder_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "platform/linux/file_descriptor.h"

namespace segw::platform::os {
namespace {

bool valid_name(std::string_view name) {
  return !name.empty() && name.front() != '.' && name.find('/') == std::string_view::npos &&
         name.find('\0') == std::string_view::npos;
}

}  // namespace

Result<std::optional<Bytes>> FolderFiles::read(std::string_view name) const {
  if (!valid_name(name)) return failure(fmt::format("'{}' is no file's name", name));
  const auto path = folder_ / name;
  const auto failed = [&] {
    return failure(fmt::format("{}: {}", path.string(), strerror(errno)));
  };
  // A pipe must not stop the start.
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.valid()) {
    if (errno == ENOENT) return std::optional<Bytes>();
    return failed();
  }
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return failed();
  if (!S_ISREG(status.st_mode)) return failure(fmt::format("{}: not a file", path.string()));
  if (static_cast<size_t>(status.st_size) > kFileMax) {
    return failure(fmt::format("{}: larger than 1 MiB", path.string()));
  }
  Bytes contents(static_cast<size_t>(status.st_size));
  size_t size = 0;
  while (size < contents.size()) {
    const ssize_t got = ::read(file.get(), contents.data() + size, contents.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed();
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  contents.resize(size);
  return std::optional<Bytes>(std::move(contents));
}

}  // namespace segw::platform::os
