#pragma once

// Snapshots that `show` reads; plain data, made by Chassis::status(). Table forms and JSON are
// cli/'s.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/history.h"
#include "base/ids.h"
#include "base/ip_address.h"
#include "base/time.h"
#include "bfd/sessions.h"
#include "mcs/mcs_service.h"
#include "mimp/designated_role.h"
#include "mimp/master_state.h"

namespace segw::chassis {

// The guide's words for a domain's node: as of a pair, but `active` for master.
[[nodiscard]] inline std::string_view activity_text(mimp::MasterState state) {
  return state == mimp::MasterState::Master ? "active" : mimp::text(state);
}

struct PeerGroupStatus {  // a row of `show redundancy multi-chassis mc-ipsec peer`
  TunnelGroupId id;
  TunnelGroupId peer_group;
  uint8_t priority = 100;
  bool admin_up = false;
  mimp::MasterState mastership = mimp::MasterState::Discovery;
  mimp::MasterState peer_state = mimp::MasterState::Discovery;
  bool peer_reachable = false;
  bool nominal = false;            // protection status
  std::string not_nominal_reason;  // "peer is not in sync"
  uint64_t activation = 0;
  uint64_t clean_takeovers = 0, unclean_takeovers = 0;
  bool in_sync = false;  // standby: a valid grant; active: the peer is in the in-sync set
  std::map<std::string, uint64_t> counters;
  std::vector<History::Entry> history;
};

// What is there of tunnels of one kind. `standby_dormant`: known, not yet given to an ISA;
// `awaiting_config`: another chassis has it, the configuration here does not; `failed`: could not
// be installed.
struct TunnelCounts {
  uint64_t installed = 0, installing = 0, standby_dormant = 0, awaiting_config = 0, failed = 0;
};

struct TunnelStatistics {
  TunnelCounts configured;  // the guide's Static
  TunnelCounts on_demand;   // the guide's Dynamic
};

struct DomainAdjacency {  // a peer of a domain
  IpAddress peer;
  bool admin_up = false;
  bool up = false;                     // heard both ways
  std::string down_reason;             // "no keep-alive is heard"
  std::optional<IpAddress> router_id;  // these three: as last told, while it is up
  std::optional<mimp::MasterState> remote_state;
  std::optional<mimp::DesignatedRole> remote_role;
  bool in_sync = false;  // active: it is in the in-sync set
};

struct DomainStatus {  // `show redundancy multi-chassis ipsec-domain`
  DomainId id;
  mimp::DesignatedRole role = mimp::DesignatedRole::Standby;
  uint8_t priority = 100;
  TunnelGroupId group;
  bool revertive = false;
  bool admin_up = false;
  bool nominal = false;
  std::string not_nominal_reason;
  IpAddress router_id;
  std::optional<IpAddress> current_active;  // router id; nothing: none is known
  mimp::MasterState activity = mimp::MasterState::Discovery;
  std::vector<DomainAdjacency> adjacencies;
  TunnelStatistics statistics;
  uint64_t activation = 0;
  uint64_t clean_takeovers = 0, unclean_takeovers = 0;
  bool in_sync = false;                 // standby: a valid grant
  std::optional<IpAddress> granted_by;  // … of this peer
  std::map<std::string, uint64_t> counters;
  std::vector<History::Entry> history;
};

struct PeerDomainStatus {  // a row of `show redundancy multi-chassis mc-ipsec peer`
  DomainId id;
  DomainAdjacency adjacency;
};

struct PeerConfigStatus {  // whether the peer is configured alike for a group
  TunnelGroupId group;
  mcs::ConfigComparison comparison;
};

struct PeerStatus {
  IpAddress address;
  IpAddress source_address;
  std::string name;
  bool admin_up = false;
  Duration keep_alive{};
  uint8_t hold_on_neighbor_failure = 0;
  Duration discovery{}, discovery_boot{};
  bool bfd = false;
  std::chrono::system_clock::time_point last_update;
  bool authentication = false;
  // Ids of the keys that are accepted, the one that is sent with first.
  std::vector<uint16_t> keys;
  std::vector<uint16_t> peer_keys;      // … at the peer, as it says; none while it is not reachable
  std::optional<uint16_t> session_key;  // that the MCS session was made with
  bool sync_admin_up = false;
  bool mcs_connected = false;
  std::string mcs_down_reason;
  uint32_t mcs_version = 0;  // of the session or the last one; 0: there was none
  mcs::SyncState sync_state = mcs::SyncState::OutOfSync;
  uint64_t entries = 0;  // IKE SAs and CHILD SAs held here
  uint64_t alarms = 0;   // records that could not be used here
  uint64_t remote_alarms = 0;
  std::vector<PeerConfigStatus> configs;  // of the groups that are synchronised
  std::map<std::string, uint64_t> mcs_counters;
  std::vector<History::Entry> history;  // of the peer's state and of the MCS sessions
  std::vector<PeerGroupStatus> groups;
  std::vector<PeerDomainStatus> domains;
};

struct SaStatus {
  uint32_t inbound_spi = 0, outbound_spi = 0;
  std::string algorithm;
  std::string remote;  // endpoint, with the UDP port where encapsulated
  uint64_t outbound_next = 0, inbound_highest = 0;
  uint64_t packets_in = 0, bytes_in = 0, packets_out = 0, bytes_out = 0;
  uint64_t drops_replay = 0, drops_integrity = 0, drops_selector = 0, drops_sequence = 0;
  Duration age{}, lifetime{};
  uint16_t replay_window = 0;
  std::vector<std::string> local_selectors, remote_selectors;
  bool initiator = false;  // we asked for it
  bool rekeyed = false;
  bool may_seal = true;
};

struct IkeStatus {    // the IKE SA of a tunnel
  std::string state;  // "", half-open, established, rekeyed
  uint64_t spi_i = 0, spi_r = 0;
  std::string encryption, integrity, prf, group;  // as the configuration calls them
  std::string local_id, remote_id;
  Endpoint local, remote;
  bool initiator = false;  // we began it
  bool local_behind_nat = false, remote_behind_nat = false;
  bool fragmentation = false, mobike = false, ppk = false;
  Duration age{}, lifetime{};
};

// Where a tunnel's CHILD SAs are, in the words of the guide's statistics.
constexpr std::string_view kInstalled = "Installed";
constexpr std::string_view kInstalling = "Installing";           // the ISA is not there yet
constexpr std::string_view kStandbyDormant = "Standby Dormant";  // given to it with activity

struct TunnelStatus {  // `show ipsec tunnel`
  std::string name;
  std::string sap;  // tunnel-1.private:1
  IpAddress local, remote;
  uint32_t service_id = 0, delivery_service_id = 0;
  bool admin_up = false, oper_up = false;
  uint32_t security_policy = 0;
  std::string isa_state;  // of its CHILD SAs; "": it has none
  IkeStatus ike;
  std::vector<SaStatus> sas;
  std::map<std::string, uint64_t> counters;  // of IKE, since the chassis started
};

struct GatewayTunnelStatus {  // `show ipsec gateway NAME tunnel`
  uint16_t client = 0;        // number in the client-db; 0: the gateway's own settings
  std::string client_name;
  uint16_t tunnel_template = 0;
  std::string isa_state;  // as of a configured one
  IkeStatus ike;
  std::vector<SaStatus> sas;
};

struct GatewayStatus {  // `show ipsec gateway`
  std::string name;
  std::string sap;  // tunnel-1.public:1
  TunnelGroupId group;
  IpAddress local;
  uint32_t service_id = 0, delivery_service_id = 0;
  bool admin_up = false, oper_up = false;
  uint16_t tunnel_template = 0;
  std::string client_db, ts_list;
  size_t reverse_routes = 0;  // of its tunnel group
  size_t half_open = 0;
  std::map<std::string, uint64_t> counters;  // of IKE, since the chassis started
  std::vector<GatewayTunnelStatus> tunnels;
};

struct IsaStatus {  // `show isa tunnel-group`
  TunnelGroupId group;
  std::string isa;  // 1/2
  bool up = false;
  std::string crypto;  // what it seals with
  std::string down_reason;
  std::map<std::string, uint64_t> drops;
};

struct TraceEntry {  // a message of a client that is looked into
  std::chrono::system_clock::time_point at;
  bool inbound = true;
  Endpoint remote;
  std::string text;
};

struct TraceStatus {  // `show debug ipsec peer`
  IpAddress peer;
  bool active = false;              // messages are still noted
  uint64_t left_out = 0;            // too many, or too fast
  std::vector<TraceEntry> entries;  // oldest first
};

struct LogEntry {
  uint64_t number = 0;
  std::chrono::system_clock::time_point at;
  std::string severity;
  std::string application;
  uint16_t id = 0;  // of the kind, within the application
  std::string subject;
  std::string name;
  std::string text;
};

struct Status {
  std::string system_name;
  IpAddress system_address;
  std::chrono::system_clock::time_point configured_at;
  std::vector<DomainStatus> domains;
  std::vector<PeerStatus> peers;
  std::vector<TunnelStatus> tunnels;
  std::vector<GatewayStatus> gateways;
  std::vector<IsaStatus> isas;
  std::map<IsaId, TunnelGroupId> pool_isas;  // ISAs of pools that serve a group now
  bfd::Status bfd;
  Instant now;  // of the snapshot, what Instants in it are counted from
  std::vector<TraceStatus> traces;
  std::map<std::string, std::map<std::string, uint64_t>> counters;  // room -> name -> count
  std::vector<LogEntry> log;                                        // newest first
};

}  // namespace segw::chassis
