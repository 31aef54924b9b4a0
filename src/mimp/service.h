#pragma once

// The service behind mimp_service.h: one tunnel group, one peer.
//
//                     election held, or the interval ended
//   start, paused ─▶ Discovery ───────────────┬──────────────┬──────────────┐
//                                             ▼              ▼              ▼
//                      peer lost          Standby        Eligible ◀────▶ Master   peer back, lost
//                  Standby ─▶ Eligible        ▲ ▲            │              │
//                  peer not eligible,         │ └────────────┴── yields ────┘
//                  election, planned:         │
//                  Standby ─▶ Master     NotEligible ◀── any of them: group not eligible
//                                             └──────▶ as elected when it is eligible again
//
// Each event (datagram, timer, call) does the same: notice a pause, take the facts, decide() by
// election.h, announce() to the peer what has changed. enter() is the only door to a state.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "mimp/adjacency.h"
#include "mimp/election.h"
#include "mimp/in_sync_set.h"
#include "mimp/mimp_service.h"

namespace segw::mimp {

class MimpService final : public Service {
 public:
  MimpService(platform::Platform& platform, Port& port, Settings settings,
              Activation known_activation, Host& host);

  Result<void> start() override;
  void set_eligible(bool eligible, uint8_t active_isas, std::string_view why) override;
  void set_peer_synced(PeerIndex peer, bool synced) override;
  void take_over(std::string_view why) override;
  void yield(Activation to, std::string_view why) override;
  void request_switchover(std::optional<IpAddress> to_router) override;

  [[nodiscard]] MasterState state() const override { return state_; }
  [[nodiscard]] bool reachable(PeerIndex /*peer*/) const override { return peer_up_; }
  [[nodiscard]] MasterState peer_state(PeerIndex peer) const override;
  [[nodiscard]] PeerInfo peer_info(PeerIndex peer) const override;
  [[nodiscard]] std::optional<PeerIndex> active_peer() const override;
  [[nodiscard]] std::optional<IpAddress> current_active() const override;
  [[nodiscard]] std::optional<PeerIndex> successor(
      std::optional<IpAddress> to_router) const override;
  [[nodiscard]] Activation activation() const override { return activation_; }
  [[nodiscard]] bool in_sync_set(PeerIndex /*peer*/) const override { return set_.waits(); }
  [[nodiscard]] bool in_sync() const override;
  [[nodiscard]] Instant vouch_until() const override { return last_sent_ + peer_settings().hold(); }
  [[nodiscard]] const Settings& settings() const override { return settings_; }
  [[nodiscard]] const Counters& counters() const override { return counters_; }
  [[nodiscard]] const History& history() const override { return history_; }

 private:
  enum class Takeover : uint8_t { ByElection, Planned };
  // What the peer must hear at once when it changes.
  struct Announced {
    Standing standing;
    GrantAck grant;
    GrantAck grant_ack;
    uint32_t switchover = 0;
    bool operator==(const Announced&) const = default;
  };

  // service_port.cc: datagrams
  void on_datagram(ByteView bytes);
  [[nodiscard]] std::optional<Hello> read(ByteView bytes);
  void on_hello(const Hello& hello);
  void on_adopted(const Hello& hello);
  void on_switchover(const Hello& hello);
  void ask_host(std::optional<IpAddress> to_router);
  void send_hello(const std::optional<Nonce>& answer);
  void answer_soon(const Nonce& nonce);
  [[nodiscard]] Announced to_announce() const;
  void announce();
  void send_what_is_due();

  // service_timers.cc
  void on_keep_alive_due();
  void on_loss_due();
  void on_discovery_due();
  void on_set_due();
  [[nodiscard]] bool woke_from_pause();
  void post_keep_alive();
  void arm_set_timer();

  // service_roles.cc: facts, decision, state
  [[nodiscard]] const PeerSettings& peer_settings() const { return settings_.peers.front(); }
  [[nodiscard]] Binding from_us() const;
  [[nodiscard]] Instant now() const { return platform_.clock.now(); }
  // Nobody has acted since we did: nobody knows more than we do.
  [[nodiscard]] bool wrote_last() const {
    return last_wrote_.value != 0 && last_wrote_ == activation_;
  }
  [[nodiscard]] Standing standing() const;
  [[nodiscard]] std::optional<PeerSide> peer_side() const;
  void settle();
  void decide();
  void renew_activation(MasterState next, std::string_view why);
  void begin_acting(MasterState next, Takeover takeover, std::string_view why);
  void enter(MasterState next, bool clean, std::string_view why);
  void post_role(RoleChange change);
  void lose_peer();
  void set_peer_up(bool up);
  void update_set();

  platform::Platform& platform_;
  Port& port_;
  const Settings settings_;
  Host& host_;
  Counters counters_;
  History history_;

  MasterState state_ = MasterState::Discovery;
  bool eligible_ = false;
  uint8_t active_isas_ = 0;
  std::string eligible_why_;
  Activation activation_;    // highest known
  Activation acting_under_;  // 0: not acting
  Activation succeeds_;
  bool held_ = false;
  bool outranked_ = false;  // of the role change that is being entered
  bool clean_ = true;       // of the acting role: nobody else told clients what is not here
  // We stopped acting under it for want of eligibility, and no peer could have acted cleanly since
  // without our hearing of it. 0: no such thing.
  Activation last_wrote_;

  Adjacency adjacency_;
  bool peer_up_ = false;
  std::optional<Hello> peer_;  // last accepted hello
  Instant started_at_{};
  Instant last_sent_{};        // any hello; our silence is measured from here
  Instant discovery_until_{};  // while no peer is reachable, nothing is taken before this

  std::optional<Announced> announced_;  // as last sent to the peer
  std::optional<Standing> told_;        // as last sent in any hello
  uint64_t standing_beat_ = 0;          // first beat that told our present standing
  uint64_t eligible_beat_ = 0;          // … our present eligibility
  std::optional<Nonce> answer_to_;      // a boot of the peer that waits for an answer
  Instant last_answer_{};
  bool word_owed_ = false;  // the peer announced something: it waits to hear that we accepted it

  InSyncSet set_;
  MemberGrant grant_;
  bool peer_synced_ = false;  // as MCS says, of this activation of ours
  Instant peer_synced_at_{};
  bool waits_told_ = false;  // set_.waits() as the host was last told

  uint32_t request_number_ = 0;
  std::optional<SwitchoverRequest> request_;  // ours, repeated until void
  Instant request_until_{};
  uint32_t peer_request_ = 0;  // the last of the peer's boot that was passed on

  bool loss_graced_ = false;
  uint64_t pauses_ = 0;
  MasterState told_role_ = MasterState::Discovery;  // as the host was last told
  bool started_ = false;
  std::unique_ptr<Port::Line> line_;
  platform::Timer keep_alive_timer_;
  platform::Timer soon_timer_;
  platform::Timer loss_timer_;
  platform::Timer discovery_timer_;
  platform::Timer set_timer_;
  platform::Post post_;
};

}  // namespace segw::mimp
