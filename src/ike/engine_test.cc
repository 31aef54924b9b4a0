// The exchanges that a client begins: IKE_SA_INIT, IKE_AUTH, CREATE_CHILD_SA, INFORMATIONAL.
#include "ike/engine.h"

#include <gtest/gtest.h>

#include "ike/testing.h"

namespace segw::ike {
namespace {

using namespace std::chrono_literals;
using testing::cbc_suite;
using testing::Client;
using testing::client_at;
using testing::esp_cbc;
using testing::esp_gcm;
using testing::Gateway;
using testing::gateway_at;
using testing::gcm_suite;
using testing::group_settings;
using testing::range;
using testing::RecordingHost;

constexpr uint32_t kClientSpi = 0xC0000001;

std::vector<Payload> liveness() { return {}; }
std::vector<Payload> delete_ike() {
  return {payload::Delete{.protocol = kProtocolIke, .spis = {}}};
}
std::vector<Payload> delete_child(uint32_t spi) {
  return {payload::Delete{.protocol = kProtocolEspSa, .spis = {Client::spi_bytes(spi)}}};
}
bool refused(const std::optional<std::vector<Payload>>& payloads, NotifyType type) {
  return payloads && Client::find_notify(*payloads, type) != nullptr;
}
bool refused_init(const Bytes& response, NotifyType type) {
  const auto header = decode_header(response);
  if (!header) return false;
  const auto payloads =
      decode_payloads(header->next_payload, ByteView(response).subspan(kHeaderSize));
  return payloads && Client::find_notify(*payloads, type) != nullptr;
}

class Suites : public ::testing::TestWithParam<std::pair<IkeSuite, esp::Suite>> {};

TEST_P(Suites, AClientConnectsAndBothHaveTheSameKeys) {
  Gateway gateway;
  Client client(GetParam().first, GetParam().second);
  ASSERT_TRUE(client.take_init(gateway.ask(client.init_request())));
  const auto payloads = client.open(gateway.ask(client.auth_request()));
  ASSERT_TRUE(payloads);
  EXPECT_TRUE(client.gateway_is_authentic(*payloads, testing::identity_of(gateway_at().address)));
  ASSERT_EQ(gateway.host.installed.size(), 1U);
  const esp::ChildSa& child = gateway.host.installed.begin()->second;
  const ChildKeys keys =
      derive_child(GetParam().second, client.keys.sk_d, SecretBytes(),
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

// ---- IKE_SA_INIT ----

TEST(IkeInit, ARetransmissionGetsTheSameBytes) {
  Gateway gateway;
  Client client;
  const Bytes request = client.init_request();
  const Bytes answer = gateway.ask(request);
  ASSERT_FALSE(answer.empty());
  EXPECT_EQ(gateway.ask(request), answer);
  EXPECT_EQ(gateway.state.ike_sas.size(), 1U);
}

TEST(IkeInit, AnotherRequestUnderTheSameSpiIsDropped) {
  Gateway gateway;
  Client client;
  gateway.ask(client.init_request());
  client.nonce = client.rng.bytes(32);
  EXPECT_TRUE(gateway.ask(client.init_request()).empty());
  EXPECT_EQ(gateway.engine->counters().get("init-differs"), 1U);
}

TEST(IkeInit, ForeignSuitesGetNoProposalChosen) {
  Gateway gateway;
  Client client;
  client.suite.key_bits = 192;
  EXPECT_TRUE(refused_init(gateway.ask(client.init_request()), NotifyType::NoProposalChosen));
  EXPECT_TRUE(gateway.state.ike_sas.empty());
}

TEST(IkeInit, AKeOfTheWrongGroupIsToldThePreferredOneAndConnectsWithIt) {
  GroupSettings settings = group_settings();
  settings.tunnels[0].proposals = {{.suite = gcm_suite(Group::Ecp256)}};
  Gateway gateway(settings);
  Client client(gcm_suite(Group::Curve25519));
  auto payloads = client.init_payloads();
  std::get<payload::Sa>(payloads[0]).proposals[0].transforms.push_back({kTransformGroup, 19, {}});
  const Bytes answer = gateway.ask(
      encode_message({.initiator = client.spi, .exchange = 34, .from_initiator = true}, payloads));
  ASSERT_TRUE(refused_init(answer, NotifyType::InvalidKePayload));
  EXPECT_EQ(Bytes(answer.end() - 2, answer.end()), (Bytes{0, 19}));
  client.suite = gcm_suite(Group::Ecp256);
  client.fresh_key();
  EXPECT_TRUE(client.connect(gateway));
}

TEST(IkeInit, AboveTheThresholdACookieIsAskedFor) {
  GroupSettings settings = group_settings();
  settings.half_open_cookie_threshold = 0;
  Gateway gateway(settings);
  Client client;
  const Bytes asked = gateway.ask(client.init_request());
  ASSERT_TRUE(refused_init(asked, NotifyType::Cookie));
  EXPECT_TRUE(gateway.state.ike_sas.empty());
  EXPECT_TRUE(gateway.host.committed.empty());
  client.cookie = Bytes(32, 1);
  EXPECT_TRUE(refused_init(gateway.ask(client.init_request()), NotifyType::Cookie));
  client.cookie = Bytes(asked.end() - 32, asked.end());
  EXPECT_TRUE(client.connect(gateway));
}

TEST(IkeInit, TheOldestHalfOpenGivesWay) {
  GroupSettings settings = group_settings();
  settings.half_open_max = 3;
  Gateway gateway(settings);
  for (uint64_t i = 0; i < 5; ++i) {
    Client client;
    client.spi = IkeSpi{0x100 + i};
    EXPECT_FALSE(gateway.ask(client.init_request()).empty());
    gateway.run_for(10ms);
  }
  EXPECT_EQ(gateway.state.ike_sas.size(), 3U);
  EXPECT_EQ(gateway.engine->counters().get("half-open-dropped"), 2U);
}

TEST(IkeInit, AHalfOpenOneIsForgottenAfterAWhile) {
  Gateway gateway;
  Client client;
  gateway.ask(client.init_request());
  gateway.run_for(31s);
  EXPECT_TRUE(gateway.state.ike_sas.empty());
}

TEST(IkeInit, AStrangerGetsNoAnswer) {
  Gateway gateway;
  Client client;
  const Endpoint stranger{.address = testing::address("10.0.0.3"), .port = 500};
  EXPECT_TRUE(gateway.give(client.init_request(), stranger).empty());
  EXPECT_EQ(gateway.engine->counters().get("no-tunnel-for-client"), 1U);
}

TEST(IkeInit, ACriticalPayloadThatWeDoNotKnowIsRefused) {
  Gateway gateway;
  Client client;
  Bytes request = encode_message({.initiator = client.spi, .exchange = 34, .from_initiator = true},
                                 {payload::Other{.type = 200, .critical = false, .body = {}},
                                  payload::Nonce{.data = client.nonce}});
  request[kHeaderSize + 1] = 0x80;
  EXPECT_TRUE(refused_init(gateway.ask(request), NotifyType::UnsupportedCriticalPayload));
}

TEST(IkeInit, APublicValueThatIsNoneIsDropped) {
  Gateway gateway;
  Client client(gcm_suite(Group::Ecp256));
  client.pair.public_key[3] ^= 1;
  EXPECT_TRUE(gateway.ask(client.init_request()).empty());
  EXPECT_TRUE(gateway.state.ike_sas.empty());
}

TEST(IkeInit, NothingIsAnsweredBeforeTheCommit) {
  Gateway gateway;
  gateway.host.mode = RecordingHost::Commits::Held;
  Client client;
  EXPECT_TRUE(gateway.ask(client.init_request()).empty());
  EXPECT_TRUE(gateway.ask(client.init).empty());
  gateway.host.release();
  ASSERT_EQ(gateway.host.sent.size(), 1U);
  EXPECT_TRUE(client.take_init(gateway.host.sent[0].message));
}

// ---- NAT ----

TEST(IkeNat, AClientBehindOneGetsUdpEncapsulationAndIsFollowed) {
  Gateway gateway;
  Client client;
  client.believed_self = {.address = testing::address("192.168.0.9"), .port = 500};
  ASSERT_TRUE(client.connect(gateway, 4500));
  const auto& encapsulation = gateway.host.installed.begin()->second.encapsulation;
  ASSERT_TRUE(encapsulation);
  EXPECT_EQ(encapsulation->remote_port, 4500);
  const Endpoint moved = client_at(61000);
  const auto sent =
      gateway.give(client.request(Exchange::Informational, liveness()), moved, gateway_at(4500));
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].remote, moved);
  EXPECT_EQ(gateway.host.moves, std::vector<Endpoint>{moved});
}

TEST(IkeNat, WithoutOneTheClientIsNotFollowed) {
  Gateway gateway;
  Client client;
  ASSERT_TRUE(client.connect(gateway));
  EXPECT_FALSE(gateway.host.installed.begin()->second.encapsulation);
  gateway.give(client.request(Exchange::Informational, liveness()), client_at(61000));
  EXPECT_TRUE(gateway.host.moves.empty());
  EXPECT_EQ(gateway.only_ike().remote, client_at());
}

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
  client.pre_shared_key = testing::secret("guess");
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

// ---- CREATE_CHILD_SA ----

class ChildRekey : public ::testing::TestWithParam<std::optional<Group>> {};

TEST_P(ChildRekey, MakesANewChildAndTheClientDeletesTheOld) {
  GroupSettings settings = group_settings();
  for (auto& each : settings.tunnels[0].child_proposals) each.pfs = GetParam();
  Gateway gateway(settings);
  Client client;
  ASSERT_TRUE(client.connect(gateway));
  const Spi old = gateway.host.installed.begin()->first;
  const Bytes request = client.rekey_child_request(kClientSpi, GetParam());
  const Bytes response = gateway.ask(request);
  const auto payloads = client.open(response);
  ASSERT_TRUE(payloads);
  const auto* theirs = Client::find<payload::Nonce>(*payloads);
  ASSERT_NE(theirs, nullptr);
  SecretBytes shared;
  if (GetParam()) {
    const auto* ke = Client::find<payload::Ke>(*payloads);
    ASSERT_NE(ke, nullptr);
    shared = *crypto::dh_shared(client.pair, ke->data);
  }
  const ChildKeys keys = derive_child(esp_gcm(), client.keys.sk_d, shared,
                                      {.initiator = client.nonce, .responder = theirs->data});
  ASSERT_EQ(gateway.host.installed.size(), 2U);
  for (const auto& [spi, child] : gateway.host.installed) {
    if (spi == old) continue;
    EXPECT_EQ(child.inbound_key, keys.from_initiator);
    EXPECT_EQ(child.outbound_key, keys.from_responder);
    EXPECT_TRUE(gateway.host.outbound.contains(spi));
  }
  EXPECT_TRUE(gateway.state.child_sas.at(old).rekeyed);
  EXPECT_EQ(gateway.ask(request), response);
  EXPECT_EQ(gateway.host.installed.size(), 2U);
  const auto deleted =
      client.open(gateway.ask(client.request(Exchange::Informational, delete_child(kClientSpi))));
  ASSERT_TRUE(deleted);
  const auto* ours = Client::find<payload::Delete>(*deleted);
  ASSERT_NE(ours, nullptr);
  EXPECT_EQ(ours->spis, (std::vector<Bytes>{Client::spi_bytes(old.value)}));
  EXPECT_FALSE(gateway.host.installed.contains(old));
  EXPECT_TRUE(gateway.host.tunnels[3]);
}

INSTANTIATE_TEST_SUITE_P(Ike, ChildRekey,
                         ::testing::Values(std::nullopt, Group::Curve25519, Group::Ecp256,
                                           Group::Modp2048));

TEST(IkeChild, ARekeyOfWhatDoesNotExistIsRefused) {
  Gateway gateway;
  Client client;
  ASSERT_TRUE(client.connect(gateway));
  EXPECT_TRUE(refused(client.open(gateway.ask(client.rekey_child_request(0xABCDEF))),
                      NotifyType::ChildSaNotFound));
}

TEST(IkeChild, WithPfsAKeOfAnotherGroupIsToldOneThatTheClientOffered) {
  GroupSettings settings = group_settings();
  settings.tunnels[0].child_proposals = {{.suite = esp_gcm(), .pfs = Group::Modp2048},
                                         {.suite = esp_gcm(), .pfs = Group::Ecp256}};
  Gateway gateway(settings);
  Client client;
  ASSERT_TRUE(client.connect(gateway));
  auto payloads = client.child_payloads(Group::Curve25519);
  std::get<payload::Sa>(payloads[0]).proposals[0].transforms.push_back({kTransformGroup, 19, {}});
  const auto answer = client.open(gateway.ask(client.request(Exchange::CreateChildSa, payloads)));
  ASSERT_TRUE(refused(answer, NotifyType::InvalidKePayload));
  EXPECT_EQ(Client::find_notify(*answer, NotifyType::InvalidKePayload)->data, (Bytes{0, 19}));
}

TEST(IkeChild, OneIkeSaHasALimitOfChildren) {
  Gateway gateway;
  Client client;
  ASSERT_TRUE(client.connect(gateway));
  bool full = false;
  for (uint32_t i = 0; i < 20 && !full; ++i) {
    client.child_spi = 0x2000 + i;
    full = refused(
        client.open(gateway.ask(client.request(Exchange::CreateChildSa, client.child_payloads()))),
        NotifyType::NoAdditionalSas);
  }
  EXPECT_TRUE(full);
  EXPECT_EQ(gateway.host.installed.size(), 16U);
}

TEST(IkeRekey, TheSuccessorInheritsTheChildren) {
  Gateway gateway;
  Client client;
  ASSERT_TRUE(client.connect(gateway));
  const Bytes request = client.rekey_ike_request(0x7777);
  const Bytes response = gateway.ask(request);
  auto successor = client.successor(response);
  ASSERT_TRUE(successor);
  EXPECT_EQ(gateway.ask(request), response);
  EXPECT_EQ(gateway.state.ike_sas.size(), 2U);
  EXPECT_TRUE(refused(client.open(gateway.ask(client.rekey_child_request(kClientSpi))),
                      NotifyType::TemporaryFailure));
  EXPECT_TRUE(client.open(gateway.ask(client.request(Exchange::Informational, delete_ike()))));
  EXPECT_EQ(gateway.standing(), 1U);
  EXPECT_EQ(gateway.host.installed.size(), 1U);
  EXPECT_TRUE(gateway.host.tunnels[3]);
  EXPECT_TRUE(successor->open(gateway.ask(successor->rekey_child_request(kClientSpi))));
  EXPECT_EQ(gateway.host.installed.size(), 2U);
}

TEST(IkeRekey, WhatTheClientDoesNotDeleteWeDo) {
  Gateway gateway;
  Client client;
  ASSERT_TRUE(client.connect(gateway));
  ASSERT_TRUE(client.successor(gateway.ask(client.rekey_ike_request(0x7777))));
  EXPECT_TRUE(gateway.run_for(59s).empty());
  EXPECT_EQ(gateway.run_for(1s).size(), 1U);
  gateway.run_for(5min);
  EXPECT_EQ(gateway.state.ike_sas.size(), 1U);
  EXPECT_EQ(gateway.only_ike().state, IkeState::Established);
  EXPECT_EQ(gateway.host.installed.size(), 1U);
}

TEST(IkeRekey, AClientThatNeverDeletesIsBounded) {
  Gateway gateway;
  Client client;
  ASSERT_TRUE(client.connect(gateway));
  for (uint64_t i = 0; i < 4; ++i) {
    const auto next = client.successor(gateway.ask(client.rekey_ike_request(0x7000 + i)));
    ASSERT_TRUE(next) << i;
    client = *next;
  }
  EXPECT_TRUE(refused(client.open(gateway.ask(client.rekey_ike_request(0x8000))),
                      NotifyType::TemporaryFailure));
  EXPECT_EQ(gateway.state.ike_sas.size(), 5U);
}

TEST(IkeRekey, AnSpiOfZeroOrAForeignSuiteIsRefused) {
  Gateway gateway;
  Client client;
  ASSERT_TRUE(client.connect(gateway));
  EXPECT_TRUE(
      refused(client.open(gateway.ask(client.rekey_ike_request(0))), NotifyType::InvalidSyntax));
  auto payloads = std::vector<Payload>{
      payload::Sa{.proposals = {Client::ike_proposal(
                      {.encryption = esp::Encryption::AesGcm16, .key_bits = 192}, Bytes(8, 1))}},
      payload::Nonce{.data = client.nonce},
      payload::Ke{.group = 31, .data = client.pair.public_key}};
  EXPECT_TRUE(refused(client.open(gateway.ask(client.request(Exchange::CreateChildSa, payloads))),
                      NotifyType::NoProposalChosen));
}

// ---- INFORMATIONAL ----

TEST(IkeDelete, EndsTheIkeSaAndItsChildrenAndIsAnsweredAgain) {
  Gateway gateway;
  Client client;
  ASSERT_TRUE(client.connect(gateway));
  const Bytes request = client.request(Exchange::Informational, delete_ike());
  const Bytes answer = gateway.ask(request);
  EXPECT_TRUE(client.open(answer));
  EXPECT_EQ(gateway.standing(), 0U);
  EXPECT_TRUE(gateway.state.child_sas.empty());
  EXPECT_TRUE(gateway.host.installed.empty());
  EXPECT_FALSE(gateway.host.tunnels[3]);
  EXPECT_EQ(gateway.ask(request), answer);
  // A new request on it is none, and after a minute nothing of it is left.
  EXPECT_TRUE(gateway.ask(client.request(Exchange::Informational, {})).empty());
  gateway.fake.scheduler.run_for(std::chrono::seconds(61));
  EXPECT_TRUE(gateway.state.ike_sas.empty());
  const Changes& changes = gateway.host.committed.back();
  ASSERT_EQ(changes.deleted_ike_sas.size(), 1U);
  EXPECT_TRUE(changes.deleted_ike_sas[0].by_client);
}

TEST(IkeDelete, OfAForeignChildChangesNothing) {
  Gateway gateway;
  Client client;
  ASSERT_TRUE(client.connect(gateway));
  const auto answer =
      client.open(gateway.ask(client.request(Exchange::Informational, delete_child(0x5555))));
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->empty());
  EXPECT_EQ(gateway.host.installed.size(), 1U);
}

}  // namespace
}  // namespace segw::ike
