// A peer that has the key and says anything: nothing stops the chassis, everything is counted, and
// an honest peer finds it as it was.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mcs/group_sync.h"
#include "mcs/testing.h"

namespace segw::mcs::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Kind = pb::Group::BodyCase;

// Fields of the last message of this kind, or their defaults.
pb::Group last(const RawPeer& raw, Kind kind) { return raw.last(kind).value_or(pb::Group()); }

// ---- the stream ----

TEST(HostileStream, GarbageDropsTheSessionAndIsCounted) {
  RawPair pair;
  pair.settle();
  pair.raw.send_bytes(to_bytes(as_bytes("GET / HTTP/1.1\r\n\r\n")));
  pair.run(10ms);
  EXPECT_FALSE(pair.node.link().connected());
  EXPECT_EQ(pair.node.link().down_reason(), "malformed frame");
  EXPECT_EQ(pair.node.count("sessions-closed"), 1U);
  EXPECT_TRUE(pair.node.logged("MCS_PEER_DOWN"));
  EXPECT_TRUE(pair.raw.closed);
}

TEST(HostileStream, AFrameThatIsTooLongIsNotWaitedFor) {
  RawPair pair;
  pair.settle();
  pair.raw.send_bytes({0x00, 0x10, 0x00, 0x01});
  pair.run(10ms);
  EXPECT_EQ(pair.node.link().down_reason(), "malformed frame");
}

TEST(HostileStream, GarbageInsteadOfHelloEndsTheConnectionOnly) {
  RawPair pair;
  pair.settle();
  RawPeer second(pair);
  second.connect();
  pair.run(10ms);
  second.send_bytes(Bytes(8, 0xFF));
  pair.run(10ms);
  EXPECT_TRUE(second.closed);
  EXPECT_TRUE(pair.node.link().connected()) << "the session is another one";
  EXPECT_FALSE(pair.raw.closed);
}

TEST(HostileStream, FramesThatAreNotUnderstoodAreCountedAndSkipped) {
  RawPair pair;
  pair.settle();
  pair.raw.send(pb::Frame());
  pair.raw.send_bytes({0, 0, 0, 0});
  pair.raw.send(pb::Group());
  pb::Frame other;
  other.mutable_group()->set_sync_tag("another");
  other.mutable_group()->mutable_base();
  pair.raw.send(other);
  pair.run(10ms);
  EXPECT_TRUE(pair.node.link().connected());
  EXPECT_EQ(pair.node.count("frame-unknown"), 2U);
  EXPECT_EQ(pair.node.count("group-message-unknown"), 1U);
  EXPECT_EQ(pair.node.count("group-unknown"), 1U);
}

TEST(HostileStream, ASecondHelloIsNoHarm) {
  RawPair pair;
  pair.settle();
  pair.raw.send(RawPeer::hello());
  pair.run(10ms);
  EXPECT_TRUE(pair.node.link().connected());
  EXPECT_FALSE(pair.raw.closed);
  pb::Frame frame = RawPeer::hello();
  frame.mutable_hello()->set_slot(1);
  pair.raw.send(frame);
  pair.run(10ms);
  EXPECT_FALSE(pair.node.link().connected());
  EXPECT_EQ(pair.node.link().down_reason(), "peer slot 1 is taken");
}

// ---- against a reader ----

pb::Group records(uint64_t activation, uint64_t first, const std::vector<Record>& all) {
  pb::Group message;
  message.mutable_records()->set_activation(activation);
  message.mutable_records()->set_first_number(first);
  for (const Record& record : all) encode(record, *message.mutable_records()->add_records());
  return message;
}

TEST(HostileWriter, ARecordThatDoesNotDecodeIsUnusableAndTheNextIsUsed) {
  RawPair pair;
  pair.settle();
  pair.begin_writing(1);
  pb::Group message = records(1, 1, {ike_sa(1), ike_sa(2)});
  message.mutable_records()->mutable_records(0)->mutable_ike_sa()->set_state(7);
  pair.say(message);
  EXPECT_THAT(pair.node.told(), ElementsAre("ike 2"));
  EXPECT_EQ(pair.node.count("unusable-record-ike-state"), 1U);
  const pb::Ack ack = last(pair.raw, Kind::kAck).ack();
  EXPECT_EQ(ack.activation(), 1U);
  EXPECT_EQ(ack.number(), 2U);
  ASSERT_EQ(ack.unusable_size(), 1);
  EXPECT_EQ(ack.unusable(0).number(), 1U);
  EXPECT_EQ(ack.unusable(0).reason(), "record-ike-state");
}

TEST(HostileWriter, AFrameFullOfEmptyRecordsIsAcknowledgedInPieces) {
  constexpr int kCount = 400'000;
  RawPair pair;
  pair.settle();
  pair.begin_writing(1);
  pair.raw.frames.clear();
  pb::Group message = records(1, 1, {});
  for (int i = 0; i < kCount; ++i) message.mutable_records()->add_records();
  pair.say(message);
  EXPECT_TRUE(pair.node.link().connected());
  int unusable = 0;
  for (const pb::Frame& frame : pair.raw.frames) {
    if (frame.has_group() && frame.group().has_ack()) {
      unusable += frame.group().ack().unusable_size();
    }
  }
  EXPECT_EQ(unusable, kCount);
  EXPECT_EQ(last(pair.raw, Kind::kAck).ack().number(), static_cast<uint64_t>(kCount));
  EXPECT_EQ(pair.node.count("unusable-record-record-kind"), static_cast<uint64_t>(kCount));
}

TEST(HostileWriter, RecordsThatDoNotFollowAreAskedForAgain) {
  RawPair pair;
  pair.settle();
  pair.begin_writing(1);
  for (const uint64_t first : {uint64_t{0}, uint64_t{2}, UINT64_MAX}) {
    pair.say(records(1, first, {ike_sa(1)}));
  }
  EXPECT_THAT(pair.node.events, IsEmpty());
  EXPECT_EQ(pair.node.count("records-out-of-order"), 3U);
  EXPECT_EQ(last(pair.raw, Kind::kWant).want().activation(), 1U);
  EXPECT_EQ(last(pair.raw, Kind::kWant).want().number(), 0U);
}

TEST(HostileWriter, RecordsAndEdgesOfAnotherActivationAreRefused) {
  RawPair pair;
  pair.settle();
  pair.begin_writing(5);
  for (const uint64_t activation : {0, 4, 6}) pair.say(records(activation, 1, {ike_sa(1)}));
  EXPECT_EQ(pair.node.count("stale-records"), 3U);
  EXPECT_EQ(last(pair.raw, Kind::kStale).stale().activation(), 5U);
  pb::Group windows;
  windows.mutable_windows()->set_activation(4);
  windows.mutable_windows()->add_windows()->set_inbound_spi(300);
  pair.say(windows);
  EXPECT_EQ(pair.node.count("stale-windows"), 1U);
  pb::Group base;
  base.mutable_base()->set_activation(4);
  pair.say(base);
  EXPECT_EQ(pair.node.count("stale-writer"), 1U);
  EXPECT_THAT(pair.node.events, IsEmpty());
  EXPECT_THAT(pair.node.windows, IsEmpty());
}

TEST(HostileWriter, AnActivationThatNobodyReachesMakesNoLaterWriterStale) {
  RawPair pair;
  pair.settle();
  pb::Group base;
  pb::Group stale;
  for (const uint64_t poison : {kActivationMax + 1, UINT64_MAX}) {
    base.mutable_base()->set_activation(poison);
    pair.say(base);
    stale.mutable_stale()->set_activation(poison);
    pair.say(stale);
  }
  EXPECT_EQ(pair.node.count("activation-refused"), 4U);
  base.mutable_base()->set_activation(1);
  pair.say(base);
  EXPECT_EQ(pair.node.count("stale-writer"), 0U);
  EXPECT_TRUE(pair.raw.last(Kind::kWant));
}

TEST(HostileWriter, RecordsBeforeTheCopyAreRefused) {
  RawPair pair;
  pair.settle();
  pb::Group base;
  base.mutable_base()->set_activation(1);
  pair.say(base);
  pair.say(records(1, 1, {ike_sa(1)}));
  EXPECT_EQ(pair.node.count("stale-records"), 1U);
  EXPECT_THAT(pair.node.events, IsEmpty());
}

TEST(HostileWriter, ACopyThatWasNotAskedForForgetsNothing) {
  RawPair pair;
  pair.node.group_state.ike_sas[IkeSpi{1}] = ike_sa(1);
  pair.settle();
  pb::Group copy;
  encode(ike_sa(2), *copy.mutable_copy()->add_records());
  pair.say(copy);
  pb::Group end;
  end.mutable_copy_end();
  pair.say(end);
  EXPECT_EQ(pair.node.count("copy-unasked"), 2U);
  EXPECT_THAT(pair.node.events, IsEmpty());
  EXPECT_TRUE(pair.node.group_state.ike_sas.contains(IkeSpi{1}));
}

TEST(HostileWriter, ACopyOfAnotherActivationForgetsNothing) {
  RawPair pair;
  pair.node.group_state.ike_sas[IkeSpi{1}] = ike_sa(1);
  pair.settle();
  pb::Group base;
  base.mutable_base()->set_activation(2);
  pair.say(base);
  pb::Group end;
  end.mutable_copy_end()->set_activation(1);
  pair.say(end);
  EXPECT_EQ(pair.node.count("stale-records"), 1U);
  EXPECT_TRUE(pair.node.group_state.ike_sas.contains(IkeSpi{1}));
}

TEST(HostileWriter, AListOfKeysWithoutEndIsGivenUp) {
  constexpr size_t kPerFrame = 150'000;
  RawPair pair;
  pair.node.group_state.ike_sas[IkeSpi{1}] = ike_sa(1);
  pair.settle();
  pb::Group base;
  base.mutable_base()->set_activation(1);
  pair.say(base);
  uint32_t spi = 0x80000000;
  for (size_t sent = 0; sent <= kKeysMax; sent += kPerFrame) {
    pb::Group end;
    end.mutable_copy_end()->set_activation(1);
    end.mutable_copy_end()->set_more(true);
    for (size_t i = 0; i < kPerFrame; ++i) end.mutable_copy_end()->add_child_sas(spi++);
    pair.say(end);
  }
  EXPECT_EQ(pair.node.count("copy-too-large"), 1U);
  pb::Group end;
  end.mutable_copy_end()->set_activation(1);
  pair.say(end);
  EXPECT_EQ(pair.node.count("copy-unasked"), 1U);
  EXPECT_THAT(pair.node.events, IsEmpty());
  EXPECT_TRUE(pair.node.group_state.ike_sas.contains(IkeSpi{1}));
}

TEST(HostileWriter, MalformedEdgesAndHandoverStepsAreCountedByField) {
  RawPair pair;
  pair.settle();
  pair.begin_writing(1);
  pb::Group message;
  message.mutable_windows()->set_activation(1);
  message.mutable_windows()->add_windows()->set_inbound_spi(300);
  for (int i = 0; i < 9; ++i) message.mutable_windows()->mutable_windows(0)->add_seen(1);
  pair.say(message);
  EXPECT_EQ(pair.node.count("window-window-words"), 1U);
  message.mutable_handover()->set_step(static_cast<pb::Handover::Step>(77));
  pair.say(message);
  EXPECT_EQ(pair.node.count("handover-handover-step"), 1U);
  EXPECT_THAT(pair.node.windows, IsEmpty());
  EXPECT_THAT(pair.node.handovers, IsEmpty());
}

// ---- against a writer ----

// The node writes under activation 1 and holds one SA; `raw` has been copied to.
struct WritingPair : RawPair {
  void settle() {
    RawPair::settle();
    node.set(ike_sa(1));
    node.sync().become_writer(Activation{1});
    ask_for_a_copy();
    ASSERT_TRUE(raw.last(Kind::kCopyEnd));
  }
  // As a peer that has nothing.
  void ask_for_a_copy() {
    pb::Group want;
    want.mutable_want();
    say(want);
    pb::Group digests;
    digests.mutable_digests()->set_last(true);
    say(digests);
  }
  void acknowledge(uint64_t number, const std::string& unusable = {}) {
    pb::Group message;
    pb::Ack& ack = *message.mutable_ack();
    ack.set_activation(1);
    ack.set_number(number);
    if (!unusable.empty()) ack.add_unusable()->set_reason(unusable);
    say(message);
  }
};

TEST(HostileReader, NothingIsHeldUntilTheCopyIsAcknowledged) {
  WritingPair pair;
  pair.settle();
  pair.node.set_member(true);
  pair.node.commit({ike_sa(2)}, "one");
  pair.run(10ms);
  EXPECT_THAT(pair.node.events, IsEmpty());
  pair.acknowledge(0);
  EXPECT_THAT(pair.node.events, IsEmpty()) << "the journal has gone on";
  pair.acknowledge(1);
  EXPECT_THAT(pair.node.told(), ElementsAre("in sync", "then one"));
}

TEST(HostileReader, WhatWasCommittedBeforeTheCopyWaitsForItToo) {
  WritingPair pair;
  pair.settle();
  pair.node.set_member(true);
  pair.node.commit({ike_sa(2)}, "one");
  pair.run(10ms);
  pair.ask_for_a_copy();
  ASSERT_EQ(last(pair.raw, Kind::kCopyEnd).copy_end().number(), 1U);
  pair.node.sync().members_changed();
  EXPECT_THAT(pair.node.events, IsEmpty());
  pair.acknowledge(1);
  EXPECT_THAT(pair.node.told(), ElementsAre("in sync", "then one"));
}

// It changes the state only once it is held, so a copy does not have it.
TEST(HostileReader, AGrantThatWasNotAcknowledgedComesAgainAfterACopy) {
  WritingPair pair;
  pair.settle();
  pair.node.set_member(true);
  pair.node.commit({ike_sa(2)}, "one");
  pair.node.commit({GrantChange{.inbound_spi = Spi{300}}}, "two");
  pair.run(10ms);
  pair.ask_for_a_copy();
  ASSERT_EQ(last(pair.raw, Kind::kCopyEnd).copy_end().number(), 1U);
  EXPECT_EQ(last(pair.raw, Kind::kRecords).records().first_number(), 2U);
  pair.acknowledge(1);
  EXPECT_THAT(pair.node.told(), ElementsAre("then one"));
  pair.acknowledge(2);
  EXPECT_THAT(pair.node.told(), ElementsAre("in sync", "then two"));
}

TEST(HostileReader, WhatWasNotSentCannotBeAcknowledged) {
  WritingPair pair;
  pair.settle();
  pair.node.set_member(true);
  pair.wire.stalled = {high()};
  pair.node.commit({ike_sa(2)}, "one");
  pair.acknowledge(2);
  pair.acknowledge(UINT64_MAX);
  pb::Group other;
  other.mutable_ack()->set_activation(2);
  other.mutable_ack()->set_number(1);
  pair.say(other);
  EXPECT_EQ(pair.node.count("ack-unfitting"), 3U);
  EXPECT_THAT(pair.node.events, IsEmpty());
}

TEST(HostileReader, AnAcknowledgementNeverGoesBack) {
  WritingPair pair;
  pair.settle();
  pair.node.commit({ike_sa(2), ike_sa(3)}, "one");
  pair.run(10ms);
  pair.acknowledge(2);
  pair.acknowledge(1);
  EXPECT_TRUE(pair.node.journal_flushed());
}

TEST(HostileReader, ItsReasonsMakeAFewCountersOnly) {
  WritingPair pair;
  pair.settle();
  const size_t before = pair.node.link().counters().all().size();
  pair.acknowledge(0, "receiver-is-acting");
  EXPECT_EQ(pair.node.count("peer-unusable-receiver-is-acting"), 1U);
  for (const char* odd : {"\x1b[2J", "a b", "UPPER", "\xff", "a\nb"}) pair.acknowledge(0, odd);
  pair.acknowledge(0, std::string(65, 'a'));
  EXPECT_EQ(pair.node.count("peer-unusable-other"), 6U);
  pb::Group message;
  message.mutable_ack()->set_activation(1);
  for (int i = 0; i < 20'000; ++i) {
    message.mutable_ack()->add_unusable()->set_reason("reason-" + std::to_string(i));
  }
  pair.say(message);
  EXPECT_LE(pair.node.link().counters().all().size(), before + 33);
  EXPECT_EQ(pair.node.peer_unusable(), 20'007U);
  pair.acknowledge(0, "receiver-is-acting");
  EXPECT_EQ(pair.node.count("peer-unusable-receiver-is-acting"), 2U);
}

TEST(HostileReader, ItCannotCountItselfBackIntoSync) {
  WritingPair pair;
  pair.settle();
  for (const uint64_t unusable : {UINT64_MAX, uint64_t{1}}) {
    pb::Group message;
    message.mutable_ack()->set_activation(1);
    message.mutable_ack()->set_copy_unusable(unusable);
    pair.say(message);
    EXPECT_GT(pair.node.peer_unusable(), 0U);
  }
  EXPECT_THAT(pair.node.events, IsEmpty());
}

TEST(HostileReader, ItIsNotAskedToSendRecordsToAWriter) {
  WritingPair pair;
  pair.settle();
  pair.say(records(1, 1, {ike_sa(9)}));
  EXPECT_EQ(pair.node.count("records-to-a-writer"), 1U);
  pb::Group copy;
  encode(ike_sa(9), *copy.mutable_copy()->add_records());
  pair.say(copy);
  pb::Group end;
  end.mutable_copy_end()->set_activation(1);
  pair.say(end);
  EXPECT_EQ(pair.node.count("copy-unasked"), 2U);
  pair.raw.frames.clear();
  pair.say_need_digests();
  EXPECT_FALSE(pair.raw.last(Kind::kDigests));
  EXPECT_TRUE(pair.node.group_state.ike_sas.contains(IkeSpi{1}));
  EXPECT_FALSE(pair.node.group_state.ike_sas.contains(IkeSpi{9}));
}

TEST(HostileReader, WantsAtAnyTimeAreAnswered) {
  WritingPair pair;
  pair.settle();
  for (const uint64_t number : {uint64_t{0}, uint64_t{1}, UINT64_MAX}) {
    pair.raw.frames.clear();
    pb::Group want;
    want.mutable_want()->set_activation(1);
    want.mutable_want()->set_number(number);
    pair.say(want);
    EXPECT_TRUE(pair.raw.last(Kind::kNeedDigests)) << number;
  }
  EXPECT_EQ(pair.node.count("resumed-from-journal"), 0U);
}

}  // namespace
}  // namespace segw::mcs::testing
