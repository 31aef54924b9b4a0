// What a record may say that no engine of ours would: the codec refuses it, and where it came in
// nevertheless nothing loops and nothing stops the chassis.
#include <gtest/gtest.h>

#include "ike/testing_extras.h"

namespace segw::ike {
namespace {

using namespace std::chrono_literals;
using testing::Client;
using testing::delete_ike;
using testing::Gateway;

using Kind = PendingRequest::Kind;

// An IKE SA that is the rival of its own rekey.
class OwnRival : public ::testing::Test {
 protected:
  OwnRival() {
    EXPECT_TRUE(client_.connect(gateway_));
    IkeSa& sa = gateway_.only_ike();
    sa.state = IkeState::Candidate;
    sa.pending = PendingRequest{
        .kind = Kind::RekeyIke,
        .message_id = sa.next_request_out++,
        .datagrams = {Bytes(40, 1)},
        .rival = PendingRequest::Rival{.child = {}, .ike = sa.our_spi(), .lowest_nonce = {}}};
    gateway_.engine->deactivate();
    gateway_.engine->activate(true);
  }
  Gateway gateway_;
  Client client_;
};

TEST_F(OwnRival, IsGivenUpWithItsChildSas) {
  gateway_.run_for(3min);
  EXPECT_TRUE(gateway_.state.ike_sas.empty());
  EXPECT_TRUE(gateway_.state.child_sas.empty());
}

TEST_F(OwnRival, IsDeletedByTheClient) {
  EXPECT_TRUE(client_.open(gateway_.ask(client_.request(Exchange::Informational, delete_ike()))));
  EXPECT_EQ(gateway_.standing(), 0U);
  EXPECT_TRUE(gateway_.state.child_sas.empty());
}

TEST_F(OwnRival, HasOneChildSaWhenItsRekeyIsRefused) {
  gateway_.give(client_.seal(Exchange::CreateChildSa, {notify(NotifyType::NoProposalChosen)},
                             gateway_.only_ike().pending->message_id, true));
  EXPECT_EQ(gateway_.only_ike().children.size(), 1U);
}

// A request that began an exchange of keys, with a private key that is none.
class NoPrivateKey : public ::testing::TestWithParam<std::pair<Group, size_t>> {};

TEST_P(NoPrivateKey, MakesAnAnswerOfNoUse) {
  const auto& [group, size] = GetParam();
  GroupSettings settings = testing::group_settings();
  settings.tunnels[0].child_proposals = {{.suite = testing::esp_gcm(), .pfs = group}};
  Gateway gateway(settings);
  Client client;
  ASSERT_TRUE(client.connect(gateway));
  gateway.engine->rekey_child(gateway.state.child_sas.begin()->first);
  ASSERT_TRUE(gateway.only_ike().pending);
  PendingRequest& pending = *gateway.only_ike().pending;
  ASSERT_EQ(pending.group, group);
  pending.private_key = SecretBytes(Bytes(size, 0));
  client.child_spi = 0xD0000001;
  std::swap(client.own_selectors, client.far_selectors);  // we are the initiator
  gateway.give(
      client.seal(Exchange::CreateChildSa, client.child_payloads(group), pending.message_id, true));
  EXPECT_EQ(gateway.engine->counters().get("child-answer-unusable"), 1U);
  EXPECT_EQ(gateway.state.child_sas.size(), 1U);
}

// A request whose new CHILD SA has the SPI of another.
TEST(TakenSpi, MakesAnAnswerOfNoUse) {
  Gateway gateway;
  Client client;
  ASSERT_TRUE(client.connect(gateway));
  const Spi old = gateway.state.child_sas.begin()->first;
  gateway.engine->rekey_child(old);
  ASSERT_TRUE(gateway.only_ike().pending);
  gateway.only_ike().pending->new_child = old;
  client.child_spi = 0xD0000001;
  std::swap(client.own_selectors, client.far_selectors);  // we are the initiator
  gateway.give(client.seal(Exchange::CreateChildSa, client.child_payloads(),
                           gateway.only_ike().pending->message_id, true));
  EXPECT_EQ(gateway.engine->counters().get("child-answer-unusable"), 1U);
  EXPECT_EQ(gateway.state.child_sas.size(), 1U);
}

INSTANTIATE_TEST_SUITE_P(
    Records, NoPrivateKey,
    ::testing::Values(std::pair(Group::Curve25519, 0), std::pair(Group::Curve25519, 31),
                      std::pair(Group::Ecp256, 0), std::pair(Group::Ecp256, 32),
                      std::pair(Group::Ecp384, 48), std::pair(Group::Ecp521, 66)));

}  // namespace
}  // namespace segw::ike
