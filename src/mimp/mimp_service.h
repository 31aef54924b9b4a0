#pragma once

// MIMP for one tunnel group and one peer (1:1): keep-alives, two-way adjacency, election, the
// in-sync set's grants. The decision is election.h, the format mimp_wire.h, the set in_sync_set.h;
// here are the timers and the port. Contract for the other rooms; docs/protocols/mimp.md for the
// rest.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/counters.h"
#include "base/history.h"
#include "base/ids.h"
#include "base/ip_address.h"
#include "base/result.h"
#include "base/secret_bytes.h"
#include "base/time.h"
#include "mimp/master_state.h"
#include "platform/platform.h"

namespace segw::mimp {

constexpr uint16_t kPort = 11030;  // UDP, base router; ours, not registered

struct Settings {
  TunnelGroupId group;
  TunnelGroupId peer_group;
  IpAddress local;  // MIMP source address
  IpAddress peer;
  uint8_t priority = 100;
  Duration keep_alive = std::chrono::seconds(1);
  uint8_t hold_count = 3;
  Duration discovery = std::chrono::seconds(300);  // max time in Discovery
  SecretBytes key;  // 32 bytes, already derived for MIMP (rule 25); empty: hellos carry no HMAC
  [[nodiscard]] Duration hold() const { return keep_alive * hold_count; }
};

// What a role change means to whoever carries it out.
struct RoleChange {
  MasterState from = MasterState::Discovery;
  MasterState to = MasterState::Discovery;
  Activation activation;  // of the new acting role; else the highest heard
  // Taken within a valid in-sync grant, by planned handover, or as first ever; and, where it goes
  // on, no other has acted since.
  bool clean = true;
  std::string why;  // "an inter-chassis link went down"
};

class Host {
 public:
  virtual ~Host() = default;
  // Posted (after the current event), once for every change, in order. When two acting chassis met
  // and this one goes on, it goes on under a new activation: acting to acting, perhaps the same
  // state. The writer of records changes to that activation.
  virtual void on_role(const RoleChange& change) = 0;
  // The peer's adjacency came up or was lost (posted).
  virtual void on_peer(bool reachable) = 0;
  // Active: the in-sync set has changed (a silent member's grant has surely run out, or it
  // acknowledged). Commits look at members again (posted).
  virtual void on_members_changed() = 0;
  // A keep-alive was sent, or the peer's standing has changed: the time to vouch for the ISAs, if
  // they act (rule 8), and to look at peer_state(). Called at every keep-alive interval in every
  // state, but never for something from before a pause of this process.
  virtual void on_keep_alive() = 0;
  // Peer asked that mastership be moved by planned handover: to us (`to_self`) or to it.
  virtual void on_switchover_request(bool to_self) = 0;
};

class Service {
 public:
  virtual ~Service() = default;
  // Error: the port is taken or the address is not ours; one line.
  virtual Result<void> start() = 0;

  // Facts from the chassis.
  virtual void set_eligible(bool eligible, uint8_t active_isas, std::string_view why) = 0;
  // Active: the peer holds the whole journal (MCS says so): grant it membership / stop granting.
  // True counts for this activation and this boot of the peer: a new one of either starts as false.
  // Before anything is told to a client without waiting for the peer, MCS says false.
  virtual void set_peer_synced(bool synced) = 0;

  // Planned handover (rule 23), driven by the chassis over MCS. The target calls take_over with the
  // activation it acts under; the old active calls yield when the target said that it acts.
  virtual void take_over(std::string_view why) = 0;  // Standby -> Master, clean, no election
  virtual void yield(Activation to, std::string_view why) = 0;  // Master -> Standby
  // Ask the peer (over MIMP, repeated until answered or void) to start a handover.
  virtual void request_switchover() = 0;

  [[nodiscard]] virtual MasterState state() const = 0;
  [[nodiscard]] virtual bool peer_reachable() const = 0;
  [[nodiscard]] virtual MasterState peer_state() const = 0;
  [[nodiscard]] virtual Activation activation() const = 0;  // highest known
  // Active: must commits wait for the peer? (it is, or may still believe to be, in the in-sync set)
  [[nodiscard]] virtual bool peer_in_sync_set() const = 0;
  // Standby: do we hold a valid grant now?
  [[nodiscard]] virtual bool in_sync() const = 0;
  // How long ISAs that act may be vouched for: the peer counts its hold from our last hello, so
  // nothing is to be sealed here later than this (rule 8).
  [[nodiscard]] virtual Instant vouch_until() const = 0;
  [[nodiscard]] virtual const Settings& settings() const = 0;
  [[nodiscard]] virtual const Counters& counters() const = 0;
  [[nodiscard]] virtual const History& history() const = 0;
};

// `known_activation`: highest of the state folder (rule 2: max(own disk, all heard) + 1); the host
// stores new ones when it sees them in on_role. `boot`: the discovery interval to use is the boot
// one.
std::unique_ptr<Service> make_service(platform::Platform& platform, Settings settings,
                                      Activation known_activation, Host& host);

}  // namespace segw::mimp
