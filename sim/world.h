#pragma once

// Virtual time for everything that is simulated. Events run ordered by (time, arrival); each
// belongs to a process, which can die (its events are dropped) or be stopped (they are held back
// and run, in order, when it goes on). One seed decides everything; the history has one line per
// event that matters, and its running hash (the "unseed") is equal wherever the seed is equal.

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/time.h"
#include "sim/rng.h"

namespace segw::sim {

using ProcessId = uint32_t;
constexpr ProcessId kNature = 0;  // links, clients, faults: always alive

class World {
 public:
  explicit World(uint64_t seed);

  [[nodiscard]] Instant now() const { return now_; }
  [[nodiscard]] uint64_t seed() const { return seed_; }
  [[nodiscard]] Rng stream(std::string_view name) const { return {seed_, name}; }

  ProcessId spawn();
  void kill(ProcessId process);
  void stop(ProcessId process);  // SIGSTOP
  void go_on(ProcessId process);
  [[nodiscard]] bool alive(ProcessId process) const { return processes_[process].alive; }
  [[nodiscard]] bool stopped(ProcessId process) const { return processes_[process].stopped; }

  uint64_t at(ProcessId process, Instant when, std::function<void()> callback);
  uint64_t after(ProcessId process, Duration delay, std::function<void()> callback) {
    return at(process, now_ + delay, std::move(callback));
  }
  void cancel(uint64_t id);

  // Runs what is due up to `until`, or to the first event after which `stop_when` holds.
  bool run_until(Instant until, const std::function<bool()>& stop_when = {});
  // Runs after every event.
  void on_event(std::function<void()> hook) { after_event_ = std::move(hook); }
  [[nodiscard]] uint64_t events_run() const { return events_run_; }

  void note(std::string_view who, std::string_view what);
  [[nodiscard]] uint64_t unseed() const { return hash_; }
  // The last lines, oldest first.
  [[nodiscard]] const std::deque<std::string>& history() const { return lines_; }
  void echo(std::function<void(const std::string&)> sink) { echo_ = std::move(sink); }

 private:
  struct Key {
    Instant when;
    uint64_t arrival = 0;
    auto operator<=>(const Key&) const = default;
  };
  struct Event {
    uint64_t id = 0;
    ProcessId process = kNature;
    std::function<void()> callback;
  };
  struct Process {
    bool alive = true;
    bool stopped = false;
    std::vector<Event> held;
  };
  void enqueue(Instant when, Event event);

  uint64_t seed_;
  Instant now_;
  uint64_t next_arrival_ = 1;
  uint64_t next_id_ = 1;
  uint64_t events_run_ = 0;
  std::map<Key, Event> queue_;
  std::unordered_map<uint64_t, Key> where_;  // looked up only, never iterated
  std::vector<Process> processes_;
  std::function<void()> after_event_;
  uint64_t hash_;
  std::deque<std::string> lines_;
  std::function<void(const std::string&)> echo_;
};

}  // namespace segw::sim
