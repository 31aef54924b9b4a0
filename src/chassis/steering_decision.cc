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

SteeringState acting_state(HandoverPhase phase) {
  switch (phase) {
    case HandoverPhase::Idle:
    case HandoverPhase::Flushing:
    case HandoverPhase::Preparing:
    case HandoverPhase::Buffering:
      return kActing;
    case HandoverPhase::Freezing:
    case HandoverPhase::Waiting:
    case HandoverPhase::Unknown:
      return kHandedOver;
  }
  return kNothing;
}

}  // namespace

SteeringState decide_steering(const SteeringFacts& facts) {
  switch (facts.role) {
    case mimp::MasterState::Discovery:
      return kNothing;
    case mimp::MasterState::NotEligible:
      // A recorded deviation (rule 24): the original black-holes here even if a master is at hand.
      return facts.peer_acts ? kShunting : kNothing;
    case mimp::MasterState::Standby:
      return facts.handover == HandoverPhase::Buffering ? kBuffering : kShunting;
    case mimp::MasterState::Eligible:
    case mimp::MasterState::Master:
      return acting_state(facts.handover);
  }
  return kNothing;
}

}  // namespace segw::chassis
