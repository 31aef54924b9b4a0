// Keys that are changed while hellos are exchanged (redundancy rule 25).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mimp/mimp_service.h"
#include "mimp/testing.h"

namespace segw::mimp::testing {
namespace {

using namespace std::chrono_literals;
using enum MasterState;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr PeerIndex kPeer{0};
const SharedKeys kOld{old_key()};
const SharedKeys kOldThenNew{old_key(), new_key()};
const SharedKeys kNewThenOld{new_key(), old_key()};
const SharedKeys kNew{new_key()};

uint64_t refused(const Node& node) { return node.count("hello-bad-hmac"); }

// Nothing of the pair's roles has moved, and no hello was refused.
void expect_undisturbed(const Pair& pair) {
  EXPECT_EQ(pair.a.state(), Master);
  EXPECT_EQ(pair.b.state(), Standby);
  EXPECT_EQ(refused(pair.a) + refused(pair.b), 0U);
  EXPECT_EQ(pair.a.count("peer-lost") + pair.b.count("peer-lost"), 0U);
}

TEST(KeyChange, StepByStepNoHelloIsRefused) {
  Pair pair;
  pair.settle();
  for (const SharedKeys& step : {kOldThenNew, kNewThenOld, kNew}) {
    pair.b.service().renew_keys(kPeer, step);
    pair.run(10s);  // at any pace
    expect_undisturbed(pair);
    pair.a.service().renew_keys(kPeer, step);
    pair.run(10s);
    expect_undisturbed(pair);
  }
  EXPECT_TRUE(pair.b.service().in_sync());
}

TEST(KeyChange, TheChassisOfADomainChangeOneAfterTheOther) {
  Domain domain(3);
  domain.settle();
  for (const SharedKeys& step : {kOldThenNew, kNewThenOld, kNew}) {
    for (Node& node : domain.nodes) {
      for (const uint8_t peer : {uint8_t{0}, uint8_t{1}})
        node.service().renew_keys(PeerIndex{peer}, step);
      domain.run(3s);
      EXPECT_EQ(domain.acting_count(), 1U);
    }
  }
  for (Node& node : domain.nodes) {
    EXPECT_EQ(refused(node), 0U);
    EXPECT_EQ(node.count("peer-lost"), 0U);
  }
  EXPECT_TRUE(domain[1].service().in_sync());
  EXPECT_TRUE(domain[2].service().in_sync());
}

TEST(KeyChange, HellosByTheSecondKeyAreCounted) {
  Pair pair;
  pair.settle();
  pair.a.service().renew_keys(kPeer, kOldThenNew);
  pair.b.service().renew_keys(kPeer, kNewThenOld);
  pair.run(5s);
  const uint64_t by_second = pair.a.count("hello-second-key");
  EXPECT_GE(by_second, 10U);
  pair.a.service().renew_keys(kPeer, kNewThenOld);
  pair.run(5s);
  EXPECT_EQ(pair.a.count("hello-second-key"), by_second);
}

TEST(KeyChange, AKeyThatWasTakenAwayIsRefused) {
  Pair pair;
  pair.settle();
  pair.a.service().renew_keys(kPeer, kNewThenOld);
  pair.b.service().renew_keys(kPeer, kOldThenNew);
  pair.run(1s);
  pair.a.service().renew_keys(kPeer, kNew);  // while B sends by the old one
  pair.run(5s);
  EXPECT_GT(refused(pair.a), 5U);
  EXPECT_FALSE(pair.a.service().reachable(kPeer));
}

TEST(KeyChange, EachTellsAtOnceWhatItAccepts) {
  Pair pair;
  pair.settle();
  EXPECT_THAT(pair.a.service().peer_keys(kPeer), ElementsAre(old_key().id));
  pair.b.service().renew_keys(kPeer, kOldThenNew);
  pair.run(10ms);
  EXPECT_THAT(pair.a.service().peer_keys(kPeer), ElementsAre(old_key().id, new_key().id));
  pair.b.crash();
  pair.run(5s);
  EXPECT_THAT(pair.a.service().peer_keys(kPeer), IsEmpty());
}

// Recorded under the old key, repeated while both keys are good, and after: beats count over both.
TEST(KeyChange, ARecordingOfTheOtherKeyIsOld) {
  Pair pair;
  pair.settle();
  pair.network.record = true;
  pair.run(1s);
  pair.network.record = false;
  const auto recorded = pair.network.recording;
  ASSERT_FALSE(recorded.empty());
  for (const SharedKeys& step : {kOldThenNew, kNewThenOld}) {
    pair.a.service().renew_keys(kPeer, step);
    pair.b.service().renew_keys(kPeer, step);
    pair.run(1100ms);  // to between two keep-alives
    const uint64_t accepted = pair.a.count("hello-accepted") + pair.b.count("hello-accepted");
    const uint64_t old = pair.a.count("hello-old-beat") + pair.b.count("hello-old-beat");
    for (const Packet& packet : recorded) pair.network.inject(packet);
    pair.run(5ms);
    EXPECT_EQ(pair.a.count("hello-accepted") + pair.b.count("hello-accepted"), accepted);
    EXPECT_EQ(pair.a.count("hello-old-beat") + pair.b.count("hello-old-beat"),
              old + recorded.size());
  }
}

}  // namespace
}  // namespace segw::mimp::testing
