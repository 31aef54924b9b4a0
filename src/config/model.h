#pragma once

// The running configuration as the features use it: typed, defaulted, cross-checked. Made from the
// configuration tree by config/load.h; immutable once loaded (shared_ptr<const Config>).
// Names and ranges are those of sros-facts §10.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/ip_address.h"
#include "base/secret_bytes.h"
#include "base/time.h"
#include "esp/child_sa.h"
#include "ike/ike_sa.h"

namespace segw::config {

struct PeerTunnelGroup {  // redundancy multi-chassis peer … mc-ipsec tunnel-group
  TunnelGroupId id;
  bool enabled = false;
  TunnelGroupId peer_group;  // the id on the peer; 0 = same
  uint8_t priority = 100;
  std::string sync_tag;  // sync tunnel-group … sync-tag; empty: not synchronised
};

struct McPeer {  // redundancy multi-chassis peer
  IpAddress address;
  IpAddress source_address;  // the system address where unset
  std::string name;
  std::string description;
  bool enabled = false;
  SecretBytes authentication_key;  // empty: mcs.key of the state folder
  bool mc_ipsec = false;
  bool bfd_liveness = false;
  uint8_t hold_on_neighbor_failure = 3;                    // 2..25 keep-alives
  Duration keep_alive_interval = std::chrono::seconds(1);  // 0.5..50 s
  Duration discovery_interval = std::chrono::seconds(300);
  Duration discovery_interval_boot = std::chrono::seconds(300);
  bool sync_enabled = false;
  bool sync_ipsec = false;
  std::vector<PeerTunnelGroup> tunnel_groups;
};

struct TunnelGroup {  // isa tunnel-group
  TunnelGroupId id;
  bool enabled = false;
  uint32_t tunnels_max = 2048;  // isa-scale-mode
  bool responder_only = false;
  std::optional<uint8_t> spi_range_index;  // 1..4
  uint8_t active_isa_number = 1;
  std::vector<IsaId> isas;  // multi-active isa
};

struct IkeTransform {
  esp::Encryption encryption = esp::Encryption::AesCbc;
  uint16_t key_bits = 128;
  esp::Integrity integrity = esp::Integrity::HmacSha256_128;
  ike::Prf prf = ike::Prf::HmacSha256;
  ike::Group group = ike::Group::Modp2048;
  Duration lifetime = std::chrono::seconds(86400);  // isakmp-lifetime
};

struct IkePolicy {
  std::vector<IkeTransform> transforms;  // in order of preference
  Duration ipsec_lifetime = std::chrono::seconds(3600);
  std::optional<ike::Group> pfs;
  bool nat_traversal = false;
  bool nat_traversal_force = false;
  bool dpd = false;
  Duration dpd_interval = std::chrono::seconds(30);
  uint8_t dpd_max_retries = 3;
  bool dpd_reply_only = false;
};

struct IpsecTransform {
  esp::Suite suite;  // extended_sequence_numbers: offered by us if set
  std::optional<Duration> lifetime;
  std::optional<ike::Group> pfs;  // overrides the policy's
};

struct SecurityPolicyEntry {
  uint16_t id = 0;
  std::optional<IpPrefix> local;  // unset: any
  std::optional<IpPrefix> remote;
};

struct IpsecTunnel {  // sap tunnel-N.private:T ipsec-tunnel NAME
  std::string name;
  bool enabled = false;
  TunnelGroupId group;
  std::string private_service;  // VPRN
  std::string delivery_service;
  uint32_t delivery_service_id = 0;
  uint32_t private_service_id = 0;
  IpAddress local_gateway;
  IpAddress remote_gateway;
  SecretBytes pre_shared_key;
  IkePolicy ike_policy;
  std::vector<IpsecTransform> transforms;
  std::vector<SecurityPolicyEntry> security_policy;
  uint32_t security_policy_id = 0;
  uint16_t replay_window = 128;
  std::vector<IpPrefix> routed_prefixes;  // static-routes route … ipsec-tunnel NAME
};

struct Interface {  // of the base router, an IES or a VPRN
  std::string name;
  std::string port;    // port or SAP as configured ("1/1/1:1000"); empty: none or tunnel SAP
  std::string device;  // by the ports file
  bool loopback = false;
  std::optional<IpPrefix> address;
  std::optional<IpAddress> shunt_next_hop;  // static-tunnel-redundant-nexthop, tunnel interfaces
  struct TunnelSap {
    TunnelGroupId group;
    bool is_public = false;
    uint16_t tag = 0;
  };
  std::optional<TunnelSap> tunnel_sap;  // sap tunnel-1.public:1
  std::vector<IpAddress> vrrp_backup;   // vrrp N backup […]
};

struct StaticRoute {
  IpPrefix prefix;
  IpAddress next_hop;
};

struct Service {
  enum class Kind : uint8_t { Base, Ies, Vprn } kind = Kind::Base;
  std::string name;
  uint32_t id = 0;
  bool enabled = true;
  std::vector<Interface> interfaces;
  std::vector<StaticRoute> routes;
};

struct Config {
  std::string system_name = "segw";
  IpAddress system_address;  // interface "system" of the base router
  std::vector<McPeer> peers;
  std::vector<TunnelGroup> tunnel_groups;
  std::vector<Service> services;  // "Base" first
  std::vector<IpsecTunnel> tunnels;
};

}  // namespace segw::config
