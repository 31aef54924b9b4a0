#include "platform/linux/workers.h"

#include <gtest/gtest.h>

#include <future>
#include <string>
#include <thread>

namespace segw::platform::os {
namespace {

// A job that holds its thread until it is told to go on.
struct Gate {
  std::promise<void> opened;
  std::shared_future<void> open{opened.get_future()};
};

TEST(WorkerPool, EndsAreToldOnTheLoopsThread) {
  Loop loop;
  WorkerPool workers(loop);
  std::thread::id of_job;
  std::thread::id of_end;
  workers.run(
      Lane::Beginning, [&] { of_job = std::this_thread::get_id(); },
      [&] {
        of_end = std::this_thread::get_id();
        loop.stop();
      });
  loop.run();
  EXPECT_EQ(of_end, std::this_thread::get_id());
  EXPECT_NE(of_job, of_end);
}

TEST(WorkerPool, WhoStandsIsServedBeforeWhoBegins) {
  Loop loop;
  WorkerPool workers(loop, 1);
  Gate gate;
  std::string order;
  const auto end = [&] {
    if (order.size() == 6) loop.stop();
  };
  const auto job = [&](char name) { return [&order, name] { order += name; }; };
  workers.run(Lane::Standing, [open = gate.open] { open.wait(); }, end);
  for (size_t count = 0; count < 3; ++count) workers.run(Lane::Beginning, job('b'), end);
  for (size_t count = 0; count < 3; ++count) workers.run(Lane::Standing, job('s'), end);
  gate.opened.set_value();
  loop.run();
  EXPECT_EQ(order, "sssbbb");
}

TEST(WorkerPool, NothingIsToldOnceThePoolIsGone) {
  Loop loop;
  bool told = false;
  Gate gate;
  {
    WorkerPool workers(loop, 1);
    for (size_t count = 0; count < 8; ++count) {
      workers.run(Lane::Beginning, [open = gate.open] { open.wait(); }, [&] { told = true; });
    }
    gate.opened.set_value();
  }
  loop.at(loop.now(), [&] { loop.stop(); });
  loop.run();
  EXPECT_FALSE(told);
}

}  // namespace
}  // namespace segw::platform::os
