#pragma once

// Messages between segwd and an ISA (Unix SOCK_SEQPACKET, or a call in simulation). One message a
// packet, at most kMessageMax bytes. Both sides decode as if the other were a stranger.

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/ip_address.h"
#include "base/time.h"
#include "esp/child_sa.h"
#include "esp/sequence_plan.h"
#include "esp/tunnel_options.h"
#include "wire/reader.h"

namespace segw::isa {

constexpr size_t kMessageMax = 65536;

// An IKE message with the addresses it travelled by. `encapsulated`: UDP port 4500 with the four
// zero bytes (non-ESP marker) already taken off, or still to be put on.
struct IkeDatagram {
  Endpoint local;   // gateway address, port 500 or 4500
  Endpoint remote;  // the client
  Bytes message;
  [[nodiscard]] bool encapsulated() const { return local.port == 4500; }
};

// ---- segwd to ISA ----

enum class Role : uint8_t {
  Closed,     // seals and opens nothing
  Buffering,  // target of a planned handover: keeps what arrives, bounded (rule 23)
  Acting,
};

struct Setup {  // first message; fixed for the process's life
  IsaId id;
  Slot slot;
  std::vector<IpPrefix> public_interfaces;  // of both families; answers ping there
  std::vector<IpPrefix> private_interfaces;
  uint16_t public_mtu = 1500;  // of the service that carries the outer packets
  Duration reassembly_wait = std::chrono::milliseconds(1200);  // reassembly max-wait-time
  std::vector<IpAddress> gateways;  // local gateway addresses: answers ping, accepts IKE and ESP
};
struct SetRole {
  Role role = Role::Closed;
  uint32_t iv_epoch = 0;  // 22 bits, for Acting; new for every activation (rule 12)
  esp::Position position = esp::Position::Exact;  // for Acting: of the windows it was told
};
struct Vouch {  // self-fencing: no packet is sealed or opened at or after this instant (rule 8)
  Instant deadline{};
};
struct InstallSa {
  esp::ChildSa sa;
  esp::TunnelOptions options;
  bool outbound = false;       // false: receive only, until UseOutbound (rule 15)
  bool may_seal = true;        // false: our slot held it in another incarnation (rule 13)
  uint64_t outbound_next = 1;  // never seal below this
  uint64_t inbound_edge = 0;   // refuse at or below this (synchronised edge)
};
struct UseOutbound {
  Spi inbound_spi;
};
struct RemoveSa {
  Spi inbound_spi;
};
struct SetGrants {
  Spi inbound_spi;
  esp::SequenceGrants grants;
};
struct SetWindow {  // before Acting: where to go on (takeover, handover)
  esp::SaWindow window;
};
struct SetPeerEndpoint {  // NAT mapping changed (RFC 7296 2.23)
  Spi inbound_spi;
  IpAddress remote;
  std::optional<esp::UdpEncapsulation> encapsulation;
};
struct SendIke {
  IkeDatagram datagram;
};
struct Freeze {  // finish what is queued on the TUNs, close, then answer Frozen (rule 23)
  uint64_t cookie = 0;
};

using ToIsa = std::variant<Setup, SetRole, Vouch, InstallSa, UseOutbound, RemoveSa, SetGrants,
                           SetWindow, SetPeerEndpoint, SendIke, Freeze>;

// ---- ISA to segwd ----

struct Ready {         // answer to Setup
  std::string crypto;  // "ipsec-mb 1.3.0 AVX512" or "OpenSSL 3.0.x"
};
struct PuntIke {
  IkeDatagram datagram;
};
struct SaActivity {
  esp::SaWindow window;
  uint64_t packets_in = 0, bytes_in = 0, packets_out = 0, bytes_out = 0;
  uint64_t drops_replay = 0, drops_integrity = 0, drops_selector = 0, drops_sequence = 0;
  // Where the last authenticated packet came from, if not the SA's remote endpoint.
  std::optional<Endpoint> moved_to;
};
struct Activity {  // at most every 100 ms; only the SAs that changed; split over messages if large
  std::vector<SaActivity> sas;
};
struct SequenceLow {  // will run out of allowed numbers soon: `rate` packets a second
  Spi inbound_spi;
  uint64_t next = 0;
  uint64_t rate = 0;
};
struct UnknownEsp {  // an SPI that is not there; at most kUnknownMost in an activity interval
  IpAddress local;
  Endpoint remote;  // port 0: not encapsulated
  Spi spi;
  uint32_t size = 0;  // bytes behind the IP header
};
struct Frozen {  // windows of all SAs that moved, exact; the last message of a freeze has `last`
  uint64_t cookie = 0;
  std::vector<esp::SaWindow> windows;
  bool last = true;
};
struct DropCount {
  std::string reason;
  uint64_t count = 0;  // since start
};
struct Drops {
  std::vector<DropCount> counts;
};

struct Alive {};  // every kActivityInterval, whatever there is to do: its loop turns

using FromIsa =
    std::variant<Ready, PuntIke, Activity, SequenceLow, Frozen, Drops, UnknownEsp, Alive>;

Bytes encode(const ToIsa& message);
Bytes encode(const FromIsa& message);
wire::Decoded<ToIsa> decode_to_isa(ByteView bytes);
wire::Decoded<FromIsa> decode_from_isa(ByteView bytes);

}  // namespace segw::isa
