#pragma once

// The smallest platform under which one object of the core can be tested: virtual time, a seeded
// generator, a store in memory. What a test does not give (sockets, ISAs …) fails when asked for.
// Whole chassis belong in sim/.

#include <array>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "platform/platform.h"

namespace segw::platform::testing {

class FakeClock final : public Clock {
 public:
  [[nodiscard]] Instant now() const override { return now_ += step_; }
  [[nodiscard]] std::chrono::system_clock::time_point wall() const override { return wall_; }
  std::chrono::system_clock::time_point wall_{};
  mutable Instant now_{std::chrono::seconds(1)};
  Duration step_{};  // that each reading takes, as on a real machine
};

class FakeScheduler final : public Scheduler {
 public:
  explicit FakeScheduler(FakeClock& clock) : clock_(clock) {}
  TimerId at(Instant at, Callback callback) override {
    const TimerId id = next_++;
    queue_.emplace(std::pair(std::max(at, clock_.now_), id), std::move(callback));
    return id;
  }
  void cancel(TimerId id) override {
    std::erase_if(queue_, [&](const auto& entry) { return entry.first.second == id; });
  }
  // Runs everything due up to and at `now + span`.
  void run_for(Duration span) {
    const Instant end = clock_.now_ + span;
    while (!queue_.empty() && queue_.begin()->first.first <= end) {
      const auto first = queue_.begin();
      clock_.now_ = first->first.first;
      const Callback callback = std::move(first->second);
      queue_.erase(first);
      callback();
    }
    clock_.now_ = end;
  }

 private:
  FakeClock& clock_;
  TimerId next_ = 1;
  std::map<std::pair<Instant, TimerId>, Callback> queue_;
};

class FakeRng final : public Rng {
 public:
  void fill(MutableBytes out) override {
    for (uint8_t& byte : out) {
      state_ = state_ * 6364136223846793005U + 1442695040888963407U;
      byte = static_cast<uint8_t>(state_ >> 56);
    }
  }

 private:
  uint64_t state_ = 42;
};

class NoDatagrams final : public Datagrams {
 public:
  Result<std::unique_ptr<DatagramSocket>> open(const Endpoint& /*local*/,
                                               DatagramHandler /*handler*/) override {
    return failure("no datagrams in this test");
  }
};

class NoStreams final : public Streams {
 public:
  Result<std::unique_ptr<Listener>> listen(const Endpoint& /*local*/, FindPsk /*psk*/,
                                           Accept /*accept*/) override {
    return failure("no streams in this test");
  }
  std::unique_ptr<Stream> connect(const IpAddress& /*local*/, const Endpoint& /*remote*/,
                                  TlsPsk /*psk*/, StreamHandler& /*handler*/) override {
    return nullptr;
  }
};

class RecordedServices final : public Services {
 public:
  Result<void> apply(const std::vector<ServiceSpec>& services) override {
    applied = services;
    return {};
  }
  std::vector<ServiceSpec> applied;
};

class NoIsas final : public Isas {
 public:
  Result<std::unique_ptr<Isa>> start(const IsaSpec& /*spec*/, IsaHandler& /*handler*/) override {
    return failure("no ISAs in this test");
  }
};

class RecordedSteering final : public Steering {
 public:
  Result<void> declare(const SteeringSpec& /*spec*/) override { return {}; }
  void set(TunnelGroupId /*group*/, const SteeringState& state) override {
    states.push_back(state);
  }
  void add_routes(TunnelGroupId /*group*/, const std::vector<IpPrefix>& prefixes) override {
    routes.insert(prefixes.begin(), prefixes.end());
    ++route_calls;
  }
  void remove_routes(TunnelGroupId /*group*/, const std::vector<IpPrefix>& prefixes) override {
    for (const IpPrefix& prefix : prefixes) routes.erase(prefix);
    ++route_calls;
  }
  std::vector<SteeringState> states;
  std::set<IpPrefix> routes;
  size_t route_calls = 0;
};

// Does a job at once; with `held`, when a test says so.
class FakeWorkers final : public Workers {
 public:
  void run(Lane /*lane*/, Callback job, Callback done) override {
    queue_.emplace_back(std::move(job), std::move(done));
    if (!held) finish();
  }
  void finish() {
    for (const auto& [job, done] : std::exchange(queue_, {})) {
      job();
      done();
    }
  }
  [[nodiscard]] size_t waiting() const { return queue_.size(); }
  bool held = false;

 private:
  std::vector<std::pair<Callback, Callback>> queue_;
};

// Writes complete after `write_delay`; `failing` makes them fail.
class MemoryStore final : public Store {
 public:
  explicit MemoryStore(FakeScheduler& scheduler, FakeClock& clock)
      : scheduler_(scheduler), clock_(clock) {}
  Result<std::optional<Bytes>> read(std::string_view name) override {
    const auto at = files.find(name);
    return at == files.end() ? std::optional<Bytes>() : std::optional<Bytes>(at->second);
  }
  void write(std::string_view name, Bytes contents,
             std::function<void(Result<void>)> done) override {
    scheduler_.at(
        clock_.now_ + write_delay,
        [this, name = std::string(name), contents = std::move(contents), done = std::move(done)] {
          if (failing) {
            done(failure("disk full"));
            return;
          }
          files[name] = contents;
          done({});
        });
  }
  std::map<std::string, Bytes, std::less<>> files;
  Duration write_delay = std::chrono::milliseconds(1);
  bool failing = false;

 private:
  FakeScheduler& scheduler_;
  FakeClock& clock_;
};

class RecordedLog final : public Log {
 public:
  void event(Severity /*severity*/, std::string_view name, std::string text) override {
    events.emplace_back(std::string(name), std::move(text));
  }
  std::vector<std::pair<std::string, std::string>> events;
};

class RecordedSupervisor final : public Supervisor {
 public:
  void ready() override { is_ready = true; }
  bool is_ready = false;
};

struct FakePlatform {
  FakeClock clock;
  FakeScheduler scheduler{clock};
  FakeRng rng;
  NoDatagrams datagrams;
  NoStreams streams;
  RecordedServices services;
  NoIsas isas;
  RecordedSteering steering;
  FakeWorkers workers;
  MemoryStore store{scheduler, clock};
  RecordedLog log;
  RecordedSupervisor supervisor;
  Platform platform{.clock = clock,
                    .scheduler = scheduler,
                    .rng = rng,
                    .datagrams = datagrams,
                    .streams = streams,
                    .services = services,
                    .isas = isas,
                    .steering = steering,
                    .workers = workers,
                    .store = store,
                    .log = log,
                    .supervisor = supervisor};
};

}  // namespace segw::platform::testing
