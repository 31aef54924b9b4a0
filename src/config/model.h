#pragma once

// The running configuration as the features use it: typed, defaulted, cross-checked. Made from the
// configuration tree by config/load.h; immutable once loaded (shared_ptr<const Config>).
// Names and ranges are those of sros-facts §10.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/ip_address.h"
#include "base/secret_bytes.h"
#include "base/time.h"
#include "esp/child_sa.h"
#include "ike/auth_settings.h"
#include "ike/identity_match.h"
#include "ike/ike_options.h"
#include "ike/ike_sa.h"
#include "mimp/designated_role.h"

namespace segw::config {

struct PeerTunnelGroup {  // redundancy multi-chassis peer … mc-ipsec tunnel-group
  TunnelGroupId id;
  bool enabled = false;
  TunnelGroupId peer_group;  // the id on the peer; 0 = same
  uint8_t priority = 100;
  std::string sync_tag;  // sync tunnel-group … sync-tag; empty: not synchronised
};

struct PeerDomain {  // redundancy multi-chassis peer … mc-ipsec domain
  DomainId id;
  bool enabled = false;
};

struct Domain {  // redundancy multi-chassis ipsec-domain
  DomainId id;
  bool enabled = false;
  mimp::DesignatedRole role = mimp::DesignatedRole::Standby;
  uint8_t priority = 100;
  bool revertive = false;
  TunnelGroupId group;  // 0: none (then the domain is not enabled)
};

struct McPeer {  // redundancy multi-chassis peer
  IpAddress address;
  IpAddress source_address;  // the system address where unset
  std::string name;
  std::string description;
  bool enabled = false;
  SecretBytes authentication_key;         // empty: mcs.key of the state folder
  SecretBytes second_authentication_key;  // accepted as well, while keys are changed
  bool mc_ipsec = false;
  bool bfd_liveness = false;
  uint8_t hold_on_neighbor_failure = 3;                    // 2..25 keep-alives
  Duration keep_alive_interval = std::chrono::seconds(1);  // 0.5..50 s
  Duration discovery_interval = std::chrono::seconds(300);
  Duration discovery_interval_boot = std::chrono::seconds(300);
  bool sync_enabled = false;
  bool sync_ipsec = false;
  std::vector<PeerTunnelGroup> tunnel_groups;
  std::vector<PeerDomain> domains;
};

struct TunnelGroup {  // isa tunnel-group
  TunnelGroupId id;
  bool enabled = false;
  uint32_t tunnels_max = 2048;  // isa-scale-mode
  bool responder_only = false;
  bool rekeys_taken_over = true;           // after a takeover; the guide has no leaf for it
  std::optional<uint8_t> spi_range_index;  // 1..4
  uint8_t active_isa_number = 1;
  // Engines that may serve the group: its own or, by `member_pool`, those of the pool, which other
  // groups may need too. Those that the operator disabled are left out, unless all are: then the
  // group is not enabled.
  std::vector<IsaId> isas;
  std::string member_pool;                                     // empty: `isas` are its own
  Duration reassembly_wait = std::chrono::milliseconds(1200);  // reassembly max-wait-time
};

struct MemberPool {  // isa tunnel-member-pool
  std::string name;
  std::string description;
  std::vector<IsaId> isas;  // the disabled ones too
};

struct IkeTransform {
  uint16_t id = 0;
  esp::Encryption encryption = esp::Encryption::AesCbc;
  uint16_t key_bits = 128;
  esp::Integrity integrity = esp::Integrity::HmacSha256_128;
  ike::Prf prf = ike::Prf::HmacSha256;
  ike::Group group = ike::Group::Modp2048;
  Duration lifetime = std::chrono::seconds(86400);  // isakmp-lifetime
};

struct IkePolicy {
  uint16_t id = 0;
  std::vector<IkeTransform> transforms;                             // in order of preference
  ike::AuthMethod auth_method = ike::AuthMethod::PreSharedKey;      // the client's
  ike::AuthMethod own_auth_method = ike::AuthMethod::PreSharedKey;  // symmetric is resolved
  bool match_peer_id_to_cert = false;
  bool ppk_required = false;
  Duration ipsec_lifetime = std::chrono::seconds(3600);
  std::optional<ike::Group> pfs;
  bool nat_traversal = false;
  bool nat_traversal_force = false;
  std::optional<Duration> nat_keep_alive_interval;
  bool nat_force_keep_alive = true;
  bool dpd = false;
  Duration dpd_interval = std::chrono::seconds(30);
  uint8_t dpd_max_retries = 3;
  bool dpd_reply_only = false;
  ike::IkeOptions options;
};

struct CaProfile {  // system security pki ca-profile NAME
  std::string name;
  std::string path;  // where it stands, for errors
  bool enabled = false;
  std::string cert_file;
  std::string crl_file;       // empty: none
  bool crl_optional = false;  // revocation-check
};

struct CertProfile {  // ipsec cert-profile NAME
  struct Entry {
    uint8_t id = 0;
    std::string path;
    std::string cert;
    std::string key;
    bool rsa_pss = false;
    std::vector<std::string> send_chain;  // ca-profiles
  };
  std::string name;
  std::string path;
  bool enabled = false;
  std::vector<Entry> entries;  // by id
};

struct TrustAnchorProfile {  // ipsec trust-anchor-profile NAME
  std::string name;
  std::vector<std::string> ca_profiles;
};

using PpkList = std::vector<ike::Ppk>;  // ipsec ppk-list NAME

// `cert`, `id` and `ppk` of a tunnel or gateway.
struct PeerAuth {
  std::string cert_profile;          // empty: none
  std::string trust_anchor_profile;  // empty: none
  bool unknown_status_is_good = false;
  std::optional<ike::Identity> local_id;   // unset: the address, or the certificate's subject
  std::optional<ike::Identity> remote_id;  // unset: the address, or whoever a certificate names
  std::shared_ptr<const PpkList> ppks;     // null: none
  Bytes ppk_id;                            // named as initiator; empty: none
};

struct IpsecTransform {
  uint16_t id = 0;
  esp::Suite suite;  // extended_sequence_numbers: offered by us if set
  std::optional<Duration> lifetime;
  std::optional<ike::Group> pfs;  // overrides the policy's
};

struct SecurityPolicyEntry {
  uint16_t id = 0;
  std::optional<IpPrefix> local;  // unset: any
  std::optional<IpPrefix> remote;
};

struct IcmpGeneration {
  bool enabled = true;
  uint16_t message_count = 100;
  Duration interval = std::chrono::seconds(10);
};

// What the data plane does with the packets of a tunnel.
struct PacketOptions {
  bool clear_df_bit = false;
  bool copy_traffic_class_upon_decapsulation = false;
  std::optional<uint16_t> ip_mtu;
  std::optional<uint16_t> encapsulated_ip_mtu;
  bool propagate_pmtu_v4 = true;
  bool propagate_pmtu_v6 = true;
  Duration pmtu_discovery_aging = std::chrono::seconds(900);
  IcmpGeneration icmp_generation;
  IcmpGeneration icmp6_generation;
  std::optional<uint16_t> private_tcp_mss_adjust;
  std::optional<uint16_t> public_tcp_mss_adjust;
  bool public_tcp_mss_auto = false;
};

struct IpsecTunnel {  // sap tunnel-N.private:T ipsec-tunnel NAME
  std::string name;
  bool enabled = false;
  TunnelGroupId group;
  uint32_t number = 0;          // within its group, by its addresses: the same on every chassis
  std::string private_service;  // VPRN
  std::string delivery_service;
  uint32_t delivery_service_id = 0;
  uint32_t private_service_id = 0;
  IpAddress local_gateway;
  IpAddress remote_gateway;
  SecretBytes pre_shared_key;
  bool auto_establish = false;
  PeerAuth auth;
  IkePolicy ike_policy;
  std::vector<IpsecTransform> transforms;
  std::vector<SecurityPolicyEntry> security_policy;
  uint32_t security_policy_id = 0;
  uint16_t replay_window = 128;
  PacketOptions packets;
  std::vector<IpPrefix> routed_prefixes;  // static-routes route … ipsec-tunnel NAME
};

struct TunnelTemplate {  // ipsec tunnel-template N
  uint16_t id = 0;
  std::vector<IpsecTransform> transforms;  // in order of preference
  uint16_t replay_window = 128;
  bool reverse_route = false;         // sp-reverse-route use-security-policy
  bool ignore_default_route = false;  // no reverse route 0.0.0.0/0
  PacketOptions packets;
};

struct TsList {  // ipsec ts-list NAME; an empty side: any
  std::string name;
  std::vector<esp::TrafficSelector> local;
  std::vector<esp::TrafficSelector> remote;
};

struct GatewayClient {  // ipsec client-db NAME client N, with what the gateway adds
  uint16_t number = 0;
  std::string name;
  std::optional<ike::IdentityMatch> identity;  // set where match-list idi is
  std::optional<IpPrefix> peer;                // set where match-list peer-ip-prefix is
  SecretBytes pre_shared_key;
  std::shared_ptr<const TunnelTemplate> tunnel_template;
  std::shared_ptr<const TsList> ts_list;  // null: any
};

struct IpsecGateway {  // sap tunnel-N.public:T ipsec-gateway NAME
  std::string name;
  bool enabled = false;
  TunnelGroupId group;
  std::string sap;
  std::string delivery_service;
  uint32_t delivery_service_id = 0;
  std::string private_service;  // default-secure-service
  uint32_t private_service_id = 0;
  std::string private_interface;
  IpAddress local_gateway;
  std::optional<ike::Identity> local_id;  // unset: auto
  SecretBytes pre_shared_key;
  PeerAuth auth;  // its identities are those above
  IkePolicy ike_policy;
  std::shared_ptr<const TunnelTemplate> tunnel_template;
  std::shared_ptr<const TsList> ts_list;  // null: any
  std::string client_db;                  // empty: none
  bool fallback = true;                   // who is not in the client-db gets the settings above
  std::vector<GatewayClient> clients;     // by number
  bool override_any = false;              // allow-reverse-route-override-type any-idi
};

struct Bfd {  // interface … bfd
  bool enabled = false;
  Duration transmit_interval = std::chrono::milliseconds(100);  // 10 ms..100 s
  Duration receive_interval = std::chrono::milliseconds(100);
  uint8_t multiplier = 3;  // 1..20
};

struct ShuntInterface {   // ipsec multi-chassis-shunt-interface
  std::string interface;  // its name
  IpAddress next_hop;     // of either IP version
  std::optional<IpAddress> next_hop_v6;
};

struct ShuntingProfile {  // ipsec multi-chassis-shunting-profile
  struct Entry {
    IpAddress peer;
    std::string interface;
  };
  std::string name;
  std::vector<Entry> peers;
};

struct PeerShunt {  // one way of a profile, resolved
  IpAddress peer;   // of redundancy multi-chassis
  std::optional<IpAddress> next_hop;
  std::optional<IpAddress> next_hop_v6;
};

struct Interface {  // of the base router, an IES or a VPRN
  std::string name;
  std::string port;    // port or SAP as configured ("1/1/1:1000"); empty: none or tunnel SAP
  std::string device;  // by the ports file
  bool loopback = false;
  std::optional<IpPrefix> address;
  std::optional<IpPrefix> address_v6;
  // static-, or else dynamic-tunnel-redundant-nexthop; of tunnel interfaces.
  std::optional<IpAddress> shunt_next_hop;
  std::optional<IpAddress> shunt_next_hop_v6;
  // In their place, for several chassis: multi-chassis-shunting-profile.
  std::string shunting_profile;
  std::vector<PeerShunt> peer_shunts;
  struct TunnelSap {
    TunnelGroupId group;
    bool is_public = false;
    uint16_t tag = 0;
  };
  std::optional<TunnelSap> tunnel_sap;  // sap tunnel-1.public:1
  std::vector<IpAddress> vrrp_backup;   // vrrp N backup […]
  Bfd bfd, bfd_v6;
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
  // Of a VPRN, and those of the base router, which its IES services use too, in "Base".
  std::vector<ShuntInterface> shunt_interfaces;
  std::vector<ShuntingProfile> shunting_profiles;
};

struct Config {
  std::string system_name = "segw";
  IpAddress system_address;     // interface "system" of the base router
  std::vector<Domain> domains;  // by id
  std::vector<McPeer> peers;
  std::vector<TunnelGroup> tunnel_groups;  // by id
  std::vector<MemberPool> member_pools;
  std::vector<Service> services;  // "Base" first
  std::vector<IpsecTunnel> tunnels;
  std::vector<CaProfile> ca_profiles;
  std::vector<CertProfile> cert_profiles;
  std::vector<TrustAnchorProfile> trust_anchor_profiles;
  std::vector<IpsecGateway> gateways;
};

}  // namespace segw::config
