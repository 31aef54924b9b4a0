#include "mcs/journal.h"

#include <gtest/gtest.h>

#include "mcs/testing_records.h"

namespace segw::mcs::testing {
namespace {

Position at(uint64_t activation, uint64_t number) {
  return {.activation = Activation{activation}, .number = number};
}

Journal journal_with(uint64_t records, uint64_t activation = 3) {
  Journal journal;
  journal.restart(Activation{activation});
  for (uint64_t i = 1; i <= records; ++i) journal.append(DeleteIkeSa{.our_spi = IkeSpi{i}});
  return journal;
}

uint64_t record_at(const Journal& journal, uint64_t number) {
  return std::get<DeleteIkeSa>(journal.at(number)).our_spi.value;
}

TEST(Journal, NumbersBeginAtOneAndFollowEachOther) {
  Journal journal;
  journal.restart(Activation{3});
  EXPECT_EQ(journal.end(), at(3, 0));
  EXPECT_EQ(journal.append(DeleteIkeSa{}), 1U);
  EXPECT_EQ(journal.append(DeleteIkeSa{}), 2U);
  EXPECT_EQ(journal.first(), 1U);
  EXPECT_EQ(journal.end(), at(3, 2));
}

TEST(Journal, TheNewestRecordsAreKept) {
  Journal journal = journal_with(kJournalRecordsMax);
  EXPECT_EQ(journal.first(), 1U);
  EXPECT_EQ(record_at(journal, 1), 1U);
  journal.append(DeleteIkeSa{.our_spi = IkeSpi{kJournalRecordsMax + 1}});
  EXPECT_EQ(journal.first(), 2U);
  EXPECT_EQ(journal.end(), at(3, kJournalRecordsMax + 1));
  for (const uint64_t number : {uint64_t{2}, uint64_t{1000}, uint64_t{kJournalRecordsMax + 1}}) {
    EXPECT_EQ(record_at(journal, number), number);
  }
}

TEST(Journal, LargeMessagesTakeTheirRoom) {
  Journal journal;
  journal.restart(Activation{3});
  constexpr size_t kLarge = 1 << 20;
  constexpr size_t kAppended = 200;
  for (size_t i = 0; i < kAppended; ++i) {
    ike::IkeSa sa;
    sa.init_request = Bytes(kLarge);
    journal.append(std::move(sa));
  }
  const uint64_t kept = journal.end().number + 1 - journal.first();
  EXPECT_LE(kept, kJournalBytesMax / kLarge);
  EXPECT_GT(kept, kJournalBytesMax / kLarge / 2);
  EXPECT_EQ(std::get<ike::IkeSa>(journal.at(journal.first())).init_request.size(), kLarge);
}

TEST(Journal, ItGoesOnFromWhatItStillHas) {
  const Journal journal = journal_with(kJournalRecordsMax + 10);  // keeps 11 and later
  EXPECT_FALSE(journal.can_resume(at(3, 9))) << "record 10 is gone";
  EXPECT_TRUE(journal.can_resume(at(3, 10))) << "the next one is the oldest";
  EXPECT_TRUE(journal.can_resume(at(3, 11)));
  EXPECT_TRUE(journal.can_resume(at(3, kJournalRecordsMax + 10))) << "nothing is missing";
  EXPECT_FALSE(journal.can_resume(at(3, kJournalRecordsMax + 11))) << "never written";
  EXPECT_FALSE(journal.can_resume(at(3, UINT64_MAX)));
}

TEST(Journal, NothingGoesOnFromAnotherActivationOrFromTheBase) {
  const Journal journal = journal_with(5);
  EXPECT_FALSE(journal.can_resume(at(2, 5)));
  EXPECT_FALSE(journal.can_resume(at(4, 5)));
  EXPECT_FALSE(journal.can_resume(at(0, 0)));
  EXPECT_FALSE(journal.can_resume(at(3, 0))) << "the base is state that only a copy gives";
  EXPECT_TRUE(journal.can_resume(at(3, 1)));
}

TEST(Journal, AnEmptyOneHasNothingToGoOnFrom) {
  EXPECT_FALSE(Journal().can_resume({}));
  EXPECT_FALSE(journal_with(0).can_resume(at(3, 0)));
  EXPECT_FALSE(journal_with(0).can_resume(at(3, 1)));
}

TEST(Journal, ARestartForgetsEverything) {
  Journal journal = journal_with(5);
  journal.restart(Activation{4});
  EXPECT_EQ(journal.end(), at(4, 0));
  EXPECT_EQ(journal.first(), 1U);
  EXPECT_FALSE(journal.can_resume(at(3, 5)));
  EXPECT_FALSE(journal.can_resume(at(4, 5)));
  EXPECT_EQ(journal.append(DeleteIkeSa{.our_spi = IkeSpi{77}}), 1U);
  EXPECT_EQ(record_at(journal, 1), 77U);
}

TEST(JournalDeathTest, ARecordThatIsNotKeptIsNeverAskedFor) {
  const Journal journal = journal_with(3);
  EXPECT_DEATH((void)journal.at(0), "");
  EXPECT_DEATH((void)journal.at(4), "");
}

}  // namespace
}  // namespace segw::mcs::testing
