#pragma once

// The event loop: one thread, standalone Asio. Clock and Scheduler are CLOCK_BOOTTIME, by one
// timerfd over an ordered table, so that equal deadlines run in the order in which they were set.

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <map>

#include "platform/platform.h"

namespace segw::platform::os {

class Loop final : public Clock, public Scheduler {
 public:
  Loop();
  [[nodiscard]] asio::io_context& io() { return io_; }
  void run();  // until stop()
  void stop() { io_.stop(); }

  [[nodiscard]] Instant now() const override;
  [[nodiscard]] std::chrono::system_clock::time_point wall() const override {
    return std::chrono::system_clock::now();
  }
  TimerId at(Instant at, Callback callback) override;
  void cancel(TimerId id) override;

 private:
  void arm();
  void wait();
  void run_due();

  asio::io_context io_;
  asio::posix::stream_descriptor timer_;
  TimerId next_ = 1;
  std::map<std::pair<Instant, TimerId>, Callback> queue_;
  std::map<TimerId, Instant> due_;
  bool running_due_ = false;
};

class SystemRng final : public Rng {
 public:
  void fill(MutableBytes out) override;
};

}  // namespace segw::platform::os
