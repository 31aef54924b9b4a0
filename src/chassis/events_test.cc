// The table of events, and the three that raise most of them.
#include "chassis/events.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "chassis/event_log.h"
#include "chassis/group_events.h"
#include "chassis/peer_events.h"
#include "platform/testing/fake_platform.h"

namespace segw::chassis {
namespace {

using mimp::MasterState;
using platform::Severity;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Raised {
  platform::testing::FakePlatform fake;
  EventLog log{fake.log, fake.clock};

  // Their numbers, oldest first, and they are forgotten.
  std::vector<uint16_t> numbers() {
    std::vector<uint16_t> numbers;
    const auto& all = log.entries();
    for (size_t i = all.size() - seen; i-- > 0;) numbers.push_back(all[i].id);
    seen = all.size();
    return numbers;
  }
  [[nodiscard]] const LogEntry& last() const { return log.entries().front(); }
  size_t seen = 0;
};

IpAddress address(const char* text) { return IpAddress::parse(text).value_or(IpAddress{}); }

TEST(Events, StandInTheirOrderAndHaveNamesAndNumbersOfTheirOwn) {
  std::set<std::string_view> names;
  std::set<std::pair<std::string_view, uint16_t>> numbers;
  for (size_t i = 0; i < event_kinds().size(); ++i) {
    const EventKind& kind = event_kinds()[i];
    EXPECT_EQ(kind.event, static_cast<Event>(i)) << kind.name;
    EXPECT_TRUE(names.insert(kind.name).second) << kind.name;
    EXPECT_TRUE(numbers.insert({kind.application, kind.id}).second) << kind.name;
    EXPECT_EQ(find_event(kind.name), &kind);
  }
  EXPECT_EQ(event_kinds().size(), static_cast<size_t>(Event::BfdUp) + 1);
}

TEST(EventLog, AnEventOfTheGuideHasItsNumberAndSeverityWhicheverRoomRaisesIt) {
  Raised raised;
  raised.log.event(Severity::Debug, "tmnxMcSyncClockSkewRaised", "far off");
  EXPECT_EQ(raised.last().application, "MC_REDUNDANCY");
  EXPECT_EQ(raised.last().id, 2019);
  EXPECT_EQ(raised.last().severity, "WARNING");
  EXPECT_EQ(raised.last().text, "far off");
  raised.log.event(Severity::Major, "STEERING_FAILED", "no such device");
  EXPECT_EQ(raised.last().application, "");
  EXPECT_EQ(raised.last().severity, "MAJOR");
  EXPECT_EQ(raised.last().number, 2U);
  ASSERT_EQ(raised.fake.log.events.size(), 2U);
  EXPECT_EQ(raised.fake.log.events[0].first, "tmnxMcSyncClockSkewRaised");
}

TEST(GroupEvents, ADomainsRoleIsToldInTheWordsOfTheGuide) {
  Raised raised;
  GroupEvents events(raised.log, {.group = {7}, .domain = DomainId{1}, .peer = "192.0.2.1"});
  events.role({.from = MasterState::Standby,
               .to = MasterState::Master,
               .why = "an inter-chassis link went down"},
              address("192.0.2.2"));
  EXPECT_EQ(raised.last().text,
            "Multi-chassis ipsec domain 1 local activity state changed from standby to active "
            "because an inter-chassis link went down. The active router in the domain is "
            "192.0.2.2.");
  EXPECT_EQ(raised.last().subject, "MC-IPSEC-DOMAIN 1");
  EXPECT_EQ(raised.last().id, 2046);
  events.protection({}, "");
  EXPECT_EQ(raised.last().text,
            "Protection status for the multi-chassis ipsec domain 1 changed to nominal");
  EXPECT_EQ(raised.last().id, 2047);
}

TEST(GroupEvents, APairsRoleNamesThePeerAndTheGroup) {
  Raised raised;
  GroupEvents events(raised.log, {.group = {7}, .domain = {}, .peer = "192.0.2.1"});
  events.role({.from = MasterState::Standby, .to = MasterState::Master, .why = "of an election"},
              std::nullopt);
  EXPECT_EQ(raised.last().text,
            "Master state for the multi-chassis ipsec peer 192.0.2.1 tunnel-group 7 changed from "
            "standby to master because of an election");
  EXPECT_EQ(raised.last().id, 2035);
}

TEST(GroupEvents, ProtectionIsToldOnceForEachChangeAndKeptWithItsReason) {
  Raised raised;
  GroupEvents events(raised.log, {.group = {7}, .domain = {}, .peer = "192.0.2.1"});
  events.protection({}, "no election yet");
  EXPECT_THAT(raised.numbers(), IsEmpty()) << "it began as not ready";
  events.protection({}, "");
  events.protection({}, "");
  events.protection({}, "no peer is standby");
  events.protection({}, "no peer is reachable");
  EXPECT_THAT(raised.numbers(), ElementsAre(2036, 2036));
  ASSERT_EQ(events.history().entries().size(), 2U);
  EXPECT_EQ(events.history().entries()[1].text, "notReady (no peer is standby)");
}

TEST(GroupEvents, MarksAreToldOnceUntilThereIsRoomAgain) {
  Raised raised;
  GroupEvents events(raised.log, {.group = {7}, .domain = {}, .peer = ""});
  const auto fill = [&](uint64_t count) {
    events.tunnels(count, 100);
    return raised.numbers();
  };
  EXPECT_THAT(fill(89), IsEmpty());
  EXPECT_THAT(fill(90), ElementsAre(2065));
  EXPECT_THAT(fill(94), IsEmpty());
  EXPECT_THAT(fill(95), ElementsAre(2066));
  EXPECT_THAT(fill(91), IsEmpty());
  EXPECT_THAT(fill(95), IsEmpty()) << "it did not fall below 90";
  EXPECT_THAT(fill(100), ElementsAre(2067));
  EXPECT_THAT(fill(89), IsEmpty());
  EXPECT_THAT(fill(100), ElementsAre(2067));
  events.tunnels(0, 0);
  EXPECT_THAT(raised.numbers(), IsEmpty());
}

TEST(PeerEvents, StateSyncAndAlarmsAreToldOnceForEachChange) {
  Raised raised;
  PeerEvents events(raised.log, address("192.0.2.1"));
  PeerFacts facts;
  events.look({}, facts);
  EXPECT_THAT(raised.numbers(), IsEmpty());
  facts.reachable = true;
  facts.add_sync(mcs::SyncState::InSync);
  facts.unusable = 2;
  events.look({}, facts);
  events.look({}, facts);
  EXPECT_THAT(raised.numbers(), ElementsAre(2001, 2004, 2005));
  facts.unusable = 0;
  facts.add_sync(mcs::SyncState::OutOfSync);  // one group is not
  events.look({}, facts);
  EXPECT_EQ(raised.log.entries()[1].text, "The Sync status of peer 192.0.2.1 changed to outOfSync");
  EXPECT_THAT(raised.numbers(), ElementsAre(2004, 2006));
  events.look({}, {});
  EXPECT_EQ(raised.last().text, "The state of the multi-chassis peer 192.0.2.1 changed to down");
  EXPECT_EQ(events.history().entries().size(), 6U);
}

TEST(PeerEvents, AnotherConfigurationIsToldWhereItBeginsAndWhenItEnds) {
  using Result = mcs::ConfigComparison::Result;
  Raised raised;
  PeerEvents events(raised.log, address("192.0.2.1"));
  PeerFacts facts;
  facts.add_config({});
  events.look({}, facts);
  EXPECT_THAT(raised.numbers(), IsEmpty()) << "nothing is known";
  facts.add_config({.result = Result::Equal});
  events.look({}, facts);
  EXPECT_THAT(raised.numbers(), IsEmpty());
  facts.add_config({.result = Result::Differs, .paths = {"a", "b", "c", "d", "e"}});
  facts.add_config({.result = Result::Equal});  // of another group
  events.look({}, facts);
  events.look({}, facts);
  EXPECT_EQ(raised.last().text,
            "The configuration differs from that of peer 192.0.2.1 in a, b, c, d, ...");
  EXPECT_THAT(raised.numbers(), ElementsAre(2002));
  events.look({}, {});
  EXPECT_THAT(raised.numbers(), IsEmpty()) << "the session ended, nothing else is known";
  PeerFacts equal;
  equal.add_config({.result = Result::Equal});
  events.look({}, equal);
  EXPECT_THAT(raised.numbers(), ElementsAre(2003));
}

TEST(History, OfTwoIsMergedByTime) {
  History one;
  History other;
  const auto at = [](int second) { return Instant(std::chrono::seconds(second)); };
  one.add(at(1), "a");
  one.add(at(3), "c");
  other.add(at(2), "b");
  std::string texts;
  for (const History::Entry& entry : merged(one, other)) texts += entry.text;
  EXPECT_EQ(texts, "abc");
}

}  // namespace
}  // namespace segw::chassis
