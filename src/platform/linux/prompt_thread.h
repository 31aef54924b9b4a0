#pragma once

#include <thread>

#include "platform/linux/loop.h"
#include "platform/prompt.h"

namespace segw::platform::os {

class HopSockets final : public HopDatagrams {
 public:
  explicit HopSockets(Loop& loop) : loop_(loop) {}
  Result<std::unique_ptr<DatagramSocket>> open(const Endpoint& local, Handler handler) override;

 private:
  Loop& loop_;
};

// A thread with a loop of its own, in SCHED_RR if that is permitted, else as high as `nice` goes.
class PromptThread final : public PromptLoop {
 public:
  // `chassis`: where tell() goes.
  explicit PromptThread(Loop& chassis);
  PromptThread(const PromptThread&) = delete;
  PromptThread& operator=(const PromptThread&) = delete;
  ~PromptThread() override;  // what was told and has not run yet is dropped

  void run(const std::function<void(Prompt& prompt)>& job) override;
  void tell(Callback news) override;
  [[nodiscard]] std::string scheduling() const override { return scheduling_; }

 private:
  void serve();

  Loop& chassis_;
  Loop loop_;
  SystemRng rng_;
  HopSockets sockets_{loop_};
  Prompt prompt_{.clock = loop_, .scheduler = loop_, .rng = rng_, .datagrams = sockets_};
  std::string scheduling_;  // written before the constructor returns
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::thread thread_;
};

}  // namespace segw::platform::os
