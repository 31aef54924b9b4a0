// RFC 6311 through the engine: as the cluster after an unclean takeover, and as a cluster's peer.
#include <gtest/gtest.h>

#include "ike/message_id_sync.h"
#include "ike/testing_extras.h"

namespace segw::ike::testing {
namespace {

using namespace std::chrono_literals;

constexpr NotifyType kSupported = NotifyType::MessageIdSyncSupported;

struct Asked {
  Header header;
  MessageIdSync sync;
};

class SyncedIke : public ::testing::Test {
 protected:
  void connect() {
    ASSERT_TRUE(client_.connect_with(one_, {kSupported}));
    EXPECT_TRUE(refused(client_.auth_answer, kSupported)) << "announced in return";
  }
  // The synchronisations among what was sent.
  std::vector<Asked> asked(const std::vector<Datagram>& sent) {
    std::vector<Asked> found;
    for (const Datagram& each : sent) {
      const auto payloads = client_.open(each.message);
      if (!payloads) continue;
      const auto* notify = client_.find_notify(*payloads, NotifyType::MessageIdSync);
      if (notify == nullptr) continue;
      found.push_back({*decode_header(each.message), *decode_message_id_sync(notify->data)});
    }
    return found;
  }
  Bytes sealed_sync(const MessageIdSync& sync, bool response) {
    return client_.seal(Exchange::Informational,
                        {notify(NotifyType::MessageIdSync, encode_message_id_sync(sync))}, 0,
                        response);
  }
  // The client goes on with a chassis that tells nobody.
  void go_on_unheard(uint32_t requests) { client_.next_id += requests; }

  Gateway one_;
  ChattyClient client_;
};

TEST_F(SyncedIke, AfterAnUncleanTakeoverAClientThatWasHeardIsAsked) {
  connect();
  go_on_unheard(2);
  Gateway other(one_, group_settings());
  EXPECT_TRUE(asked(other.run_for(30s)).empty()) << "rule 18: not before it was heard";
  EXPECT_TRUE(other.give(client_.request(Exchange::Informational, liveness())).empty());
  const auto syncs = asked(other.run_for(200ms));
  ASSERT_EQ(syncs.size(), 1U);
  EXPECT_EQ(syncs[0].header.message_id, 0U);
  EXPECT_FALSE(syncs[0].header.is_response);
  const uint32_t next = client_.next_id - 1;  // what was not answered is asked again
  other.give(sealed_sync(
      {.nonce = syncs[0].sync.nonce, .send = next, .receive = syncs[0].sync.send}, true));
  EXPECT_EQ(other.engine->counters().get("syncs-done"), 1U);
  client_.next_id = next;
  EXPECT_TRUE(client_.open(other.ask(client_.request(Exchange::Informational, liveness()))));
  EXPECT_EQ(other.only_ike().next_request_out, syncs[0].sync.send);
}

TEST_F(SyncedIke, EveryAttemptHasANewNonceAndAHigherM1AndIsCommittedFirst) {
  connect();
  Gateway other(one_, group_settings());
  other.ask(client_.request(Exchange::Informational, liveness()));
  const auto syncs = asked(other.run_for(20s));
  ASSERT_GE(syncs.size(), 3U);
  for (size_t at = 1; at < syncs.size(); ++at) {
    EXPECT_GT(syncs[at].sync.send, syncs[at - 1].sync.send);
    EXPECT_NE(syncs[at].sync.nonce, syncs[at - 1].sync.nonce);
  }
  // The records say so before the next chassis has to.
  Gateway third(other, group_settings());
  third.ask(client_.request(Exchange::Informational, liveness()));
  const auto more = asked(third.run_for(200ms));
  if (!other.state.ike_sas.empty()) {
    ASSERT_FALSE(more.empty());
    EXPECT_GE(more[0].sync.send, syncs.back().sync.send);
  }
}

TEST_F(SyncedIke, NothingIsSentBeforeItsCommit) {
  connect();
  Gateway other(one_, group_settings());
  other.ask(client_.request(Exchange::Informational, liveness()));
  other.host.mode = RecordingHost::Commits::Held;
  EXPECT_TRUE(asked(other.run_for(200ms)).empty());
  other.host.sent.clear();
  other.host.release();
  EXPECT_EQ(asked(other.host.sent).size(), 1U);
}

TEST_F(SyncedIke, AnAnswerWithAnotherNonceIsNone) {
  connect();
  Gateway other(one_, group_settings());
  other.ask(client_.request(Exchange::Informational, liveness()));
  const auto syncs = asked(other.run_for(200ms));
  ASSERT_EQ(syncs.size(), 1U);
  other.give(sealed_sync({.nonce = syncs[0].sync.nonce + 1, .send = 50, .receive = 60}, true));
  EXPECT_EQ(other.engine->counters().get("sync-answer-unfit"), 1U);
  EXPECT_TRUE(other.only_ike().pending.has_value());
  EXPECT_LT(other.only_ike().next_request_in, 50U);
}

TEST_F(SyncedIke, WhoDidNotAnnounceItIsNotAsked) {
  ASSERT_TRUE(client_.connect(one_));
  Gateway other(one_, group_settings());
  other.ask(client_.request(Exchange::Informational, liveness()));
  EXPECT_TRUE(asked(other.run_for(30s)).empty());
}

TEST_F(SyncedIke, WithoutATakeoverNobodyIsAsked) {
  connect();
  one_.ask(client_.request(Exchange::Informational, liveness()));
  EXPECT_TRUE(asked(one_.run_for(30s)).empty());
}

TEST_F(SyncedIke, WhoSpeaksAndDoesNotAnswerIsAskedAfterThreeRepetitions) {
  connect();
  one_.engine->ask_liveness(one_.only_ike().our_spi());
  EXPECT_TRUE(asked(one_.run_for(1s)).empty());
  one_.engine->heard(one_.only_ike().our_spi());
  EXPECT_TRUE(asked(one_.run_for(28s)).empty());
  EXPECT_EQ(asked(one_.run_for(2s)).size(), 1U);
}

// Found with strongSwan: ESP from just before the request was told just after it.
TEST_F(SyncedIke, WhoSpokeBeforeTheRequestIsAskedTheSameAgain) {
  connect();
  one_.engine->ask_liveness(one_.only_ike().our_spi());
  one_.run_for(100ms);
  one_.engine->heard(one_.only_ike().our_spi());
  EXPECT_TRUE(asked(one_.run_for(60s)).empty());
}

TEST_F(SyncedIke, WhoIsSilentIsAskedTheSameAgain) {
  connect();
  one_.engine->ask_liveness(one_.only_ike().our_spi());
  EXPECT_TRUE(asked(one_.run_for(60s)).empty());
}

// strongSwan ends an IKE SA with AES-GCM when it is to use message ID 0 a second time.
TEST_F(SyncedIke, WhoHasAnsweredMessageId0IsAskedSomethingOrdinaryFirst) {
  connect();
  one_.engine->ask_liveness(one_.only_ike().our_spi());
  one_.run_for(1s);
  one_.give(client_.seal(Exchange::Informational, {}, 0, true));
  Gateway other(one_, group_settings());
  EXPECT_TRUE(client_.open(other.ask(client_.request(Exchange::Informational, liveness()))));
  const auto sent = other.run_for(1s);
  ASSERT_EQ(sent.size(), 1U);
  const auto header = decode_header(sent[0].message);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->exchange, static_cast<uint8_t>(Exchange::Informational));
  EXPECT_EQ(header->message_id, 1U);
  EXPECT_TRUE(asked(sent).empty());
  other.give(client_.seal(Exchange::Informational, {}, 1, true));
  EXPECT_TRUE(asked(other.run_for(60s)).empty()) << "it is in step";
}

TEST_F(SyncedIke, WhoSpeaksAndDoesNotAnswerEvenThatSynchronises) {
  connect();
  one_.engine->ask_liveness(one_.only_ike().our_spi());
  one_.run_for(1s);
  one_.give(client_.seal(Exchange::Informational, {}, 0, true));
  Gateway other(one_, group_settings());
  other.ask(client_.request(Exchange::Informational, liveness()));
  other.run_for(1s);
  other.engine->heard(other.only_ike().our_spi());
  EXPECT_EQ(asked(other.run_for(30s)).size(), 1U);
}

// ---- as the peer ----

TEST_F(SyncedIke, AClustersRequestIsAnsweredWithTheHigherNumbers) {
  connect();
  const auto sent = asked(one_.give(sealed_sync({.nonce = 7, .send = 5, .receive = 3}, false)));
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_TRUE(sent[0].header.is_response);
  EXPECT_EQ(sent[0].header.message_id, 0U);
  EXPECT_EQ(sent[0].sync, (MessageIdSync{.nonce = 7, .send = 3, .receive = 5}));
  client_.next_id = 5;
  EXPECT_TRUE(client_.open(one_.ask(client_.request(Exchange::Informational, liveness()))));
  EXPECT_EQ(one_.only_ike().next_request_out, 3U);
}

TEST_F(SyncedIke, AnOldRequestOfAClusterIsDroppedSilently) {
  connect();
  const Bytes request = sealed_sync({.nonce = 7, .send = 5, .receive = 0}, false);
  EXPECT_EQ(one_.give(request).size(), 1U);
  EXPECT_TRUE(one_.give(request).empty());
  EXPECT_TRUE(one_.give(sealed_sync({.nonce = 8, .send = 4, .receive = 0}, false)).empty());
  EXPECT_EQ(one_.engine->counters().get("sync-stale"), 2U);
  Gateway other(one_, group_settings());
  EXPECT_TRUE(other.give(request).empty()) << "known to the other chassis";
}

TEST_F(SyncedIke, ARequestWithoutAnnouncementIsDropped) {
  ASSERT_TRUE(client_.connect(one_));
  EXPECT_TRUE(one_.give(sealed_sync({.nonce = 7, .send = 5, .receive = 0}, false)).empty());
  EXPECT_EQ(one_.engine->counters().get("sync-not-agreed"), 1U);
}

TEST_F(SyncedIke, AMalformedOneIsDropped) {
  connect();
  EXPECT_TRUE(one_.give(client_.seal(Exchange::Informational,
                                     {notify(NotifyType::MessageIdSync, Bytes(11, 0))}, 0))
                  .empty());
  EXPECT_EQ(one_.engine->counters().get("sync-malformed"), 1U);
}

}  // namespace
}  // namespace segw::ike::testing
