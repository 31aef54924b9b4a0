#pragma once

// One chassis alone, over the smallest platform, with an ISA that is ready at once and remembers
// what it is told. Whole pairs belong in sim/.

#include <memory>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "chassis/chassis.h"
#include "isa/isa_wire.h"
#include "platform/testing/fake_platform.h"

namespace segw::chassis::testing {

class RecordingIsas final : public platform::Isas {
 public:
  RecordingIsas(platform::Scheduler& scheduler, const platform::Clock& clock)
      : scheduler_(scheduler), clock_(clock) {}

  Result<std::unique_ptr<platform::Isa>> start(const platform::IsaSpec& /*spec*/,
                                               platform::IsaHandler& handler) override {
    handler_ = &handler;
    ++starts;
    return std::make_unique<RecordingIsa>(*this);
  }
  void say(const isa::FromIsa& message) { handler_->on_isa_message(isa::encode(message)); }
  // The messages of one kind since the last call.
  template <typename T>
  std::vector<T> take() {
    std::vector<T> found;
    std::erase_if(told_, [&](const isa::ToIsa& message) {
      const T* const wanted = std::get_if<T>(&message);
      if (wanted != nullptr) found.push_back(*wanted);
      return wanted != nullptr;
    });
    return found;
  }

  bool silent = false;  // it hangs: says nothing from now on, and takes what it is told
  int starts = 0;
  int running = 0;

 private:
  class RecordingIsa final : public platform::Isa {
   public:
    explicit RecordingIsa(RecordingIsas& all) : all_(all) {
      ++all_.running;
      be_alive();
    }
    ~RecordingIsa() override {
      --all_.running;
      all_.scheduler_.cancel(ready_);
      all_.scheduler_.cancel(alive_);
    }
    RecordingIsa(const RecordingIsa&) = delete;
    RecordingIsa& operator=(const RecordingIsa&) = delete;
    void send(Bytes message) override {
      const auto decoded = isa::decode_to_isa(message);
      if (!decoded) return;
      all_.told_.push_back(*decoded);
      if (!std::holds_alternative<isa::Setup>(*decoded)) return;
      owes_ready_ = true;
      ready_ = all_.scheduler_.at(Instant{}, [this] { speak(); });
    }

   private:
    void be_alive() {
      alive_ = all_.scheduler_.at(all_.clock_.now() + std::chrono::milliseconds(100), [this] {
        be_alive();
        speak();
      });
    }
    void speak() {
      if (all_.silent) return;
      all_.say(std::exchange(owes_ready_, false) ? isa::FromIsa(isa::Ready{.crypto = "none"})
                                                 : isa::FromIsa(isa::Alive{}));
    }
    RecordingIsas& all_;
    platform::TimerId ready_ = 0;
    platform::TimerId alive_ = 0;
    bool owes_ready_ = false;
  };

  platform::Scheduler& scheduler_;
  const platform::Clock& clock_;
  platform::IsaHandler* handler_ = nullptr;
  std::vector<isa::ToIsa> told_;
};

// Acts as soon as it is made.
class Bench {
 public:
  explicit Bench(config::Config config, std::shared_ptr<const Credentials> credentials = nullptr)
      : config_(std::make_shared<const config::Config>(std::move(config))),
        credentials_(std::move(credentials)) {
    start();
  }

  // The same chassis on the same disk, some time later.
  void restart() {
    chassis.reset();
    start();
  }

  // The messages that leave while this one is worked on.
  std::vector<isa::IkeDatagram> give(const Bytes& message, const Endpoint& local,
                                     const Endpoint& remote) {
    isas.take<isa::SendIke>();
    isas.say(isa::PuntIke{.datagram = {.local = local, .remote = remote, .message = message}});
    fake.scheduler.run_for(std::chrono::milliseconds(10));
    std::vector<isa::IkeDatagram> sent;
    for (isa::SendIke& each : isas.take<isa::SendIke>()) sent.push_back(std::move(each.datagram));
    return sent;
  }

  platform::testing::FakePlatform fake;
  RecordingIsas isas{fake.scheduler, fake.clock};
  platform::Platform platform{.clock = fake.clock,
                              .scheduler = fake.scheduler,
                              .rng = fake.rng,
                              .datagrams = fake.datagrams,
                              .streams = fake.streams,
                              .services = fake.services,
                              .isas = isas,
                              .steering = fake.steering,
                              .workers = fake.workers,
                              .store = fake.store,
                              .log = fake.log,
                              .supervisor = fake.supervisor};
  std::optional<Result<void>> started;
  std::unique_ptr<Chassis> chassis;

 private:
  void start() {
    started.reset();
    chassis = make_chassis(platform, config_, {.credentials = credentials_});
    chassis->start([this](const Result<void>& result) { started = result; });
    fake.scheduler.run_for(std::chrono::seconds(1));
  }

  std::shared_ptr<const config::Config> config_;
  std::shared_ptr<const Credentials> credentials_;
};

}  // namespace segw::chassis::testing
