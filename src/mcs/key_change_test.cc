// Keys that are changed under a session (redundancy rule 25).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <random>

#include "mcs/testing.h"

namespace segw::mcs::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const SharedKeys kOld{key_of(7)};
const SharedKeys kOldThenNew{key_of(7), key_of(8)};
const SharedKeys kNewThenOld{key_of(8), key_of(7)};
const SharedKeys kNew{key_of(8)};

class KeyChange : public ::testing::Test {
 protected:
  void SetUp() override {
    pair.settle();
    ASSERT_FALSE(HasFatalFailure());
  }
  // Both accept both keys, and prove the old one.
  void both_know_both() {
    pair.b.link().renew_keys(kOldThenNew);
    pair.a.link().renew_keys(kOldThenNew);
  }
  Pair pair;
};

TEST_F(KeyChange, StepByStepTheSessionIsNeverLost) {
  uint32_t spi = 300;
  for (const bool lower_first : {true, false}) {
    Node& one = lower_first ? pair.a : pair.b;
    Node& other = lower_first ? pair.b : pair.a;
    const SharedKeys& from = lower_first ? kOld : kNew;
    const SharedKeys& to = lower_first ? kNew : kOld;
    for (const SharedKeys& step :
         {SharedKeys{from[0], to[0]}, SharedKeys{to[0], from[0]}, SharedKeys{to[0]}}) {
      for (Node* node : {&one, &other}) {
        pair.a.commit({child_sa(++spi)}, "before");
        node->link().renew_keys(step);
        pair.a.commit({child_sa(++spi)}, "after");
        pair.run(3s);
        EXPECT_THAT(pair.a.told(), ElementsAre("then before", "then after"));
      }
    }
    EXPECT_EQ(pair.a.link().session_key(), to[0].id);
    EXPECT_EQ(pair.b.link().session_key(), to[0].id);
  }
  EXPECT_TRUE(pair.replicas_equal());
  EXPECT_EQ(pair.b.group_state.child_sas.size(), 24U);
  EXPECT_TRUE(pair.a.is_member());
  for (const Node* node : {&pair.a, &pair.b}) {
    EXPECT_EQ(node->count("sessions-moved"), 2U);
    EXPECT_EQ(node->count("sessions-closed"), 0U);
    EXPECT_EQ(node->count("records-out-of-order"), 0U);
  }
}

// The second key is enough to begin with; then the first.
TEST_F(KeyChange, ASessionThatBeganWithTheSecondKeyMovesToTheFirst) {
  pair.a.link().renew_keys(kNewThenOld);  // the peer does not know the new one
  pair.run(3s);
  EXPECT_EQ(pair.a.link().session_key(), key_of(7).id);
  pair.wire.reset();
  pair.run(3s);
  EXPECT_EQ(pair.a.link().session_key(), key_of(7).id);
  ASSERT_TRUE(pair.a.is_member());
  pair.forget();
  pair.b.link().renew_keys(kOldThenNew);
  pair.run(11s);
  EXPECT_EQ(pair.a.link().session_key(), key_of(8).id);
  EXPECT_EQ(pair.b.link().session_key(), key_of(8).id);
  EXPECT_THAT(pair.a.events, IsEmpty());
}

// What was said on the older connection comes late: what follows it waits.
TEST_F(KeyChange, NothingOvertakesOnTheNewConnection) {
  both_know_both();
  pair.wire.stuck = 0;
  pair.a.commit({ike_sa(1)}, "one");
  pair.run(10ms);
  pair.a.link().renew_keys(kNewThenOld);
  pair.run(100ms);
  EXPECT_EQ(pair.a.link().session_key(), key_of(8).id);
  EXPECT_EQ(pair.b.link().session_key(), key_of(8).id);
  pair.a.commit({child_sa(301)}, "two");
  pair.run(100ms);
  EXPECT_THAT(pair.b.events, IsEmpty());
  EXPECT_THAT(pair.a.events, IsEmpty()) << "nothing is told before the peer holds it";
  pair.wire.release();
  pair.run(100ms);
  EXPECT_EQ(pair.b.events.size(), 2U);
  EXPECT_THAT(pair.a.events, ElementsAre("then one", "then two"));
  EXPECT_TRUE(pair.replicas_equal());
  EXPECT_EQ(pair.a.count("sessions-closed") + pair.b.count("sessions-closed"), 0U);
  pair.run(3s);
  EXPECT_EQ(pair.wire.open(), 1U) << "the older connection has ended";
}

// Whichever of the two breaks before the older one has ended, the session does, and comes back.
TEST_F(KeyChange, ABreakInTheMiddleOfAMoveCostsASession) {
  for (const size_t broken : {size_t{0}, size_t{1}}) {
    Pair again;
    again.settle();
    again.b.link().renew_keys(kOldThenNew);
    again.wire.stuck = 0;
    again.a.commit({ike_sa(1)}, "one");
    again.a.link().renew_keys(kNewThenOld);
    again.run(100ms);
    again.a.commit({child_sa(301)}, "two");
    again.run(10ms);
    again.wire.reset(broken);
    again.run(3s);
    EXPECT_THAT(again.a.events, ElementsAre("not in sync", "in sync", "then one", "then two"))
        << broken;
    EXPECT_TRUE(again.replicas_equal());
    EXPECT_EQ(again.a.link().session_key(), key_of(8).id);
    EXPECT_TRUE(again.a.link().connected());
    EXPECT_TRUE(again.b.link().connected());
  }
}

TEST_F(KeyChange, ASessionByAKeyThatWasTakenAwayEnds) {
  both_know_both();
  pair.b.link().renew_keys(kNew);  // the other one proves the old key still
  pair.run(50ms);
  EXPECT_EQ(pair.b.link().down_reason(), "its key is no longer valid");
  pair.run(3s);
  EXPECT_EQ(pair.a.link().session_key(), key_of(8).id) << "by its second key";
}

TEST_F(KeyChange, AnotherKeyOpensNothing) {
  pair.a.link().renew_keys({key_of(9)});
  pair.b.link().renew_keys({key_of(7)});
  pair.run(3s);
  EXPECT_FALSE(pair.a.link().connected()) << "the old session must not stay either";
  EXPECT_FALSE(pair.b.link().connected());
  EXPECT_EQ(pair.a.link().down_reason(), "the keys differ");
}

// Keys change again and again, at any moment, on connections that stand still or break: what was
// committed arrives, and is told, in its order.
class KeyChangeAtAnyMoment : public ::testing::TestWithParam<uint32_t> {};

TEST_P(KeyChangeAtAnyMoment, LosesNothingAndOvertakesNothing) {
  std::minstd_rand random(GetParam() + 1);
  const auto below = [&](uint32_t limit) { return static_cast<uint32_t>(random() % limit); };
  Pair pair;
  pair.settle();
  SharedKeys from = kOld;
  SharedKeys to = kNew;
  std::vector<std::string> told;
  int committed = 0;
  for (int change = 0; change < 4; ++change) {
    for (const SharedKeys& step :
         {SharedKeys{from[0], to[0]}, SharedKeys{to[0], from[0]}, SharedKeys{to[0]}}) {
      for (Node* node :
           below(2) == 0 ? std::array{&pair.a, &pair.b} : std::array{&pair.b, &pair.a}) {
        for (int i = 0; i < 6; ++i) {
          const uint32_t what = below(12);
          if (what == 0) pair.wire.reset();
          if (what == 1) pair.wire.stuck = static_cast<size_t>(pair.wire.attempts) - 1;
          if (what == 2) pair.wire.release();
          if (what > 2) {
            ++committed;
            told.push_back("then " + std::to_string(committed));
            pair.a.commit({child_sa(300U + below(20))}, std::to_string(committed));
          }
          pair.run(std::chrono::milliseconds(below(40)));
        }
        node->link().renew_keys(step);
        pair.run(std::chrono::milliseconds(below(3)));
      }
    }
    std::swap(from, to);
  }
  pair.wire.release();
  pair.run(20s);
  std::erase_if(pair.a.events, [](const std::string& each) { return !each.starts_with("then"); });
  EXPECT_EQ(pair.a.events, told);
  EXPECT_TRUE(pair.replicas_equal());
  EXPECT_EQ(pair.a.sync_state(), SyncState::InSync);
  EXPECT_EQ(pair.b.sync_state(), SyncState::InSync);
  EXPECT_EQ(pair.a.link().session_key(), key_of(7).id) << "four changes are there and back";
  EXPECT_EQ(pair.a.count("records-out-of-order") + pair.b.count("records-out-of-order"), 0U);
  EXPECT_EQ(pair.wire.open(), 1U);
}

INSTANTIATE_TEST_SUITE_P(Seeds, KeyChangeAtAnyMoment, ::testing::Range(0U, 60U));

// A peer of the release before: it names no key, and knows of no move.
TEST(KeyChangeBefore, APeerThatNamesNoKeyComesByEither) {
  RawPair pair;
  pair.node.settings.keys = kNewThenOld;
  pair.node.boot();
  pair.raw.connect();
  pair.run(10ms);
  EXPECT_FALSE(pair.raw.opened) << "the first key's turn";
  pair.raw.reconnect();
  pair.run(10ms);
  EXPECT_TRUE(pair.raw.opened);
  pair.raw.send(RawPeer::hello());
  pair.run(10ms);
  EXPECT_EQ(pair.node.link().session_key(), key_of(7).id);
}

TEST(KeyChangeBefore, APeerThatDoesNotContinueReplacesItsSession) {
  RawPair pair;
  pair.settle();
  RawPeer second(pair);
  second.connect();
  pair.run(10ms);
  ASSERT_EQ(second.frames.size(), 1U);
  EXPECT_TRUE(second.frames.front().hello().continues()) << "we would";
  second.send(RawPeer::hello());
  pair.run(10ms);
  EXPECT_TRUE(pair.raw.closed);
  EXPECT_EQ(pair.node.count("sessions-moved"), 0U);
}

// What says Moved is of version 2: where it is not said, the older one would never end.
TEST(KeyChangeBefore, ASessionOfVersion1IsReplacedWhateverItSays) {
  RawPair pair;
  pair.node.boot();
  pair.raw.connect();
  pair.run(10ms);
  pb::Frame hello = RawPeer::hello();
  hello.mutable_hello()->set_version_max(1);
  pair.raw.send(hello);
  pair.run(10ms);
  ASSERT_TRUE(pair.node.link().connected());
  RawPeer second(pair);
  second.connect();
  pair.run(10ms);
  hello.mutable_hello()->set_continues(true);
  second.send(hello);
  pair.run(10ms);
  EXPECT_TRUE(pair.raw.closed);
  EXPECT_TRUE(pair.node.link().connected());
  EXPECT_EQ(pair.node.count("sessions-moved"), 0U);
}

// The peer's end of a move, by hand.
class MovedByHand : public ::testing::Test {
 protected:
  void SetUp() override {
    pair.settle();
    ASSERT_FALSE(HasFatalFailure());
    second.connect();
    pair.run(10ms);
    pb::Frame hello = RawPeer::hello();
    hello.mutable_hello()->set_continues(true);
    second.send(hello);
    pair.run(10ms);
    ASSERT_EQ(pair.node.count("sessions-moved"), 1U);
  }
  void say_moved() {
    pb::Frame frame;
    frame.set_moved(true);
    pair.raw.send(frame);
    pair.run(10ms);
  }
  RawPair pair;
  RawPeer second{pair};
};

TEST_F(MovedByHand, EndsTheOlderConnectionWithMoved) {
  ASSERT_FALSE(pair.raw.frames.empty());
  EXPECT_TRUE(pair.raw.frames.back().moved());
  EXPECT_FALSE(pair.raw.closed) << "we may still say something there";
  say_moved();
  pair.run(1s);
  EXPECT_TRUE(pair.raw.closed);
  EXPECT_FALSE(second.closed);
  EXPECT_TRUE(pair.node.link().connected());
}

TEST_F(MovedByHand, WhatIsSaidOnTheNewOneWaits) {
  pb::Group base;
  base.mutable_base()->set_activation(5);
  second.send(base);
  pair.run(10ms);
  EXPECT_FALSE(second.last(pb::Group::kWant));
  say_moved();
  EXPECT_TRUE(second.last(pb::Group::kWant));
}

TEST_F(MovedByHand, NotForEver) {
  pb::Group large;
  large.mutable_handover()->set_why(std::string(1'000'000, 'x'));
  for (int i = 0; i < 16; ++i) second.send(large);
  pair.run(10ms);
  EXPECT_TRUE(pair.node.link().connected());
  second.send(large);
  pair.run(10ms);
  EXPECT_FALSE(pair.node.link().connected());
  EXPECT_EQ(pair.node.link().down_reason(), "the older connection does not end");
  EXPECT_TRUE(pair.raw.closed);
  EXPECT_TRUE(second.closed);
}

}  // namespace
}  // namespace segw::mcs::testing
