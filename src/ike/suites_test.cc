// Whole exchanges with every suite, every group and every PRF.
#include <gtest/gtest.h>

#include "ike/testing.h"
#include "ike/testing_suites.h"

namespace segw::ike {
namespace {

using testing::Client;
using testing::every_suite;
using testing::Gateway;
using testing::gateway_at;
using testing::group_settings;
using testing::kGroups;
using testing::kPrfs;
using testing::liveness;

// A gateway that agrees to nothing else.
GroupSettings only(const IkeSuite& suite, const esp::Suite& child,
                   std::optional<Group> pfs = std::nullopt) {
  GroupSettings settings = group_settings();
  settings.tunnels[0].proposals = {{.suite = suite, .lifetime = std::chrono::hours(24)}};
  settings.tunnels[0].child_proposals = {
      {.suite = child, .pfs = pfs, .lifetime = std::chrono::hours(1)}};
  return settings;
}

esp::Suite as_esp(const IkeSuite& suite) {
  return {.encryption = suite.encryption,
          .key_bits = suite.key_bits,
          .integrity = suite.integrity,
          .extended_sequence_numbers = true};
}

std::vector<IkeSuite> every_suite_group_and_prf() {
  std::vector<IkeSuite> all = every_suite();
  for (const Group group : kGroups) all.push_back(testing::gcm_suite(group));
  for (const Prf prf : kPrfs) {
    all.push_back(testing::gcm_suite(Group::Ecp256));
    all.back().prf = prf;
  }
  return all;
}

class EverySuite : public ::testing::TestWithParam<IkeSuite> {};

TEST_P(EverySuite, ConnectsRekeysAndIsAlive) {
  const IkeSuite& suite = GetParam();
  const esp::Suite child_suite = as_esp(suite);
  Gateway gateway(only(suite, child_suite));
  Client client(suite, child_suite);
  ASSERT_TRUE(client.take_init(gateway.ask(client.init_request())));
  const auto payloads = client.open(gateway.ask(client.auth_request()));
  ASSERT_TRUE(payloads);
  EXPECT_TRUE(client.gateway_is_authentic(*payloads, testing::identity_of(gateway_at().address)));
  ASSERT_EQ(gateway.host.installed.size(), 1U);
  const esp::ChildSa& child = gateway.host.installed.begin()->second;
  const ChildKeys keys =
      derive_child(child_suite, suite.prf, client.keys.sk_d, SecretBytes(),
                   {.initiator = client.nonce, .responder = client.gateway_nonce});
  EXPECT_EQ(child.suite, child_suite);
  EXPECT_EQ(child.inbound_key, keys.from_initiator);
  EXPECT_EQ(child.outbound_key, keys.from_responder);
  EXPECT_EQ(gateway.only_ike().suite, suite);

  EXPECT_TRUE(client.open(gateway.ask(client.rekey_child_request(testing::kClientSpi))));
  EXPECT_EQ(gateway.host.installed.size(), 2U);
  auto successor = client.successor(gateway.ask(client.rekey_ike_request(0x77)));
  ASSERT_TRUE(successor);
  EXPECT_TRUE(successor->open(gateway.ask(successor->request(Exchange::Informational, {}))));
}

INSTANTIATE_TEST_SUITE_P(Ike, EverySuite, ::testing::ValuesIn(every_suite_group_and_prf()),
                         [](const auto& row) {
                           return std::to_string(row.index) + "_" + testing::name_of(row.param);
                         });

class EveryPfs : public ::testing::TestWithParam<Group> {};

TEST_P(EveryPfs, MixesItsSecretIntoTheKeys) {
  const IkeSuite suite = testing::cbc_suite();
  Gateway gateway(only(suite, testing::esp_gcm(), GetParam()));
  Client client(suite, testing::esp_gcm());
  ASSERT_TRUE(client.connect(gateway));
  const auto payloads =
      client.open(gateway.ask(client.rekey_child_request(testing::kClientSpi, GetParam())));
  ASSERT_TRUE(payloads);
  const auto* ke = Client::find<payload::Ke>(*payloads);
  const auto* nonce = Client::find<payload::Nonce>(*payloads);
  ASSERT_TRUE(ke != nullptr && nonce != nullptr);
  EXPECT_EQ(ke->group, static_cast<uint16_t>(GetParam()));
  const auto shared = crypto::dh_shared(client.pair, ke->data);
  ASSERT_TRUE(shared);
  const ChildKeys keys = derive_child(testing::esp_gcm(), suite.prf, client.keys.sk_d, *shared,
                                      {.initiator = client.nonce, .responder = nonce->data});
  const bool installed = std::ranges::any_of(gateway.host.installed, [&](const auto& entry) {
    return entry.second.inbound_key == keys.from_initiator;
  });
  EXPECT_TRUE(installed);
}

// The public value is refused by its group's check; nothing of it stays.
TEST_P(EveryPfs, RefusesAPublicValueThatIsNone) {
  const IkeSuite suite = testing::gcm_suite(GetParam());
  Gateway gateway(only(suite, testing::esp_gcm()));
  Client client(suite, testing::esp_gcm());
  client.pair.public_key.assign(client.pair.public_key.size(), 0);
  EXPECT_TRUE(gateway.ask(client.init_request()).empty());
  client.pair.public_key.push_back(0);
  EXPECT_TRUE(gateway.ask(client.init_request()).empty());
  EXPECT_TRUE(gateway.state.ike_sas.empty());
}

INSTANTIATE_TEST_SUITE_P(Ike, EveryPfs, ::testing::ValuesIn(kGroups), [](const auto& row) {
  return "Group" + std::to_string(static_cast<int>(row.param));
});

// RFC 7296 2.18: the old IKE SA's PRF makes SKEYSEED, the new one's makes the keys.
TEST(RekeyIke, ToASuiteWithAnotherPrfUsesTheOldOneForTheSeed) {
  IkeSuite old_suite = testing::gcm_suite();
  old_suite.prf = Prf::HmacSha512;
  IkeSuite new_suite = testing::cbc_suite();
  new_suite.prf = Prf::HmacSha1;
  const SecretBytes sk_d(Bytes(64, 3));
  const SecretBytes shared(Bytes(32, 4));
  const Nonces nonces{.initiator = Bytes(32, 1), .responder = Bytes(32, 2)};
  const Spis spis{.initiator = IkeSpi{1}, .responder = IkeSpi{2}};
  const IkeKeys keys = derive_rekeyed(new_suite, old_suite.prf, sk_d, shared, nonces, spis);
  const SecretBytes seed = crypto::prf(Prf::HmacSha512, sk_d.view(),
                                       {shared.view(), nonces.initiator, nonces.responder});
  Bytes input = nonces.initiator;
  append(input, nonces.responder);
  wire::Writer out;
  out.u64(1).u64(2);
  append(input, out.view());
  const SecretBytes stream = crypto::prf_plus(Prf::HmacSha1, seed.view(), input, 20);
  EXPECT_EQ(keys.sk_d, stream);
}

}  // namespace
}  // namespace segw::ike
