#include "ike/client_db.h"

#include <gtest/gtest.h>

namespace segw::ike {
namespace {

using Kind = IdentityMatch::Kind;

Identity name(std::string_view text) { return {.type = kIdFqdn, .data = to_bytes(as_bytes(text))}; }

ClientSettings client(uint16_t number, std::optional<IdentityMatch> identity,
                      const char* peer = nullptr) {
  ClientSettings made;
  made.number = number;
  made.identity = std::move(identity);
  if (peer != nullptr) made.peer = *IpPrefix::parse(peer);
  return made;
}

IdentityMatch match(Kind kind, std::string_view text) {
  return {.kind = kind, .type = kIdFqdn, .data = to_bytes(as_bytes(text)), .prefix = {}};
}

const IpAddress kHere = *IpAddress::parse("203.0.113.5");
const IpAddress kThere = *IpAddress::parse("198.51.100.5");

GatewaySettings gateway() {
  GatewaySettings made;
  made.fallback = false;
  made.clients = {client(3, match(Kind::Exact, "a.example.net"), "203.0.113.0/24"),
                  client(5, match(Kind::Suffix, "example.net")),
                  client(7, match(Kind::Exact, "A.example.net")),
                  client(8, match(Kind::Exact, "b.example.org"))};
  return made;
}

TEST(ClientDb, TheSmallestNumberThatFitsCounts) {
  const GatewaySettings settings = gateway();
  const ClientDb db(settings);
  EXPECT_EQ(db.find(name("a.example.net"), kHere).client, 3);
  EXPECT_EQ(db.find(name("a.example.net"), kThere).client, 5);
  EXPECT_EQ(db.find(name("B.example.ORG"), kThere).client, 8);
  EXPECT_EQ(db.find(name("b.example.org"), kThere).settings, &settings.clients[3].settings);
}

TEST(ClientDb, WhoIsNotInItIsRefusedOrFallsBack) {
  GatewaySettings settings = gateway();
  EXPECT_EQ(ClientDb(settings).find(name("c.example.org"), kHere).settings, nullptr);
  EXPECT_EQ(ClientDb(settings).find(0), nullptr);
  settings.fallback = true;
  const auto found = ClientDb(settings).find(name("c.example.org"), kHere);
  EXPECT_EQ(found.settings, &settings.own);
  EXPECT_EQ(found.client, 0);
  EXPECT_EQ(ClientDb(settings).find(0), &settings.own);
}

TEST(ClientDb, FindsByNumberAfterATakeover) {
  const GatewaySettings settings = gateway();
  const ClientDb db(settings);
  EXPECT_EQ(db.find(7), &settings.clients[2].settings);
  EXPECT_EQ(db.find(4), nullptr);
}

TEST(ClientDb, SaysBeforeTheIdentityWhetherAnAddressMayBeServed) {
  GatewaySettings settings;
  settings.fallback = false;
  settings.clients = {client(1, std::nullopt, "203.0.113.0/24")};
  EXPECT_TRUE(ClientDb(settings).may_serve(kHere));
  EXPECT_FALSE(ClientDb(settings).may_serve(kThere));
  settings.fallback = true;
  EXPECT_TRUE(ClientDb(settings).may_serve(kThere));
}

TEST(ClientDb, AddressesAloneMayIdentify) {
  GatewaySettings settings;
  settings.clients = {client(1, std::nullopt, "203.0.113.0/24")};
  EXPECT_EQ(ClientDb(settings).find(name("whoever"), kHere).client, 1);
}

}  // namespace
}  // namespace segw::ike
