// Sessions: who connects, who is let in, when one ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mcs/testing.h"

namespace segw::mcs::testing {
namespace {

bool only_hellos(const Wire& wire) {
  return std::ranges::all_of(wire.frames, [](const Seen& seen) { return seen.frame.has_hello(); });
}

TEST(Session, TheLowerAddressConnectsAndBothKnowWhoTheOtherIs) {
  Pair pair;
  pair.boot();
  EXPECT_EQ(pair.a.link().down_reason(), "not connected yet");
  pair.run(100ms);
  EXPECT_EQ(pair.wire.attempts, 1);
  for (Node* node : {&pair.a, &pair.b}) {
    EXPECT_TRUE(node->link().connected());
    EXPECT_EQ(node->link().down_reason(), "");
    EXPECT_TRUE(node->logged("MCS_PEER_UP"));
    EXPECT_FALSE(node->logged("tmnxMcSyncClockSkewRaised"));
    const Node& other = node == &pair.a ? pair.b : pair.a;
    const esp::Holder expected{.slot = other.settings.slot,
                               .incarnation = other.settings.incarnation};
    EXPECT_EQ(node->link().peer_identity(), expected);
  }
}

TEST(Session, FramesMayArriveInAnyPieces) {
  Pair pair;
  pair.wire.piece = 3;
  pair.settle();
  pair.a.commit({ike_sa(1), child_sa(300)}, "one");
  pair.run(100ms);
  EXPECT_TRUE(pair.replicas_equal());
  EXPECT_EQ(pair.b.group_state.child_sas.size(), 1U);
  EXPECT_EQ(pair.a.events, std::vector<std::string>{"then one"});
}

TEST(Session, ThereIsNoneWithoutAKey) {
  Pair pair;
  pair.a.settings.keys = {};
  pair.b.settings.keys = {};
  pair.boot();
  pair.run(5s);
  EXPECT_EQ(pair.wire.attempts, 0);
  EXPECT_EQ(pair.a.link().down_reason(), "no mcs.key");
  EXPECT_EQ(pair.b.link().down_reason(), "no mcs.key");
}

TEST(Session, ThereIsNoneWithAnotherKey) {
  Pair pair;
  pair.b.settings.keys = {key_of(8)};
  pair.boot();
  pair.run(5s);
  EXPECT_GT(pair.wire.attempts, 3) << "and it is tried again";
  EXPECT_FALSE(pair.a.link().connected());
  EXPECT_EQ(pair.a.link().down_reason(), "the keys differ");
  EXPECT_EQ(pair.wire.frames.size(), 0U);
}

TEST(Session, AnotherIdentityFindsNoKey) {
  RawPair pair;
  pair.node.boot();
  pair.raw.identity = "opensegw-mcs/1 192.0.2.2 192.0.2.1";
  pair.raw.connect();
  pair.run(10ms);
  EXPECT_FALSE(pair.raw.opened);
  EXPECT_TRUE(pair.raw.closed);
}

TEST(Session, APeerWithOurSlotIsRefusedBeforeAnyKeyIsSent) {
  Pair pair;
  pair.b.settings.slot = Slot{0};
  pair.a.group_state.child_sas[Spi{300}] = child_sa(300);
  pair.boot();
  pair.a.sync().become_writer(Activation{1});
  pair.run(3s);
  EXPECT_FALSE(pair.a.link().connected());
  EXPECT_FALSE(pair.b.link().connected());
  EXPECT_EQ(pair.a.link().down_reason(), "peer slot 0 is taken");
  EXPECT_EQ(pair.b.link().down_reason(), "peer slot 0 is taken");
  EXPECT_FALSE(pair.a.link().peer_identity());
  EXPECT_GT(pair.wire.frames.size(), 0U);
  EXPECT_TRUE(only_hellos(pair.wire));
}

TEST(Session, ACopiedStateFolderIsRefused) {
  Pair pair;
  pair.b.settings.incarnation = pair.a.settings.incarnation;
  pair.boot();
  pair.run(3s);
  EXPECT_FALSE(pair.a.link().connected());
  EXPECT_EQ(pair.a.link().down_reason(), "peer has our incarnation: a copied state folder");
  EXPECT_EQ(pair.b.link().down_reason(), "peer has our incarnation: a copied state folder");
  EXPECT_TRUE(only_hellos(pair.wire));
}

struct Refusal {
  void (*change)(pb::Hello&);
  const char* reason;
};
class RefusedHello : public ::testing::TestWithParam<Refusal> {};

TEST_P(RefusedHello, EndsTheConnectionWithItsReason) {
  RawPair pair;
  pair.node.group_state.child_sas[Spi{300}] = child_sa(300);
  pair.node.boot();
  pair.node.sync().become_writer(Activation{1});
  pair.raw.connect();
  pair.run(10ms);
  pb::Frame frame = RawPeer::hello();
  GetParam().change(*frame.mutable_hello());
  pair.raw.send(frame);
  pair.run(10ms);
  EXPECT_FALSE(pair.node.link().connected());
  EXPECT_EQ(pair.node.link().down_reason(), GetParam().reason);
  EXPECT_TRUE(pair.raw.closed);
  EXPECT_EQ(pair.node.count("sessions-closed"), 1U);
  EXPECT_TRUE(only_hellos(pair.wire));
}

INSTANTIATE_TEST_SUITE_P(
    Hello, RefusedHello,
    ::testing::Values(Refusal{[](pb::Hello& h) { h.set_version_min(3), h.set_version_max(4); },
                              "peer speaks no version of ours"},
                      Refusal{[](pb::Hello& h) { h.set_version_min(0), h.set_version_max(0); },
                              "peer speaks no version of ours"},
                      Refusal{[](pb::Hello& h) { h.set_slot(1); }, "peer slot 1 is taken"},
                      Refusal{[](pb::Hello& h) { h.set_slot(4); }, "peer slot 4 is taken"},
                      Refusal{[](pb::Hello& h) { h.set_slot(257); }, "peer slot 257 is taken"},
                      Refusal{[](pb::Hello& h) { h.set_incarnation(std::string(15, 'R')); },
                              "peer incarnation is malformed"},
                      Refusal{[](pb::Hello& h) { h.set_incarnation(std::string(17, 'R')); },
                              "peer incarnation is malformed"},
                      Refusal{[](pb::Hello& h) { h.set_incarnation(std::string(16, '\xB0')); },
                              "peer has our incarnation: a copied state folder"}));

TEST(Session, ANewerPeerThatStillSpeaksOurVersionIsAccepted) {
  RawPair pair;
  pair.node.boot();
  pair.raw.connect();
  pair.run(10ms);
  pb::Frame frame = RawPeer::hello();
  frame.mutable_hello()->set_version_max(9);
  pair.raw.send(frame);
  pair.run(10ms);
  EXPECT_TRUE(pair.node.link().connected());
  EXPECT_EQ(pair.node.link().version(), kVersion);
}

TEST(Session, AClockThatIsFarOffIsReportedAndNoFault) {
  for (const int64_t wall : {INT64_MIN, INT64_MAX, int64_t{-60'001}, int64_t{60'001}}) {
    RawPair pair;
    pair.node.boot();
    pair.raw.connect();
    pair.run(10ms);
    pb::Frame frame = RawPeer::hello();
    frame.mutable_hello()->set_wall_ms(wall);
    pair.raw.send(frame);
    pair.run(10ms);
    EXPECT_TRUE(pair.node.link().connected()) << wall;
    EXPECT_TRUE(pair.node.logged("tmnxMcSyncClockSkewRaised")) << wall;
    EXPECT_FALSE(pair.node.logged("tmnxMcSyncClockSkewCleared")) << wall;
    pair.raw.connect();
    pair.run(10ms);
    pair.raw.send(RawPeer::hello());
    pair.run(10ms);
    EXPECT_TRUE(pair.node.logged("tmnxMcSyncClockSkewCleared")) << wall;
  }
  RawPair pair;
  pair.node.boot();
  pair.raw.connect();
  pair.run(10ms);
  pb::Frame frame = RawPeer::hello();
  frame.mutable_hello()->set_wall_ms(60'000);
  pair.raw.send(frame);
  pair.run(10ms);
  EXPECT_FALSE(pair.node.logged("tmnxMcSyncClockSkewRaised"));
}

TEST(Session, NothingIsTakenBeforeHello) {
  RawPair pair;
  pair.node.boot();
  pair.raw.connect();
  pair.run(10ms);
  pb::Group message;
  message.mutable_base()->set_activation(5);
  pair.say(message);
  message.mutable_handover()->set_step(pb::Handover::PREPARE);
  pair.say(message);
  EXPECT_EQ(pair.node.count("message-before-hello"), 2U);
  EXPECT_TRUE(pair.node.events.empty());
  EXPECT_EQ(pair.raw.frames.size(), 1U) << "its Hello and nothing else";
}

TEST(Session, OtherAddressesAreRefused) {
  RawPair pair;
  pair.node.boot();
  pair.raw.local = address("192.0.2.9");
  pair.raw.connect();
  pair.run(10ms);
  EXPECT_EQ(pair.raw.closed, "connect: refused by the peer");
  EXPECT_EQ(pair.node.count("connections-refused"), 1U);
}

TEST(Session, AFifthConnectionIsRefused) {
  World world;
  Node node(world, settings_of(high(), low()));
  node.boot();
  std::deque<RawPeer> peers;
  for (int i = 0; i < 5; ++i) peers.emplace_back(world).connect();
  world.run(10ms);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(peers[static_cast<size_t>(i)].opened);
  EXPECT_FALSE(peers[4].opened);
  EXPECT_EQ(node.count("connections-refused"), 1U);
  peers[0].hang_up();
  world.run(10ms);
  RawPeer later(world);
  later.connect();
  world.run(10ms);
  EXPECT_TRUE(later.opened);
}

TEST(Session, ANewerOneReplacesTheOlder) {
  RawPair pair;
  pair.settle();
  RawPeer second(pair);
  second.connect();
  pair.run(10ms);
  EXPECT_FALSE(pair.raw.closed) << "not before it said who it is";
  pb::Frame frame = RawPeer::hello();
  frame.mutable_hello()->set_incarnation(std::string(16, 'S'));
  second.send(frame);
  pair.run(10ms);
  EXPECT_TRUE(pair.raw.closed);
  EXPECT_FALSE(second.closed);
  EXPECT_TRUE(pair.node.link().connected());
  esp::Holder expected{.slot = Slot{0}};
  expected.incarnation.fill('S');
  EXPECT_EQ(pair.node.link().peer_identity(), expected);
}

TEST(Session, SilenceEndsItAndItComesBack) {
  Pair pair;
  pair.settle();
  pair.wire.cut = true;
  pair.run(4s);
  EXPECT_TRUE(pair.a.link().connected());
  EXPECT_TRUE(pair.b.link().connected());
  pair.run(3s);
  for (Node* node : {&pair.a, &pair.b}) {
    EXPECT_FALSE(node->link().connected());
    EXPECT_TRUE(node->logged("MCS_PEER_DOWN"));
    EXPECT_EQ(node->sync_state(), SyncState::OutOfSync);
  }
  EXPECT_EQ(pair.b.link().down_reason(), "peer is silent");
  EXPECT_TRUE(pair.b.link().peer_identity()) << "it still holds what was sent to it";
  pair.wire.release();
  pair.run(3s);
  EXPECT_TRUE(pair.a.link().connected());
  EXPECT_TRUE(pair.b.link().connected());
  EXPECT_EQ(pair.a.sync_state(), SyncState::InSync);
}

TEST(Session, PingsKeepAQuietOneAlive) {
  Pair pair;
  pair.settle();
  pair.run(60s);
  EXPECT_TRUE(pair.a.link().connected());
  EXPECT_EQ(pair.a.count("sessions-closed"), 0U);
  EXPECT_EQ(pair.b.count("sessions-closed"), 0U);
}

// 100 ms, doubled to 2 s, and up to a quarter more.
TEST(Session, AttemptsBecomeRarer) {
  Pair pair;
  pair.a.boot();
  pair.run(90ms);
  EXPECT_EQ(pair.wire.attempts, 1);
  pair.run(10s - 90ms);
  EXPECT_GE(pair.wire.attempts, 8);
  EXPECT_LE(pair.wire.attempts, 9);
  EXPECT_EQ(pair.a.link().down_reason(), "connect: connection refused");
  pair.b.boot();
  pair.run(2600ms);
  EXPECT_TRUE(pair.a.link().connected());
  pair.wire.reset();
  pair.run(200ms);
  EXPECT_TRUE(pair.a.link().connected()) << "after a session the first attempt is early again";
}

TEST(Session, AMissingAddressIsTriedAgainEachSecond) {
  Pair pair;
  pair.wire.address_missing = true;
  pair.boot();
  pair.run(3500ms);
  EXPECT_EQ(pair.b.link().down_reason(), "192.0.2.2:11031: cannot assign requested address");
  EXPECT_EQ(pair.b.count("listen-failed"), 4U);
  pair.wire.address_missing = false;
  pair.run(4s);
  EXPECT_TRUE(pair.b.link().connected());
}

TEST(Session, ThePeersEndIsNoticedAndItsReturnToo) {
  Pair pair;
  pair.settle();
  pair.b.crash();
  pair.run(50ms);
  EXPECT_FALSE(pair.a.link().connected());
  EXPECT_EQ(pair.a.link().down_reason(), "closed by the peer");
  EXPECT_EQ(pair.a.events, std::vector<std::string>{"not in sync"});
  pair.b.settings.incarnation.fill(0xB1);
  pair.b.boot();
  pair.run(3s);
  ASSERT_TRUE(pair.a.link().connected());
  const esp::Holder expected{.slot = Slot{1}, .incarnation = pair.b.settings.incarnation};
  EXPECT_EQ(pair.a.link().peer_identity(), expected);
  EXPECT_EQ(pair.a.events, (std::vector<std::string>{"not in sync", "in sync"}));
}

TEST(Session, WhatChangedIsInItsHistory) {
  Pair pair;
  pair.settle();
  pair.wire.reset();
  pair.run(1s);
  std::vector<std::string> texts;
  for (const auto& entry : pair.a.link().history().entries()) texts.push_back(entry.text);
  EXPECT_THAT(texts, ::testing::ElementsAre(
                         "session with 192.0.2.2", "group tag-1: peer is in sync",
                         "session ended: connection reset", "group tag-1: peer is not in sync",
                         "session with 192.0.2.2", "group tag-1: peer is in sync"));
}

}  // namespace
}  // namespace segw::mcs::testing
