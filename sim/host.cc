#include "sim/host.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/planted.h"
#include "sim/ip_packet.h"
#include "sim/sim_platform.h"

namespace segw::sim {
namespace {

constexpr Duration kIsaSocketDelay = std::chrono::microseconds(50);
constexpr Duration kIsaDeathDelay = std::chrono::microseconds(100);

std::string_view text(platform::Target target) {
  switch (target) {
    case platform::Target::Blackhole:
      return "blackhole";
    case platform::Target::Tun:
      return "tun";
    case platform::Target::Shunt:
      return "shunt";
  }
  return "";
}

}  // namespace

struct SimHost::Boot {
  ProcessId process = kNature;
  std::unique_ptr<SimPlatform> platform;
  std::unique_ptr<chassis::Chassis> chassis;
};

class SimHost::IsaHandle final : public platform::Isa {
 public:
  IsaHandle(SimHost& host, uint64_t serial) : host_(host), serial_(serial) {}
  ~IsaHandle() override {
    if (host_.isa_serial_ != serial_) return;
    host_.isa_handler_ = nullptr;
    if (host_.running()) host_.stop_isa();
  }
  void send(Bytes message) override {
    if (host_.isa_serial_ != serial_ || !host_.isa_) return;
    World& world = host_.around_.world;
    world.after(host_.isa_->process(), kIsaSocketDelay,
                [&host = host_, serial = serial_, sent = std::move(message)] {
                  if (host.isa_serial_ == serial && host.isa_) host.isa_->told(sent);
                });
  }

 private:
  SimHost& host_;
  uint64_t serial_;
};

SimHost::SimHost(Surroundings around, std::string name, IpAddress address,
                 std::shared_ptr<const config::Config> config)
    : around_(around),
      name_(std::move(name)),
      address_(address),
      config_(std::move(config)),
      id_(around.network.add(address)),
      rng_(around.world.stream("host " + name_)) {}

SimHost::~SimHost() {
  end_segwd();
  stop_isa();
}

bool SimHost::running() const { return boot_ && around_.world.alive(boot_->process); }
bool SimHost::paused() const { return running() && around_.world.stopped(boot_->process); }
chassis::Chassis* SimHost::chassis() const {
  return running() && boot_->chassis ? boot_->chassis.get() : nullptr;
}

void SimHost::boot() {
  if (running()) return;
  World& world = around_.world;
  world.note(name_, "boots");
  powered_ = true;
  started_ = false;
  booted_at_ = world.now();
  around_.network.disturbed();
  boot_ = std::make_unique<Boot>();
  boot_->process = world.spawn();
  boot_->platform = std::make_unique<SimPlatform>(*this, boot_->process);
  boot_->chassis = chassis::make_chassis(boot_->platform->seam(), config_,
                                         chassis::Options{.prompt = &boot_->platform->prompt()});
  around_.observer.on_boot(id_);
  world.after(boot_->process, Duration{0}, [this] {
    boot_->chassis->start([this](const Result<void>& result) { set_started(result); });
  });
}

void SimHost::set_started(const Result<void>& result) {
  started_ = result.has_value();
  around_.world.note(name_, result ? "started" : "did not start: " + result.error().text);
}

void SimHost::end_segwd() {
  if (!boot_) return;
  around_.world.kill(boot_->process);
  dead_boots_.push_back(std::move(boot_));
  isa_handler_ = nullptr;
  around_.world.after(kNature, Duration{0}, [this] {
    dead_boots_.clear();
    dead_isas_.clear();
  });
}

void SimHost::crash() {
  if (!powered_) return;
  around_.world.note(name_, "crashes");
  powered_ = false;
  steering_.clear();
  stop_isa();
  end_segwd();
  around_.network.disturbed();
  around_.observer.on_crash(id_);
}

void SimHost::lose_disk() {
  around_.world.note(name_, "loses its disk");
  disk_.clear();
  around_.observer.on_disk_lost(id_);
}

Result<std::string> SimHost::change_keys(const std::vector<std::string>& keys) {
  auto changed = std::make_shared<config::Config>(*config_);
  for (config::McPeer& peer : changed->peers) {
    peer.authentication_key = SecretBytes(as_bytes(keys.front()));
    peer.second_authentication_key =
        keys.size() > 1 ? SecretBytes(as_bytes(keys.back())) : SecretBytes{};
  }
  Result<std::string> taken = std::string("for the next start");
  if (chassis() != nullptr) taken = chassis()->reload_keys(*changed);
  if (taken) config_ = std::move(changed);
  around_.world.note(name_, taken ? *taken : taken.error().text);
  return taken;
}

void SimHost::step_wall_clock(Duration by) {
  around_.world.note(name_,
                     fmt::format("its wall clock steps by {} s", by / std::chrono::seconds(1)));
  wall_offset_ += by;
}

void SimHost::kill_segwd() {
  if (!running()) return;
  around_.world.note(name_, "segwd is killed");
  make_forwarding_safe();
  stop_isa();
  end_segwd();
  around_.network.disturbed();
  around_.observer.on_crash(id_);
}

// The keeper's work (rule 9).
void SimHost::make_forwarding_safe() {
  for (auto& [group, steered] : steering_) steered.state = platform::SteeringState{};
}

void SimHost::pause() {
  if (!running() || paused()) return;
  around_.world.note(name_, "segwd is stopped");
  around_.world.stop(boot_->process);
  around_.network.disturbed();
}

void SimHost::go_on() {
  if (!paused()) return;
  around_.world.note(name_, "segwd goes on");
  around_.network.disturbed();
  around_.world.go_on(boot_->process);
}

void SimHost::stop_isa() {
  if (!isa_) return;
  around_.world.kill(isa_->process());
  dead_isas_.push_back(std::move(isa_));
  around_.world.after(kNature, Duration{0}, [this] { dead_isas_.clear(); });
  around_.observer.on_isa_stopped(id_);
  if (SEGW_PLANTED(no_route_leak)) {
    // The last reader of a TUN takes the nexthop object and its routes with it.
    for (auto& [group, steered] : steering_) steered.routed = false;
  }
}

void SimHost::crash_isa() {
  if (!isa_) return;
  around_.world.note(name_, "the ISA dies");
  around_.network.disturbed();
  stop_isa();
  around_.world.after(isa_owner_, kIsaDeathDelay, [this, serial = isa_serial_] {
    if (serial == isa_serial_ && isa_handler_ != nullptr) isa_handler_->on_isa_gone("killed");
  });
}

bool SimHost::isa_hangs() const { return isa_ && around_.world.stopped(isa_->process()); }

void SimHost::hang_isa() {
  if (!isa_ || isa_hangs()) return;
  around_.world.note(name_, "the ISA hangs");
  around_.network.disturbed();
  around_.world.stop(isa_->process());
}

void SimHost::isa_goes_on() {
  if (!isa_hangs()) return;
  around_.world.note(name_, "the ISA goes on");
  around_.network.disturbed();
  around_.world.go_on(isa_->process());
}

Result<std::unique_ptr<platform::Isa>> SimHost::start_isa(const platform::IsaSpec& /*spec*/,
                                                          ProcessId segwd,
                                                          platform::IsaHandler& handler) {
  if (isas_refused_) return failure("the ISA's TUN devices cannot be opened");
  if (isa_) return failure("the ISA's TUN devices are in use");
  const uint64_t serial = ++isa_serial_;
  isa_handler_ = &handler;
  isa_owner_ = segwd;
  isa_ = std::make_unique<IsaProcess>(
      around_.world, rng_.next(),
      IsaProcess::Ports{
          .packet_in = [this](platform::Side side,
                              ByteView packet) { around_.observer.on_isa_in(id_, side, packet); },
          .packet_out = [this](platform::Side side,
                               Bytes packet) { isa_sends(side, std::move(packet)); },
          .told = [this](const isa::ToIsa& message) { around_.observer.on_isa_told(id_, message); },
          .tells = [this, serial](Bytes message) { isa_tells(serial, std::move(message)); }});
  return std::make_unique<IsaHandle>(*this, serial);
}

void SimHost::isa_tells(uint64_t serial, Bytes message) {
  around_.world.after(isa_owner_, kIsaSocketDelay, [this, serial, sent = std::move(message)] {
    if (serial == isa_serial_ && isa_handler_ != nullptr) isa_handler_->on_isa_message(sent);
  });
}

Result<void> SimHost::declare(const platform::SteeringSpec& spec) {
  steering_[spec.group] = Steered{.spec = spec, .state = {}, .added = {}};
  return {};
}

void SimHost::steer(TunnelGroupId group, const platform::SteeringState& state) {
  const auto at = steering_.find(group);
  if (at == steering_.end() || at->second.state == state) return;
  const bool announces = state.virtual_next_hops && !at->second.state.virtual_next_hops;
  at->second.state = state;
  const std::string way =
      state.from_service == platform::Target::Shunt ? fmt::format(" {}", state.shunt_to) : "";
  around_.world.note(name_, fmt::format("steers {}{} (shunted: {}){}", text(state.from_service),
                                        way, text(state.from_shunt),
                                        state.virtual_next_hops ? " and answers ARP" : ""));
  if (!announces) return;
  around_.packets.announce(id_, platform::Side::Public);
  around_.packets.announce(id_, platform::Side::Private);
}

void SimHost::add_routes(TunnelGroupId group, const std::vector<IpPrefix>& prefixes) {
  const auto at = steering_.find(group);
  if (at != steering_.end()) at->second.added.insert(prefixes.begin(), prefixes.end());
}

void SimHost::remove_routes(TunnelGroupId group, const std::vector<IpPrefix>& prefixes) {
  const auto at = steering_.find(group);
  if (at == steering_.end()) return;
  for (const IpPrefix& prefix : prefixes) at->second.added.erase(prefix);
}

std::set<IpPrefix> SimHost::added_routes() const {
  return steering_.empty() ? std::set<IpPrefix>{} : steering_.begin()->second.added;
}

const platform::SteeringState* SimHost::steering() const {
  return steering_.empty() ? nullptr : &steering_.begin()->second.state;
}

bool SimHost::answers_arp() const {
  return powered_ && steering() != nullptr && steering()->virtual_next_hops;
}

void SimHost::deliver_datagram(const Endpoint& to, const Endpoint& from, const Bytes& bytes) {
  if (running()) boot_->platform->deliver(to, from, bytes);
}

void SimHost::forward(platform::Side side, bool from_shunt, Bytes packet) {
  // A host that has declared nothing yet does not forward: segwd switches forwarding on.
  if (!powered_ || steering_.empty()) return;
  const auto to = destination_of(packet);
  if (!to || !spend_ttl(packet)) return;
  for (const auto& [group, steered] : steering_) {
    const auto& spec =
        side == platform::Side::Public ? steered.spec.public_side : steered.spec.private_side;
    const auto leads = [&](const IpPrefix& prefix) { return prefix.contains(*to); };
    const bool added = side == platform::Side::Private && std::ranges::any_of(steered.added, leads);
    if (!steered.routed || (!added && std::ranges::none_of(spec.prefixes, leads))) continue;
    switch (from_shunt ? steered.state.from_shunt : steered.state.from_service) {
      case platform::Target::Blackhole:
        return;
      case platform::Target::Tun:
        // A TUN without a reader swallows what it gets (the keeper's detached queue).
        if (isa_) isa_->packet(side, packet);
        return;
      case platform::Target::Shunt:
        shunt(side, steered, packet);
        return;
    }
  }
  around_.observer.on_default_route(id_, side, packet);
}

std::optional<HostId> SimHost::shunt_of(platform::Side side, const Steered& steered) const {
  const auto& spec =
      side == platform::Side::Public ? steered.spec.public_side : steered.spec.private_side;
  const platform::SteeringState& state = steered.state;
  if (state.from_service != platform::Target::Shunt) return std::nullopt;
  if (state.shunt_to >= spec.shunts.size()) return std::nullopt;
  const auto& next_hop = spec.shunts[state.shunt_to].next_hop;
  return next_hop ? around_.network.find(*next_hop) : std::nullopt;
}

std::optional<HostId> SimHost::shunts_to() const {
  if (steering_.empty()) return std::nullopt;
  const auto to = shunt_of(platform::Side::Public, steering_.begin()->second);
  return to == shunt_of(platform::Side::Private, steering_.begin()->second) ? to : std::nullopt;
}

void SimHost::shunt(platform::Side side, const Steered& steered, const Bytes& packet) {
  const auto to = shunt_of(side, steered);
  if (!to || *to == id_) return;
  SimHost* peer = around_.hosts[*to];
  for (const Instant at : around_.network.arrivals(id_, *to)) {
    around_.world.at(kNature, at, [peer, side, packet] { peer->receive_shunted(side, packet); });
  }
}

void SimHost::receive_clear_text(const Bytes& packet) {
  if (powered_ && isa_) isa_->packet(platform::Side::Public, packet);
}

void SimHost::isa_sends(platform::Side side, Bytes packet) {
  around_.observer.on_isa_out(id_, side, packet);
  around_.packets.leave_chassis(side, std::move(packet));
}

}  // namespace segw::sim
