#pragma once

// One tunnel group of a chassis: where the rooms meet. MIMP says which role it has, MCS keeps its
// state equal on the peer, the IKE engine and the ISA work while it acts, steering follows the
// role.
//
//   MIMP role ──▶ on_role ──▶ MCS writer/reader · IKE engine on/off · ISA role + IV epoch ·
//   steering client ─▶ ISA ─▶ IKE engine ─▶ commit ─▶ MCS ─▶ (held by the in-sync set) ─▶ answer
//   leaves by the ISA peer's record ─▶ MCS ─▶ apply_record ─▶ state and ISA (installed, silent)

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "base/counters.h"
#include "base/history.h"
#include "chassis/credentials.h"
#include "chassis/group_events.h"
#include "chassis/group_peer.h"
#include "chassis/handover.h"
#include "chassis/identity.h"
#include "chassis/ike_ivs.h"
#include "chassis/isa_pool.h"
#include "chassis/isa_port.h"
#include "chassis/peer_events.h"
#include "chassis/peer_trace.h"
#include "chassis/reverse_routes.h"
#include "chassis/status.h"
#include "chassis/wait_to_restore.h"
#include "config/model.h"
#include "ike/engine.h"
#include "ike/tunnel_action.h"
#include "mcs/mcs_service.h"
#include "mimp/mimp_service.h"
#include "platform/platform.h"

namespace segw::chassis {

struct TunnelGroupParts {
  std::shared_ptr<const config::Config> config;
  const config::TunnelGroup* group = nullptr;
  const config::Domain* domain = nullptr;  // null: a pair, or alone
  std::vector<GroupPeer> peers;            // none: not in multi-chassis redundancy
  mimp::Port* mimp_port = nullptr;
  IsaPool* pool = nullptr;             // null: the group has ISAs of its own
  std::function<void()> pool_changed;  // members were taken or given back
  std::shared_ptr<const Credentials> credentials;
  Identity* identity = nullptr;
  PeerTrace* trace = nullptr;
  EventLog* events = nullptr;
  std::function<void()> peers_changed;  // what add_to() says may have changed
  Slot slot;
  Activation known_activation;  // of the state folder
};

class TunnelGroup final : mimp::Host, mcs::GroupHost, ike::Host, IsaListener, HandoverActions {
 public:
  TunnelGroup(platform::Platform& platform, TunnelGroupParts parts);
  ~TunnelGroup() override;

  // Declares the steering and starts the ISA and the protocols. Error: one line.
  Result<void> start();
  // Facts outside of the group have changed: a pool's members.
  void update_eligibility();
  // BFD of the path to this chassis; it may be none of the group's.
  void on_bfd(const config::McPeer& peer, mimp::BfdSays says);
  // `to`: the router id of a node of the domain; nothing: by usual election without the active.
  // Served here, and a peer could serve it.
  [[nodiscard]] bool can_be_moved() const;
  void force_switchover(std::optional<IpAddress> to, std::function<void(Result<std::string>)> done);

  void renew_credentials(std::shared_ptr<const Credentials> credentials);
  // Both without effect if the peer is none of the group's.
  void renew_keys(const config::McPeer& peer, const SharedKeys& keys);
  [[nodiscard]] std::vector<uint16_t> peer_keys(const config::McPeer& peer) const;
  Result<std::string> clear_tunnel(uint32_t number);
  Result<std::string> perform(uint32_t number, ike::TunnelAction action);
  // The number of the tunnel that this client of the gateway made.
  [[nodiscard]] Result<uint32_t> tunnel_of(const config::IpsecGateway& gateway,
                                           std::string_view client) const;

  [[nodiscard]] TunnelGroupId id() const { return parts_.group->id; }
  [[nodiscard]] const mcs::GroupState& state() const override { return state_; }
  [[nodiscard]] mimp::MasterState role() const { return role_; }
  [[nodiscard]] const config::Domain* domain() const { return parts_.domain; }
  // What of the group concerns this peer; nothing is added if it is none of the group's.
  void fill(PeerStatus& status, const config::McPeer& peer) const;
  void fill(Status& status) const;
  // Nothing is added if the peer is none of the group's.
  void add_to(PeerFacts& facts, const config::McPeer& peer) const;
  void export_keys(std::string& esp_lines, std::string& ike_lines) const;

 private:
  // mimp::Host
  void on_role(const mimp::RoleChange& change) override;
  void on_peer(PeerIndex peer, bool reachable) override;
  void on_members_changed() override;
  void on_keep_alive() override;
  void on_switchover_request(PeerIndex target) override;

  // mcs::GroupHost
  std::string apply_record(const mcs::Record& record, mcs::Origin origin) override;
  void on_full_copy(const std::set<IkeSpi>& ike_sas, const std::set<Spi>& child_sas) override;
  void on_windows(const std::vector<esp::SaWindow>& windows) override;
  void on_handover(PeerIndex from, const mcs::Handover& message) override;
  void on_peer_synced(PeerIndex peer, bool synced) override;
  void before_copy() override;
  void on_offer(PeerIndex from, mcs::Offer offer) override;
  [[nodiscard]] std::vector<mcs::Record> tombstones() const override { return tombstones_.all(); }
  [[nodiscard]] bool in_sync_set(PeerIndex peer) const override;
  [[nodiscard]] const mcs::SharedConfig& shared_config() const override { return shared_config_; }
  void on_config_compared(PeerIndex peer) override;

  // ike::Host
  void commit(const ike::Changes& changes, platform::Callback then) override;
  void send(const ike::Datagram& datagram) override;
  void install(const esp::ChildSa& sa) override;
  void use_outbound(Spi inbound_spi) override;
  void remove(Spi inbound_spi) override;
  std::optional<uint64_t> next_iv(const ike::IkeSa& sa) override;
  [[nodiscard]] Position position(Spi inbound_spi) const override;
  void raise_edge(Spi inbound_spi, uint64_t edge) override;
  [[nodiscard]] std::vector<esp::Holder> gone(
      const std::vector<esp::Holder>& holders) const override;
  void keys_of_request(IkeSpi ike_sa, Spi child_sa) override;
  void moved(const ike::IkeSa& sa) override;
  void on_tunnel_state(uint32_t tunnel, bool up) override;

  // IsaListener
  void on_isa_ready() override;
  void on_isa_down(std::string_view why) override;
  void on_ike(const isa::IkeDatagram& datagram) override;
  void on_activity(const isa::Activity& activity) override;
  void on_sequence_low(const isa::SequenceLow& low) override;
  void on_frozen(const isa::Frozen& frozen) override;
  void on_unknown_esp(const isa::UnknownEsp& packet) override;

  // HandoverActions
  [[nodiscard]] bool journal_flushed(PeerIndex target) const override;
  void send_handover(PeerIndex to, const mcs::Handover& message) override;
  void pause_ike() override;
  void shunt_and_freeze(uint64_t cookie) override;
  void resume_acting() override;
  void yield_to(Activation activation) override;
  void buffer() override;
  void stop_buffering() override;
  void apply_windows(const std::vector<esp::SaWindow>& windows) override;
  void act() override;

  void count_ages_on();
  void start_acting(bool clean);
  void renew_activation(bool clean);
  void leave_others_blocks();
  void stop_acting(bool outranked);
  void close();
  void give_isa_its_role(esp::Position position = esp::Position::Exact);
  void vouch();
  void steer();
  void stand_alone();
  void attach_links();
  void end_asked_switchover();
  [[nodiscard]] uint8_t slots() const;
  [[nodiscard]] SharedKeys common_keys() const;
  [[nodiscard]] std::string_view acting_text() const;
  void hand_over_to(PeerIndex target, std::function<void(Result<std::string>)> done);
  void tell_changes();
  void tell_gateways(bool up);
  [[nodiscard]] std::set<Slot> slots_in_sync_set() const;
  [[nodiscard]] std::string name_of(PeerIndex peer) const;
  [[nodiscard]] uint8_t peers() const { return static_cast<uint8_t>(parts_.peers.size()); }
  void store_activation(Activation activation);
  void on_activation_stored(Activation activation, const Result<void>& result);
  void commit_records(std::vector<mcs::Record> records, platform::Callback then);
  [[nodiscard]] ike::GroupSettings ike_group_settings() const;
  [[nodiscard]] esp::Holder self() const;
  [[nodiscard]] bool may_seal(const std::vector<esp::Holder>& holders) const;
  [[nodiscard]] isa::InstallSa install_message(const esp::ChildSa& sa, bool outbound) const;
  void lose_position(Spi spi, uint64_t by);
  void note_position(Spi spi, uint64_t next);
  void merge_window(const esp::SaWindow& window);
  void note_awaiting_config(const ike::IkeSa& sa, const std::string& unusable);
  void apply_child(const esp::ChildSa& sa, bool known, mcs::Origin origin);
  void skip_used(const esp::ChildSa& sa, bool known, mcs::Origin origin);
  void skip_unmade(const ike::IkeSa& sa, const std::optional<Spi>& asked);
  // Its first CHILD SA is still to be made.
  [[nodiscard]] static bool half_made(const ike::IkeSa& sa) {
    return sa.state == ike::IkeState::HalfOpen || sa.state == ike::IkeState::Connecting ||
           sa.state == ike::IkeState::Authenticating;
  }
  [[nodiscard]] bool made_of_half(const esp::ChildSa& sa) const;
  // tunnel_group_merge.cc: after a split
  void end_serving(std::string_view why);
  void install_all();
  void refuse_unserved(mcs::Offer& offer);
  void take_merged(const mcs::Merged& merged);
  void commit_merged(const mcs::Merged& merged);
  void send_where_heard(Spi heard);
  void hold_keys(std::vector<esp::Holder>& holders) const;
  void hold_all_keys();
  void rekey_for(PeerIndex peer);
  [[nodiscard]] uint64_t unsealable_by(const esp::Holder& who) const;
  void rekey_if_worn(const esp::ChildSa& sa, uint64_t next);
  void rekey_if_worn(const ike::IkeSa& sa);
  [[nodiscard]] bool knows_all() const;
  void update_completeness();
  void note_usable(const mcs::Record& record, bool usable);
  void fill_tunnels(Status& status) const;
  void fill_domain(Status& status) const;
  [[nodiscard]] DomainAdjacency adjacency(PeerIndex peer) const;
  [[nodiscard]] TunnelStatistics statistics() const;
  [[nodiscard]] uint64_t tunnel_count() const;
  [[nodiscard]] uint64_t failed_tunnels() const;
  [[nodiscard]] bool sleeps() const;  // a designated standby
  [[nodiscard]] bool dormant() const;
  [[nodiscard]] bool outranks(PeerIndex peer) const;
  void take_back();
  [[nodiscard]] bool configured_as(PeerIndex peer) const;
  void wake();
  void fall_asleep();
  [[nodiscard]] uint64_t capacity() const;  // tunnels that this chassis' ISAs may serve
  [[nodiscard]] std::vector<Spi> children_in_use(const ike::IkeSa& sa) const;
  [[nodiscard]] static TunnelStatus tunnel_status(const config::IpsecTunnel& tunnel);
  [[nodiscard]] GatewayStatus gateway_status(const config::IpsecGateway& gateway) const;
  [[nodiscard]] static GatewayTunnelStatus client_status(const config::IpsecGateway& gateway,
                                                         const ike::DynamicTunnel& dynamic);
  [[nodiscard]] Duration age_of(const ike::IkeSa& sa) const;
  [[nodiscard]] Duration age_of(const esp::ChildSa& sa) const;
  [[nodiscard]] IkeStatus ike_status(const ike::IkeSa& sa) const;
  [[nodiscard]] SaStatus sa_status(const esp::ChildSa& sa) const;
  [[nodiscard]] std::string not_nominal_reason() const;
  [[nodiscard]] std::string gateway_name(const IpAddress& local) const;
  [[nodiscard]] std::string unserved(const ike::IkeSa& sa) const;
  [[nodiscard]] const config::IpsecTunnel* configured(uint32_t number) const;
  [[nodiscard]] std::optional<std::string> takes_no_orders() const;

  // Redundancy rule 11: "a node restarted since the SA was made skips 2^22 more".
  static constexpr uint64_t kSkip = uint64_t{1} << 22;
  static constexpr uint64_t kRestartSkip = 8 * kSkip;  // room for seven losses within one start

  platform::Platform& platform_;
  TunnelGroupParts parts_;
  std::map<uint32_t, const config::IpsecTunnel*> tunnels_;  // by number
  mcs::SharedConfig shared_config_;
  mcs::GroupState state_;
  mimp::MasterState role_ = mimp::MasterState::Discovery;
  Activation activation_;
  std::optional<std::string> activation_refused_;  // why the disk has not taken it
  std::optional<PeerIndex> last_active_;
  platform::SteeringState steering_;  // as last set; a declared group starts with this one
  IkeIvs ike_ivs_;
  std::set<Spi> grants_asked_;     // one change of grants per SA at a time
  // Another chassis may have sealed beyond what we know; also of CHILD SAs that we only asked for.
  std::set<Spi> own_blocks_only_;
  // IKE SAs whose first CHILD SA another chassis, or this one before a restart, may have made.
  std::set<IkeSpi> half_made_;
  // Below these nothing is sealed here any more (docs/decisions/0030). Kept when an SA goes: it may
  // come back in another chassis' copy. Oldest first in `floors_age_`.
  std::map<Spi, uint64_t> floors_;
  std::deque<Spi> floors_age_;
  std::map<Spi, isa::SaActivity> activity_;
  std::set<Spi> worn_;         // the engine was told to rekey them for their numbers
  std::set<IkeSpi> worn_ike_;  // and these for their IVs
  // While another chassis acts: when the records that we hold came. Their ages go on from there.
  std::map<IkeSpi, Instant> ike_arrivals_;
  std::map<Spi, Instant> child_arrivals_;
  bool positions_exact_ = true;             // of what this chassis sealed: it handed over since
  bool serving_ = false;                    // outranked, and what was done here is not merged yet
  mcs::Tombstones tombstones_;              // what clients deleted
  bool awake_ = false;                      // a designated standby: its SAs are in the ISA
  std::map<IkeSpi, bool> awaiting_config_;  // not configured here -> made on demand
  // Redundancy rule 22: what may be missing of all that clients were told.
  std::set<std::pair<bool, uint64_t>> unusable_;  // records: of a CHILD SA, SPI
  bool doubtful_ = false;  // taken over without a grant, or beside another one that acted
  std::optional<Instant> complete_since_;
  uint64_t clean_takeovers_ = 0;
  uint64_t unclean_takeovers_ = 0;
  uint64_t alarms_ = 0;
  Counters counters_;
  GroupEvents events_;
  ReverseRoutes reverse_routes_;
  struct AskedSwitchover {
    std::optional<IpAddress> before;  // the active when it was asked for
    std::function<void(Result<std::string>)> done;
  };
  std::optional<AskedSwitchover> asked_switchover_;
  WaitToRestore wait_to_restore_;
  Instant take_back_from_{};  // after an attempt
  platform::Timer asked_timer_;
  platform::Timer eligibility_timer_;
  platform::Timer store_timer_;
  platform::Timer alone_timer_;
  platform::Timer serving_timer_;
  platform::Post post_;
  std::unique_ptr<IsaPort> isa_;
  std::unique_ptr<ike::Engine> engine_;
  std::unique_ptr<mimp::Service> mimp_;
  std::unique_ptr<mcs::GroupSync> sync_;
  Handover handover_;
};

}  // namespace segw::chassis
