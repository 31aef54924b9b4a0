// IPv6 in the configuration, and what it says of a tunnel's packets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "config/load.h"

namespace segw::config {
namespace {

using testing::HasSubstr;

std::string file(const std::string& name) {
  const std::ifstream in(std::string(SEGW_SOURCE_DIR) + "/labs/ipv6/" + name);
  std::stringstream content;
  content << in.rdbuf();
  return content.str();
}

tl::expected<Loaded, ConfigErrors> load_text(const std::string& text) {
  static const auto schema = make_schema();
  const auto ports = parse_ports(file("a.ports"));
  return load(schema, text, ports ? *ports : PortsMap{});
}

std::string errors_of(const std::string& text_of_file) {
  const auto loaded = load_text(text_of_file);
  std::string lines;
  if (!loaded) {
    for (const ConfigError& error : loaded.error()) lines += text(error) + "\n";
  }
  return lines;
}

std::string with(std::string_view what, std::string_view by) {
  std::string text = file("a.cfg");
  const size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  if (at != std::string::npos) text.replace(at, what.size(), by);
  return text;
}

IpAddress ip(const char* text) { return IpAddress::parse(text).value_or(IpAddress{}); }
IpPrefix prefix(const char* text) { return IpPrefix::parse(text).value_or(IpPrefix{}); }

TEST(Ipv6, TheLabsConfigurationsAreTaken) {
  EXPECT_EQ(errors_of(file("a.cfg")), "");
  EXPECT_EQ(errors_of(file("b.cfg")), "");
}

TEST(Ipv6, BothFamiliesStandSideBySide) {
  const auto loaded = load_text(file("a.cfg"));
  ASSERT_TRUE(loaded);
  const Config& config = *loaded->config;
  ASSERT_EQ(config.peers.size(), 1U);
  EXPECT_EQ(config.peers[0].address, ip("2001:db8:ff::2"));
  EXPECT_EQ(config.peers[0].source_address, ip("2001:db8:ff::1"));
  ASSERT_EQ(config.tunnels.size(), 2U);
  const IpsecTunnel& six = config.tunnels[1];
  EXPECT_EQ(six.local_gateway, ip("2001:db8:20::1"));
  EXPECT_EQ(six.remote_gateway, ip("2001:db8:10::1"));
  ASSERT_EQ(six.security_policy.size(), 2U);
  EXPECT_EQ(six.security_policy[0].remote, prefix("192.168.6.1/32"));
  EXPECT_EQ(six.security_policy[1].local, prefix("2001:db8:2::/64"));
  EXPECT_EQ(six.security_policy[1].remote, prefix("2001:db8:6::1/128"));
  EXPECT_EQ(six.routed_prefixes.size(), 2U);
  for (const Service& service : config.services) {
    for (const Interface& interface : service.interfaces) {
      if (interface.name != "int-IPsec-Public-1") continue;
      EXPECT_EQ(interface.address_v6, prefix("2001:db8:20::fe/64"));
      EXPECT_EQ(interface.shunt_next_hop_v6, ip("2001:db8:34::2"));
    }
    for (const StaticRoute& route : service.routes) {
      EXPECT_EQ(route.prefix.address.family(), route.next_hop.family());
    }
  }
}

TEST(Ipv6, AnEntryOfIpv6OnlySaysNothingOfIpv4) {
  const std::string text = with(R"(local-ip {
                            address 10.2.2.0/24
                        }
                        remote-ip {
                            address 192.168.1.1/32
                        })",
                                "");
  const auto loaded = load_text(text);
  ASSERT_TRUE(loaded) << errors_of(text);
  const auto& policy = loaded->config->tunnels[0].security_policy;
  ASSERT_EQ(policy.size(), 1U);
  EXPECT_EQ(policy[0].remote, prefix("2001:db8:1::1/128"));
}

TEST(Ipv6, AnySideOfAnIpv6EntryIsAllOfIpv6) {
  const std::string text = with("address 2001:db8:2::/64\n", "any\n");
  const auto loaded = load_text(text);
  ASSERT_TRUE(loaded) << errors_of(text);
  EXPECT_EQ(loaded->config->tunnels[0].security_policy[1].local, prefix("::/0"));
}

struct Refused {
  const char* what;
  const char* by;
  const char* error;
};

TEST(Ipv6, WhatCannotBeIsRefused) {
  const Refused table[] = {
      {"remote-ip-address 2001:db8:10::1", "remote-ip-address 10.10.10.9", "two IP versions"},
      {"local-gateway-address 2001:db8:20::1", "local-gateway-address 2001:db8:21::1",
       "is not in the subnet of interface"},
      {"local-gateway-address 2001:db8:20::1", "local-gateway-address 2001:db8:20::fe",
       "is the address of interface"},
      {"static-tunnel-redundant-nexthop 2001:db8:34::2",
       "static-tunnel-redundant-nexthop 2001:db8:35::2", "is in no connected subnet"},
      {"static-tunnel-redundant-nexthop 2001:db8:34::2",
       "static-tunnel-redundant-nexthop 2001:db8:34::1", "is an address of this chassis itself"},
      {"next-hop \"2001:db8:16::106\"", "next-hop \"172.16.1.106\"", "another IP version"},
      {"peer 2001:db8:ff::2", "peer 2001:db8:ff::1", "is an address of this chassis"},
      {"backup [2001:db8:16::254]", "backup [2001:db8:17::254]",
       "is not in the interface's subnet"},
      {"address 2001:db8:21::1 {", "address 2001:db8:2::252 {", "another interface"},
  };
  for (const Refused& row : table) {
    EXPECT_THAT(errors_of(with(row.what, row.by)), HasSubstr(row.error)) << row.by;
  }
}

TEST(Ipv6, WhatBecomesOfATunnelsPacketsIsRead) {
  const std::string text = with("security-policy {\n                            id 1",
                                R"(clear-df-bit true
                        copy-traffic-class-upon-decapsulation true
                        ip-mtu 1400
                        encapsulated-ip-mtu 1480
                        propagate-pmtu-v6 false
                        pmtu-discovery-aging 1800
                        private-tcp-mss-adjust 1300
                        public-tcp-mss-adjust auto
                        icmp-generation {
                            message-count 20
                        }
                        security-policy {
                            id 1)");
  const auto loaded = load_text(text);
  ASSERT_TRUE(loaded) << errors_of(text);
  const PacketOptions& packets = loaded->config->tunnels[0].packets;
  EXPECT_TRUE(packets.clear_df_bit && packets.copy_traffic_class_upon_decapsulation);
  EXPECT_EQ(packets.ip_mtu, 1400);
  EXPECT_EQ(packets.encapsulated_ip_mtu, 1480);
  EXPECT_TRUE(packets.propagate_pmtu_v4 && !packets.propagate_pmtu_v6);
  EXPECT_EQ(packets.pmtu_discovery_aging, std::chrono::seconds(1800));
  EXPECT_EQ(packets.private_tcp_mss_adjust, 1300);
  EXPECT_TRUE(packets.public_tcp_mss_auto && !packets.public_tcp_mss_adjust);
  EXPECT_EQ(packets.icmp_generation.message_count, 20);
}

TEST(Ipv6, ReassemblyAndNatKeepAlivesHaveTheirRanges) {
  const auto by_default = load_text(file("a.cfg"));
  ASSERT_TRUE(by_default);
  EXPECT_EQ(by_default->config->tunnel_groups[0].reassembly_wait, std::chrono::milliseconds(1200));
  EXPECT_FALSE(by_default->config->tunnels[0].ike_policy.nat_keep_alive_interval);
  const auto set =
      load_text(with("ipsec-responder-only true",
                     "ipsec-responder-only true\n reassembly {\n max-wait-time 5000\n }"));
  ASSERT_TRUE(set);
  EXPECT_EQ(set->config->tunnel_groups[0].reassembly_wait, std::chrono::milliseconds(5000));
  for (const char* bad : {"0", "5001"}) {
    EXPECT_NE(
        errors_of(with("ipsec-responder-only true",
                       std::string("ipsec-responder-only true\n reassembly {\n max-wait-time ") +
                           bad + "\n }")),
        "");
  }
  const auto kept = load_text(with(
      "nat-traversal {", "nat-traversal {\n keep-alive-interval 120\n force-keep-alive false"));
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->config->tunnels[0].ike_policy.nat_keep_alive_interval, std::chrono::seconds(120));
  EXPECT_FALSE(kept->config->tunnels[0].ike_policy.nat_force_keep_alive);
  EXPECT_NE(errors_of(with("nat-traversal {", "nat-traversal {\n keep-alive-interval 119")), "");
}

}  // namespace
}  // namespace segw::config
