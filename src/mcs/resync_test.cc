// How a reader is brought up to date: by the journal, by what differs, by everything.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mcs/group_sync.h"
#include "mcs/journal.h"
#include "mcs/testing.h"

namespace segw::mcs::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr size_t kUnsentMax = size_t{8} << 20;

std::vector<Record> filler(size_t count) { return std::vector<Record>(count, no_ike(9)); }

size_t bytes_sent(const Wire& wire) {
  size_t size = 0;
  for (const Seen& seen : wire.frames) size += seen.frame.ByteSizeLong();
  return size;
}

TEST(Resume, AReconnectGoesOnWithTheJournalAndCopiesNothing) {
  Pair pair;
  pair.settle();
  pair.a.commit({ike_sa(1), child_sa(300)}, "1");
  pair.run(10ms);
  pair.forget();
  pair.wire.reset();
  pair.run({});
  pair.a.commit({child_sa(301)}, "2");
  pair.a.commit({no_child(300)}, "3");
  pair.run(50ms);
  EXPECT_THAT(pair.a.told(), ElementsAre("not in sync")) << "the member does not hold them yet";
  pair.run(1s);
  EXPECT_THAT(pair.a.told(), ElementsAre("in sync", "then 2", "then 3"));
  EXPECT_THAT(pair.b.told(), ElementsAre("child 301", "no child 300"));
  EXPECT_TRUE(pair.replicas_equal());
  EXPECT_EQ(pair.sent(low(), pb::Group::kNeedDigests), 0U);
  EXPECT_EQ(pair.sent(low(), pb::Group::kCopyEnd), 0U);
  EXPECT_EQ(pair.sent(high(), pb::Group::kWant), 1U);
  EXPECT_EQ(pair.sent(low(), pb::Group::kRecords), 1U) << "each record leaves once";
  EXPECT_EQ(pair.a.count("resumed-from-journal"), 1U);
  EXPECT_EQ(pair.b.count("records-out-of-order"), 0U);
}

TEST(Resume, WithNothingNewThePeerIsInSyncAgainAtOnce) {
  Pair pair;
  pair.settle();
  pair.a.commit({ike_sa(1)}, "1");
  pair.run(10ms);
  pair.forget();
  pair.wire.reset();
  pair.run(1s);
  EXPECT_THAT(pair.a.told(), ElementsAre("not in sync", "in sync"));
  EXPECT_EQ(pair.sent(low(), pb::Group::kRecords), 0U);
}

TEST(Resume, AcknowledgementsThatWereLostComeByThePosition) {
  Pair pair;
  pair.settle();
  pair.wire.stalled = {high()};
  pair.a.commit({ike_sa(1)}, "1");
  pair.run(10ms);
  EXPECT_THAT(pair.b.told(), ElementsAre("ike 1"));
  pair.wire.stalled.clear();  // what waited in the old stream is lost with it
  pair.wire.reset();
  pair.run(1s);
  EXPECT_THAT(pair.a.told(), ElementsAre("not in sync", "in sync", "then 1"));
  EXPECT_THAT(pair.b.told(), IsEmpty()) << "it is not sent twice";
}

TEST(Copy, TheFirstOneHasEverything) {
  Pair pair;
  for (const uint64_t spi : {1U, 2U}) pair.a.group_state.ike_sas[IkeSpi{spi}] = ike_sa(spi);
  pair.a.group_state.child_sas[Spi{300}] = child_sa(300);
  pair.boot();
  pair.a.sync().become_writer(Activation{1});
  pair.run(1s);
  EXPECT_THAT(pair.b.told(), ElementsAre("copy ike 1", "copy ike 2", "copy child 300", "copied"));
  EXPECT_THAT(pair.a.told(), ElementsAre("in sync"));
  EXPECT_TRUE(pair.replicas_equal());
  EXPECT_EQ(pair.a.count("full-copies"), 1U);
  EXPECT_EQ(pair.a.count("part-copies"), 0U);
}

TEST(Copy, OnlyWhatDiffersIsSentAndWhatIsNotThereIsForgotten) {
  Pair pair;
  for (const uint32_t spi : {300U, 301U, 302U}) {
    pair.a.group_state.child_sas[Spi{spi}] = child_sa(spi);
    pair.b.group_state.child_sas[Spi{spi}] = child_sa(spi);
  }
  pair.b.group_state.child_sas[Spi{301}].rekeyed = true;
  pair.b.group_state.child_sas[Spi{302}].age = 5s;  // may differ
  pair.b.group_state.child_sas[Spi{999}] = child_sa(999);
  pair.b.group_state.ike_sas[IkeSpi{9}] = ike_sa(9);
  pair.a.group_state.ike_sas[IkeSpi{1}] = ike_sa(1);
  pair.boot();
  pair.a.sync().become_writer(Activation{1});
  pair.run(1s);
  EXPECT_THAT(pair.b.told(), ElementsAre("copy ike 1", "copy child 301", "copied"));
  EXPECT_EQ(pair.a.count("part-copies"), 1U);
  EXPECT_EQ(pair.a.count("full-copies"), 0U);
  EXPECT_THAT(pair.b.group_state.ike_sas, ::testing::SizeIs(1));
  EXPECT_THAT(pair.b.group_state.child_sas, ::testing::SizeIs(3));
  EXPECT_FALSE(pair.b.group_state.child_sas.at(Spi{301}).rekeyed);
}

TEST(Copy, TheBaseIsNoPlaceToGoOnFrom) {
  Pair pair;
  pair.settle();
  pair.wire.reset();
  pair.run(1s);
  EXPECT_EQ(pair.sent(low(), pb::Group::kNeedDigests), 1U);
  EXPECT_EQ(pair.a.count("resumed-from-journal"), 0U);
  EXPECT_EQ(pair.a.sync_state(), SyncState::InSync);
}

TEST(Copy, BeyondTheJournalEverythingIsComparedAndTheRestForgotten) {
  Pair pair;
  pair.settle();
  pair.a.commit({ike_sa(1), child_sa(300), child_sa(301)}, "1");
  pair.run(10ms);
  pair.forget();
  pair.wire.cut = true;
  pair.wire.reset();
  pair.run({});
  pair.a.commit({no_child(300), child_sa(302)}, "2");
  pair.a.commit(filler(kJournalRecordsMax - 1), "3");
  pair.wire.release();
  pair.run(3s);
  EXPECT_THAT(pair.b.told(), ElementsAre("copy child 302", "copied"));
  EXPECT_THAT(pair.a.told(), ElementsAre("not in sync", "in sync", "then 2", "then 3"));
  EXPECT_TRUE(pair.replicas_equal());
  EXPECT_EQ(pair.a.count("resumed-from-journal"), 0U);
  EXPECT_EQ(pair.sent(low(), pb::Group::kRecords), 0U);
}

TEST(Copy, TheLastRecordThatIsStillKeptIsEnough) {
  Pair pair;
  pair.settle();
  pair.a.commit({ike_sa(1)}, "1");
  pair.run(10ms);
  pair.forget();
  pair.wire.cut = true;
  pair.wire.reset();
  pair.run({});
  pair.a.commit(filler(kJournalRecordsMax), "2");
  pair.wire.release();
  pair.run(3s);
  EXPECT_EQ(pair.a.count("resumed-from-journal"), 1U);
  EXPECT_THAT(pair.a.told(), ElementsAre("not in sync", "in sync", "then 2"));
  EXPECT_EQ(pair.b.sync().position().number, kJournalRecordsMax + 1);
}

// What is committed while the copy is under way comes by the journal after it.
TEST(Copy, ChangesMeanwhileFollowInOrder) {
  Pair pair;
  pair.a.group_state.child_sas[Spi{300}] = child_sa(300);
  pair.a.group_state.child_sas[Spi{301}] = child_sa(301);
  pair.boot();
  pair.run(10ms);
  pair.wire.stalled = {low()};
  pair.a.sync().become_writer(Activation{1});
  pair.a.commit({child_sa(302)}, "before");
  pair.wire.release();
  pair.run(4ms);  // Base, Want, NeedDigests, Digests: the copy has just left
  ASSERT_EQ(pair.sent(low(), pb::Group::kCopyEnd), 1U);
  ASSERT_THAT(pair.a.told(), ElementsAre("then before"));
  pair.a.commit({no_child(300), child_sa(303)}, "meanwhile");
  pair.run(1s);
  EXPECT_THAT(pair.b.told(), ElementsAre("copy child 300", "copy child 301", "copy child 302",
                                         "copied", "no child 300", "child 303"));
  EXPECT_TRUE(pair.replicas_equal());
  EXPECT_EQ(pair.a.sync_state(), SyncState::InSync);
}

// A comparison of all SAs in one event would hold up keep-alives.
TEST(Copy, ManySasAreComparedInSlicesAndChangesMeanwhileAreNotLost) {
  constexpr uint32_t kSas = 3000;
  Pair pair;
  for (uint32_t spi = 1; spi <= kSas; ++spi) {
    pair.a.group_state.child_sas[Spi{spi}] = child_sa(spi);
    if (spi != 7) pair.b.group_state.child_sas[Spi{spi}] = child_sa(spi);
  }
  pair.boot();
  pair.a.sync().become_writer(Activation{1});
  while (pair.sent(high(), pb::Group::kDigests) < kSas / kDigestsAtOnce + 1) pair.run(1ms);
  pair.run(2ms);
  ASSERT_EQ(pair.sent(low(), pb::Group::kCopyEnd), 0U) << "the writer is comparing";
  pair.b.events.clear();
  esp::ChildSa changed = child_sa(1);
  changed.rekeyed = true;
  pair.a.commit({changed, child_sa(kSas + 1), no_child(kSas)}, "1");
  pair.run(1s);
  EXPECT_EQ(pair.a.count("part-copies"), 1U);
  EXPECT_TRUE(pair.replicas_equal());
  EXPECT_TRUE(pair.a.is_member());
}

TEST(Copy, ALinkThatBreaksInTheMiddleBeginsAnew) {
  Pair pair;
  for (uint32_t spi = 300; spi < 340; ++spi) pair.a.group_state.child_sas[Spi{spi}] = child_sa(spi);
  pair.b.group_state.child_sas[Spi{999}] = child_sa(999);
  pair.boot();
  pair.run(10ms);
  pair.a.sync().become_writer(Activation{1});
  pair.run(4ms);
  ASSERT_EQ(pair.sent(low(), pb::Group::kCopy), 1U);
  pair.wire.reset();
  pair.run({});
  EXPECT_TRUE(pair.b.group_state.child_sas.contains(Spi{999})) << "forgotten at the end only";
  pair.run(1s);
  EXPECT_TRUE(pair.replicas_equal());
  EXPECT_EQ(pair.a.sync_state(), SyncState::InSync);
}

// The keys of more SAs than one message may carry.
TEST(Copy, TheListOfKeysMayNeedSeveralMessages) {
  constexpr uint32_t kCount = 33'000;
  Pair pair;
  pair.b.group_state.child_sas[Spi{7}] = child_sa(7);
  for (uint32_t spi = 300; spi < 300 + kCount; ++spi) {
    pair.a.group_state.child_sas.emplace(Spi{spi}, child_sa(spi));
  }
  pair.boot();
  pair.a.sync().become_writer(Activation{1});
  pair.run(1s);
  EXPECT_EQ(pair.sent(low(), pb::Group::kCopyEnd), 2U);
  EXPECT_EQ(pair.b.group_state.child_sas.size(), kCount);
  EXPECT_FALSE(pair.b.group_state.child_sas.contains(Spi{7}));
  EXPECT_EQ(pair.a.sync_state(), SyncState::InSync);
  EXPECT_EQ(std::ranges::count(pair.b.events, "copied"), 1);
}

ike::IkeSa large(uint64_t spi) { return large_ike_sa(spi, 60'000); }

TEST(BackPressure, ACopyWaitsUntilThePeerTakesIt) {
  Pair pair;
  for (uint64_t spi = 1; spi <= 200; ++spi) pair.a.group_state.ike_sas[IkeSpi{spi}] = large(spi);
  pair.boot();
  pair.run(10ms);
  pair.a.sync().become_writer(Activation{1});
  pair.run(2ms);  // Base and Want have arrived, NeedDigests is on its way
  pair.wire.stalled = {low()};
  pair.run(1s);
  EXPECT_GT(bytes_sent(pair.wire), kUnsentMax / 2);
  EXPECT_LT(bytes_sent(pair.wire), kUnsentMax + (size_t{1} << 18));
  EXPECT_EQ(pair.sent(low(), pb::Group::kCopyEnd), 0U);
  pair.wire.release();
  pair.run(1s);
  EXPECT_TRUE(pair.replicas_equal());
  EXPECT_EQ(pair.a.sync_state(), SyncState::InSync);
}

TEST(BackPressure, TheJournalWaitsToo) {
  Pair pair;
  pair.settle();
  pair.wire.stalled = {low()};
  for (uint64_t spi = 1; spi <= 200; ++spi) pair.a.commit({large(spi)}, std::to_string(spi));
  pair.run(1s);
  EXPECT_GT(bytes_sent(pair.wire), kUnsentMax / 2);
  EXPECT_LT(bytes_sent(pair.wire), kUnsentMax + (size_t{1} << 18));
  EXPECT_THAT(pair.a.events, IsEmpty());
  pair.wire.release();
  pair.run(1s);
  EXPECT_TRUE(pair.replicas_equal());
  EXPECT_EQ(pair.a.events.size(), 200U);
  EXPECT_EQ(pair.a.count("journal-overflows"), 0U);
}

TEST(BackPressure, APeerThatTheJournalOvertookIsComparedAnew) {
  Pair pair;
  pair.settle();
  pair.a.commit({child_sa(300)}, "0");
  pair.run(10ms);
  pair.forget();
  pair.wire.stalled = {low()};
  for (uint64_t spi = 1; spi <= 200; ++spi) pair.a.commit({large(spi)}, std::to_string(spi));
  pair.run(10ms);
  pair.a.commit({no_child(300)}, "201");
  pair.a.commit(filler(kJournalRecordsMax), "202");
  pair.run(10ms);
  EXPECT_EQ(pair.a.count("journal-overflows"), 1U);
  EXPECT_THAT(pair.a.told(), ElementsAre("not in sync"));
  pair.wire.release();
  pair.run(1s);
  EXPECT_TRUE(pair.replicas_equal());
  EXPECT_TRUE(pair.b.group_state.child_sas.empty());
  ASSERT_EQ(pair.a.events.size(), 203U);
  EXPECT_EQ(pair.a.events.front(), "in sync");
  EXPECT_EQ(pair.a.events[1], "then 1");
  EXPECT_EQ(pair.a.events.back(), "then 202");
}

}  // namespace
}  // namespace segw::mcs::testing
