#pragma once

// One BFD session in asynchronous mode (RFC 5880 6.8), pure: time is given, randomness is given,
// packets go in and come out as bytes. The names are the RFC's state variables.
//
//              remote Down ┌──────┐ remote Init, Up        remote: what its packet says
//      ┌──────────────────▶│ Init │──────────────┐
//   ┌──────┐               └──────┘              ▼
//   │ Down │◀── silence, remote AdminDown ──  ┌────┐
//   └──────┘──────── remote Init ───────────▶ │ Up │
//      ▲                                      └────┘
//      └── silence, remote Down or AdminDown ────┘
//
// Demand mode and Echo are not ours: we never ask for them (D bit 0, Required Min Echo RX Interval
// 0), and cease periodic packets when the remote system asks for demand mode.

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "base/counters.h"
#include "base/time.h"
#include "bfd/bfd_wire.h"

namespace segw::bfd {

struct SessionSettings {
  uint32_t discriminator = 0;  // not 0, unique on this system, random
  Duration desired_min_tx{};   // > 0, while Up
  Duration required_min_rx{};  // > 0
  uint8_t detect_multiplier = 3;
  Keys keys;
  uint32_t first_sequence = 0;  // bfd.XmitAuthSeq: random
};

// What becomes of a session, for who relies on it.
enum class Says : uint8_t { NeverUp, Up, Down, AdminDown };

class Session {
 public:
  Session(SessionSettings settings, Instant now);

  // A packet that was demultiplexed to this session. False: discarded, and counted by its reason.
  bool receive(const ControlPacket& packet, ByteView payload, Instant now);
  // For a detection time (or twice that, once more) nothing was received. It counts when
  // on_silence() is called: whoever was late itself looks first at what has arrived meanwhile.
  [[nodiscard]] bool silent(Instant now) const;
  void on_silence(Instant now);
  // Other keys from now on; the sequence numbers go on in both directions. There are some before
  // and after, or none.
  void renew_keys(Keys keys) { settings_.keys = std::move(keys); }
  // We go away: the remote system is told Down (diagnostic 4) and need not wait for silence.
  void give_up();
  // Held down by the operator (6.8.16), or no longer.
  void set_admin_down(bool down);

  // The next packet that must leave now, if any; ask until there is none, after every call above.
  // `random` is uniform.
  std::optional<Bytes> next_packet(Instant now, uint64_t random);
  // When to ask again for packets or silence; nothing: not before something is received.
  [[nodiscard]] std::optional<Instant> due() const;

  [[nodiscard]] Says says() const { return says_; }
  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] State remote_state() const { return remote_state_; }
  [[nodiscard]] Diagnostic diagnostic() const { return diagnostic_; }
  [[nodiscard]] Diagnostic remote_diagnostic() const { return remote_diagnostic_; }
  [[nodiscard]] uint32_t discriminator() const { return settings_.discriminator; }
  [[nodiscard]] uint32_t remote_discriminator() const { return remote_discriminator_; }
  [[nodiscard]] bool polling() const { return polling_; }
  // Of our packets, before jitter.
  [[nodiscard]] Duration transmit_interval() const;
  // Between the remote system's packets, at most.
  [[nodiscard]] Duration receive_interval() const;
  // Zero: nothing was received yet.
  [[nodiscard]] Duration detection_time() const;
  [[nodiscard]] const Counters& discarded() const { return discarded_; }
  // Packets that were authentic by another key than the first.
  [[nodiscard]] uint64_t by_second_key() const { return by_second_key_; }

 private:
  enum class Heard : uint8_t { Never, Lately, NotForOne, NotForTwo };  // … detection times
  // Why it is refused; empty: it is authentic, and its sequence number is remembered.
  std::string_view authenticate(const ControlPacket& packet, ByteView payload);
  void take_state(State received);
  void enter(State next, Diagnostic why);
  [[nodiscard]] Duration desired_min_tx() const;
  [[nodiscard]] bool remote_demand() const;
  [[nodiscard]] std::optional<Instant> periodic_due() const;
  [[nodiscard]] std::optional<Instant> silence_due() const;
  [[nodiscard]] ControlPacket contents() const;
  [[nodiscard]] Bytes send(ControlPacket packet, Instant now, uint64_t random);

  SessionSettings settings_;
  State state_ = State::Down;
  State remote_state_ = State::Down;
  Diagnostic diagnostic_ = Diagnostic::None;
  Diagnostic remote_diagnostic_ = Diagnostic::None;
  Says says_ = Says::NeverUp;
  uint32_t remote_discriminator_ = 0;
  Duration remote_desired_min_tx_{};
  Duration remote_min_rx_ = std::chrono::microseconds(1);
  uint8_t remote_multiplier_ = 0;
  bool remote_demand_bit_ = false;
  bool polling_ = false;
  bool final_owed_ = false;
  std::optional<ControlPacket> last_sent_;
  Instant last_sent_at_{};
  uint32_t shortened_ = 0;  // jitter of the present interval, in kWhole-ths of it
  Heard heard_ = Heard::Never;
  Instant received_at_{};
  uint32_t xmit_sequence_;
  std::optional<uint32_t> received_sequence_;  // bfd.RcvAuthSeq, while bfd.AuthSeqKnown
  Counters discarded_;
  uint64_t by_second_key_ = 0;
};

}  // namespace segw::bfd
