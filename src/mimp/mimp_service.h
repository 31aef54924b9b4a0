#pragma once

// MIMP for one tunnel group or domain and its peers: keep-alives, two-way adjacency, election, the
// in-sync set's grants. The decision is election.h, the format mimp_wire.h, the set in_sync_set.h;
// here are the timers and the port. Contract for the other rooms; docs/protocols/mimp.md for the
// rest.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/counters.h"
#include "base/history.h"
#include "base/ids.h"
#include "base/ip_address.h"
#include "base/result.h"
#include "base/shared_key.h"
#include "base/time.h"
#include "mimp/bfd_verdict.h"
#include "mimp/designated_role.h"
#include "mimp/master_state.h"
#include "mimp/port.h"
#include "platform/platform.h"

namespace segw::mimp {

// A peer of the group, in the order of the configuration (PeerIndex).
struct PeerSettings {
  TunnelGroupId group;  // pair: the group's number at the peer
  IpAddress local;      // our source address towards it
  IpAddress address;
  Duration keep_alive = std::chrono::seconds(1);
  uint8_t hold_count = 3;
  Duration discovery = std::chrono::seconds(300);  // max time in Discovery
  SharedKeys keys;  // of 32 bytes, already derived for MIMP (rule 25); none: hellos carry no HMAC
  [[nodiscard]] Duration hold() const { return keep_alive * hold_count; }
};

struct Settings {
  TunnelGroupId group;
  std::optional<DomainId> domain;  // nothing: a pair
  IpAddress router_id;
  DesignatedRole role = DesignatedRole::Standby;  // domain
  uint8_t priority = 100;
  std::vector<PeerSettings> peers;  // 1..kPeersMax; in a pair one
  VersionRange versions = kVersions;
};

constexpr size_t kPeersMax = 3;

// What a role change means to whoever carries it out.
struct RoleChange {
  MasterState from = MasterState::Discovery;
  MasterState to = MasterState::Discovery;
  Activation activation;  // of the new acting role; else the highest heard
  // Taken within a valid in-sync grant, by planned handover, or as first ever; and, where it goes
  // on, no other has acted since.
  bool clean = true;
  // Another acting chassis outranked us, unplanned: serve until the merge (redundancy rule 6).
  bool outranked = false;
  std::string why;  // "an inter-chassis link went down"
};

// What a peer says of itself; of a domain's node.
struct PeerInfo {
  IpAddress router_id;  // 0.0.0.0: not told
  DesignatedRole role = DesignatedRole::Standby;
  uint8_t priority = 0;
  bool in_sync = false;  // it acts, holds a valid grant, or was the last to act
};

class Host {
 public:
  virtual ~Host() = default;
  // Posted (after the current event), once for every change, in order. When two acting chassis met
  // and this one goes on, it goes on under a new activation: acting to acting, perhaps the same
  // state. The writer of records changes to that activation.
  virtual void on_role(const RoleChange& change) = 0;
  // A peer's adjacency came up or was lost (posted).
  virtual void on_peer(PeerIndex peer, bool reachable) = 0;
  // Active: the in-sync set has changed (a silent member's grant has surely run out, or it
  // acknowledged). Commits look at members again (posted).
  virtual void on_members_changed() = 0;
  // A keep-alive was sent, or the peer's standing has changed: the time to vouch for the ISAs, if
  // they act (rule 8), and to look at peer_state(). Called at every keep-alive interval in every
  // state, but never for something from before a pause of this process.
  virtual void on_keep_alive() = 0;
  // We are active and are asked to hand over to this peer (posted).
  virtual void on_switchover_request(PeerIndex target) = 0;
};

class Service {
 public:
  virtual ~Service() = default;
  // Error: the port is taken or the address is not ours; one line.
  virtual Result<void> start() = 0;

  // Facts from the chassis.
  virtual void set_eligible(bool eligible, uint8_t active_isas, std::string_view why) = 0;
  // Active: a peer holds the whole journal (MCS says so): grant it membership / stop granting.
  // True counts for this activation and this boot of the peer: a new one of either starts as false.
  // Before anything is told to a client without waiting for the peer, MCS says false.
  virtual void set_peer_synced(PeerIndex peer, bool synced) = 0;

  // Other keys from now on, for what comes and what leaves. Both lists hold a key, and share one.
  virtual void renew_keys(PeerIndex peer, SharedKeys keys) = 0;

  // BFD of the path to a peer (rule 5).
  virtual void set_bfd(PeerIndex peer, BfdSays says) = 0;

  // Planned handover (rule 23), driven by the chassis over MCS. The target calls take_over with the
  // activation it acts under; the old active calls yield when the target said that it acts.
  virtual void take_over(std::string_view why) = 0;  // Standby -> Master, clean, no election
  virtual void yield(Activation to, std::string_view why) = 0;  // Master -> Standby
  // Asks the active (over MIMP, to all peers, repeated until void) to hand over to the node with
  // this router id, or to successor(). Called on the active itself, it asks its own host.
  virtual void request_switchover(std::optional<IpAddress> to_router) = 0;

  [[nodiscard]] virtual MasterState state() const = 0;
  [[nodiscard]] virtual bool reachable(PeerIndex peer) const = 0;
  [[nodiscard]] bool any_reachable() const;
  // Discovery while it is not reachable.
  [[nodiscard]] virtual MasterState peer_state(PeerIndex peer) const = 0;
  [[nodiscard]] virtual PeerInfo peer_info(PeerIndex peer) const = 0;
  // Ids of the keys that it accepts, the one that it sends with first; none while it is not
  // reachable.
  [[nodiscard]] virtual std::vector<uint16_t> peer_keys(PeerIndex peer) const = 0;
  // The two-way reachable peer that acts and that we regard as the active.
  [[nodiscard]] virtual std::optional<PeerIndex> active_peer() const = 0;
  // Router id of the active: us, active_peer(), or one that a peer vouches for.
  [[nodiscard]] virtual std::optional<IpAddress> current_active() const = 0;
  // Whom an election without us would choose; `to_router`: this one, if it can act.
  [[nodiscard]] virtual std::optional<PeerIndex> successor(
      std::optional<IpAddress> to_router) const = 0;
  [[nodiscard]] virtual Activation activation() const = 0;  // highest known
  // Active: must commits wait for this peer? (it is, or may still believe to be, in the in-sync
  // set)
  [[nodiscard]] virtual bool in_sync_set(PeerIndex peer) const = 0;
  // Standby: do we hold a valid grant now?
  [[nodiscard]] virtual bool in_sync() const = 0;
  // Standby: whose grant that is. Beside several actives it need not be active_peer()'s.
  [[nodiscard]] virtual std::optional<PeerIndex> granted_by() const = 0;
  // Standby because a peer hears an active that is not heard here (rule 4): not in sync.
  [[nodiscard]] virtual bool blocked() const = 0;
  // How long ISAs that act may be vouched for: the peers count hold from our last hello, so
  // nothing is to be sealed here later than this (rule 8).
  [[nodiscard]] virtual Instant vouch_until() const = 0;
  [[nodiscard]] virtual const Settings& settings() const = 0;
  [[nodiscard]] virtual const Counters& counters() const = 0;
  [[nodiscard]] virtual const History& history() const = 0;
};

// `port` outlives the service. `known_activation`: highest of the state folder (rule 2: max(own
// disk, all heard) + 1); the host stores new ones when it sees them in on_role.
std::unique_ptr<Service> make_service(platform::Platform& platform, Port& port, Settings settings,
                                      Activation known_activation, Host& host);

}  // namespace segw::mimp
