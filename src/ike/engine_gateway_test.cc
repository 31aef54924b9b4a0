// Tunnels that clients make on demand, at a gateway.
#include <gtest/gtest.h>

#include "ike/testing.h"

namespace segw::ike::testing {
namespace {

using namespace std::chrono_literals;

Identity name(std::string_view text) { return {.type = kIdFqdn, .data = to_bytes(as_bytes(text))}; }

TunnelSettings settings(std::string_view key) {
  TunnelSettings made = group_settings().tunnels.front();
  made.index = kDynamicTunnel;
  made.remote_gateway = {};
  made.remote_id = {};
  made.auth.any_remote_id = true;
  made.pre_shared_key = secret(key);
  made.remote_selectors = {range("192.168.0.0", "192.168.255.255")};
  made.reverse_route = esp::ReverseRoute::All;
  return made;
}

ClientSettings entry(uint16_t number, std::string_view id, std::string_view key) {
  ClientSettings client;
  client.number = number;
  client.identity = IdentityMatch{
      .kind = IdentityMatch::Kind::Exact, .type = kIdFqdn, .data = name(id).data, .prefix = {}};
  client.settings = settings(key);
  return client;
}

GroupSettings group() {
  GroupSettings made = group_settings();
  made.tunnels.clear();
  GatewaySettings gateway;
  gateway.name = "gw";
  gateway.local_gateway = gateway_at().address;
  gateway.own = settings("of the gateway");
  gateway.clients = {entry(10, "a.example", "of a"), entry(20, "b.example", "of b")};
  made.gateways = {gateway};
  return made;
}

// A client somewhere behind the NAT of all the others.
Client client(std::string_view id, std::string_view key, uint64_t spi, const char* protects) {
  Client made;
  made.rng.bytes(spi % 97);
  made.spi = IkeSpi{spi};
  made.identity = name(id);
  made.pre_shared_key = secret(key);
  made.initial_contact = false;
  made.believed_self = {.address = address("10.99.0.1"), .port = 500};
  const auto prefix = *IpPrefix::parse(protects);
  made.own_selectors = {esp::TrafficSelector{.first = prefix.first(), .last = prefix.last()}};
  return made;
}
Client a() { return client("a.example", "of a", 0xA1, "192.168.1.0/24"); }
Client b() { return client("b.example", "of b", 0xB1, "192.168.2.0/24"); }

// The answer; before it the gateway may have told another client something.
Bytes give(Gateway& gateway, const Bytes& message, uint16_t port) {
  const auto sent = gateway.give(message, client_at(port), gateway_at(4500));
  return sent.empty() ? Bytes{} : sent.back().message;
}

// What IKE_AUTH was answered with.
std::optional<std::vector<Payload>> answer_to(Gateway& gateway, Client& who, uint16_t port = 4501) {
  const auto init = gateway.give(who.init_request(), client_at(port));
  if (init.size() != 1 || !who.take_init(init.front().message)) return std::nullopt;
  return who.open(give(gateway, who.auth_request(), port));
}
bool connects(Gateway& gateway, Client& who) {
  const auto auth = answer_to(gateway, who);
  return auth && Client::find<payload::Auth>(*auth) != nullptr;
}

struct AtGateway : ::testing::Test {
  bool connect(Client& who, uint16_t port) {
    auth = answer_to(gateway, who, port);
    return auth && Client::find<payload::Auth>(*auth) != nullptr;
  }
  const IkeSa* sa_of(std::string_view id) {
    for (const auto& [spi, sa] : gateway.state.ike_sas) {
      if (sa.remote_id == name(id) && sa.state == IkeState::Established) return &sa;
    }
    return nullptr;
  }

  Gateway gateway{group()};
  std::optional<std::vector<Payload>> auth;
};

TEST_F(AtGateway, ClientsOfOneAddressGetTheirOwnTunnels) {
  Client first = a();
  Client second = b();
  ASSERT_TRUE(connect(first, 4501));
  ASSERT_TRUE(connect(second, 4502));
  const IkeSa* of_a = sa_of("a.example");
  const IkeSa* of_b = sa_of("b.example");
  ASSERT_TRUE(of_a != nullptr && of_b != nullptr);
  EXPECT_EQ(of_a->dynamic, (DynamicTunnel{.gateway = gateway_at().address, .client = 10}));
  EXPECT_EQ(of_b->dynamic->client, 20);
  EXPECT_TRUE(is_dynamic(of_a->tunnel) && is_dynamic(of_b->tunnel));
  EXPECT_NE(of_a->tunnel, of_b->tunnel);
  ASSERT_EQ(gateway.host.installed.size(), 2U);
  for (const auto& [spi, child] : gateway.host.installed) {
    EXPECT_EQ(child.reverse_route, esp::ReverseRoute::All);
    EXPECT_TRUE(is_dynamic(child.tunnel));
    EXPECT_TRUE(gateway.host.tunnels.at(child.tunnel));
  }
}

TEST_F(AtGateway, TheKeyIsThatOfTheIdentity) {
  Client impostor = client("a.example", "of b", 0xC1, "192.168.1.0/24");
  EXPECT_FALSE(connect(impostor, 4501));
  EXPECT_TRUE(refused(auth, NotifyType::AuthenticationFailed));
  EXPECT_EQ(gateway.engine->counters().get("auth-shared-key-wrong"), 1U);
}

TEST_F(AtGateway, WhoIsNotInTheDatabaseFallsBack) {
  Client other = client("c.example", "of the gateway", 0xC1, "192.168.3.0/24");
  ASSERT_TRUE(connect(other, 4501));
  EXPECT_EQ(sa_of("c.example")->dynamic->client, 0);
}

TEST(AtStrictGateway, WhoIsNotInTheDatabaseIsRefused) {
  GroupSettings strict = group();
  strict.gateways.front().fallback = false;
  Gateway gateway(strict);
  Client other = client("c.example", "of the gateway", 0xC1, "192.168.3.0/24");
  EXPECT_FALSE(connects(gateway, other));
  EXPECT_EQ(gateway.engine->counters().get("auth-unknown-client"), 1U);
  EXPECT_EQ(gateway.standing(), 0U);
}

TEST(AtStrictGateway, AnAddressThatNobodyMayHaveIsNotAnswered) {
  GroupSettings strict = group();
  strict.gateways.front().fallback = false;
  for (ClientSettings& each : strict.gateways.front().clients) {
    each.peer = *IpPrefix::parse("203.0.113.0/24");
  }
  Gateway gateway(strict);
  Client other = a();
  EXPECT_TRUE(gateway.give(other.init_request()).empty());
  EXPECT_EQ(gateway.engine->counters().get("no-tunnel-for-client"), 1U);
}

TEST_F(AtGateway, AnotherLocalAddressIsNobodys) {
  Client other = a();
  EXPECT_TRUE(
      gateway.give(other.init_request(), client_at(), {.address = address("10.0.0.9"), .port = 500})
          .empty());
}

TEST_F(AtGateway, SelectorsAreNarrowedToTheTsList) {
  Client wide = client("a.example", "of a", 0xA1, "0.0.0.0/0");
  ASSERT_TRUE(connect(wide, 4501));
  EXPECT_EQ(gateway.host.installed.begin()->second.remote_selectors,
            (std::vector{range("192.168.0.0", "192.168.255.255")}));
}

TEST_F(AtGateway, AddressesOfAnotherClientAreRefused) {
  Client first = a();
  ASSERT_TRUE(connect(first, 4501));
  Client thief = client("b.example", "of b", 0xB1, "192.168.1.128/25");
  ASSERT_TRUE(connect(thief, 4502)) << "the IKE SA stands";
  EXPECT_TRUE(refused(auth, NotifyType::TsUnacceptable));
  EXPECT_EQ(gateway.engine->counters().get("refused-ts-overlap"), 1U);
  EXPECT_EQ(gateway.state.child_sas.size(), 1U);
}

TEST_F(AtGateway, AddressesAreFreeOnceTheirTunnelIsGone) {
  Client first = a();
  ASSERT_TRUE(connect(first, 4501));
  give(gateway, first.request(Exchange::Informational, delete_ike()), 4501);
  Client next = client("b.example", "of b", 0xB1, "192.168.1.0/24");
  ASSERT_TRUE(connect(next, 4502));
  EXPECT_FALSE(refused(auth, NotifyType::TsUnacceptable));
}

TEST(AtPermissiveGateway, TheNewerClientTakesTheAddresses) {
  GroupSettings any = group();
  any.gateways.front().override_any = true;
  Gateway gateway(any);
  Client first = a();
  ASSERT_TRUE(connects(gateway, first));
  const Spi old = gateway.state.child_sas.begin()->first;
  Client second = client("b.example", "of b", 0xB1, "192.168.1.128/25");
  ASSERT_TRUE(connects(gateway, second));
  EXPECT_FALSE(gateway.state.child_sas.contains(old));
  EXPECT_EQ(gateway.state.child_sas.size(), 1U);
  EXPECT_EQ(gateway.engine->counters().get("tunnels-overridden"), 1U);
}

TEST(AtPermissiveGateway, ConfiguredTunnelsNeverGiveWay) {
  GroupSettings any = group();
  any.gateways.front().override_any = true;
  TunnelSettings configured = group_settings().tunnels.front();
  configured.remote_gateway = address("10.0.0.77");
  any.tunnels = {configured};  // 192.168.1.0/24
  Gateway gateway(any);
  Client thief = client("b.example", "of b", 0xB1, "192.168.1.128/25");
  ASSERT_TRUE(connects(gateway, thief));
  EXPECT_TRUE(gateway.state.child_sas.empty());
}

TEST_F(AtGateway, AClientThatComesAgainReplacesItselfAndIsTold) {
  Client before = a();
  ASSERT_TRUE(connect(before, 4501));
  const IkeSpi old = sa_of("a.example")->our_spi();
  Client again = client("A.EXAMPLE", "of a", 0xA2, "192.168.1.0/24");
  again.rng.bytes(3);
  gateway.host.sent.clear();
  ASSERT_TRUE(connect(again, 4503));
  EXPECT_EQ(gateway.state.child_sas.size(), 1U);
  EXPECT_EQ(gateway.engine->counters().get("clients-replaced"), 1U);
  const auto& ending = gateway.state.ike_sas.at(old).pending;
  ASSERT_TRUE(ending);
  EXPECT_EQ(ending->kind, PendingRequest::Kind::DeleteIke);
}

// Its deletes are never answered, and each tunnel has a number of its own.
TEST_F(AtGateway, AClientThatComesAgainAndAgainHasAtMostOneThatEnds) {
  for (uint8_t i = 0; i < 6; ++i) {
    Client again = client("a.example", "of a", 0xA1U + i, "192.168.1.0/24");
    ASSERT_TRUE(connect(again, 4501));
    EXPECT_LE(gateway.standing(), 2U);
    EXPECT_LE(gateway.host.committed.back().ike_sas.size(), 2U) << "records of one step";
  }
  EXPECT_EQ(gateway.state.child_sas.size(), 1U);
}

TEST_F(AtGateway, AClientThatDeletesAgainAndAgainIsBounded) {
  for (uint8_t i = 0; i < 10; ++i) {
    Client again = client("a.example", "of a", 0xA1U + i, "192.168.1.0/24");
    ASSERT_TRUE(connect(again, 4501));
    ASSERT_FALSE(give(gateway, again.request(Exchange::Informational, delete_ike()), 4501).empty());
  }
  EXPECT_EQ(gateway.standing(), 0U);
  EXPECT_EQ(gateway.state.ike_sas.size(), 4U) << "closed ones that repeat their last answer";
}

TEST_F(AtGateway, InitialContactReplacesSilently) {
  Client before = a();
  ASSERT_TRUE(connect(before, 4501));
  Client again = a();
  again.spi = IkeSpi{0xA2};
  again.initial_contact = true;
  ASSERT_TRUE(connect(again, 4503));
  EXPECT_EQ(gateway.standing(), 1U);
  EXPECT_EQ(gateway.state.child_sas.size(), 1U);
}

TEST(GatewayLimit, CountsConfiguredAndDynamicTunnels) {
  GroupSettings small = group();
  small.tunnels_max = 1;
  Gateway gateway(small);
  Client first = a();
  ASSERT_TRUE(connects(gateway, first));
  Client second = b();
  EXPECT_FALSE(connects(gateway, second));
  EXPECT_EQ(gateway.engine->counters().get("refused-tunnels-max"), 1U);
  EXPECT_EQ(gateway.standing(), 1U) << "nothing is left of it to be tried with again";
  EXPECT_EQ(gateway.engine->counters().get("authentication-failed"), 0U);
  Client again = a();  // takes its own place
  again.spi = IkeSpi{0xA2};
  EXPECT_TRUE(connects(gateway, again));
}

TEST_F(AtGateway, ATunnelGoesOnAtTheOtherChassis) {
  Client first = a();
  ASSERT_TRUE(connect(first, 4501));
  // The other operator wrote the clients in another order and has one more.
  GroupSettings other = group();
  other.slot = Slot{0};
  auto& clients = other.gateways.front().clients;
  clients.insert(clients.begin(), entry(5, "z.example", "of z"));
  Gateway next(gateway, other);
  const auto rekeyed = first.open(next.ask(first.rekey_child_request(first.child_spi), 4501));
  ASSERT_TRUE(rekeyed);
  EXPECT_NE(Client::find<payload::Sa>(*rekeyed), nullptr);
  EXPECT_EQ(next.state.child_sas.size(), 2U);
  for (const auto& [spi, child] : next.state.child_sas) {
    EXPECT_EQ(child.tunnel, next.only_ike().tunnel);
    EXPECT_EQ(child.reverse_route, esp::ReverseRoute::All);
  }
  // Whose addresses they are is known there too.
  Client thief = client("b.example", "of b", 0xB1, "192.168.1.0/24");
  ASSERT_TRUE(connects(next, thief));
  EXPECT_EQ(next.engine->counters().get("refused-ts-overlap"), 1U);
}

TEST_F(AtGateway, ARekeyedIkeSaKeepsTheTunnel) {
  Client first = a();
  ASSERT_TRUE(connect(first, 4501));
  const uint32_t number = sa_of("a.example")->tunnel;
  const auto answer = give(gateway, first.rekey_ike_request(0x7777), 4501);
  ASSERT_TRUE(first.successor(answer));
  const IkeSa* successor = sa_of("a.example");
  ASSERT_NE(successor, nullptr);
  EXPECT_EQ(successor->tunnel, number);
  EXPECT_EQ(successor->dynamic->client, 10);
}

TEST_F(AtGateway, AChassisWithoutTheClientRefusesItsRequests) {
  Client first = a();
  ASSERT_TRUE(connect(first, 4501));
  GroupSettings other = group();
  other.gateways.front().clients.clear();
  Gateway next(gateway, other);
  const auto answer = first.open(next.ask(first.rekey_child_request(first.child_spi), 4501));
  EXPECT_TRUE(refused(answer, NotifyType::NoAdditionalSas));
}

TEST_F(AtGateway, ChildSasWithoutAnIkeSaGoAtATakeover) {
  Client first = a();
  ASSERT_TRUE(connect(first, 4501));
  gateway.state.ike_sas.clear();  // as where its record was unusable
  Gateway next(gateway, group());
  EXPECT_TRUE(next.state.child_sas.empty());
  EXPECT_EQ(next.engine->counters().get("orphans-dropped"), 1U);
}

}  // namespace
}  // namespace segw::ike::testing
