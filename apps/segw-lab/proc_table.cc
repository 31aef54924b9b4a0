// Reading /proc: who lives, who descends from whom, who is in which namespace.
#include <dirent.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <optional>
#include <sstream>
#include <tuple>

#include "process.h"

namespace segw::lab {
namespace {

struct Stat {
  ProcessId id;
  char state = '?';
  pid_t parent = 0;
  pid_t session = 0;
};

std::optional<Stat> read_stat(pid_t pid) {
  const std::string text = contents("/proc/" + std::to_string(pid) + "/stat");
  const size_t name_end = text.rfind(')');  // the name may hold blanks and parentheses
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(name_end + 1));
  Stat stat{.id = {.pid = pid}};
  pid_t group = 0;
  std::string skipped;
  fields >> stat.state >> stat.parent >> group >> stat.session;
  constexpr int kFieldsBeforeStart = 15;  // 7 tty_nr … 21 itrealvalue
  for (int i = 0; i < kFieldsBeforeStart; ++i) fields >> skipped;
  fields >> stat.id.start_ticks;
  if (!fields) return std::nullopt;
  return stat;
}

std::vector<Stat> all_processes() {
  std::vector<Stat> found;
  DIR* folder = ::opendir("/proc");
  if (folder == nullptr) return found;
  while (const dirent* entry = ::readdir(folder)) {  // NOLINT(concurrency-mt-unsafe)
    const std::string_view name = static_cast<const char*>(entry->d_name);
    pid_t pid = 0;
    if (std::from_chars(name.begin(), name.end(), pid).ptr != name.end()) continue;
    const auto stat = read_stat(pid);
    if (stat && stat->state != 'Z' && stat->state != 'X') found.push_back(*stat);
  }
  ::closedir(folder);
  return found;
}

using NamespaceId = std::pair<dev_t, ino_t>;

std::optional<NamespaceId> namespace_id(const std::string& path) {
  struct stat found{};
  if (::stat(path.c_str(), &found) != 0) return std::nullopt;
  return NamespaceId{found.st_dev, found.st_ino};
}

// An open reference to exactly this process, or -1 if it is gone.
class PidFd {
 public:
  // glibc 2.36 declares pidfd_open() without C linkage.
  explicit PidFd(const ProcessId& process)
      : fd_(static_cast<int>(::syscall(SYS_pidfd_open, process.pid, 0))) {
    // Checked after opening: from here on the descriptor can mean no other process.
    const auto stat = fd_ >= 0 ? read_stat(process.pid) : std::nullopt;
    if (!stat || stat->id != process) close();
  }
  ~PidFd() { close(); }
  PidFd(const PidFd&) = delete;
  PidFd& operator=(const PidFd&) = delete;
  [[nodiscard]] int get() const { return fd_; }

 private:
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  int fd_;
};

}  // namespace

ProcessId identify(pid_t pid) {
  const auto stat = read_stat(pid);
  return stat ? stat->id : ProcessId{.pid = pid};
}

bool alive(const ProcessId& process) {
  const auto stat = read_stat(process.pid);
  return stat && stat->id == process && stat->state != 'Z' && stat->state != 'X';
}

std::set<ProcessId> family(const std::vector<ProcessId>& roots) {
  const std::vector<Stat> all = all_processes();
  const auto is_root = [&](const Stat& stat) { return std::ranges::count(roots, stat.id) > 0; };
  // A session keeps its leader's pid from being reused, unless all of it ended before.
  const auto left_behind = [&](const Stat& stat) {
    return std::ranges::any_of(roots, [&](const ProcessId& root) {
      const auto reused = [&](const Stat& other) {
        return other.id.pid == root.pid && other.id != root;
      };
      return stat.session == root.pid && stat.id.start_ticks >= root.start_ticks &&
             std::ranges::none_of(all, reused);
    });
  };
  std::set<ProcessId> members;
  std::set<pid_t> pids;
  const auto belongs = [&](const Stat& stat) {
    return pids.contains(stat.parent) || is_root(stat) || left_behind(stat);
  };
  for (bool grown = true; grown;) {
    grown = false;
    for (const Stat& stat : all) {
      if (pids.contains(stat.id.pid) || !belongs(stat)) continue;
      pids.insert(stat.id.pid);
      members.insert(stat.id);
      grown = true;
    }
  }
  return members;
}

std::set<ProcessId> inhabitants(const std::vector<std::string>& netns) {
  std::set<NamespaceId> wanted;
  for (const std::string& name : netns) {
    if (const auto id = namespace_id("/run/netns/" + name)) wanted.insert(*id);
  }
  // A plain file of that name is no namespace: never take our own for the lab's.
  if (const auto own = namespace_id("/proc/self/ns/net")) wanted.erase(*own);
  std::set<ProcessId> found;
  for (const Stat& stat : all_processes()) {
    const auto id = namespace_id("/proc/" + std::to_string(stat.id.pid) + "/ns/net");
    if (id && wanted.contains(*id)) found.insert(stat.id);
  }
  return found;
}

void signal_all(const std::set<ProcessId>& processes, int signal) {
  for (const ProcessId& process : processes) {
    const PidFd fd(process);
    if (fd.get() >= 0) ::syscall(SYS_pidfd_send_signal, fd.get(), signal, nullptr, 0);
  }
}

bool wait_for_end(const std::set<ProcessId>& processes, std::chrono::milliseconds patience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  for (const ProcessId& process : processes) {
    const PidFd fd(process);
    if (fd.get() < 0) continue;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    pollfd ended{.fd = fd.get(), .events = POLLIN, .revents = 0};
    if (::poll(&ended, 1, static_cast<int>(std::max<int64_t>(left.count(), 0))) != 1) return false;
  }
  return true;
}

std::string contents(const std::filesystem::path& file) {
  const std::ifstream in(file);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string command_line(pid_t pid) {
  std::string text = contents("/proc/" + std::to_string(pid) + "/cmdline");
  while (!text.empty() && text.back() == '\0') text.pop_back();
  std::ranges::replace(text, '\0', ' ');
  return text;
}

}  // namespace segw::lab
