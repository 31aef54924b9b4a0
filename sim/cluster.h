#pragma once

// The test language: two chassis A and B, or a domain of up to four, with their clients and a core
// host, every checker running.
//
//   Cluster c(seed());
//   c.converge();
//   c.net().cut(A, B);
//   c.run_for(c.hold_time());
//   EXPECT_EQ(c.master_count(), 2);
//   c.net().heal();
//   c.run_until([&] { return c.master_count() == 1; }, 10s);

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/checkers/checker.h"
#include "sim/client.h"
#include "sim/group_view.h"
#include "sim/host.h"

namespace segw::sim {

constexpr HostId A = 0;
constexpr HostId B = 1;
constexpr HostId C = 2;
constexpr HostId D = 3;
constexpr TunnelGroupId kGroup{1};
constexpr DomainId kDomain{1};

struct DomainNode {
  mimp::DesignatedRole role = mimp::DesignatedRole::Active;
  uint8_t priority = 100;
  bool revertive = false;
  bool pooled = false;  // a designated standby: its ISA is one of a member pool
};

struct ClusterOptions {
  uint8_t clients = 1;
  Duration keep_alive = std::chrono::milliseconds(500);
  uint8_t hold_count = 3;
  Duration discovery = std::chrono::seconds(3);
  ike::IkeSuite ike_suite{.group = ike::Group::Curve25519};
  esp::Suite esp_suite;
  std::optional<ike::Group> pfs;
  uint32_t client_window = 32;
  uint16_t gateway_window = 128;
  uint8_t behind_nat = 0;  // bit n: client n is
  uint8_t over_v6 = 0;     // bit n: client n comes over IPv6, if behind no NAT
  uint8_t inside_v6 = 0;   // bit n: it carries IPv6
  Duration probe_interval = std::chrono::milliseconds(50);
  Duration chore_min{};
  Duration chore_max{};
  Duration gateway_liveness{};    // zero: the gateway sends no liveness checks
  bool bfd = false;               // 50 ms × 3 between the chassis
  bool dynamic = false;           // an ipsec-gateway with a client-db instead of configured tunnels
  bool responder_only = true;     // false: the gateway rekeys as well
  bool rekeys_taken_over = true;  // every CHILD SA, after a takeover
  uint8_t gateway_begins = 0;     // bit n: client n's tunnel; not for one behind a NAT
  Duration ike_lifetime = std::chrono::hours(24);
  Duration child_lifetime = std::chrono::hours(1);
  bool older = false;                   // all chassis begin with the release before; pairs only
  std::vector<DomainNode> domain = {};  // 2 to 4, by HostId; none: a pair
};

struct Violation {
  Instant at;
  std::string checker;
  std::string text;
};

class Cluster {
 public:
  explicit Cluster(uint64_t seed, const ClusterOptions& options = {});
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  // Boots all chassis and their clients; true when one acts, the others are its in-sync standbys,
  // and every client has a tunnel.
  bool converge();
  void boot();  // the same without waiting

  void run_for(Duration length);
  bool run_until(const std::function<bool()>& condition, Duration limit);

  SimHost& host(HostId id) { return *hosts_[id]; }
  [[nodiscard]] HostId hosts() const { return static_cast<HostId>(hosts_.size()); }
  Client& client(size_t index = 0) { return *clients_[index]; }
  [[nodiscard]] size_t clients() const { return clients_.size(); }
  Network& net() { return network_; }
  World& world() { return world_; }
  PacketWorld& packets() { return packets_; }

  [[nodiscard]] Duration hold_time() const { return options_.keep_alive * options_.hold_count; }
  [[nodiscard]] size_t master_count() const { return roles_.acting_count(); }
  [[nodiscard]] std::optional<HostId> master() const;
  // A master, and all others that run are its standbys in sync: one at least.
  [[nodiscard]] bool redundant() const;
  [[nodiscard]] bool all_have_tunnels() const;
  [[nodiscard]] GroupView role_of(HostId id) const;

  // Said before an operator clears or deletes a tunnel: checkers take what follows for no loss.
  void operator_ends();
  // tools perform … force-switchover at this chassis; in a domain also to a certain one. False if
  // it refuses or does not in time.
  bool hand_over(HostId at, std::optional<HostId> to = {});
  // The same without waiting; `done` may be empty.
  void ask_switchover(HostId at, std::optional<HostId> to, std::function<void(bool)> done);
  // Power-fails the host as its k-th message from now (IKE to a client, or MCS) has left.
  void crash_after_messages(HostId id, uint64_t count);
  [[nodiscard]] uint64_t messages_sent(HostId id) const { return messages_[id]; }
  // Packets of the core network for this client, `count` at once every `step` for `length`. They
  // overrun its access link: of 64 one arrives there.
  void burst(size_t client, uint32_t count, Duration step, Duration length);
  // A packet that looks like one from a client's inner network, in clear, at every public entry.
  void inject_clear_text();

  [[nodiscard]] const std::vector<Violation>& violations() const { return violations_; }
  [[nodiscard]] std::string report() const;  // of violations, for test messages
  [[nodiscard]] CheckerCounts counts() const;

 private:
  class Fanout;
  void add_hosts();
  void make_view();
  void sent_message(HostId id);
  void violate(std::string_view checker, std::string text);
  void core_receives(Bytes packet);
  [[nodiscard]] std::vector<ClientView> client_views() const;

  ClusterOptions options_;
  World world_;
  Network network_;
  PacketWorld packets_;
  std::vector<SimHost*> host_list_;
  IsaRoles roles_;
  std::unique_ptr<Fanout> fanout_;
  StreamNet streams_;
  std::vector<std::unique_ptr<SimHost>> hosts_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::unique_ptr<CheckerView> view_;
  std::vector<std::unique_ptr<Checker>> checkers_;
  std::vector<Violation> violations_;
  std::vector<uint64_t> messages_;
  std::vector<std::optional<uint64_t>> crash_at_;
  uint64_t injected_ = 0;
};

}  // namespace segw::sim
