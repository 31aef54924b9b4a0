// The exchanges that a client begins: IKE_AUTH, and the window of its requests.
#include "ike/engine.h"

#include <gtest/gtest.h>

#include "ike/testing.h"

namespace segw::ike::testing {
namespace {

using namespace std::chrono_literals;

class Suites : public ::testing::TestWithParam<std::pair<IkeSuite, esp::Suite>> {};

TEST_P(Suites, AClientConnectsAndBothHaveTheSameKeys) {
  Gateway gateway;
  Client client(GetParam().first, GetParam().second);
  ASSERT_TRUE(client.take_init(gateway.ask(client.init_request())));
  const auto payloads = client.open(gateway.ask(client.auth_request()));
  ASSERT_TRUE(payloads);
  EXPECT_TRUE(client.gateway_is_authentic(*payloads, identity_of(gateway_at().address)));
  ASSERT_EQ(gateway.host.installed.size(), 1U);
  const esp::ChildSa& child = gateway.host.installed.begin()->second;
  const ChildKeys keys =
      derive_child(GetParam().second, Prf::HmacSha256, client.keys.sk_d, SecretBytes(),
                   {.initiator = client.nonce, .responder = client.gateway_nonce});
  EXPECT_EQ(child.inbound_key, keys.from_initiator);
  EXPECT_EQ(child.outbound_key, keys.from_responder);
  EXPECT_EQ(child.outbound_spi, Spi{kClientSpi});
  EXPECT_EQ(child.suite, GetParam().second);
  EXPECT_EQ(child.inbound_spi.value >> 30, 1U);  // the slot that made it
  EXPECT_TRUE(gateway.host.outbound.contains(child.inbound_spi));
  EXPECT_TRUE(gateway.host.tunnels[3]);
  EXPECT_EQ(gateway.only_ike().state, IkeState::Established);
  EXPECT_TRUE(client.open(gateway.ask(client.request(Exchange::Informational, liveness()))));
}

INSTANTIATE_TEST_SUITE_P(Ike, Suites,
                         ::testing::Values(std::pair(gcm_suite(Group::Curve25519), esp_gcm()),
                                           std::pair(gcm_suite(Group::Ecp256), esp_cbc()),
                                           std::pair(gcm_suite(Group::Modp2048), esp_gcm()),
                                           std::pair(cbc_suite(Group::Curve25519), esp_cbc()),
                                           std::pair(cbc_suite(Group::Ecp256), esp_gcm()),
                                           std::pair(cbc_suite(Group::Modp2048), esp_cbc())));

// ---- IKE_AUTH ----

TEST(IkeAuth, ARetransmissionGetsTheSameBytes) {
  Gateway gateway;
  Client client;
  ASSERT_TRUE(client.take_init(gateway.ask(client.init_request())));
  const Bytes request = client.auth_request();
  const Bytes answer = gateway.ask(request);
  ASSERT_FALSE(answer.empty());
  EXPECT_EQ(gateway.ask(request), answer);
  EXPECT_EQ(gateway.state.child_sas.size(), 1U);
}

TEST(IkeAuth, AWrongKeyIsRefusedAndNothingStays) {
  Gateway gateway;
  Client client;
  ASSERT_TRUE(client.take_init(gateway.ask(client.init_request(), 500)));
  client.pre_shared_key = secret("guess");
  const Bytes request = client.auth_request();
  const Bytes answer = gateway.ask(request, 4500);
  EXPECT_TRUE(refused(client.open(answer), NotifyType::AuthenticationFailed));
  EXPECT_TRUE(gateway.state.ike_sas.empty());
  EXPECT_TRUE(gateway.host.installed.empty());
  EXPECT_EQ(gateway.ask(request, 4500), answer);
  // The half-open SA was known by the port of IKE_SA_INIT.
  EXPECT_FALSE(gateway.ask(client.init, 500).empty());
}

TEST(IkeAuth, AWrongIdentityIsRefused) {
  Gateway gateway;
  Client client;
  client.identity = {.type = 2, .data = {'e', 'v', 'e'}};
  ASSERT_TRUE(client.take_init(gateway.ask(client.init_request())));
  EXPECT_TRUE(
      refused(client.open(gateway.ask(client.auth_request())), NotifyType::AuthenticationFailed));
}

TEST(IkeAuth, AWrongIdentityOfOursIsRefused) {
  Gateway gateway;
  Client client;
  ASSERT_TRUE(client.take_init(gateway.ask(client.init_request())));
  auto payloads = client.auth_payloads();
  payloads.emplace_back(payload::Id{.of_initiator = false, .identity = client.identity});
  EXPECT_TRUE(refused(client.open(gateway.ask(client.request(Exchange::Auth, payloads))),
                      NotifyType::AuthenticationFailed));
}

TEST(IkeAuth, WiderSelectorsAreNarrowed) {
  Gateway gateway;
  Client client;
  client.far_selectors = {range("10.0.0.0", "10.255.255.255")};
  ASSERT_TRUE(client.take_init(gateway.ask(client.init_request())));
  const auto payloads = client.open(gateway.ask(client.auth_request()));
  ASSERT_TRUE(payloads);
  for (const Payload& payload : *payloads) {
    const auto* selectors = std::get_if<payload::Selectors>(&payload);
    if (selectors == nullptr || selectors->of_initiator) continue;
    EXPECT_EQ(selectors->selectors, (std::vector{range("10.2.2.0", "10.2.2.255")}));
  }
  EXPECT_EQ(gateway.host.installed.begin()->second.local_selectors,
            (std::vector{range("10.2.2.0", "10.2.2.255")}));
}

TEST(IkeAuth, ForeignSelectorsLeaveAnIkeSaWithoutChild) {
  Gateway gateway;
  Client client;
  client.far_selectors = {range("172.16.0.0", "172.16.0.255")};
  ASSERT_TRUE(client.take_init(gateway.ask(client.init_request())));
  const auto payloads = client.open(gateway.ask(client.auth_request()));
  EXPECT_TRUE(refused(payloads, NotifyType::TsUnacceptable));
  EXPECT_NE(Client::find<payload::Auth>(*payloads), nullptr);
  EXPECT_EQ(gateway.only_ike().state, IkeState::Established);
  EXPECT_TRUE(gateway.host.installed.empty());
}

TEST(IkeAuth, AForeignEspSuiteLeavesAnIkeSaWithoutChild) {
  Gateway gateway;
  Client client;
  client.child_suite.key_bits = 192;
  ASSERT_TRUE(client.take_init(gateway.ask(client.init_request())));
  EXPECT_TRUE(
      refused(client.open(gateway.ask(client.auth_request())), NotifyType::NoProposalChosen));
  EXPECT_EQ(gateway.only_ike().state, IkeState::Established);
}

TEST(IkeAuth, AReservedSpiIsRefused) {
  Gateway gateway;
  Client client;
  client.child_spi = 255;
  ASSERT_TRUE(client.take_init(gateway.ask(client.init_request())));
  EXPECT_TRUE(refused(client.open(gateway.ask(client.auth_request())), NotifyType::InvalidSyntax));
  EXPECT_TRUE(gateway.host.installed.empty());
}

TEST(IkeAuth, InitialContactEndsWhatTheClientHadBefore) {
  Gateway gateway;
  Client before;
  ASSERT_TRUE(before.connect(gateway));
  const Spi old = gateway.host.installed.begin()->first;
  Client after;
  after.spi = IkeSpi{0x99};
  ASSERT_TRUE(after.connect(gateway));
  EXPECT_EQ(gateway.state.ike_sas.size(), 1U);
  EXPECT_FALSE(gateway.host.installed.contains(old));
  EXPECT_EQ(gateway.host.installed.size(), 1U);
}

TEST(IkeAuth, AboveTheLimitOfTunnelsTheClientIsRefused) {
  GroupSettings settings = group_settings();
  settings.tunnels_max = 1;
  Gateway gateway(settings);
  Client first;
  ASSERT_TRUE(first.connect(gateway));
  Client second;
  second.spi = IkeSpi{0x99};
  second.initial_contact = false;
  ASSERT_TRUE(second.take_init(gateway.ask(second.init_request())));
  EXPECT_TRUE(
      refused(second.open(gateway.ask(second.auth_request())), NotifyType::NoAdditionalSas));
  EXPECT_EQ(gateway.host.installed.size(), 1U);
}

TEST(IkeAuth, TheAnswerAndTheOutboundSaWaitForTheCommit) {
  Gateway gateway;
  Client client;
  ASSERT_TRUE(client.take_init(gateway.ask(client.init_request())));
  gateway.host.mode = RecordingHost::Commits::Held;
  const Bytes request = client.auth_request();
  EXPECT_TRUE(gateway.ask(request).empty());
  EXPECT_EQ(gateway.host.installed.size(), 1U);  // inbound at once
  EXPECT_TRUE(gateway.host.outbound.empty());
  EXPECT_TRUE(gateway.ask(request).empty());  // nor is a retransmission answered
  gateway.host.release();
  ASSERT_EQ(gateway.host.sent.size(), 1U);
  EXPECT_EQ(gateway.host.outbound.size(), 1U);
  EXPECT_EQ(gateway.ask(request), gateway.host.sent.empty() ? Bytes{} : gateway.ask(request));
}

TEST(IkeAuth, OtherExchangesHaveToWaitForIt) {
  Gateway gateway;
  Client client;
  ASSERT_TRUE(client.take_init(gateway.ask(client.init_request())));
  EXPECT_TRUE(gateway.ask(client.seal(Exchange::Informational, liveness(), 1)).empty());
  EXPECT_TRUE(gateway.ask(client.seal(Exchange::CreateChildSa, {}, 1)).empty());
  EXPECT_FALSE(gateway.ask(client.auth_request()).empty());
}

// ---- message IDs ----

TEST(IkeWindow, OnlyTheNextAndTheLastRequestAreAnswered) {
  Gateway gateway;
  Client client;
  ASSERT_TRUE(client.connect(gateway));
  const Bytes second = client.request(Exchange::Informational, liveness());
  const Bytes third = client.request(Exchange::Informational, liveness());
  EXPECT_TRUE(gateway.ask(third).empty());
  const Bytes answer = gateway.ask(second);
  EXPECT_FALSE(answer.empty());
  EXPECT_EQ(gateway.ask(second), answer);
  EXPECT_FALSE(gateway.ask(third).empty());
  EXPECT_TRUE(gateway.ask(second).empty());
  EXPECT_EQ(gateway.engine->counters().get("message-id"), 2U);
}

TEST(IkeWindow, ADifferentRequestUnderTheLastNumberIsDropped) {
  Gateway gateway;
  Client client;
  ASSERT_TRUE(client.connect(gateway));
  EXPECT_FALSE(gateway.ask(client.seal(Exchange::Informational, liveness(), 2)).empty());
  EXPECT_TRUE(gateway.ask(client.seal(Exchange::Informational, delete_ike(), 2)).empty());
  EXPECT_EQ(gateway.state.ike_sas.size(), 1U);
}

TEST(IkeWindow, UnknownExchangesAndBrokenPayloadsAreRefusedAndCounted) {
  Gateway gateway;
  Client client;
  ASSERT_TRUE(client.connect(gateway));
  EXPECT_TRUE(refused(client.open(gateway.ask(client.request(static_cast<Exchange>(77), {}))),
                      NotifyType::InvalidSyntax));
  EXPECT_TRUE(refused(client.open(gateway.ask(client.request(Exchange::Informational,
                                                             {payload::Nonce{.data = Bytes(3)}}))),
                      NotifyType::InvalidSyntax));
}

TEST(IkeWindow, WithoutTheRightToSendNothingIsAnswered) {
  Gateway gateway;
  Client client;
  ASSERT_TRUE(client.connect(gateway));
  gateway.host.may_send = false;
  const Bytes request = client.request(Exchange::Informational, delete_ike());
  EXPECT_TRUE(gateway.ask(request).empty());
  EXPECT_EQ(gateway.state.ike_sas.size(), 1U);
  gateway.host.may_send = true;
  EXPECT_FALSE(gateway.ask(request).empty());
}

// A clock that has moved between two readings; what is not there yet is no age (mcs refuses it).
TEST(IkeAge, IsNeverNegative) {
  Gateway gateway;
  gateway.fake.clock.step_ = 1us;
  Client client;
  ASSERT_TRUE(client.connect(gateway));
  const auto not_negative = [](const Gateway& of) {
    for (const auto& [spi, sa] : of.state.ike_sas) EXPECT_GE(sa.age, 0s);
    for (const auto& [spi, sa] : of.state.child_sas) EXPECT_GE(sa.age, 0s);
  };
  ASSERT_EQ(gateway.state.child_sas.size(), 1U);
  not_negative(gateway);
  ASSERT_TRUE(client.open(gateway.ask(client.rekey_child_request(kClientSpi, std::nullopt))));
  ASSERT_EQ(gateway.state.child_sas.size(), 2U);
  not_negative(gateway);
}

}  // namespace
}  // namespace segw::ike::testing
