// segw-isa NAME: exec'd by segw-keeper with fd 3 = socket to segwd, 4 = public TUN, 5 = private
// TUN.
#include <grp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>

#include "process.h"

namespace {

constexpr int kControlFd = 3;
constexpr int kPublicFd = 4;
constexpr int kPrivateFd = 5;
constexpr uid_t kNobody = 65534;

// No privileges at all: whoever takes this process over has two TUN queues and nothing else.
bool drop_privileges() {
  if (geteuid() == 0 && (setgroups(0, nullptr) != 0 || setresgid(kNobody, kNobody, kNobody) != 0 ||
                         setresuid(kNobody, kNobody, kNobody) != 0)) {
    return false;
  }
  const rlimit no_core{.rlim_cur = 0, .rlim_max = 0};
  const rlimit few_files{.rlim_cur = 16, .rlim_max = 16};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 &&
         setrlimit(RLIMIT_CORE, &no_core) == 0 && setrlimit(RLIMIT_NOFILE, &few_files) == 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "segw-isa is started by segw-keeper\n");
    return 1;
  }
  if (!drop_privileges()) {
    std::fprintf(stderr, "segw-isa %s: cannot drop its privileges\n", argv[1]);
    return 1;
  }
  segw::isa_process::Process process(kControlFd, kPublicFd, kPrivateFd);
  const int code = process.run();
  // Without the exit handlers: a process that may not be traced cannot be searched for leaks.
  std::fflush(nullptr);
  _exit(code);
}
