#include "chassis/specs.h"

#include <gtest/gtest.h>

#include "chassis/shared_keys.h"

namespace segw::chassis {
namespace {

IpAddress ip(const char* text) { return IpAddress::parse(text).value_or(IpAddress{}); }
IpPrefix prefix(const char* text) { return IpPrefix::parse(text).value_or(IpPrefix{}); }

// The pair lab's chassis A in the guide's shape.
config::Config sample() {
  config::Config config;
  config.system_address = ip("192.0.2.1");
  config.tunnel_groups.push_back(config::TunnelGroup{
      .id = {1}, .enabled = true, .spi_range_index = {}, .isas = {IsaId{.slot = 1, .mda = 2}}});
  config.peers.push_back(config::McPeer{.address = ip("192.0.2.2"),
                                        .source_address = ip("192.0.2.1"),
                                        .enabled = true,
                                        .mc_ipsec = true});
  using Interface = config::Interface;
  config::Service base{.kind = config::Service::Kind::Base, .name = "Base"};
  base.interfaces.push_back(
      Interface{.name = "icl", .device = "icl", .address = prefix("192.168.34.1/30")});
  config::Service ies{.kind = config::Service::Kind::Ies, .name = "IES-1", .id = 1};
  ies.interfaces.push_back(Interface{.name = "pub",
                                     .device = "pub",
                                     .address = prefix("172.16.1.252/24"),
                                     .vrrp_backup = {ip("172.16.1.254")}});
  ies.interfaces.push_back(
      Interface{.name = "outer",
                .address = prefix("10.10.20.254/24"),
                .shunt_next_hop = ip("192.168.34.2"),
                .tunnel_sap = Interface::TunnelSap{.group = {1}, .is_public = true, .tag = 1}});
  config::Service vprn{.kind = config::Service::Kind::Vprn, .name = "VPRN-2", .id = 2};
  vprn.interfaces.push_back(Interface{.name = "core",
                                      .device = "core",
                                      .address = prefix("10.2.2.252/24"),
                                      .vrrp_backup = {ip("10.2.2.254")}});
  vprn.interfaces.push_back(
      Interface{.name = "redundant", .device = "picl", .address = prefix("192.168.20.1/30")});
  vprn.interfaces.push_back(
      Interface{.name = "inner",
                .shunt_next_hop = ip("192.168.20.2"),
                .tunnel_sap = Interface::TunnelSap{.group = {1}, .is_public = false, .tag = 1}});
  config.services = {base, ies, vprn};
  config.tunnels.push_back(config::IpsecTunnel{
      .name = "tunnel-1",
      .enabled = true,
      .group = {1},
      .private_service = "VPRN-2",
      .delivery_service = "IES-1",
      .local_gateway = ip("10.10.20.1"),
      .remote_gateway = ip("10.10.10.1"),
      .security_policy = {{.id = 10, .local = prefix("10.2.2.0/24"), .remote = std::nullopt}},
      .routed_prefixes = {prefix("192.168.1.1/32")}});
  return config;
}

std::vector<GroupPeer> peers_of(const config::Config& config) {
  std::vector<GroupPeer> peers;
  peers.reserve(config.peers.size());
  for (const config::McPeer& peer : config.peers) peers.push_back(GroupPeer{.config = &peer});
  return peers;
}

TEST(Specs, AnIesIsPartOfTheBaseRouterAndAVprnStandsAlone) {
  const auto services = service_specs(sample());
  ASSERT_EQ(services.size(), 2U);
  EXPECT_EQ(services[0].name, "Base");
  ASSERT_EQ(services[0].interfaces.size(), 2U);
  EXPECT_EQ(services[1].name, "VPRN-2");
  ASSERT_EQ(services[1].interfaces.size(), 2U);
}

TEST(Specs, AnInterfaceWhoseSubnetHoldsARedundantNextHopIsAShunt) {
  for (const auto& service : service_specs(sample())) {
    for (const auto& interface : service.interfaces) {
      EXPECT_EQ(interface.shunt, interface.name == "icl" || interface.name == "redundant")
          << interface.name;
    }
  }
}

TEST(Specs, SteeringHoldsGatewaysOutsideAndRoutedPrefixesInside) {
  const config::Config config = sample();
  const auto spec = steering_spec(config, config.tunnel_groups.front(), peers_of(config));
  ASSERT_TRUE(spec);
  EXPECT_EQ(spec->public_side.service, "Base");
  EXPECT_EQ(spec->public_side.prefixes,
            (std::vector{prefix("10.10.20.254/32"), prefix("10.10.20.1/32")}));
  EXPECT_EQ(spec->public_side.shunts.at(0).next_hop, ip("192.168.34.2"));
  ASSERT_EQ(spec->public_side.virtual_next_hops.size(), 1U);
  EXPECT_EQ(spec->public_side.virtual_next_hops[0].device, "pub");
  EXPECT_EQ(spec->private_side.service, "VPRN-2");
  EXPECT_EQ(spec->private_side.prefixes, std::vector{prefix("192.168.1.1/32")});
}

TEST(Specs, BothFamiliesAreAddressedRoutedAndSteered) {
  config::Config config = sample();
  auto& ies = config.services[1];
  config.services[0].interfaces[0].address_v6 = prefix("2001:db8:34::1/64");
  ies.interfaces[0].vrrp_backup.push_back(ip("2001:db8:16::fe"));
  ies.interfaces[1].address_v6 = prefix("2001:db8:20::fe/64");
  ies.interfaces[1].shunt_next_hop_v6 = ip("2001:db8:34::2");
  config.tunnels[0].local_gateway = ip("2001:db8:20::1");
  config.tunnels[0].remote_gateway = ip("2001:db8:10::1");
  config.tunnels[0].routed_prefixes.push_back(prefix("2001:db8:1::/64"));
  const auto services = service_specs(config);
  EXPECT_EQ(services[0].interfaces[0].addresses,
            (std::vector{prefix("192.168.34.1/30"), prefix("2001:db8:34::1/64")}));
  EXPECT_TRUE(services[0].interfaces[0].shunt);
  const auto spec = steering_spec(config, config.tunnel_groups.front(), peers_of(config));
  ASSERT_TRUE(spec);
  EXPECT_EQ(spec->public_side.prefixes,
            (std::vector{prefix("10.10.20.254/32"), prefix("2001:db8:20::fe/128"),
                         prefix("2001:db8:20::1/128")}));
  EXPECT_EQ(spec->public_side.shunts.at(0).next_hop_v6, ip("2001:db8:34::2"));
  EXPECT_EQ(spec->public_side.virtual_next_hops.size(), 2U);
  EXPECT_EQ(spec->private_side.prefixes.size(), 2U);
  const auto setup = isa_setup(config, config.tunnel_groups.front(), Slot{1}, 1400);
  EXPECT_EQ(setup.public_interfaces.size(), 2U);
  EXPECT_EQ(setup.public_mtu, 1400);
  EXPECT_EQ(setup.gateways, std::vector{ip("2001:db8:20::1")});
}

TEST(Specs, WhatTheOperatorChoseForPacketsReachesTheIsa) {
  config::Config config = sample();
  config.tunnels[0].packets = {.clear_df_bit = true,
                               .ip_mtu = 1400,
                               .icmp_generation = {.enabled = false},
                               .public_tcp_mss_auto = true};
  config.tunnels[0].ike_policy.nat_keep_alive_interval = std::chrono::seconds(120);
  const auto* of = config.tunnels.data();
  const auto options = tunnel_options(config, of, std::nullopt, false);
  EXPECT_TRUE(options.clear_df_bit);
  EXPECT_EQ(options.ip_mtu, 1400);
  EXPECT_EQ(options.icmp_v4.count, 0);
  EXPECT_EQ(options.icmp_v6.count, 100);
  EXPECT_TRUE(options.public_tcp_mss_auto);
  EXPECT_EQ(options.nat_keep_alive, std::chrono::seconds(120));
  config.tunnels[0].ike_policy.nat_force_keep_alive = false;
  EXPECT_EQ(tunnel_options(config, of, std::nullopt, false).nat_keep_alive, Duration{});
  EXPECT_EQ(tunnel_options(config, of, std::nullopt, true).nat_keep_alive,
            std::chrono::seconds(120));
}

TEST(Specs, AClientsOwnTemplateReachesTheIsa) {
  config::Config config = sample();
  const auto of_gateway = std::make_shared<config::TunnelTemplate>();
  of_gateway->packets.ip_mtu = 1400;
  const auto of_client = std::make_shared<config::TunnelTemplate>();
  of_client->packets.ip_mtu = 1300;
  const auto of_other = std::make_shared<config::TunnelTemplate>();
  of_other->packets.ip_mtu = 1200;
  config.gateways = {config::IpsecGateway{.name = "gw-1",
                                          .group = {1},
                                          .local_gateway = ip("10.10.20.2"),
                                          .tunnel_template = of_gateway,
                                          .clients = {config::GatewayClient{
                                              .number = 10, .tunnel_template = of_client}}},
                     config::IpsecGateway{.name = "gw-2",
                                          .group = {1},
                                          .local_gateway = ip("10.10.20.3"),
                                          .tunnel_template = of_other}};
  const auto mtu = [&](const char* gateway, uint16_t client) {
    const ike::DynamicTunnel dynamic{.gateway = ip(gateway), .client = client};
    return tunnel_options(config, nullptr, dynamic, false).ip_mtu;
  };
  EXPECT_EQ(mtu("10.10.20.2", 10), 1300);
  EXPECT_EQ(mtu("10.10.20.2", 0), 1400);
  EXPECT_EQ(mtu("10.10.20.2", 11), 1400);
  EXPECT_EQ(mtu("10.10.20.3", 0), 1200);
  EXPECT_EQ(mtu("10.10.20.4", 0), 0);
}

TEST(Specs, InADomainTheRankAmongAllItsChassisIsTheSlotAndEachPeerHasAWayOfItsOwn) {
  config::Config config = sample();
  config::McPeer third = config.peers[0];
  third.address = ip("192.0.2.0");
  config.peers.push_back(third);
  EXPECT_EQ(slot_of(config.tunnel_groups[0], {&config.peers[0], &config.peers[1]}), Slot{1});
  config::Interface& outer = config.services[1].interfaces[1];
  ASSERT_TRUE(outer.tunnel_sap && outer.tunnel_sap->is_public);
  outer.shunt_next_hop.reset();
  outer.shunting_profile = "to-peers";
  outer.peer_shunts = {
      {.peer = ip("192.0.2.0"), .next_hop = ip("192.168.35.2"), .next_hop_v6 = {}},
      {.peer = ip("192.0.2.2"), .next_hop = ip("192.168.34.2"), .next_hop_v6 = {}}};
  const auto spec = steering_spec(config, config.tunnel_groups.front(), peers_of(config));
  ASSERT_TRUE(spec);
  ASSERT_EQ(spec->public_side.shunts.size(), 2U);
  EXPECT_EQ(spec->public_side.shunts[0].next_hop, ip("192.168.34.2"));
  EXPECT_EQ(spec->public_side.shunts[1].next_hop, ip("192.168.35.2"));
}

TEST(Specs, AGroupWithoutTunnelSapsHasNoSteering) {
  config::Config config = sample();
  config.services[1].interfaces.pop_back();
  EXPECT_FALSE(steering_spec(config, config.tunnel_groups.front(), peers_of(config)));
  EXPECT_FALSE(isa_spec(config, config.tunnel_groups.front()));
}

TEST(Specs, SlotsDifferOnTheTwoChassisAndFollowTheSpiRange) {
  config::Config a = sample();
  config::Config b = sample();
  b.system_address = ip("192.0.2.2");
  b.peers[0].address = ip("192.0.2.1");
  b.peers[0].source_address = ip("192.0.2.2");
  EXPECT_EQ(slot_of(a.tunnel_groups[0], {a.peers.data()}), Slot{0});
  EXPECT_EQ(slot_of(b.tunnel_groups[0], {b.peers.data()}), Slot{1});
  a.tunnel_groups[0].spi_range_index = 4;
  EXPECT_EQ(slot_of(a.tunnel_groups[0], {a.peers.data()}), Slot{3});
}

class BfdSpecs : public testing::Test {
 protected:
  BfdSpecs() {
    config::Interface link{.name = "link", .device = "eth9"};
    link.address = *IpPrefix::parse("10.9.9.1/24");
    link.bfd = {.enabled = true,
                .transmit_interval = std::chrono::milliseconds(50),
                .receive_interval = std::chrono::milliseconds(60),
                .multiplier = 4};
    config_.services = {{.kind = config::Service::Kind::Base, .name = "Base"}};
    config_.services[0].interfaces = {link};
    peer_.address = ip("192.0.2.2");
    peer_.source_address = ip("10.9.9.1");
    peer_.mc_ipsec = true;
    peer_.bfd_liveness = true;
  }
  config::Config config_;
  config::McPeer peer_;
  SharedKeys keys_{{.id = 0x1a2b, .secret = SecretBytes(as_bytes("0123456789abcdef"))}};
};

TEST_F(BfdSpecs, AreThoseOfTheInterfaceThatOwnsTheSourceAddress) {
  const auto made = bfd_settings(config_, peer_, keys_);
  ASSERT_TRUE(made.has_value());
  const bfd::PeerSettings& settings = *made;
  EXPECT_EQ(settings.local, ip("10.9.9.1"));
  EXPECT_EQ(settings.peer, ip("192.0.2.2"));
  EXPECT_EQ(settings.transmit_interval, std::chrono::milliseconds(50));
  EXPECT_EQ(settings.receive_interval, std::chrono::milliseconds(60));
  EXPECT_EQ(settings.multiplier, 4);
}

TEST_F(BfdSpecs, APeerOnThatInterfacesSubnetIsOneHopAway) {
  EXPECT_EQ(bfd_settings(config_, peer_, keys_)->path, bfd::Path::MultiHop);
  peer_.address = ip("10.9.9.2");
  EXPECT_EQ(bfd_settings(config_, peer_, keys_)->path, bfd::Path::SingleHop);
}

TEST_F(BfdSpecs, TheKeyIsDerivedFromThePeersAndNoneStaysNone) {
  const bfd::Keys keys = bfd_settings(config_, peer_, keys_)->keys;
  ASSERT_EQ(keys.size(), 1U);
  EXPECT_EQ(keys[0].id, 0x2b);
  EXPECT_EQ(keys[0].secret.size(), bfd::kSecretMax);
  const SecretBytes of_mimp = protocol_key(keys_[0].secret, "mimp 1");
  EXPECT_FALSE(keys[0].secret == SecretBytes(of_mimp.view().first(bfd::kSecretMax)));
  EXPECT_TRUE(bfd_settings(config_, peer_, {})->keys.empty());
}

TEST_F(BfdSpecs, ThereAreNoneUnlessPeerAndInterfaceWantBfd) {
  peer_.bfd_liveness = false;
  EXPECT_FALSE(bfd_settings(config_, peer_, keys_).has_value());
  peer_.bfd_liveness = true;
  config_.services[0].interfaces[0].bfd.enabled = false;
  EXPECT_FALSE(bfd_settings(config_, peer_, keys_).has_value());
}

TEST(Specs, SelectorsComeFromTheSecurityPolicy) {
  const config::Config config = sample();
  const auto settings = ike_settings(config, config.tunnel_groups[0], Slot{0}, {});
  ASSERT_EQ(settings.tunnels.size(), 1U);
  const auto& tunnel = settings.tunnels.front();
  ASSERT_EQ(tunnel.local_selectors.size(), 1U);
  EXPECT_EQ(tunnel.local_selectors[0].first, ip("10.2.2.0"));
  EXPECT_EQ(tunnel.local_selectors[0].last, ip("10.2.2.255"));
  EXPECT_EQ(tunnel.remote_selectors[0].last, ip("255.255.255.255"));
}

}  // namespace
}  // namespace segw::chassis
