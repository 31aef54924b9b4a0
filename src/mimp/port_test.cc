#include "mimp/port.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mimp/testing.h"

namespace segw::mimp::testing {
namespace {

using namespace std::chrono_literals;

// Two tunnel groups of the same two chassis, each master of one.
TEST(Port, CarriesSeveralGroupsBetweenTheSameChassis) {
  World world;
  Network network(world);
  const Settings one = settings_of("192.0.2.1", "192.0.2.2", 200);
  Settings two = one;
  two.group = two.peers.front().group = TunnelGroupId{2};
  two.priority = 50;
  const Settings other_one = settings_of("192.0.2.2", "192.0.2.1", 100);
  Settings other_two = other_one;
  other_two.group = other_two.peers.front().group = TunnelGroupId{2};
  Node a(world, network, one, {two});
  Node b(world, network, other_one, {other_two});
  a.boot();
  b.boot();
  world.run_for(1s);
  EXPECT_EQ(a.service().state(), MasterState::Master);
  EXPECT_EQ(b.service().state(), MasterState::Standby);
  EXPECT_EQ(a.more().front()->state(), MasterState::Standby);
  EXPECT_EQ(b.more().front()->state(), MasterState::Master);
  EXPECT_TRUE(a.port().counters().all().empty());
}

TEST(Port, HasOneListenerForAGroupAndPeer) {
  World world;
  Network network(world);
  const Settings settings = settings_of("192.0.2.1", "192.0.2.2", 200);
  Node node(world, network, settings, {settings});
  node.boot();
  ASSERT_FALSE(node.start_result);
  EXPECT_EQ(node.start_result.error().text, "192.0.2.1:11030: group 1 has peer 192.0.2.2 already");
}

TEST(Port, GivesTheAddressBackWithTheLastListener) {
  World world;
  Network network(world);
  Node first(world, network, settings_of("192.0.2.1", "192.0.2.2", 200));
  Node second(world, network, settings_of("192.0.2.1", "192.0.2.2", 200));
  first.boot();
  first.crash();
  second.boot();
  EXPECT_TRUE(second.start_result);
}

}  // namespace
}  // namespace segw::mimp::testing
