#include "mimp/in_sync_set.h"

#include <gtest/gtest.h>

namespace segw::mimp {
namespace {

using namespace std::chrono_literals;

constexpr Duration kHold = 1s;
constexpr Duration kLease = 1500ms;
constexpr Activation kNine{9};

Instant at(Duration since) { return Instant(100s + since); }

// Acting under 9, the peer granted, one renewal sent that echoes a beat heard at 0.
InSyncSet granted() {
  InSyncSet set;
  set.begin(kNine);
  set.admit();
  const auto told = set.sent(at(0s), kLease, kHold);
  EXPECT_TRUE(told && told->member);
  return set;
}

TEST(InSyncSet, IsEmptyUnderANewActivation) {
  InSyncSet set;
  EXPECT_FALSE(set.sent(at(0s), kLease, kHold)) << "not acting: no word of it";
  set.begin(kNine);
  EXPECT_FALSE(set.waits());
  const auto told = set.sent(at(0s), kLease, kHold);
  ASSERT_TRUE(told);
  EXPECT_FALSE(told->member);
  EXPECT_EQ(told->activation, kNine);
}

TEST(InSyncSet, WaitsFromTheMomentOfAdmission) {
  InSyncSet set;
  set.begin(kNine);
  set.admit();
  EXPECT_TRUE(set.waits());
  EXPECT_EQ(set.word().version, 2U);
}

TEST(InSyncSet, ARemovalThatNobodyWasToldOfIsDoneAtOnce) {
  InSyncSet set;
  set.begin(kNine);
  set.admit();
  set.remove();
  EXPECT_FALSE(set.waits());
}

TEST(InSyncSet, ARemovalWaitsForItsAcknowledgement) {
  InSyncSet set = granted();
  set.remove();
  EXPECT_TRUE(set.waits());
  set.on_ack({.activation = kNine, .version = 2});
  EXPECT_TRUE(set.waits()) << "of the grant, not of the removal";
  set.on_ack({.activation = Activation{8}, .version = 3});
  EXPECT_TRUE(set.waits()) << "of another activation";
  set.on_ack({.activation = kNine, .version = 3});
  EXPECT_FALSE(set.waits());
}

TEST(InSyncSet, ASilentMemberIsOutOnlyWhenItsGrantHasSurelyRunOut) {
  InSyncSet set = granted();
  (void)set.sent(at(400ms), kLease, kHold);
  set.remove();
  const Instant out = at(400ms + (kHold + kLease) * 11 / 10);
  EXPECT_EQ(set.surely_out_at(), out);
  set.expire(out - 1ns);
  EXPECT_TRUE(set.waits());
  (void)set.sent(at(3s), kLease, kHold);
  EXPECT_EQ(set.surely_out_at(), out) << "a hello that says removed renews nothing";
  set.expire(out);
  EXPECT_FALSE(set.waits());
}

TEST(InSyncSet, AGrantedMemberNeverRunsOutByItself) {
  InSyncSet set = granted();
  set.expire(at(1h));
  EXPECT_TRUE(set.waits());
}

TEST(InSyncSet, AMemberCanComeBackWhileItLeaves) {
  InSyncSet set = granted();
  set.remove();
  set.admit();
  EXPECT_EQ(set.word().version, 4U);
  set.on_ack({.activation = kNine, .version = 3});
  set.expire(at(1h));
  EXPECT_TRUE(set.waits());
}

TEST(InSyncSet, ARestartedPeerHoldsNothing) {
  InSyncSet set = granted();
  set.on_peer_restarted();
  EXPECT_FALSE(set.waits());
  set.admit();
  set.remove();
  EXPECT_FALSE(set.waits()) << "the new boot was never told that it is a member";
}

TEST(InSyncSet, AGrantOfAnEarlierActivationIsStillWaitedFor) {
  InSyncSet set = granted();
  set.end();
  EXPECT_FALSE(set.waits());
  EXPECT_TRUE(set.believed());
  set.begin(Activation{10});
  EXPECT_TRUE(set.waits());
  EXPECT_FALSE(set.sent(at(1s), kLease, kHold)->member);
  set.expire(at((kHold + kLease) * 11 / 10));
  EXPECT_FALSE(set.waits());
}

Grant grant(uint64_t activation, uint32_t version, bool member) {
  return {
      .activation = Activation{activation}, .version = version, .member = member, .lease = kLease};
}

TEST(MemberGrant, LastsItsLeaseFromTheLastRenewal) {
  MemberGrant member;
  EXPECT_FALSE(member.valid(at(0s), kNine));
  member.on_grant(grant(9, 2, true), at(0s));
  member.on_grant(grant(9, 2, true), at(500ms));
  EXPECT_TRUE(member.valid(at(500ms + kLease - 1ns), kNine));
  EXPECT_FALSE(member.valid(at(500ms + kLease), kNine));
}

TEST(MemberGrant, EndsByRemovalWhichIsAcknowledged) {
  MemberGrant member;
  member.on_grant(grant(9, 2, true), at(0s));
  EXPECT_EQ(member.ack(), (GrantAck{.activation = kNine, .version = 2}));
  member.on_grant(grant(9, 3, false), at(1ms));
  EXPECT_FALSE(member.valid(at(1ms), kNine));
  EXPECT_EQ(member.ack(), (GrantAck{.activation = kNine, .version = 3}));
  member.on_grant(grant(9, 2, true), at(2ms));
  EXPECT_FALSE(member.valid(at(2ms), kNine)) << "an older word";
}

TEST(MemberGrant, IsVoidOnceSomebodyActedUnderAHigherActivation) {
  MemberGrant member;
  member.on_grant(grant(9, 2, true), at(0s));
  EXPECT_FALSE(member.valid(at(1ms), Activation{10}));
  member.on_grant(grant(8, 7, true), at(0s));
  EXPECT_TRUE(member.valid(at(1ms), kNine)) << "an older activation's word changes nothing";
}

// Both ends with any delay: whatever the member accepts ends before the active stops to wait.
TEST(InSyncSet, TheActiveAlwaysWaitsLonger) {
  for (Duration beat_travel = 0ms; beat_travel <= 900ms; beat_travel += 90ms) {
    for (Duration renewal_travel = 0ms; renewal_travel <= 3s; renewal_travel += 100ms) {
      for (Duration gap = 0ms; gap <= 1s; gap += 100ms) {
        // The member's beat leaves at 0; the active's clock runs 10 % faster at most.
        const Duration heard = beat_travel;
        const Duration arrives = heard + gap + renewal_travel;
        if (arrives > kHold) continue;  // its echo is stale: not accepted
        InSyncSet set;
        set.begin(kNine);
        set.admit();
        (void)set.sent(at(heard), kLease, kHold);
        set.remove();
        EXPECT_GE(*set.surely_out_at(), at(arrives + kLease));
      }
    }
  }
}

TEST(InSyncSet, OfAPredecessorIsWaitedForUntilItRunsOutOrIsAcknowledged) {
  InSyncSet set;
  set.begin(kNine);
  set.inherit(at(3s));
  EXPECT_TRUE(set.waits());
  EXPECT_EQ(set.surely_out_at(), at(3s));
  const auto told = set.sent(at(0s), kLease, kHold);
  ASSERT_TRUE(told);
  EXPECT_FALSE(told->member);
  EXPECT_EQ(set.surely_out_at(), at(3s)) << "nothing was renewed";
  InSyncSet acknowledged = set;
  acknowledged.on_ack({.activation = kNine, .version = told->version});
  EXPECT_FALSE(acknowledged.waits());
  set.expire(at(3s));
  EXPECT_FALSE(set.waits());
}

}  // namespace
}  // namespace segw::mimp
