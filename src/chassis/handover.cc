#include "chassis/handover.h"

namespace segw::chassis {
namespace {

constexpr Duration kSilence = std::chrono::milliseconds(200);
// The target waits longer than the old active, so that the old one always decides first.
constexpr Duration kTargetSilence = std::chrono::milliseconds(600);
constexpr Duration kFlushPoll = std::chrono::milliseconds(2);
constexpr Duration kUnknownPoll = std::chrono::milliseconds(100);
// The answer of a target that did not act; it is never answered itself.
constexpr std::string_view kNotActed = "not acted";

}  // namespace

std::string_view text(HandoverPhase phase) {
  switch (phase) {
    case HandoverPhase::Idle:
      return "idle";
    case HandoverPhase::Flushing:
      return "flushing";
    case HandoverPhase::Preparing:
      return "preparing";
    case HandoverPhase::Freezing:
      return "freezing";
    case HandoverPhase::Waiting:
      return "waiting";
    case HandoverPhase::Unknown:
      return "unknown";
    case HandoverPhase::Buffering:
      return "buffering";
  }
  return "";
}

Handover::Handover(platform::Platform& platform, HandoverActions& actions)
    : platform_(platform),
      actions_(actions),
      timer_(platform, [this] { on_silence(); }),
      flush_timer_(platform, [this] { check_flushed(); }) {}

void Handover::enter(HandoverPhase phase, Duration limit) {
  phase_ = phase;
  timer_.arm(limit);
}

void Handover::send(const mcs::Handover& message) { actions_.send_handover(counterpart_, message); }

void Handover::begin(PeerIndex target, Activation activation, Done done) {
  if (phase_ != HandoverPhase::Idle) {
    done(failure("a handover is under way"));
    return;
  }
  counterpart_ = target;
  cookie_ = platform_.rng.next();
  acted_ = false;
  activation_ = activation;
  done_ = std::move(done);
  enter(HandoverPhase::Flushing, kSilence);
  actions_.pause_ike();
  check_flushed();
}

void Handover::check_flushed() {
  if (phase_ != HandoverPhase::Flushing) return;
  if (!actions_.journal_flushed(counterpart_)) {
    flush_timer_.arm(kFlushPoll);
    return;
  }
  enter(HandoverPhase::Preparing, kSilence);
  send(mcs::HandoverPrepare{.cookie = cookie_, .activation = activation_});
}

struct Handover::Visitor {
  Handover& self;
  PeerIndex from;
  HandoverStanding standing;

  void operator()(const mcs::HandoverPrepare& prepare) const {
    self.on_prepare(from, prepare, standing);
  }
  void operator()(const mcs::HandoverReady& ready) const {
    if (self.phase_ != HandoverPhase::Preparing || !self.ours(from, ready.cookie)) return;
    self.enter(HandoverPhase::Freezing, kSilence);
    self.actions_.shunt_and_freeze(self.cookie_);
  }
  void operator()(const mcs::HandoverWindows& windows) const {
    if (self.phase_ != HandoverPhase::Buffering || !self.ours(from, windows.cookie)) return;
    self.actions_.apply_windows(windows.windows);
    self.timer_.arm(kTargetSilence);
    if (!windows.last || self.acted_) return;
    self.acted_ = true;
    self.actions_.act();
  }
  void operator()(const mcs::HandoverDone& done) const {
    if (self.ours(from, done.cookie)) self.on_peer_acting(from);
  }
  void operator()(const mcs::HandoverAbort& abort) const { self.on_abort(from, abort, standing); }
};

void Handover::on_message(PeerIndex from, const mcs::Handover& message, HandoverStanding standing) {
  std::visit(Visitor{.self = *this, .from = from, .standing = standing}, message);
}

void Handover::on_prepare(PeerIndex from, const mcs::HandoverPrepare& prepare,
                          HandoverStanding standing) {
  // One that is a target already is of another active: its windows would be lost.
  const bool taken = phase_ == HandoverPhase::Buffering && from != counterpart_;
  if (!standing.may_be_target || is_old() || taken) {
    actions_.send_handover(
        from, mcs::HandoverAbort{.cookie = prepare.cookie, .why = "the target is not ready"});
    return;
  }
  counterpart_ = from;
  cookie_ = prepare.cookie;
  activation_ = prepare.activation;
  acted_ = false;
  enter(HandoverPhase::Buffering, kTargetSilence);
  actions_.buffer();
  send(mcs::HandoverReady{.cookie = prepare.cookie});
}

void Handover::on_abort(PeerIndex from, const mcs::HandoverAbort& abort,
                        HandoverStanding standing) {
  const auto answer = [&] {
    actions_.send_handover(
        from, mcs::HandoverAbort{.cookie = abort.cookie, .why = std::string(kNotActed)});
  };
  const bool known = ours(from, abort.cookie);
  switch (phase_) {
    case HandoverPhase::Idle:
      // The old active asks in doubt. Who does not act says so, whatever keeps it from being a
      // target: else the old one stays frozen until this chassis is a standby in sync again.
      if (known && acted_) {
        send(mcs::HandoverDone{.cookie = cookie_});
      } else if (!standing.acting && abort.why != kNotActed) {
        answer();
      }
      return;
    case HandoverPhase::Buffering:
      if (!known) return;
      if (acted_) return;  // HandoverDone is about to leave
      timer_.cancel();
      phase_ = HandoverPhase::Idle;
      actions_.stop_buffering();
      answer();
      return;
    case HandoverPhase::Flushing:
    case HandoverPhase::Preparing:
    case HandoverPhase::Freezing:
    case HandoverPhase::Waiting:
    case HandoverPhase::Unknown:
      if (known) abort_as_old(abort.why);
      return;
  }
}

void Handover::on_frozen(const isa::Frozen& frozen) {
  if (phase_ != HandoverPhase::Freezing || frozen.cookie != cookie_) return;
  send(mcs::HandoverWindows{.cookie = cookie_, .windows = frozen.windows, .last = frozen.last});
  timer_.arm(kSilence);
  if (frozen.last) enter(HandoverPhase::Waiting, kSilence);
}

void Handover::on_acting() {
  if (phase_ != HandoverPhase::Buffering) return;
  timer_.cancel();
  phase_ = HandoverPhase::Idle;
  send(mcs::HandoverDone{.cookie = cookie_});
}

void Handover::on_peer_acting(PeerIndex peer) {
  if (peer != counterpart_) return;
  if (phase_ != HandoverPhase::Waiting && phase_ != HandoverPhase::Unknown) return;
  timer_.cancel();
  phase_ = HandoverPhase::Idle;
  actions_.yield_to(activation_);
  finish(std::string("mastership moved to the peer"));
}

void Handover::on_peer_lost(PeerIndex peer) {
  if (is_old() && peer == counterpart_) abort_as_old("the target was lost");
}

void Handover::on_role_lost(std::string_view why) {
  if (phase_ == HandoverPhase::Idle) return;
  timer_.cancel();
  phase_ = HandoverPhase::Idle;
  finish(failure(std::string(why)));
}

void Handover::on_silence() {
  switch (phase_) {
    case HandoverPhase::Idle:
      return;
    case HandoverPhase::Flushing:
      abort_as_old("the journal was not acknowledged in time");
      return;
    case HandoverPhase::Preparing:
      abort_as_old("the target did not answer in time");
      return;
    case HandoverPhase::Freezing:
      abort_as_old("the ISA did not stop in time");
      return;
    case HandoverPhase::Waiting:
    case HandoverPhase::Unknown:
      // Whether the target acts is not known: asked again until it says so, denies it or is lost.
      enter(HandoverPhase::Unknown, kUnknownPoll);
      send(mcs::HandoverAbort{.cookie = cookie_, .why = "no word from the target"});
      return;
    case HandoverPhase::Buffering:
      // Told to act and not acting by now: it was refused. The old one asks, and may go on.
      phase_ = HandoverPhase::Idle;
      acted_ = false;
      actions_.stop_buffering();
      return;
  }
}

void Handover::abort_as_old(const std::string& why) {
  const bool told_target = phase_ != HandoverPhase::Flushing;
  timer_.cancel();
  phase_ = HandoverPhase::Idle;
  if (told_target) send(mcs::HandoverAbort{.cookie = cookie_, .why = why});
  actions_.resume_acting();
  finish(failure("mastership was not moved: " + why));
}

void Handover::finish(Result<std::string> outcome) {
  if (!done_) return;
  const Done done = std::move(done_);
  done_ = nullptr;
  done(std::move(outcome));
}

}  // namespace segw::chassis
