// Requests of the gateway's own, timers, pause and resume, and hostile bytes.
#include <gtest/gtest.h>

#include <functional>

#include "ike/testing_engine.h"

namespace segw::ike::testing {
namespace {

using namespace std::chrono_literals;

// The client's empty answer to a request of the gateway.
Bytes answer_to(Client& client, const Bytes& request) {
  const auto header = decode_header(request);
  if (!header || header->is_response || !client.open(request)) return {};
  return client.seal(static_cast<Exchange>(header->exchange), {}, header->message_id, true);
}

// The one message that is sent when the engine is told something, or nothing.
Bytes told(Gateway& gateway, const std::function<void(Engine&)>& what) {
  gateway.host.sent.clear();
  what(*gateway.engine);
  return gateway.host.sent.size() == 1 ? gateway.host.sent.front().message : Bytes{};
}
Bytes liveness_asked(Gateway& gateway) {
  return told(gateway, [&](Engine& engine) { engine.ask_liveness(gateway.only_ike().our_spi()); });
}

TEST(IkeLiveness, AsksAClientThatIsSilentAndGoesOnWhenItAnswers) {
  Gateway gateway(with_dpd());
  Client client;
  ASSERT_TRUE(client.connect(gateway));
  const auto sent = gateway.run_for(10s);
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].remote, client_at());
  const auto header = decode_header(sent[0].message);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->message_id, 0U);
  EXPECT_FALSE(header->from_initiator);
  EXPECT_TRUE(gateway.ask(answer_to(client, sent[0].message)).empty());
  EXPECT_FALSE(gateway.only_ike().pending);
  EXPECT_TRUE(gateway.run_for(9s).empty());
  EXPECT_EQ(gateway.run_for(1s).size(), 1U);
  EXPECT_EQ(gateway.only_ike().next_request_out, 2U);
}

TEST(IkeLiveness, WhoDoesNotAnswerForSixSecondsIsSilentUntilItDoes) {
  Gateway gateway(with_dpd());
  Client client;
  ASSERT_TRUE(client.connect(gateway));
  const IkeSpi spi = gateway.only_ike().our_spi();
  const auto sent = gateway.run_for(15s);
  ASSERT_FALSE(sent.empty());
  EXPECT_FALSE(gateway.engine->does_not_answer(spi)) << "it was asked 5 s ago";
  gateway.run_for(2s);
  EXPECT_TRUE(gateway.engine->does_not_answer(spi));
  gateway.ask(answer_to(client, sent[0].message));
  EXPECT_FALSE(gateway.engine->does_not_answer(spi));
  EXPECT_FALSE(gateway.engine->does_not_answer(IkeSpi{1})) << "not there";
}

TEST(IkeLiveness, AClientThatTalksIsNotAsked) {
  Gateway gateway(with_dpd());
  Client client;
  ASSERT_TRUE(client.connect(gateway));
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(gateway.run_for(8s).empty());
    EXPECT_FALSE(gateway.ask(client.request(Exchange::Informational, {})).empty());
  }
}

TEST(IkeLiveness, RepeatsTheSameBytesAndThenForgetsTheClient) {
  Gateway gateway(with_dpd());
  Client client;
  ASSERT_TRUE(client.connect(gateway));
  const auto sent = gateway.run_for(60s);
  ASSERT_EQ(sent.size(), 3U);
  EXPECT_EQ(sent[1].message, sent[0].message);
  EXPECT_EQ(sent[2].message, sent[0].message);
  EXPECT_TRUE(gateway.state.ike_sas.empty());
  EXPECT_TRUE(gateway.host.installed.empty());
  const Changes& changes = gateway.host.committed.back();
  ASSERT_EQ(changes.deleted_ike_sas.size(), 1U);
  EXPECT_FALSE(changes.deleted_ike_sas[0].by_client);
}

TEST(IkeLiveness, TheRequestNeitherLeavesNorRepeatsBeforeItsCommit) {
  Gateway gateway(with_dpd());
  Client client;
  ASSERT_TRUE(client.connect(gateway));
  gateway.host.mode = RecordingHost::Commits::Held;
  EXPECT_TRUE(gateway.run_for(60s).empty());
  gateway.host.release();
  EXPECT_EQ(gateway.host.sent.size(), 1U);
}

TEST(IkeLiveness, AnAnswerToNothingIsDroppedAndCounted) {
  Gateway gateway(with_dpd());
  Client client;
  ASSERT_TRUE(client.connect(gateway));
  gateway.give(client.seal(Exchange::Informational, {}, 0, true));
  EXPECT_EQ(gateway.engine->counters().get("response-unasked"), 1U);
}

TEST(IkeLifetime, AnOldChildIsDeletedWithTheClient) {
  Gateway gateway;
  Client client;
  ASSERT_TRUE(client.connect(gateway));
  const auto sent = gateway.run_for(1h);
  ASSERT_EQ(sent.size(), 1U);
  const auto asked = client.open(sent[0].message);
  ASSERT_TRUE(asked);
  ASSERT_NE(Client::find<payload::Delete>(*asked), nullptr);
  EXPECT_EQ(Client::find<payload::Delete>(*asked)->spis,
            std::vector<Bytes>{Client::spi_bytes(gateway.host.installed.begin()->first.value)});
  gateway.give(answer_to(client, sent[0].message));
  EXPECT_TRUE(gateway.host.installed.empty());
  EXPECT_EQ(gateway.state.ike_sas.size(), 1U);
}

TEST(IkeLifetime, AChildKeepsItsAgeWhenTheIkeSaIsRekeyed) {
  Gateway gateway;
  Client client;
  ASSERT_TRUE(client.connect(gateway));
  gateway.run_for(30min);
  auto successor = client.successor(gateway.ask(client.rekey_ike_request(0x7777)));
  ASSERT_TRUE(successor);
  EXPECT_EQ(gateway.state.child_sas.begin()->second.age, 30min);
  EXPECT_FALSE(gateway.ask(client.request(Exchange::Informational, delete_ike())).empty());
  EXPECT_TRUE(gateway.run_for(29min).empty());
  EXPECT_EQ(gateway.run_for(1min).size(), 1U);
}

TEST(IkeLifetime, ABlockedDeleteDoesNotSpinTheTimer) {
  Gateway gateway;
  Client client;
  ASSERT_TRUE(client.connect(gateway));
  gateway.host.may_send = false;
  gateway.run_for(1h + 10s);
  EXPECT_LE(gateway.engine->counters().get("must-not-send"), 101U);
  gateway.host.may_send = true;
  EXPECT_GE(gateway.run_for(1s).size(), 1U);
}

TEST(IkeClear, AsksTheClientToDelete) {
  Gateway gateway;
  Client client;
  ASSERT_TRUE(client.connect(gateway));
  const Bytes request = told(gateway, [](Engine& engine) { engine.clear_tunnel(3); });
  ASSERT_FALSE(request.empty());
  EXPECT_TRUE(
      Client::find_notify(*client.open(gateway.ask(client.rekey_child_request(client.child_spi))),
                          NotifyType::TemporaryFailure));
  gateway.give(answer_to(client, request));
  EXPECT_TRUE(gateway.state.ike_sas.empty());
  EXPECT_TRUE(gateway.host.installed.empty());
}

TEST(IkeClear, WaitsForARequestThatIsUnderWay) {
  Gateway gateway(with_dpd());
  Client client;
  ASSERT_TRUE(client.connect(gateway));
  const auto liveness = gateway.run_for(10s);
  ASSERT_EQ(liveness.size(), 1U);
  gateway.engine->clear_tunnel(3);
  const auto sent = gateway.give(answer_to(client, liveness[0].message));
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_NE(Client::find<payload::Delete>(*client.open(sent[0].message)), nullptr);
}

TEST(IkeAskedNow, LivenessWithoutDpdIsAskedOnce) {
  Gateway gateway;
  Client client;
  ASSERT_TRUE(client.connect(gateway));
  const Bytes request = liveness_asked(gateway);
  ASSERT_FALSE(request.empty());
  EXPECT_TRUE(client.open(request)->empty());
  EXPECT_TRUE(gateway.ask(answer_to(client, request)).empty());
  EXPECT_TRUE(gateway.run_for(20min).empty());
}

TEST(IkeAskedNow, LivenessWaitsForTheRequestThatIsUnderWay) {
  Gateway gateway(with_dpd());
  Client client;
  ASSERT_TRUE(client.connect(gateway));
  const auto first = gateway.run_for(10s);
  ASSERT_EQ(first.size(), 1U);
  gateway.host.sent.clear();
  gateway.engine->ask_liveness(gateway.only_ike().our_spi());
  EXPECT_TRUE(gateway.host.sent.empty());
  EXPECT_EQ(gateway.give(answer_to(client, first[0].message)).size(), 1U);
}

TEST(IkeAskedNow, TheIkeSaIsDeletedWithItsChildSas) {
  Gateway gateway;
  Client client;
  ASSERT_TRUE(client.connect(gateway));
  const Bytes request =
      told(gateway, [&](Engine& engine) { engine.delete_ike(gateway.only_ike().our_spi()); });
  const auto asked = client.open(request);
  ASSERT_TRUE(asked);
  EXPECT_EQ(Client::find<payload::Delete>(*asked)->protocol, kProtocolIke);
  gateway.give(answer_to(client, request));
  EXPECT_TRUE(gateway.state.ike_sas.empty());
  EXPECT_TRUE(gateway.host.installed.empty());
}

TEST(IkeAskedNow, WhatIsNotThereIsNoMatter) {
  Gateway gateway;
  gateway.engine->delete_ike(IkeSpi{5});
  gateway.engine->ask_liveness(IkeSpi{5});
  gateway.engine->rekey_ike(IkeSpi{5});
  gateway.engine->rekey_child(Spi{5});
  gateway.engine->delete_child(Spi{5});
  EXPECT_TRUE(gateway.host.sent.empty());
}

TEST(IkePause, NothingIsAnsweredUntilItResumes) {
  Gateway gateway(with_dpd());
  Client client;
  ASSERT_TRUE(client.connect(gateway));
  gateway.engine->pause();
  const Bytes request = client.request(Exchange::Informational, {});
  EXPECT_TRUE(gateway.ask(request).empty());
  EXPECT_TRUE(gateway.run_for(30s).empty());
  gateway.engine->resume();
  EXPECT_FALSE(gateway.ask(request).empty());
}

TEST(IkePause, WhatWaitedForItsCommitStillDoesAfterResume) {
  Gateway gateway;
  Client client;
  ASSERT_TRUE(client.connect(gateway));
  gateway.host.mode = RecordingHost::Commits::Held;
  const Bytes request = client.request(Exchange::Informational, {});
  EXPECT_TRUE(gateway.ask(request).empty());
  gateway.engine->pause();
  gateway.engine->resume();
  EXPECT_TRUE(gateway.ask(request).empty());
  gateway.host.release();
  EXPECT_EQ(gateway.host.sent.size(), 1U);
}

TEST(IkeRole, ALostCommitIsNeverAnswered) {
  Gateway gateway;
  Client client;
  ASSERT_TRUE(client.connect(gateway));
  gateway.host.mode = RecordingHost::Commits::Lost;
  EXPECT_TRUE(gateway.ask(client.request(Exchange::Informational, {})).empty());
  gateway.engine->deactivate();
  EXPECT_TRUE(gateway.run_for(48h).empty());
}

// ---- hostile bytes ----

// Every byte of every message of a client, flipped: no crash, no second SA, and the true message
// is answered afterwards.
TEST(IkeHostile, EveryFlippedByteOfEveryMessageIsHarmless) {
  Gateway gateway;
  Client client;
  const auto attack = [&](const Bytes& message) {
    for (size_t at = 0; at < message.size(); ++at) {
      for (const int mask : {0x01, 0x80, 0xFF}) {
        Bytes changed = message;
        changed[at] = static_cast<uint8_t>(changed[at] ^ mask);
        gateway.give(changed);
      }
    }
  };
  const Bytes init = client.init_request();
  ASSERT_TRUE(client.take_init(gateway.ask(init)));
  attack(init);
  const Bytes auth = client.auth_request();
  attack(auth);
  ASSERT_TRUE(client.open(gateway.ask(auth)));
  for (const Bytes& message :
       {client.rekey_child_request(client.child_spi), client.rekey_ike_request(0x7777),
        client.request(Exchange::Informational, delete_ike())}) {
    attack(message);
    EXPECT_TRUE(client.open(gateway.ask(message)));
  }
}

TEST(IkeHostile, EveryTruncationIsHarmless) {
  Gateway gateway;
  Client client;
  const Bytes init = client.init_request();
  for (size_t size = 0; size < init.size(); ++size) {
    EXPECT_TRUE(gateway.ask(Bytes(init.begin(), init.begin() + static_cast<long>(size))).empty());
  }
  ASSERT_TRUE(client.take_init(gateway.ask(init)));
  const Bytes auth = client.auth_request();
  for (size_t size = 0; size < auth.size(); ++size) {
    EXPECT_TRUE(gateway.ask(Bytes(auth.begin(), auth.begin() + static_cast<long>(size))).empty());
  }
  EXPECT_TRUE(client.open(gateway.ask(auth)));
}

// Authentic requests with broken contents: refused, never fatal.
TEST(IkeHostile, EveryFlippedByteInsideAnAuthenticRequestIsHarmless) {
  Gateway gateway;
  Client client;
  ASSERT_TRUE(client.connect(gateway));
  const Chain chain = encode_payloads(client.child_payloads(Group::Curve25519));
  for (size_t at = 0; at < chain.bytes.size(); ++at) {
    Bytes changed = chain.bytes;
    changed[at] = static_cast<uint8_t>(changed[at] ^ 0x81);
    const auto payloads = decode_payloads(chain.first, changed);
    if (!payloads) continue;
    EXPECT_TRUE(client.open(gateway.ask(client.request(Exchange::CreateChildSa, *payloads))));
  }
  EXPECT_LE(gateway.state.child_sas.size(), 16U);
}

}  // namespace
}  // namespace segw::ike::testing
