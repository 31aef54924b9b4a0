// What goes beside the journal: edges, and the steps of a planned handover.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "mcs/testing.h"

namespace segw::mcs::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// ---- edges ----

esp::SaWindow window(uint32_t spi, uint64_t next) {
  return {.inbound_spi = Spi{spi}, .outbound_next = next, .inbound_highest = next, .seen = {1, 2}};
}

TEST(Windows, TheNewestLeavesEvery100Ms) {
  Pair pair;
  pair.settle();
  for (uint64_t i = 1; i <= 20; ++i) {
    pair.a.sync().send_windows({window(300, i), window(301, 100 + i)});
    pair.run(10ms);
  }
  pair.run(200ms);
  EXPECT_EQ(pair.sent(low(), pb::Group::kWindows), 2U);
  ASSERT_EQ(pair.b.windows.size(), 4U);
  EXPECT_TRUE(same(pair.b.windows[2], window(300, 20)));
  EXPECT_TRUE(same(pair.b.windows[3], window(301, 120)));
}

TEST(Windows, AtMost1024LeaveAtOnce) {
  Pair pair;
  pair.settle();
  std::vector<esp::SaWindow> windows;
  for (uint32_t spi = 1; spi <= 2500; ++spi) windows.push_back(window(spi, spi));
  pair.a.sync().send_windows(windows);
  pair.run(102ms);
  EXPECT_EQ(pair.b.windows.size(), 1024U);
  pair.run(100ms);
  EXPECT_EQ(pair.b.windows.size(), 2048U);
  pair.run(300ms);
  ASSERT_EQ(pair.b.windows.size(), 2500U);
  EXPECT_TRUE(same(pair.b.windows.back(), window(2500, 2500)));
  EXPECT_EQ(pair.sent(low(), pb::Group::kWindows), 3U);
}

TEST(Windows, BusySasLeaveTheOthersTheirTurn) {
  Pair pair;
  pair.settle();
  std::vector<esp::SaWindow> windows;
  for (uint32_t spi = 1; spi <= 1500; ++spi) windows.push_back(window(spi, spi));
  for (int tick = 0; tick < 3; ++tick) {
    pair.a.sync().send_windows(windows);
    pair.run(100ms);
  }
  pair.run(2ms);
  std::set<Spi> told;
  for (const esp::SaWindow& each : pair.b.windows) told.insert(each.inbound_spi);
  EXPECT_EQ(told.size(), 1500U);
  EXPECT_GT(pair.a.count("windows-deferred"), 0U);
}

TEST(Windows, AllThatAreKnownFollowAResume) {
  Pair pair;
  pair.settle();
  pair.a.commit({child_sa(300)}, "1");
  pair.run(10ms);
  pair.wire.reset();
  pair.run({});
  pair.a.group_state.windows[Spi{300}] = window(300, 7);  // moved while the link was down
  pair.a.sync().send_windows({window(300, 7)});
  pair.run(5s);
  ASSERT_EQ(pair.a.count("resumed-from-journal"), 1U);
  ASSERT_EQ(pair.b.windows.size(), 1U);
  EXPECT_TRUE(same(pair.b.windows[0], window(300, 7)));
}

TEST(Windows, AReaderSendsNoneAndNoneAreKeptForALinkThatIsDown) {
  Pair pair;
  pair.settle();
  pair.b.sync().send_windows({window(300, 1)});
  pair.run(200ms);
  EXPECT_THAT(pair.a.windows, IsEmpty());
  pair.wire.cut = true;
  pair.wire.reset();
  pair.run(10ms);
  pair.a.sync().send_windows({window(300, 1)});
  pair.wire.release();
  pair.run(5s);
  ASSERT_TRUE(pair.a.link().connected());
  EXPECT_THAT(pair.b.windows, IsEmpty());
}

TEST(Windows, AllThatAreKnownFollowACopy) {
  Pair pair;
  for (const uint32_t spi : {300U, 301U}) {
    pair.a.group_state.child_sas[Spi{spi}] = child_sa(spi);
    pair.a.group_state.windows[Spi{spi}] = window(spi, spi);
  }
  pair.settle();
  ASSERT_EQ(pair.b.windows.size(), 2U);
  EXPECT_TRUE(same(pair.b.windows[0], window(300, 300)));
  EXPECT_TRUE(same(pair.b.windows[1], window(301, 301)));
}

// ---- handover ----

TEST(HandoverMessages, ArriveInOrderWithTheRecords) {
  Pair pair;
  pair.settle();
  pair.a.commit({ike_sa(1)}, "1");
  pair.a.send_handover(HandoverPrepare{.cookie = 9, .activation = Activation{2}});
  pair.a.commit({ike_sa(2)}, "2");
  pair.run({});
  pair.a.send_handover(HandoverWindows{.cookie = 9, .windows = {window(300, 5)}, .last = false});
  pair.a.send_handover(HandoverWindows{.cookie = 9, .windows = {window(301, 6)}});
  pair.a.send_handover(HandoverAbort{.cookie = 9, .why = "no word from the target"});
  pair.run(10ms);
  EXPECT_THAT(pair.b.told(), ElementsAre("ike 1", "handover 0", "ike 2", "handover 2", "handover 2",
                                         "handover 4"));
  const auto& prepare = std::get<HandoverPrepare>(pair.b.handovers[0]);
  EXPECT_EQ(prepare.cookie, 9U);
  EXPECT_EQ(prepare.activation, Activation{2});
  const auto& first = std::get<HandoverWindows>(pair.b.handovers[1]);
  EXPECT_FALSE(first.last);
  ASSERT_EQ(first.windows.size(), 1U);
  EXPECT_TRUE(same(first.windows[0], window(300, 5)));
  EXPECT_TRUE(std::get<HandoverWindows>(pair.b.handovers[2]).last);
  EXPECT_EQ(std::get<HandoverAbort>(pair.b.handovers[3]).why, "no word from the target");
}

TEST(HandoverMessages, TheReaderSpeaksToo) {
  Pair pair;
  pair.settle();
  pair.b.send_handover(HandoverReady{.cookie = 9});
  pair.b.send_handover(HandoverDone{.cookie = 10});
  pair.run(10ms);
  ASSERT_EQ(pair.a.handovers.size(), 2U);
  EXPECT_EQ(std::get<HandoverReady>(pair.a.handovers[0]).cookie, 9U);
  EXPECT_EQ(std::get<HandoverDone>(pair.a.handovers[1]).cookie, 10U);
}

TEST(HandoverMessages, AreDroppedWhileTheLinkIsDown) {
  Pair pair;
  pair.settle();
  pair.wire.reset();
  pair.run({});
  pair.a.send_handover(HandoverPrepare{.cookie = 9});
  pair.run(2s);
  ASSERT_TRUE(pair.a.link().connected());
  EXPECT_THAT(pair.b.handovers, IsEmpty());
}

}  // namespace
}  // namespace segw::mcs::testing
