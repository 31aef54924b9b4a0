#include "chassis/protection.h"

#include <gtest/gtest.h>

#include <functional>

namespace segw::chassis {
namespace {

using mimp::MasterState;

PeerProtection standby() {
  return {.name = "10.0.0.2",
          .reachable = true,
          .state = MasterState::Standby,
          .in_sync = true,
          .sync = mcs::SyncState::InSync};
}

PeerProtection active() {
  PeerProtection peer = standby();
  peer.state = MasterState::Master;
  return peer;
}
PeerProtection with(PeerProtection peer, const std::function<void(PeerProtection&)>& change) {
  change(peer);
  return peer;
}

struct Row {
  std::string_view name;
  ProtectionFacts facts;
  std::string_view why;
};

class NotNominal : public testing::TestWithParam<Row> {};

TEST_P(NotNominal, HasItsReason) { EXPECT_EQ(why_not_nominal(GetParam().facts), GetParam().why); }

std::string name_of(const testing::TestParamInfo<Row>& row) { return std::string(row.param.name); }

// Redundancy rule 26. Every reason, and beside each what is nominal although it looks like it.
INSTANTIATE_TEST_SUITE_P(
    AsActive, NotNominal,
    testing::Values(
        Row{"Nominal", {.role = MasterState::Master, .peers = {standby()}}, ""},
        Row{"NoPeer", {.role = MasterState::Master, .peers = {}}, "no peer is configured"},
        Row{"NoneReachable",
            {.role = MasterState::Master,
             .peers = {with(standby(), [](auto& peer) { peer.reachable = false; })}},
            "no peer is reachable"},
        Row{"Alone", {.role = MasterState::Eligible, .peers = {standby()}}, "no peer is reachable"},
        Row{"Merging",
            {.role = MasterState::Master, .merging = true, .peers = {standby()}},
            "a split is being healed"},
        Row{"OnlyOneThatIsDown",
            {.role = MasterState::Master,
             .peers = {with(standby(), [](auto& peer) { peer.state = MasterState::NotEligible; })}},
            "no peer is standby"},
        Row{"OneIsDownAndAnotherProtects",
            {.role = MasterState::Master,
             .peers = {with(standby(), [](auto& peer) { peer.state = MasterState::NotEligible; }),
                       standby()}},
            ""},
        Row{"OneIsUnreachableAndAnotherProtects",
            {.role = MasterState::Master,
             .peers = {with(standby(), [](auto& peer) { peer.reachable = false; }), standby()}},
            ""},
        Row{"OneActsToo",
            {.role = MasterState::Master, .peers = {standby(), active()}},
            "peer 10.0.0.2 is master"},
        Row{"OneIsInDiscovery",
            {.role = MasterState::Master,
             .peers = {standby(),
                       with(standby(), [](auto& peer) { peer.state = MasterState::Discovery; })}},
            "peer 10.0.0.2 is discovery"},
        Row{"OneIsNoMember",
            {.role = MasterState::Master,
             .peers = {standby(), with(standby(), [](auto& peer) { peer.in_sync = false; })}},
            "peer 10.0.0.2 is not in sync"},
        Row{"OneIsBeingCopiedTo",
            {.role = MasterState::Master,
             .peers = {with(standby(),
                            [](auto& peer) { peer.sync = mcs::SyncState::SyncInProgress; })}},
            "peer 10.0.0.2 is being synchronised"},
        Row{"OneLacksRecords",
            {.role = MasterState::Master,
             .peers = {standby(), with(standby(), [](auto& peer) { peer.unusable = 1; })}},
            "peer 10.0.0.2 could not use all records"},
        Row{"OneMayNotSendOnSomeSas",
            {.role = MasterState::Master,
             .peers = {with(standby(), [](auto& peer) { peer.unsealable = 3; })}},
            "peer 10.0.0.2 lost its state folder, and 3 SAs are not rekeyed yet"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Elsewhere, NotNominal,
    testing::Values(
        Row{"Nominal", {.role = MasterState::Standby, .in_sync = true, .peers = {active()}}, ""},
        Row{"Discovery",
            {.role = MasterState::Discovery, .in_sync = true, .peers = {active()}},
            "no election yet"},
        Row{"NotEligible",
            {.role = MasterState::NotEligible, .in_sync = true, .peers = {active()}},
            "the tunnel group is down here"},
        Row{"Blocked",
            {.role = MasterState::Standby, .blocked = true, .peers = {standby()}},
            "the active is heard by other peers only"},
        Row{"NotInSync",
            {.role = MasterState::Standby, .peers = {active()}},
            "this chassis is not in sync"},
        Row{"MayNotSendOnSomeSas",
            {.role = MasterState::Standby, .in_sync = true, .unsealable = 2, .peers = {active()}},
            "this chassis lost its state folder, and 2 SAs are not rekeyed yet"},
        Row{"TooManyTunnels",
            {.role = MasterState::Standby, .in_sync = true, .failed = 5, .peers = {active()}},
            "5 tunnels do not fit into the ISAs"},
        Row{"AnotherStandbyIsNotInSync",
            {.role = MasterState::Standby,
             .in_sync = true,
             .peers = {active(), with(standby(), [](auto& peer) { peer.in_sync = false; })}},
            "peer 10.0.0.2 is not in sync"},
        Row{"AnotherThatIsNotHeardIsTheActivesToJudge",
            {.role = MasterState::Standby,
             .in_sync = true,
             .peers = {active(),
                       with(standby(), [](auto& peer) { peer.in_sync = peer.reachable = false; })}},
            ""}),
    name_of);

}  // namespace
}  // namespace segw::chassis
