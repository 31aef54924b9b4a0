#pragma once

// What the checkers see: every packet that enters or leaves an ISA, what ISAs are told, and when
// hosts come and go. They look at wires, not at what the code says of itself.

#include <string_view>

#include "base/bytes.h"
#include "isa/isa_wire.h"
#include "platform/platform.h"
#include "sim/network.h"

namespace segw::sim {

// An IKE SA as its client knows it.
struct ClientIke {
  std::string_view client;
  IpAddress outer;  // the client's, as the gateway sees it
  uint64_t initiator_spi = 0;
  uint64_t responder_spi = 0;
  bool client_began = false;  // the initiator's SPI is the client's
};

// Why a client has to authenticate again although it was told that its tunnel stands.
struct ClientLoss {
  enum class Kind : uint8_t {
    NoAnswer,      // to a request, until it gave up
    IkeDeleted,    // the gateway deleted the IKE SA
    ChildDeleted,  // the gateway deleted the last CHILD SA
    Replaced,      // the gateway began another tunnel
  } kind = Kind::NoAnswer;
  Duration age{};        // of the IKE SA, or of the CHILD SA that was deleted
  bool ending = false;   // NoAnswer, Replaced: the client had asked to end this IKE SA
  uint32_t request = 0;  // NoAnswer: its message ID
  Instant asked_at{};    // NoAnswer: when it was sent first
  uint64_t by = 0;       // Replaced: the initiator's SPI of the other
};

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
  // A client knows that this IKE SA stands.
  virtual void on_client_told(const ClientIke& /*ike*/) {}
  virtual void on_client_lost(const ClientIke& /*ike*/, const ClientLoss& /*loss*/) {}
  virtual void on_disk_lost(HostId /*host*/) {}
  // From here on an operator ends tunnels, which is no loss.
  virtual void on_operator_ends() {}
  virtual void on_boot(HostId /*host*/) {}
  virtual void on_crash(HostId /*host*/) {}
  virtual void after_event() {}
};

}  // namespace segw::sim
