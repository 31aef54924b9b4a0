#pragma once

// The small supervisor of a chassis (redundancy rule 9): parent of segwd and the ISAs. It holds a
// detached queue of each TUN, so that no process's death tears the routes away; when segwd dies or
// hangs it turns the group's nexthops to blackhole, ends the ISAs and starts segwd again.

#include <sys/types.h>

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "platform/linux/file_descriptor.h"
#include "platform/linux/keeper_link.h"
#include "platform/linux/netlink.h"

namespace segw::keeper {

using Clock = std::chrono::steady_clock;

class Keeper {
 public:
  explicit Keeper(std::vector<std::string> segwd_arguments)
      : arguments_(std::move(segwd_arguments)) {}
  int run();  // exit code

 private:
  struct Isa {
    pid_t pid = -1;
    bool ending = false;                               // killed by us
    std::vector<platform::os::FileDescriptor> queues;  // detached
  };
  struct Guarded {
    std::unique_ptr<platform::os::Netlink> netlink;
    std::vector<uint32_t> nexthops;
  };

  bool start_segwd();
  void on_signal();
  void on_segwd_message();
  void on_packet(platform::os::KeeperPacket& packet);
  void spawn_isa(platform::os::KeeperPacket& packet);
  void guard(platform::os::KeeperPacket& packet);
  void on_segwd_gone(int status);
  void make_safe();
  void kill_isa(const std::string& name);
  void reap();
  void stop_orderly();
  [[nodiscard]] int next_timeout_ms() const;
  void on_time();

  std::vector<std::string> arguments_;
  platform::os::FileDescriptor signals_;
  platform::os::FileDescriptor socket_;
  pid_t segwd_ = -1;
  bool ready_ = false;
  bool stopping_ = false;
  bool done_ = false;
  int exit_code_ = 0;
  Clock::time_point last_heartbeat_;
  Clock::time_point started_at_;
  Clock::time_point restart_at_;
  Clock::time_point stop_by_;
  std::chrono::milliseconds back_off_{200};
  std::map<std::string, Isa> isas_;
  std::vector<Guarded> guarded_;
};

}  // namespace segw::keeper
