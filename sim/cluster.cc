#include "sim/cluster.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/ip_packet.h"
#include "sim/probe.h"
#include "sim/topology.h"

namespace segw::sim {
namespace {

constexpr size_t kViolationsMax = 5;
constexpr Duration kConvergeMax = std::chrono::seconds(30);
constexpr Duration kHandoverMax = std::chrono::seconds(4);
constexpr Duration kLook = std::chrono::milliseconds(5);
constexpr uint64_t kInjectedFirst = uint64_t{0xFF} << 48;

}  // namespace

// Hands everything to the role tracker first, then to the checkers.
class Cluster::Fanout final : public Observer {
 public:
  explicit Fanout(Cluster& cluster) : cluster_(cluster) {}

  void on_isa_in(HostId host, platform::Side side, ByteView packet) override {
    each([&](Observer& one) { one.on_isa_in(host, side, packet); });
  }
  void on_isa_out(HostId host, platform::Side side, ByteView packet) override {
    each([&](Observer& one) { one.on_isa_out(host, side, packet); });
    if (side == platform::Side::Public && ike_of(packet)) cluster_.sent_message(host);
  }
  void on_isa_told(HostId host, const isa::ToIsa& message) override {
    each([&](Observer& one) { one.on_isa_told(host, message); });
  }
  void on_isa_stopped(HostId host) override {
    each([&](Observer& one) { one.on_isa_stopped(host); });
  }
  void on_default_route(HostId host, platform::Side side, ByteView packet) override {
    each([&](Observer& one) { one.on_default_route(host, side, packet); });
  }
  void on_client_sealed(uint64_t probe, uint32_t spi, uint64_t sequence) override {
    each([&](Observer& one) { one.on_client_sealed(probe, spi, sequence); });
  }
  void on_client_told(const ClientIke& ike) override {
    each([&](Observer& one) { one.on_client_told(ike); });
  }
  void on_client_lost(const ClientIke& ike, const ClientLoss& loss) override {
    each([&](Observer& one) { one.on_client_lost(ike, loss); });
  }
  void on_disk_lost(HostId host) override {
    each([&](Observer& one) { one.on_disk_lost(host); });
  }
  void on_operator_ends() override {
    each([](Observer& one) { one.on_operator_ends(); });
  }
  void on_boot(HostId host) override {
    each([&](Observer& one) { one.on_boot(host); });
  }
  void on_crash(HostId host) override {
    each([&](Observer& one) { one.on_crash(host); });
  }
  void after_event() override {
    each([&](Observer& one) { one.after_event(); });
  }

 private:
  template <typename Call>
  void each(Call call) {
    call(cluster_.roles_);
    for (const auto& checker : cluster_.checkers_) call(*checker);
  }
  Cluster& cluster_;
};

Cluster::Cluster(uint64_t seed, const ClusterOptions& options)
    : options_(options),
      world_(seed),
      network_(world_),
      packets_(world_),
      roles_(world_, host_count(options)),
      fanout_(std::make_unique<Fanout>(*this)),
      streams_(
          world_, network_, [this](HostId id) { return hosts_[id]->powered(); },
          [this](HostId id) { return hosts_[id]->older(); },
          [this](HostId id) { sent_message(id); }),
      messages_(host_count(options)),
      crash_at_(host_count(options)) {
  add_hosts();
  for (uint8_t index = 0; index < options_.clients; ++index) {
    clients_.push_back(
        std::make_unique<Client>(world_, packets_, *fanout_, client_spec(options_, index)));
  }
  packets_.set_core([this](Bytes packet) { core_receives(std::move(packet)); });
  make_view();
  checkers_ = make_checkers(*view_);
  world_.on_event([this] { fanout_->after_event(); });
}

void Cluster::add_hosts() {
  const Surroundings around{.world = world_,
                            .network = network_,
                            .streams = streams_,
                            .packets = packets_,
                            .observer = *fanout_,
                            .hosts = host_list_};
  for (HostId id = 0; id < host_count(options_); ++id) {
    hosts_.push_back(std::make_unique<SimHost>(around, host_name(id), system_address(id),
                                               chassis_config(options_, id)));
    hosts_.back()->set_older(options_.older);
    host_list_.push_back(hosts_.back().get());
    packets_.add_chassis(*hosts_.back());
    network_.add_address(id, shunt_address(platform::Side::Public, id));
    network_.add_address(id, shunt_address(platform::Side::Private, id));
  }
}

void Cluster::make_view() {
  view_ = std::make_unique<CheckerView>(
      CheckerView{.world = world_,
                  .network = network_,
                  .packets = packets_,
                  .hosts = host_list_,
                  .roles = roles_,
                  .group = kGroup,
                  .timing = {.keep_alive = options_.keep_alive,
                             .hold = hold_time(),
                             .discovery = options_.discovery,
                             .ike_lifetime = options_.ike_lifetime,
                             .child_lifetime = options_.child_lifetime},
                  .clients = [this] { return client_views(); },
                  .violate = [this](std::string_view checker,
                                    std::string text) { violate(checker, std::move(text)); },
                  .dynamic = options_.dynamic});
}

Cluster::~Cluster() {
  world_.on_event({});
  checkers_.clear();
}

void Cluster::violate(std::string_view checker, std::string text) {
  if (violations_.size() >= kViolationsMax) return;
  world_.note(checker, "VIOLATION " + text);
  violations_.push_back(
      Violation{.at = world_.now(), .checker = std::string(checker), .text = std::move(text)});
}

std::string Cluster::report() const {
  std::string all = fmt::format("SEED={}\n", world_.seed());
  for (const Violation& one : violations_) all += one.checker + ": " + one.text + "\n";
  for (const std::string& line : world_.history()) all += line + "\n";
  return all;
}

void Cluster::core_receives(Bytes packet) {
  const auto probe = decode_probe(packet);
  const auto from = source_of(packet);
  const auto to = destination_of(packet);
  if (!probe || probe->echo || !from || !to) return;
  packets_.send_to_clients(encode_probe(Probe{.number = probe->number, .echo = true}, *to, *from));
}

void Cluster::boot() {
  for (const auto& host : hosts_) host->boot();
  for (const auto& client : clients_) client->start();
}

bool Cluster::converge() {
  boot();
  return run_until([this] { return redundant() && all_have_tunnels(); }, kConvergeMax);
}

void Cluster::run_for(Duration length) {
  world_.run_until(world_.now() + length, [this] { return !violations_.empty(); });
}

bool Cluster::run_until(const std::function<bool()>& condition, Duration limit) {
  // Conditions are looked at now and then, not after each event: some read whole snapshots.
  const Instant end = world_.now() + limit;
  while (world_.now() < end && violations_.empty()) {
    if (condition()) return true;
    run_for(std::min<Duration>(kLook, end - world_.now()));
  }
  return condition();
}

std::optional<HostId> Cluster::master() const {
  for (HostId id = 0; id < hosts(); ++id) {
    if (roles_.acting(id)) return id;
  }
  return std::nullopt;
}

GroupView Cluster::role_of(HostId id) const { return view_group(*hosts_[id], network_); }

bool Cluster::redundant() const {
  if (master_count() != 1) return false;
  const HostId active = *master();
  const GroupView of_active = role_of(active);
  for (const auto& host : hosts_) {
    if (host->id() == active || !host->running()) continue;
    if (!host->started() || host->paused()) return false;
    if (!of_active.members.contains(host->id()) || !role_of(host->id()).in_sync) return false;
  }
  return !of_active.members.empty();
}

bool Cluster::all_have_tunnels() const {
  return std::ranges::all_of(clients_, [](const auto& client) { return client->has_tunnel(); });
}

std::vector<ClientView> Cluster::client_views() const {
  std::vector<ClientView> views;
  views.reserve(clients_.size());
  for (const auto& client : clients_) {
    views.push_back(ClientView{.name = client->spec().name,
                               .has_tunnel = client->has_tunnel(),
                               .last_echo = client->last_echo()});
  }
  return views;
}

void Cluster::ask_switchover(HostId at, std::optional<HostId> to, std::function<void(bool)> done) {
  chassis::Chassis* chassis = hosts_[at]->chassis();
  if (chassis == nullptr) {
    if (done) done(false);
    return;
  }
  world_.note("tools", fmt::format("force-switchover at {}{}", host_name(at),
                                   to ? " to " + host_name(*to) : ""));
  const auto told = [this, tell = std::move(done)](const Result<std::string>& result) {
    world_.note("tools", result ? *result : result.error().text);
    if (tell) tell(result.has_value());
  };
  if (options_.domain.empty()) {
    chassis->force_switchover(kGroup, told);
  } else {
    chassis->force_switchover(kDomain, to ? std::optional(system_address(*to)) : std::nullopt,
                              told);
  }
}

void Cluster::operator_ends() { fanout_->on_operator_ends(); }

bool Cluster::hand_over(HostId at, std::optional<HostId> to) {
  auto outcome = std::make_shared<std::optional<bool>>();
  ask_switchover(at, to, [outcome](bool moved) { *outcome = moved; });
  run_until([&] { return outcome->has_value(); }, kHandoverMax);
  return outcome->value_or(false);
}

void Cluster::crash_after_messages(HostId id, uint64_t count) {
  crash_at_[id] = messages_[id] + count;
}

void Cluster::sent_message(HostId id) {
  ++messages_[id];
  if (!crash_at_[id] || messages_[id] < *crash_at_[id]) return;
  crash_at_[id].reset();
  hosts_[id]->crash();
}

void Cluster::burst(size_t client, uint32_t count, Duration step, Duration length) {
  const ClientSpec& spec = clients_[client]->spec();
  packets_.overrun_client(bulk_packet(spec.core_host, spec.inner_host), count);
  if (length < step) return;
  world_.after(kNature, step, [this, client, count, step, left = length - step] {
    burst(client, count, step, left);
  });
}

void Cluster::inject_clear_text() {
  for (const auto& client : clients_) {
    const ClientSpec& spec = client->spec();
    const Bytes packet = encode_probe(Probe{.number = kInjectedFirst + injected_++},
                                      spec.inner_host, spec.core_host);
    for (const auto& host : hosts_) host->receive_clear_text(packet);
  }
}

CheckerCounts Cluster::counts() const {
  CheckerCounts counts;
  for (const auto& checker : checkers_) checker->add_to(counts);
  return counts;
}

}  // namespace segw::sim
