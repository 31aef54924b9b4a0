// Which tunnels are begun by us, and how many at once.
#include <gtest/gtest.h>

#include <algorithm>

#include "ike/testing_engine.h"

namespace segw::ike::testing {
namespace {

using namespace std::chrono_literals;

GroupSettings begun(uint32_t tunnels) {
  GroupSettings settings = begun_by_us();
  TunnelSettings one = settings.tunnels.front();
  settings.tunnels.clear();
  for (uint32_t index = 0; index < tunnels; ++index) {
    one.index = index;
    if (index > 0) one.remote_gateway = IpAddress::v4(0x0A010000 + index);
    settings.tunnels.push_back(one);
  }
  return settings;
}

size_t under_way(const Gateway& gateway) {
  return static_cast<size_t>(std::ranges::count_if(gateway.state.ike_sas, [](const auto& entry) {
    return entry.second.state == IkeState::Connecting;
  }));
}

TEST(SetUps, AtMostSixtyFourAreUnderWay) {
  Gateway gateway(begun(100));
  gateway.run_for(2s);
  EXPECT_EQ(under_way(gateway), 64U);
  for (int second = 0; second < 60; ++second) {
    gateway.run_for(1s);
    ASSERT_LE(under_way(gateway), 64U);
  }
  EXPECT_GE(gateway.engine->counters().get("set-ups-begun"), 100U)
      << "nobody answered the first ones, so the others had their turn";
}

TEST(SetUps, AClientThatHasBegunIsWaitedFor) {
  Gateway gateway(begun(1));
  Client client;
  ASSERT_TRUE(client.take_init(gateway.ask(client.init_request())));
  EXPECT_TRUE(gateway.run_for(3s).empty());
  EXPECT_TRUE(client.open(gateway.ask(client.auth_request())));
  gateway.run_for(5s);
  EXPECT_EQ(gateway.engine->counters().get("set-ups-begun"), 0U);
}

TEST(SetUps, AClientThatBeganAndWentAwayIsNotWaitedForLonger) {
  Gateway gateway(begun(1));
  Client client;
  ASSERT_TRUE(client.take_init(gateway.ask(client.init_request())));
  gateway.run_for(32s);
  EXPECT_EQ(gateway.engine->counters().get("set-ups-begun"), 1U);
}

}  // namespace
}  // namespace segw::ike::testing
