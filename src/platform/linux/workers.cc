#include "platform/linux/workers.h"

#include <algorithm>
#include <asio/post.hpp>
#include <csignal>

namespace segw::platform::os {
namespace {

constexpr unsigned kThreadsMax = 16;

}  // namespace

size_t worker_threads() {
  const unsigned processors = std::thread::hardware_concurrency();  // 0: not known
  return std::clamp(processors, 2U, kThreadsMax + 1) - 1;
}

WorkerPool::WorkerPool(Loop& loop, size_t threads) : loop_(loop) {
  // Signals are the loop's.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  threads_.reserve(threads);
  for (size_t count = 0; count < threads; ++count) threads_.emplace_back([this] { work(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

WorkerPool::~WorkerPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void WorkerPool::run(Lane lane, Callback job, Callback done) {
  {
    const std::lock_guard lock(mutex_);
    lanes_[static_cast<size_t>(lane)].push_back({.run = std::move(job), .done = std::move(done)});
  }
  wake_.notify_one();
}

bool WorkerPool::next(Job& job) {
  std::unique_lock lock(mutex_);
  const auto some = [&] {
    return std::ranges::find_if(lanes_, [](auto& lane) { return !lane.empty(); });
  };
  wake_.wait(lock, [&] { return stopping_ || some() != lanes_.end(); });
  if (stopping_) return false;
  const auto lane = some();
  job = std::move(lane->front());
  lane->pop_front();
  return true;
}

void WorkerPool::work() {
  Job job;
  while (next(job)) {
    job.run();
    job.run = {};
    // Both the pool and what waits for the job may be gone by the time that the loop comes to it.
    asio::post(loop_.io(), [alive = std::weak_ptr<bool>(alive_), done = std::move(job.done)] {
      if (!alive.expired()) done();
    });
    job.done = {};
  }
}

}  // namespace segw::platform::os
