#include "mcs_key.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/secret_bytes.h"

namespace segw::app {
namespace {

constexpr size_t kKeyBytes = 32;

tl::unexpected<Error> system_failure(const std::string& what) {
  return failure(
      fmt::format("{}: {}", what, std::strerror(errno)));  // NOLINT(concurrency-mt-unsafe)
}

Result<> fill_random(MutableBytes bytes) {
  while (!bytes.empty()) {
    const ssize_t got = ::getrandom(bytes.data(), bytes.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return system_failure("getrandom");
    bytes = bytes.subspan(static_cast<size_t>(got));
  }
  return {};
}

SecretBytes hex_line(ByteView key) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  SecretBytes line(key.size() * 2 + 1);
  const MutableBytes out = line.writable();
  for (size_t i = 0; i < key.size(); ++i) {
    out[2 * i] = static_cast<uint8_t>(kDigits[key[i] >> 4U]);
    out[2 * i + 1] = static_cast<uint8_t>(kDigits[key[i] & 0x0FU]);
  }
  out.back() = '\n';
  return line;
}

Result<> write_new_file(const std::string& path, ByteView content) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return system_failure(path);
  // The umask may have taken bits, but a creation mode can add none: 0600 is exact after this.
  const bool written =
      ::fchmod(fd, 0600) == 0 &&
      ::write(fd, content.data(), content.size()) == static_cast<ssize_t>(content.size()) &&
      ::fsync(fd) == 0;
  const int error = errno;
  ::close(fd);
  errno = error;
  if (written) return {};
  auto failed = system_failure(path);
  ::unlink(path.c_str());
  return failed;
}

void sync_folder(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

// With their line ends.
Result<std::vector<SecretBytes>> read_lines(const std::string& path) {
  constexpr size_t kFileMax = 1024;
  const int fd = ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return system_failure(path);
  SecretBytes content(kFileMax);
  const ssize_t size = ::read(fd, content.writable().data(), kFileMax);
  ::close(fd);
  if (size < 0) return system_failure(path);
  ByteView left = content.view().first(static_cast<size_t>(size));
  std::vector<SecretBytes> lines;
  while (!left.empty()) {
    if (left.size() <= 2 * kKeyBytes || left[2 * kKeyBytes] != '\n') {
      return failure(path + ": lines of 64 hexadecimal digits expected");
    }
    lines.emplace_back(left.first(2 * kKeyBytes + 1));
    left = left.subspan(2 * kKeyBytes + 1);
  }
  return lines;
}

Result<std::vector<SecretBytes>> changed(std::vector<SecretBytes> lines, McsKeyStep step) {
  if (lines.size() != (step == McsKeyStep::Add ? 1U : 2U)) {
    return failure(step == McsKeyStep::Add ? "there are two keys already: remove the second first"
                                           : "there is no second key: add one first");
  }
  switch (step) {
    case McsKeyStep::Add: {
      SecretBytes key(kKeyBytes);
      if (auto filled = fill_random(key.writable()); !filled) return tl::unexpected(filled.error());
      lines.push_back(hex_line(key.view()));
      break;
    }
    case McsKeyStep::Swap:
      std::swap(lines[0], lines[1]);
      break;
    case McsKeyStep::Remove:
      lines.pop_back();
      break;
  }
  return lines;
}

}  // namespace

Result<std::string> change_mcs_key(const std::string& state_folder, McsKeyStep step) {
  std::string path = state_folder + "/mcs.key";
  auto lines = read_lines(path);
  if (!lines) return tl::unexpected(lines.error());
  const auto next = changed(std::move(*lines), step);
  if (!next) return failure(path + ": " + next.error().text);
  SecretBytes content(next->size() * (2 * kKeyBytes + 1));
  auto at = content.writable().begin();
  for (const SecretBytes& line : *next) at = std::ranges::copy(line.view(), at).out;
  const std::string unfinished = fmt::format("{}.{}", path, ::getpid());
  if (auto written = write_new_file(unfinished, content.view()); !written) {
    return tl::unexpected(written.error());
  }
  if (::rename(unfinished.c_str(), path.c_str()) != 0) {
    auto failed = system_failure(path);
    ::unlink(unfinished.c_str());
    return failed;
  }
  sync_folder(state_folder);
  return path;
}

Result<std::string> generate_mcs_key(const std::string& state_folder) {
  std::string path = state_folder + "/mcs.key";
  struct stat found{};
  if (::stat(state_folder.c_str(), &found) != 0 || !S_ISDIR(found.st_mode)) {
    return failure(fmt::format("there is no folder {0}: install -d -m 0700 {0}", state_folder));
  }
  if (::lstat(path.c_str(), &found) == 0) {
    return failure(path + " exists; it is not overwritten");
  }
  SecretBytes key(kKeyBytes);
  if (auto filled = fill_random(key.writable()); !filled) return tl::unexpected(filled.error());
  // Written under another name first, so that nobody ever reads half a key; link() does not
  // replace.
  const std::string unfinished = fmt::format("{}.{}", path, ::getpid());
  const SecretBytes line = hex_line(key.view());
  if (auto written = write_new_file(unfinished, line.view()); !written) {
    return tl::unexpected(written.error());
  }
  const int linked = ::link(unfinished.c_str(), path.c_str());
  const int error = errno;
  ::unlink(unfinished.c_str());
  errno = error;
  if (linked != 0) return system_failure(path);
  sync_folder(state_folder);
  return path;
}

}  // namespace segw::app
