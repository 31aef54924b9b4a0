#pragma once

// Two chassis as MCS sees them, over virtual time and streams in memory that can be cut, stalled,
// reset and read along; and a peer made by hand that says whatever a test wants.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "mcs/frame.h"
#include "mcs/mcs_codec.h"
#include "mcs/mcs_service.h"
#include "mcs/testing_records.h"
#include "platform/testing/fake_platform.h"
#include "tests/older/older_schema.h"

namespace segw::mcs::testing {

using namespace std::chrono_literals;  // NOLINT(google-global-names-in-headers): of tests only

inline IpAddress address(const char* text) { return IpAddress::parse(text).value_or(IpAddress{}); }
inline IpAddress low() { return address("192.0.2.1"); }   // connects
inline IpAddress high() { return address("192.0.2.2"); }  // listens
inline constexpr const char* kIdentity = "opensegw-mcs/1 192.0.2.1 192.0.2.2";
inline constexpr const char* kTag = "tag-1";

inline SharedKey key_of(uint8_t byte) {
  SharedKey key{.id = byte, .secret = SecretBytes(size_t{32})};
  std::ranges::fill(key.secret.writable(), byte);
  return key;
}

struct Seen {
  IpAddress from;
  pb::Frame frame;
};

// Every stream between the two addresses.
class Wire {
 public:
  Wire(platform::testing::FakeScheduler& scheduler, platform::testing::FakeClock& clock)
      : scheduler_(scheduler), clock_(clock) {}

  Duration delay = 1ms;
  size_t piece = 0;             // deliver in pieces of this size; 0: as sent
  std::vector<Seen> frames;     // that left, in their order
  int attempts = 0;             // connections that were tried
  std::set<IpAddress> stalled;  // what these send stays in their stream
  // Chassis of the release before: what these say and hear passes through its schema.
  std::set<IpAddress> older;
  bool cut = false;  // as `stalled` for all, and nobody gets a connection
  // Of one connection, by the order of attempts, everything stays in its stream.
  std::optional<size_t> stuck;

  void release() {
    cut = false;
    stuck.reset();
    stalled.clear();
    for (const auto& connection : connections_) {
      for (size_t end = 0; end < 2; ++end) flush(connection, end);
    }
  }
  // Every connection breaks, at both ends.
  void reset() {
    for (const auto& connection : connections_) {
      for (size_t end = 0; end < 2; ++end) close(connection, end, "connection reset");
    }
  }

  void reset(size_t connection) {
    for (size_t end = 0; end < 2; ++end)
      close(connections_.at(connection), end, "connection reset");
  }
  // Connections that have both ends.
  [[nodiscard]] size_t open() const {
    return static_cast<size_t>(std::ranges::count_if(connections_, [](const Shared& connection) {
      return std::ranges::all_of(connection->ends, &End::handler);
    }));
  }

  Result<std::unique_ptr<platform::Listener>> listen(const Endpoint& local,
                                                     platform::Streams::FindPsk psk,
                                                     platform::Streams::Accept accept) {
    if (address_missing) return failure(local.text() + ": cannot assign requested address");
    listening_[local] = Listening{.psk = std::move(psk), .accept = std::move(accept)};
    return std::make_unique<ListenHandle>(*this, local);
  }
  bool address_missing = false;  // listen() fails

  std::unique_ptr<platform::Stream> connect(const IpAddress& local, const Endpoint& remote,
                                            platform::TlsPsk psk,
                                            platform::StreamHandler& handler) {
    ++attempts;
    auto connection = std::make_shared<Connection>();
    connections_.push_back(connection);
    connection->psk = std::move(psk);
    connection->ends[0] = {.address = {.address = local, .port = 40000},
                           .handler = &handler,
                           .identity = connection->psk.identity};
    connection->ends[1].address = remote;
    after(delay, [this, connection] { arrive(connection); });
    return std::make_unique<Handle>(*this, connection, 0);
  }

 private:
  struct End {
    Endpoint address;
    platform::StreamHandler* handler = nullptr;
    std::string identity = {};  // of the key, by this end's name for it
    std::deque<Bytes> held = {};
    FrameReader reader = {};
  };
  struct Connection {
    platform::TlsPsk psk;
    bool open = false;
    std::array<End, 2> ends;
  };
  using Shared = std::shared_ptr<Connection>;
  struct Listening {
    platform::Streams::FindPsk psk;
    platform::Streams::Accept accept;
  };

  class Handle final : public platform::Stream {
   public:
    Handle(Wire& wire, Shared connection, size_t end)
        : wire_(wire), connection_(std::move(connection)), end_(end) {}
    ~Handle() override { wire_.let_go(connection_, end_); }
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;
    void send(Bytes bytes) override { wire_.send(connection_, end_, std::move(bytes)); }
    [[nodiscard]] size_t unsent() const override {
      size_t size = 0;
      for (const Bytes& each : connection_->ends[end_].held) size += each.size();
      return size;
    }
    [[nodiscard]] Endpoint remote() const override { return connection_->ends[1 - end_].address; }
    [[nodiscard]] std::string psk_identity() const override {
      return connection_->open ? connection_->ends[end_].identity : "";
    }

   private:
    Wire& wire_;
    Shared connection_;
    size_t end_;
  };
  class ListenHandle final : public platform::Listener {
   public:
    ListenHandle(Wire& wire, const Endpoint& local) : wire_(wire), local_(local) {}
    ~ListenHandle() override { wire_.listening_.erase(local_); }
    ListenHandle(const ListenHandle&) = delete;
    ListenHandle& operator=(const ListenHandle&) = delete;

   private:
    Wire& wire_;
    Endpoint local_;
  };

  void after(Duration span, platform::Callback callback) {
    scheduler_.at(clock_.now() + span, std::move(callback));
  }

  void arrive(const Shared& connection) {
    const auto at = listening_.find(connection->ends[1].address);
    if (cut) return close(connection, 0, "connect: timed out");
    if (at == listening_.end()) return close(connection, 0, "connect: connection refused");
    const auto psk = at->second.psk(connection->psk.identity);
    const bool proven = psk && !psk->key.empty() && psk->key == connection->psk.key;
    if (psk) connection->ends[1].identity = psk->identity;
    connection->ends[1].handler = at->second.accept(std::make_unique<Handle>(*this, connection, 1));
    if (connection->ends[1].handler == nullptr) {
      return close(connection, 0, "connect: refused by the peer");
    }
    if (!proven) {
      for (size_t end = 0; end < 2; ++end) close(connection, end, "the keys differ");
      return;
    }
    connection->open = true;
    for (size_t end = 0; end < 2; ++end) {
      after({}, [connection, end] {
        if (connection->ends[end].handler != nullptr) connection->ends[end].handler->on_open();
      });
    }
  }

  void send(const Shared& connection, size_t end, Bytes bytes) {
    End& from = connection->ends[end];
    if (from.handler == nullptr) return;
    const IpAddress& to = connection->ends[1 - end].address.address;
    if (older.contains(from.address.address) || older.contains(to)) {
      bytes = segw::older::through_schema_1(bytes);
    }
    from.reader.add(bytes);
    while (auto frame = from.reader.next()) {
      frames.push_back(Seen{.from = from.address.address, .frame = std::move(*frame)});
    }
    from.held.push_back(std::move(bytes));
    const bool is_stuck = stuck && connections_.at(*stuck) == connection;
    if (!cut && !is_stuck && !stalled.contains(from.address.address)) flush(connection, end);
  }

  void flush(const Shared& connection, size_t end) {
    std::deque<Bytes> leaving;
    leaving.swap(connection->ends[end].held);
    for (Bytes& bytes : leaving) {
      after(delay, [this, connection, end, all = std::move(bytes)] {
        const size_t step = piece == 0 ? std::max<size_t>(all.size(), 1) : piece;
        for (size_t at = 0; at < all.size(); at += step) {
          platform::StreamHandler* to = connection->ends[1 - end].handler;
          if (to == nullptr) return;
          to->on_bytes(ByteView(all).subspan(at, std::min(step, all.size() - at)));
        }
      });
    }
  }

  void close(const Shared& connection, size_t end, const std::string& why) {
    after({}, [connection, end, why] {
      platform::StreamHandler* handler = std::exchange(connection->ends[end].handler, nullptr);
      if (handler != nullptr) handler->on_closed(why);
    });
  }

  // The handle was destroyed: no callback any more, and the other end hears of it.
  void let_go(const Shared& connection, size_t end) {
    if (std::exchange(connection->ends[end].handler, nullptr) == nullptr) return;
    after(delay, [this, connection, end] { close(connection, 1 - end, "closed by the peer"); });
  }

  platform::testing::FakeScheduler& scheduler_;
  platform::testing::FakeClock& clock_;
  std::map<Endpoint, Listening> listening_;
  std::vector<Shared> connections_;
};

struct World {
  platform::testing::FakeClock clock;
  platform::testing::FakeScheduler scheduler{clock};
  Wire wire{scheduler, clock};
  void run(Duration span) { scheduler.run_for(span); }
};

// One chassis with one tunnel group. What happens to it is told in `events`, in order.
class Node final : platform::Streams, GroupHost {
 public:
  Node(World& world, Settings of) : settings(std::move(of)), world_(world) {}
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  void boot() {
    crash_process();
    port_ = make_port(platform_);
    GroupHost& host = *this;
    sync_ = make_group_sync(platform_, TunnelGroupId{group}, host);
    for (const Settings& each : all_settings()) {
      links_.push_back(make_peer_link(platform_, *port_, each));
      sync_->attach(*links_.back(), PeerIndex{static_cast<uint8_t>(links_.size() - 1)}, group_name);
    }
    for (const auto& link : links_) link->start();
  }
  // The process ends; with it the streams and what was held.
  void crash() {
    crash_process();
    group_state = {};
  }
  PeerLink& link(size_t peer = 0) { return *links_.at(peer); }
  GroupSync& sync() { return *sync_; }
  [[nodiscard]] SyncState sync_state(size_t peer = 0) const {
    return sync_->sync_state(index(peer));
  }
  [[nodiscard]] uint64_t peer_unusable() const { return sync_->peer_unusable(index(0)); }
  [[nodiscard]] const ConfigComparison& config_of_peer() const { return sync_->config(index(0)); }
  [[nodiscard]] bool journal_flushed(size_t peer = 0) const {
    return sync_->journal_flushed(index(peer));
  }
  void send_handover(const Handover& message, size_t peer = 0) {
    sync_->send_handover(index(peer), message);
  }
  // Over all links.
  [[nodiscard]] uint64_t count(std::string_view counter) const {
    uint64_t sum = 0;
    for (const auto& link : links_) sum += link->counters().get(counter);
    return sum;
  }
  [[nodiscard]] std::vector<std::string> told() { return std::exchange(events, {}); }
  [[nodiscard]] bool logged(std::string_view name) const {
    return std::ranges::any_of(fake_.log.events,
                               [&](const auto& event) { return event.first == name; });
  }

  // The only peer of most tests is in the in-sync set.
  [[nodiscard]] bool is_member() const { return members.contains(index(0)); }
  void set_member(bool member) {
    if (member) {
      members.insert(index(0));
    } else {
      members.erase(index(0));
    }
  }

  // As the engine does it: the state first, then its record.
  void set(const Record& record) {
    EXPECT_EQ(apply(group_state, record), "");
    gone.note(record);
  }
  void commit(std::vector<Record> records, std::string what) {
    for (const Record& record : records) set(record);
    sync_->commit(std::move(records), [this, what = std::move(what)] { note("then " + what); });
  }

  uint16_t group = 1;
  GroupName group_name = kTag;
  Settings settings;           // for the next boot
  std::vector<Settings> more;  // of further peers
  GroupState group_state;
  Tombstones gone;              // what clients deleted here
  std::vector<Offer> offers;    // that came
  std::set<PeerIndex> members;  // peers in the in-sync set
  bool admits = true;           // a peer that is in sync becomes a member
  bool expels = false;          // one that is not is none at once, inside the call
  std::set<Spi> unusable;       // CHILD SAs that cannot be used here
  std::vector<std::string> events;
  std::vector<esp::SaWindow> windows;  // all that came
  std::vector<Handover> handovers;
  SharedConfig config;  // before boot()
  int configs_compared = 0;

 private:
  void note(std::string text) { events.push_back(std::move(text)); }
  void crash_process() {
    sync_.reset();
    links_.clear();
    port_.reset();
  }
  [[nodiscard]] static PeerIndex index(size_t peer) {
    return PeerIndex{static_cast<uint8_t>(peer)};
  }
  [[nodiscard]] std::vector<Settings> all_settings() const {
    std::vector<Settings> all{settings};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  // platform::Streams
  Result<std::unique_ptr<platform::Listener>> listen(const Endpoint& local, FindPsk psk,
                                                     Accept accept) override {
    return world_.wire.listen(local, std::move(psk), std::move(accept));
  }
  std::unique_ptr<platform::Stream> connect(const IpAddress& local, const Endpoint& remote,
                                            platform::TlsPsk psk,
                                            platform::StreamHandler& handler) override {
    return world_.wire.connect(local, remote, std::move(psk), handler);
  }

  // GroupHost
  std::string apply_record(const Record& record, Origin origin) override {
    if (const auto* child = std::get_if<esp::ChildSa>(&record)) {
      if (unusable.contains(child->inbound_spi)) return "not-liked";
    }
    note((origin == Origin::Copy ? "copy " : "") + name_of(record));
    return apply(group_state, record);
  }
  void on_full_copy(const std::set<IkeSpi>& ike_sas, const std::set<Spi>& child_sas) override {
    note("copied");
    std::erase_if(group_state.ike_sas, [&](const auto& e) { return !ike_sas.contains(e.first); });
    std::erase_if(group_state.child_sas,
                  [&](const auto& e) { return !child_sas.contains(e.first); });
  }
  void on_windows(const std::vector<esp::SaWindow>& came) override {
    windows.insert(windows.end(), came.begin(), came.end());
  }
  void on_handover(PeerIndex /*from*/, const Handover& message) override {
    note("handover " + std::to_string(message.index()));
    handovers.push_back(message);
  }
  void on_peer_synced(PeerIndex peer, bool synced) override {
    const std::string who = peer.value == 0 ? "" : std::to_string(peer.value) + " ";
    note(who + (synced ? "in sync" : "not in sync"));
    if (synced && admits) members.insert(peer);
    if (synced || !expels) return;
    members.erase(peer);
    sync_->members_changed();
  }
  void on_offer(PeerIndex /*from*/, Offer offer) override {
    note("offer");
    const Merged merged = merge(group_state, gone, offer, settings.slot);
    offers.push_back(std::move(offer));
    std::vector<Record> records;
    records.reserve(merged.ike_sas.size() + merged.child_sas.size());
    for (const IkeSpi spi : merged.ike_sas) records.emplace_back(group_state.ike_sas.at(spi));
    for (const Spi spi : merged.child_sas) records.emplace_back(group_state.child_sas.at(spi));
    for (const auto& each : merged.gone_ike_sas) records.emplace_back(each);
    for (const auto& each : merged.gone_child_sas) records.emplace_back(each);
    sync_->commit(std::move(records), [this] { note("then merged"); });
  }
  [[nodiscard]] std::vector<Record> tombstones() const override { return gone.all(); }
  [[nodiscard]] const SharedConfig& shared_config() const override { return config; }
  void on_config_compared(PeerIndex /*peer*/) override { ++configs_compared; }
  [[nodiscard]] bool in_sync_set(PeerIndex peer) const override { return members.contains(peer); }
  [[nodiscard]] const GroupState& state() const override { return group_state; }

  World& world_;
  platform::testing::FakePlatform fake_;
  platform::Platform platform_{.clock = world_.clock,
                               .scheduler = world_.scheduler,
                               .rng = fake_.rng,
                               .datagrams = fake_.datagrams,
                               .streams = *this,
                               .services = fake_.services,
                               .isas = fake_.isas,
                               .steering = fake_.steering,
                               .workers = fake_.workers,
                               .store = fake_.store,
                               .log = fake_.log,
                               .supervisor = fake_.supervisor};
  std::unique_ptr<Port> port_;
  std::vector<std::unique_ptr<PeerLink>> links_;
  std::unique_ptr<GroupSync> sync_;
};

inline Settings settings_of(const IpAddress& local, const IpAddress& peer) {
  Settings settings{.local = local, .peer = peer, .keys = {key_of(7)}};
  settings.slot = Slot{static_cast<uint8_t>(local < peer ? 0 : 1)};
  settings.incarnation.fill(local < peer ? 0xA0 : 0xB0);
  return settings;
}

// `a` connects, `b` listens. In most tests `a` writes and `b` reads.
struct Pair : World {
  Node a{*this, settings_of(low(), high())};
  Node b{*this, settings_of(high(), low())};

  void boot() {
    b.boot();
    a.boot();
  }
  // Connected; `a` writes under activation 1, and `b` holds what it has and is a member.
  void settle() {
    boot();
    a.sync().become_writer(Activation{1});
    run(1s);
    ASSERT_TRUE(a.is_member()) << a.link().down_reason();
    forget();
  }
  // Everything told and seen until now.
  void forget() {
    a.events.clear();
    b.events.clear();
    wire.frames.clear();
  }
  // How many messages of this kind left one of the two.
  [[nodiscard]] size_t sent(const IpAddress& from, pb::Group::BodyCase kind) const {
    return static_cast<size_t>(std::ranges::count_if(wire.frames, [&](const Seen& seen) {
      return seen.from == from && seen.frame.has_group() && seen.frame.group().body_case() == kind;
    }));
  }
  [[nodiscard]] static std::vector<Bytes> contents(const GroupState& state) {
    std::vector<Bytes> all;
    all.reserve(state.ike_sas.size() + state.child_sas.size());
    for (const auto& [spi, sa] : state.ike_sas) all.push_back(wire_form(sa));
    for (const auto& [spi, sa] : state.child_sas) all.push_back(wire_form(sa));
    return all;
  }
  [[nodiscard]] bool replicas_equal() const {
    return contents(a.group_state) == contents(b.group_state);
  }
};

// Up to four chassis, each linked to every other; in a node's list the others are in order.
struct Cluster : World {
  explicit Cluster(uint8_t size) {
    for (uint8_t i = 0; i < size; ++i) {
      std::vector<Settings> links;
      for (uint8_t j = 0; j < size; ++j) {
        if (i != j) links.push_back(settings_between(i, j));
      }
      Node& node = nodes.emplace_back(*this, links.front());
      node.more.assign(links.begin() + 1, links.end());
      node.group_name = DomainId{7};
    }
  }
  static IpAddress address_of(size_t node) {
    return address(("192.0.2." + std::to_string(node + 1)).c_str());
  }
  static Settings settings_between(uint8_t node, uint8_t peer) {
    Settings settings{.local = address_of(node), .peer = address_of(peer), .keys = {key_of(7)}};
    settings.slot = Slot{node};
    settings.incarnation.fill(static_cast<uint8_t>(0xA0 + node));
    return settings;
  }
  // All are up; the first writes under activation 1, and the others hold what it has.
  void settle() {
    for (Node& node : nodes) node.boot();
    nodes[0].sync().become_writer(Activation{1});
    run(1s);
    ASSERT_EQ(nodes[0].members.size(), nodes.size() - 1);
    forget();
  }
  void forget() {
    for (Node& node : nodes) node.events.clear();
    wire.frames.clear();
  }
  [[nodiscard]] bool replicas_equal() const {
    return std::ranges::all_of(nodes, [&](const Node& node) {
      return Pair::contents(node.group_state) == Pair::contents(nodes.front().group_state);
    });
  }

  std::deque<Node> nodes;
};

// A peer of a test's own making, with the pair's key unless told otherwise.
class RawPeer final : public platform::StreamHandler {
 public:
  explicit RawPeer(World& world) : world_(world) {}
  ~RawPeer() override = default;
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;

  void connect() {
    stream_ = world_.wire.connect(local, {.address = high(), .port = kPort},
                                  {.identity = identity, .key = key}, *this);
  }
  void hang_up() { stream_.reset(); }
  void reconnect() {
    reader_ = {};
    closed.reset();
    connect();
  }
  void send(const pb::Frame& frame) { stream_->send(encode_frame(frame)); }
  void send_bytes(Bytes bytes) { stream_->send(std::move(bytes)); }
  void send(const pb::Group& message) {
    pb::Frame frame;
    *frame.mutable_group() = message;
    frame.mutable_group()->set_sync_tag(kTag);
    send(frame);
  }
  [[nodiscard]] static pb::Frame hello() {
    pb::Frame frame;
    frame.mutable_hello()->set_version_min(1);
    frame.mutable_hello()->set_version_max(kVersion);
    frame.mutable_hello()->set_slot(0);
    frame.mutable_hello()->set_incarnation(std::string(16, 'R'));
    return frame;
  }
  // The last message of this kind that came.
  [[nodiscard]] std::optional<pb::Group> last(pb::Group::BodyCase kind) const {
    std::optional<pb::Group> found;
    for (const pb::Frame& frame : frames) {
      if (frame.has_group() && frame.group().body_case() == kind) found = frame.group();
    }
    return found;
  }

  IpAddress local = low();
  std::string identity = kIdentity;
  SecretBytes key = key_of(7).secret;
  bool opened = false;
  std::optional<std::string> closed;
  std::vector<pb::Frame> frames;  // that came

 private:
  void on_open() override { opened = true; }
  void on_bytes(ByteView bytes) override {
    reader_.add(bytes);
    while (auto frame = reader_.next()) frames.push_back(std::move(*frame));
    ASSERT_FALSE(reader_.broken());
  }
  void on_closed(std::string_view why) override { closed = std::string(why); }

  World& world_;
  FrameReader reader_;
  std::unique_ptr<platform::Stream> stream_;
};

// `node` listens, and `raw` is its peer, in session.
struct RawPair : World {
  Node node{*this, settings_of(high(), low())};
  RawPeer raw{*this};

  void settle() {
    node.boot();
    raw.connect();
    run(10ms);
    raw.send(RawPeer::hello());
    run(10ms);
    ASSERT_TRUE(node.link().connected());
  }
  void say(const pb::Group& message) {
    raw.send(message);
    run(10ms);
  }
  // The node reads, what `raw` writes under `activation`, from an empty copy on.
  void begin_writing(uint64_t activation) {
    pb::Group base;
    base.mutable_base()->set_activation(activation);
    say(base);
    say_need_digests();
    pb::Group end;
    end.mutable_copy_end()->set_activation(activation);
    say(end);
    node.events.clear();
  }
  void say_need_digests() {
    pb::Group need;
    need.mutable_need_digests();
    say(need);
  }
};

}  // namespace segw::mcs::testing
