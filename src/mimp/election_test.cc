#include "mimp/election.h"

#include <gtest/gtest.h>

#include <array>

namespace segw::mimp {
namespace {

using enum MasterState;

const IpAddress kLow = IpAddress::v4(0xC0000201);
const IpAddress kHigh = IpAddress::v4(0xC0000202);

Standing in_state(MasterState state) {
  Standing standing{.state = state, .eligible = state != NotEligible, .activation = Activation{5}};
  if (acting(state)) standing.acting_under = Activation{5};
  standing.in_sync = acting(state);
  standing.held = acting(state);
  return standing;
}

// Both eligible unless NotEligible, all else equal but the priority, and the peer knows us.
struct Row {
  MasterState self;
  MasterState peer;
  MasterState outranking;  // our priority is higher
  MasterState outranked;   // the peer's is
};

class ElectionMatrix : public testing::TestWithParam<Row> {};

TEST_P(ElectionMatrix, Elects) {
  const Row& row = GetParam();
  LocalSide self{.standing = in_state(row.self), .address = kLow};
  PeerSide peer{
      .standing = in_state(row.peer), .address = kHigh, .knows_us = true, .knows_eligible = true};
  self.standing.priority = 200;
  EXPECT_EQ(elect(self, peer), row.outranking);
  self.standing.priority = 50;
  EXPECT_EQ(elect(self, peer), row.outranked);
}

//                                       self         peer         outranking   outranked
INSTANTIATE_TEST_SUITE_P(Mimp, ElectionMatrix,
                         testing::Values(Row{Discovery, Discovery, Master, Standby},   //
                                         Row{Discovery, NotEligible, Master, Master},  //
                                         Row{Discovery, Eligible, Standby, Standby},   //
                                         Row{Discovery, Standby, Master, Standby},     //
                                         Row{Discovery, Master, Standby, Standby},     //
                                         Row{NotEligible, Discovery, NotEligible, NotEligible},
                                         Row{NotEligible, NotEligible, NotEligible, NotEligible},
                                         Row{NotEligible, Eligible, NotEligible, NotEligible},
                                         Row{NotEligible, Standby, NotEligible, NotEligible},
                                         Row{NotEligible, Master, NotEligible, NotEligible},  //
                                         Row{Eligible, Discovery, Master, Master},            //
                                         Row{Eligible, NotEligible, Master, Master},          //
                                         Row{Eligible, Eligible, Master, Standby},            //
                                         Row{Eligible, Standby, Master, Master},              //
                                         Row{Eligible, Master, Master, Standby},              //
                                         Row{Standby, Discovery, Master, Standby},            //
                                         Row{Standby, NotEligible, Master, Master},           //
                                         Row{Standby, Eligible, Standby, Standby},            //
                                         Row{Standby, Standby, Master, Standby},              //
                                         Row{Standby, Master, Standby, Standby},              //
                                         Row{Master, Discovery, Master, Master},              //
                                         Row{Master, NotEligible, Master, Master},            //
                                         Row{Master, Eligible, Master, Standby},              //
                                         Row{Master, Standby, Master, Master},                //
                                         Row{Master, Master, Master, Standby}));

TEST(Election, WithoutAPeerTheEligibleActs) {
  for (const MasterState state : {Discovery, Eligible, Standby, Master}) {
    EXPECT_EQ(elect({.standing = in_state(state), .address = kLow}, std::nullopt), Eligible);
  }
  EXPECT_EQ(elect({.standing = in_state(NotEligible), .address = kLow}, std::nullopt), NotEligible);
}

// Every combination of both sides, seen from both sides, where each knows the other's present
// standing: never two masters, and one whenever somebody is eligible.
TEST(Election, BothSidesAlwaysAgree) {
  constexpr std::array kStates{Discovery, NotEligible, Eligible, Standby, Master};
  int pairs = 0;
  for (unsigned bits = 0; bits < 5U * 5U * 2U * 2U * 2U * 2U * 3U * 3U; ++bits) {
    unsigned rest = bits;
    const auto take = [&rest](unsigned of) {
      const unsigned value = rest % of;
      rest /= of;
      return value;
    };
    LocalSide a{.standing = in_state(kStates.at(take(5))), .address = kLow};
    LocalSide b{.standing = in_state(kStates.at(take(5))), .address = kHigh};
    a.standing.in_sync = a.standing.in_sync || take(2) == 1;
    b.standing.in_sync = b.standing.in_sync || take(2) == 1;
    a.standing.held = take(2) == 1;
    b.standing.held = take(2) == 1;
    a.standing.priority = static_cast<uint8_t>(100 + take(3));
    b.standing.priority = 101;
    a.standing.active_isas = static_cast<uint8_t>(1 + take(3));
    b.standing.active_isas = 2;
    const auto told = [](const LocalSide& side) {
      return PeerSide{.standing = side.standing,
                      .address = side.address,
                      .knows_us = true,
                      .knows_eligible = true};
    };
    const MasterState of_a = elect(a, told(b));
    const MasterState of_b = elect(b, told(a));
    EXPECT_FALSE(acting(of_a) && acting(of_b)) << bits;
    if (a.standing.eligible || b.standing.eligible) {
      EXPECT_TRUE(acting(of_a) || acting(of_b)) << bits;
    }
    ++pairs;
  }
  EXPECT_EQ(pairs, 3600);
}

struct Fixture {
  LocalSide self{.standing = in_state(Standby), .address = kLow};
  PeerSide peer{
      .standing = in_state(Discovery), .address = kHigh, .knows_us = true, .knows_eligible = true};
};

TEST(Election, InSyncGoesBeforePriority) {
  Fixture f;
  f.self.standing.in_sync = true;
  f.peer.standing.priority = 255;
  EXPECT_EQ(elect(f.self, f.peer), Master);
  f.peer.standing.in_sync = true;
  EXPECT_EQ(elect(f.self, f.peer), Standby);
}

TEST(Election, TiesFallToIsasThenAddress) {
  Fixture f;
  EXPECT_EQ(elect(f.self, f.peer), Standby) << "the lower address";
  f.self.standing.active_isas = 1;
  EXPECT_EQ(elect(f.self, f.peer), Master);
}

TEST(Election, NobodyBeginsToActOnFactsThatThePeerDoesNotKnow) {
  Fixture f;
  f.self.standing.priority = 200;
  f.peer.knows_us = false;
  EXPECT_EQ(elect(f.self, f.peer), Standby);
  f.self.standing.state = Discovery;
  EXPECT_EQ(elect(f.self, f.peer), Discovery);
}

TEST(Election, AStandbyNeedsNoWordOfAPeerThatIsNotEligible) {
  Fixture f;
  f.peer.standing = in_state(NotEligible);
  f.peer.knows_us = false;
  EXPECT_EQ(elect(f.self, f.peer), Master);
  f.peer.knows_eligible = false;
  EXPECT_EQ(elect(f.self, f.peer), Standby) << "it may have taken over just now";
}

TEST(Election, OneThatNeverHeldTheGroupYieldsWhenTwoAct) {
  Fixture f;
  f.self.standing = in_state(Eligible);
  f.peer.standing = in_state(Eligible);
  f.self.standing.priority = 200;
  f.self.standing.held = false;
  EXPECT_EQ(elect(f.self, f.peer), Standby);
}

TEST(Election, APlannedSuccessorGoesBeforePriority) {
  Fixture f;
  f.self.standing = in_state(Master);
  f.self.standing.priority = 200;
  f.peer.standing = in_state(Master);
  f.peer.standing.acting_under = Activation{6};
  f.peer.standing.succeeds = Activation{5};
  EXPECT_EQ(elect(f.self, f.peer), Standby);
  EXPECT_TRUE(succeeded_by(f.self.standing, f.peer.standing));
  EXPECT_EQ(reason(f.self, f.peer), "the peer took over as planned");
  f.peer.standing.succeeds = Activation{4};
  EXPECT_EQ(elect(f.self, f.peer), Master);
}

}  // namespace
}  // namespace segw::mimp
