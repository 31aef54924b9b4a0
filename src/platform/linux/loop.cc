#include "platform/linux/loop.h"

#include <sys/random.h>
#include <sys/timerfd.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <asio/buffer.hpp>

#include "base/assert.h"

namespace segw::platform::os {
namespace {

timespec to_timespec(Instant at) {
  // Zero would disarm the timer: the earliest time is one nanosecond.
  const auto since = std::max(at.time_since_epoch(), Duration(1));
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since);
  return {.tv_sec = seconds.count(), .tv_nsec = (since - seconds).count()};
}

}  // namespace

Loop::Loop() : timer_(io_) {
  const int fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
  SEGW_ASSERT(fd >= 0);
  timer_.assign(fd);
  wait();
}

Instant Loop::now() const {
  timespec time{};
  clock_gettime(CLOCK_BOOTTIME, &time);
  return Instant(std::chrono::seconds(time.tv_sec) + Duration(time.tv_nsec));
}

TimerId Loop::at(Instant at, Callback callback) {
  const TimerId id = next_++;
  const bool first = queue_.empty() || at < queue_.begin()->first.first;
  queue_.emplace(std::pair(at, id), std::move(callback));
  due_.emplace(id, at);
  if (first && !running_due_) arm();
  return id;
}

void Loop::cancel(TimerId id) {
  const auto at = due_.find(id);
  if (at == due_.end()) return;
  queue_.erase({at->second, id});
  due_.erase(at);
}

void Loop::arm() {
  itimerspec spec{};
  if (!queue_.empty()) spec.it_value = to_timespec(queue_.begin()->first.first);
  timerfd_settime(timer_.native_handle(), TFD_TIMER_ABSTIME, &spec, nullptr);
}

void Loop::wait() {
  timer_.async_wait(asio::posix::stream_descriptor::wait_read,
                    [this](const std::error_code& error) {
                      if (error) return;
                      uint64_t expirations = 0;
                      [[maybe_unused]] const ssize_t got =
                          ::read(timer_.native_handle(), &expirations, sizeof(expirations));
                      run_due();
                      wait();
                    });
}

void Loop::run_due() {
  running_due_ = true;
  const Instant now = this->now();
  // What becomes due by the callbacks themselves waits for the next round: sockets get their turn.
  const TimerId last = next_;
  while (!queue_.empty()) {
    const auto first = queue_.begin();
    if (first->first.first > now || first->first.second >= last) break;
    const Callback callback = std::move(first->second);
    due_.erase(first->first.second);
    queue_.erase(first);
    callback();
  }
  running_due_ = false;
  arm();
}

void Loop::run() {
  io_.restart();
  io_.run();
}

void SystemRng::fill(MutableBytes out) {
  size_t done = 0;
  while (done < out.size()) {
    const ssize_t got = getrandom(out.data() + done, out.size() - done, 0);
    SEGW_ASSERT(got > 0 || errno == EINTR);
    if (got > 0) done += static_cast<size_t>(got);
  }
}

}  // namespace segw::platform::os
