#include "keeper.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "children.h"
#include "wire/reader.h"

namespace segw::keeper {
namespace {

using platform::os::FileDescriptor;
using platform::os::KeeperMessage;
using platform::os::KeeperPacket;
using std::chrono::milliseconds;

constexpr milliseconds kHeartbeatLimit{1000};
constexpr milliseconds kBackOffMin{200};
constexpr milliseconds kBackOffMax{10000};
constexpr auto kSteady = std::chrono::seconds(60);
constexpr auto kStopLimit = std::chrono::seconds(5);
constexpr size_t kIsaFds = 5;
constexpr int kIdleMs = 1000;

std::string how(int status) {
  if (WIFSIGNALED(status)) return "killed by signal " + std::to_string(WTERMSIG(status));
  return "exit code " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

int Keeper::run() {
  sigset_t mask;
  sigemptyset(&mask);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) sigaddset(&mask, signal);
  sigprocmask(SIG_BLOCK, &mask, nullptr);
  signals_ = FileDescriptor(signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!start_segwd()) {
    std::fprintf(stderr, "segw-keeper: cannot start segwd\n");
    return 1;
  }
  while (!done_) {
    std::array<pollfd, 2> polled{{{.fd = signals_.get(), .events = POLLIN, .revents = 0},
                                  {.fd = socket_.get(), .events = POLLIN, .revents = 0}}};
    const milliseconds wait{next_timeout_ms()};
    const auto due = Clock::now() + wait;
    ::poll(polled.data(), polled.size(), static_cast<int>(wait.count()));
    // While the whole machine stood still nobody could say anything: that is no silence of segwd.
    last_heartbeat_ += std::max(Clock::now() - due, Clock::duration{});
    // What segwd still said is read before its death is looked at.
    if (polled[1].revents != 0) on_segwd_message();
    if (polled[0].revents != 0) on_signal();
    on_time();
  }
  make_safe();
  return exit_code_;
}

bool Keeper::start_segwd() {
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()) != 0) return false;
  socket_ = FileDescriptor(pair[0]);
  const FileDescriptor theirs(pair[1]);
  ready_ = false;
  guarded_.clear();  // it declares its own
  started_at_ = last_heartbeat_ = Clock::now();
  segwd_ = keeper::start_segwd(arguments_, theirs.get());
  return segwd_ > 0;
}

int Keeper::next_timeout_ms() const {
  const auto now = Clock::now();
  auto next = now + milliseconds(kIdleMs);
  if (segwd_ > 0 && ready_) next = std::min(next, last_heartbeat_ + kHeartbeatLimit);
  if (segwd_ < 0) next = std::min(next, restart_at_);
  if (stopping_) next = std::min(next, stop_by_);
  const auto left = std::chrono::ceil<milliseconds>(next - now).count();
  return static_cast<int>(std::max<int64_t>(left, 0));
}

void Keeper::on_time() {
  if (done_) return;
  const auto now = Clock::now();
  if (stopping_) {
    if (now >= stop_by_ && segwd_ > 0) ::kill(segwd_, SIGKILL);
    return;
  }
  if (segwd_ > 0 && ready_ && now - last_heartbeat_ >= kHeartbeatLimit) {
    std::fprintf(stderr, "segw-keeper: segwd is silent: its traffic goes to blackhole\n");
    make_safe();
    ready_ = false;  // said once; its death is on the way
    ::kill(segwd_, SIGKILL);
  }
  if (segwd_ < 0 && now >= restart_at_ && !start_segwd()) restart_at_ = now + back_off_;
}

void Keeper::on_segwd_message() {
  KeeperPacket packet;
  while (socket_.valid() && platform::os::receive_packet(socket_.get(), packet)) {
    if (packet.bytes.empty()) {
      socket_.reset();  // its end is closed; SIGCHLD tells the rest
      return;
    }
    on_packet(packet);
  }
}

void Keeper::on_packet(KeeperPacket& packet) {
  last_heartbeat_ = Clock::now();
  switch (packet.bytes.front()) {
    case static_cast<uint8_t>(KeeperMessage::Ready):
      ready_ = true;
      return;
    case static_cast<uint8_t>(KeeperMessage::SpawnIsa):
      return spawn_isa(packet);
    case static_cast<uint8_t>(KeeperMessage::StopIsa):
      return kill_isa(std::string(packet.bytes.begin() + 1, packet.bytes.end()));
    case static_cast<uint8_t>(KeeperMessage::Guard):
      return guard(packet);
    default:
      return;  // a heartbeat
  }
}

void Keeper::spawn_isa(KeeperPacket& packet) {
  if (packet.fds.size() != kIsaFds) return;
  const std::string name(packet.bytes.begin() + 1, packet.bytes.end());
  kill_isa(name);
  Isa& isa = isas_[name];
  isa.pid = start_isa(name, packet.fds[0].get(), packet.fds[1].get(), packet.fds[2].get());
  isa.ending = false;
  isa.queues.clear();
  isa.queues.push_back(std::move(packet.fds[3]));
  isa.queues.push_back(std::move(packet.fds[4]));
}

void Keeper::kill_isa(const std::string& name) {
  const auto at = isas_.find(name);
  if (at == isas_.end() || at->second.pid <= 0) return;
  at->second.ending = true;
  ::kill(at->second.pid, SIGKILL);
}

void Keeper::guard(KeeperPacket& packet) {
  if (packet.fds.size() != 1) return;
  const auto where = platform::os::NetworkNamespace::of(std::move(packet.fds[0]));
  auto netlink = platform::os::Netlink::open(where);
  if (!netlink) return;
  Guarded guarded{.netlink = std::move(*netlink), .nexthops = {}};
  wire::Reader in(ByteView(packet.bytes).subspan(1));
  while (in.left() >= 4) guarded.nexthops.push_back(in.u32("nexthop"));
  guarded_.push_back(std::move(guarded));
}

// Clear traffic must not follow another route, and nobody vouches for the ISAs any more.
void Keeper::make_safe() {
  // What the kernel refuses stays guarded: segwd's end is the next occasion.
  for (Guarded& guarded : guarded_) {
    std::erase_if(guarded.nexthops, [&](uint32_t id) {
      return guarded.netlink->replace(platform::os::Nexthop{.id = id}).has_value();
    });
  }
  std::erase_if(guarded_, [](const Guarded& guarded) { return guarded.nexthops.empty(); });
  for (const auto& [name, isa] : isas_) kill_isa(name);
}

void Keeper::on_signal() {
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info))) {
    if (info.ssi_signo == SIGCHLD) {
      reap();
    } else if (info.ssi_signo == SIGHUP) {
      if (segwd_ > 0) ::kill(segwd_, SIGHUP);
    } else {
      stop_orderly();
    }
  }
}

void Keeper::reap() {
  int status = 0;
  pid_t child = 0;
  while ((child = ::waitpid(-1, &status, WNOHANG)) > 0) {
    if (child == segwd_) {
      on_segwd_gone(status);
      continue;
    }
    for (auto& [name, isa] : isas_) {
      if (isa.pid != child) continue;
      isa.pid = -1;  // segwd knows by the end of its socket
      if (isa.ending) continue;
      std::fprintf(stderr, "segw-keeper: isa %s ended (%s)\n", name.c_str(), how(status).c_str());
    }
  }
}

void Keeper::on_segwd_gone(int status) {
  on_segwd_message();
  segwd_ = -1;
  make_safe();
  const bool was_ready = ready_ || Clock::now() - started_at_ > kSteady;
  const bool orderly = WIFEXITED(status) && (WEXITSTATUS(status) == 0 || !was_ready);
  if (stopping_ || orderly) {
    exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : (stopping_ ? 0 : 1);
    done_ = true;
    return;
  }
  std::fprintf(stderr, "segw-keeper: segwd ended (%s): started again in %lld ms\n",
               how(status).c_str(), static_cast<long long>(back_off_.count()));
  if (Clock::now() - started_at_ > kSteady) back_off_ = kBackOffMin;
  restart_at_ = Clock::now() + back_off_;
  back_off_ = std::min(back_off_ * 2, kBackOffMax);
}

void Keeper::stop_orderly() {
  if (stopping_) return;
  stopping_ = true;
  stop_by_ = Clock::now() + kStopLimit;
  if (segwd_ > 0) {
    ::kill(segwd_, SIGTERM);
  } else {
    done_ = true;
  }
}

}  // namespace segw::keeper
