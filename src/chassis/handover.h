#pragma once

// Planned handover (redundancy rule 23): mastership moves without losing a packet.
//
//   old active                                  target (standby, in sync, installed)
//   Idle                                        Idle
//    | force-switchover: pause own requests
//   Flushing   -- journal acknowledged -->
//    | HandoverPrepare ------------------------> Buffering: ISA keeps what is shunted to it
//   Preparing <------------------ HandoverReady  |
//    | steer to the shunt, freeze the ISA        |
//   Freezing                                     |
//    | HandoverWindows (exact) ----------------> apply, act, seal from its own block
//   Waiting  <-------------------- HandoverDone  Idle
//    | yield: standby
//   Idle
//
// 200 ms of silence aborts. Before the windows were sent nothing can have acted: the old active
// goes on, from its next block and with a new IV epoch. After that it is unknown whether the target
// acts, so the old one waits until the target says so, denies it, or is lost.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "isa/isa_wire.h"
#include "mcs/mcs_service.h"
#include "platform/platform.h"

namespace segw::chassis {

enum class HandoverPhase : uint8_t {
  Idle,
  Flushing,   // old: waits until the journal is held by the target
  Preparing,  // old: waits for HandoverReady
  Freezing,   // old: shunts, its ISA works off what is queued
  Waiting,    // old: windows sent
  Unknown,    // old: silence after the windows
  Buffering,  // target
};
[[nodiscard]] std::string_view text(HandoverPhase phase);

// What the handover makes the tunnel group do.
class HandoverActions {
 public:
  virtual ~HandoverActions() = default;
  [[nodiscard]] virtual bool journal_flushed(PeerIndex target) const = 0;
  virtual void send_handover(PeerIndex to, const mcs::Handover& message) = 0;
  virtual void pause_ike() = 0;
  virtual void shunt_and_freeze(uint64_t cookie) = 0;  // old: steering first, then the ISA
  virtual void resume_acting() = 0;                    // old: new IV epoch, next block, Tun
  virtual void yield_to(Activation activation) = 0;    // old: the target acts
  virtual void buffer() = 0;                           // target: ISA buffers, shunted traffic to it
  virtual void stop_buffering() = 0;                   // target: as a standby again
  virtual void apply_windows(const std::vector<esp::SaWindow>& windows) = 0;
  virtual void act() = 0;  // target: take over; HandoverDone is sent once it acts
};

// What this chassis is at the moment of a message.
struct HandoverStanding {
  bool may_be_target = false;
  bool acting = false;
};

class Handover {
 public:
  using Done = std::function<void(Result<std::string>)>;
  Handover(platform::Platform& platform, HandoverActions& actions);

  // Old active. `activation`: the one that the target shall act under.
  void begin(PeerIndex target, Activation activation, Done done);
  void on_message(PeerIndex from, const mcs::Handover& message, HandoverStanding standing);
  void on_frozen(const isa::Frozen& frozen);
  void on_acting();                         // target: the role change is carried out
  void on_peer_acting(PeerIndex peer);      // MIMP: it acts
  void on_peer_lost(PeerIndex peer);        // MIMP: it is gone
  void on_role_lost(std::string_view why);  // anything else took the role away: forget it all

  [[nodiscard]] HandoverPhase phase() const { return phase_; }
  [[nodiscard]] bool is_old() const {
    return phase_ != HandoverPhase::Idle && phase_ != HandoverPhase::Buffering;
  }
  // Target: the old active has stopped, and all its windows were applied.
  [[nodiscard]] bool has_windows() const { return phase_ == HandoverPhase::Buffering && acted_; }
  [[nodiscard]] Activation activation() const { return activation_; }
  // The other side of the handover that is under way, or was last.
  [[nodiscard]] PeerIndex counterpart() const { return counterpart_; }

 private:
  struct Visitor;
  void send(const mcs::Handover& message);
  void check_flushed();
  void on_silence();
  void on_prepare(PeerIndex from, const mcs::HandoverPrepare& prepare, HandoverStanding standing);
  void on_abort(PeerIndex from, const mcs::HandoverAbort& abort, HandoverStanding standing);
  [[nodiscard]] bool ours(PeerIndex from, uint64_t cookie) const {
    return from == counterpart_ && cookie == cookie_;
  }
  void abort_as_old(const std::string& why);
  void finish(Result<std::string> outcome);
  void enter(HandoverPhase phase, Duration limit);

  platform::Platform& platform_;
  HandoverActions& actions_;
  HandoverPhase phase_ = HandoverPhase::Idle;
  PeerIndex counterpart_;
  uint64_t cookie_ = 0;
  Activation activation_;
  bool acted_ = false;  // target: the windows are applied and the take-over is called
  Done done_;
  Instant flush_deadline_{};
  platform::Timer timer_;
  platform::Timer flush_timer_;
};

}  // namespace segw::chassis
