#pragma once

#include <array>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "platform/linux/loop.h"

namespace segw::platform::os {

// As many threads as the machine has processors beside the loop's, at least one.
[[nodiscard]] size_t worker_threads();

class WorkerPool final : public Workers {
 public:
  explicit WorkerPool(Loop& loop, size_t threads = worker_threads());
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;
  ~WorkerPool() override;  // waits for the jobs that run; the others are dropped, nothing is told

  void run(Lane lane, Callback job, Callback done) override;

 private:
  struct Job {
    Callback run;
    Callback done;
  };
  void work();
  bool next(Job& job);  // waits; false: stop

  Loop& loop_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::array<std::deque<Job>, 2> lanes_;  // by Lane
  bool stopping_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::vector<std::thread> threads_;
};

}  // namespace segw::platform::os
