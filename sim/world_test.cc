#include "sim/world.h"

#include <gtest/gtest.h>

namespace segw::sim {
namespace {

using namespace std::chrono_literals;

TEST(World, EventsAtOneInstantRunInTheOrderOfTheirArrival) {
  World world(1);
  std::string order;
  const Instant when = world.now() + 1s;
  world.at(kNature, when, [&] { order += 'a'; });
  world.at(kNature, when - 1ms, [&] { order += 'b'; });
  world.at(kNature, when, [&] { order += 'c'; });
  world.run_until(when);
  EXPECT_EQ(order, "bac");
  EXPECT_EQ(world.now(), when);
}

TEST(World, TheEventsOfADeadProcessAreDropped) {
  World world(1);
  const ProcessId process = world.spawn();
  bool ran = false;
  world.after(process, 1s, [&] { ran = true; });
  world.kill(process);
  world.after(process, 1s, [&] { ran = true; });
  world.run_until(world.now() + 2s);
  EXPECT_FALSE(ran);
}

TEST(World, AStoppedProcessRunsItsEventsInOrderWhenItGoesOn) {
  World world(1);
  const ProcessId process = world.spawn();
  std::string order;
  world.after(process, 1s, [&] { order += 'a'; });
  const uint64_t cancelled = world.after(process, 2s, [&] { order += 'x'; });
  world.after(process, 3s, [&] { order += 'b'; });
  world.stop(process);
  world.run_until(world.now() + 5s);
  EXPECT_EQ(order, "");
  world.cancel(cancelled);
  world.go_on(process);
  world.run_until(world.now());
  EXPECT_EQ(order, "ab");
}

TEST(World, AnEqualHistoryHasAnEqualUnseed) {
  World first(1);
  World second(1);
  first.note("A", "x");
  EXPECT_NE(first.unseed(), second.unseed());
  second.note("A", "x");
  EXPECT_EQ(first.unseed(), second.unseed());
}

TEST(Rng, OneSeedGivesTheSameNumbersEverywhere) {
  Rng rng(42, "stream");
  const uint64_t first = rng.next();
  Rng again(42, "stream");
  Rng other(42, "other");
  EXPECT_EQ(again.next(), first);
  EXPECT_NE(other.next(), first);
  EXPECT_EQ(Rng(1).next(), UINT64_C(0xC510C70F6DAFF2B3));  // as published, first state from 1
}

}  // namespace
}  // namespace segw::sim
