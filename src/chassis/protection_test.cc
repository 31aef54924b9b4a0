#include "chassis/protection.h"

#include <gtest/gtest.h>

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

TEST(Protection, IsNominalBesideAStandbyThatHasAll) {
  EXPECT_EQ(why_not_nominal({.role = MasterState::Master, .peers = {standby()}}), "");
}

TEST(Protection, IsNotNominalWhileAStandbyMayNotSendOnSomeSas) {
  PeerProtection peer = standby();
  peer.unsealable = 3;
  EXPECT_EQ(why_not_nominal({.role = MasterState::Master, .peers = {peer}}),
            "peer 10.0.0.2 lost its state folder, and 3 SAs are not rekeyed yet");
}

TEST(Protection, TheStandbyItselfSaysSoToo) {
  PeerProtection active = standby();
  active.state = MasterState::Master;
  EXPECT_EQ(
      why_not_nominal(
          {.role = MasterState::Standby, .in_sync = true, .unsealable = 2, .peers = {active}}),
      "this chassis lost its state folder, and 2 SAs are not rekeyed yet");
}

}  // namespace
}  // namespace segw::chassis
