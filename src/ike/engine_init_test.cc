// IKE_SA_INIT: suites, cookies, half-open IKE SAs, NAT.
#include <gtest/gtest.h>

#include "ike/engine.h"
#include "ike/testing_engine.h"

namespace segw::ike::testing {
namespace {

using namespace std::chrono_literals;

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
  Gateway gateway(with_cookies_above(0));
  Client client;
  const Bytes asked = gateway.ask(client.init_request());
  ASSERT_TRUE(refused_init(asked, NotifyType::Cookie));
  EXPECT_TRUE(gateway.state.ike_sas.empty());
  EXPECT_TRUE(gateway.host.committed.empty());
  client.cookie = Bytes(32, 1);
  EXPECT_TRUE(refused_init(gateway.ask(client.init_request()), NotifyType::Cookie));
  client.cookie = Bytes(asked.end() - 36, asked.end());
  EXPECT_TRUE(client.connect(gateway));
}

TEST(IkeInit, TheOldestHalfOpenGivesWay) {
  GroupSettings settings = group_settings();
  settings.half_open_max = 3;
  Gateway gateway(settings);
  for (uint64_t i = 0; i < 5; ++i) {
    EXPECT_FALSE(gateway.ask(client_with(0x100 + i).init_request()).empty());
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
  const Endpoint stranger{.address = address("10.0.0.3"), .port = 500};
  EXPECT_TRUE(gateway.give(client.init_request(), stranger).empty());
  EXPECT_EQ(gateway.engine->counters().get("no-tunnel-for-client"), 1U);
}

TEST(IkeInit, ACriticalPayloadThatWeDoNotKnowIsRefused) {
  Gateway gateway;
  const Client client;
  Bytes request = encode_message({.initiator = client.spi, .exchange = 34, .from_initiator = true},
                                 {payload::Other{.type = 200, .critical = false, .body = {}},
                                  payload::Nonce{.data = client.nonce}});
  request[kHeaderSize + 1] = 0x80;
  EXPECT_TRUE(refused_init(gateway.ask(request), NotifyType::UnsupportedCriticalPayload));
}

TEST(IkeInit, ARequestThatIsTooLargeToBeKeptIsDropped) {
  Gateway gateway;
  Client client;
  client.init_more = {payload::Other{.type = 43, .critical = false, .body = Bytes(8192)}};
  EXPECT_TRUE(gateway.ask(client.init_request()).empty());
  EXPECT_EQ(gateway.engine->counters().get("init-too-large"), 1U);
  client.init_more = {payload::Other{.type = 43, .critical = false, .body = Bytes(4096)}};
  EXPECT_TRUE(client.connect(gateway));
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
  Client client = behind_nat();
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

}  // namespace
}  // namespace segw::ike::testing
