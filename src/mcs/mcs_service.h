#pragma once

// MCS: what the other chassis know. One PeerLink per multi-chassis peer (TLS stream, handshake,
// versions, slot binding); one GroupSync per group of chassis (journal, commits, acknowledgements,
// resync, edges), attached to the links of all its peers. Contract for the other rooms;
// docs/protocols/mcs.md has the messages.

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/counters.h"
#include "base/history.h"
#include "base/ids.h"
#include "base/ip_address.h"
#include "base/result.h"
#include "base/shared_key.h"
#include "mcs/merge.h"
#include "mcs/records.h"
#include "mcs/shared_config.h"
#include "platform/platform.h"

namespace segw::mcs {

// From this version of a session on, a peer tells how it is configured.
constexpr uint32_t kVersionWithConfig = 2;
constexpr uint16_t kPort = 11031;  // TCP, base router; ours, not registered

enum class SyncState : uint8_t { InSync = 1, SyncInProgress = 2, OutOfSync = 3 };
[[nodiscard]] std::string_view text(SyncState state);  // inSync, syncInProgress, outOfSync

// Planned handover, carried in order with the journal (rule 23). Windows are exact.
struct HandoverPrepare {  // old -> target
  uint64_t cookie = 0;
  Activation activation;  // that the target shall act under
};
struct HandoverReady {  // target -> old: buffering
  uint64_t cookie = 0;
};
struct HandoverWindows {  // old -> target: frozen, here is what moved; `last` closes the list
  uint64_t cookie = 0;
  std::vector<esp::SaWindow> windows;
  bool last = true;
};
struct HandoverDone {  // target -> old: acting
  uint64_t cookie = 0;
};
struct HandoverAbort {  // either: void
  uint64_t cookie = 0;
  std::string why;
};
using Handover =
    std::variant<HandoverPrepare, HandoverReady, HandoverWindows, HandoverDone, HandoverAbort>;

// How a record came: as it was made, or in a copy of what the writer held before.
enum class Origin : uint8_t { Journal, Copy };

// Which groups belong together, whatever their numbers: the sync tag of a pair, or a domain.
using GroupName = std::variant<std::string, DomainId>;
[[nodiscard]] std::string text(const GroupName& name);  // tag-1, domain 7

class GroupHost {
 public:
  virtual ~GroupHost() = default;
  // Reader: a record arrived; make it true here (state, ISA). Returns why it is unusable, or empty.
  // It is acknowledged as stored, or as unusable(reason), after this returns.
  virtual std::string apply_record(const Record& record, Origin origin) = 0;
  // Reader: a full copy ends: forget what is not in it (`keep`: every key seen).
  virtual void on_full_copy(const std::set<IkeSpi>& ike_sas, const std::set<Spi>& child_sas) = 0;
  virtual void on_windows(const std::vector<esp::SaWindow>& windows) = 0;
  virtual void on_handover(PeerIndex from, const Handover& message) = 0;
  // Writer: the peer holds the whole journal and nothing unusable / it no longer surely does.
  virtual void on_peer_synced(PeerIndex peer, bool synced) = 0;
  // Writer: must commits wait for the peer? Asked at each commit and after members_changed().
  [[nodiscard]] virtual bool in_sync_set(PeerIndex peer) const = 0;
  [[nodiscard]] virtual const GroupState& state() const = 0;
  // Writer: state() is about to be copied; ages are as of now.
  virtual void before_copy() {}
  // Writer: what the peer did while it acted as well, beyond what we hold of it (rule 16). Make it
  // part of state() and commit that, before this returns.
  virtual void on_offer(PeerIndex from, Offer offer) = 0;
  // Reader: what clients deleted here, to be offered with the rest.
  [[nodiscard]] virtual std::vector<Record> tombstones() const = 0;
  // What must be configured alike on the chassis of the group; it does not change meanwhile.
  [[nodiscard]] virtual const SharedConfig& shared_config() const = 0;
  // GroupSync::config() has another answer.
  virtual void on_config_compared(PeerIndex peer) = 0;
};

// One group of chassis that back each other up. One journal for all peers; each is brought up to
// date and acknowledges at its own pace.
class GroupSync {
 public:
  virtual ~GroupSync() = default;
  // The peer as the host's list has it. The link outlives the group; each is attached once.
  virtual void attach(class PeerLink& link, PeerIndex peer, GroupName name) = 0;
  virtual void become_writer(Activation activation) = 0;  // acting
  virtual void become_reader() = 0;                       // waiting commits are forgotten
  // Writer only. Appends to the journal; `then` runs when every member of the in-sync set holds all
  // records up to and with these (at once if there is none). Order of `then`s = order of commits.
  virtual void commit(std::vector<Record> records, platform::Callback then) = 0;
  virtual void members_changed() = 0;
  // Edges, at most every 100 ms, latest wins, never journalled (rule 20).
  virtual void send_windows(const std::vector<esp::SaWindow>& windows) = 0;
  virtual void send_handover(PeerIndex peer,
                             const Handover& message) = 0;  // dropped without a link
  // What we know of the peer as writer; as reader, whether this group is up to date here.
  [[nodiscard]] virtual SyncState sync_state(PeerIndex peer) const = 0;
  [[nodiscard]] virtual bool journal_flushed(PeerIndex peer) const = 0;  // it holds everything
  [[nodiscard]] virtual Position position() const = 0;
  [[nodiscard]] virtual uint64_t peer_unusable(PeerIndex peer) const = 0;  // that it could not use
  // Writer: a peer is offering what it did. Reader: what we wrote is not merged yet.
  [[nodiscard]] virtual bool merging() const = 0;
  // Whether the peer has the same configuration; as of its last session.
  [[nodiscard]] virtual const ConfigComparison& config(PeerIndex peer) const = 0;
};

std::unique_ptr<GroupSync> make_group_sync(platform::Platform& platform, TunnelGroupId group,
                                           GroupHost& host);

// The listening sockets of a chassis: one per source address, whichever peers connect to it.
class Port {
 public:
  struct Guest {
    IpAddress peer;
    platform::Streams::FindPsk psk;  // that it proves, by its identity
    platform::Streams::Accept accept;
  };
  virtual ~Port() = default;
  // Error: the address is not there, or taken; one line.
  virtual Result<void> admit(const IpAddress& local, Guest guest) = 0;
  virtual void dismiss(const IpAddress& local, const IpAddress& peer) = 0;
};
std::unique_ptr<Port> make_port(platform::Platform& platform);

struct Settings {
  IpAddress local, peer;
  SharedKeys keys;  // of 32 bytes, derived for MCS (rule 25); none: no session
  Slot slot;        // ours
  std::array<uint8_t, 16> incarnation{};  // of our state folder
};

class PeerLink {
 public:
  virtual ~PeerLink() = default;
  virtual void start() = 0;
  // Other keys from now on. Both lists hold a key. A session by a key that is not the first goes on
  // on a connection that proves the first, as soon as the peer knows it; nothing is lost.
  virtual void renew_keys(SharedKeys keys) = 0;
  // By which of our keys the present session was proven.
  [[nodiscard]] virtual std::optional<uint16_t> session_key() const = 0;
  [[nodiscard]] virtual class GroupLink& groups() = 0;  // for GroupSync
  [[nodiscard]] virtual bool connected() const = 0;
  // Who the peer said it is in its last session: it holds what was sent to it (rule 13).
  [[nodiscard]] virtual std::optional<esp::Holder> peer_identity() const = 0;
  // Of the session or the last one: the highest that both speak; 0: there was none.
  [[nodiscard]] virtual uint32_t version() const = 0;
  [[nodiscard]] virtual std::string down_reason()
      const = 0;  // "no mcs.key", "peer slot 1 is taken"
  [[nodiscard]] virtual const Counters& counters() const = 0;
  [[nodiscard]] virtual const History& history() const = 0;
};

// The lower address connects, the other listens (rule 25). The port outlives the link.
std::unique_ptr<PeerLink> make_peer_link(platform::Platform& platform, Port& port,
                                         Settings settings);

}  // namespace segw::mcs
