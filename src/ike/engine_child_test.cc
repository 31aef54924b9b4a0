// CREATE_CHILD_SA and the deletes that follow it.
#include <gtest/gtest.h>

#include "ike/engine.h"
#include "ike/testing.h"

namespace segw::ike::testing {
namespace {

using namespace std::chrono_literals;

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
  const ChildKeys keys = derive_child(esp_gcm(), Prf::HmacSha256, client.keys.sk_d, shared,
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

// Its commit never comes back: what is out of the tables must not stay in the ISA.
TEST(IkeChild, ADeletedChildSaLeavesTheIsaThoughTheRoleEndsBeforeItsCommit) {
  for (const bool renewed : {false, true}) {
    Gateway gateway;
    Client client;
    ASSERT_TRUE(client.connect(gateway));
    ASSERT_EQ(gateway.host.installed.size(), 1U);
    gateway.host.mode = RecordingHost::Commits::Lost;
    gateway.ask(client.request(Exchange::Informational, delete_child(kClientSpi)));
    EXPECT_TRUE(gateway.state.child_sas.empty());
    if (renewed) {
      gateway.engine->activate(true);
    } else {
      gateway.engine->deactivate();
    }
    EXPECT_TRUE(gateway.host.installed.empty()) << "renewed: " << renewed;
  }
}

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
}  // namespace segw::ike::testing
