// What is made of single hellos, and of a network that treats them badly.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mimp/mimp_service.h"
#include "mimp/testing.h"

namespace segw::mimp::testing {
namespace {

using namespace std::chrono_literals;
using enum MasterState;

TEST(Hello, IsDroppedAndCountedByReason) {
  Pair pair;
  pair.settle();
  const Endpoint a{.address = pair.a.address(), .port = kPort};
  const Endpoint b{.address = pair.b.address(), .port = kPort};
  const Endpoint stranger{.address = *IpAddress::parse("192.0.2.9"), .port = kPort};
  pair.network.record = true;
  pair.run(500ms);
  pair.network.record = false;
  Packet hello;
  for (const Packet& packet : pair.network.recording) {
    if (packet.from == a) hello = packet;
  }
  const auto inject = [&](const Endpoint& from, Bytes bytes) {
    pair.network.inject({.from = from, .to = b, .bytes = std::move(bytes)});
    pair.run(5ms);
  };
  inject(stranger, hello.bytes);
  EXPECT_EQ(pair.b.port().counters().get("hello-bad-address"), 1U);
  Bytes changed = hello.bytes;
  changed[0] = 9;
  inject(a, changed);
  EXPECT_EQ(pair.b.count("hello-bad-version"), 1U);
  changed = hello.bytes;
  changed[7] ^= 1U;
  inject(a, changed);
  EXPECT_EQ(pair.b.port().counters().get("hello-bad-group"), 1U);
  changed = hello.bytes;
  changed[20] ^= 1U;
  inject(a, changed);
  EXPECT_EQ(pair.b.count("hello-bad-hmac"), 1U);
  inject(a, Bytes(1201, 1));
  EXPECT_EQ(pair.b.port().counters().get("hello-bad-size"), 1U);
  inject(a, hello.bytes);
  EXPECT_EQ(pair.b.count("hello-old-beat"), 1U);
  // Reflected to its sender.
  pair.network.inject({.from = b, .to = a, .bytes = hello.bytes});
  pair.run(5ms);
  EXPECT_EQ(pair.a.count("hello-bad-hmac"), 1U);
}

TEST(Hello, WithAnotherKeyChangesNothing) {
  Pair pair;
  Settings other = settings_of("192.0.2.2", "192.0.2.1", 250);
  other.peers.front().keys = {new_key()};
  Node impostor(pair.world, pair.network, other);
  pair.a.boot();
  impostor.boot();
  pair.run(9s);
  EXPECT_EQ(pair.a.state(), Discovery);
  EXPECT_GT(pair.a.count("hello-bad-hmac"), 10U);
  EXPECT_TRUE(pair.a.peers.empty());
}

TEST(Hello, WithoutKeysAPairWorks) {
  World world;
  Network network(world);
  Settings first = settings_of("192.0.2.1", "192.0.2.2", 100);
  Settings second = settings_of("192.0.2.2", "192.0.2.1", 100);
  first.peers.front().keys = second.peers.front().keys = {};
  Node a(world, network, first);
  Node b(world, network, second);
  a.boot();
  b.boot();
  world.run_for(1s);
  EXPECT_EQ(a.state(), Standby);
  EXPECT_EQ(b.state(), Master) << "the higher address";
}

TEST(Hello, KeepAlivesComeWithoutJitter) {
  Pair pair;
  pair.settle();
  const int before = pair.a.keep_alives;
  const uint64_t sent = pair.a.count("hello-sent");
  pair.run(50s);
  EXPECT_EQ(pair.a.count("hello-sent") - sent, 100U);
  EXPECT_EQ(pair.a.keep_alives - before, 100);
}

TEST(Network, DelayDuplicationAndLossChangeNoRole) {
  Pair pair;
  pair.settle();
  pair.network.delay = 20ms;
  pair.network.jitter = 100ms;
  pair.network.duplicate_per_mille = 200;
  const auto roles = pair.a.roles.size() + pair.b.roles.size();
  pair.run(120s);
  EXPECT_EQ(pair.a.roles.size() + pair.b.roles.size(), roles);
  EXPECT_GT(pair.b.count("hello-old-beat"), 5U);
}

}  // namespace
}  // namespace segw::mimp::testing
