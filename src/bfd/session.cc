#include "bfd/session.h"

#include <algorithm>

namespace segw::bfd {
namespace {

using std::chrono::microseconds;

// RFC 5880 6.8.3: "When bfd.SessionState is not Up, the system MUST set bfd.DesiredMinTxInterval to
// a value of not less than one second (1,000,000 microseconds)."
constexpr Duration kSlow = std::chrono::seconds(1);
constexpr uint32_t kWhole = 100'000;

uint32_t to_us(Duration duration) {
  return static_cast<uint32_t>(std::chrono::duration_cast<microseconds>(duration).count());
}

}  // namespace

Session::Session(SessionSettings settings, Instant now)
    : settings_(std::move(settings)),
      last_sent_at_(now),
      xmit_sequence_(settings_.first_sequence) {}

Duration Session::desired_min_tx() const {
  return state_ == State::Up ? settings_.desired_min_tx : std::max(settings_.desired_min_tx, kSlow);
}

// 6.8.7: "equal to the greater of those two values", bfd.DesiredMinTxInterval and
// bfd.RemoteMinRxInterval.
Duration Session::transmit_interval() const { return std::max(desired_min_tx(), remote_min_rx_); }

Duration Session::receive_interval() const {
  return std::max(settings_.required_min_rx, remote_desired_min_tx_);
}

// 6.8.4: "the value of Detect Mult received from the remote system, multiplied by the agreed
// transmit interval of the remote system (the greater of bfd.RequiredMinRxInterval and the last
// received Desired Min TX Interval)".
Duration Session::detection_time() const { return remote_multiplier_ * receive_interval(); }

bool Session::remote_demand() const {
  return remote_demand_bit_ && state_ == State::Up && remote_state_ == State::Up;
}

bool Session::receive(const ControlPacket& packet, ByteView payload, Instant now) {
  std::string_view refused;
  if (settings_.keys.empty()) {
    // 6.8.6: "If the A bit is set and no authentication is in use (bfd.AuthType is zero), the
    // packet MUST be discarded."
    if (packet.authentication) refused = "auth-unexpected";
  } else if (!packet.authentication) {
    // "If the A bit is clear and authentication is in use (bfd.AuthType is nonzero), the packet
    // MUST be discarded."
    refused = "auth-missing";
  } else {
    refused = authenticate(packet, payload);
  }
  if (!refused.empty()) {
    discarded_.add(refused);
    return false;
  }
  received_at_ = now;
  heard_ = Heard::Lately;
  remote_discriminator_ = packet.my_discriminator;
  remote_state_ = packet.state;
  remote_diagnostic_ = packet.diagnostic;
  remote_demand_bit_ = packet.demand;
  remote_min_rx_ = microseconds(packet.required_min_rx_us);
  remote_desired_min_tx_ = microseconds(packet.desired_min_tx_us);
  remote_multiplier_ = packet.detect_multiplier;
  // "If a Poll Sequence is being transmitted by the local system and the Final (F) bit in the
  // received packet is set, the Poll Sequence MUST be terminated."
  if (packet.final_) polling_ = false;
  // "If the Poll (P) bit is set, send a BFD Control packet to the remote system with the Poll (P)
  // bit clear, and the Final (F) bit set"; 6.8.7: "without respect to the session state".
  if (packet.poll) final_owed_ = true;
  // "If bfd.SessionState is AdminDown, discard the packet."
  if (state_ != State::AdminDown) take_state(packet.state);
  return true;
}

// 6.7.4, except that a number is remembered only once the hash is right: the RFC takes the first
// one that it sees, from anybody.
std::string_view Session::authenticate(const ControlPacket& packet, ByteView payload) {
  const Authentication section = packet.authentication.value_or(Authentication{});
  // "If … the Auth Type is not correct …, then the received packet MUST be discarded."
  if (section.type != kMeticulousKeyedSha1) return "auth-type";
  // "If the Auth Len field is not equal to 28, the packet MUST be discarded."
  if (section.length != kAuthenticationSize) return "auth-len";
  // "If the Auth Key ID field does not match the ID of a configured authentication key, the
  // received packet MUST be discarded."
  const auto has_its_id = [&](const Key& key) { return key.id == section.key_id; };
  if (std::ranges::none_of(settings_.keys, has_its_id)) return "auth-key-id";
  // "For Meticulous Keyed SHA1, if the sequence number lies outside of the range of
  // bfd.RcvAuthSeq+1 to bfd.RcvAuthSeq+(3*Detect Mult) inclusive (when treated as an unsigned
  // 32-bit circular number space, the received packet MUST be discarded."
  if (received_sequence_) {
    const uint32_t ahead = section.sequence - *received_sequence_;
    if (ahead == 0 || ahead > 3U * packet.detect_multiplier) return "auth-sequence";
  }
  // Two keys may have one id: it has eight bits.
  const auto fitting = std::ranges::find_if(
      settings_.keys, [&](const Key& key) { return has_its_id(key) && authentic(payload, key); });
  if (fitting == settings_.keys.end()) return "auth-hash";
  if (fitting != settings_.keys.begin()) ++by_second_key_;
  received_sequence_ = section.sequence;
  return {};
}

// 6.8.6, the state machine.
void Session::take_state(State received) {
  if (received == State::AdminDown) {
    if (state_ != State::Down) enter(State::Down, Diagnostic::NeighborSignaledDown);
    if (says_ != Says::NeverUp) says_ = Says::AdminDown;
    return;
  }
  switch (state_) {
    case State::Down:
      if (received == State::Down) enter(State::Init, diagnostic_);
      if (received == State::Init) enter(State::Up, Diagnostic::None);
      return;
    case State::Init:
      if (received != State::Down) enter(State::Up, Diagnostic::None);
      return;
    case State::Up:
      if (received == State::Down) enter(State::Down, Diagnostic::NeighborSignaledDown);
      return;
    case State::AdminDown:
      return;
  }
}

void Session::enter(State next, Diagnostic why) {
  const Duration before = desired_min_tx();
  if (state_ == State::Up) says_ = Says::Down;
  state_ = next;
  diagnostic_ = why;
  if (state_ == State::Up) says_ = Says::Up;
  // 6.8.3: "If either bfd.DesiredMinTxInterval is changed or bfd.RequiredMinRxInterval is changed,
  // a Poll Sequence MUST be initiated".
  if (desired_min_tx() != before) polling_ = true;
}

std::optional<Instant> Session::silence_due() const {
  if (heard_ == Heard::Lately) return received_at_ + detection_time();
  if (heard_ == Heard::NotForOne) return received_at_ + 2 * detection_time();
  return std::nullopt;
}

bool Session::silent(Instant now) const {
  const auto since = silence_due();
  return since && now >= *since;
}

void Session::on_silence(Instant now) {
  if (!silent(now)) return;
  if (heard_ == Heard::NotForOne) {
    // 6.8.1, bfd.AuthSeqKnown: "This variable MUST be set to zero after no packets have been
    // received on this session for at least twice the Detection Time."
    received_sequence_.reset();
    heard_ = Heard::NotForTwo;
    return;
  }
  heard_ = Heard::NotForOne;
  // 6.8.1, bfd.RemoteDiscr: "If a period of a Detection Time passes without the receipt of a valid,
  // authenticated BFD packet from the remote system, this variable MUST be set to zero."
  remote_discriminator_ = 0;
  // 6.8.4: "and bfd.SessionState is Init or Up, the session has gone down -- the local system MUST
  // set bfd.SessionState to Down and bfd.LocalDiag to 1 (Control Detection Time Expired)."
  if (state_ == State::Init || state_ == State::Up) {
    enter(State::Down, Diagnostic::DetectionTimeExpired);
  }
}

void Session::give_up() {
  if (state_ == State::AdminDown || state_ == State::Down) return;
  enter(State::Down, Diagnostic::ForwardingPlaneReset);
}

void Session::set_admin_down(bool down) {
  if (down == (state_ == State::AdminDown)) return;
  // 6.8.16: "set bfd.SessionState to AdminDown … set bfd.LocalDiag to an appropriate value"; up
  // again: "Set bfd.SessionState to Down".
  enter(down ? State::AdminDown : State::Down,
        down ? Diagnostic::AdministrativelyDown : Diagnostic::None);
  if (down && says_ != Says::NeverUp) says_ = Says::AdminDown;
}

ControlPacket Session::contents() const {
  return ControlPacket{.diagnostic = diagnostic_,
                       .state = state_,
                       .detect_multiplier = settings_.detect_multiplier,
                       .my_discriminator = settings_.discriminator,
                       .your_discriminator = remote_discriminator_,
                       .desired_min_tx_us = to_us(desired_min_tx()),
                       .required_min_rx_us = to_us(settings_.required_min_rx)};
}

std::optional<Instant> Session::periodic_due() const {
  // 6.8.7: "A system MUST NOT periodically transmit BFD Control packets if bfd.RemoteMinRxInterval
  // is zero."
  if (remote_min_rx_ == Duration::zero()) return std::nullopt;
  // "A system MUST NOT periodically transmit BFD Control packets if Demand mode is active on the
  // remote system … and a Poll Sequence is not being transmitted."
  if (remote_demand() && !polling_) return std::nullopt;
  // Counted from the last packet by what is agreed now, so a shorter interval is honoured at once.
  if (!last_sent_) return last_sent_at_;
  return last_sent_at_ + transmit_interval() / kWhole * (kWhole - shortened_);
}

std::optional<Bytes> Session::next_packet(Instant now, uint64_t random) {
  ControlPacket packet = contents();
  if (final_owed_) {
    final_owed_ = false;
    packet.final_ = true;
    return send(packet, now, random);
  }
  // "A BFD Control packet SHOULD be transmitted during the interval between periodic Control packet
  // transmissions when the contents of that packet would differ from that in the previously
  // transmitted packet (other than the Poll and Final bits)".
  const bool news = last_sent_ && *last_sent_ != packet && remote_min_rx_ != Duration::zero();
  const auto periodic = periodic_due();
  if (!news && (!periodic || now < *periodic)) return std::nullopt;
  packet.poll = polling_;
  return send(packet, now, random);
}

Bytes Session::send(ControlPacket packet, Instant now, uint64_t random) {
  // 6.8.7: "The periodic transmission of BFD Control packets MUST be jittered on a per-packet basis
  // by up to 25% …. If bfd.DetectMult is equal to 1, the interval between transmitted BFD Control
  // packets MUST be no more than 90% of the negotiated transmission interval, and MUST be no less
  // than 75%".
  const uint32_t least = settings_.detect_multiplier == 1 ? kWhole / 10 : 0;
  const uint32_t most = kWhole / 4;
  shortened_ = least + static_cast<uint32_t>(random % (most - least + 1));
  last_sent_at_ = now;
  last_sent_ = packet;
  last_sent_->poll = false;
  last_sent_->final_ = false;
  if (settings_.keys.empty()) return encode(packet);
  return seal(packet, settings_.keys.front(), xmit_sequence_++);
}

std::optional<Instant> Session::due() const {
  if (final_owed_) return last_sent_at_;
  const auto periodic = periodic_due();
  const auto silence = silence_due();
  if (!periodic || !silence) return periodic ? periodic : silence;
  return std::min(*periodic, *silence);
}

}  // namespace segw::bfd
