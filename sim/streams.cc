#include "sim/streams.h"

#include "tests/older/older_schema.h"

namespace segw::sim {
namespace {

constexpr Duration kKnockAgain = std::chrono::seconds(1);
constexpr Duration kStalledPoll = std::chrono::milliseconds(200);
constexpr Duration kWatch = std::chrono::milliseconds(500);
constexpr uint16_t kEphemeralPort = 40000;

}  // namespace

class StreamNet::Handle final : public platform::Stream {
 public:
  Handle(StreamNet& net, uint64_t id, int end, Endpoint remote)
      : net_(net), id_(id), end_(end), remote_(remote) {}
  ~Handle() override { net_.let_go(id_, end_); }
  void send(Bytes bytes) override { net_.send(id_, end_, std::move(bytes), false); }
  [[nodiscard]] size_t unsent() const override {
    const Connection* connection = net_.find(id_);
    return connection == nullptr ? 0 : connection->ends[end_].unsent;
  }
  [[nodiscard]] Endpoint remote() const override { return remote_; }
  [[nodiscard]] std::string psk_identity() const override {
    const Connection* connection = net_.find(id_);
    return connection != nullptr && connection->open ? connection->identities[end_] : "";
  }

 private:
  StreamNet& net_;
  uint64_t id_;
  int end_;
  Endpoint remote_;
};

class StreamNet::ListenHandle final : public platform::Listener {
 public:
  ListenHandle(StreamNet& net, StreamOwner owner, const Endpoint& local)
      : net_(net), owner_(owner), local_(local) {}
  ~ListenHandle() override {
    const auto at = net_.listening_.find(local_);
    // A successor of a dead process may listen there already.
    if (at != net_.listening_.end() && at->second.owner.process == owner_.process) {
      net_.listening_.erase(at);
    }
  }

 private:
  StreamNet& net_;
  StreamOwner owner_;
  Endpoint local_;
};

StreamNet::StreamNet(World& world, Network& network, std::function<bool(HostId)> host_up,
                     std::function<bool(HostId)> older, std::function<void(HostId)> on_send)
    : world_(world),
      network_(network),
      host_up_(std::move(host_up)),
      older_(std::move(older)),
      on_send_(std::move(on_send)) {}

StreamNet::~StreamNet() = default;

StreamNet::Connection* StreamNet::find(uint64_t id) {
  const auto at = connections_.find(id);
  return at == connections_.end() ? nullptr : &at->second;
}

Result<std::unique_ptr<platform::Listener>> StreamNet::listen(StreamOwner owner,
                                                              const Endpoint& local,
                                                              platform::Streams::FindPsk psk,
                                                              platform::Streams::Accept accept) {
  const auto at = listening_.find(local);
  if (at != listening_.end() && world_.alive(at->second.owner.process)) {
    return failure(local.text() + ": address already in use");
  }
  listening_[local] = Listening{.owner = owner, .psk = std::move(psk), .accept = std::move(accept)};
  return std::make_unique<ListenHandle>(*this, owner, local);
}

std::unique_ptr<platform::Stream> StreamNet::connect(StreamOwner owner, const IpAddress& local,
                                                     const Endpoint& remote, platform::TlsPsk psk,
                                                     platform::StreamHandler& handler) {
  const uint64_t id = next_id_++;
  Connection& connection = connections_[id];
  connection.id = id;
  connection.identities[0] = psk.identity;
  connection.psk = std::move(psk);
  connection.started = world_.now();
  End& client = connection.ends[0];
  client.owner = owner;
  client.address = Endpoint{.address = local, .port = kEphemeralPort};
  client.handler = &handler;
  client.gone = false;
  client.reachable_at = world_.now();
  connection.ends[1].address = remote;
  knock(id);
  return std::make_unique<Handle>(*this, id, 0, remote);
}

// The initiator's SYN, repeated until it gets through.
void StreamNet::knock(uint64_t id) {
  Connection* connection = find(id);
  if (connection == nullptr || !connection->ends[1].gone || connection->open) return;
  const End& client = connection->ends[0];
  if (gone(client)) {
    connections_.erase(id);
    return;
  }
  if (world_.now() - connection->started >= kTcpTimeout) {
    close_end(*connection, 0, "connect: timed out");
    return;
  }
  const auto to = network_.find(connection->ends[1].address.address);
  if (to && host_up_(*to) && network_.two_way(client.owner.host, *to)) {
    const Instant at = network_.stream_arrival(client.owner.host, *to);
    world_.at(kNature, at, [this, id] { arrive(id); });
    return;
  }
  world_.after(kNature, kKnockAgain, [this, id] { knock(id); });
}

void StreamNet::arrive(uint64_t id) {
  Connection* connection = find(id);
  if (connection == nullptr || gone(connection->ends[0])) return;
  const auto at = listening_.find(connection->ends[1].address);
  if (at == listening_.end() || !world_.alive(at->second.owner.process)) {
    close_end(*connection, 0, "connect: connection refused");
    return;
  }
  const StreamOwner owner = at->second.owner;
  world_.after(kNature, kHandshakeLimit, [this, id] { give_up(id); });
  world_.after(owner.process, Duration{0}, [this, id, owner] {
    Connection* found = find(id);
    const auto listener = listening_.find(found != nullptr ? found->ends[1].address : Endpoint{});
    if (found == nullptr || gone(found->ends[0]) || listener == listening_.end()) return;
    End& server = found->ends[1];
    server.owner = owner;
    server.gone = false;
    server.reachable_at = world_.now();
    const auto psk = listener->second.psk(found->psk.identity);
    const bool keys_match = psk && psk->key == found->psk.key && !psk->key.empty();
    if (psk) found->identities[1] = psk->identity;
    auto handle = std::make_unique<Handle>(*this, id, 1, found->ends[0].address);
    platform::StreamHandler* handler = listener->second.accept(std::move(handle));
    found = find(id);
    if (found == nullptr) return;
    found->ends[1].handler = handler;
    if (handler == nullptr || found->ends[1].gone) {
      found->ends[1].gone = true;
      close_end(*found, 0, "connect: refused by the peer");
      return;
    }
    const Instant done = network_.stream_arrival(owner.host, found->ends[0].owner.host);
    world_.at(kNature, done, [this, id, keys_match] { establish(id, keys_match); });
  });
}

void StreamNet::establish(uint64_t id, bool keys_match) {
  Connection* connection = find(id);
  if (connection == nullptr) return;
  if (!keys_match) {
    close_end(*connection, 0, "handshake: the keys differ");
    close_end(*connection, 1, "handshake: the keys differ");
    return;
  }
  connection->open = true;
  for (int end = 0; end < 2; ++end) {
    world_.after(connection->ends[end].owner.process, Duration{0}, [this, id, end] {
      Connection* found = find(id);
      if (found != nullptr && !found->ends[end].gone) found->ends[end].handler->on_open();
    });
  }
  watch(id);
}

// The listener may have died, or be stopped, in the middle of the handshake.
void StreamNet::give_up(uint64_t id) {
  Connection* connection = find(id);
  if (connection == nullptr || connection->open) return;
  close_end(*connection, 0, "handshake: timed out");
  if (connection->ends[1].handler != nullptr) close_end(*connection, 1, "handshake: timed out");
}

void StreamNet::send(uint64_t id, int end, Bytes bytes, bool last) {
  Connection* connection = find(id);
  if (connection == nullptr || gone(connection->ends[end])) return;
  End& from = connection->ends[end];
  const End& to = connection->ends[1 - end];
  if (gone(to) && !host_up_(to.owner.host)) return;
  if (!last) on_send_(from.owner.host);
  if (older_(from.owner.host) || older_(to.owner.host)) bytes = older::through_schema_1(bytes);
  // The observer may have crashed the sender: this chunk still left.
  from.last_arrival =
      std::max(from.last_arrival, network_.stream_arrival(from.owner.host, to.owner.host));
  from.unsent += bytes.size();
  from.outgoing.push_back(
      Chunk{.arrives = from.last_arrival, .bytes = std::move(bytes), .last = last});
  world_.at(kNature, from.last_arrival, [this, id, end] { deliver(id, end); });
}

void StreamNet::deliver(uint64_t id, int from) {
  Connection* connection = find(id);
  if (connection == nullptr) return;
  End& source = connection->ends[from];
  const End& sink = connection->ends[1 - from];
  while (!source.outgoing.empty() && source.outgoing.front().arrives <= world_.now()) {
    if (!network_.open(source.owner.host, sink.owner.host) || !host_up_(sink.owner.host)) {
      world_.after(kNature, kStalledPoll, [this, id, from] { deliver(id, from); });
      return;
    }
    Chunk chunk = std::move(source.outgoing.front());
    source.outgoing.pop_front();
    source.unsent -= chunk.bytes.size();
    if (gone(sink)) continue;
    if (chunk.last) {
      close_end(*connection, 1 - from, "closed by the peer");
      return;
    }
    world_.after(sink.owner.process, Duration{0}, [this, id, from, bytes = std::move(chunk.bytes)] {
      Connection* found = find(id);
      if (found == nullptr || found->ends[1 - from].gone) return;
      found->ends[1 - from].handler->on_bytes(bytes);
    });
  }
}

void StreamNet::close_end(Connection& connection, int end, std::string why) {
  if (gone(connection.ends[end])) return;
  const uint64_t id = connection.id;
  world_.after(connection.ends[end].owner.process, Duration{0},
               [this, id, end, told = std::move(why)] {
                 Connection* found = find(id);
                 if (found == nullptr || found->ends[end].gone) return;
                 found->ends[end].gone = true;
                 if (found->ends[end].handler != nullptr) {
                   found->ends[end].handler->on_closed(told);
                 }
               });
}

void StreamNet::let_go(uint64_t id, int end) {
  Connection* connection = find(id);
  if (connection == nullptr || connection->ends[end].gone) return;
  if (connection->open) {
    send(id, end, {}, true);
  } else if (end == 1 && connection->ends[1].handler != nullptr) {
    close_end(*connection, 0, "handshake: closed by the peer");
  }
  connection->ends[end].gone = true;
}

// Keep-alive and retransmission time-outs, and resets by a host that has no such connection.
void StreamNet::watch(uint64_t id) {
  Connection* connection = find(id);
  if (connection == nullptr) return;
  if (gone(connection->ends[0]) && gone(connection->ends[1])) {
    connections_.erase(id);
    return;
  }
  for (int end = 0; end < 2; ++end) {
    End& here = connection->ends[end];
    const End& there = connection->ends[1 - end];
    if (gone(here)) continue;
    if (network_.two_way(here.owner.host, there.owner.host) && host_up_(there.owner.host)) {
      here.reachable_at = world_.now();
      if (gone(there) && there.outgoing.empty()) close_end(*connection, end, "connection reset");
    } else if (world_.now() - here.reachable_at >= kTcpTimeout) {
      close_end(*connection, end, "timed out");
    }
  }
  world_.after(kNature, kWatch, [this, id] { watch(id); });
}

}  // namespace segw::sim
