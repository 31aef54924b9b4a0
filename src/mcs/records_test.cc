#include "mcs/records.h"

#include <gtest/gtest.h>

#include "mcs/testing_records.h"

namespace segw::mcs::testing {
namespace {

GrantChange grant(uint32_t spi, std::array<uint64_t, esp::kSlotsMax> bound, uint8_t grantee = 1) {
  GrantChange change{.inbound_spi = Spi{spi}};
  change.grants.grantee = Slot{grantee};
  change.grants.bound = bound;
  return change;
}

TEST(Records, AnIkeSaIsKeptByOurSpiAndReplacedAsAWhole) {
  GroupState state;
  ike::IkeSa sa = ike_sa(1);
  sa.pending = ike::PendingRequest{.message_id = 4, .datagrams = {{1, 2, 3}}};
  EXPECT_EQ(apply(state, sa), "");
  ike::IkeSa next = ike_sa(1);
  next.next_request_in = 9;
  EXPECT_EQ(apply(state, next), "");
  ASSERT_EQ(state.ike_sas.size(), 1U);
  EXPECT_TRUE(same(state.ike_sas.at(IkeSpi{1}), next));
}

TEST(Records, OurSpiIsTheInitiatorsIfWeInitiated) {
  GroupState state;
  ike::IkeSa sa = ike_sa(1);
  sa.we_initiated = true;
  EXPECT_EQ(apply(state, sa), "");
  EXPECT_TRUE(state.ike_sas.contains(sa.initiator_spi));
  EXPECT_FALSE(state.ike_sas.contains(sa.responder_spi));
}

TEST(Records, SasWithoutASpiAreUnusable) {
  GroupState state;
  EXPECT_EQ(apply(state, ike_sa(0)), "ike-sa-without-spi");
  EXPECT_EQ(apply(state, child_sa(0)), "child-sa-without-spi");
  EXPECT_TRUE(state.ike_sas.empty());
  EXPECT_TRUE(state.child_sas.empty());
}

// In a copy the successor of a rekeyed IKE SA may come by the journal, after its children.
TEST(Records, AChildSaMayComeBeforeItsIkeSa) {
  GroupState state;
  EXPECT_EQ(apply(state, child_sa(300, 77)), "");
  EXPECT_TRUE(same(state.child_sas.at(Spi{300}), child_sa(300, 77)));
  EXPECT_TRUE(state.ike_sas.empty());
}

TEST(Records, AChildSaIsReplacedButItsBoundsOnlyGrow) {
  GroupState state;
  esp::ChildSa first = child_sa(300);
  first.grants.bound = {100, 200, 0, 7};
  ASSERT_EQ(apply(state, first), "");
  esp::ChildSa second = child_sa(300);
  second.outbound_spi = Spi{9999};
  second.rekeyed = true;
  second.grants.grantee = Slot{1};
  second.grants.bound = {50, 300, 1, 0};
  ASSERT_EQ(apply(state, second), "");
  second.grants.bound = {100, 300, 1, 7};
  EXPECT_TRUE(same(state.child_sas.at(Spi{300}), second));
}

TEST(Records, AGrantGrowsBoundsAndNamesItsGrantee) {
  GroupState state;
  esp::ChildSa sa = child_sa(300);
  sa.grants.bound = {100, 200, 0, 0};
  ASSERT_EQ(apply(state, sa), "");
  EXPECT_EQ(apply(state, grant(300, {400, 20, 5, 0})), "");
  sa.grants.grantee = Slot{1};
  sa.grants.bound = {400, 200, 5, 0};
  EXPECT_TRUE(same(state.child_sas.at(Spi{300}), sa)) << "and nothing else has changed";
}

TEST(Records, AGrantOfADeletedChildSaIsNoFault) {
  GroupState state;
  EXPECT_EQ(apply(state, grant(300, {1, 2, 3, 4})), "");
  EXPECT_TRUE(state.child_sas.empty());
}

TEST(Records, AGrantForAnotherNumberOfSlotsIsUnusableAndChangesNothing) {
  GroupState state;
  ASSERT_EQ(apply(state, child_sa(300)), "");
  GrantChange change = grant(300, {1, 2, 3, 4});
  change.grants.slots = 4;
  EXPECT_EQ(apply(state, change), "grant-slots-differ");
  EXPECT_TRUE(same(state.child_sas.at(Spi{300}), child_sa(300)));
}

TEST(Records, ADeletedChildSaTakesItsWindowAlongAndNothingElse) {
  GroupState state;
  for (const uint32_t spi : {300U, 301U}) {
    ASSERT_EQ(apply(state, child_sa(spi)), "");
    state.windows[Spi{spi}] = {.inbound_spi = Spi{spi}, .outbound_next = 5};
  }
  EXPECT_EQ(apply(state, DeleteChildSa{.inbound_spi = Spi{300}}), "");
  EXPECT_FALSE(state.child_sas.contains(Spi{300}));
  EXPECT_FALSE(state.windows.contains(Spi{300}));
  EXPECT_TRUE(state.child_sas.contains(Spi{301}));
  EXPECT_TRUE(state.windows.contains(Spi{301}));
}

TEST(Records, ADeletedIkeSaLeavesItsChildSasToTheirOwnRecords) {
  GroupState state;
  ASSERT_EQ(apply(state, ike_sa(1)), "");
  ASSERT_EQ(apply(state, ike_sa(2)), "");
  ASSERT_EQ(apply(state, child_sa(300, 1)), "");
  EXPECT_EQ(apply(state, DeleteIkeSa{.our_spi = IkeSpi{1}, .by_client = true}), "");
  EXPECT_FALSE(state.ike_sas.contains(IkeSpi{1}));
  EXPECT_TRUE(state.ike_sas.contains(IkeSpi{2}));
  EXPECT_TRUE(state.child_sas.contains(Spi{300}));
}

TEST(Records, DeletingWhatIsNotThereIsNoFault) {
  GroupState state;
  EXPECT_EQ(apply(state, DeleteIkeSa{.our_spi = IkeSpi{1}}), "");
  EXPECT_EQ(apply(state, DeleteChildSa{.inbound_spi = Spi{300}}), "");
}

}  // namespace
}  // namespace segw::mcs::testing
