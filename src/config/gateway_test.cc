// ipsec-gateway, tunnel-template, ts-list, client-db: what is taken and what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "config/load.h"

namespace segw::config {
namespace {

using testing::HasSubstr;

constexpr const char* kBlocks = R"(
configure ipsec {
    tunnel-template 1 {
        ipsec-transform [2 1]
        sp-reverse-route use-security-policy
        replay-window 64
    }
    tunnel-template 2 {
        ipsec-transform [1]
        clear-df-bit true
        ip-mtu 1400
        icmp-generation { message-count 20 }
    }
    ts-list "ran" {
        local {
            entry 2 { protocol { id { protocol-id sctp
                                      port-range { begin 36412
                                                   end 36422 } } } }
            entry 1 { address { prefix 10.2.2.0/24 } }
        }
        remote {
            entry 1 { address { range { begin 192.168.1.10
                                        end 192.168.1.20 } } }
        }
    }
    ts-list "one" { remote { entry 1 { address { prefix 192.168.9.9/32 } } } }
    client-db "enodebs" {
        admin-state enable
        match-list { idi true }
        client 20 {
            admin-state enable
            client-name "by suffix"
            identification { idi { string-type fqdn-suffix
                                   string-value "example.net" } }
        }
        client 10 {
            admin-state enable
            client-name "by name"
            identification { idi { string-type fqdn
                                   string-value "enb1.example.net" }
                             peer-ip-prefix 203.0.113.0/24 }
            credential { pre-shared-key "of client 10" }
            tunnel-template 2
            ts-list "one"
            private-service-name "VPRN-2"
            private-interface "int-IPsec-Private-1"
        }
        client 5 { identification { idi { any } } }
        client 30 {
            admin-state enable
            identification { idi { string-type key-id
                                   string-value "0x00ff" } }
        }
        client 40 { admin-state enable
                    identification { idi { ipv4-prefix 10.9.0.0/16 } } }
    }
}
configure service ies "IES-1" interface "int-IPsec-Public-1" sap tunnel-1.public:1 {
    ipsec-gateway "gw-1" {
        admin-state enable
        default-tunnel-template 1
        ike-policy 1
        pre-shared-key "of the gateway"
        ts-list "ran"
        default-secure-service {
            service-name "VPRN-2"
            interface "int-IPsec-Private-1"
        }
        local {
            gateway-address 10.10.20.2
            id { fqdn "segw.example.net" }
        }
        client-db { name "enodebs"
                    fallback false }
    }
}
)";

std::string file(const std::string& name) {
  const std::ifstream in(std::string(SEGW_SOURCE_DIR) + "/labs/pair/" + name);
  std::stringstream content;
  content << in.rdbuf();
  return content.str();
}

tl::expected<Loaded, ConfigErrors> load_text(const std::string& text) {
  static const auto schema = make_schema();
  static const auto ports = parse_ports(file("a.ports"));
  return load(schema, text, *ports);
}

std::string errors_of(const std::string& text) {
  const auto loaded = load_text(text);
  std::string lines;
  if (!loaded) {
    for (const ConfigError& error : loaded.error()) lines += config::text(error) + "\n";
  }
  return lines;
}

std::string replaced(std::string in, std::string_view what, std::string_view by) {
  const size_t at = in.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  if (at != std::string::npos) in.replace(at, what.size(), by);
  return in;
}

IpsecGateway gateway() {
  const auto loaded = load_text(file("a.cfg") + kBlocks);
  EXPECT_TRUE(loaded) << errors_of(file("a.cfg") + kBlocks);
  if (!loaded || loaded->config->gateways.size() != 1) return {};
  return loaded->config->gateways.front();
}

TEST(Gateway, IsTyped) {
  const IpsecGateway made = gateway();
  EXPECT_EQ(made.name, "gw-1");
  EXPECT_TRUE(made.enabled);
  EXPECT_EQ(made.group, TunnelGroupId{1});
  EXPECT_EQ(made.sap, "tunnel-1.public:1");
  EXPECT_EQ(made.delivery_service_id, 1U);
  EXPECT_EQ(made.private_service, "VPRN-2");
  EXPECT_EQ(made.private_service_id, 2U);
  EXPECT_EQ(made.local_gateway.text(), "10.10.20.2");
  ASSERT_TRUE(made.local_id);
  EXPECT_EQ(made.local_id->type, ike::kIdFqdn);
  EXPECT_EQ(made.pre_shared_key, SecretBytes(as_bytes("of the gateway")));
  EXPECT_EQ(made.ike_policy.transforms.size(), 3U);
  EXPECT_FALSE(made.fallback);
  EXPECT_FALSE(made.override_any);
  EXPECT_TRUE(made.tunnel_template->reverse_route);
  EXPECT_EQ(made.tunnel_template->replay_window, 64);
  ASSERT_EQ(made.tunnel_template->transforms.size(), 2U);
  EXPECT_EQ(made.tunnel_template->transforms[0].suite.integrity, esp::Integrity::HmacSha256_128);
}

TEST(Gateway, HasSelectorsInTheOrderOfTheirNumbers) {
  const TsList list = *gateway().ts_list;
  ASSERT_EQ(list.local.size(), 2U);
  EXPECT_EQ(list.local[0].first.text(), "10.2.2.0");
  EXPECT_EQ(list.local[0].last.text(), "10.2.2.255");
  EXPECT_EQ(list.local[1].first.text(), "0.0.0.0");
  EXPECT_EQ(list.local[1].last.text(), "255.255.255.255");
  EXPECT_EQ(list.local[1].protocol, 132);
  EXPECT_EQ(list.local[1].port_first, 36412);
  EXPECT_EQ(list.local[1].port_last, 36422);
  ASSERT_EQ(list.remote.size(), 1U);
  EXPECT_EQ(list.remote[0].last.text(), "192.168.1.20");
}

TEST(Gateway, HasItsClientsByNumberWithoutDisabledOnes) {
  const IpsecGateway made = gateway();
  ASSERT_EQ(made.clients.size(), 4U);
  const GatewayClient& own = made.clients[0];
  EXPECT_EQ(own.number, 10);
  EXPECT_EQ(own.name, "by name");
  EXPECT_EQ(own.pre_shared_key, SecretBytes(as_bytes("of client 10")));
  EXPECT_EQ(own.tunnel_template->id, 2);
  EXPECT_TRUE(own.tunnel_template->packets.clear_df_bit);
  EXPECT_EQ(own.tunnel_template->packets.ip_mtu, 1400);
  EXPECT_EQ(own.tunnel_template->packets.icmp_generation.message_count, 20);
  EXPECT_EQ(own.ts_list->name, "one");
  EXPECT_EQ(own.identity->kind, ike::IdentityMatch::Kind::Exact);
  EXPECT_FALSE(own.peer) << "match-list does not compare it";
  const GatewayClient& second = made.clients[1];
  EXPECT_EQ(second.number, 20);
  EXPECT_EQ(second.pre_shared_key, SecretBytes(as_bytes("of the gateway")));
  EXPECT_EQ(second.tunnel_template->id, 1);
  EXPECT_EQ(second.ts_list->name, "ran");
  EXPECT_EQ(second.identity->kind, ike::IdentityMatch::Kind::Suffix);
  EXPECT_EQ(made.clients[2].identity->data, (Bytes{0x00, 0xFF}));
  EXPECT_EQ(made.clients[3].identity->prefix.text(), "10.9.0.0/16");
}

TEST(Gateway, IsNamedAutoWhereNoIdentityIsSet) {
  const auto loaded = load_text(
      file("a.cfg") + replaced(kBlocks, "id { fqdn \"segw.example.net\" }", "id { auto }"));
  ASSERT_TRUE(loaded);
  EXPECT_FALSE(loaded->config->gateways[0].local_id);
}

TEST(Gateway, IsPrintedAndReadAgain) {
  const auto loaded = load_text(file("a.cfg") + kBlocks);
  ASSERT_TRUE(loaded);
  std::string printed = info(*loaded->tree);
  EXPECT_EQ(printed.find("of client 10"), std::string::npos);
  constexpr std::string_view kHidden = "\"********\" hidden";
  while (printed.find(kHidden) != std::string::npos) {
    printed = replaced(printed, kHidden, "\"entered again\"");
  }
  EXPECT_EQ(errors_of(printed), "");
}

TEST(Gateway, UsesTheDynamicRedundantNextHopWhereThereIsNoStaticOne) {
  const std::string text = replaced(file("a.cfg"), "static-tunnel-redundant-nexthop 192.168.34.2",
                                    "dynamic-tunnel-redundant-nexthop 192.168.34.2") +
                           kBlocks;
  const auto loaded = load_text(text);
  ASSERT_TRUE(loaded) << errors_of(text);
  EXPECT_EQ(loaded->config->services[1].interfaces[0].shunt_next_hop->text(), "192.168.34.2");
}

TEST(Gateway, TakesAnyIdiOverride) {
  const auto loaded = load_text(
      file("a.cfg") + kBlocks +
      "configure service vprn \"VPRN-2\" ipsec allow-reverse-route-override-type any-idi\n");
  ASSERT_TRUE(loaded);
  EXPECT_TRUE(loaded->config->gateways[0].override_any);
}

struct Case {
  const char* what;
  const char* by;
  const char* error;
};
void PrintTo(const Case& row, std::ostream* out) { *out << row.error; }

class GatewayRefusal : public testing::TestWithParam<Case> {};

TEST_P(GatewayRefusal, NamesWhatDoesNotFit) {
  const std::string errors =
      errors_of(file("a.cfg") + replaced(kBlocks, GetParam().what, GetParam().by));
  EXPECT_THAT(errors, HasSubstr(GetParam().error));
  EXPECT_EQ(errors.find("line 0"), std::string::npos) << errors;
}

INSTANTIATE_TEST_SUITE_P(
    Load, GatewayRefusal,
    testing::Values(
        Case{"default-tunnel-template 1", "", "default-tunnel-template: is missing and must be"},
        Case{"default-tunnel-template 1", "default-tunnel-template 9",
             "default-tunnel-template \"9\" does not exist"},
        Case{"ike-policy 1", "", "ike-policy: is missing and must be set"},
        Case{"service-name \"VPRN-2\"\n            interface",
             "service-name \"VPRN-9\"\n interface", "vprn \"VPRN-9\" does not exist"},
        Case{"service-name \"VPRN-2\"\n            interface", "service-name \"IES-1\"\n interface",
             "vprn \"IES-1\" does not exist"},
        Case{"interface \"int-IPsec-Private-1\"\n        }\n        local",
             "interface \"x\"\n}\nlocal", "interface \"x\" does not exist in vprn \"VPRN-2\""},
        Case{"interface \"int-IPsec-Private-1\"\n        }\n        local",
             "interface \"int-core\"\n}\nlocal",
             "interface \"int-core\" has no sap tunnel-1.private"},
        Case{"gateway-address 10.10.20.2", "gateway-address 10.10.21.2",
             "is not in the subnet of interface \"int-IPsec-Public-1\""},
        Case{"gateway-address 10.10.20.2", "gateway-address 10.10.20.254",
             "is the address of interface"},
        Case{"gateway-address 10.10.20.2", "", "gateway-address: is missing"},
        Case{"id { fqdn \"segw.example.net\" }", "id { fqdn a\n ipv4 10.10.20.2 }",
             "fqdn: excludes ipv4"},
        Case{"pre-shared-key \"of the gateway\"", "",
             "pre-shared-key: is missing and must be set: client 20 of client-db \"enodebs\""},
        Case{"fallback false", "fallback maybe", "true or false expected"},
        Case{"ts-list \"ran\"\n        default", "ts-list \"none\"\n default",
             "ts-list \"none\" does not exist"},
        Case{"name \"enodebs\"", "name \"others\"", "\"others\" does not exist"},
        Case{"ipsec-transform [2 1]", "", "ipsec-transform: is missing and must be set"},
        Case{"ipsec-transform [2 1]", "ipsec-transform [2 7]",
             "ipsec-transform \"7\" does not exist"},
        Case{"replay-window 64", "replay-window 65", "'65' is no replay-window"},
        Case{"ip-mtu 1400", "ip-mtu 511", "a number 512..9000 expected"},
        Case{"message-count 20", "message-count 5", "a number 10..1000 expected"},
        Case{"begin 192.168.1.10", "begin 192.168.1.30", "range/end: is below begin"},
        Case{"begin 192.168.1.10", "begin 2001:db8::1", "begin is of the other IP version"},
        Case{"begin 192.168.1.10", "", "range/begin: is missing and must be set"},
        Case{"begin 36412", "begin 36430", "port-range/end: is below begin"},
        Case{"begin 36412", "", "port-range/begin: is missing and must be set"},
        Case{"protocol-id sctp", "protocol-id icmp", "port-range: icmp has no ports"},
        Case{"protocol-id sctp", "", "protocol-id: is missing and must be set"},
        Case{"protocol-id sctp", "protocol-id 0", "'0' is no protocol-id"},
        Case{"address { prefix 10.2.2.0/24 }", "address { prefix 10.2.2.0/33 }", "is no prefix"},
        Case{"entry 2 {", "entry 33 {", "a number 1..32 expected"},
        Case{"match-list { idi true }", "", "match-list: idi true or peer-ip-prefix true expected"},
        Case{"match-list { idi true }", "match-list { peer-ip-prefix true }",
             "client[client-index=20]/identification/peer-ip-prefix: is missing"},
        Case{"string-type fqdn-suffix", "", "idi/string-type: is missing and must be set"},
        Case{"string-value \"example.net\"", "", "idi/string-value: is missing and must be set"},
        Case{"idi { ipv4-prefix 10.9.0.0/16 }", "idi { }", "idi: is missing and must be set"},
        Case{"\"0x00ff\"", "\"0x0ff\"", "an even number of hexadecimal digits"},
        Case{"client 10 {", "client 8001 {", "a number 1..8000 expected"},
        Case{"tunnel-template 2\n            ts-list", "tunnel-template 3\n ts-list",
             "tunnel-template \"3\" does not exist"},
        Case{"private-service-name \"VPRN-2\"", "private-service-name \"VPRN-3\"",
             "this release has one private service of a gateway"},
        Case{"private-interface \"int-IPsec-Private-1\"", "private-interface \"int-core\"",
             "this release has one private interface of a gateway"},
        Case{"ies \"IES-1\" interface \"int-IPsec-Public-1\" sap tunnel-1.public:1",
             "vprn \"VPRN-2\" interface \"int-IPsec-Private-1\" sap tunnel-1.private:1",
             "a gateway belongs under a sap tunnel-N.public:T"}));

TEST(Gateway, TheTwoRedundantNextHopsOfAnInterfaceAreOne) {
  EXPECT_THAT(errors_of(replaced(file("a.cfg"), "static-tunnel-redundant-nexthop 192.168.34.2",
                                 "static-tunnel-redundant-nexthop 192.168.34.2\n"
                                 "dynamic-tunnel-redundant-nexthop 192.168.34.3")),
              HasSubstr("this release has one redundant next hop of an interface"));
}

}  // namespace
}  // namespace segw::config
