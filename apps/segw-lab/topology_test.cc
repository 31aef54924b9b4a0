#include "topology.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace segw::lab {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kWhole = R"(
name: pair
nodes:
  client:
    kind: strongswan
    loopback: [192.0.2.1/32, 192.0.2.2/32]
    routes: [198.51.100.0/24 via 203.0.113.1]
    connection:
      {local: 192.0.2.1, remote: 198.51.100.1, local-ts: 192.0.2.2/32, remote-ts: 10.0.0.0/8,
       psk: a secret, suites: {gcm: {ike: aes256gcm16-prfsha256-ecp256, esp: aes256gcm16},
                               cbc: {ike: aes256-sha256-modp2048, esp: aes256-sha256}}}
  switch: {kind: bridge}
  a: {kind: chassis, config: a.cfg, ports: a.ports, mcs-key: own, allow-key-export: true}
links:
  - {name: one, ends: ["client:eth0", "switch:c"], addresses: {client: 203.0.113.2/24}}
  - {name: two, ends: ["a:pub", "switch:a"]}
)";

TEST(Topology, IsReadWhole) {
  const auto read = parse_topology(std::string(kWhole), "/labs");
  ASSERT_TRUE(read) << read.error().text;
  EXPECT_EQ(read->name, "pair");
  ASSERT_NE(read->node("client"), nullptr);
  EXPECT_THAT(read->node("client")->loopback, ElementsAre("192.0.2.1/32", "192.0.2.2/32"));
  ASSERT_EQ(read->node("client")->connections.size(), 2U);
  EXPECT_EQ(read->node("client")->connections[1].psk, "a secret");
  EXPECT_EQ(read->node("a")->chassis.config_file, "/labs/a.cfg");
  EXPECT_EQ(read->node("a")->chassis.mcs_key, McsKey::Own);
  ASSERT_NE(read->link("one"), nullptr);
  EXPECT_THAT(read->link("one")->ends[0].addresses, ElementsAre("203.0.113.2/24"));
  EXPECT_TRUE(read->link("one")->ends[1].addresses.empty());
}

TEST(Topology, ReadsPeersWithFilesOfTheirOwn) {
  const auto read = parse_topology(R"(
name: peers
ipv6: true
nodes:
  guest: {kind: strongswan, inside: uml, swanctl: c/swanctl.conf, settings: {fragment_size: 600}}
  pluto: {kind: libreswan, config: p/ipsec.conf, tree: /unpacked/libreswan}
  home: {kind: nat, outside: eth0, translate: [10.0.0.2 192.0.2.2]}
  switch: {kind: bridge}
links:
  - {name: one, ends: ["guest:eth0", "switch:a"]}
  - {name: two, ends: ["pluto:eth0", "switch:b"]}
  - {name: three, ends: ["home:eth0", "switch:c"]}
)",
                                   "/labs");
  ASSERT_TRUE(read) << read.error().text;
  EXPECT_TRUE(read->ipv6);
  EXPECT_TRUE(read->node("guest")->guest);
  EXPECT_EQ(read->node("guest")->peer.config_file, "/labs/c/swanctl.conf");
  EXPECT_EQ(read->node("guest")->peer.settings.at("fragment_size"), "600");
  EXPECT_TRUE(read->node("pluto")->guest);
  EXPECT_EQ(read->node("pluto")->peer.tree, "/unpacked/libreswan");
  EXPECT_FALSE(read->node("home")->guest);
  EXPECT_EQ(read->node("home")->nat.outside, "eth0");
  EXPECT_THAT(read->node("home")->nat.translate, ElementsAre("10.0.0.2 192.0.2.2"));
}

struct Refusal {
  std::string_view part, instead, why;
};

class RefusedTopology : public testing::TestWithParam<Refusal> {};

TEST_P(RefusedTopology, SaysWhy) {
  const auto& [part, instead, why] = GetParam();
  std::string yaml(kWhole);
  yaml.replace(yaml.find(part), part.size(), instead);
  const auto read = parse_topology(yaml, "/labs");
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().text, HasSubstr(std::string(why)));
}

INSTANTIATE_TEST_SUITE_P(
    Topology, RefusedTopology,
    testing::Values(
        Refusal{"name: pair", "name: a-pair", "no name of a lab"},
        Refusal{"name: pair", "name: {}", "'name' is missing"},
        Refusal{"kind: bridge", "kind: router", "line 12: kind 'router'"},
        Refusal{"kind: bridge", "kind: bridge, routes: [x]", "'routes' is not known here"},
        Refusal{"ports: a.ports, ", "", "'ports' is missing"},
        Refusal{"mcs-key: own", "mcs-key: none of yours", "shared, own or none"},
        Refusal{"export: true", "export: maybe", "true or false"},
        Refusal{"switch:c\"", "hub:c\"", "'hub:c' is no NODE:DEVICE"},
        Refusal{"switch:c\"", "switch\"", "'switch' is no NODE:DEVICE"},
        Refusal{"switch:c\"", "switch:a\"", "switch:a is the end of two links"},
        Refusal{"name: two", "name: one", "two links are called one"},
        Refusal{"a:pub\", \"switch:a\"", "a:pub\"", "two ends"},
        Refusal{"switch:c\"", "switch:a_very_long_device\"", "is no NODE:DEVICE"},
        Refusal{"{gcm:", "{g-c-m:", "no name of a suite"},
        Refusal{"esp: aes256-sha256}", "ah: none}", "'ah' is not known here"},
        Refusal{"psk: a secret,", "", "'psk' is missing"},
        Refusal{"kind: strongswan", "kind: strongswan\n    inside: qemu", "uml or namespace"},
        Refusal{"kind: strongswan", "kind: strongswan\n    swanctl: c", "either"},
        Refusal{"{kind: bridge}", "{kind: nat}", "'outside' is missing"},
        Refusal{"{kind: bridge}", "{kind: nat, outside: a, translate: [b]}",
                "two addresses expected"},
        Refusal{"{kind: bridge}", "{kind: libreswan}", "'config' is missing"},
        Refusal{"nodes:", "nodes:\n  far: {kind: openiked, config: c, tree: t}",
                "far: a guest without a link"},
        Refusal{"nodes:", "nodes: [", "line"}));

}  // namespace
}  // namespace segw::lab
