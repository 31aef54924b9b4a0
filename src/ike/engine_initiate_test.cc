// The engine as initiator of IKE_SA_INIT, against what anybody could answer.
#include <gtest/gtest.h>

#include "ike/testing_engine.h"

namespace segw::ike::testing {
namespace {

using namespace std::chrono_literals;

// An unprotected answer to the IKE_SA_INIT.
Bytes answer(const Bytes& request, const std::vector<Payload>& payloads, uint64_t responder = 0) {
  Header header = *decode_header(request);
  header.responder = IkeSpi{responder};
  header.from_initiator = false;
  header.is_response = true;
  return encode_message(header, payloads);
}

class Begun : public ::testing::Test {
 protected:
  Begun() : gateway(begun_by_us()) {
    const auto sent = gateway.run_for(1s);
    if (!sent.empty()) request = sent.front().message;
  }
  [[nodiscard]] uint64_t counted(std::string_view what) const {
    return gateway.engine->counters().get(what);
  }
  Gateway gateway;
  Bytes request;
};

TEST_F(Begun, TheFirstMessageSaysThatWeBegan) {
  const auto header = decode_header(request);
  ASSERT_TRUE(header);
  EXPECT_TRUE(header->from_initiator);
  EXPECT_FALSE(header->is_response);
  EXPECT_EQ(header->responder.value, 0U);
  EXPECT_EQ(header->message_id, 0U);
}

TEST_F(Begun, WhatIsNotAuthenticEndsNothing) {
  for (const uint16_t type :
       std::initializer_list<uint16_t>{4, 5, 7, 9, 14, 24, 34, 35, 36, 37, 38, 43, 44}) {
    payload::Notify refusal;
    refusal.type = type;
    EXPECT_TRUE(gateway.give(answer(request, {refusal})).empty());
    EXPECT_EQ(counted("init-refused-" + std::to_string(type)), 1U);
  }
  EXPECT_EQ(gateway.only_ike().state, IkeState::Connecting);
  EXPECT_EQ(gateway.run_for(5s).front().message, request);
}

TEST_F(Begun, ACookieComesFirstAndChangesNothingElse) {
  const auto sent = gateway.give(answer(request, {notify(NotifyType::Cookie, Bytes(32, 7))}));
  ASSERT_EQ(sent.size(), 1U);
  const auto before =
      decode_payloads(decode_header(request)->next_payload, ByteView(request).subspan(28));
  const Bytes& again = sent.front().message;
  const auto after =
      decode_payloads(decode_header(again)->next_payload, ByteView(again).subspan(28));
  ASSERT_TRUE(before && after);
  ASSERT_EQ(after->size(), before->size() + 1);
  EXPECT_EQ(std::get<payload::Notify>(after->front()).data, Bytes(32, 7));
  const std::vector<Payload> rest(after->begin() + 1, after->end());
  EXPECT_EQ(encode_payloads(rest).bytes, encode_payloads(*before).bytes);
}

TEST_F(Begun, NobodyKeepsUsBusyWithCookies) {
  for (uint8_t i = 0; i < 50; ++i) {
    gateway.give(answer(request, {notify(NotifyType::Cookie, Bytes(32, i))}));
  }
  EXPECT_EQ(counted("cookies-given"), 5U);
  EXPECT_EQ(counted("init-retold-too-often"), 45U);
}

TEST_F(Begun, ACookieOfAWrongSizeIsNotTaken) {
  gateway.give(answer(request, {notify(NotifyType::Cookie, Bytes{})}));
  gateway.give(answer(request, {notify(NotifyType::Cookie, Bytes(65, 1))}));
  EXPECT_EQ(counted("init-cookie-unusable"), 2U);
}

TEST_F(Begun, AGroupThatIsNoneOfOursIsNotTaken) {
  for (const Bytes& data : {Bytes{0, 1}, Bytes{0, 31}, Bytes{0}, Bytes{}, Bytes{0, 19, 0}}) {
    gateway.give(answer(request, {notify(NotifyType::InvalidKePayload, data)}));
  }
  EXPECT_EQ(counted("init-group-unusable"), 5U);
  EXPECT_EQ(counted("groups-changed"), 0U);
}

TEST_F(Begun, AnAnswerFromElsewhereIsDropped) {
  const Bytes message = answer(request, {notify(NotifyType::Cookie, Bytes(32, 7))});
  EXPECT_TRUE(gateway.give(message, {.address = address("10.0.0.9"), .port = 500}).empty());
  EXPECT_TRUE(gateway.give(message, client_at(501)).empty());
  EXPECT_EQ(counted("init-response-unasked"), 2U);
}

TEST_F(Begun, AnAnswerWithAMissingPayloadIsDropped) {
  const payload::Nonce nonce{.data = Bytes(32, 1)};
  const payload::Ke ke{.group = 31, .data = Bytes(32, 9)};
  const payload::Sa sa{.proposals = {Client::ike_proposal(gcm_suite())}};
  gateway.give(answer(request, {nonce, ke}, 5));
  gateway.give(answer(request, {sa, ke}, 5));
  gateway.give(answer(request, {sa, nonce}, 5));
  gateway.give(answer(request, {sa, nonce, ke}, 0));
  EXPECT_EQ(counted("init-response-incomplete"), 4U);
}

TEST_F(Begun, AnAnswerThatWeDidNotOfferIsDropped) {
  IkeSuite other = gcm_suite();
  other.key_bits = 192;
  gateway.give(
      answer(request,
             {payload::Sa{.proposals = {Client::ike_proposal(other)}},
              payload::Nonce{.data = Bytes(32, 1)}, payload::Ke{.group = 31, .data = Bytes(32, 9)}},
             5));
  EXPECT_EQ(counted("init-response-not-offered"), 1U);
  EXPECT_EQ(gateway.only_ike().state, IkeState::Connecting);
}

TEST_F(Begun, EveryTruncationOfAnAnswerIsDropped) {
  const Bytes whole =
      answer(request,
             {payload::Sa{.proposals = {Client::ike_proposal(gcm_suite())}},
              payload::Nonce{.data = Bytes(32, 1)}, payload::Ke{.group = 31, .data = Bytes(32, 9)}},
             5);
  for (size_t size = 0; size < whole.size(); ++size) {
    Bytes cut(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size));
    EXPECT_TRUE(gateway.give(cut).empty());
    if (size < 28) continue;
    cut[26] = static_cast<uint8_t>(size >> 8);
    cut[27] = static_cast<uint8_t>(size);
    EXPECT_TRUE(gateway.give(cut).empty());
  }
  EXPECT_EQ(gateway.only_ike().state, IkeState::Connecting);
}

TEST_F(Begun, TheRequestLeavesOnlyWhenItIsHeld) {
  Gateway other(begun_by_us());
  other.host.mode = RecordingHost::Commits::Held;
  EXPECT_TRUE(other.run_for(1min).empty());
  other.host.release();
  EXPECT_EQ(other.host.sent.size(), 1U);
}

TEST(Version, AHigherOneIsToldOursAtMostTenTimesASecond) {
  Gateway gateway;
  Client client;
  Bytes request = client.init_request();
  request[17] = 0x30;
  for (int i = 0; i < 100; ++i) gateway.give(request);
  size_t told = 0;
  gateway.run_for(1s);
  for (int i = 0; i < 100; ++i) {
    const Bytes answered = gateway.ask(request);
    if (answered.empty()) continue;
    ++told;
    EXPECT_TRUE(refused_init(answered, NotifyType::InvalidMajorVersion));
    EXPECT_EQ(std::get<payload::Notify>(
                  decode_payloads(41, ByteView(answered).subspan(28)).value().front())
                  .data,
              Bytes{0x20});
  }
  EXPECT_EQ(told, 10U);
}

TEST(Version, AnAnswerOrALowerOneIsToldNothing) {
  Gateway gateway;
  Client client;
  Bytes request = client.init_request();
  request[17] = 0x10;
  EXPECT_TRUE(gateway.give(request).empty());
  request[17] = 0x30;
  request[19] |= 0x20;
  EXPECT_TRUE(gateway.give(request).empty());
}

TEST(Liveness, EspThatWasAuthenticatedIsEnough) {
  Gateway gateway(with_dpd());
  Client client;
  ASSERT_TRUE(client.connect(gateway));
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(gateway.run_for(9s).empty());
    gateway.engine->heard(gateway.only_ike().our_spi());
  }
  EXPECT_EQ(gateway.run_for(10s).size(), 1U);
}

TEST(Liveness, EspCountsAsHearingAfterAnUncleanTakeover) {
  GroupSettings settings = with_dpd();
  Gateway first(settings);
  Client client;
  ASSERT_TRUE(client.connect(first));
  settings.slot = Slot{0};
  Gateway second(first, settings);
  EXPECT_TRUE(second.run_for(1min).empty());
  second.engine->heard(second.only_ike().our_spi());
  EXPECT_EQ(second.run_for(10s).size(), 1U);
}

}  // namespace
}  // namespace segw::ike::testing
