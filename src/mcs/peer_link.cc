// The link to one peer: who connects, who they are, whether they still are there.
//
// A session moves to another connection when its key is no longer the first (rule 25). Each says in
// its Hello on the new connection that it would; each that has both Hellos ends the old connection
// with Moved, and sends on the new one from then on. What comes on the new one waits until the
// other's Moved has come on the old one, so the order of messages is kept.
#include <fmt/format.h>
#include <google/protobuf/stubs/logging.h>

#include <algorithm>
#include <chrono>
#include <list>
#include <utility>

#include "mcs/frame.h"
#include "mcs/group_link.h"
#include "mcs/link_keys.h"
#include "mcs/version.h"

namespace segw::mcs {
namespace {

constexpr Duration kPingInterval = std::chrono::seconds(1);
constexpr Duration kSilenceMax = std::chrono::seconds(5);
constexpr Duration kRetryMin = std::chrono::milliseconds(100);
constexpr Duration kRetryMax = std::chrono::seconds(2);
constexpr Duration kMoveAgain = std::chrono::seconds(10);  // to a key that the peer did not know
constexpr uint32_t kMovesSince = 2;                        // version
constexpr size_t kConnectionsMax = 4;
constexpr size_t kHeldBytesMax = size_t{16} << 20;  // that came before the older connection's end
constexpr int64_t kSkewMaxMs = 60'000;

GroupName name_of(const pb::Group& group) {
  if (group.domain() == 0) return group.sync_tag();
  return DomainId{static_cast<uint16_t>(std::min<uint32_t>(group.domain(), UINT16_MAX))};
}

class Link;

// One stream. It counts for the link once the peer's Hello was accepted on it.
class Connection final : public platform::StreamHandler {
 public:
  explicit Connection(Link& link) : link_(link) {}
  void on_open() override;
  void on_bytes(ByteView bytes) override;
  void on_closed(std::string_view why) override;

  std::unique_ptr<platform::Stream> stream;
  FrameReader reader;
  bool closed = false;
  std::optional<uint16_t> key;      // id of the one that is proven
  Connection* continues = nullptr;  // the session's connection, when our Hello left on this one
  bool peer_moved = false;          // the other end sends no more here
  bool left = false;                // nor do we: it ends as soon as everything has left

 private:
  Link& link_;
};

class Link final : public PeerLink, public GroupLink {
 public:
  Link(platform::Platform& platform, Port& port, Settings settings)
      : platform_(platform),
        port_(port),
        settings_(std::move(settings)),
        keys_(settings_.local, settings_.peer, std::move(settings_.keys)),
        retry_timer_(platform, [this] { connect(); }),
        ping_timer_(platform, [this] { ping(); }),
        post_(platform) {}
  ~Link() override {
    if (listening_) port_.dismiss(settings_.local, settings_.peer);
  }
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  // PeerLink
  void start() override;
  void renew_keys(SharedKeys keys) override;
  [[nodiscard]] std::optional<uint16_t> session_key() const override {
    return current_ != nullptr ? current_->key : std::nullopt;
  }
  [[nodiscard]] GroupLink& groups() override { return *this; }
  [[nodiscard]] bool connected() const override { return current_ != nullptr; }
  [[nodiscard]] std::string down_reason() const override {
    return connected() ? std::string() : down_reason_;
  }
  [[nodiscard]] const Counters& counters() const override { return counters_; }
  [[nodiscard]] const History& history() const override { return history_; }
  [[nodiscard]] std::optional<esp::Holder> peer_identity() const override { return identity_; }

  // GroupLink
  void join(LinkUser& user) override { users_.push_back(&user); }
  void leave(LinkUser& user) override { std::erase(users_, &user); }
  void send(const pb::Frame& frame) override;
  [[nodiscard]] uint32_t version() const override { return version_; }
  [[nodiscard]] bool up() const override { return current_ != nullptr; }
  [[nodiscard]] size_t unsent() const override {
    return current_ != nullptr ? current_->stream->unsent() : 0;
  }
  [[nodiscard]] Counters& counters_of_link() override { return counters_; }
  void note(std::string text) override { history_.add(platform_.clock.now(), std::move(text)); }

  // Connection
  void on_open(Connection& connection);
  void on_frame(Connection& connection, const pb::Frame& frame);
  void on_closed(Connection& connection, std::string_view why);
  void close(Connection& connection, const std::string& why);

 private:
  void report_skew(bool skewed);
  [[nodiscard]] bool we_connect() const { return settings_.local < settings_.peer; }
  // The session is by a key that is not the first.
  [[nodiscard]] bool shall_move() const;
  [[nodiscard]] bool attempt_under_way() const;
  void move_to(Connection& next);
  void hold(const pb::Frame& frame);
  void end_older();
  void close_left();
  Connection& add_connection() { return connections_.emplace_back(*this); }
  void listen();
  void connect();
  void ping();
  void on_hello(Connection& connection, const pb::Hello& hello);
  void on_group(const Connection& connection, const pb::Group& group);
  void on_moved(Connection& connection);
  void sweep();

  platform::Platform& platform_;
  Port& port_;
  Settings settings_;
  LinkKeys keys_;
  std::vector<LinkUser*> users_;
  std::list<Connection> connections_;
  Connection* current_ = nullptr;  // where we send
  Connection* older_ = nullptr;    // what the peer sent before it moved still comes here
  std::vector<pb::Frame> held_;    // … and these came on `current_` meanwhile
  size_t held_bytes_ = 0;
  bool listening_ = false;
  bool skewed_ = false;  // the peer's clock, as last told
  std::optional<esp::Holder> identity_;
  uint32_t version_ = 0;
  std::string down_reason_ = "not connected yet";
  Duration retry_ = kRetryMin;
  Instant last_heard_{};
  Counters counters_;
  History history_;
  platform::Timer retry_timer_;
  platform::Timer ping_timer_;
  platform::Post post_;
};

void Connection::on_open() { link_.on_open(*this); }

void Connection::on_bytes(ByteView bytes) {
  reader.add(bytes);
  while (!closed) {
    const auto frame = reader.next();
    if (!frame) break;
    link_.on_frame(*this, *frame);
  }
  if (reader.broken() && !closed) link_.close(*this, "malformed frame");
}

void Connection::on_closed(std::string_view why) { link_.on_closed(*this, why); }

void Link::start() {
  // Rule 25: MCS never runs in clear. Without a key there is no session.
  if (keys_.empty()) {
    down_reason_ = "no mcs.key";
    return;
  }
  ping_timer_.arm(kPingInterval);
  if (we_connect()) {
    connect();
  } else {
    listen();
  }
}

void Link::renew_keys(SharedKeys keys) {
  keys_.renew(std::move(keys));
  if (we_connect()) {
    if (shall_move()) connect();
    return;
  }
  // Who connects has moved it, unless it did not hear of the change.
  if (current_ != nullptr && current_->key && !keys_.has(*current_->key)) {
    close(*current_, "its key is no longer valid");
  }
}

bool Link::shall_move() const {
  return current_ != nullptr && older_ == nullptr && current_->key &&
         !keys_.is_first(*current_->key);
}

bool Link::attempt_under_way() const {
  return std::ranges::any_of(connections_, [&](const Connection& connection) {
    return !connection.closed && !connection.left && &connection != current_ &&
           &connection != older_;
  });
}

void Link::listen() {
  auto admitted = port_.admit(
      settings_.local,
      {.peer = settings_.peer,
       .psk = [this](std::string_view identity) { return keys_.find(identity); },
       .accept = [this](std::unique_ptr<platform::Stream> stream) -> platform::StreamHandler* {
         if (stream->remote().address != settings_.peer || connections_.size() >= kConnectionsMax) {
           counters_.add("connections-refused");
           return nullptr;
         }
         Connection& connection = add_connection();
         connection.stream = std::move(stream);
         return &connection;
       }});
  listening_ = admitted.has_value();
  if (listening_) return;
  down_reason_ = admitted.error().text;
  counters_.add("listen-failed");
}

void Link::connect() {
  sweep();
  if (attempt_under_way() || (current_ != nullptr && !shall_move())) return;
  LinkKeys::Attempt attempt = current_ != nullptr ? keys_.first() : keys_.next_attempt();
  Connection& connection = add_connection();
  connection.key = attempt.key;
  connection.stream =
      platform_.streams.connect(settings_.local, Endpoint{.address = settings_.peer, .port = kPort},
                                std::move(attempt.psk), connection);
}

void Link::on_open(Connection& connection) {
  if (!connection.key) connection.key = keys_.key_of(connection.stream->psk_identity());
  if (!connection.key) return close(connection, "its key is no longer valid");
  // One move at a time.
  connection.continues = older_ == nullptr ? current_ : nullptr;
  pb::Frame frame;
  pb::Hello& hello = *frame.mutable_hello();
  hello.set_version_min(kVersionMin);
  hello.set_version_max(kVersion);
  hello.set_slot(settings_.slot.value);
  hello.set_incarnation(std::string(settings_.incarnation.begin(), settings_.incarnation.end()));
  hello.set_continues(connection.continues != nullptr);
  const auto wall = platform_.clock.wall().time_since_epoch();
  hello.set_wall_ms(std::chrono::duration_cast<std::chrono::milliseconds>(wall).count());
  connection.stream->send(encode_frame(frame));
}

void Link::on_hello(Connection& connection, const pb::Hello& hello) {
  if (hello.version_min() > kVersion || hello.version_max() < kVersionMin) {
    return close(connection, "peer speaks no version of ours");
  }
  // Rule 13: "MCS refuses, before any key is sent, a slot bound to another chassis".
  if (hello.slot() >= esp::kSlotsMax || hello.slot() == settings_.slot.value) {
    return close(connection, fmt::format("peer slot {} is taken", hello.slot()));
  }
  esp::Holder identity{.slot = Slot{static_cast<uint8_t>(hello.slot())}};
  if (hello.incarnation().size() != identity.incarnation.size()) {
    return close(connection, "peer incarnation is malformed");
  }
  std::copy_n(hello.incarnation().begin(), identity.incarnation.size(),
              identity.incarnation.begin());
  if (identity.incarnation == settings_.incarnation) {
    return close(connection, "peer has our incarnation: a copied state folder");
  }
  const auto wall = platform_.clock.wall().time_since_epoch();
  const int64_t wall_ms = std::chrono::duration_cast<std::chrono::milliseconds>(wall).count();
  report_skew(hello.wall_ms() < wall_ms - kSkewMaxMs || hello.wall_ms() > wall_ms + kSkewMaxMs);
  keys_.start_over();
  retry_ = kRetryMin;
  Connection* before = current_;
  const uint32_t version = std::min(kVersion, hello.version_max());
  // Another release of the peer begins anew; one that has no Moved does as well.
  const bool goes_on = before != nullptr && before == connection.continues && older_ == nullptr &&
                       version == version_ && version >= kMovesSince;
  if (goes_on && hello.continues() && identity == identity_) return move_to(connection);
  if (before != nullptr && before != &connection) close(*before, "replaced by a new session");
  identity_ = identity;
  version_ = version;
  current_ = &connection;
  last_heard_ = platform_.clock.now();
  note("session with " + settings_.peer.text() +
       (version_ < kVersion ? fmt::format(", version {}", version_) : ""));
  platform_.log.event(platform::Severity::Info, "MCS_PEER_UP",
                      "MCS session with peer " + settings_.peer.text());
  for (LinkUser* user : users_) user->on_link(true);
  if (we_connect() && shall_move() && !retry_timer_.armed()) retry_timer_.arm(kMoveAgain);
}

void Link::move_to(Connection& next) {
  pb::Frame last;
  last.set_moved(true);
  send(last);
  older_ = current_;
  older_->left = true;
  current_ = &next;
  counters_.add("sessions-moved");
  note(fmt::format("session goes on with key {:04x}", next.key.value_or(0)));
  if (older_->peer_moved) end_older();
}

void Link::on_moved(Connection& connection) {
  connection.peer_moved = true;
  if (&connection == older_) end_older();
}

// Everything that the peer sent there has come.
void Link::end_older() {
  older_ = nullptr;
  held_bytes_ = 0;
  const std::vector<pb::Frame> held = std::exchange(held_, {});
  Connection* const on = current_;
  for (const pb::Frame& frame : held) {
    if (current_ != on) return;  // what was before it has ended the session
    on_frame(*on, frame);
  }
  close_left();
  if (we_connect() && shall_move()) connect();
}

// The peer has nothing more to say there, and has been sent everything: closing loses nothing.
void Link::close_left() {
  for (Connection& connection : connections_) {
    if (connection.closed || !connection.left || !connection.peer_moved) continue;
    if (connection.stream->unsent() > 0) continue;
    connection.closed = true;
    post_([this] { sweep(); });
  }
}

void Link::hold(const pb::Frame& frame) {
  held_bytes_ += frame.ByteSizeLong();
  held_.push_back(frame);
  if (held_bytes_ > kHeldBytesMax) close(*current_, "the older connection does not end");
}

// A group is named, and something is said of it.
bool says_something(const pb::Frame& frame) {
  if (!frame.has_group()) return frame.body_case() != pb::Frame::BODY_NOT_SET;
  const pb::Group& group = frame.group();
  const bool named = group.domain() != 0 || !group.sync_tag().empty();
  return named && group.body_case() != pb::Group::BODY_NOT_SET;
}

void Link::send(const pb::Frame& frame) {
  if (current_ == nullptr) return;
  if (version_ == kVersion) return current_->stream->send(encode_frame(frame));
  pb::Frame older = frame;
  clear_newer(older, version_);
  if (says_something(older)) current_->stream->send(encode_frame(older));
}

void Link::report_skew(bool skewed) {
  if (skewed == skewed_) return;
  skewed_ = skewed;
  platform_.log.event(platform::Severity::Warning,
                      skewed ? "tmnxMcSyncClockSkewRaised" : "tmnxMcSyncClockSkewCleared",
                      fmt::format("the clock of peer {} differs by {} than 60 s",
                                  settings_.peer.text(), skewed ? "more" : "less"));
}

void Link::on_frame(Connection& connection, const pb::Frame& frame) {
  last_heard_ = platform_.clock.now();
  if (older_ != nullptr && &connection == current_) return hold(frame);
  switch (frame.body_case()) {
    case pb::Frame::kHello:
      return on_hello(connection, frame.hello());
    case pb::Frame::kPing:
      return;
    case pb::Frame::kGroup: {
      if (version_ == kVersion) return on_group(connection, frame.group());
      pb::Group older = frame.group();
      clear_newer(older, version_);
      return on_group(connection, older);
    }
    case pb::Frame::kMoved:
      return on_moved(connection);
    case pb::Frame::BODY_NOT_SET:
      return counters_.add("frame-unknown");
  }
}

void Link::on_group(const Connection& connection, const pb::Group& group) {
  if (&connection != current_ && &connection != older_) {
    return counters_.add("message-before-hello");
  }
  const GroupName name = name_of(group);
  for (LinkUser* user : users_) {
    if (user->name() == name) return user->on_message(group);
  }
  counters_.add("group-unknown");
}

void Link::close(Connection& connection, const std::string& why) {
  if (connection.closed) return;
  on_closed(connection, why);
}

void Link::on_closed(Connection& connection, std::string_view why) {
  if (connection.closed) return;
  connection.closed = true;
  for (Connection& other : connections_) {
    if (other.continues == &connection) other.continues = nullptr;
  }
  post_([this] { sweep(); });  // a stream is not destroyed within its own callback
  if (&connection == older_) {
    // What was still under way there is lost, so the session is.
    older_ = nullptr;
    held_.clear();
    held_bytes_ = 0;
    return close(*current_, std::string(why));
  }
  if (connection.left) return;  // its session went on elsewhere
  down_reason_ = why;
  counters_.add("sessions-closed");
  const bool was_current = current_ == &connection;
  if (was_current) {
    if (older_ != nullptr) older_->closed = true;
    older_ = nullptr;
    held_.clear();
    held_bytes_ = 0;
    current_ = nullptr;
    note(fmt::format("session ended: {}", why));
    platform_.log.event(
        platform::Severity::Warning, "MCS_PEER_DOWN",
        fmt::format("MCS session with peer {} ended: {}", settings_.peer.text(), why));
    for (LinkUser* user : users_) user->on_link(false);
  }
  if (!we_connect()) return;
  if (current_ != nullptr) {
    // To another key it could not move. Not to stay with one that must not be used any more.
    if (current_->key && !keys_.has(*current_->key)) {
      return close(*current_, "its key is no longer valid");
    }
    return retry_timer_.arm(kMoveAgain);
  }
  const auto jitter = Duration(
      static_cast<int64_t>(platform_.rng.below(static_cast<uint64_t>(retry_.count() / 4 + 1))));
  retry_timer_.arm(retry_ + jitter);
  retry_ = std::min(retry_ * 2, kRetryMax);
}

void Link::sweep() {
  connections_.remove_if([](const Connection& connection) { return connection.closed; });
}

void Link::ping() {
  ping_timer_.arm(kPingInterval);
  close_left();
  if (!we_connect() && !listening_) listen();  // the address may not have been there
  if (current_ == nullptr) return;
  if (platform_.clock.now() - last_heard_ > kSilenceMax) return close(*current_, "peer is silent");
  pb::Frame frame;
  frame.set_ping(true);
  send(frame);
}

}  // namespace

std::unique_ptr<PeerLink> make_peer_link(platform::Platform& platform, Port& port,
                                         Settings settings) {
  // The library would write a line for each bad frame, to standard error, without a limit.
  google::protobuf::SetLogHandler(nullptr);
  return std::make_unique<Link>(platform, port, std::move(settings));
}

}  // namespace segw::mcs
