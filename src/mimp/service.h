#pragma once

// The service behind mimp_service.h: one tunnel group or domain, one to three peers.
//
//                     election held, or the interval ended
//   start, paused ─▶ Discovery ───────────────┬──────────────┬──────────────┐
//                                             ▼              ▼              ▼
//                      peers lost         Standby        Eligible ◀────▶ Master   a peer back, all
//                      lost
//                  Standby ─▶ Eligible        ▲ ▲            │              │
//                  active lost or not         │ └────────────┴── yields ────┘
//                  eligible, planned:         │
//                  Standby ─▶ Master     NotEligible ◀── any of them: group not eligible
//                                             └──────▶ as elected when it is eligible again
//
// Each event (datagram, timer, call) does the same: notice a pause, take the facts, decide() by
// election.h, announce() to the peers what has changed. enter() is the only door to a state.

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mimp/election.h"
#include "mimp/mimp_service.h"
#include "mimp/neighbour.h"
#include "mimp/vouching.h"

namespace segw::mimp {

class MimpService final : public Service {
 public:
  MimpService(platform::Platform& platform, Port& port, Settings settings,
              Activation known_activation, Host& host);

  Result<void> start() override;
  void set_eligible(bool eligible, uint8_t active_isas, std::string_view why) override;
  void set_peer_synced(PeerIndex peer, bool synced) override;
  void renew_keys(PeerIndex peer, SharedKeys keys) override;
  void set_bfd(PeerIndex peer, BfdSays says) override;
  void take_over(std::string_view why) override;
  void yield(Activation to, std::string_view why) override;
  void request_switchover(std::optional<IpAddress> to_router) override;

  [[nodiscard]] MasterState state() const override { return state_; }
  [[nodiscard]] bool reachable(PeerIndex peer) const override { return at(peer).up; }
  [[nodiscard]] MasterState peer_state(PeerIndex peer) const override;
  [[nodiscard]] PeerInfo peer_info(PeerIndex peer) const override;
  [[nodiscard]] std::vector<uint16_t> peer_keys(PeerIndex peer) const override;
  [[nodiscard]] std::optional<PeerIndex> active_peer() const override;
  [[nodiscard]] std::optional<IpAddress> current_active() const override;
  [[nodiscard]] std::optional<PeerIndex> successor(
      std::optional<IpAddress> to_router) const override;
  [[nodiscard]] Activation activation() const override { return activation_; }
  [[nodiscard]] bool in_sync_set(PeerIndex peer) const override;
  [[nodiscard]] bool in_sync() const override;
  [[nodiscard]] std::optional<PeerIndex> granted_by() const override;
  [[nodiscard]] bool blocked() const override { return blocked_; }
  [[nodiscard]] Instant vouch_until() const override;
  [[nodiscard]] const Settings& settings() const override { return settings_; }
  [[nodiscard]] const Counters& counters() const override { return counters_; }
  [[nodiscard]] const History& history() const override { return history_; }

 private:
  enum class Takeover : uint8_t { ByElection, Planned };
  enum class Doubt : uint8_t { None, Asking, Resolved };
  // The active was lost: peers are asked whether they hear it.
  struct Probe {
    uint64_t beat = 0;  // that asked
    Instant deadline{};
  };

  // service_port.cc: datagrams
  void on_datagram(Neighbour& peer, ByteView bytes);
  [[nodiscard]] Binding binding_to(const Neighbour& peer) const;
  [[nodiscard]] wire::Decoded<ByteView> open_with_keys(const Neighbour& peer, ByteView bytes,
                                                       const Binding& binding, size_t& fitting);
  [[nodiscard]] std::optional<Hello> read(Neighbour& peer, ByteView bytes);
  void on_adopted(Neighbour& peer, const Hello& hello);
  void on_hello(Neighbour& peer, const Hello& hello);
  void take_grants(Neighbour& peer, const Hello& hello);
  void answer_probe(Neighbour& peer);
  void on_switchover(Neighbour& peer, const Hello& hello);
  void ask_host(std::optional<IpAddress> to_router);
  void answer_soon(Neighbour& peer, const Nonce& nonce);
  [[nodiscard]] std::vector<Neighbour*> waiting();  // for our word
  void announce();
  void send_what_is_due();

  // service_send.cc: hellos out
  uint64_t next_beat();
  void send_hello(Neighbour& peer, uint64_t beat, const std::optional<Nonce>& answer);
  void send_to_all();
  [[nodiscard]] uint8_t version_for(const Neighbour& peer) const;
  [[nodiscard]] Announced to_announce(const Neighbour& peer) const;
  [[nodiscard]] std::vector<Vouching> vouchings() const;
  [[nodiscard]] std::vector<IpAddress> members() const;
  [[nodiscard]] Duration lease_of(const Neighbour& peer) const;

  // service_timers.cc
  void on_keep_alive_due();
  void on_loss_due(Neighbour& peer);
  void on_time();
  [[nodiscard]] bool woke_from_pause();
  void post_keep_alive();
  void arm_timers();
  [[nodiscard]] Duration shortest_hold() const;  // ours, or a peer's
  [[nodiscard]] Instant sent_to_all() const;     // the last hello that every peer was sent

  // service_peers.cc: who is there, and whose word counts
  [[nodiscard]] const Neighbour& at(PeerIndex peer) const { return neighbours_.at(peer.value); }
  [[nodiscard]] Neighbour& at(PeerIndex peer) { return neighbours_.at(peer.value); }
  [[nodiscard]] bool any_up() const;
  [[nodiscard]] bool all_up() const;
  [[nodiscard]] Side side_of(const Neighbour& peer, const Hello& hello) const;
  [[nodiscard]] View view() const;
  [[nodiscard]] std::vector<FirstHand> first_hand() const;
  void each_word(const std::function<void(const Neighbour&, const Vouching&, Word)>& then) const;
  [[nodiscard]] Doubt doubt(bool about_to_act);
  void ask_around();
  [[nodiscard]] bool answered() const;
  void set_blocked(bool blocked);
  void lose(Neighbour& peer, std::string_view why);
  void set_up(Neighbour& peer, bool up, std::string_view why);

  // service_roles.cc: facts, decision, state
  [[nodiscard]] Instant now() const { return platform_.clock.now(); }
  // Nobody has acted since we did: nobody knows more than we do.
  [[nodiscard]] bool wrote_last() const {
    return last_wrote_.value != 0 && last_wrote_ == activation_;
  }
  [[nodiscard]] Standing standing() const;
  void settle();
  void decide();
  [[nodiscard]] Doubt follow_up(const Outcome& outcome);
  void go_on(const View& view, const Outcome& outcome);
  void yield_as_planned();
  [[nodiscard]] bool may_renew() const;
  void renew_activation(MasterState next, std::string_view why);
  void begin_acting(MasterState next, Takeover takeover, std::string_view why);
  void inherit_members(Activation predecessor);
  void enter(RoleChange change);
  void post_role(RoleChange change);
  void update_set();

  platform::Platform& platform_;
  Port& port_;
  const Settings settings_;
  Host& host_;
  Counters counters_;
  History history_;
  const Duration keep_alive_;  // the shortest of the peers'
  const Duration hold_;        // the shortest
  const Duration longest_hold_;

  MasterState state_ = MasterState::Discovery;
  bool eligible_ = false;
  uint8_t active_isas_ = 0;
  std::string eligible_why_;
  Activation activation_;    // highest known
  Activation acting_under_;  // 0: not acting
  Activation succeeds_;
  bool held_ = false;
  bool clean_ = true;  // of the acting role: nobody else told clients what is not here
  // We stopped acting under it for want of eligibility, and no peer could have acted cleanly since
  // without our hearing of it. 0: no such thing.
  Activation last_wrote_;
  std::optional<Instant> renewed_at_;

  Beats beats_;
  std::deque<Neighbour> neighbours_;  // by PeerIndex
  Instant started_at_{};
  Instant discovery_until_{};  // while no peer is reachable, nothing is taken before this
  Instant gather_until_{};     // … while one is, but not all, and nobody acts

  std::optional<Standing> told_;  // as last sent in any hello
  uint64_t standing_beat_ = 0;    // first beat that told our present standing
  uint64_t eligible_beat_ = 0;    // … our present eligibility

  // Of the last active's in-sync set, other than us, and the activation it acted under.
  std::vector<IpAddress> last_members_;
  Activation last_members_of_;

  bool lost_active_ = false;  // before we act, peers are asked whether they hear it
  std::optional<Probe> probe_;
  bool blocked_ = false;

  uint32_t request_number_ = 0;
  std::optional<SwitchoverRequest> request_;  // ours, repeated until void
  Instant request_until_{};

  uint64_t pauses_ = 0;
  MasterState told_role_ = MasterState::Discovery;  // as the host was last told
  bool started_ = false;
  platform::Timer keep_alive_timer_;
  platform::Timer soon_timer_;
  platform::Timer time_timer_;  // discovery, grants, probes and vouchings that run out
  platform::Post post_;
};

}  // namespace segw::mimp
