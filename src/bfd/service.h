#pragma once

// The BFD sessions of a chassis: ports, timers, demultiplexing (RFC 5881 and RFC 5883). Lives in
// the prompt loop; sessions.h is how the chassis reaches it.

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/counters.h"
#include "base/ip_address.h"
#include "bfd/session.h"
#include "platform/prompt.h"

namespace segw::bfd {

// RFC 5881: neighbours on one link. RFC 5883: anything between.
enum class Path : uint8_t { SingleHop, MultiHop };

constexpr uint16_t kSingleHopPort = 3784;  // UDP
constexpr uint16_t kMultiHopPort = 4784;
constexpr uint16_t kSourcePortMin = 49152;
constexpr uint8_t kTtl = 255;

struct PeerSettings {
  IpAddress local;
  IpAddress peer;
  Path path = Path::MultiHop;
  Duration transmit_interval = std::chrono::milliseconds(100);  // > 0
  Duration receive_interval = std::chrono::milliseconds(100);   // > 0
  uint8_t multiplier = 3;                                       // > 0
  Keys keys;                                                    // of Meticulous Keyed SHA1
};

// A snapshot for `show`.
struct SessionStatus {
  IpAddress local, peer;
  Path path = Path::MultiHop;
  bool authenticated = false;
  State state = State::Down, remote_state = State::Down;
  Diagnostic diagnostic = Diagnostic::None, remote_diagnostic = Diagnostic::None;
  uint32_t discriminator = 0, remote_discriminator = 0;
  uint16_t source_port = 0;
  uint8_t multiplier = 0;
  Duration transmit_interval{}, receive_interval{}, detection_time{};  // as agreed
  uint64_t sent = 0, received = 0, ups = 0, downs = 0;
  Instant changed_at{};
  uint64_t by_second_key = 0;  // packets that came
  std::map<std::string, uint64_t> discarded;
};

struct News {
  size_t session = 0;  // by the order of add()
  Says says = Says::NeverUp;
  State state = State::Down;
  Diagnostic diagnostic = Diagnostic::None;
  uint32_t discriminator = 0;  // of ours
};

class Service {
 public:
  // `tell` is called within the event that brings the news.
  Service(platform::Prompt& prompt, std::function<void(const News&)> tell)
      : prompt_(prompt), tell_(std::move(tell)) {}
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;
  ~Service();  // tells the remote systems Down

  // Error: a port is taken, or the address is not ours; one line.
  Result<void> add(PeerSettings settings);

  // `session` by the order of add(); see Session::renew_keys().
  void renew_keys(size_t session, const Keys& keys);

  [[nodiscard]] std::vector<SessionStatus> status() const;
  // Packets of no session, by reason: bad-version …, bad-ttl, bad-port, unknown-session.
  [[nodiscard]] const Counters& counters() const { return counters_; }
  // The longest that a timer was late.
  [[nodiscard]] Duration latest() const { return latest_; }

 private:
  struct Peer {
    size_t number = 0;
    PeerSettings settings;
    Session session;
    std::unique_ptr<platform::DatagramSocket> socket;  // that sends
    uint16_t source_port = 0;
    State told_state = State::Down;
    Says told_says = Says::NeverUp;
    uint64_t sent = 0, received = 0, ups = 0, downs = 0;
    Instant changed_at{};
  };

  Result<void> listen(const IpAddress& local, Path path);
  Result<void> open_source(Peer& peer);
  [[nodiscard]] uint32_t new_discriminator();
  void on_datagram(const IpAddress& local, Path path, const Endpoint& from, uint8_t ttl,
                   ByteView bytes);
  [[nodiscard]] Peer* find(const ControlPacket& packet, const IpAddress& local, Path path,
                           const IpAddress& from);
  void on_time();
  void look_at_silence();
  void settle(Peer& peer);
  void flush(Peer& peer);
  void arm();

  platform::Prompt& prompt_;
  std::function<void(const News&)> tell_;
  std::deque<Peer> peers_;
  std::map<Endpoint, std::unique_ptr<platform::DatagramSocket>> listening_;
  Counters counters_;
  Duration latest_{};
  std::optional<platform::TimerId> timer_;
  Instant due_{};
  std::optional<platform::TimerId> second_look_;
};

}  // namespace segw::bfd
