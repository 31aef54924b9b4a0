// What must be configured alike, what need not, and that no secret is told.
#include "chassis/shared_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace segw::chassis {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

IpAddress ip(const char* text) { return IpAddress::parse(text).value_or(IpAddress{}); }
IpPrefix prefix(const char* text) { return IpPrefix::parse(text).value_or(IpPrefix{}); }
SecretBytes secret(const char* text) { return SecretBytes(as_bytes(text)); }

config::IkePolicy policy() {
  config::IkePolicy policy;
  policy.id = 3;
  policy.transforms = {config::IkeTransform{.id = 4}};
  policy.dpd = true;
  return policy;
}

config::Config sample() {
  config::Config config;
  config.tunnel_groups.push_back(config::TunnelGroup{.id = {1}, .enabled = true});
  config::IpsecTunnel tunnel;
  tunnel.name = "t1";
  tunnel.enabled = true;
  tunnel.group = {1};
  tunnel.private_service = "VPRN-2";
  tunnel.local_gateway = ip("10.10.20.1");
  tunnel.remote_gateway = ip("10.10.10.1");
  tunnel.pre_shared_key = secret("the key of the tunnel");
  tunnel.ike_policy = policy();
  tunnel.transforms = {config::IpsecTransform{.id = 5, .suite = {}, .lifetime = {}, .pfs = {}}};
  tunnel.security_policy = {
      {.id = 10, .local = prefix("10.2.2.0/24"), .remote = prefix("10.3.3.0/24")}};
  tunnel.routed_prefixes = {prefix("192.168.1.1/32")};
  config.tunnels = {tunnel};
  config::IpsecGateway gateway;
  gateway.name = "g1";
  gateway.group = {1};
  gateway.local_gateway = ip("10.10.20.2");
  gateway.ike_policy = policy();
  auto pattern = std::make_shared<config::TunnelTemplate>();
  pattern->id = 6;
  gateway.tunnel_template = pattern;
  auto selectors = std::make_shared<config::TsList>();
  selectors->name = "ts";
  selectors->local = {{.first = ip("10.0.0.0"), .last = ip("10.0.0.255")}};
  gateway.ts_list = selectors;
  gateway.client_db = "db";
  config::GatewayClient client;
  client.number = 7;
  client.pre_shared_key = secret("the key of the client");
  gateway.clients = {client};
  gateway.auth.trust_anchor_profile = "anchors";
  config.gateways = {gateway};
  config.trust_anchor_profiles = {{.name = "anchors", .ca_profiles = {"ca"}}};
  config.ca_profiles = {
      {.name = "ca", .path = "", .enabled = true, .cert_file = "ca.pem", .crl_file = ""}};
  return config;
}

mcs::SharedConfig shared(config::Config config) {
  auto all = std::make_shared<const config::Config>(std::move(config));
  return shared_config(all, all->tunnel_groups.front());
}

std::map<std::string, uint64_t> settings(const mcs::SharedConfig& config) {
  std::map<std::string, uint64_t> all;
  for (const mcs::ConfigPart& part : config.parts()) {
    for (const mcs::ConfigSetting& setting : part.settings()) all[setting.path] = setting.digest;
  }
  return all;
}

// The paths of all settings that differ, or that only one of the two has.
std::set<std::string> differences(const mcs::SharedConfig& one, const mcs::SharedConfig& other) {
  std::set<std::string> paths;
  const auto a = settings(one);
  const auto b = settings(other);
  for (const auto& [path, digest] : a) {
    if (!b.contains(path) || b.at(path) != digest) paths.insert(path);
  }
  for (const auto& [path, digest] : b) {
    if (!a.contains(path)) paths.insert(path);
  }
  EXPECT_EQ(paths.empty(), one.digest() == other.digest());
  return paths;
}

template <typename Change>
std::set<std::string> after(const Change& change) {
  config::Config config = sample();
  change(config);
  return differences(shared(sample()), shared(std::move(config)));
}

TEST(SharedConfig, HasAPartForEachThingThatTheGroupUses) {
  std::vector<std::string> paths;
  const mcs::SharedConfig all = shared(sample());
  for (const mcs::ConfigPart& part : all.parts()) paths.push_back(part.path);
  EXPECT_THAT(
      paths,
      ElementsAre("/configure/ipsec/client-db[name=db]/client[client-index=7]",
                  "/configure/ipsec/ike-policy[id=3]", "/configure/ipsec/ike-transform[id=4]",
                  "/configure/ipsec/ipsec-transform[id=5]",
                  "/configure/ipsec/trust-anchor-profile[name=anchors]",
                  "/configure/ipsec/ts-list[name=ts]", "/configure/ipsec/tunnel-template[id=6]",
                  "/configure/isa/tunnel-group",
                  "/configure/system/security/pki/ca-profile[name=ca]", "ipsec-gateway[name=g1]",
                  "ipsec-tunnel[name=t1]"));
}

TEST(SharedConfig, NamesTheOneSettingThatDiffers) {
  EXPECT_THAT(after([](config::Config& c) { c.tunnels[0].pre_shared_key = secret("another"); }),
              ElementsAre("ipsec-tunnel[name=t1]/key-exchange/dynamic/pre-shared-key"));
  EXPECT_THAT(after([](config::Config& c) {
                c.tunnels[0].ike_policy.dpd_interval = std::chrono::seconds(60);
                c.gateways[0].ike_policy.dpd_interval = std::chrono::seconds(60);
              }),
              ElementsAre("/configure/ipsec/ike-policy[id=3]/dpd/interval"));
  EXPECT_THAT(after([](config::Config& c) { c.tunnels[0].security_policy[0].remote.reset(); }),
              ElementsAre("ipsec-tunnel[name=t1]/security-policy/entry[10.0]/remote-ip"));
  EXPECT_THAT(
      after([](config::Config& c) { c.gateways[0].clients[0].name = "x"; }),
      ElementsAre("/configure/ipsec/client-db[name=db]/client[client-index=7]/client-name"));
  EXPECT_THAT(after([](config::Config& c) { c.tunnel_groups[0].responder_only = true; }),
              ElementsAre("/configure/isa/tunnel-group/ipsec-responder-only"));
  EXPECT_THAT(after([](config::Config& c) { c.ca_profiles[0].crl_optional = true; }),
              ElementsAre("/configure/system/security/pki/ca-profile[name=ca]/revocation-check/"
                          "crl-optional"));
}

TEST(SharedConfig, LeavesOutWhatIsEachChassisOwn) {
  EXPECT_THAT(after([](config::Config& c) {
                c.system_name = "B";
                c.system_address = ip("192.0.2.2");
                c.peers.push_back({.address = ip("192.0.2.1")});
                c.domains.push_back({.id = DomainId{1}, .priority = 7});
                c.services.push_back({.name = "IES-1"});
                config::TunnelGroup& group = c.tunnel_groups[0];
                group.enabled = false;
                group.spi_range_index = 2;
                group.isas = {IsaId{.slot = 3, .mda = 1}};
                group.active_isa_number = 2;
                group.member_pool = "pool";
                c.ca_profiles[0].cert_file = "elsewhere.pem";
                c.tunnels[0].private_service_id = 9;
              }),
              IsEmpty());
}

TEST(SharedConfig, IsTheSameUnderAnotherNumberOfTheGroup) {
  config::Config config = sample();
  config.tunnel_groups[0].id = {9};
  config.tunnels[0].group = {9};
  config.gateways[0].group = {9};
  EXPECT_THAT(differences(shared(sample()), shared(std::move(config))), IsEmpty());
}

TEST(SharedConfig, KnowsNothingOfOtherGroups) {
  EXPECT_THAT(after([](config::Config& c) {
                c.tunnels.push_back(c.tunnels[0]);
                c.tunnels[1].name = "t2";
                c.tunnels[1].group = {2};
                c.tunnels[1].ike_policy.id = 11;
              }),
              IsEmpty());
}

// So a release that adds a setting compares equal to the one before it.
TEST(SharedConfig, ListsNoSettingThatHasItsDefault) {
  const auto all = settings(shared(sample()));
  EXPECT_TRUE(all.contains("/configure/ipsec/ike-policy[id=3]/dpd"));
  EXPECT_FALSE(all.contains("/configure/ipsec/ike-policy[id=3]/dpd/interval"));
  EXPECT_FALSE(all.contains("ipsec-tunnel[name=t1]/clear-df-bit"));
}

// Digests are told to peers of other releases: this one stays as it is for ever.
TEST(SharedConfig, HasTheDigestThatItAlwaysHad) {
  config::Config config = sample();
  config.gateways.clear();
  config.tunnels[0].ike_policy.id = 3;
  EXPECT_EQ(shared(std::move(config)).digest(), 12365695603302282905U);
}

}  // namespace
}  // namespace segw::chassis
