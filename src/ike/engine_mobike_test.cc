// Clients that move (RFC 4555).
#include <gtest/gtest.h>

#include "ike/testing_extras.h"

namespace segw::ike::testing {
namespace {

using namespace std::chrono_literals;

const Endpoint kNew{.address = address("198.51.100.9"), .port = 4500};
const Endpoint kGateway = gateway_at(4500);

class MovingClient : public ::testing::Test {
 protected:
  MovingClient() { EXPECT_TRUE(client_.connect_with(gateway_, {NotifyType::MobikeSupported})); }

  std::vector<Payload> update(const Endpoint& believed = kNew) {
    const Spis spis{.initiator = client_.spi, .responder = client_.gateway_spi};
    return {notify(NotifyType::UpdateSaAddresses),
            notify(NotifyType::NatDetectionSourceIp, nat_detection(spis, believed)),
            notify(NotifyType::NatDetectionDestinationIp, nat_detection(spis, kGateway))};
  }
  std::optional<std::vector<Payload>> ask(const std::vector<Payload>& payloads,
                                          const Endpoint& local = kGateway) {
    const auto sent =
        gateway_.give(client_.request(Exchange::Informational, payloads), kNew, local);
    EXPECT_EQ(sent.size(), 1U);
    if (sent.size() != 1) return std::nullopt;
    EXPECT_EQ(sent[0].remote, kNew);
    return client_.open(sent[0].message);
  }
  // Our own question, answered with `cookie` or as it should be.
  std::vector<Datagram> answer_to(Gateway& gateway, const Datagram& question,
                                  const std::optional<Bytes>& cookie = std::nullopt) {
    const auto payloads = client_.open(question.message);
    const auto* asked = payloads ? client_.find_notify(*payloads, NotifyType::Cookie2) : nullptr;
    EXPECT_NE(asked, nullptr);
    if (asked == nullptr) return {};
    return gateway.give(client_.seal(Exchange::Informational,
                                     {notify(NotifyType::Cookie2, cookie.value_or(asked->data))},
                                     decode_header(question.message)->message_id, true),
                        kNew, kGateway);
  }
  void answer_check(Gateway& gateway, const std::optional<Bytes>& cookie = std::nullopt) {
    const auto sent = gateway.run_for(200ms);
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(sent[0].remote, kNew);
    answer_to(gateway, sent[0], cookie);
  }
  Gateway gateway_;
  ChattyClient client_;
};

TEST_F(MovingClient, IsToldThatItMay) {
  EXPECT_TRUE(refused(client_.auth_answer, NotifyType::MobikeSupported)) << "answered";
  EXPECT_TRUE(gateway_.only_ike().mobike);
}

TEST_F(MovingClient, IsFollowedByItsChildSasOnceItAnsweredThere) {
  const auto answer = ask(update());
  ASSERT_TRUE(answer);
  EXPECT_TRUE(refused(answer, NotifyType::NatDetectionSourceIp)) << "in the answer";
  EXPECT_EQ(gateway_.only_ike().remote, kNew);
  EXPECT_TRUE(gateway_.host.moves.empty());
  answer_check(gateway_);
  EXPECT_EQ(gateway_.host.moves, std::vector<Endpoint>{kNew});
  EXPECT_FALSE(gateway_.only_ike().address_unverified);
  EXPECT_FALSE(gateway_.state.child_sas.begin()->second.encapsulation);
}

TEST_F(MovingClient, BehindANatIsEncapsulatedFromThenOn) {
  ASSERT_TRUE(ask(update({.address = address("192.168.7.7"), .port = 4500})));
  EXPECT_TRUE(gateway_.only_ike().remote_behind_nat);
  answer_check(gateway_);
  const auto& child = gateway_.state.child_sas.begin()->second;
  ASSERT_TRUE(child.encapsulation);
  EXPECT_EQ(child.encapsulation->remote_port, kNew.port);
}

TEST_F(MovingClient, ThatDoesNotKnowOurCookieIsNotFollowed) {
  ASSERT_TRUE(ask(update()));
  answer_check(gateway_, Bytes(16, 1));
  EXPECT_TRUE(gateway_.host.moves.empty());
  EXPECT_EQ(gateway_.engine->counters().get("address-unproven"), 1U);
}

// strongSwan with ESP in user space cannot move a CHILD SA, and makes another before our question
// has reached it.
TEST_F(MovingClient, RekeysItsChildSaBeforeItHasAnswered) {
  ASSERT_TRUE(ask(update()));
  const auto question = gateway_.run_for(200ms);
  ASSERT_EQ(question.size(), 1U);
  gateway_.give(client_.rekey_child_request(kClientSpi), kNew, kGateway);
  ASSERT_EQ(gateway_.state.child_sas.size(), 2U);
  for (const auto& [spi, child] : gateway_.state.child_sas) {
    EXPECT_EQ(child.remote, client_at().address) << "where it certainly is";
  }
  answer_to(gateway_, question[0]);
  for (const auto& [spi, child] : gateway_.state.child_sas) EXPECT_EQ(child.remote, kNew.address);
}

TEST_F(MovingClient, GetsNoNewIkeSaWhereItHasNotAnswered) {
  ASSERT_TRUE(ask(update()));
  const auto answer = gateway_.give(client_.rekey_ike_request(0x7777), kNew, kGateway);
  ASSERT_FALSE(answer.empty());
  EXPECT_TRUE(refused(client_.open(answer[0].message), NotifyType::TemporaryFailure));
  EXPECT_EQ(gateway_.state.ike_sas.size(), 1U);
}

TEST_F(MovingClient, GetsWhatWeAskedForBeforeWhereItWas) {
  gateway_.engine->rekey_child(gateway_.state.child_sas.begin()->first);
  ASSERT_TRUE(gateway_.only_ike().pending);
  const uint32_t id = gateway_.only_ike().pending->message_id;
  gateway_.give(client_.request(Exchange::Informational, update()), kNew, kGateway);
  const auto sent = gateway_.give(
      client_.seal(Exchange::CreateChildSa,
                   {payload::Sa{.proposals = {client_.esp_proposal(esp_gcm(), 0xC0000009)}},
                    payload::Nonce{.data = Bytes(32, 9)},
                    payload::Selectors{.of_initiator = true, .selectors = client_.far_selectors},
                    payload::Selectors{.of_initiator = false, .selectors = client_.own_selectors}},
                   id, true),
      kNew, kGateway);
  EXPECT_EQ(gateway_.state.child_sas.size(), 2U);
  for (const auto& [spi, child] : gateway_.state.child_sas) {
    EXPECT_EQ(child.remote, client_at().address);
    EXPECT_FALSE(child.encapsulation);
  }
  ASSERT_EQ(sent.size(), 1U) << "and is asked whether it is there";
  answer_to(gateway_, sent[0]);
  for (const auto& [spi, child] : gateway_.state.child_sas) EXPECT_EQ(child.remote, kNew.address);
}

TEST_F(MovingClient, CannotAnswerForAnotherAddressThanTheOneThatWasAsked) {
  const Endpoint victim{.address = address("203.0.113.1"), .port = 4500};
  ASSERT_TRUE(ask(update()));
  const auto first = gateway_.run_for(200ms);
  ASSERT_EQ(first.size(), 1U);
  gateway_.give(client_.request(Exchange::Informational, update(victim)), victim, kGateway);
  const auto second = answer_to(gateway_, first[0]);
  EXPECT_TRUE(gateway_.host.moves.empty());
  EXPECT_TRUE(gateway_.only_ike().address_unverified);
  EXPECT_EQ(gateway_.state.child_sas.begin()->second.remote, client_at().address);
  EXPECT_EQ(gateway_.engine->counters().get("address-checks-outdated"), 1U);
  ASSERT_EQ(second.size(), 1U) << "asked again, there";
  EXPECT_EQ(second[0].remote, victim);
  answer_to(gateway_, second[0]);
  EXPECT_EQ(gateway_.host.moves, std::vector<Endpoint>{victim});
}

TEST_F(MovingClient, IsCheckedByTheChassisThatTakesOver) {
  ASSERT_TRUE(ask(update()));
  Gateway other(gateway_, group_settings());
  other.give(client_.request(Exchange::Informational, {}), kNew, kGateway);  // heard
  answer_check(other);
  EXPECT_EQ(other.host.moves, std::vector<Endpoint>{kNew});
}

TEST_F(MovingClient, GetsItsCookieBack) {
  const auto answer = ask({notify(NotifyType::Cookie2, Bytes(20, 3))});
  ASSERT_TRUE(answer);
  EXPECT_EQ(client_.find_notify(*answer, NotifyType::Cookie2)->data, Bytes(20, 3));
  EXPECT_EQ(gateway_.only_ike().remote, client_at()) << "a message alone moves nothing";
}

TEST_F(MovingClient, IsRefusedAtAnotherAddressOfOurs) {
  const Endpoint elsewhere{.address = address("10.0.0.77"), .port = 4500};
  EXPECT_TRUE(refused(ask(update(), elsewhere), NotifyType::UnacceptableAddresses));
  EXPECT_EQ(gateway_.only_ike().remote, client_at());
}

TEST_F(MovingClient, ThatAllowsNoNatsIsRefusedBehindOne) {
  auto payloads = update();
  payloads.emplace_back(notify(NotifyType::NoNatsAllowed, Bytes(12, 1)));
  EXPECT_TRUE(refused(ask(payloads), NotifyType::UnexpectedNatDetected));
  EXPECT_EQ(gateway_.only_ike().remote, client_at());
}

TEST_F(MovingClient, ThatAllowsNoNatsIsFollowedWhereThereIsNone) {
  wire::Writer out;
  out.bytes(kNew.address.bytes()).bytes(kGateway.address.bytes()).u16(4500).u16(4500);
  auto payloads = update();
  payloads.emplace_back(notify(NotifyType::NoNatsAllowed, out.take()));
  EXPECT_FALSE(refused(ask(payloads), NotifyType::UnexpectedNatDetected));
  EXPECT_EQ(gateway_.only_ike().remote, kNew);
}

TEST_F(MovingClient, MayTellFurtherAddressesThatAreNotUsed) {
  ASSERT_TRUE(ask({notify(NotifyType::AdditionalIp4Address, Bytes(4, 1)),
                   notify(NotifyType::AdditionalIp6Address, Bytes(16, 1))}));
  EXPECT_EQ(gateway_.only_ike().remote, client_at());
}

TEST(Immobile, AClientThatDidNotAnnounceItIsNotMoved) {
  Gateway gateway;
  ChattyClient client;
  ASSERT_TRUE(client.connect(gateway));
  gateway.give(client.request(Exchange::Informational, {notify(NotifyType::UpdateSaAddresses)}),
               kNew, kGateway);
  EXPECT_EQ(gateway.only_ike().remote, client_at());
}

}  // namespace
}  // namespace segw::ike::testing
