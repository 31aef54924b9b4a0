#pragma once

// What the checkers see: every packet that enters or leaves an ISA, what ISAs are told, and when
// hosts come and go. They look at wires, not at what the code says of itself.

#include "base/bytes.h"
#include "isa/isa_wire.h"
#include "platform/platform.h"
#include "sim/network.h"

namespace segw::sim {

class Observer {
 public:
  virtual ~Observer() = default;
  virtual void on_isa_in(HostId /*host*/, platform::Side /*side*/, ByteView /*packet*/) {}
  virtual void on_isa_out(HostId /*host*/, platform::Side /*side*/, ByteView /*packet*/) {}
  // A message has reached a host's ISA.
  virtual void on_isa_told(HostId /*host*/, const isa::ToIsa& /*message*/) {}
  virtual void on_isa_stopped(HostId /*host*/) {}
  // A chassis forwarded a packet by a route that is not its tunnel group's.
  virtual void on_default_route(HostId /*host*/, platform::Side /*side*/, ByteView /*packet*/) {}
  // A client has sealed the probe with this number (it does so once).
  virtual void on_client_sealed(uint64_t /*probe*/, uint32_t /*spi*/, uint64_t /*sequence*/) {}
  virtual void on_boot(HostId /*host*/) {}
  virtual void on_crash(HostId /*host*/) {}
  virtual void after_event() {}
};

}  // namespace segw::sim
