// The in-sync set of a pair, as the service around it grants and ends a membership.
#include <gtest/gtest.h>

#include "mimp/mimp_service.h"
#include "mimp/testing.h"

namespace segw::mimp::testing {
namespace {

using namespace std::chrono_literals;
using enum MasterState;

TEST(InSyncSetOfAPair, ASilentStandbyIsWaitedForUntilItsGrantHasRunOut) {
  Pair pair;
  pair.settle();
  pair.network.cut(pair.a.address(), pair.b.address());
  pair.run(2s);
  EXPECT_EQ(pair.a.state(), Eligible);
  EXPECT_TRUE(pair.a.service().in_sync_set(PeerIndex{0})) << "B may have taken over cleanly";
  pair.run(2s);
  EXPECT_FALSE(pair.a.service().in_sync_set(PeerIndex{0}));
}

TEST(InSyncSetOfAPair, StaysWhatItWasUntilTheLossOfTheRoleIsTold) {
  Pair pair;
  pair.settle();
  ASSERT_TRUE(pair.a.service().in_sync_set(PeerIndex{0}));
  pair.a.service().set_eligible(false, 0, "isa down");
  ASSERT_EQ(pair.a.service().state(), NotEligible);
  ASSERT_EQ(pair.a.roles.back().to, Master) << "its chassis has not heard of it";
  EXPECT_TRUE(pair.a.service().in_sync_set(PeerIndex{0}));
  pair.run(1ms);
  ASSERT_EQ(pair.a.roles.back().to, NotEligible);
  EXPECT_FALSE(pair.a.service().in_sync_set(PeerIndex{0}));
}

TEST(InSyncSetOfAPair, WhoWasNoMemberIsNoneWhenTheRoleIsLost) {
  Pair pair;
  pair.settle();
  pair.a.service().set_peer_synced(PeerIndex{0}, false);
  pair.run(10ms);
  pair.a.service().set_eligible(false, 0, "isa down");
  ASSERT_EQ(pair.a.roles.back().to, Master);
  EXPECT_FALSE(pair.a.service().in_sync_set(PeerIndex{0}));
}

TEST(InSyncSetOfAPair, ARemovalIsAcknowledgedInARoundTrip) {
  Pair pair;
  pair.settle();
  pair.a.service().set_peer_synced(PeerIndex{0}, false);
  EXPECT_TRUE(pair.a.service().in_sync_set(PeerIndex{0}));
  pair.run(10ms);
  EXPECT_FALSE(pair.a.service().in_sync_set(PeerIndex{0}));
  EXPECT_FALSE(pair.b.service().in_sync());
  pair.a.service().set_peer_synced(PeerIndex{0}, true);
  EXPECT_TRUE(pair.a.service().in_sync_set(PeerIndex{0})) << "from the very call";
  pair.run(10ms);
  EXPECT_TRUE(pair.b.service().in_sync());
}

}  // namespace
}  // namespace segw::mimp::testing
