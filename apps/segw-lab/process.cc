#include "process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

namespace segw::lab {
namespace {

std::string system_text(const std::string& what) {
  return fmt::format("{}: {}", what, std::strerror(errno));  // NOLINT(concurrency-mt-unsafe)
}

class Pipe {
 public:
  Pipe() { made_ = ::pipe2(ends_.data(), O_CLOEXEC) == 0; }
  ~Pipe() {
    close_end(0);
    close_end(1);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  [[nodiscard]] bool made() const { return made_; }
  [[nodiscard]] int reader() const { return ends_[0]; }
  [[nodiscard]] int writer() const { return ends_[1]; }
  void close_end(size_t end) {
    if (ends_.at(end) >= 0) ::close(ends_.at(end));
    ends_.at(end) = -1;
  }

 private:
  std::array<int, 2> ends_{-1, -1};
  bool made_ = false;
};

Result<> enter_namespace(const std::string& netns) {
  if (netns.empty()) return {};
  const std::string path = "/run/netns/" + netns;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return failure(system_text(path));
  const bool entered = ::setns(fd, CLONE_NEWNET) == 0;
  ::close(fd);
  return entered ? Result<>{} : Result<>(failure(system_text("entering " + netns)));
}

// charon's pid file is /run/charon.pid, whatever its configuration says; two can't share a /run.
Result<> hide_run(const std::string& kept) {
  if (kept.empty()) return {};
  if (::unshare(CLONE_NEWNS) != 0) return failure(system_text("unshare"));
  if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return failure(system_text("making mounts private"));
  }
  const int fd = ::open(kept.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return failure(system_text(kept));
  if (::mount("tmpfs", "/run", "tmpfs", 0, "mode=755") != 0) return failure(system_text("/run"));
  std::error_code error;
  std::filesystem::create_directories(kept, error);
  const std::string source = fmt::format("/proc/self/fd/{}", fd);
  if (::mount(source.c_str(), kept.c_str(), nullptr, MS_BIND, nullptr) != 0) {
    return failure(system_text(kept));
  }
  ::close(fd);
  return {};
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> list;
  list.reserve(words.size() + 1);
  for (std::string& word : words) list.push_back(word.data());
  list.push_back(nullptr);
  return list;
}

Error exec(std::vector<std::string> argv) {
  const std::vector<char*> list = pointers(argv);
  ::execvp(list[0], list.data());
  return Error{system_text(argv[0])};
}

Result<> redirect(const std::string& output_file) {
  const int in = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const int out = ::open(output_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (in < 0 || out < 0) return failure(system_text(output_file));
  if (::dup2(in, 0) < 0 || ::dup2(out, 1) < 0 || ::dup2(out, 2) < 0) {
    return failure(system_text("dup2"));
  }
  return {};
}

Error prepare_and_exec(const Spawn& spawn) {
  ::setsid();
  for (const auto& [name, value] : spawn.environment) {
    ::setenv(name.c_str(), value.c_str(), 1);  // NOLINT(concurrency-mt-unsafe): one thread
  }
  if (auto done = enter_namespace(spawn.netns); !done) return done.error();
  if (auto done = hide_run(spawn.private_run); !done) return done.error();
  if (auto done = redirect(spawn.output_file); !done) return done.error();
  return exec(spawn.argv);
}

[[noreturn]] void tell_and_exit(int to, const Error& error) {
  (void)!::write(to, error.text.data(), error.text.size());
  ::_exit(127);
}

std::string read_to_end(int fd) {
  std::string text;
  std::array<char, 4096> part{};
  for (;;) {
    const ssize_t got = ::read(fd, part.data(), part.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    text.append(part.data(), static_cast<size_t>(got));
  }
}

std::string last_line(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  const size_t at = text.rfind('\n');
  return at == std::string::npos ? text : text.substr(at + 1);
}

int wait_for(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace

Result<ProcessId> spawn_detached(const Spawn& spawn) {
  Pipe why;
  if (!why.made()) return failure(system_text("pipe"));
  const pid_t child = ::fork();
  if (child < 0) return failure(system_text("fork"));
  if (child == 0) tell_and_exit(why.writer(), prepare_and_exec(spawn));
  why.close_end(1);
  const std::string error = read_to_end(why.reader());  // closed without a word by exec
  if (!error.empty()) {
    wait_for(child);
    return failure(error);
  }
  return identify(child);
}

Result<std::string> run(const std::vector<std::string>& argv, const std::string& netns,
                        const std::string& input) {
  Pipe in;
  Pipe out;
  Pipe err;
  if (!in.made() || !out.made() || !err.made()) return failure(system_text("pipe"));
  const pid_t child = ::fork();
  if (child < 0) return failure(system_text("fork"));
  if (child == 0) {
    ::dup2(in.reader(), 0);
    ::dup2(out.writer(), 1);
    ::dup2(err.writer(), 2);
    tell_and_exit(2, become(argv, netns));
  }
  in.close_end(0);
  out.close_end(1);
  err.close_end(1);
  // Inputs are a few KiB, less than a pipe holds, so nobody waits for the other here.
  (void)!::write(in.writer(), input.data(), input.size());
  in.close_end(1);
  std::string output = read_to_end(out.reader());
  const std::string errors = read_to_end(err.reader());
  const int status = wait_for(child);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return output;
  const std::string last = last_line(errors.empty() ? output : errors);
  return failure(fmt::format("{} {}: {}", argv[0], argv.size() > 1 ? argv[1] : "",
                             last.empty() ? "failed without a word" : last));
}

Error become(const std::vector<std::string>& argv, const std::string& netns) {
  if (auto entered = enter_namespace(netns); !entered) return entered.error();
  return exec(argv);
}

}  // namespace segw::lab
