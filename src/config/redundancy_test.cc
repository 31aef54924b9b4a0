// Domains, pools of engines, shunts for several chassis, BFD: what is taken and what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/load.h"

namespace segw::config {
namespace {

using testing::HasSubstr;

// A designated standby among three chassis, for two domains whose groups share a pool.
constexpr const char* kStandby = R"(
configure redundancy multi-chassis {
    ipsec-domain 7 {
        admin-state enable
        priority 230
        tunnel-group 1
    }
    ipsec-domain 3 {
        admin-state enable
        tunnel-group 2
    }
    peer 192.0.2.11 {
        admin-state enable
        sync { admin-state enable
               ipsec true }
        mc-ipsec {
            bfd-liveness true
            domain 7 { admin-state enable }
            domain 3 { }
        }
    }
    peer 192.0.2.12 {
        admin-state enable
        sync { admin-state enable
               ipsec true }
        mc-ipsec { domain 7 { admin-state enable } }
    }
}
configure isa {
    tunnel-group 1 {
        admin-state enable
        isa-scale-mode tunnel-limit-2k
        ipsec-responder-only true
        multi-active {
            member-pool "shared"
        }
        reassembly { max-wait-time 1200 }
        stats-collection { isa-dp-cpu-usage true }
    }
    tunnel-group 2 {
        admin-state enable
        isa-scale-mode tunnel-limit-32
        multi-active { member-pool "shared" }
    }
    tunnel-member-pool "shared" {
        description "for both"
        isa 1/2 { }
        isa 2/1 { }
    }
}
configure router "Base" {
    ipsec {
        multi-chassis-shunt-interface "to-first" { next-hop { address 10.1.1.2 } }
        multi-chassis-shunt-interface "to-second" {
            next-hop { address 10.1.2.2
                       ipv6-address 2001:db8:2::2 }
        }
        multi-chassis-shunting-profile "public" {
            peer 192.0.2.11 { multi-chassis-shunt-interface "to-first" }
            peer 192.0.2.12 { multi-chassis-shunt-interface "to-second" }
        }
    }
    interface "to-first" {
        port 1/1/1
        ipv4 { primary { address 10.1.1.1
                         prefix-length 30 } }
    }
    interface "system" {
        ipv4 {
            bfd { admin-state enable
                  transmit-interval 50
                  receive 60
                  multiplier 5 }
            primary { address 192.0.2.13
                      prefix-length 32 }
        }
    }
}
configure service {
    ies "outside" {
        admin-state enable
        service-id 1
        customer "1"
        interface "to-second" {
            sap 1/1/2 { }
            ipv4 { primary { address 10.1.2.1
                             prefix-length 30 } }
            ipv6 { address 2001:db8:2::1 { prefix-length 64 } }
        }
        interface "tunnels" {
            multi-chassis-shunting-profile "public"
            sap tunnel-1.public:1 { }
            ipv4 { primary { address 10.9.0.254
                             prefix-length 24 } }
        }
    }
    vprn "inside" {
        admin-state enable
        service-id 2
        customer "1"
        ipsec {
            multi-chassis-shunt-interface "in-first" { next-hop { address 10.2.1.2 } }
            multi-chassis-shunting-profile "private" {
                peer 192.0.2.11 { multi-chassis-shunt-interface "in-first" }
            }
        }
        interface "in-first" {
            sap 1/1/3 { }
            ipv4 { primary { address 10.2.1.1
                             prefix-length 30 } }
        }
        interface "clear" {
            tunnel true
            multi-chassis-shunting-profile "private"
            sap tunnel-1.private:1 { }
        }
    }
}
)";

std::string replaced(std::string in, std::string_view what, std::string_view by) {
  const size_t at = in.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  if (at != std::string::npos) in.replace(at, what.size(), by);
  return in;
}

tl::expected<Loaded, ConfigErrors> load_text(const std::string& text) {
  static const auto schema = make_schema();
  const PortsMap ports{{"1/1/1", "a"}, {"1/1/2", "b"}, {"1/1/3", "c"}};
  return load(schema, text, ports);
}

std::string errors_of(const std::string& text) {
  const auto loaded = load_text(text);
  std::string lines;
  if (!loaded) {
    for (const ConfigError& error : loaded.error()) lines += config::text(error) + "\n";
  }
  return lines;
}

std::string with(std::string_view what, std::string_view by) {
  return errors_of(replaced(kStandby, what, by));
}

std::shared_ptr<const Config> taken(const std::string& text = kStandby) {
  const auto loaded = load_text(text);
  EXPECT_TRUE(loaded) << errors_of(text);
  return loaded ? loaded->config : std::make_shared<const Config>();
}

IpAddress ip(std::string_view text) { return *IpAddress::parse(text); }

TEST(Domains, AreTypedByNumber) {
  const auto config = taken();
  ASSERT_EQ(config->domains.size(), 2U);
  EXPECT_EQ(config->domains[0].id, DomainId{3});
  EXPECT_EQ(config->domains[0].priority, 100);
  const Domain& domain = config->domains[1];
  EXPECT_TRUE(domain.enabled);
  EXPECT_EQ(domain.role, mimp::DesignatedRole::Standby);
  EXPECT_EQ(domain.priority, 230);
  EXPECT_FALSE(domain.revertive);
  EXPECT_EQ(domain.group, TunnelGroupId{1});
  ASSERT_EQ(config->peers[0].domains.size(), 2U);
  EXPECT_TRUE(config->peers[0].domains[0].enabled);
  EXPECT_FALSE(config->peers[0].domains[1].enabled);
}

TEST(Domains, OfADesignatedActiveMayBeRevertive) {
  const auto config = taken(replaced(replaced(kStandby, "member-pool \"shared\"", "isa 3/1 { }"),
                                     "priority 230", "designated-role active\nrevertive true"));
  EXPECT_EQ(config->domains[1].role, mimp::DesignatedRole::Active);
  EXPECT_TRUE(config->domains[1].revertive);
}

TEST(Domains, HaveFourSpiRanges) {
  const std::string one = replaced(kStandby, "ipsec-responder-only true", "spi-range-index 4");
  EXPECT_EQ(errors_of(replaced(one, "tunnel-limit-32\n", "tunnel-limit-32\nspi-range-index 4\n")),
            "");
}

TEST(Pools, GiveTheirEnginesToTheirGroups) {
  const auto config = taken();
  ASSERT_EQ(config->member_pools.size(), 1U);
  EXPECT_EQ(config->member_pools[0].name, "shared");
  const std::vector<IsaId> both{IsaId{.slot = 1, .mda = 2}, IsaId{.slot = 2, .mda = 1}};
  EXPECT_EQ(config->member_pools[0].isas, both);
  for (const TunnelGroup& group : config->tunnel_groups) {
    EXPECT_EQ(group.member_pool, "shared");
    EXPECT_EQ(group.isas, both);
    EXPECT_EQ(group.active_isa_number, 1);
  }
}

TEST(Pools, LeaveOutEnginesThatTheOperatorDisabled) {
  const std::string one = std::string(kStandby) + "configure card 1 mda 2 admin-state disable\n";
  const auto config = taken(one);
  EXPECT_TRUE(config->tunnel_groups[0].enabled);
  EXPECT_EQ(config->tunnel_groups[0].isas, std::vector<IsaId>({IsaId{.slot = 2, .mda = 1}}));
  EXPECT_EQ(config->member_pools[0].isas.size(), 2U);
  EXPECT_FALSE(
      taken(one + "configure card 2 mda 1 admin-state disable\n")->tunnel_groups[0].enabled);
}

TEST(Shunts, OfAnIesAreTheBaseRouters) {
  const auto config = taken();
  const Service& base = config->services[0];
  ASSERT_EQ(base.shunt_interfaces.size(), 2U);
  EXPECT_EQ(base.shunt_interfaces[1].interface, "to-second");
  ASSERT_EQ(base.shunting_profiles.size(), 1U);
  EXPECT_EQ(base.shunting_profiles[0].peers.size(), 2U);
  const Interface& tunnels = config->services[1].interfaces[1];
  EXPECT_EQ(tunnels.shunting_profile, "public");
  ASSERT_EQ(tunnels.peer_shunts.size(), 2U);
  EXPECT_EQ(tunnels.peer_shunts[0].peer, ip("192.0.2.11"));
  EXPECT_EQ(tunnels.peer_shunts[0].next_hop, ip("10.1.1.2"));
  EXPECT_EQ(tunnels.peer_shunts[0].next_hop_v6, std::nullopt);
  EXPECT_EQ(tunnels.peer_shunts[1].next_hop_v6, ip("2001:db8:2::2"));
}

TEST(Shunts, ToAPeerThatTheProfileLacksAreWarnedOf) {
  const auto loaded = load_text(kStandby);
  ASSERT_TRUE(loaded) << errors_of(kStandby);
  ASSERT_EQ(loaded->warnings.size(), 1U);
  EXPECT_EQ(loaded->warnings[0].event, "MC_SHUNT_MISSING");
  EXPECT_THAT(text(loaded->warnings[0].what),
              HasSubstr("profile \"private\" has no way to peer 192.0.2.12"));
}

TEST(Bfd, HasTheSettingsOfTheInterface) {
  const auto config = taken();
  const Interface& system = config->services[0].interfaces[1];
  EXPECT_TRUE(system.bfd.enabled);
  EXPECT_EQ(system.bfd.transmit_interval, std::chrono::milliseconds(50));
  EXPECT_EQ(system.bfd.receive_interval, std::chrono::milliseconds(60));
  EXPECT_EQ(system.bfd.multiplier, 5);
  const Interface& link = config->services[0].interfaces[0];
  EXPECT_FALSE(link.bfd.enabled);
  EXPECT_EQ(link.bfd.transmit_interval, std::chrono::milliseconds(100));
  EXPECT_EQ(link.bfd.multiplier, 3);
}

TEST(Bfd, ThatTheInterfaceDoesNotRunIsWarnedOf) {
  const auto loaded = load_text(replaced(kStandby, "bfd { admin-state enable", "bfd {"));
  ASSERT_TRUE(loaded);
  ASSERT_EQ(loaded->warnings.size(), 2U);
  EXPECT_EQ(loaded->warnings[0].event, "MC_BFD_DISABLED");
  EXPECT_THAT(text(loaded->warnings[0].what), HasSubstr("interface \"system\" has no ipv4 bfd"));
}

TEST(Info, PrintsRedundancyAsItIsReadAgain) {
  const auto first = load_text(kStandby);
  ASSERT_TRUE(first) << errors_of(kStandby);
  const std::string printed = info(*first->tree);
  const auto second = load_text(printed);
  ASSERT_TRUE(second) << errors_of(printed);
  EXPECT_TRUE(same(*first->tree, *second->tree));
  EXPECT_EQ(printed.find("designated-role"), std::string::npos) << "the default is not printed";
}

struct Case {
  const char* what;
  const char* by;
  const char* error;
};
void PrintTo(const Case& row, std::ostream* out) { *out << row.error; }

class RedundancyRefusal : public testing::TestWithParam<Case> {};

TEST_P(RedundancyRefusal, NamesWhatDoesNotFit) {
  const std::string errors = with(GetParam().what, GetParam().by);
  EXPECT_THAT(errors, HasSubstr(GetParam().error));
  EXPECT_EQ(errors.find("line 0"), std::string::npos) << errors;
}

INSTANTIATE_TEST_SUITE_P(
    Load, RedundancyRefusal,
    testing::Values(
        Case{"ipsec-domain 7 {", "ipsec-domain 256 {", "'256' is no id: a number 1..255 expected"},
        Case{"tunnel-group 1\n", "", "ipsec-domain[id=7]: is enabled without a tunnel-group"},
        Case{"tunnel-group 1\n", "tunnel-group 9\n", "tunnel-group \"9\" does not exist"},
        Case{"tunnel-group 2\n", "tunnel-group 1\n",
             "tunnel-group: 1 is the group of ipsec-domain 7 already"},
        Case{"domain 3 { }", "domain 4 { }", "domain \"4\" does not exist"},
        Case{"domain 3 { }", "", "ipsec-domain[id=3]: is enabled, and no peer has it"},
        Case{"ipsec true }\n        mc-ipsec { domain 7", "}\n        mc-ipsec { domain 7",
             "domain[id=7]: is enabled without sync ipsec true"},
        Case{"domain 3 { }", "domain 3 { }\ntunnel-group 1 { admin-state enable }",
             "mc-ipsec/tunnel-group[id=1]: is the group of ipsec-domain 7; a group has a domain"},
        Case{"ipsec true }", "ipsec true\ntunnel-group 1 { sync-tag \"x\" } }",
             "sync/tunnel-group[id=1]: is the group of ipsec-domain 7"},
        Case{"peer 192.0.2.11 {",
             "peer 192.0.2.14 { mc-ipsec { domain 7 { } } }\n"
             "peer 192.0.2.15 { mc-ipsec { domain 7 { } } }\npeer 192.0.2.11 {",
             "a domain has at most four chassis"},
        Case{"address 192.0.2.13", "address 192.0.2.12", "is an address of this chassis"},
        Case{"member-pool \"shared\"", "member-pool \"none\"",
             "member-pool \"none\" does not exist"},
        Case{"member-pool \"shared\"", "member-pool \"shared\"\nisa 1/3 { }",
             "excludes isa, which is set too"},
        Case{"member-pool \"shared\"", "member-pool \"shared\"\nactive-isa-number 3",
             "active-isa-number: 3 is more than the 2 engines of the pool"},
        Case{"member-pool \"shared\"", "member-pool \"shared\"\nactive-isa-number 2",
             "this release has one active engine"},
        Case{"member-pool \"shared\"", "isa 2/1 { }",
             "serves tunnel-member-pool \"shared\" already"},
        Case{"priority 230", "designated-role active",
             "member-pool: is for the group of an ipsec-domain in which this chassis is designated "
             "standby"},
        Case{"isa 1/2 { }\n        isa 2/1 { }", "", "its member-pool has no isa"},
        Case{"multi-chassis-shunting-profile \"public\"\n",
             "multi-chassis-shunting-profile \"private\"\n",
             "multi-chassis-shunting-profile \"private\" does not exist"},
        Case{
            "multi-chassis-shunting-profile \"public\"\n",
            "multi-chassis-shunting-profile \"public\"\nstatic-tunnel-redundant-nexthop 10.1.1.2\n",
            "which is set too"},
        Case{"multi-chassis-shunting-profile \"public\"\n",
             "static-tunnel-redundant-nexthop 10.1.1.2\n",
             "several other chassis: multi-chassis-shunting-profile expected"},
        Case{"sap 1/1/2 { }", "sap 1/1/2 { }\nmulti-chassis-shunting-profile \"public\"",
             "is for interfaces with a tunnel SAP"},
        Case{"\"to-first\" { next-hop", "\"to-third\" { next-hop",
             "\"to-third\" is no interface with a port in this routing instance"},
        Case{"shunt-interface \"to-first\" }", "shunt-interface \"to-third\" }",
             "multi-chassis-shunt-interface \"to-third\" does not exist"},
        Case{"shunt-interface \"to-second\" }", "shunt-interface \"to-first\" }",
             "leads to another peer of the profile"},
        Case{"address 10.1.1.2", "address 10.1.3.2",
             "is not in the subnet of interface \"to-first\""},
        Case{"address 10.1.1.2", "address 10.1.1.1", "is an address of this chassis itself"},
        Case{"{ address 10.1.1.2 }", "{ }", "next-hop/address: is missing"},
        Case{"peer 192.0.2.12 { multi-chassis-shunt", "peer 192.0.2.19 { multi-chassis-shunt",
             "redundancy multi-chassis peer 192.0.2.19 does not exist"},
        Case{"transmit-interval 50", "transmit-interval 9", "a number 10..100000 expected"},
        Case{"multiplier 5", "multiplier 21", "a number 1..20 expected"}));

TEST(SharedKey, MayHaveASecondOneBesideIt) {
  const std::string both = "authentication-key \"old\"\n second-authentication-key \"new\"\n";
  const auto loaded = load_text(replaced(kStandby, "sync { admin", both + "sync { admin"));
  ASSERT_TRUE(loaded) << text(loaded.error().front());
  const McPeer& peer = loaded->config->peers.front();
  EXPECT_EQ(peer.authentication_key, SecretBytes(as_bytes("old")));
  EXPECT_EQ(peer.second_authentication_key, SecretBytes(as_bytes("new")));
  EXPECT_EQ(info(*loaded->tree).find("\"new\""), std::string::npos);
}

TEST(SharedKey, ASecondOneAloneOrTheSameTwiceIsRefused) {
  EXPECT_THAT(with("sync { admin", "second-authentication-key \"new\"\n sync { admin"),
              HasSubstr("needs an authentication-key, to which it is second"));
  EXPECT_THAT(with("sync { admin",
                   "authentication-key \"one\"\n second-authentication-key \"one\"\n sync { admin"),
              HasSubstr("is the authentication-key"));
}

TEST(Refusal, OfMoreDomainsThanAChassisMayHave) {
  std::string domains = "configure redundancy multi-chassis {\n";
  for (int id = 100; id < 163; ++id) domains += "ipsec-domain " + std::to_string(id) + " { }\n";
  EXPECT_THAT(errors_of(kStandby + domains + "}\n"),
              HasSubstr("ipsec-domain: 65 entries, at most 64 are possible"));
}

}  // namespace
}  // namespace segw::config
