#include "mimp/election.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <vector>

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

PeerSide told(const Side& side) { return PeerSide{side, true, true}; }
MasterState elected(const Side& self, const PeerSide& peer) {
  return elect({.self = self, .peers = {peer}}).state;
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
  Side self{.standing = in_state(row.self), .address = kLow};
  const PeerSide peer = told({.standing = in_state(row.peer), .address = kHigh});
  self.standing.priority = 200;
  EXPECT_EQ(elected(self, peer), row.outranking);
  self.standing.priority = 50;
  EXPECT_EQ(elected(self, peer), row.outranked);
}

// Designated roles decide as priorities do, and before them.
TEST_P(ElectionMatrix, ElectsByRole) {
  const Row& row = GetParam();
  Side self{.standing = in_state(row.self), .address = kLow};
  Side peer{.standing = in_state(row.peer), .address = kHigh};
  self.standing.role = DesignatedRole::Active;
  peer.standing.priority = 255;
  EXPECT_EQ(elected(self, told(peer)), row.outranking);
  std::swap(self.standing.role, peer.standing.role);
  std::swap(self.standing.priority, peer.standing.priority);
  EXPECT_EQ(elected(self, told(peer)), row.outranked);
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
    EXPECT_EQ(elect({.self = {.standing = in_state(state), .address = kLow}}).state, Eligible);
  }
  EXPECT_EQ(elect({.self = {.standing = in_state(NotEligible), .address = kLow}}).state,
            NotEligible);
}

// Takes an index apart into choices.
class Choices {
 public:
  explicit Choices(unsigned index) : rest_(index) {}
  unsigned take(unsigned of) {
    const unsigned value = rest_ % of;
    rest_ /= of;
    return value;
  }
  bool flip() { return take(2) == 1; }

 private:
  unsigned rest_;
};

// Every node sees all others, and each knows the others' present standings: never two masters, one
// whenever somebody is eligible, and the others are to follow that one.
void expect_agreement(const std::vector<Side>& sides, unsigned index) {
  size_t masters = 0;
  size_t master = 0;
  bool somebody = false;
  for (size_t self = 0; self < sides.size(); ++self) {
    View view{.self = sides[self]};
    for (size_t peer = 0; peer < sides.size(); ++peer) {
      if (peer != self) view.peers.push_back(told(sides[peer]));
    }
    const Outcome outcome = elect(view);
    ASSERT_NE(outcome.state, Discovery) << index;
    somebody = somebody || sides[self].standing.eligible;
    if (!acting(outcome.state)) continue;
    ++masters;
    master = self;
  }
  ASSERT_EQ(masters, somebody ? 1U : 0U) << index;
  const auto active = active_of(sides);
  if (active && sides[*active].standing.eligible) {
    ASSERT_EQ(*active, master) << index;
  }
}

constexpr std::array kStates{Discovery, NotEligible, Eligible, Standby, Master};

TEST(Election, TwoNodesAlwaysAgree) {
  unsigned index = 0;
  for (; index < 5U * 5U * 2U * 2U * 2U * 2U * 3U * 3U * 2U; ++index) {
    Choices choices(index);
    std::vector<Side> sides(2);
    for (Side& side : sides) {
      side.standing = in_state(kStates.at(choices.take(5)));
      side.standing.in_sync = side.standing.in_sync || choices.flip();
      side.standing.held = choices.flip();
    }
    sides[0].address = kLow;
    sides[1].address = kHigh;
    sides[0].standing.priority = static_cast<uint8_t>(100 + choices.take(3));
    sides[1].standing.priority = 101;
    sides[0].standing.active_isas = static_cast<uint8_t>(1 + choices.take(3));
    sides[1].standing.active_isas = 2;
    if (choices.flip()) sides[1].standing.role = DesignatedRole::Active;
    ASSERT_NO_FATAL_FAILURE(expect_agreement(sides, index));
  }
  EXPECT_EQ(index, 7200U);
}

// Of each node: not eligible, standby, standby in sync, acting, acting and held; two roles, two
// priorities. Two of them may have the same router id.
TEST(Election, ThreeAndFourNodesAlwaysAgree) {
  unsigned nodes_seen = 0;
  for (const size_t size : {3U, 4U}) {
    unsigned total = 1;
    for (size_t at = 0; at < size; ++at) total *= 5U * 2U * (size == 3 ? 2U : 1U);
    for (unsigned index = 0; index < total; ++index) {
      Choices choices(index);
      std::vector<Side> sides(size);
      for (size_t at = 0; at < size; ++at) {
        const unsigned kind = choices.take(5);
        Side& side = sides[at];
        side.standing = in_state(kind == 0 ? NotEligible : kind < 3 ? Standby : Master);
        side.standing.in_sync = kind >= 2;
        side.standing.held = kind == 4;
        side.standing.role = choices.flip() ? DesignatedRole::Active : DesignatedRole::Standby;
        if (size == 3 && choices.flip()) side.standing.priority = 200;
        side.address = at == 1 ? kLow : kHigh;
        side.nonce = Nonce{static_cast<uint8_t>(at + 1)};
      }
      ASSERT_NO_FATAL_FAILURE(expect_agreement(sides, index));
      ++nodes_seen;
    }
  }
  EXPECT_EQ(nodes_seen, 8000U + 10'000U);
}

// The same, where one took over from another as planned and a third acts as well.
TEST(Election, ThreeThatActAgreeWhoeverSucceededWhom) {
  for (unsigned index = 0; index < 3U * 2U * 2U * 2U * 2U * 6U; ++index) {
    Choices choices(index);
    std::vector<Side> sides(3);
    for (size_t at = 0; at < 3; ++at) {
      sides[at].standing = in_state(Master);
      sides[at].standing.held = choices.flip();
      sides[at].address = IpAddress::v4(static_cast<uint32_t>(10 + at));
    }
    const unsigned successor = choices.take(3);
    const unsigned old = (successor + 1 + choices.take(2)) % 3;
    sides[successor].standing.acting_under = Activation{6};
    sides[successor].standing.succeeds = Activation{5};
    sides[3 - successor - old].standing.acting_under = Activation{4 + choices.take(6)};
    ASSERT_NO_FATAL_FAILURE(expect_agreement(sides, index));
  }
}

struct Fixture {
  Side self{.standing = in_state(Standby), .address = kLow};
  PeerSide peer = told({.standing = in_state(Discovery), .address = kHigh});
  [[nodiscard]] MasterState outcome() const { return elected(self, peer); }
};

TEST(Election, InSyncGoesBeforeRoleAndPriority) {
  Fixture f;
  f.self.standing.in_sync = true;
  f.peer.standing.priority = 255;
  f.peer.standing.role = DesignatedRole::Active;
  EXPECT_EQ(f.outcome(), Master);
  f.peer.standing.in_sync = true;
  EXPECT_EQ(f.outcome(), Standby);
}

TEST(Election, TiesFallToIsasThenAddress) {
  Fixture f;
  EXPECT_EQ(f.outcome(), Standby) << "the lower address";
  f.self.standing.active_isas = 1;
  EXPECT_EQ(f.outcome(), Master);
}

TEST(Election, NobodyBeginsToActOnFactsThatAPeerDoesNotKnow) {
  Fixture f;
  f.self.standing.priority = 200;
  f.peer.knows_us = false;
  EXPECT_EQ(f.outcome(), Standby);
  f.self.standing.state = Discovery;
  EXPECT_EQ(f.outcome(), Discovery);
  View three{.self = f.self, .peers = {f.peer, f.peer}};
  three.peers[0].knows_us = true;
  EXPECT_EQ(elect(three).state, Discovery) << "one of two is not enough";
}

TEST(Election, AStandbyNeedsNoWordOfAPeerThatIsNotEligible) {
  Fixture f;
  f.peer.standing = in_state(NotEligible);
  f.peer.knows_us = false;
  EXPECT_EQ(f.outcome(), Master);
  f.peer.knows_eligible = false;
  EXPECT_EQ(f.outcome(), Standby) << "it may have taken over just now";
}

TEST(Election, OneThatNeverHeldTheGroupYieldsWhenTwoAct) {
  Fixture f;
  f.self.standing = in_state(Eligible);
  f.peer.standing = in_state(Eligible);
  f.self.standing.priority = 200;
  f.self.standing.held = false;
  EXPECT_EQ(f.outcome(), Standby);
}

TEST(Election, APlannedSuccessorGoesBeforePriority) {
  Fixture f;
  f.self.standing = in_state(Master);
  f.self.standing.priority = 200;
  f.peer.standing = in_state(Master);
  f.peer.standing.acting_under = Activation{6};
  f.peer.standing.succeeds = Activation{5};
  const Outcome outcome = elect({.self = f.self, .peers = {f.peer}});
  EXPECT_EQ(outcome.state, Standby);
  EXPECT_EQ(outcome.cause, Cause::Succeeded);
  EXPECT_TRUE(succeeded_by(f.self.standing, f.peer.standing));
  f.peer.standing.succeeds = Activation{4};
  EXPECT_EQ(f.outcome(), Master);
}

TEST(Election, AVouchedActiveKeepsAStandbyAndOutranksByTheSameOrder) {
  Fixture f;
  const Side far{.standing = in_state(Master), .address = IpAddress::v4(0xC0000203)};
  View view{.self = f.self, .peers = {f.peer}, .vouched = {far}};
  Outcome outcome = elect(view);
  EXPECT_EQ(outcome.state, Standby);
  EXPECT_EQ(outcome.cause, Cause::Vouched);
  view.self.standing = in_state(Master);
  outcome = elect(view);
  EXPECT_EQ(outcome.state, Standby) << "its address is higher";
  EXPECT_EQ(outcome.cause, Cause::TwoActed);
  view.self.standing.priority = 200;
  EXPECT_EQ(elect(view).state, Master);
}

TEST(Election, TheNextInOrderIsAStandby) {
  std::vector<Side> sides(3);
  sides[0].standing = in_state(Master);
  sides[0].standing.priority = 255;
  sides[1].standing = in_state(Standby);
  sides[2].standing = in_state(Standby);
  sides[2].standing.in_sync = true;
  EXPECT_EQ(next_of(sides), 2U);
  sides[1].standing.in_sync = true;
  sides[1].standing.role = DesignatedRole::Active;
  EXPECT_EQ(next_of(sides), 1U);
  EXPECT_EQ(next_of({sides[0]}), std::nullopt);
  EXPECT_EQ(active_of(sides), 0U);
  EXPECT_EQ(active_of({sides[1], sides[2]}), std::nullopt);
}

}  // namespace
}  // namespace segw::mimp
