// What the client makes of our own requests: refusals and answers that are of no use.
#include <gtest/gtest.h>

#include "ike/message_id_sync.h"
#include "ike/testing_engine.h"
#include "ike/testing_extras.h"

namespace segw::ike::testing {
namespace {

using namespace std::chrono_literals;

class Refused : public ::testing::Test {
 protected:
  // The gateway's request that this makes it send.
  Bytes asked(const std::function<void()>& act) {
    gateway_.host.sent.clear();
    act();
    if (gateway_.host.sent.empty()) gateway_.run_for(200ms);
    return gateway_.host.sent.empty() ? Bytes{} : gateway_.host.sent.back().message;
  }
  Bytes asked_for_a_rekey() {
    return asked([this] { gateway_.engine->rekey_child(child()); });
  }
  Bytes answer(const Bytes& request, const std::vector<Payload>& payloads) {
    const auto header = decode_header(request);
    return client_.seal(static_cast<Exchange>(header->exchange), payloads, header->message_id,
                        true);
  }
  std::vector<Datagram> refuse(const Bytes& request, NotifyType type) {
    return gateway_.give(answer(request, {notify(type)}));
  }
  Spi child() { return gateway_.state.child_sas.begin()->first; }
  [[nodiscard]] uint64_t counted(std::string_view what) const {
    return gateway_.engine->counters().get(what);
  }

  Gateway gateway_;
  Client client_;
};

// RFC 7296 2.21: the client has ended the IKE SA, and says no more.
TEST_F(Refused, AClientThatFindsUsMalformedHasEndedTheIkeSa) {
  ASSERT_TRUE(client_.connect(gateway_));
  const Bytes request = asked_for_a_rekey();
  EXPECT_TRUE(refuse(request, NotifyType::InvalidSyntax).empty());
  EXPECT_TRUE(gateway_.state.ike_sas.empty());
  EXPECT_TRUE(gateway_.host.installed.empty());
  EXPECT_EQ(counted("client-found-us-malformed"), 1U);
}

TEST_F(Refused, AClientThatCouldNotAuthenticateUsEndsTheIkeSa) {
  ASSERT_TRUE(client_.connect(gateway_));
  EXPECT_TRUE(client_.open(gateway_.ask(
      client_.request(Exchange::Informational, {notify(NotifyType::AuthenticationFailed)}))));
  EXPECT_EQ(gateway_.standing(), 0U);
  EXPECT_EQ(counted("client-refused-us"), 1U);
}

// The client has made it: it is told that we have not.
TEST_F(Refused, AnAnswerThatAgreesToWhatWasNotOfferedIsDeletedAgain) {
  ASSERT_TRUE(client_.connect(gateway_));
  const Bytes request = asked_for_a_rekey();
  ASSERT_TRUE(client_.open(request));
  const Spi reserved = gateway_.only_ike().pending->new_child;
  esp::Suite never_offered = esp_cbc();
  never_offered.key_bits = 192;
  const std::vector<Payload> payloads{
      payload::Sa{.proposals = {Client::esp_proposal(never_offered, 0x5555)}},
      payload::Nonce{.data = client_.rng.bytes(32)},
      payload::Selectors{.of_initiator = true, .selectors = client_.far_selectors},
      payload::Selectors{.of_initiator = false, .selectors = client_.own_selectors}};
  const auto sent = gateway_.give(answer(request, payloads));
  EXPECT_EQ(counted("child-answer-unusable"), 1U);
  ASSERT_EQ(sent.size(), 1U);
  const auto told = client_.open(sent[0].message);
  ASSERT_TRUE(told);
  ASSERT_NE(Client::find<payload::Delete>(*told), nullptr);
  EXPECT_EQ(Client::find<payload::Delete>(*told)->spis,
            std::vector<Bytes>{Client::spi_bytes(reserved.value)});
  EXPECT_EQ(gateway_.host.installed.size(), 1U) << "the old one stays";
}

TEST_F(Refused, AnAnswerWithoutSelectorsIsNone) {
  ASSERT_TRUE(client_.connect(gateway_));
  const Bytes request = asked_for_a_rekey();
  gateway_.give(answer(request, {payload::Sa{.proposals = {Client::esp_proposal({}, 0x5555)}},
                                 payload::Nonce{.data = client_.rng.bytes(32)}}));
  EXPECT_EQ(counted("child-answer-unusable"), 1U);
}

TEST_F(Refused, AnAnswerToARekeyOfTheIkeSaMustBeWholeAndOurs) {
  ASSERT_TRUE(client_.connect(gateway_));
  const Bytes request =
      asked([this] { gateway_.engine->rekey_ike(gateway_.only_ike().our_spi()); });
  ASSERT_TRUE(client_.open(request));
  EXPECT_TRUE(gateway_.give(answer(request, {})).empty());
  EXPECT_EQ(counted("ike-rekey-refused-0"), 1U);
  EXPECT_EQ(gateway_.standing(), 1U);
  EXPECT_TRUE(gateway_.run_for(50s).empty()) << "not asked again at once";
}

TEST_F(Refused, AnIkeSaThatMayCarryNothingIsOfNoUse) {
  Gateway gateway(begun_by_us());
  Client client;
  client.far_selectors = {range("172.16.0.0", "172.16.0.9")};  // nothing of ours
  ASSERT_TRUE(client.connect(gateway));
  ASSERT_TRUE(gateway.state.child_sas.empty());
  const auto sent = gateway.run_for(6s);
  ASSERT_FALSE(sent.empty());
  const auto header = decode_header(sent.back().message);
  ASSERT_EQ(header->exchange, static_cast<uint8_t>(Exchange::CreateChildSa));
  const auto next = gateway.give(client.seal(
      Exchange::CreateChildSa, {notify(NotifyType::NoAdditionalSas)}, header->message_id, true));
  ASSERT_EQ(next.size(), 1U);
  EXPECT_NE(Client::find<payload::Delete>(*client.open(next[0].message)), nullptr);
}

// RFC 7296 2.2: message IDs do not wrap; then there is nothing to synchronise with, and it ends.
TEST_F(Refused, UsedUpMessageIdsAreNotSynchronised) {
  ChattyClient client;
  client.suite = cbc_suite();  // of GCM it would be asked something ordinary first
  ASSERT_TRUE(client.connect_with(gateway_, {NotifyType::MessageIdSyncSupported}));
  gateway_.only_ike().next_request_out = UINT32_MAX - 10;
  Gateway other(gateway_, group_settings());
  other.ask(client.request(Exchange::Informational, liveness()));
  other.run_for(1s);
  EXPECT_EQ(other.engine->counters().get("message-ids-used-up"), 1U);
  ASSERT_TRUE(other.only_ike().pending);
  EXPECT_EQ(other.only_ike().pending->kind, PendingRequest::Kind::DeleteIke);
}

}  // namespace
}  // namespace segw::ike::testing
