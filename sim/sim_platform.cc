#include "sim/sim_platform.h"

#include <fmt/format.h>

namespace segw::sim {
namespace {

constexpr Duration kFsyncMin = std::chrono::milliseconds(1);
constexpr Duration kFsyncMax = std::chrono::milliseconds(6);

struct Owner {
  SimHost& host;
  World& world;
  ProcessId process;
  [[nodiscard]] bool alive() const { return world.alive(process); }
};

class SimClock final : public platform::Clock {
 public:
  explicit SimClock(Owner owner) : owner_(owner) {}
  [[nodiscard]] Instant now() const override { return owner_.world.now(); }
  [[nodiscard]] std::chrono::system_clock::time_point wall() const override {
    return std::chrono::system_clock::time_point(
        std::chrono::duration_cast<std::chrono::system_clock::duration>(
            owner_.world.now().time_since_epoch() + owner_.host.wall_offset()));
  }

 private:
  Owner owner_;
};

class SimScheduler final : public platform::Scheduler {
 public:
  explicit SimScheduler(Owner owner) : owner_(owner) {}
  platform::TimerId at(Instant when, platform::Callback callback) override {
    return owner_.world.at(owner_.process, when, std::move(callback));
  }
  void cancel(platform::TimerId id) override { owner_.world.cancel(id); }

 private:
  Owner owner_;
};

// A job's result is there a while later, so that everything else may come in between.
class SimWorkers final : public platform::Workers {
 public:
  explicit SimWorkers(Owner owner) : owner_(owner) {}
  void run(platform::Lane /*lane*/, platform::Callback job, platform::Callback done) override {
    owner_.world.after(owner_.process, kJobTime, [work = std::move(job), tell = std::move(done)] {
      work();
      tell();
    });
  }

 private:
  static constexpr Duration kJobTime = std::chrono::microseconds(400);
  Owner owner_;
};

using SocketMap = std::map<Endpoint, platform::DatagramHandler>;

class SimSocket final : public platform::DatagramSocket {
 public:
  SimSocket(Owner owner, SocketMap& sockets, const Endpoint& local)
      : owner_(owner), sockets_(sockets), local_(local) {}
  ~SimSocket() override { sockets_.erase(local_); }
  void send(const Endpoint& to, ByteView bytes) override;

 private:
  Owner owner_;
  SocketMap& sockets_;
  Endpoint local_;
};

class SimDatagrams final : public platform::Datagrams {
 public:
  explicit SimDatagrams(Owner owner) : owner_(owner) {}
  Result<std::unique_ptr<platform::DatagramSocket>> open(
      const Endpoint& local, platform::DatagramHandler handler) override {
    if (local.address != owner_.host.address()) {
      return failure(local.text() + ": cannot assign the address");
    }
    if (!sockets.emplace(local, std::move(handler)).second) {
      return failure(local.text() + ": address already in use");
    }
    return std::make_unique<SimSocket>(owner_, sockets, local);
  }
  SocketMap sockets;

 private:
  Owner owner_;
};

// Chassis are neighbours: nothing has passed a router.
class SimHopDatagrams final : public platform::HopDatagrams {
 public:
  explicit SimHopDatagrams(SimDatagrams& datagrams) : datagrams_(datagrams) {}
  Result<std::unique_ptr<platform::DatagramSocket>> open(const Endpoint& local,
                                                         Handler handler) override {
    constexpr uint8_t kTtl = 255;
    return datagrams_.open(local,
                           [told = std::move(handler)](const Endpoint& from, ByteView bytes) {
                             told(from, kTtl, bytes);
                           });
  }

 private:
  SimDatagrams& datagrams_;
};

class SimPromptLoop final : public platform::PromptLoop {
 public:
  SimPromptLoop(Owner owner, platform::Prompt prompt) : owner_(owner), prompt_(prompt) {}
  void run(const std::function<void(platform::Prompt&)>& job) override { job(prompt_); }
  void tell(platform::Callback news) override {
    owner_.world.after(owner_.process, Duration{0}, std::move(news));
  }
  [[nodiscard]] std::string scheduling() const override { return "by the simulation"; }

 private:
  Owner owner_;
  platform::Prompt prompt_;
};

class SimStreams final : public platform::Streams {
 public:
  explicit SimStreams(Owner owner) : owner_(owner) {}
  Result<std::unique_ptr<platform::Listener>> listen(const Endpoint& local, FindPsk psk,
                                                     Accept accept) override {
    return net().listen(who(), local, std::move(psk), std::move(accept));
  }
  std::unique_ptr<platform::Stream> connect(const IpAddress& local, const Endpoint& remote,
                                            platform::TlsPsk psk,
                                            platform::StreamHandler& handler) override {
    return net().connect(who(), local, remote, std::move(psk), handler);
  }

 private:
  [[nodiscard]] StreamNet& net() const { return owner_.host.around().streams; }
  [[nodiscard]] StreamOwner who() const {
    return StreamOwner{.host = owner_.host.id(), .process = owner_.process};
  }
  Owner owner_;
};

class SimServices final : public platform::Services {
 public:
  Result<void> apply(const std::vector<platform::ServiceSpec>& services) override {
    applied = services;
    return {};
  }
  std::vector<platform::ServiceSpec> applied;
};

class SimIsas final : public platform::Isas {
 public:
  explicit SimIsas(Owner owner) : owner_(owner) {}
  Result<std::unique_ptr<platform::Isa>> start(const platform::IsaSpec& spec,
                                               platform::IsaHandler& handler) override {
    return owner_.host.start_isa(spec, owner_.process, handler);
  }

 private:
  Owner owner_;
};

class SimSteering final : public platform::Steering {
 public:
  explicit SimSteering(Owner owner) : owner_(owner) {}
  Result<void> declare(const platform::SteeringSpec& spec) override {
    return owner_.host.declare(spec);
  }
  void set(TunnelGroupId group, const platform::SteeringState& state) override {
    if (owner_.alive()) owner_.host.steer(group, state);
  }
  void add_routes(TunnelGroupId group, const std::vector<IpPrefix>& prefixes) override {
    if (owner_.alive()) owner_.host.add_routes(group, prefixes);
  }
  void remove_routes(TunnelGroupId group, const std::vector<IpPrefix>& prefixes) override {
    if (owner_.alive()) owner_.host.remove_routes(group, prefixes);
  }

 private:
  Owner owner_;
};

class SimStore final : public platform::Store {
 public:
  explicit SimStore(Owner owner) : owner_(owner) {}
  Result<std::optional<Bytes>> read(std::string_view name) override {
    const auto& disk = owner_.host.disk();
    const auto at = disk.find(std::string(name));
    if (at == disk.end()) return std::optional<Bytes>{};
    return std::optional<Bytes>(at->second);
  }
  // Durable a little before the writer is told: a crash between the two keeps the new contents.
  void write(std::string_view name, Bytes contents,
             std::function<void(Result<void>)> done) override {
    const Instant begins = std::max(owner_.world.now(), idle_from_);
    const Duration takes =
        owner_.host.rng().between(kFsyncMin, kFsyncMax) + owner_.host.disk_delay();
    idle_from_ = begins + takes;
    if (owner_.host.writes_refused()) {
      owner_.world.at(owner_.process, idle_from_,
                      [told = std::move(done)] { told(failure("no space left on the disk")); });
      return;
    }
    owner_.world.at(owner_.process, begins + takes / 2,
                    [this, file = std::string(name), bytes = std::move(contents)] {
                      owner_.host.disk()[file] = bytes;
                    });
    owner_.world.at(owner_.process, idle_from_, [told = std::move(done)] { told({}); });
  }

 private:
  Owner owner_;
  Instant idle_from_{};  // one write at a time
};

class SimLog final : public platform::Log {
 public:
  explicit SimLog(Owner owner) : owner_(owner) {}
  void event(platform::Severity /*severity*/, std::string_view name, std::string text) override {
    if (owner_.alive()) owner_.world.note(owner_.host.name(), fmt::format("{} {}", name, text));
  }

 private:
  Owner owner_;
};

class SimSupervisor final : public platform::Supervisor {
 public:
  explicit SimSupervisor(Owner owner) : owner_(owner) {}
  void ready() override { owner_.world.note(owner_.host.name(), "ready"); }

 private:
  Owner owner_;
};

void SimSocket::send(const Endpoint& to, ByteView bytes) {
  if (!owner_.alive()) return;
  Surroundings& around = owner_.host.around();
  const auto host = around.network.find(to.address);
  if (!host) return;
  for (const Instant at : around.network.arrivals(owner_.host.id(), *host)) {
    owner_.world.at(kNature, at,
                    [&around, to, from = local_, target = *host, copy = to_bytes(bytes)] {
                      around.hosts[target]->deliver_datagram(to, from, copy);
                    });
  }
}

}  // namespace

struct SimPlatform::Parts {
  Parts(SimHost& host, ProcessId process)
      : owner{.host = host, .world = host.around().world, .process = process} {}
  Owner owner;
  SimClock clock{owner};
  SimScheduler scheduler{owner};
  SimDatagrams datagrams{owner};
  SimStreams streams{owner};
  SimServices services;
  SimIsas isas{owner};
  SimSteering steering{owner};
  SimWorkers workers{owner};
  SimStore store{owner};
  SimLog log{owner};
  SimSupervisor supervisor{owner};
  SimHopDatagrams hop_datagrams{datagrams};
  SimPromptLoop prompt{owner, platform::Prompt{.clock = clock,
                                               .scheduler = scheduler,
                                               .rng = owner.host.rng(),
                                               .datagrams = hop_datagrams}};
};

SimPlatform::SimPlatform(SimHost& host, ProcessId process)
    : parts_(std::make_unique<Parts>(host, process)),
      seam_(std::make_unique<platform::Platform>(
          platform::Platform{.clock = parts_->clock,
                             .scheduler = parts_->scheduler,
                             .rng = host.rng(),
                             .datagrams = parts_->datagrams,
                             .streams = parts_->streams,
                             .services = parts_->services,
                             .isas = parts_->isas,
                             .steering = parts_->steering,
                             .workers = parts_->workers,
                             .store = parts_->store,
                             .log = parts_->log,
                             .supervisor = parts_->supervisor})) {}

SimPlatform::~SimPlatform() = default;

platform::PromptLoop& SimPlatform::prompt() { return parts_->prompt; }

void SimPlatform::deliver(const Endpoint& to, const Endpoint& from, const Bytes& bytes) {
  const Owner& owner = parts_->owner;
  owner.world.after(owner.process, Duration{0}, [this, to, from, bytes] {
    const auto at = parts_->datagrams.sockets.find(to);
    if (at == parts_->datagrams.sockets.end()) return;
    const platform::DatagramHandler handler = at->second;  // it may close its own socket
    handler(from, bytes);
  });
}

}  // namespace segw::sim
