#pragma once

// The second event loop of a chassis, for what must answer within milliseconds whatever the first
// one is doing: BFD. Nothing that takes long may run in it.
//  - Linux: a thread of its own, with real-time scheduling where that is permitted.
//  - Simulation: the events of the same host, in the same virtual time.
// What runs in it touches only what it owns; the chassis' loop gives it jobs by run() and hears
// from it by tell().

#include <functional>
#include <memory>

#include "platform/platform.h"

namespace segw::platform {

// UDP as GTSM (RFC 5082) needs it: sent with TTL or hop limit 255 and DSCP CS6, received with the
// TTL that is left. Other sockets of this host may be bound to the same port at any address.
class HopDatagrams {
 public:
  using Handler = std::function<void(const Endpoint& from, uint8_t ttl, ByteView bytes)>;
  virtual ~HopDatagrams() = default;
  // Error: one line that names the address and why.
  virtual Result<std::unique_ptr<DatagramSocket>> open(const Endpoint& local, Handler handler) = 0;
};

struct Prompt {
  Clock& clock;
  Scheduler& scheduler;
  Rng& rng;
  HopDatagrams& datagrams;
};

class PromptLoop {
 public:
  virtual ~PromptLoop() = default;
  // From the chassis' loop: runs the job in this one and waits for its end.
  virtual void run(const std::function<void(Prompt& prompt)>& job) = 0;
  // From this loop: `news` runs in the chassis' loop, soon, in order.
  virtual void tell(Callback news) = 0;
  // How it is scheduled: "round-robin, priority 10"; for the log.
  [[nodiscard]] virtual std::string scheduling() const = 0;
};

}  // namespace segw::platform
