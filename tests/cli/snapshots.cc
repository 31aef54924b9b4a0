#include "snapshots.h"

namespace segw::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::chrono::system_clock::time_point wall(int second) {
  using namespace std::chrono_literals;
  return std::chrono::sys_days(std::chrono::year(2026) / 11 / 23) + 10h + 9min + seconds(second) +
         milliseconds(123);
}

IpAddress v4(uint32_t address) { return IpAddress::v4(address); }

chassis::PeerGroupStatus group() {
  chassis::PeerGroupStatus group;
  group.id = TunnelGroupId{1};
  group.peer_group = TunnelGroupId{1};
  group.priority = 200;
  group.admin_up = true;
  group.mastership = mimp::MasterState::Master;
  group.peer_state = mimp::MasterState::Standby;
  group.peer_reachable = true;
  group.nominal = true;
  group.activation = 7;
  group.clean_takeovers = 1;
  group.in_sync = true;
  group.counters = {{"hello-bad-hmac", 0}, {"hello-in", 12345}, {"hello-out", 12340}};
  group.history = {
      History::Entry{.at = Instant(milliseconds(1500)), .text = "discovery -> eligible (alone)"},
      History::Entry{.at = Instant(milliseconds(62750)),
                     .text = "eligible -> master (peer heard)"}};
  return group;
}

chassis::PeerStatus peer() {
  chassis::PeerStatus peer;
  peer.address = v4(0xC0000202);
  peer.source_address = v4(0xC0000201);
  peer.admin_up = true;
  peer.keep_alive = milliseconds(500);
  peer.hold_on_neighbor_failure = 2;
  peer.discovery = seconds(5);
  peer.discovery_boot = seconds(5);
  peer.last_update = wall(10);
  peer.authentication = true;
  peer.keys = {0x5d8e, 0x0c41};
  peer.peer_keys = {0x0c41, 0x5d8e};
  peer.session_key = 0x5d8e;
  peer.sync_admin_up = true;
  peer.mcs_connected = true;
  peer.mcs_version = 2;
  peer.sync_state = mcs::SyncState::InSync;
  peer.entries = 2;
  peer.configs = {{.group = TunnelGroupId{1},
                   .comparison = {.result = mcs::ConfigComparison::Result::Differs,
                                  .paths = {"/configure/ipsec/ike-policy[id=1]/dpd/interval",
                                            "ipsec-tunnel[name=t-2] (only at the peer)"},
                                  .more = true}}};
  peer.mcs_counters = {{"records-in", 0}, {"records-out", 17}};
  peer.history = {
      History::Entry{.at = Instant(milliseconds(62750)), .text = "peer is up"},
      History::Entry{.at = Instant(milliseconds(63000)), .text = "session with 192.0.2.2"}};
  peer.groups = {group()};
  return peer;
}

chassis::SaStatus sa() {
  chassis::SaStatus sa;
  sa.inbound_spi = 0x00C0FFEE;
  sa.outbound_spi = 0xC1D2E3F4;
  sa.algorithm = "aes256-gcm16";
  sa.remote = "10.10.10.1";
  sa.outbound_next = 16390;
  sa.inbound_highest = 1204;
  sa.packets_in = 1204;
  sa.bytes_in = 101136;
  sa.packets_out = 1205;
  sa.bytes_out = 101220;
  sa.drops_replay = 1;
  sa.age = seconds(61);
  sa.lifetime = seconds(7200);
  sa.replay_window = 128;
  sa.local_selectors = {"10.2.2.0-10.2.2.255"};
  sa.remote_selectors = {"192.168.1.1-192.168.1.1", "192.168.2.0-192.168.2.255 protocol 6"};
  return sa;
}

chassis::IkeStatus ike(std::string remote_id, const Endpoint& remote) {
  chassis::IkeStatus ike;
  ike.state = "established";
  ike.spi_i = 0x0123456789ABCDEF;
  ike.spi_r = 0x00FEDCBA98765432;
  ike.encryption = "aes256-gcm16";
  ike.integrity = "auth-encryption";
  ike.prf = "sha-256";
  ike.group = "group-19";
  ike.fragmentation = true;
  ike.local_id = "10.10.20.1";
  ike.remote_id = std::move(remote_id);
  ike.local = Endpoint{.address = v4(0x0A0A1401), .port = 500};
  ike.remote = remote;
  ike.age = seconds(3661);
  ike.lifetime = seconds(86400);
  return ike;
}

chassis::TunnelStatus tunnel() {
  chassis::TunnelStatus tunnel;
  tunnel.name = "tunnel-1";
  tunnel.sap = "tunnel-1.private:1";
  tunnel.local = v4(0x0A0A1401);
  tunnel.remote = v4(0x0A0A0A01);
  tunnel.service_id = 2;
  tunnel.delivery_service_id = 1;
  tunnel.admin_up = true;
  tunnel.oper_up = true;
  tunnel.security_policy = 1;
  tunnel.isa_state = chassis::kInstalled;
  tunnel.ike = ike("10.10.10.1", Endpoint{.address = v4(0x0A0A0A01), .port = 500});
  tunnel.sas = {sa()};
  tunnel.counters = {{"child-rekeyed", 3}, {"established", 1}};
  return tunnel;
}

chassis::GatewayStatus gateway() {
  chassis::GatewayStatus gateway;
  gateway.name = "gw-1";
  gateway.sap = "tunnel-1.public:1";
  gateway.group = TunnelGroupId{1};
  gateway.local = v4(0x0A0A1402);
  gateway.service_id = 2;
  gateway.delivery_service_id = 1;
  gateway.admin_up = true;
  gateway.oper_up = true;
  gateway.tunnel_template = 1;
  gateway.ts_list = "ran";
  gateway.client_db = "homes";
  gateway.reverse_routes = 2;
  gateway.half_open = 1;
  gateway.counters = {{"auth-shared-key-wrong", 4},
                      {"authentication-failed", 4},
                      {"cookies-asked", 7},
                      {"established", 2},
                      {"locked-out", 9},
                      {"lockouts", 1},
                      {"refused-14", 1},
                      {"refused-no-proposal", 2}};
  chassis::GatewayTunnelStatus known;
  known.client = 10;
  known.client_name = "enb10";
  known.tunnel_template = 2;
  known.isa_state = chassis::kStandbyDormant;
  known.ike = ike("enb10.example.net", Endpoint{.address = v4(0xCB007105), .port = 4501});
  known.ike.remote_behind_nat = true;
  known.sas = {sa()};
  known.sas.front().remote = "203.0.113.5:4501";
  chassis::GatewayTunnelStatus other;
  other.tunnel_template = 1;
  other.ike = ike("key-id 0x00ff", Endpoint{.address = v4(0xCB007105), .port = 4502});
  gateway.tunnels = {known, other};
  return gateway;
}

chassis::DomainAdjacency seg(uint8_t number, mimp::MasterState state) {
  chassis::DomainAdjacency seg;
  seg.peer = v4(0xC0000200 + number);
  seg.admin_up = true;
  seg.up = true;
  seg.router_id = seg.peer;
  seg.remote_state = state;
  seg.remote_role = mimp::DesignatedRole::Active;
  return seg;
}

void lose(chassis::DomainAdjacency& adjacency) {
  adjacency = {.peer = adjacency.peer,
               .admin_up = true,
               .up = false,
               .down_reason = "no keep-alive is heard",
               .router_id = {},
               .remote_state = {},
               .remote_role = {},
               .in_sync = false};
}

chassis::PeerStatus peer_of(const chassis::DomainAdjacency& adjacency) {
  chassis::PeerStatus of = peer();
  of.address = adjacency.peer;
  of.source_address = v4(0xC0000203);
  of.groups.clear();
  of.domains = {chassis::PeerDomainStatus{.id = DomainId{1}, .adjacency = adjacency}};
  return of;
}

}  // namespace

chassis::Status seg3_dormant() {
  chassis::Status status;
  status.system_name = "SEG3";
  status.system_address = v4(0xC0000203);
  chassis::DomainStatus domain;
  domain.id = DomainId{1};
  domain.priority = 230;
  domain.group = TunnelGroupId{1};
  domain.admin_up = true;
  domain.nominal = true;
  domain.router_id = v4(0xC0000203);
  domain.current_active = v4(0xC0000201);
  domain.activity = mimp::MasterState::Standby;
  domain.adjacencies = {seg(1, mimp::MasterState::Master), seg(2, mimp::MasterState::Standby)};
  domain.statistics.on_demand.standby_dormant = 7;
  domain.activation = 3;
  domain.in_sync = true;
  domain.counters = {{"hello-accepted", 130}, {"hello-sent", 135}};
  domain.history = {History::Entry{.at = Instant(milliseconds(3100)),
                                   .text = "discovery -> standby (a peer is master)"}};
  chassis::DomainStatus disabled;
  disabled.id = DomainId{9};
  disabled.group = TunnelGroupId{4};
  disabled.not_nominal_reason = "the domain is disabled";
  disabled.router_id = domain.router_id;
  for (const auto& each : domain.adjacencies) status.peers.push_back(peer_of(each));
  status.domains = {domain, disabled};
  status.configured_at = wall(10);
  chassis::IsaStatus isa;
  isa.group = TunnelGroupId{1};
  isa.isa = "1/2";
  isa.up = true;
  isa.crypto = "ipsec-mb 1.3.0 AVX512";
  status.isas = {isa};
  return status;
}

chassis::Status seg3_alone() {
  chassis::Status status = seg3_dormant();
  chassis::DomainStatus& domain = status.domains.front();
  for (auto& each : domain.adjacencies) lose(each);
  for (auto& each : status.peers) lose(each.domains.front().adjacency);
  domain.nominal = false;
  domain.not_nominal_reason = "no peer is reachable";
  domain.current_active = domain.router_id;
  domain.activity = mimp::MasterState::Eligible;
  domain.statistics.on_demand = {.installed = 7};
  domain.activation = 5;
  domain.clean_takeovers = 1;
  status.pool_isas[IsaId{.slot = 1, .mda = 2}] = TunnelGroupId{1};
  return status;
}

chassis::Status master_snapshot() {
  chassis::Status status;
  status.system_name = "SeGW-A";
  status.system_address = v4(0xC0000201);
  status.peers = {peer()};
  status.tunnels = {tunnel()};
  status.gateways = {gateway()};
  status.traces = {chassis::TraceStatus{
      .peer = v4(0x0A0A0A01),
      .active = true,
      .left_out = 0,
      .entries = {chassis::TraceEntry{
          .at = wall(20),
          .inbound = true,
          .remote = Endpoint{.address = v4(0x0A0A0A01), .port = 4500},
          .text = "INFORMATIONAL request 3, SPIs 0x0123456789abcdef 0x00fedcba98765432, 57 bytes: "
                  "nothing"}}}};
  chassis::IsaStatus isa;
  isa.group = TunnelGroupId{1};
  isa.isa = "1/2";
  isa.up = true;
  isa.crypto = "ipsec-mb 1.3.0 AVX512";
  isa.drops = {{"esp-unknown-spi", 3}, {"replay", 1}};
  status.isas = {isa};
  status.counters = {{"ike tunnel-group 1", {{"malformed-length", 2}, {"unknown-spi", 1}}},
                     {"mimp tunnel-group 1", {{"hello-bad-hmac", 0}}}};
  status.log = {
      chassis::LogEntry{
          .number = 3,
          .at = wall(12),
          .severity = "WARNING",
          .application = "MC_REDUNDANCY",
          .id = 2035,
          .subject = "TUNNEL-GROUP 1",
          .name = "tMcPeerIPsecTnlGrpMasterStateChg",
          .text = "Master state for the multi-chassis ipsec peer 192.0.2.2 tunnel-group 1 changed "
                  "from eligible to master because of an election"},
      chassis::LogEntry{.number = 2,
                        .at = wall(12),
                        .severity = "WARNING",
                        .application = "MC_REDUNDANCY",
                        .id = 2004,
                        .subject = {},
                        .name = "tmnxMcPeerSyncStatusChanged",
                        .text = "The Sync status of peer 192.0.2.2 changed to inSync"},
      chassis::LogEntry{.number = 1,
                        .at = wall(11),
                        .severity = "INFO",
                        .application = {},
                        .id = 0,
                        .subject = {},
                        .name = "MCS_PEER_UP",
                        .text = "MCS session with peer 192.0.2.2"}};
  return status;
}

chassis::Status alone_snapshot() {
  chassis::Status status = master_snapshot();
  chassis::PeerStatus& lost = status.peers.front();
  lost.mcs_connected = false;
  lost.mcs_down_reason = "mcs.key is missing in the state folder";
  lost.keys.clear();
  lost.peer_keys.clear();
  lost.session_key.reset();
  lost.sync_state = mcs::SyncState::OutOfSync;
  lost.remote_alarms = 1;
  chassis::PeerGroupStatus& group = lost.groups.front();
  group.mastership = mimp::MasterState::Eligible;
  group.peer_reachable = false;
  group.in_sync = false;
  group.nominal = false;
  group.not_nominal_reason = "no peer is reachable";
  return status;
}

chassis::Status bfd_snapshot() {
  chassis::Status status = master_snapshot();
  status.now = Instant(seconds(100));
  status.bfd.sessions = {bfd::SessionStatus{.local = v4(0xC0000201),
                                            .peer = v4(0xC0000202),
                                            .path = bfd::Path::MultiHop,
                                            .authenticated = true,
                                            .state = bfd::State::Up,
                                            .remote_state = bfd::State::Up,
                                            .discriminator = 0xC0FFEE,
                                            .remote_discriminator = 3735928559,
                                            .source_port = 50123,
                                            .multiplier = 3,
                                            .transmit_interval = milliseconds(50),
                                            .receive_interval = milliseconds(60),
                                            .detection_time = milliseconds(180),
                                            .sent = 123456,
                                            .received = 123450,
                                            .ups = 2,
                                            .downs = 1,
                                            .changed_at = Instant(seconds(40)),
                                            .discarded = {{"auth-hash", 3}}},
                         bfd::SessionStatus{.local = *IpAddress::parse("2001:db8::1"),
                                            .peer = *IpAddress::parse("2001:db8::2"),
                                            .path = bfd::Path::SingleHop,
                                            .diagnostic = bfd::Diagnostic::DetectionTimeExpired,
                                            .discriminator = 7,
                                            .source_port = 60000,
                                            .multiplier = 5,
                                            .transmit_interval = seconds(1),
                                            .receive_interval = milliseconds(50),
                                            .sent = 61}};
  status.bfd.discarded = {{"bad-ttl", 2}, {"unknown-session", 1}};
  status.bfd.latest = std::chrono::microseconds(1234);
  return status;
}

chassis::Status standby_snapshot() {
  chassis::Status status = master_snapshot();
  chassis::PeerGroupStatus& group = status.peers.front().groups.front();
  group.mastership = mimp::MasterState::Standby;
  group.peer_state = mimp::MasterState::Master;
  group.priority = 150;
  status.tunnels.front().sas.front().may_seal = false;
  status.isas.front().up = false;
  status.isas.front().down_reason = "its process died";
  status.log.clear();
  return status;
}

}  // namespace segw::cli
