#include "platform/linux/store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <asio/post.hpp>
#include <cerrno>
#include <cstring>

namespace segw::platform::os {
namespace {

constexpr size_t kFileMax = size_t{1} << 20;

std::string errno_text() { return std::strerror(errno); }

bool valid_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && name.front() != '.' &&
         std::ranges::all_of(name, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
         });
}

bool write_all(int fd, ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t wrote = ::write(fd, bytes.data(), bytes.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return false;
    bytes = bytes.subspan(static_cast<size_t>(wrote));
  }
  return true;
}

}  // namespace

Result<std::unique_ptr<FolderStore>> FolderStore::open(Loop& loop,
                                                       const std::filesystem::path& folder) {
  // Its mode is for whoever made it to say: --state with a slip of the pen may name any folder.
  struct stat status{};
  if (::stat(folder.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) {
    return failure(
        fmt::format("there is no state folder {0}: install -d -m 0700 {0}", folder.string()));
  }
  if (status.st_uid != ::geteuid() || (status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return failure(
        fmt::format("state folder {0} is not ours alone: chmod 700 {0}", folder.string()));
  }
  const auto path = folder / "lock";
  FileDescriptor lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!lock.valid()) return failure(fmt::format("{}: {}", path.string(), errno_text()));
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return failure(fmt::format("state folder {}: another segwd is using it", folder.string()));
  }
  return std::unique_ptr<FolderStore>(new FolderStore(loop, folder, std::move(lock)));
}

FolderStore::FolderStore(Loop& loop, std::filesystem::path folder, FileDescriptor lock)
    : loop_(loop),
      folder_(std::move(folder)),
      lock_(std::move(lock)),
      worker_([this] { work(); }) {}

FolderStore::~FolderStore() {
  {
    const std::lock_guard guard(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  worker_.join();
  *alive_ = false;
}

Result<std::optional<Bytes>> FolderStore::read(std::string_view name) {
  if (!valid_name(name)) return failure(fmt::format("'{}' is no state file's name", name));
  const auto path = folder_ / name;
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) {
    if (errno == ENOENT) return std::optional<Bytes>();
    return failure(fmt::format("{}: {}", path.string(), errno_text()));
  }
  Bytes contents(kFileMax);
  size_t size = 0;
  while (size < contents.size()) {
    const ssize_t got = ::read(file.get(), contents.data() + size, contents.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failure(fmt::format("{}: {}", path.string(), errno_text()));
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  contents.resize(size);
  return std::optional<Bytes>(std::move(contents));
}

void FolderStore::write(std::string_view name, Bytes contents,
                        std::function<void(Result<void>)> done) {
  {
    const std::lock_guard guard(mutex_);
    jobs_.push_back(
        Job{.name = std::string(name), .contents = std::move(contents), .done = std::move(done)});
  }
  wake_.notify_one();
}

void FolderStore::work() {
  while (true) {
    Job job;
    {
      std::unique_lock guard(mutex_);
      wake_.wait(guard, [this] { return stopping_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    auto result = write_now(job);
    asio::post(loop_.io(),
               [done = std::move(job.done), result = std::move(result), alive = alive_] {
                 if (*alive) done(result);
               });
  }
}

// Write aside, fsync, rename, fsync of the folder: a power cut leaves the old file or the new one.
Result<void> FolderStore::write_now(const Job& job) const {
  if (!valid_name(job.name)) return failure(fmt::format("'{}' is no state file's name", job.name));
  const auto path = folder_ / job.name;
  const auto aside = folder_ / (job.name + ".new");
  const FileDescriptor file(
      ::open(aside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!file.valid() || !write_all(file.get(), job.contents) || ::fsync(file.get()) != 0 ||
      ::rename(aside.c_str(), path.c_str()) != 0) {
    return failure(fmt::format("{}: {}", path.string(), errno_text()));
  }
  const FileDescriptor folder(::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid() || ::fsync(folder.get()) != 0) {
    return failure(fmt::format("{}: {}", folder_.string(), errno_text()));
  }
  return {};
}

}  // namespace segw::platform::os
