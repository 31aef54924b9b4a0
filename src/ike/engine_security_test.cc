// What an attacker, or a client that means no good, tries on IKE SAs that stand.
#include <gtest/gtest.h>

#include "ike/testing_engine.h"
#include "ike/testing_extras.h"

namespace segw::ike::testing {
namespace {

using namespace std::chrono_literals;

const Endpoint kElsewhere = client_at(61000);

// ---- what was recorded ----

// A client that is connected sends a request, and is answered.
Bytes recorded_request(Gateway& gateway, Client& client) {
  EXPECT_TRUE(client.connect(gateway));
  Bytes recorded = client.request(Exchange::Informational, liveness());
  gateway.ask(recorded);
  return recorded;
}

TEST(ReplayedIke, IsNoSignOfLife) {
  Gateway gateway(with_dpd());
  Client client;
  const Bytes recorded = recorded_request(gateway, client);
  for (int i = 0; i < 12; ++i) {
    gateway.run_for(5s);
    gateway.give(recorded);
  }
  EXPECT_TRUE(gateway.state.ike_sas.empty());
  EXPECT_EQ(gateway.engine->counters().get("client-silent"), 1U);
}

TEST(ReplayedIke, DoesNotMakeUsAskAfterAnUncleanTakeover) {
  Gateway gateway(with_dpd());
  Client client;
  const Bytes recorded = recorded_request(gateway, client);
  Gateway other(gateway, with_dpd());
  EXPECT_EQ(other.give(recorded).size(), 1U) << "answered as before";
  EXPECT_TRUE(other.run_for(10min).empty());
}

TEST(ReplayedIke, FromElsewhereIsAnsweredThereOnceInASecond) {
  Gateway gateway;
  Client client;
  const Bytes recorded = recorded_request(gateway, client);
  EXPECT_EQ(gateway.give(recorded, kElsewhere).size(), 1U);
  EXPECT_TRUE(gateway.give(recorded, kElsewhere).empty());
  EXPECT_EQ(gateway.give(recorded).size(), 1U) << "where the client is";
  gateway.run_for(1s);
  EXPECT_EQ(gateway.give(recorded, kElsewhere).size(), 1U);
  EXPECT_EQ(gateway.engine->counters().get("answer-repeated-elsewhere"), 1U);
}

TEST(ReplayedIke, OfAnEndedSaIsAnsweredToItsClientOnly) {
  Gateway gateway;
  Client client;
  client.pre_shared_key = secret("another");
  ASSERT_TRUE(client.take_init(gateway.ask(client.init_request())));
  const Bytes recorded = client.auth_request();
  EXPECT_EQ(gateway.give(recorded).size(), 1U);
  EXPECT_TRUE(gateway.give(recorded, kElsewhere).empty());
  EXPECT_EQ(gateway.give(recorded).size(), 1U);
}

// ---- where a client is ----

struct EspRow {
  bool nat;
  bool mobike;
  Endpoint from;
  bool follows;
};

class EspFromElsewhere : public ::testing::TestWithParam<EspRow> {};

TEST_P(EspFromElsewhere, MovesOnlyWhoIsBehindANatAndCannotSayWhereItIs) {
  Gateway gateway;
  ChattyClient client;
  if (GetParam().nat) client.believed_self = behind_nat().believed_self;
  std::vector<NotifyType> more;
  if (GetParam().mobike) more.push_back(NotifyType::MobikeSupported);
  ASSERT_TRUE(client.connect_with(gateway, more));
  gateway.run_for(30min);
  gateway.engine->client_moved(gateway.only_ike().our_spi(), GetParam().from);
  const auto& child = gateway.state.child_sas.begin()->second;
  const std::vector<Endpoint> moves{GetParam().from};
  EXPECT_EQ(gateway.host.moves, GetParam().follows ? moves : std::vector<Endpoint>{});
  EXPECT_EQ(gateway.only_ike().remote, GetParam().follows ? GetParam().from : client_at());
  if (!GetParam().follows) return;
  EXPECT_EQ(child.encapsulation->remote_port, GetParam().from.port);
  const Changes& changes = gateway.host.committed.back();
  EXPECT_EQ(changes.child_sas, std::vector<Spi>{child.inbound_spi});
  EXPECT_EQ(changes.ike_sas, std::vector<IkeSpi>{gateway.only_ike().our_spi()});
  EXPECT_EQ(child.age, 30min) << "its record does not make it younger";
  EXPECT_EQ(gateway.only_ike().age, 30min);
}

INSTANTIATE_TEST_SUITE_P(
    Ike, EspFromElsewhere,
    ::testing::Values(EspRow{.nat = true, .mobike = false, .from = kElsewhere, .follows = true},
                      EspRow{.nat = true, .mobike = true, .from = kElsewhere, .follows = false},
                      EspRow{.nat = false, .mobike = false, .from = kElsewhere, .follows = false},
                      EspRow{
                          .nat = true, .mobike = false, .from = client_at(0), .follows = false}));

TEST(EspFromANewPort, MovesTheIsaWhenItIsHeld) {
  Gateway gateway;
  Client client = behind_nat();
  ASSERT_TRUE(client.connect(gateway, 4500));
  gateway.host.mode = RecordingHost::Commits::Held;
  gateway.engine->client_moved(gateway.only_ike().our_spi(), kElsewhere);
  EXPECT_TRUE(gateway.host.moves.empty());
  gateway.host.release();
  EXPECT_EQ(gateway.host.moves, std::vector<Endpoint>{kElsewhere});
}

TEST(OtherGatewayAddress, IsNotWhereAnIkeSaGoesOn) {
  const Endpoint other{.address = address("10.0.0.9"), .port = 4500};
  Gateway gateway;
  Client client = behind_nat();
  ASSERT_TRUE(client.take_init(gateway.ask(client.init_request())));
  const Bytes auth = client.auth_request();
  EXPECT_TRUE(gateway.give(auth, client_at(4500), other).empty());
  EXPECT_EQ(gateway.engine->counters().get("other-local-address"), 1U);
  EXPECT_EQ(gateway.give(auth, client_at(4500), gateway_at(4500)).size(), 1U);
  gateway.give(client.request(Exchange::Informational, liveness()), kElsewhere, other);
  EXPECT_EQ(gateway.only_ike().local, gateway_at(4500));
  EXPECT_EQ(gateway.only_ike().remote, client_at(4500));
}

// ---- forced encapsulation ----

TEST(ForcedEncapsulation, MakesTheClientSeeANat) {
  GroupSettings settings = group_settings();
  settings.tunnels[0].force_encapsulation = true;
  for (const uint16_t port : {uint16_t{500}, uint16_t{4500}}) {
    Gateway gateway(settings);
    Client client;
    const Bytes init = gateway.ask(client.init_request());
    ASSERT_TRUE(client.take_init(init));
    const auto payloads =
        decode_payloads(decode_header(init)->next_payload, ByteView(init).subspan(kHeaderSize));
    const auto* source = Client::find_notify(*payloads, NotifyType::NatDetectionSourceIp);
    ASSERT_NE(source, nullptr);
    const Spis spis{.initiator = client.spi, .responder = client.gateway_spi};
    EXPECT_NE(source->data, nat_detection(spis, gateway_at()));
    ASSERT_FALSE(gateway.ask(client.auth_request(), port).empty());
    const auto& udp = gateway.host.installed.begin()->second.encapsulation;
    EXPECT_EQ(udp.has_value(), port == 4500) << "who stays at 500 takes plain ESP only";
    EXPECT_EQ(udp ? udp->local_port : 4500, 4500);
  }
}

// ---- numbers that end ----

TEST(MessageIds, AnIkeSaEndsBeforeTheyDo) {
  for (const bool ours : {true, false}) {
    Gateway gateway;
    Client client;
    ASSERT_TRUE(client.connect(gateway));
    IkeSa& sa = gateway.only_ike();
    (ours ? sa.next_request_out : sa.next_request_in) = UINT32_MAX - 8;
    gateway.engine->ask_liveness(sa.our_spi());
    gateway.run_for(200ms);
    ASSERT_TRUE(sa.pending);
    EXPECT_EQ(sa.pending->kind, PendingRequest::Kind::DeleteIke);
  }
}

// ---- a rekey of ours that is not answered ----

// Both rekey the IKE SA, and the client never answers our request.
struct CrossedRekey : ::testing::Test {
  CrossedRekey() {
    EXPECT_TRUE(client.connect_with(gateway, {NotifyType::MessageIdSyncSupported}));
    gateway.engine->rekey_ike(gateway.only_ike().our_spi());
    EXPECT_TRUE(gateway.only_ike().pending);
    successor = client.successor(gateway.ask(client.rekey_ike_request(0x7777)));
    EXPECT_TRUE(successor);
    EXPECT_EQ(gateway.engine->counters().get("ike-rekeys-crossed"), 1U);
  }
  void expect_successor(Gateway& at) {
    ASSERT_TRUE(successor);
    const auto found = at.state.ike_sas.find(successor->gateway_spi);
    ASSERT_NE(found, at.state.ike_sas.end());
    EXPECT_EQ(found->second.state, IkeState::Established);
    ASSERT_EQ(at.state.child_sas.size(), 1U);
    EXPECT_EQ(at.state.child_sas.begin()->second.ike_sa, successor->gateway_spi);
    EXPECT_TRUE(successor->open(at.ask(successor->request(Exchange::Informational, liveness()))));
  }

  Gateway gateway;
  ChattyClient client;
  std::optional<Client> successor;
};

TEST_F(CrossedRekey, LeavesTheClientsSuccessorWhenItIsGivenUp) {
  gateway.run_for(3min);
  EXPECT_EQ(gateway.engine->counters().get("client-silent"), 1U);
  EXPECT_EQ(gateway.standing(), 1U);
  expect_successor(gateway);
}

TEST_F(CrossedRekey, LeavesTheClientsSuccessorAfterATakeover) {
  Gateway other(gateway, group_settings());
  other.run_for(1s);
  other.give(client.request(Exchange::Informational, liveness()));
  other.run_for(40s);
  EXPECT_EQ(other.engine->counters().get("ike-rekeys-settled"), 1U)
      << "instead of a synchronisation";
  expect_successor(other);
}

// ---- half a step of a chassis that died ----

TEST(HalfAStep, LeavesNoChildSaThatNobodyOwns) {
  Gateway gateway;
  Client client;
  ASSERT_TRUE(client.connect(gateway));
  ASSERT_TRUE(client.open(gateway.ask(client.rekey_child_request(kClientSpi))));
  ASSERT_EQ(gateway.only_ike().children.size(), 2U);
  const Spi missing = gateway.only_ike().children[0];
  const Spi unlisted = gateway.only_ike().children[1];
  gateway.state.child_sas.erase(missing);
  std::erase(gateway.only_ike().children, unlisted);
  Gateway other(gateway, group_settings());
  EXPECT_TRUE(other.only_ike().children.empty());
  EXPECT_TRUE(other.state.child_sas.empty());
  const Changes& changes = other.host.committed.back();
  EXPECT_EQ(changes.ike_sas, std::vector<IkeSpi>{other.only_ike().our_spi()});
  ASSERT_EQ(changes.deleted_child_sas.size(), 1U);
  EXPECT_EQ(changes.deleted_child_sas[0].spi, unlisted);
}

// ---- answers that cannot be used ----

TEST(UnusableAnswer, ToARekeyEndsTheIkeSaIfTheClientCannotBeToldAtOnce) {
  Gateway gateway;
  Client client;
  ASSERT_TRUE(client.connect(gateway));
  gateway.engine->rekey_child(gateway.state.child_sas.begin()->first);
  ASSERT_TRUE(gateway.only_ike().pending);
  const uint32_t id = gateway.only_ike().pending->message_id;
  gateway.host.mode = RecordingHost::Commits::Held;
  gateway.give(client.request(Exchange::Informational, liveness()));  // its answer waits
  gateway.give(
      client.seal(Exchange::CreateChildSa, {payload::Nonce{.data = Bytes(32, 1)}}, id, true));
  EXPECT_EQ(gateway.engine->counters().get("child-answer-unusable"), 1U);
  gateway.host.mode = RecordingHost::Commits::AtOnce;
  gateway.host.release();
  gateway.run_for(200ms);
  ASSERT_TRUE(gateway.only_ike().pending);
  EXPECT_EQ(gateway.only_ike().pending->kind, PendingRequest::Kind::DeleteIke);
}

TEST(UnusableAnswer, ForAnEntryThatIsNotConfiguredHere) {
  GroupSettings settings = begun_by_us();
  TunnelSettings& tunnel = settings.tunnels[0];
  tunnel.child_proposals = {{.suite = esp_gcm(), .pfs = Group::Modp2048},
                            {.suite = esp_gcm(), .pfs = Group::Ecp256}};
  tunnel.local_selectors.push_back(range("10.3.3.0", "10.3.3.255"));
  tunnel.remote_selectors.push_back(range("192.168.9.0", "192.168.9.255"));
  Gateway gateway(settings);
  Client client;
  ASSERT_TRUE(client.connect(gateway));
  ASSERT_EQ(gateway.run_for(6s).size(), 1U);
  ASSERT_EQ(gateway.only_ike().pending->entry, 1U);
  tunnel.local_selectors.pop_back();
  tunnel.remote_selectors.pop_back();
  Gateway other(gateway, settings);
  const uint32_t id = other.only_ike().pending->message_id;
  other.give(client.seal(Exchange::CreateChildSa,
                         {notify(NotifyType::InvalidKePayload, Bytes{0, 19})}, id, true));
  EXPECT_EQ(other.engine->counters().get("child-refused-17"), 1U);
  EXPECT_FALSE(other.only_ike().pending);
}

}  // namespace
}  // namespace segw::ike::testing
