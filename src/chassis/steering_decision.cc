#include "chassis/steering_decision.h"

namespace segw::chassis {
namespace {

using platform::SteeringState;
using platform::Target;

constexpr SteeringState kActing{
    .from_service = Target::Tun, .from_shunt = Target::Tun, .virtual_next_hops = true};
// The old active of a handover still draws traffic until the target has announced itself.
constexpr SteeringState kHandedOver{
    .from_service = Target::Shunt, .from_shunt = Target::Blackhole, .virtual_next_hops = true};
constexpr SteeringState kBuffering{
    .from_service = Target::Tun, .from_shunt = Target::Tun, .virtual_next_hops = false};
constexpr SteeringState kShunting{
    .from_service = Target::Shunt, .from_shunt = Target::Blackhole, .virtual_next_hops = false};
constexpr SteeringState kNothing{};

// To one peer; nothing leads to a place in the list that no peer has.
SteeringState towards(SteeringState state, PeerIndex peer) {
  state.shunt_to = peer.value;
  return state;
}

SteeringState acting_state(const SteeringFacts& facts) {
  switch (facts.handover) {
    case HandoverPhase::Idle:
    case HandoverPhase::Flushing:
    case HandoverPhase::Preparing:
    case HandoverPhase::Buffering:
      return kActing;
    case HandoverPhase::Freezing:
    case HandoverPhase::Waiting:
    case HandoverPhase::Unknown:
      return towards(kHandedOver, facts.counterpart);
  }
  return kNothing;
}

// Redundancy rule 4: "A blocked node … without a path to the active … blackholes and withdraws."
// Who does not hear the active has no path that it knows of.
SteeringState shunting_state(const SteeringFacts& facts) {
  return facts.active && !facts.blocked ? towards(kShunting, *facts.active) : kNothing;
}

}  // namespace

SteeringState decide_steering(const SteeringFacts& facts) {
  switch (facts.role) {
    case mimp::MasterState::Discovery:
      return kNothing;
    case mimp::MasterState::NotEligible:
      // A recorded deviation (rule 24): the original black-holes here even if a master is at hand.
      return shunting_state(facts);
    case mimp::MasterState::Standby:
      if (facts.serving) return kActing;
      return facts.handover == HandoverPhase::Buffering ? kBuffering : shunting_state(facts);
    case mimp::MasterState::Eligible:
    case mimp::MasterState::Master:
      return acting_state(facts);
  }
  return kNothing;
}

}  // namespace segw::chassis
