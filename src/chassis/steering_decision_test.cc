#include "chassis/steering_decision.h"

#include <gtest/gtest.h>

namespace segw::chassis {
namespace {

using mimp::MasterState;
using platform::Target;

struct Row {
  MasterState role;
  HandoverPhase handover;
  bool peer_acts;
  Target from_service;
  Target from_shunt;
  bool announces;
};

SteeringFacts facts(MasterState role, HandoverPhase handover, bool peer_acts) {
  SteeringFacts facts{.role = role, .handover = handover, .counterpart = {}, .active = {}};
  if (peer_acts) facts.active = PeerIndex{0};
  return facts;
}

class SteeringMatrix : public testing::TestWithParam<Row> {};

TEST_P(SteeringMatrix, FollowsTheRole) {
  const Row& row = GetParam();
  const auto state = decide_steering(facts(row.role, row.handover, row.peer_acts));
  EXPECT_EQ(state.from_service, row.from_service);
  EXPECT_EQ(state.from_shunt, row.from_shunt);
  EXPECT_EQ(state.virtual_next_hops, row.announces);
}

INSTANTIATE_TEST_SUITE_P(
    Steering, SteeringMatrix,
    testing::Values(
        //  role, handover, peer acts -> from service, from shunt, announces
        Row{MasterState::Discovery, HandoverPhase::Idle, true, Target::Blackhole, Target::Blackhole,
            false},
        Row{MasterState::NotEligible, HandoverPhase::Idle, false, Target::Blackhole,
            Target::Blackhole, false},
        Row{MasterState::NotEligible, HandoverPhase::Idle, true, Target::Shunt, Target::Blackhole,
            false},
        Row{MasterState::Eligible, HandoverPhase::Idle, false, Target::Tun, Target::Tun, true},
        Row{MasterState::Standby, HandoverPhase::Idle, true, Target::Shunt, Target::Blackhole,
            false},
        Row{MasterState::Standby, HandoverPhase::Buffering, true, Target::Tun, Target::Tun, false},
        Row{MasterState::Master, HandoverPhase::Idle, false, Target::Tun, Target::Tun, true},
        Row{MasterState::Master, HandoverPhase::Flushing, false, Target::Tun, Target::Tun, true},
        Row{MasterState::Master, HandoverPhase::Preparing, false, Target::Tun, Target::Tun, true},
        Row{MasterState::Master, HandoverPhase::Freezing, false, Target::Shunt, Target::Blackhole,
            true},
        Row{MasterState::Master, HandoverPhase::Waiting, false, Target::Shunt, Target::Blackhole,
            true},
        Row{MasterState::Master, HandoverPhase::Unknown, false, Target::Shunt, Target::Blackhole,
            true}));

TEST(Steering, WhoWasOutrankedGoesOnAsBeforeUntilItIsMerged) {
  for (const bool peer_acts : {false, true}) {
    SteeringFacts serving = facts(MasterState::Standby, HandoverPhase::Idle, peer_acts);
    serving.serving = true;
    EXPECT_EQ(decide_steering(serving),
              decide_steering(facts(MasterState::Master, HandoverPhase::Idle, peer_acts)));
  }
}

TEST(Steering, WhoDoesNotHearTheActiveShuntsToNobody) {
  for (const auto role : {MasterState::Standby, MasterState::NotEligible}) {
    SteeringFacts blocked = facts(role, HandoverPhase::Idle, true);
    blocked.blocked = true;
    EXPECT_EQ(decide_steering(blocked), platform::SteeringState{});
  }
  // The target of a handover keeps what the old active, which it heard until now, shunts to it.
  SteeringFacts target = facts(MasterState::Standby, HandoverPhase::Buffering, true);
  target.blocked = true;
  EXPECT_EQ(decide_steering(target).from_shunt, Target::Tun);
}

TEST(Steering, NeverSendsBackWhatCameInByAShunt) {
  for (const auto role : {MasterState::Discovery, MasterState::NotEligible, MasterState::Eligible,
                          MasterState::Standby, MasterState::Master}) {
    for (const auto phase : {HandoverPhase::Idle, HandoverPhase::Flushing, HandoverPhase::Preparing,
                             HandoverPhase::Freezing, HandoverPhase::Waiting,
                             HandoverPhase::Unknown, HandoverPhase::Buffering}) {
      for (const bool peer_acts : {false, true}) {
        EXPECT_NE(decide_steering(facts(role, phase, peer_acts)).from_shunt, Target::Shunt);
      }
    }
  }
}

TEST(Steering, AStandbyShuntsToWhoeverIsActiveAndTheOldActiveToItsTarget) {
  SteeringFacts standby = facts(MasterState::Standby, HandoverPhase::Idle, false);
  EXPECT_EQ(decide_steering(standby).from_service, Target::Blackhole);
  standby.active = PeerIndex{2};
  EXPECT_EQ(decide_steering(standby).from_service, Target::Shunt);
  EXPECT_EQ(decide_steering(standby).shunt_to, 2);
  SteeringFacts old = facts(MasterState::Master, HandoverPhase::Waiting, false);
  old.counterpart = PeerIndex{1};
  EXPECT_EQ(decide_steering(old).from_service, Target::Shunt);
  EXPECT_EQ(decide_steering(old).shunt_to, 1);
}

}  // namespace
}  // namespace segw::chassis
