#pragma once

// Reliable, ordered byte streams between chassis, as TLS over TCP behaves: both sides must have the
// same key; bytes stop while a link is cut and go on when it heals; an end that cannot reach the
// other one for kTcpTimeout closes; a peer that lost the connection resets it.

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "platform/platform.h"
#include "sim/network.h"

namespace segw::sim {

constexpr Duration kTcpTimeout = std::chrono::seconds(5);
constexpr Duration kHandshakeLimit = std::chrono::seconds(5);

// Whose stream it is: the process that gets the callbacks.
struct StreamOwner {
  HostId host = 0;
  ProcessId process = kNature;
};

class StreamNet {
 public:
  // `host_up`: whether a host answers at all (its processes may still be dead).
  // `older`: whether a host has the release before; what it says and hears passes through the
  // schema of that one. `on_send`: each chunk that a chassis hands over (checkers and crash points
  // count them).
  StreamNet(World& world, Network& network, std::function<bool(HostId)> host_up,
            std::function<bool(HostId)> older, std::function<void(HostId)> on_send);
  ~StreamNet();
  StreamNet(const StreamNet&) = delete;
  StreamNet& operator=(const StreamNet&) = delete;

  Result<std::unique_ptr<platform::Listener>> listen(StreamOwner owner, const Endpoint& local,
                                                     platform::Streams::FindPsk psk,
                                                     platform::Streams::Accept accept);
  std::unique_ptr<platform::Stream> connect(StreamOwner owner, const IpAddress& local,
                                            const Endpoint& remote, platform::TlsPsk psk,
                                            platform::StreamHandler& handler);

 private:
  struct Chunk {
    Instant arrives;
    Bytes bytes;
    bool last = false;  // the sender closed
  };
  struct End {
    StreamOwner owner;
    Endpoint address;
    platform::StreamHandler* handler = nullptr;
    bool gone = true;  // no connection here (any more)
    std::deque<Chunk> outgoing;
    Instant last_arrival{};
    Instant reachable_at{};
    size_t unsent = 0;
  };
  struct Connection {
    uint64_t id = 0;
    bool open = false;
    platform::TlsPsk psk;
    std::string identities[2];  // of the key, by each end's name for it
    Instant started;
    End ends[2];
  };
  struct Listening {
    StreamOwner owner;
    platform::Streams::FindPsk psk;
    platform::Streams::Accept accept;
  };
  class Handle;
  class ListenHandle;

  Connection* find(uint64_t id);
  void knock(uint64_t id);
  void arrive(uint64_t id);
  void establish(uint64_t id, bool keys_match);
  void give_up(uint64_t id);
  void send(uint64_t id, int end, Bytes bytes, bool last);
  void deliver(uint64_t id, int from);
  void close_end(Connection& connection, int end, std::string why);
  void let_go(uint64_t id, int end);  // the handle was destroyed
  void watch(uint64_t id);
  [[nodiscard]] bool gone(const End& end) const {
    return end.gone || !world_.alive(end.owner.process);
  }

  World& world_;
  Network& network_;
  std::function<bool(HostId)> host_up_;
  std::function<bool(HostId)> older_;
  std::function<void(HostId)> on_send_;
  std::map<Endpoint, Listening> listening_;
  std::map<uint64_t, Connection> connections_;
  uint64_t next_id_ = 1;
};

}  // namespace segw::sim
