#pragma once

// Two or more MIMP services over one fake world: virtual time, and a network of datagrams that can
// be cut one way, delayed, duplicated, lost and recorded. Whole chassis belong in sim/.

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "mimp/mimp_service.h"
#include "platform/testing/fake_platform.h"

namespace segw::mimp::testing {

using platform::Callback;
using platform::TimerId;

// Time and events of all hosts, ordered by (time, arrival).
class World {
 public:
  Instant now{std::chrono::seconds(1)};

  TimerId at(Instant when, Callback callback) {
    const TimerId id = next_++;
    queue_.emplace(std::pair(std::max(when, now), id), std::move(callback));
    return id;
  }
  void cancel(TimerId id) {
    std::erase_if(queue_, [&](const auto& entry) { return entry.first.second == id; });
  }
  // Runs one event due up to `end`; false if there is none.
  bool step(Instant end) {
    if (queue_.empty() || queue_.begin()->first.first > end) return false;
    const auto first = queue_.begin();
    now = std::max(now, first->first.first);
    const Callback callback = std::move(first->second);
    queue_.erase(first);
    callback();
    return true;
  }
  void run_for(Duration span) {
    const Instant end = now + span;
    while (step(end)) {
    }
    now = end;
  }

 private:
  TimerId next_ = 1;
  std::map<std::pair<Instant, TimerId>, Callback> queue_;
};

struct Packet {
  Endpoint from;
  Endpoint to;
  Bytes bytes;
};

class Network {
 public:
  explicit Network(World& world) : world_(world) {}

  Duration delay = std::chrono::milliseconds(1);
  Duration jitter{};
  uint64_t loss_per_mille = 0;
  uint64_t duplicate_per_mille = 0;
  std::set<std::pair<IpAddress, IpAddress>> cuts;  // from, to
  std::vector<Packet> recording;                   // everything that was sent
  bool record = false;
  platform::testing::FakeRng rng;

  void cut(const IpAddress& a, const IpAddress& b) {
    cuts.insert({a, b});
    cuts.insert({b, a});
  }
  void heal() { cuts.clear(); }
  void attach(const Endpoint& local, platform::DatagramHandler* handler) {
    ports_[local] = handler;
  }
  void detach(const Endpoint& local) { ports_.erase(local); }
  [[nodiscard]] bool taken(const Endpoint& local) const { return ports_.contains(local); }

  void send(const Endpoint& from, const Endpoint& to, ByteView bytes) {
    Packet packet{.from = from, .to = to, .bytes = to_bytes(bytes)};
    if (record) recording.push_back(packet);
    if (cuts.contains({from.address, to.address}) || rng.below(1000) < loss_per_mille) return;
    const bool twice = rng.below(1000) < duplicate_per_mille;
    if (twice) inject(packet);
    inject(std::move(packet));
  }
  // As if it came off the wire.
  void inject(Packet packet) {
    Duration after = delay;
    if (jitter > Duration::zero()) {
      after += Duration(static_cast<int64_t>(rng.below(static_cast<uint64_t>(jitter.count()))));
    }
    world_.at(world_.now + after, [this, packet = std::move(packet)] {
      const auto at = ports_.find(packet.to);
      if (at != ports_.end()) (*at->second)(packet.from, packet.bytes);
    });
  }

 private:
  World& world_;
  std::map<Endpoint, platform::DatagramHandler*> ports_;
};

// One host: its own randomness; its events wait while it is paused.
class Node final : platform::Clock, platform::Scheduler, platform::Datagrams, Host {
 public:
  // `more`: further groups of this chassis.
  Node(World& world, Network& network, Settings settings, std::vector<Settings> more = {})
      : world_(world),
        network_(network),
        settings_(std::move(settings)),
        more_settings_(std::move(more)) {}
  ~Node() override { crash(); }
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  void boot() {
    service_ = make_service(platform_, port_, settings_, disk_activation, *this);
    roles.clear();
    start_result = service_->start();
    service_->set_eligible(eligible, eligible ? 1 : 0, "tunnel-group is up");
    for (const Settings& settings : more_settings_) {
      more_.push_back(make_service(platform_, port_, settings, disk_activation, silent_));
      auto started = more_.back()->start();
      if (!started) start_result = started;
      more_.back()->set_eligible(true, 1, "tunnel-group is up");
    }
  }
  void crash() {
    service_.reset();
    more_.clear();
    ++boot_;  // what was scheduled for this boot never runs
    held_back_.clear();
    paused_ = false;
  }
  void pause() { paused_ = true; }
  void resume() {
    paused_ = false;
    auto waiting = std::move(held_back_);
    held_back_.clear();
    resuming_ = true;
    for (Callback& callback : waiting) world_.at(world_.now, wrap(std::move(callback)));
    world_.at(world_.now, [this] {
      resuming_ = false;
      cancelled_.clear();
    });
  }
  void set_eligible(bool now_eligible) {
    eligible = now_eligible;
    if (service_) {
      service_->set_eligible(eligible, eligible ? 1 : 0,
                             eligible ? "tunnel-group is up" : "the ISA is gone");
    }
  }
  [[nodiscard]] bool running() const { return service_ != nullptr && !paused_; }
  [[nodiscard]] bool alive() const { return service_ != nullptr; }
  [[nodiscard]] bool acts() const { return running() && acting(service_->state()); }
  [[nodiscard]] MasterState state() const { return service_->state(); }
  [[nodiscard]] uint64_t count(std::string_view name) const {
    return service_->counters().get(name);
  }
  [[nodiscard]] const Settings& settings() const { return settings_; }
  [[nodiscard]] const IpAddress& address() const { return settings_.peers.front().local; }
  Service& service() { return *service_; }
  const std::vector<std::unique_ptr<Service>>& more() const { return more_; }
  [[nodiscard]] const Port& port() const { return port_; }
  [[nodiscard]] std::string told() const {
    std::string all;
    for (const auto& entry : service_->history().entries()) all += entry.text + "\n";
    return all;
  }

  bool eligible = true;
  bool handing_over = false;  // as the old active, as the chassis does it from on_keep_alive
  Activation disk_activation;
  Result<void> start_result;
  std::vector<RoleChange> roles;
  std::vector<bool> peers;
  std::vector<PeerIndex> switchovers;  // targets
  int keep_alives = 0;
  int members_changed = 0;

 private:
  // platform::Clock, Scheduler, Datagrams
  [[nodiscard]] Instant now() const override { return world_.now; }
  [[nodiscard]] std::chrono::system_clock::time_point wall() const override { return {}; }
  TimerId at(Instant when, Callback callback) override {
    // Due while paused, it waits; it must still be cancellable then.
    const auto id = std::make_shared<TimerId>(0);
    *id = world_.at(when, wrap([this, id, callback = std::move(callback)] {
                      if (!cancelled_.contains(*id)) callback();
                    }));
    return *id;
  }
  void cancel(TimerId id) override {
    if (!held_back_.empty() || resuming_) cancelled_.insert(id);
    world_.cancel(id);
  }
  Callback wrap(Callback callback) {
    return [this, boot = boot_, callback = std::move(callback)] {
      if (boot != boot_) return;
      if (paused_) {
        held_back_.push_back(callback);
        return;
      }
      callback();
    };
  }
  class Socket final : public platform::DatagramSocket {
   public:
    Socket(Node& node, Endpoint local, platform::DatagramHandler handler)
        : node_(node), local_(local), handler_(std::move(handler)) {
      on_packet_ = [this](const Endpoint& from, ByteView bytes) {
        if (!node_.paused_) {
          handler_(from, bytes);
          return;
        }
        // It waits in the kernel's buffer.
        node_.held_back_.emplace_back(
            [this, from, copy = to_bytes(bytes)] { handler_(from, copy); });
      };
      node_.network_.attach(local_, &on_packet_);
    }
    ~Socket() override { node_.network_.detach(local_); }
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;
    void send(const Endpoint& to, ByteView bytes) override {
      node_.network_.send(local_, to, bytes);
    }

   private:
    Node& node_;
    Endpoint local_;
    platform::DatagramHandler handler_;
    platform::DatagramHandler on_packet_;
  };
  Result<std::unique_ptr<platform::DatagramSocket>> open(
      const Endpoint& local, platform::DatagramHandler handler) override {
    if (network_.taken(local)) return failure(local.text() + ": address already in use");
    return std::make_unique<Socket>(*this, local, std::move(handler));
  }

  // Host
  void on_role(const RoleChange& change) override {
    roles.push_back(change);
    disk_activation = std::max(disk_activation, change.activation);
  }
  void on_peer(PeerIndex /*peer*/, bool reachable) override { peers.push_back(reachable); }
  void on_members_changed() override { ++members_changed; }
  void on_keep_alive() override {
    ++keep_alives;
    if (handing_over && service_->active_peer()) {
      handing_over = false;
      service_->yield(service_->activation(), "a planned handover");
    }
  }
  void on_switchover_request(PeerIndex target) override { switchovers.push_back(target); }

  class Silent final : public Host {
    void on_role(const RoleChange& /*change*/) override {}
    void on_peer(PeerIndex /*peer*/, bool /*reachable*/) override {}
    void on_members_changed() override {}
    void on_keep_alive() override {}
    void on_switchover_request(PeerIndex /*target*/) override {}
  };

  World& world_;
  Network& network_;
  Settings settings_;
  std::vector<Settings> more_settings_;
  Silent silent_;
  platform::testing::FakePlatform fake_;
  platform::Platform platform_{.clock = *this,
                               .scheduler = *this,
                               .rng = network_.rng,
                               .datagrams = *this,
                               .streams = fake_.streams,
                               .services = fake_.services,
                               .isas = fake_.isas,
                               .steering = fake_.steering,
                               .workers = fake_.workers,
                               .store = fake_.store,
                               .log = fake_.log,
                               .supervisor = fake_.supervisor};
  Port port_{platform_};
  uint64_t boot_ = 0;
  bool paused_ = false;
  bool resuming_ = false;
  std::vector<Callback> held_back_;
  std::set<TimerId> cancelled_;
  std::unique_ptr<Service> service_;
  std::vector<std::unique_ptr<Service>> more_;
};

inline SharedKey old_key() {
  return {.id = 0x01d0, .secret = SecretBytes(as_bytes("0123456789abcdef0123456789abcdef"))};
}
inline SharedKey new_key() {
  return {.id = 0x9e30, .secret = SecretBytes(as_bytes("fedcba9876543210fedcba9876543210"))};
}

inline PeerSettings peer_of(std::string_view local, std::string_view peer) {
  return PeerSettings{.group = TunnelGroupId{1},
                      .local = *IpAddress::parse(local),
                      .address = *IpAddress::parse(peer),
                      .keep_alive = std::chrono::milliseconds(500),
                      .hold_count = 2,
                      .discovery = std::chrono::seconds(10),
                      .keys = {old_key()}};
}

inline Settings settings_of(std::string_view local, std::string_view peer, uint8_t priority) {
  return Settings{.group = TunnelGroupId{1},
                  .router_id = *IpAddress::parse(local),
                  .priority = priority,
                  .peers = {peer_of(local, peer)}};
}

// Node `of` (from 0) of a domain of `size`, at 192.0.2.(of + 1).
inline Settings domain_settings(size_t of, size_t size, DesignatedRole role, uint8_t priority) {
  const auto name = [](size_t node) { return "192.0.2." + std::to_string(node + 1); };
  Settings settings{.group = TunnelGroupId{1},
                    .domain = DomainId{7},
                    .router_id = *IpAddress::parse(name(of)),
                    .role = role,
                    .priority = priority};
  for (size_t peer = 0; peer < size; ++peer) {
    if (peer != of) settings.peers.push_back(peer_of(name(of), name(peer)));
  }
  return settings;
}

// A domain; node 0 has the highest priority.
struct Domain {
  World world;
  Network network{world};
  std::deque<Node> nodes;

  explicit Domain(size_t size) {
    for (size_t at = 0; at < size; ++at) {
      nodes.emplace_back(
          world, network,
          domain_settings(at, size, DesignatedRole::Active, static_cast<uint8_t>(200 - 10 * at)));
    }
  }
  Node& operator[](size_t at) { return nodes.at(at); }
  void boot() {
    for (Node& node : nodes) node.boot();
  }
  void run(Duration span) { world.run_for(span); }
  void cut(size_t a, size_t b) { network.cut(nodes.at(a).address(), nodes.at(b).address()); }
  void heal(size_t a, size_t b) {
    network.cuts.erase({nodes.at(a).address(), nodes.at(b).address()});
    network.cuts.erase({nodes.at(b).address(), nodes.at(a).address()});
  }
  // Where node `of` has node `peer` in its list.
  static PeerIndex place(size_t of, size_t peer) {
    return PeerIndex{static_cast<uint8_t>(peer > of ? peer - 1 : peer)};
  }
  // As MCS says when all reachable nodes hold the journal of `active`.
  void sync(size_t active) {
    for (size_t peer = 0; peer < nodes.size(); ++peer) {
      if (peer != active) nodes.at(active).service().set_peer_synced(place(active, peer), true);
    }
  }
  // Booted, node 0 active, all others in its set.
  void settle() {
    boot();
    run(std::chrono::seconds(2));
    sync(0);
    run(std::chrono::seconds(2));
  }
  [[nodiscard]] size_t acting_count() const {
    return static_cast<size_t>(std::ranges::count_if(nodes, &Node::acts));
  }
  [[nodiscard]] std::string told() const {
    std::string all;
    for (const Node& node : nodes) {
      if (node.alive()) all += node.address().text() + "\n" + node.told();
    }
    return all;
  }
};

// A (priority 200) and B (priority 150).
struct Pair {
  World world;
  Network network{world};
  Node a{world, network, settings_of("192.0.2.1", "192.0.2.2", 200)};
  Node b{world, network, settings_of("192.0.2.2", "192.0.2.1", 150)};

  void boot() {
    a.boot();
    b.boot();
  }
  void run(Duration span) { world.run_for(span); }
  // B acts without a grant.
  void boot_and_lose_a() {
    boot();
    run(std::chrono::seconds(2));
    a.crash();
    run(std::chrono::seconds(2));
  }
  // A is master and B a member of its in-sync set.
  void settle() {
    boot();
    run(std::chrono::seconds(2));
    a.service().set_peer_synced(PeerIndex{0}, true);
    run(std::chrono::seconds(2));
  }
};

}  // namespace segw::mimp::testing
