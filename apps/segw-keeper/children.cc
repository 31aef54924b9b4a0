#include "children.h"

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <filesystem>

namespace segw::keeper {
namespace {

constexpr uid_t kNobody = 65534;
constexpr int kFirstIsaFd = 3;

void unblock_signals() {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

// Until exec only what is safe after fork is done.
[[noreturn]] void become_isa(int program, const char* name, int control, int outer, int inner,
                             pid_t keeper) {
  // What a terminal tells its processes (its end, Ctrl-C) is for segwd: an ISA ends when segwd says
  // so, or with its socket.
  setsid();
  signal(SIGHUP, SIG_IGN);
  unblock_signals();
  // Through high numbers first, so that none of the three overwrites another.
  const int high[3] = {fcntl(control, F_DUPFD, 64), fcntl(outer, F_DUPFD, 64),
                       fcntl(inner, F_DUPFD, 64)};
  const int executable = fcntl(program, F_DUPFD_CLOEXEC, 128);
  for (int i = 0; i < 3; ++i) {
    if (high[i] < 0 || dup2(high[i], kFirstIsaFd + i) < 0) _exit(1);
  }
  close_range(kFirstIsaFd + 3, static_cast<unsigned>(executable) - 1, 0);
  close_range(static_cast<unsigned>(executable) + 1, ~0U, 0);
  if (setgroups(0, nullptr) != 0 || setresgid(kNobody, kNobody, kNobody) != 0 ||
      setresuid(kNobody, kNobody, kNobody) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) {
    _exit(1);
  }
  if (getppid() != keeper) _exit(1);  // it died before the kernel was asked to tell
  const char* arguments[] = {"segw-isa", name, nullptr};
  fexecve(executable, const_cast<char* const*>(arguments), environ);
  _exit(1);
}

}  // namespace

std::string beside_us(const std::string& name) {
  std::error_code ignored;
  return (std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path() / name).string();
}

pid_t start_segwd(const std::vector<std::string>& arguments, int keeper_fd) {
  const std::string program = beside_us("segwd");
  std::vector<std::string> all{program};
  all.insert(all.end(), arguments.begin(), arguments.end());
  all.push_back("--keeper-fd=" + std::to_string(keeper_fd));
  std::vector<char*> pointers;
  pointers.reserve(all.size() + 1);
  for (std::string& each : all) pointers.push_back(each.data());
  pointers.push_back(nullptr);
  const pid_t keeper = getpid();
  const pid_t child = fork();
  if (child != 0) return child;
  signal(SIGHUP, SIG_IGN);  // until it listens to it
  unblock_signals();
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (getppid() != keeper) _exit(1);  // it died before the kernel was asked to tell
  fcntl(keeper_fd, F_SETFD, 0);
  execv(program.c_str(), pointers.data());
  _exit(127);
}

pid_t start_isa(const std::string& name, int control, int public_tun, int private_tun) {
  const int program = open(beside_us("segw-isa").c_str(), O_RDONLY | O_CLOEXEC);
  if (program < 0) return -1;
  const pid_t keeper = getpid();
  const pid_t child = fork();
  if (child == 0) become_isa(program, name.c_str(), control, public_tun, private_tun, keeper);
  close(program);
  return child;
}

}  // namespace segw::keeper
