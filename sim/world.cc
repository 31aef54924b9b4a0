#include "sim/world.h"

#include <fmt/format.h>

#include <algorithm>

namespace segw::sim {
namespace {

// Above zero: a zero instant is what forgotten initialisation looks like.
constexpr Instant kStart{std::chrono::seconds(1000)};
constexpr size_t kLinesMax = 400;
constexpr uint64_t kFnvOffset = 0xCBF29CE484222325U;
constexpr uint64_t kFnvPrime = 0x100000001B3U;

}  // namespace

World::World(uint64_t seed) : seed_(seed), now_(kStart), processes_(1), hash_(kFnvOffset) {}

ProcessId World::spawn() {
  processes_.emplace_back();
  return static_cast<ProcessId>(processes_.size() - 1);
}

void World::kill(ProcessId process) {
  Process& victim = processes_[process];
  victim.alive = false;
  victim.stopped = false;
  victim.held.clear();
}

void World::stop(ProcessId process) { processes_[process].stopped = true; }

void World::go_on(ProcessId process) {
  Process& resumed = processes_[process];
  if (!resumed.stopped) return;
  resumed.stopped = false;
  std::vector<Event> held = std::move(resumed.held);
  resumed.held.clear();
  for (Event& event : held) enqueue(now_, std::move(event));
}

void World::enqueue(Instant when, Event event) {
  const Key key{.when = std::max(when, now_), .arrival = next_arrival_++};
  where_[event.id] = key;
  queue_.emplace(key, std::move(event));
}

uint64_t World::at(ProcessId process, Instant when, std::function<void()> callback) {
  const uint64_t id = next_id_++;
  if (!alive(process)) return id;
  enqueue(when, Event{.id = id, .process = process, .callback = std::move(callback)});
  return id;
}

void World::cancel(uint64_t id) {
  const auto found = where_.find(id);
  if (found != where_.end()) {
    queue_.erase(found->second);
    where_.erase(found);
    return;
  }
  for (Process& process : processes_) {
    std::erase_if(process.held, [&](const Event& event) { return event.id == id; });
  }
}

bool World::run_until(Instant until, const std::function<bool()>& stop_when) {
  while (!queue_.empty() && queue_.begin()->first.when <= until) {
    auto node = queue_.extract(queue_.begin());
    Event event = std::move(node.mapped());
    where_.erase(event.id);
    now_ = node.key().when;
    Process& process = processes_[event.process];
    if (!process.alive) continue;
    if (process.stopped) {
      process.held.push_back(std::move(event));
      continue;
    }
    ++events_run_;
    event.callback();
    if (after_event_) after_event_();
    if (stop_when && stop_when()) return true;
  }
  now_ = std::max(now_, until);
  return false;
}

void World::note(std::string_view who, std::string_view what) {
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(now_ - kStart).count();
  std::string line =
      fmt::format("{:4}.{:06} {:<8} {}", micros / 1000000, micros % 1000000, who, what);
  for (const char letter : line) hash_ = (hash_ ^ static_cast<uint8_t>(letter)) * kFnvPrime;
  if (echo_) echo_(line);
  if (lines_.size() == kLinesMax) lines_.pop_front();
  lines_.push_back(std::move(line));
}

}  // namespace segw::sim
