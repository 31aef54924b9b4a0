// The events of the guide, raised by what they are about.
#include "chassis/events.h"

#include <gmock/gmock.h>

#include <set>

#include "scenario.h"

namespace segw::sim {
namespace {

using namespace std::chrono_literals;

class Events : public Scenario {
 protected:
  // Of both chassis, by name.
  void note() {
    for (const HostId host : {A, B}) {
      if (cluster().host(host).chassis() == nullptr) continue;
      for (const auto& entry : cluster().host(host).chassis()->status().log) {
        seen_.insert(entry.name);
      }
    }
  }
  HostId standby() { return *cluster().master() == A ? B : A; }
  static std::string name_of(chassis::Event event) {
    return std::string(chassis::kind_of(event).name);
  }
  std::vector<std::string> texts(HostId host, chassis::Event event) {
    std::vector<std::string> texts;
    for (const auto& entry : cluster().host(host).chassis()->status().log) {
      if (entry.name == name_of(event)) texts.insert(texts.begin(), entry.text);
    }
    return texts;
  }
  std::set<std::string> seen_;
};

TEST_F(Events, EachOneIsRaised) {
  using chassis::Event;
  // These are raised in tests of what a simulated pair does not do: by GroupEvents.* (domains and
  // full groups), PeerEvents.* (what ends with a new configuration too), and mcs'
  // Session.AClockThatIsFarOffIsReportedAndNoFault.
  const std::set<Event> elsewhere = {Event::DomainActivity,  Event::DomainProtection,
                                     Event::TunnelsLow,      Event::ConfigMismatchEnded,
                                     Event::TunnelsHigh,     Event::TunnelsMost,
                                     Event::RecordsUnusable, Event::RecordsUsable,
                                     Event::ClockSkew,       Event::ClockSkewEnded};
  for (const bool dynamic : {false, true}) {
    Cluster& c = converged({.bfd = !dynamic, .dynamic = dynamic});
    const HostId was = *c.master();
    c.host(was).crash_isa();
    EXPECT_TRUE(c.run_until([&] { return c.redundant() && c.master() != was; }, 20s));
    ASSERT_TRUE(c.host(*c.master()).chassis());
    const auto status = c.host(*c.master()).chassis()->status();
    if (dynamic) {
      ASSERT_EQ(status.gateways.at(0).tunnels.size(), 1U);
      const std::string client = status.gateways[0].tunnels[0].ike.remote.text();
      c.operator_ends();
      EXPECT_TRUE(c.host(*c.master()).chassis()->clear_client(status.gateways[0].name, client));
      c.run_for(1s);
    } else {
      note();
      c.host(standby()).crash();  // its BFD session ends with it
      c.run_for(1s);
    }
    note();
  }
  for (const chassis::EventKind& kind : chassis::event_kinds()) {
    EXPECT_NE(seen_.contains(std::string(kind.name)), elsewhere.contains(kind.event)) << kind.name;
  }
}

TEST_F(Events, ALostPeerIsToldByItsStateItsSyncAndTheProtection) {
  Cluster& c = converged();
  const HostId master = *c.master();
  c.run_for(1s);
  EXPECT_EQ(texts(master, chassis::Event::GroupProtection).size(), 1U);
  c.net().cut(A, B);
  c.run_for(c.hold_time() + 10s);
  const std::string peer = c.host(standby()).address().text();
  EXPECT_EQ(texts(master, chassis::Event::PeerState).back(),
            "The state of the multi-chassis peer " + peer + " changed to down");
  EXPECT_EQ(texts(master, chassis::Event::PeerSync).back(),
            "The Sync status of peer " + peer + " changed to outOfSync");
  EXPECT_EQ(texts(master, chassis::Event::GroupProtection).back(),
            "Protection status for the multi-chassis ipsec peer " + peer +
                " tunnel-group 1 changed to notReady");
  c.net().heal();
  EXPECT_TRUE(c.run_until([&] { return c.redundant(); }, 30s));
  c.run_for(1s);
  EXPECT_EQ(texts(*c.master(), chassis::Event::PeerState).back(),
            "The state of the multi-chassis peer " + c.host(standby()).address().text() +
                " changed to up");
}

}  // namespace
}  // namespace segw::sim
