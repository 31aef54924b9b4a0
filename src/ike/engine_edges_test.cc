// Which answer says that a client has skipped numbers (RFC 6311, redundancy rule 19): only that to
// the request that asked for it, and only for the CHILD SAs that the IKE SA still has.
#include <gtest/gtest.h>

#include "ike/message_id_sync.h"
#include "ike/replay_counter_sync.h"
#include "ike/testing_extras.h"

namespace segw::ike::testing {
namespace {

using namespace std::chrono_literals;

using Edges = std::map<Spi, uint64_t>;

class SkippedNumbers : public ::testing::Test {
 protected:
  // The other chassis, after an unclean takeover; it has heard the client.
  void take_over(const std::vector<NotifyType>& announced) {
    ASSERT_TRUE(client_.connect_with(one_, announced));
    next_ = std::make_unique<Gateway>(one_, group_settings());
    next_->host.positions[child()] = {.outbound_next = 1, .inbound_highest = 1000};
    next_->ask(client_.request(Exchange::Informational, liveness()));
  }
  Spi child() { return one_.state.child_sas.begin()->first; }
  // The messages that ask this client to skip.
  static std::vector<Bytes> questions(const ChattyClient& client,
                                      const std::vector<Datagram>& sent) {
    std::vector<Bytes> found;
    for (const Datagram& each : sent) {
      const auto payloads = client.open(each.message);
      if (!payloads || !ChattyClient::find_notify(*payloads, NotifyType::ReplayCounterSync)) {
        continue;
      }
      found.push_back(each.message);
    }
    return found;
  }
  static Bytes empty_answer(ChattyClient& client, const Bytes& request) {
    return client.seal(Exchange::Informational, {}, decode_header(request)->message_id, true);
  }
  // The client is a cluster that was taken over, too.
  Bytes sync_of_the_client() {
    return client_.seal(Exchange::Informational,
                        {notify(NotifyType::MessageIdSync,
                                encode_message_id_sync({.nonce = 7, .send = 5, .receive = 3}))},
                        0);
  }

  Gateway one_;
  ChattyClient client_;
  std::unique_ptr<Gateway> next_;
};

TEST_F(SkippedNumbers, AreNotToldByTheAnswerToAnotherRequest) {
  take_over({kMessageIds, kReplay});
  ASSERT_EQ(questions(client_, next_->run_for(200ms)).size(), 1U);  // it is lost
  EXPECT_EQ(next_->give(sync_of_the_client()).size(), 1U);
  const auto again = questions(client_, next_->run_for(200ms));
  ASSERT_EQ(again.size(), 1U) << "what was given up for the client's is asked again";
  next_->host.edges.clear();
  client_.next_id = 5;
  next_->give(empty_answer(client_, again[0]));
  EXPECT_EQ(next_->host.edges, (Edges{{child(), 1000 + kDelta}}));
}

TEST_F(SkippedNumbers, AreNotToldByAnAnswerWithoutTheQuestion) {
  take_over({kMessageIds, kReplay});
  ASSERT_EQ(questions(client_, next_->run_for(200ms)).size(), 1U);
  // Another CHILD SA came so near to its rekey that the next attempt does not ask.
  next_->host.positions[child()].inbound_highest = uint64_t{1} << 31;
  EXPECT_EQ(next_->give(sync_of_the_client()).size(), 1U);
  EXPECT_TRUE(questions(client_, next_->run_for(1s)).empty());
  next_->host.sent.clear();
  next_->engine->ask_liveness(next_->only_ike().our_spi());
  const auto sent = next_->host.sent;
  ASSERT_EQ(sent.size(), 1U);
  next_->give(empty_answer(client_, sent[0].message));
  EXPECT_FALSE(next_->only_ike().pending);
  EXPECT_EQ(next_->host.edges, Edges{});
}

TEST_F(SkippedNumbers, AreNotToldByTheOldIkeSaAfterARekey) {
  take_over({kReplay});
  const auto first = questions(client_, next_->run_for(200ms));
  ASSERT_EQ(first.size(), 1U);
  ChattyClient old = client_;
  const auto made = client_.successor(next_->ask(client_.rekey_ike_request(0x7777)));
  ASSERT_TRUE(made);
  ChattyClient successor;
  static_cast<Client&>(successor) = *made;
  next_->give(empty_answer(old, first[0]));
  EXPECT_EQ(next_->host.edges, Edges{}) << "it has no CHILD SAs there any more";
  const auto second = questions(successor, next_->run_for(200ms));
  ASSERT_EQ(second.size(), 1U);
  next_->give(empty_answer(successor, second[0]));
  EXPECT_EQ(next_->host.edges, (Edges{{child(), 1000 + kDelta}}));
}

// As the peer of a cluster that does not know better.
TEST_F(SkippedNumbers, AreThoseOfTheSuccessorWhereTheOldIkeSaIsAsked) {
  ASSERT_TRUE(client_.connect_with(one_, {kReplay}));
  ASSERT_TRUE(client_.successor(one_.ask(client_.rekey_ike_request(0x7777))));
  EXPECT_TRUE(client_.open(one_.ask(
      client_.request(Exchange::Informational,
                      {notify(NotifyType::ReplayCounterSync, encode_replay_delta(7000, false))}))));
  EXPECT_GE(one_.state.child_sas.begin()->second.outbound_floor, 7000U);
}

// A takeover makes it due for all of them at once.
TEST_F(SkippedNumbers, AreAskedForAFewAtATime) {
  constexpr uint64_t kClients = 150;
  ASSERT_TRUE(client_.connect_with(one_, {kReplay}));
  const IkeSa sa = one_.only_ike();
  const esp::ChildSa child_sa = one_.state.child_sas.begin()->second;
  for (uint32_t i = 1; i < kClients; ++i) {
    IkeSa more = sa;
    more.responder_spi.value += i;
    esp::ChildSa its = child_sa;
    its.inbound_spi.value += i;
    its.ike_sa = more.our_spi();
    more.children = {its.inbound_spi};
    one_.state.child_sas[its.inbound_spi] = its;
    one_.state.ike_sas[more.our_spi()] = more;
  }
  Gateway next(one_, group_settings());
  for (const auto& [spi, unused] : one_.state.ike_sas) next.engine->heard(spi);
  next.run_for(150ms);
  EXPECT_EQ(next.engine->counters().get("replay-syncs-asked"), 100U);
  next.run_for(400ms);
  EXPECT_EQ(next.engine->counters().get("replay-syncs-asked"), kClients);
}

TEST_F(SkippedNumbers, AnOldSynchronisationCostsNoIv) {
  ASSERT_TRUE(client_.connect_with(one_, {kMessageIds}));
  const Bytes request = sync_of_the_client();
  EXPECT_EQ(one_.give(request).size(), 1U);
  const uint64_t before = one_.host.iv;
  EXPECT_TRUE(one_.give(request).empty());
  EXPECT_EQ(one_.engine->counters().get("sync-stale"), 1U);
  EXPECT_EQ(one_.host.iv, before);
}

}  // namespace
}  // namespace segw::ike::testing
