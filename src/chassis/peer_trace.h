#pragma once

// What was said between us and the clients that an operator looks into (`tools debug ipsec peer`).
// Bounded in clients, messages and rate, and it ends by itself.

#include <deque>
#include <vector>

#include "chassis/status.h"
#include "ike/describe.h"
#include "ike/engine.h"
#include "platform/platform.h"

namespace segw::chassis {

enum class TraceMode : uint8_t { Off, Brief, Detail, ShowKeys };

class PeerTrace {
 public:
  explicit PeerTrace(platform::Clock& clock) : clock_(clock) {}

  // Error: one line.
  Result<std::string> set(const IpAddress& peer, TraceMode mode);
  enum class Way : uint8_t { In, Out };
  // `sas`: where the message's IKE SA is, if it is known.
  void note(Way way, const ike::Datagram& datagram, const std::map<IkeSpi, ike::IkeSa>& sas);
  [[nodiscard]] std::vector<TraceStatus> status() const;

 private:
  static constexpr size_t kPeersMax = 8;
  static constexpr size_t kMessagesMax = 200;  // of one peer
  static constexpr uint32_t kMessagesPerSecondMax = 50;
  static constexpr Duration kLimit = std::chrono::minutes(10);

  struct Peer {
    IpAddress address;
    TraceMode mode = TraceMode::Brief;
    Instant until{};
    uint64_t left_out = 0;
    std::deque<TraceEntry> entries;  // oldest first
  };
  platform::Clock& clock_;
  std::vector<Peer> peers_;
  Instant second_{};
  uint32_t in_second_ = 0;
};

}  // namespace segw::chassis
