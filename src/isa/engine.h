#pragma once

// The data plane of one ISA, sans I/O: packets and messages in, packets and messages out. For real
// it runs in segw-isa between two TUNs; in simulation it is called inline.
//
//                 control (isa_wire.h)
//                        │
//   public TUN ──▶ ESP: open ──────▶ private TUN
//              ◀── ESP: seal ◀──────
//                  IKE: punt to segwd, send for segwd
//                  ICMP echo to our addresses: answered here
//                  fragments to our addresses: reassembled here
//
// Roles: Closed seals and opens nothing; Buffering keeps what arrives (bounded); Acting works until
// the deadline that segwd vouched for (redundancy rule 8). One thread; SAs are looked up by SPI.

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/counters.h"
#include "esp/icmp.h"
#include "esp/reassembly.h"
#include "esp/sequence_plan.h"
#include "esp/tunnel.h"
#include "isa/isa_wire.h"
#include "isa/packet_sizes.h"
#include "isa/path_mtus.h"
#include "platform/platform.h"

namespace segw::isa {

constexpr size_t kBatchMax = 32;       // packets for which the deadline is checked once
constexpr size_t kBufferedMax = 4096;  // packets kept while Buffering
constexpr Duration kActivityInterval = std::chrono::milliseconds(100);
constexpr size_t kUnknownMost = 16;  // told of ESP under unknown SPIs, in an activity interval
constexpr Duration kLowInterval = std::chrono::milliseconds(200);

struct Output {
  std::vector<Bytes> to_public;
  std::vector<Bytes> to_private;
  std::vector<FromIsa> to_segwd;
};

class Engine {
 public:
  Engine(platform::Rng& rng, std::unique_ptr<esp::Backend> backend);

  void on_control(const ToIsa& message, Instant now, Output& out);
  void on_public(std::span<const Bytes> packets, Instant now, Output& out);
  void on_private(std::span<const Bytes> packets, Instant now, Output& out);
  // To be called at least every kActivityInterval.
  void on_timer(Instant now, Output& out);

  [[nodiscard]] Role role() const { return role_; }
  [[nodiscard]] Instant deadline() const { return deadline_; }
  [[nodiscard]] const Counters& drops() const { return drops_; }
  // What the process around it could not hand on.
  void note_drop(std::string_view reason) { drops_.add(reason); }

 private:
  struct Sa {
    esp::ChildSa sa;
    esp::TunnelOptions options;
    std::unique_ptr<esp::Opener> opener;
    std::unique_ptr<esp::Sealer> sealer;
    SaActivity activity;
    bool outbound = false;
    bool may_seal = true;
    bool changed = false;      // since the last Activity
    bool moved = false;        // since the engine began to act: its window goes with a handover
    uint64_t installed = 0;    // order of installation
    Instant born{};            // when its age was zero
    Instant preferred_from{};  // as the outbound SA among others that fit
    uint64_t outbound_next = 1;
    uint64_t packets_at_tick = 0;
    uint64_t rate = 0;  // packets a second, outbound
    Instant low_reported{};
    Duration low_wait = kLowInterval;  // until it is reported again
    esp::SequenceGrants low_grants{};  // as they were then
    Instant last_sent{};               // ESP or a NAT keep-alive
    struct Told {
      uint32_t count = 0;
      Instant since{};
    };
    Told told_v4;  // of packets too big
    Told told_v6;
  };

  struct Control;  // visitor over ToIsa

  void setup(const Setup& message, Output& out);
  void set_role(const SetRole& message, Instant now, Output& out);
  void install(const InstallSa& message, Instant now);
  void use_outbound(Spi spi, Instant now);
  void remove(Spi spi, Instant now);
  void set_window(const esp::SaWindow& window);
  void set_peer_endpoint(const SetPeerEndpoint& message);
  void send_ike(const IkeDatagram& datagram, Output& out);
  void freeze(uint64_t cookie, Output& out);
  void index_outbound(const esp::ChildSa& sa);
  void unindex_outbound(const esp::ChildSa& sa);

  // engine_public.cc
  void public_packet(const Bytes& bytes, Instant now, Output& out);
  void whole_packet(const esp::IpPacket& packet, Instant now, Output& out);
  void fragment(const esp::IpPacket& packet, Instant now, Output& out);
  void udp(const esp::IpPacket& packet, Instant now, Output& out);
  void esp(const esp::IpPacket& packet, ByteView payload, std::optional<uint16_t> udp_port,
           Instant now, Output& out);
  void tell_unknown(const esp::IpPacket& packet, Spi spi, std::optional<uint16_t> udp_port,
                    Output& out);
  void opened_packet(Sa& sa, Bytes inner, Instant now, Output& out);
  void punt(const esp::IpPacket& packet, const esp::UdpDatagram& udp, ByteView message,
            Output& out);
  void learn_path_mtu(const esp::TooBigReport& report, Instant now);

  // engine_private.cc
  void private_packet(const Bytes& bytes, Instant now, Output& out);
  void into_tunnel(Sa& sa, Bytes bytes, Instant now, Output& out);
  // False: the SA has no number left.
  bool seal(Sa& sa, const Bytes& inner, const SizeDecision& decision, Instant now, Output& out);
  void too_big(Sa& sa, const esp::IpPacket& packet, const Bytes& inner, size_t mtu, Instant now,
               Output& out);
  void keep_nat_alive(Sa& sa, Instant now, Output& out);
  [[nodiscard]] PathMtu path_of(const Sa& sa, Instant now) const;
  void report_low(Sa& sa, Instant now, Output& out) const;
  [[nodiscard]] Sa* outbound_sa(const esp::IpPacket& packet, Instant now);
  [[nodiscard]] bool fenced(Instant now) const;
  [[nodiscard]] static esp::SaWindow window_of(const Sa& sa);
  void drop(std::string_view reason) { drops_.add(reason); }
  std::vector<Bytes> cut(const Bytes& packet, size_t mtu, uint32_t identification);

  platform::Rng& rng_;
  std::unique_ptr<esp::Backend> backend_;
  Setup setup_;
  Role role_ = Role::Closed;
  uint32_t iv_epoch_ = 0;
  Instant deadline_{};
  std::set<IpAddress> own_;          // what ends here on the public side
  std::set<IpAddress> own_private_;  // and on the private side
  std::map<Spi, Sa> sas_;
  std::map<std::pair<IpAddress, Spi>, Spi> by_outbound_;  // client and its SPI: our SPI
  esp::Reassembler reassembler_;
  PathMtus path_mtus_;
  uint64_t installs_ = 0;
  uint16_t identification_ = 0;
  struct Kept {
    bool from_public;
    Bytes packet;
  };
  std::deque<Kept> kept_;
  Counters drops_;
  std::map<std::string, uint64_t> drops_told_;
  Instant next_activity_{};
  size_t unknown_told_ = 0;  // in this activity interval
};

}  // namespace segw::isa
