#include "bfd/service.h"

#include <gtest/gtest.h>

#include "bfd/testing.h"

namespace segw::bfd {
namespace {

using namespace std::chrono_literals;

const IpAddress kA = IpAddress::v4(0xC0000201);
const IpAddress kB = IpAddress::v4(0xC0000202);
const IpAddress kC = IpAddress::v4(0xC0000203);

class BfdService : public ::testing::Test {
 protected:
  BfdService() { b.rng.next(); }  // other draws than a's

  static PeerSettings peer(const IpAddress& local, const IpAddress& remote,
                           Path path = Path::SingleHop) {
    return {.local = local,
            .peer = remote,
            .path = path,
            .transmit_interval = 50ms,
            .receive_interval = 50ms,
            .multiplier = 3};
  }
  static Key key(std::string_view secret) { return {.secret = SecretBytes(as_bytes(secret))}; }
  void connect(Path path = Path::SingleHop, std::string_view secret = {}) const {
    PeerSettings at_a = peer(kA, kB, path);
    PeerSettings at_b = peer(kB, kA, path);
    if (!secret.empty()) at_a.keys = at_b.keys = {key(secret)};
    ASSERT_TRUE(a.service->add(at_a));
    ASSERT_TRUE(b.service->add(at_b));
  }
  void bring_up(Path path = Path::SingleHop) {
    connect(path);
    run(3s);
    ASSERT_EQ(a.state(), State::Up);
    ASSERT_EQ(b.state(), State::Up);
  }
  void run(Duration span) { world.scheduler.run_for(span); }
  // Each step at one after the other, at any pace.
  void change_key(const testing::Node& one, const testing::Node& other, const Key& from,
                  const Key& to) {
    for (const Keys& step : {Keys{from, to}, Keys{to, from}, Keys{to}}) {
      one.service->renew_keys(0, step);
      run(1s);
      other.service->renew_keys(0, step);
      run(1s);
    }
  }
  // As b's next packet to a, changed by a test.
  testing::Packet forged(Path path = Path::SingleHop) {
    const SessionStatus status = b.status();
    const ControlPacket packet{.state = State::Down,
                               .detect_multiplier = 3,
                               .my_discriminator = status.discriminator,
                               .your_discriminator = status.remote_discriminator,
                               .desired_min_tx_us = 1'000'000,
                               .required_min_rx_us = 50'000};
    return {.from = {.address = kB, .port = status.source_port},
            .to = {.address = kA, .port = path == Path::SingleHop ? kSingleHopPort : kMultiHopPort},
            .bytes = encode(packet)};
  }

  testing::World world;
  testing::Node a{world};
  testing::Node b{world};
};

TEST_F(BfdService, ComesUpAndAgreesOnTheTimers) {
  bring_up();
  const SessionStatus status = a.status();
  EXPECT_EQ(status.transmit_interval, 50ms);
  EXPECT_EQ(status.detection_time, 150ms);
  EXPECT_EQ(status.remote_discriminator, b.status().discriminator);
  EXPECT_EQ(a.news.back().says, Says::Up);
}

TEST_F(BfdService, ComesUpWithOneKeyAndNotWithTwo) {
  connect(Path::MultiHop, "one key");
  run(3s);
  EXPECT_EQ(a.state(), State::Up);
  PeerSettings other = peer(kA, kC, Path::MultiHop);
  PeerSettings wrong = peer(kC, kA, Path::MultiHop);
  other.keys = {key("a key")};
  wrong.keys = {key("another")};
  testing::Node c(world);
  ASSERT_TRUE(a.service->add(other));
  ASSERT_TRUE(c.service->add(wrong));
  run(3s);
  EXPECT_EQ(a.state(1), State::Down);
  EXPECT_GT(a.status(1).discarded.at("auth-hash"), 0U);
}

// Redundancy rule 25.
TEST_F(BfdService, AKeyIsChangedInThreeStepsWithoutALostPacket) {
  const Key old_key = key("the old key");
  const Key new_key{.id = 2, .secret = key("the new key").secret};
  const Key of_the_same_id{.id = 2, .secret = key("the third key").secret};
  connect(Path::MultiHop, "the old key");
  run(3s);
  change_key(a, b, old_key, new_key);
  EXPECT_GT(b.status().by_second_key, 0U);
  change_key(b, a, new_key, of_the_same_id);
  for (const testing::Node* node : {&a, &b}) {
    EXPECT_EQ(node->status().ups, 1U);
    EXPECT_EQ(node->status().downs, 0U);
    EXPECT_TRUE(node->status().discarded.empty());
  }
}

TEST_F(BfdService, FindsALostPeerWithinTheDetectionTime) {
  bring_up();
  world.cuts = {{kB, kA}};
  run(152ms);
  EXPECT_EQ(a.state(), State::Down);
  EXPECT_EQ(a.news.back().says, Says::Down);
  EXPECT_EQ(a.news.back().diagnostic, Diagnostic::DetectionTimeExpired);
  run(50ms);
  EXPECT_EQ(b.state(), State::Down);  // told so, though it hears everything
  EXPECT_EQ(b.news.back().diagnostic, Diagnostic::NeighborSignaledDown);
}

TEST_F(BfdService, ComesUpAgainAfterACut) {
  bring_up();
  world.cuts = {{kB, kA}, {kA, kB}};
  run(5s);
  world.cuts.clear();
  run(4s);
  EXPECT_EQ(a.state(), State::Up);
  EXPECT_EQ(a.status().ups, 2U);
  EXPECT_EQ(a.status().downs, 1U);
}

TEST_F(BfdService, StaysUpForLongAndWastesNothing) {
  bring_up();
  const uint64_t before = a.status().sent;
  run(60s);
  EXPECT_EQ(a.status().ups, 1U);
  EXPECT_EQ(a.status().downs, 0U);
  const uint64_t sent = a.status().sent - before;
  EXPECT_GE(sent, 1200U);  // 50 ms
  EXPECT_LE(sent, 1600U);  // 37.5 ms
}

TEST_F(BfdService, TheEndOfTheOtherSideIsKnownAtOnce) {
  bring_up();
  b.service.reset();
  run(2ms);
  EXPECT_EQ(a.state(), State::Down);
  EXPECT_EQ(a.news.back().says, Says::Down);
}

TEST_F(BfdService, ARestartOfTheOtherSideComesUpAgain) {
  connect(Path::SingleHop, "a key");
  run(3s);
  b.service =
      std::make_unique<Service>(b.prompt, [this](const News& each) { b.news.push_back(each); });
  PeerSettings again = peer(kB, kA);
  again.keys = {key("a key")};
  ASSERT_TRUE(b.service->add(again));
  run(8s);  // twice the detection time of a session that is down, and the way up
  EXPECT_EQ(a.state(), State::Up);
}

// RFC 5881 4
TEST_F(BfdService, SendsFromOnePortOfTheDynamicRangeToPort3784) {
  bring_up();
  std::set<Endpoint> sources;
  for (const testing::Packet& packet : world.recording) {
    EXPECT_EQ(packet.to.port, kSingleHopPort);
    EXPECT_GE(packet.from.port, kSourcePortMin);
    sources.insert(packet.from);
  }
  EXPECT_EQ(sources.size(), 2U);
}

// RFC 5883 4
TEST_F(BfdService, OverSeveralHopsSendsToPort4784) {
  bring_up(Path::MultiHop);
  for (const testing::Packet& packet : world.recording) EXPECT_EQ(packet.to.port, kMultiHopPort);
}

// RFC 5881 5
TEST_F(BfdService, SingleHopWithATtlBelow255IsDiscarded) {
  bring_up();
  testing::Packet packet = forged();
  packet.ttl = 254;
  world.inject(packet);
  run(2ms);
  EXPECT_EQ(a.state(), State::Up);
  EXPECT_EQ(a.service->counters().get("bad-ttl"), 1U);
  packet.ttl = 255;
  world.inject(packet);
  run(2ms);
  EXPECT_EQ(a.state(), State::Down);
}

TEST_F(BfdService, OverSeveralHopsAnyTtlIsTaken) {
  bring_up(Path::MultiHop);
  testing::Packet packet = forged(Path::MultiHop);
  packet.ttl = 3;
  world.inject(packet);
  run(2ms);
  EXPECT_EQ(a.state(), State::Down);
}

TEST_F(BfdService, TheMultihopPortIsNoWayAroundTheTtl) {
  bring_up();
  ASSERT_TRUE(a.service->add(peer(kA, kC, Path::MultiHop)));  // opens the port
  testing::Packet packet = forged(Path::MultiHop);
  packet.ttl = 3;
  world.inject(packet);
  run(2ms);
  EXPECT_EQ(a.state(), State::Up);
  EXPECT_EQ(a.service->counters().get("unknown-session"), 1U);
}

// RFC 5880 6.8.6
TEST_F(BfdService, AnUnknownDiscriminatorIsDiscarded) {
  bring_up();
  testing::Packet packet = forged();
  packet.bytes.at(8) ^= 0x55;
  world.inject(packet);
  run(2ms);
  EXPECT_EQ(a.state(), State::Up);
  EXPECT_EQ(a.service->counters().get("unknown-session"), 1U);
}

TEST_F(BfdService, AKnownDiscriminatorSelectsTheSessionWhateverTheAddress) {
  bring_up();
  testing::Packet packet = forged();
  packet.from.address = kC;
  world.inject(packet);
  run(2ms);
  EXPECT_EQ(a.state(), State::Down);
}

TEST_F(BfdService, WithoutADiscriminatorTheAddressesSelectTheSession) {
  ASSERT_TRUE(a.service->add(peer(kA, kC)));
  ASSERT_TRUE(a.service->add(peer(kA, kB)));
  ASSERT_TRUE(b.service->add(peer(kB, kA)));
  run(3s);
  EXPECT_EQ(a.state(0), State::Down);
  EXPECT_EQ(a.state(1), State::Up);
}

TEST_F(BfdService, AStrangerIsDiscarded) {
  bring_up();
  ASSERT_TRUE(b.service->add(peer(kC, kA)));  // a knows no session with it
  run(3s);
  EXPECT_GT(a.service->counters().get("unknown-session"), 0U);
}

TEST_F(BfdService, WhatIsMalformedIsCountedByItsField) {
  bring_up();
  testing::Packet packet = forged();
  packet.bytes.at(2) = 0;
  world.inject(packet);
  run(2ms);
  EXPECT_EQ(a.service->counters().get("bad-detect-mult"), 1U);
}

TEST_F(BfdService, ASecondSessionOfTheSameEndsIsASessionOfItsOwnPath) {
  bring_up();
  ASSERT_TRUE(a.service->add(peer(kA, kB, Path::MultiHop)));
  ASSERT_TRUE(b.service->add(peer(kB, kA, Path::MultiHop)));
  run(3s);
  EXPECT_EQ(a.state(0), State::Up);
  EXPECT_EQ(a.state(1), State::Up);
}

// This process was late: the timer of silence runs first, then the socket is read.
TEST_F(BfdService, WhatLiesInTheSocketWhenSilenceIsNoticedIsReadBeforeItCounts) {
  bring_up();
  world.cuts = {{kB, kA}};
  run(2ms);  // nothing is under way
  testing::Packet packet = forged();
  packet.bytes.at(1) = static_cast<uint8_t>(State::Up) << 6;
  packet.bytes.at(14) = packet.bytes.at(13) = 0;  // Desired Min TX Interval: less than 50 ms
  world.delay = 0ms;
  world.inject(packet);
  run(0ms);
  world.scheduler.at(world.clock.now() + 150ms - 1ns, [&] {
    world.delay = 1ns;
    world.inject(packet);
  });
  run(299ms);
  EXPECT_EQ(a.state(), State::Up);
  EXPECT_EQ(a.status().downs, 0U);
  run(1ms);
  EXPECT_EQ(a.state(), State::Down);
}

TEST_F(BfdService, APortThatIsTakenIsAnError) {
  const auto elsewhere = a.open({.address = kA, .port = kSingleHopPort}, {});
  const auto added = a.service->add(peer(kA, kB));
  ASSERT_FALSE(added.has_value());
  EXPECT_NE(added.error().text.find("in use"), std::string::npos);
}

}  // namespace
}  // namespace segw::bfd
