#pragma once

// segw-isa in simulation: the engine called inline, with its two TUNs and its socket to segwd.

#include <functional>
#include <memory>

#include "isa/isa_wire.h"
#include "platform/platform.h"
#include "sim/world.h"

namespace segw::isa {
struct Output;
}

namespace segw::sim {

class IsaProcess {
 public:
  struct Ports {
    std::function<void(platform::Side, ByteView)> packet_in;  // seen, before the engine
    std::function<void(platform::Side, Bytes)> packet_out;
    std::function<void(const isa::ToIsa&)> told;  // seen, before the engine
    std::function<void(Bytes)> tells;
  };
  IsaProcess(World& world, uint64_t seed, Ports ports);
  ~IsaProcess();
  IsaProcess(const IsaProcess&) = delete;
  IsaProcess& operator=(const IsaProcess&) = delete;

  [[nodiscard]] ProcessId process() const { return process_; }
  // While it is stopped, packets wait in the TUN: at most kTunQueue.
  void packet(platform::Side side, ByteView packet);
  void told(ByteView message);

 private:
  struct Engine;
  void take(platform::Side side, ByteView packet);
  void tick();
  void put_out(isa::Output& out);

  World& world_;
  ProcessId process_;
  Ports ports_;
  Rng rng_;
  std::unique_ptr<Engine> engine_;
  size_t waiting_ = 0;  // packets in the TUNs
};

}  // namespace segw::sim
