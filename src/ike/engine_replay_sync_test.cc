// IPsec replay counter synchronisation (RFC 6311 5.2) through the engine, in both roles.
#include <gtest/gtest.h>

#include "ike/message_id_sync.h"
#include "ike/replay_counter_sync.h"
#include "ike/testing_extras.h"

namespace segw::ike::testing {
namespace {

using namespace std::chrono_literals;

class ReplaySync : public ::testing::Test {
 protected:
  void connect(const std::vector<NotifyType>& announced) {
    ASSERT_TRUE(client_.connect_with(one_, announced));
  }
  // The other chassis, which knows `highest` of what came in.
  std::unique_ptr<Gateway> other(uint64_t highest) {
    auto next = std::make_unique<Gateway>(one_, group_settings());
    next->host.positions[child()] = {.outbound_next = 1, .inbound_highest = highest};
    next->ask(client_.request(Exchange::Informational, liveness()));
    return next;
  }
  Spi child() { return one_.state.child_sas.begin()->first; }
  esp::ChildSa& child_of(Gateway& gateway) { return gateway.state.child_sas.begin()->second; }
  // The data of the notification, if it is in the only message.
  std::optional<Bytes> asked(const std::vector<Datagram>& sent, uint32_t& message_id) {
    if (sent.size() != 1) return std::nullopt;
    const auto payloads = client_.open(sent[0].message);
    if (!payloads) return std::nullopt;
    const auto header = decode_header(sent[0].message);
    if (!header) return std::nullopt;
    message_id = header->message_id;
    const auto* found = client_.find_notify(*payloads, NotifyType::ReplayCounterSync);
    return found == nullptr ? std::nullopt : std::optional(found->data);
  }
  Bytes sync_answer(const Bytes& request) {
    const auto payloads = client_.open(request);
    const auto* found = client_.find_notify(*payloads, NotifyType::MessageIdSync);
    const MessageIdSync sync = decode_message_id_sync(found->data).value();
    return client_.seal(
        Exchange::Informational,
        {notify(NotifyType::MessageIdSync,
                encode_message_id_sync(
                    {.nonce = sync.nonce, .send = sync.receive, .receive = sync.send}))},
        0, true);
  }
  Bytes empty_answer(uint32_t message_id) {
    return client_.seal(Exchange::Informational, {}, message_id, true);
  }
  Bytes replay_sync(const Bytes& data) {
    return client_.request(Exchange::Informational, {notify(NotifyType::ReplayCounterSync, data)});
  }

  Gateway one_;
  ChattyClient client_;
};

// ---- as the cluster ----

TEST_F(ReplaySync, IsAnnouncedOnlyToAClientThatAnnouncesIt) {
  connect({kReplay});
  EXPECT_NE(client_.find_notify(*client_.auth_answer, kReplay), nullptr);
  EXPECT_EQ(client_.find_notify(*client_.auth_answer, kMessageIds), nullptr);
  Gateway second;
  ChattyClient plain;
  ASSERT_TRUE(plain.connect_with(second, {kMessageIds}));
  EXPECT_EQ(plain.find_notify(*plain.auth_answer, kReplay), nullptr);
}

TEST_F(ReplaySync, AfterAnUncleanTakeoverItTravelsWithTheMessageIds) {
  connect({kMessageIds, kReplay});
  const auto next = other(1000);
  const auto sent = next->run_for(200ms);
  uint32_t message_id = 77;
  EXPECT_EQ(asked(sent, message_id), encode_replay_delta(kDelta, false));
  EXPECT_EQ(message_id, 0U);
  EXPECT_TRUE(next->host.edges.empty()) << "rule 19: not before its answer";
  next->give(sync_answer(sent[0].message));
  EXPECT_EQ(next->host.edges, (std::map<Spi, uint64_t>{{child(), 1000 + kDelta}}));
  EXPECT_TRUE(next->run_for(30s).empty()) << "once is enough";
}

TEST_F(ReplaySync, AloneItIsARegularExchange) {
  connect({kReplay});
  const auto next = other(5);
  const auto sent = next->run_for(200ms);
  uint32_t message_id = 77;
  EXPECT_TRUE(asked(sent, message_id));
  EXPECT_EQ(message_id, one_.only_ike().next_request_out);
  next->give(empty_answer(message_id));
  EXPECT_EQ(next->host.edges.at(child()), 5 + kDelta);
  EXPECT_TRUE(next->run_for(30s).empty());
}

// The client skips for each attempt that reaches it; what it has sent since must not be refused.
TEST_F(ReplaySync, TheEdgeCountsFromTheFirstAttempt) {
  connect({kMessageIds, kReplay});
  const auto next = other(1000);
  ASSERT_EQ(next->run_for(200ms).size(), 1U);
  next->host.positions[child()].inbound_highest = 1000 + kDelta + 50;  // it did skip
  const auto again = next->run_for(3s);
  uint32_t message_id = 77;
  ASSERT_TRUE(asked(again, message_id)) << "asked with each attempt";
  next->give(sync_answer(again[0].message));
  EXPECT_EQ(next->host.edges.at(child()), 1000 + kDelta);
}

TEST_F(ReplaySync, ACleanTakeoverKnowsTheEdges) {
  connect({kMessageIds, kReplay});
  one_.engine->deactivate();
  one_.engine->activate(true);
  one_.ask(client_.request(Exchange::Informational, liveness()));
  EXPECT_TRUE(one_.run_for(30s).empty());
}

TEST_F(ReplaySync, NearTheEndOf32BitsNothingIsAsked) {
  connect({kReplay});
  const auto next = other(uint64_t{1} << 31);
  EXPECT_TRUE(next->run_for(30s).empty());
  EXPECT_EQ(next->engine->counters().get("replay-sync-not-possible"), 1U);
}

TEST_F(ReplaySync, ASuccessorOfTheIkeSaAsksForItsChildSas) {
  connect({kReplay});
  const auto next = other(9);
  ASSERT_EQ(next->run_for(200ms).size(), 1U);
  auto successor = client_.successor(next->ask(client_.rekey_ike_request(0x7777)));
  ASSERT_TRUE(successor);
  const auto sent = next->run_for(1s);
  bool found = false;
  for (const Datagram& each : sent) {
    const auto payloads = successor->open(each.message);
    found = found || (payloads &&
                      successor->find_notify(*payloads, NotifyType::ReplayCounterSync) != nullptr);
  }
  EXPECT_TRUE(found);
}

// ---- as the peer ----

TEST_F(ReplaySync, OurNumbersSkipAndTheRecordSaysSo) {
  connect({kReplay});
  one_.host.positions[child()] = {.outbound_next = 500, .inbound_highest = 0};
  one_.host.committed.clear();
  EXPECT_TRUE(client_.open(one_.ask(replay_sync(encode_replay_delta(7000, false)))));
  const uint64_t floor = child_of(one_).outbound_floor;
  EXPECT_GE(floor, 7500U);
  ASSERT_FALSE(one_.host.committed.empty());
  EXPECT_EQ(one_.host.committed.front().child_sas, std::vector<Spi>{child()});
  // Again: from where it is now, though the ISA has not said so.
  EXPECT_TRUE(client_.open(one_.ask(replay_sync(encode_replay_delta(7000, false)))));
  EXPECT_GE(child_of(one_).outbound_floor, floor + 7000);
}

TEST_F(ReplaySync, WithMessageIdsAReplayChangesNothing) {
  connect({kMessageIds, kReplay});
  const Bytes request =
      client_.seal(Exchange::Informational,
                   {notify(NotifyType::MessageIdSync,
                           encode_message_id_sync({.nonce = 7, .send = 5, .receive = 3})),
                    notify(NotifyType::ReplayCounterSync, encode_replay_delta(100, false))},
                   0);
  const auto sent = one_.give(request);
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(client_.open(sent[0].message)->size(), 1U) << "no additional payloads in the response";
  const uint64_t floor = child_of(one_).outbound_floor;
  EXPECT_GE(floor, 100U);
  EXPECT_TRUE(one_.give(request).empty());
  EXPECT_EQ(child_of(one_).outbound_floor, floor);
}

TEST_F(ReplaySync, ARepeatedRequestCountsOnce) {
  connect({kReplay});
  const Bytes request = replay_sync(encode_replay_delta(100, false));
  const Bytes response = one_.ask(request);
  const uint64_t floor = child_of(one_).outbound_floor;
  EXPECT_EQ(one_.ask(request), response);
  EXPECT_EQ(child_of(one_).outbound_floor, floor);
}

TEST_F(ReplaySync, ADeltaThatCannotBeFollowedIsARekey) {
  connect({kReplay});
  EXPECT_TRUE(client_.open(one_.ask(replay_sync(encode_replay_delta(UINT32_MAX, false)))));
  EXPECT_EQ(child_of(one_).outbound_floor, 0U);
  const auto sent = one_.run_for(1s);
  ASSERT_EQ(sent.size(), 1U) << "though the group is responder-only";
  EXPECT_NE(client_.find_notify(*client_.open(sent[0].message), NotifyType::RekeySa), nullptr);
}

TEST_F(ReplaySync, WhatWasNotAgreedOrIsMalformedChangesNothing) {
  connect({kMessageIds});
  EXPECT_TRUE(client_.open(one_.ask(replay_sync(encode_replay_delta(100, false)))));
  EXPECT_EQ(one_.engine->counters().get("replay-sync-not-agreed"), 1U);
  Gateway second;
  ChattyClient other_client;
  ASSERT_TRUE(other_client.connect_with(second, {kReplay}));
  EXPECT_TRUE(other_client.open(second.ask(other_client.request(
      Exchange::Informational, {notify(NotifyType::ReplayCounterSync, Bytes(5, 0))}))));
  EXPECT_EQ(second.engine->counters().get("replay-sync-malformed"), 1U);
  EXPECT_EQ(child_of(one_).outbound_floor, 0U);
  EXPECT_EQ(child_of(second).outbound_floor, 0U);
}

}  // namespace
}  // namespace segw::ike::testing
