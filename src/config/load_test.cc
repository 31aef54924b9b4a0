#include "config/load.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace segw::config {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string file(const std::string& name) {
  const std::ifstream in(std::string(SEGW_SOURCE_DIR) + "/labs/pair/" + name);
  std::stringstream content;
  content << in.rdbuf();
  return content.str();
}

PortsMap ports() {
  auto parsed = parse_ports(file("a.ports"));
  return parsed ? *parsed : PortsMap{};
}

std::shared_ptr<const Schema> schema() {
  static const auto made = make_schema();
  return made;
}

std::string all(const ConfigErrors& errors) {
  std::string lines;
  for (const ConfigError& error : errors) lines += text(error) + "\n";
  return lines;
}

// The errors of a configuration, a line each; empty if it is accepted.
std::string errors_of(const std::string& text) {
  const auto loaded = load(schema(), text, ports());
  return loaded ? "" : all(loaded.error());
}

std::string replaced(std::string in, std::string_view what, std::string_view by) {
  const size_t at = in.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  if (at != std::string::npos) in.replace(at, what.size(), by);
  return in;
}

// What the pair lab's configuration says once one piece of it is replaced.
std::string errors_with(std::string_view what, std::string_view by) {
  return errors_of(replaced(file("a.cfg"), what, by));
}

std::string entered_again(std::string printed) {
  constexpr std::string_view kHidden = "\"********\" hidden";
  while (printed.find(kHidden) != std::string::npos) {
    printed = replaced(printed, kHidden, "\"entered again\"");
  }
  return printed;
}

TEST(Load, TakesTheSamplesOfThePairLab) {
  for (const char* node : {"a", "b"}) {
    const auto loaded = load(schema(), file(std::string(node) + ".cfg"), ports());
    ASSERT_TRUE(loaded) << all(loaded.error());
  }
}

TEST(Load, GivesTheTypedConfigurationOfThePair) {
  const auto loaded = load(schema(), file("a.cfg"), ports());
  ASSERT_TRUE(loaded) << all(loaded.error());
  const Config& config = *loaded->config;
  EXPECT_EQ(config.system_name, "SeGW-A");
  EXPECT_EQ(config.system_address.text(), "192.0.2.1");
  ASSERT_EQ(config.peers.size(), 1U);
  const McPeer& peer = config.peers[0];
  EXPECT_EQ(peer.address.text(), "192.0.2.2");
  EXPECT_EQ(peer.source_address.text(), "192.0.2.1");
  EXPECT_TRUE(peer.enabled && peer.mc_ipsec && peer.sync_enabled && peer.sync_ipsec);
  EXPECT_EQ(peer.keep_alive_interval, std::chrono::milliseconds(500));
  EXPECT_EQ(peer.hold_on_neighbor_failure, 2);
  EXPECT_EQ(peer.discovery_interval_boot, std::chrono::seconds(5));
  ASSERT_EQ(peer.tunnel_groups.size(), 1U);
  EXPECT_EQ(peer.tunnel_groups[0].sync_tag, "tag-1");
  EXPECT_EQ(peer.tunnel_groups[0].priority, 200);
  ASSERT_EQ(config.tunnel_groups.size(), 1U);
  EXPECT_EQ(config.tunnel_groups[0].isas, std::vector<IsaId>({IsaId{.slot = 1, .mda = 2}}));
  EXPECT_TRUE(config.tunnel_groups[0].enabled);
  EXPECT_EQ(config.tunnel_groups[0].tunnels_max, 2048U);
}

TEST(Load, GivesTheTunnelOfThePair) {
  const auto loaded = load(schema(), file("a.cfg"), ports());
  ASSERT_TRUE(loaded) << all(loaded.error());
  ASSERT_EQ(loaded->config->tunnels.size(), 1U);
  const IpsecTunnel& tunnel = loaded->config->tunnels[0];
  EXPECT_EQ(tunnel.name, "tunnel-1");
  EXPECT_TRUE(tunnel.enabled);
  EXPECT_EQ(tunnel.group.value, 1);
  EXPECT_EQ(tunnel.private_service, "VPRN-2");
  EXPECT_EQ(tunnel.private_service_id, 2U);
  EXPECT_EQ(tunnel.delivery_service_id, 1U);
  EXPECT_EQ(tunnel.local_gateway.text(), "10.10.20.1");
  EXPECT_EQ(tunnel.remote_gateway.text(), "10.10.10.1");
  EXPECT_EQ(tunnel.replay_window, 128);
  EXPECT_EQ(tunnel.pre_shared_key, SecretBytes(as_bytes("a shared secret of the lab")));
  ASSERT_EQ(tunnel.ike_policy.transforms.size(), 3U);
  EXPECT_EQ(tunnel.ike_policy.transforms[0].encryption, esp::Encryption::AesGcm16);
  EXPECT_EQ(tunnel.ike_policy.transforms[0].integrity, esp::Integrity::None);
  EXPECT_EQ(tunnel.ike_policy.transforms[0].group, ike::Group::Ecp256);
  EXPECT_EQ(tunnel.ike_policy.transforms[2].key_bits, 128);
  EXPECT_EQ(tunnel.ike_policy.transforms[2].group, ike::Group::Curve25519);
  EXPECT_EQ(tunnel.ike_policy.ipsec_lifetime, std::chrono::seconds(7200));
  EXPECT_TRUE(tunnel.ike_policy.nat_traversal);
  ASSERT_EQ(tunnel.transforms.size(), 2U);
  EXPECT_EQ(tunnel.transforms[1].suite.integrity, esp::Integrity::HmacSha256_128);
  ASSERT_EQ(tunnel.security_policy.size(), 1U);
  EXPECT_EQ(tunnel.security_policy[0].local->text(), "10.2.2.0/24");
  ASSERT_EQ(tunnel.routed_prefixes.size(), 1U);
  EXPECT_EQ(tunnel.routed_prefixes[0].text(), "192.168.1.1/32");
}

TEST(Load, GivesServicesWithDevicesAndTunnelSaps) {
  const auto loaded = load(schema(), file("b.cfg"), ports());
  ASSERT_TRUE(loaded) << all(loaded.error());
  const auto& services = loaded->config->services;
  ASSERT_EQ(services.size(), 3U);
  EXPECT_EQ(services[0].name, "Base");
  ASSERT_EQ(services[0].interfaces.size(), 2U);
  EXPECT_EQ(services[0].interfaces[0].device, "icl");
  EXPECT_TRUE(services[0].interfaces[1].loopback);
  ASSERT_EQ(services[0].routes.size(), 2U);
  EXPECT_EQ(services[0].routes[1].next_hop.text(), "172.16.1.100");
  const Interface& outside = services[1].interfaces[0];
  ASSERT_TRUE(outside.tunnel_sap);
  EXPECT_TRUE(outside.tunnel_sap->is_public);
  EXPECT_EQ(outside.shunt_next_hop->text(), "192.168.34.1");
  EXPECT_EQ(services[1].interfaces[1].vrrp_backup[0].text(), "172.16.1.254");
  EXPECT_EQ(services[2].interfaces[1].device, "picl");
}

TEST(Load, ReadsOneLinePerLeafAndMixtures) {
  const std::string flat =
      "configure isa tunnel-group 1 isa-scale-mode tunnel-limit-2k\n"
      "configure isa tunnel-group 1 ipsec-responder-only true # why not\n"
      "configure isa tunnel-group 1 multi-active isa 1/2\n"
      "configure { isa { tunnel-group 1 { admin-state enable\n} } }\n"
      "configure router \"Base\" interface \"system\" ipv4 primary address 192.0.2.1\n"
      "configure router Base interface system ipv4 primary prefix-length 32\n";
  const auto loaded = load(schema(), flat, {});
  ASSERT_TRUE(loaded) << all(loaded.error());
  EXPECT_TRUE(loaded->config->tunnel_groups[0].enabled);
  EXPECT_EQ(loaded->config->system_address.text(), "192.0.2.1");
}

TEST(Load, DiscoveryAtBootTakesTheIntervalWhereItIsNotSet) {
  const std::string changed = replaced(file("a.cfg"), "boot 5", "");
  const auto loaded =
      load(schema(), replaced(changed, "interval-secs 5", "interval-secs 7"), ports());
  ASSERT_TRUE(loaded) << all(loaded.error());
  EXPECT_EQ(loaded->config->peers[0].discovery_interval_boot, std::chrono::seconds(7));
}

TEST(Load, TakesADisabledEngineForAGroupThatIsDown) {
  const auto loaded =
      load(schema(), file("a.cfg") + "configure card 1 mda 2 admin-state disable\n", ports());
  ASSERT_TRUE(loaded) << all(loaded.error());
  EXPECT_FALSE(loaded->config->tunnel_groups[0].enabled);
}

// "tunnel-1" of a configuration, and one like it to another client.
struct TwoTunnels {
  explicit TwoTunnels(const std::string& text) {
    const size_t begin = text.find("ipsec-tunnel \"tunnel-1\" {");
    const size_t end = text.find("id 1\n", begin);
    first = text.substr(begin, text.find('}', text.find('}', end) + 1) + 1 - begin);
    another = replaced(replaced(first, "tunnel-1", "another"), "10.10.10.1", "10.10.9.1");
  }
  std::string first;
  std::string another;
};

TEST(Load, OrdersTunnelsAlikeWhateverTheOrderOfTheText) {
  const std::string text = file("a.cfg");
  const TwoTunnels two(text);
  const auto behind =
      load(schema(), replaced(text, two.first, two.first + "\n" + two.another), ports());
  const auto before =
      load(schema(), replaced(text, two.first, two.another + "\n" + two.first), ports());
  ASSERT_TRUE(behind) << all(behind.error());
  ASSERT_TRUE(before) << all(before.error());
  EXPECT_EQ(behind->config->tunnels[0].name, "another");
  EXPECT_EQ(before->config->tunnels[0].name, "another");
}

TEST(Load, NumbersATunnelByItsAddressesWhateverElseThereIs) {
  const std::string text = file("a.cfg");
  const TwoTunnels two(text);
  const auto alone = load(schema(), text, ports());
  const auto both =
      load(schema(), replaced(text, two.first, two.another + "\n" + two.first), ports());
  ASSERT_TRUE(alone && both);
  EXPECT_EQ(both->config->tunnels[1].name, "tunnel-1");
  EXPECT_EQ(both->config->tunnels[1].number, alone->config->tunnels[0].number);
  EXPECT_NE(both->config->tunnels[0].number, both->config->tunnels[1].number);
  EXPECT_LT(both->config->tunnels[1].number, 0x80000000U);
  // Another chassis, another release: what records say means the same.
  EXPECT_EQ(alone->config->tunnels[0].number, 1698957410U);
}

TEST(Info, LoadsToTheSameTree) {
  for (const char* node : {"a.cfg", "b.cfg"}) {
    const auto first = load(schema(), file(node), ports());
    ASSERT_TRUE(first) << all(first.error());
    const std::string printed = info(*first->tree);
    const auto second = load(schema(), entered_again(printed), ports());
    ASSERT_TRUE(second) << printed << all(second.error());
    EXPECT_TRUE(same(*first->tree, *second->tree));
    EXPECT_EQ(info(*second->tree), printed);
  }
}

TEST(Info, ShowsNeitherDefaultsNorSecrets) {
  const std::string text =
      replaced(file("a.cfg"), "sync {", "authentication-key \"between us\"\n sync {") +
      "configure card 1 mda 2 admin-state enable\n";
  const auto loaded = load(schema(), text, ports());
  ASSERT_TRUE(loaded) << all(loaded.error());
  const std::string printed = info(*loaded->tree) + info_json(*loaded->tree);
  EXPECT_EQ(printed.find("a shared secret"), std::string::npos);
  EXPECT_EQ(printed.find("between us"), std::string::npos);
  EXPECT_EQ(info(*loaded->tree).find("replay-window"), std::string::npos);
  EXPECT_THAT(printed, HasSubstr("mda 2 {\n"));
  EXPECT_THAT(printed, HasSubstr("pre-shared-key \"********\" hidden\n"));
}

TEST(Info, IsRefusedWithTheHiddenSecret) {
  const auto loaded = load(schema(), file("a.cfg"), ports());
  ASSERT_TRUE(loaded);
  EXPECT_THAT(errors_of(info(*loaded->tree)), HasSubstr("'hidden' says that the secret"));
}

TEST(Ports, ReadsDevicesAndComments) {
  const auto parsed = parse_ports("# all\n\n1/1/1:1000 = eth1.1000\r\n1/1/2=eth2 # client\n");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(*parsed, (PortsMap{{"1/1/1:1000", "eth1.1000"}, {"1/1/2", "eth2"}}));
}

TEST(Ports, ListsEveryBadLine) {
  const auto parsed =
      parse_ports("1/1/1 eth0\n1/1/2 = eth1\n1/1/2 = eth2\n1/1/3 = eth1\n= x\n1/1/4 = a/b\n");
  ASSERT_FALSE(parsed);
  ASSERT_EQ(parsed.error().size(), 5U);
  EXPECT_EQ(parsed.error()[1].line, 3U);
}

// ---- algorithms ----

std::string warnings_with(std::string_view what, std::string_view by) {
  const auto loaded = load(schema(), replaced(file("a.cfg"), what, by), ports());
  EXPECT_TRUE(loaded) << all(loaded.error());
  std::string lines;
  for (const ConfigWarning& warning : loaded ? loaded->warnings : ConfigWarnings{}) {
    lines += warning.event + " " + text(warning.what) + "\n";
  }
  return lines;
}

TEST(WeakAlgorithms, AreNamedWithTheirPlaceWhereWrittenAndWhereTheyAreTheDefault) {
  EXPECT_THAT(warnings_with("dh-group group-14", "dh-group group-5"),
              AllOf(HasSubstr("IPSEC_WEAK_ALGORITHM line "),
                    HasSubstr("ike-transform[id=2]/dh-group: group-5 is weak")));
  EXPECT_THAT(warnings_with("dh-group group-14", ""),
              HasSubstr("ike-transform[id=2]/dh-group: group-2 (the default) is weak"));
  EXPECT_THAT(warnings_with("ike-auth-algorithm sha-256", ""),
              HasSubstr("ike-auth-algorithm: sha-1 (the default) is weak"));
  EXPECT_THAT(warnings_with("esp-encryption-algorithm aes-256", "esp-encryption-algorithm null"),
              HasSubstr("esp-encryption-algorithm: null does not encrypt"));
}

TEST(WeakAlgorithms, AreNotInTheSampleOfThePairLab) {
  EXPECT_EQ(warnings_with("dh-group group-14", "dh-group group-14"), "");
}

TEST(Algorithms, AnEmptyIkeTransformIsTheGuidesDefault) {
  std::string text = file("a.cfg");
  text = replaced(text, "dh-group group-14", "");
  text = replaced(text, "ike-auth-algorithm sha-256", "");
  text = replaced(text, "ike-encryption-algorithm aes-256", "");
  const auto loaded = load(schema(), text, ports());
  ASSERT_TRUE(loaded) << all(loaded.error());
  const IkeTransform& transform = loaded->config->tunnels[0].ike_policy.transforms[1];
  EXPECT_EQ(transform.encryption, esp::Encryption::AesCbc);
  EXPECT_EQ(transform.key_bits, 128);
  EXPECT_EQ(transform.integrity, esp::Integrity::HmacSha1_96);
  EXPECT_EQ(transform.prf, ike::Prf::HmacSha1);
  EXPECT_EQ(transform.group, ike::Group::Modp1024);
  EXPECT_EQ(transform.lifetime, std::chrono::hours(24));
}

// ---- what is refused, and how ----

TEST(Refusal, NamesLineColumnPathAndWhatWasExpected) {
  EXPECT_EQ(errors_of("configure {\n  isa {\n    tunnel-group 65 { }\n  }\n}\n"),
            "line 3, column 18: /configure/isa/tunnel-group: '65' is no id: a number 1..64 "
            "expected\n");
}

TEST(Entries, AreThoseOfOneListWithTheirDefaults) {
  const auto loaded = load(schema(), file("a.cfg"), ports());
  ASSERT_TRUE(loaded) << all(loaded.error());
  const auto transforms = ipsec_entries_json(*loaded->tree, "ike-transform");
  ASSERT_EQ(transforms.size(), 3U);
  for (const std::string& each : transforms) {
    EXPECT_THAT(each, HasSubstr("\"isakmp-lifetime\":"));
    EXPECT_EQ(each.find("ipsec-tunnel"), std::string::npos) << "nothing else is printed";
    EXPECT_EQ(each.find("\"id\":"), each.rfind("\"id\":")) << "one entry";
  }
  EXPECT_TRUE(ipsec_entries_json(*loaded->tree, "client-db").empty());
}

TEST(Refusal, GoesOnAfterAnErrorAndListsThemAll) {
  const std::string errors = errors_of(
      "configure {\n"
      "  isa {\n"
      "    tunnel-group 99 {\n"
      "      admin-state on\n"
      "    }\n"
      "    tunnel-grupp 1 { a b { c }\n }\n"
      "    tunnel-group 2 { admin-state enable }\n"
      "  }\n"
      "  redundancy multi-chassis peer 192.0.2.2 mc-ipsec keep-alive-interval 3\n");
  EXPECT_THAT(errors, HasSubstr("line 3, column 18"));
  EXPECT_THAT(errors, HasSubstr("'on' is no admin-state: enable or disable expected"));
  EXPECT_THAT(errors, HasSubstr("did you mean tunnel-group?"));
  EXPECT_THAT(errors,
              HasSubstr("line 8, column 5: /configure/isa/tunnel-group[id=2]/isa-scale-mode:"
                        " is missing"));
  EXPECT_THAT(errors, HasSubstr("'3' is no keep-alive-interval: a number 5..500 expected"));
  EXPECT_THAT(errors, HasSubstr("line 1, column 11: /configure: the block opened here"));
}

TEST(Refusal, OfAnSpiRangeThatAPairDoesNotHave) {
  constexpr std::string_view kMode = "isa-scale-mode tunnel-limit-2k";
  const auto with = [&](const char* more) { return errors_with(kMode, std::string(kMode) + more); };
  EXPECT_EQ(with("\nspi-range-index 2"), "");
  EXPECT_THAT(with("\nspi-range-index 3"), HasSubstr("3; a pair has the ranges 1 and 2"));
  EXPECT_THAT(errors_of(file("a.cfg") +
                        "configure {\nisa {\ntunnel-group 2 {\nisa-scale-mode tunnel-limit-2k\n"
                        "spi-range-index 1\n}\n}\n}\n"),
              HasSubstr("is not that of tunnel-group 1; a chassis has one range"));
}

TEST(Refusal, SaysTheRightSpellingOfTheGuidesNextthop) {
  EXPECT_THAT(errors_with("static-tunnel-redundant-nexthop 192.168.34.2",
                          "static-tunnel-redundant-nextthop 192.168.34.2"),
              HasSubstr("did you mean static-tunnel-redundant-nexthop?"));
}

TEST(Refusal, TakesNoHashedKey) {
  EXPECT_THAT(errors_with("\"a shared secret of the lab\"", "\"x\" hash2"),
              HasSubstr("'hash2' says that the secret is hashed"));
}

TEST(Refusal, NeverPrintsASecret) {
  const std::string errors =
      errors_with("\"a shared secret of the lab\"", '"' + std::string(200, 'k') + '"');
  EXPECT_THAT(errors, HasSubstr("this value is no pre-shared-key"));
  EXPECT_EQ(errors.find("kkk"), std::string::npos);
}

TEST(Refusal, TakesNoSecondValueForALeaf) {
  EXPECT_THAT(errors_of("configure system name a\nconfigure system name b\n"),
              HasSubstr("line 2, column 23: /configure/system/name: already set to another value "
                        "in line 1"));
}

TEST(Refusal, OfAnEmptyTextSaysWhatIsMissing) {
  EXPECT_THAT(errors_of("# nothing\n"), HasSubstr("'configure' expected"));
}

TEST(Refusal, ReadsDeepNonsenseWithoutRecursion) {
  EXPECT_THAT(errors_of(std::string(200000, '{')), HasSubstr("'{' is not known here"));
  EXPECT_THAT(errors_of("configure isa x " + std::string(200000, '{')), HasSubstr("'x'"));
}

TEST(Refusal, TakesUtf8Only) {
  EXPECT_EQ(errors_of("configure system name \"Gr\u00fc\u00dfe \U0001F600\"\n"), "");
  for (const char* bad : {"\xFF", "\xC3", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80"}) {
    EXPECT_THAT(errors_of(std::string("configure system name \"a") + bad + "\"\n"),
                HasSubstr("characters that are not UTF-8"));
  }
}

TEST(Refusal, StopsCountingAtItsBound) {
  std::string text;
  for (size_t i = 0; i < kErrorsMax + 100; ++i) text += "nonsense\n";
  const auto loaded = load(schema(), text, {});
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().size(), kErrorsMax + 1);
  EXPECT_EQ(loaded.error().back().text, "and more errors");
}

struct Case {
  const char* what;
  const char* by;
  const char* error;
};
void PrintTo(const Case& row, std::ostream* out) { *out << row.error; }

class PairRefusal : public testing::TestWithParam<Case> {};

TEST_P(PairRefusal, NamesWhatDoesNotFit) {
  const std::string errors = errors_with(GetParam().what, GetParam().by);
  EXPECT_THAT(errors, HasSubstr(GetParam().error));
  EXPECT_EQ(errors.find("line 0"), std::string::npos) << errors;
}

INSTANTIATE_TEST_SUITE_P(
    Load, PairRefusal,
    testing::Values(
        Case{"dh-group group-14", "dh-group group-1", "group-1 is too weak and not available"},
        Case{"ike-auth-algorithm sha-256", "ike-auth-algorithm md-5", "md-5 is too weak and not"},
        Case{"ike-auth-algorithm sha-256", "ike-auth-algorithm auth-encryption",
             "does not authenticate by itself; expected: sha-1, aes-xcbc, sha-256"},
        Case{"ike-prf-algorithm sha-256", "", "ike-prf-algorithm: must be set where"},
        Case{"esp-auth-algorithm auth-encryption", "", "aes256-gcm16 needs auth-encryption"},
        Case{"esp-encryption-algorithm aes-256", "esp-encryption-algorithm des-3",
             "esp-encryption-algorithm: des-3 is too weak and not available in this release"},
        Case{"esp-encryption-algorithm aes-256", "esp-encryption-algorithm null-aes128-gmac",
             "null-aes128-gmac is not available in this release; available: null, aes-128"},
        Case{"ike-version-2 {\n            }", "", "there is no IKE version 1"},
        Case{"ike-transform [1 2 3]", "ike-transform [1 9]", "ike-transform \"9\" does not exist"},
        Case{"ike-transform [1 2 3]", "", "ike-policy 1 has no ike-transform"},
        Case{"ipsec-transform [1 2]", "", "dynamic/ipsec-transform: is missing"},
        Case{"ike-policy 1\n", "\n", "dynamic/ike-policy: is missing and must be set"},
        Case{"pre-shared-key \"a shared secret of the lab\"", "", "pre-shared-key: is missing"},
        Case{"delivery-service \"IES-1\"", "delivery-service \"IES-9\"",
             "service \"IES-9\" does not exist"},
        Case{"local-gateway-address 10.10.20.1", "local-gateway-address 10.10.21.1",
             "is not in the subnet of interface \"int-IPsec-Public-1\""},
        Case{"local-gateway-address 10.10.20.1", "local-gateway-address 10.10.20.254",
             "is the address of interface"},
        Case{" id 1\n", " id 2\n", "security-policy \"2\" does not exist"},
        Case{"ipsec-tunnel \"tunnel-1\" {\n                        admin-state enable\n            "
             "        }",
             "ipsec-tunnel \"tunnel-2\" { }", "ipsec-tunnel \"tunnel-2\" does not exist"},
        Case{"sap tunnel-1.private:1", "sap tunnel-2.private:1",
             "isa tunnel-group 2 does not exist"},
        Case{"sap tunnel-1.private:1", "sap tunnel-1.inner:1", "a tunnel SAP is public or private"},
        Case{"tunnel true", "", "tunnel: true expected"},
        Case{"port 1/1/3", "port 1/1/9", "port 1/1/9 is not in the ports file"},
        Case{"sap 1/1/4 ", "sap 1/1/1 ", "is used by another interface"},
        Case{"port 1/1/3", "", "port or loopback true expected"},
        Case{"static-tunnel-redundant-nexthop 192.168.20.2",
             "static-tunnel-redundant-nexthop 192.168.21.2", "is in no connected subnet"},
        Case{"static-tunnel-redundant-nexthop 192.168.20.2",
             "static-tunnel-redundant-nexthop 192.168.20.1", "is an address of this chassis"},
        Case{"\"172.16.1.100\"", "\"172.17.1.100\"", "is in no connected subnet"},
        Case{"backup [10.2.2.254]", "backup [10.3.2.254]", "is not in the interface's subnet"},
        Case{"service-id 2", "service-id 1", "service-id: 1 is another service's"},
        Case{"service-id 2", "", "service-id: is missing and must be set"},
        Case{"isa 1/2 { }", "", "is enabled without an engine"},
        Case{"isa 1/2 { }", "isa 1/2 { }\nisa 1/3 { }", "this release has one"},
        Case{"isa 1/2 { }", "isa 2 { }", "a slot and an mda, as in 1/2 expected"},
        Case{"ipsec-responder-only true", "ipsec-responder-only yes", "ipsec-responder-only"},
        Case{"isa-scale-mode tunnel-limit-2k", "", "isa-scale-mode: is missing"},
        Case{"source-address 192.0.2.1", "source-address 192.0.2.9",
             "is no address of an interface"},
        Case{"peer 192.0.2.2", "peer 192.0.2.1", "is an address of this chassis"},
        Case{"peer 192.0.2.2", "peer 224.0.0.1", "is no unicast address"},
        Case{"peer-group 1", "peer-group 0", "'0' is no peer-group: a number 1..64 expected"},
        Case{"sync-tag \"tag-1\"", "", "sync-tag: is missing and must be set"},
        Case{"router \"Base\"", "router \"Other\"", "Base expected"},
        Case{"route-type unicast", "", "'{' found, 'route-type' expected"},
        Case{"address 10.2.2.252", "address 10.2.2", "an IPv4 address expected"},
        Case{"address 10.2.2.0/24", "address 10.2.2.0/24\n any",
             "local-ip/address: excludes any, which is set too"},
        Case{"customer \"1\"", "customer \"1", "the closing quote is missing"},
        Case{"ike-transform [1 2 3]", "ike-transform [1 2\n", "']' expected"},
        Case{"hold-on-neighbor-failure 2", "hold-on-neighbor-failure",
             "a value expected: a number 2..25"},
        Case{"hold-on-neighbor-failure 2", "hold-on-neighbor-failure 2 3",
             "'3' found, the end of the line expected"}));

// Every truncation and every single character changed either loads or lists errors; nothing else.
TEST(Load, SurvivesEveryTruncation) {
  const std::string text = file("a.cfg");
  for (size_t size = 0; size < text.size(); size += 7) {
    const auto loaded = load(schema(), std::string_view(text).substr(0, size), ports());
    EXPECT_TRUE(loaded || !loaded.error().empty());
  }
}

}  // namespace
}  // namespace segw::config
