// What the chassis calls.

#include "mimp/mimp_service.h"

#include <algorithm>

#include "base/assert.h"
#include "mimp/service.h"

namespace segw::mimp {
namespace {

// The chassis gives up waiting for a switchover after as long.
constexpr Duration kRequestLife = std::chrono::seconds(3);

Nonce draw_nonce(platform::Rng& rng) {
  Nonce nonce{};
  rng.fill(nonce);
  return nonce;
}

// The longest, or the shortest, of what the peers have configured.
template <typename Of>
Duration longest(const Settings& settings, Of of) {
  Duration value{};
  for (const PeerSettings& peer : settings.peers) value = std::max(value, of(peer));
  return value;
}
template <typename Of>
Duration shortest(const Settings& settings, Of of) {
  Duration value = Duration::max();
  for (const PeerSettings& peer : settings.peers) value = std::min(value, of(peer));
  return value;
}

Duration keep_alive_of(const PeerSettings& peer) { return peer.keep_alive; }
Duration hold_of(const PeerSettings& peer) { return peer.hold(); }
Duration discovery_of(const PeerSettings& peer) { return peer.discovery; }

}  // namespace

bool Service::any_reachable() const {
  const auto peers = static_cast<uint8_t>(settings().peers.size());
  for (uint8_t place = 0; place < peers; ++place) {
    if (reachable(PeerIndex{place})) return true;
  }
  return false;
}

MimpService::MimpService(platform::Platform& platform, Port& port, Settings settings,
                         Activation known_activation, Host& host)
    : platform_(platform),
      port_(port),
      settings_(std::move(settings)),
      host_(host),
      keep_alive_(shortest(settings_, keep_alive_of)),
      hold_(shortest(settings_, hold_of)),
      longest_hold_(longest(settings_, hold_of)),
      activation_(known_activation),
      beats_(draw_nonce(platform.rng), longest_hold_),
      keep_alive_timer_(platform, [this] { on_keep_alive_due(); }),
      soon_timer_(platform, [this] { send_what_is_due(); }),
      time_timer_(platform, [this] { on_time(); }),
      post_(platform) {
  for (const PeerSettings& peer : settings_.peers) {
    const PeerIndex index{static_cast<uint8_t>(neighbours_.size())};
    neighbours_.emplace_back(platform, index, peer, beats_,
                             [this, index] { on_loss_due(at(index)); });
  }
}

Result<void> MimpService::start() {
  for (Neighbour& peer : neighbours_) {
    const Binding binding = binding_to(peer);
    auto line = port_.open(Channel{.local = binding.source,
                                   .peer = binding.destination,
                                   .kind = binding.kind,
                                   .number = binding.source_group},
                           [this, &peer](ByteView bytes) { on_datagram(peer, bytes); });
    if (!line) return tl::unexpected(line.error());
    peer.line = std::move(*line);
  }
  started_ = true;
  started_at_ = now();
  discovery_until_ = now() + longest(settings_, discovery_of);
  gather_until_ = now() + longest_hold_;
  keep_alive_timer_.arm(keep_alive_);
  history_.add(now(), "started: discovery");
  send_to_all();
  arm_timers();
  return {};
}

void MimpService::set_eligible(bool eligible, uint8_t active_isas, std::string_view why) {
  (void)woke_from_pause();
  eligible_ = eligible;
  active_isas_ = active_isas;
  eligible_why_ = why;
  settle();
}

void MimpService::set_peer_synced(PeerIndex peer, bool synced) {
  (void)woke_from_pause();
  if (synced && !acting(state_)) return;  // the role is gone already
  at(peer).synced = synced;
  at(peer).synced_at = now();
  settle();
}

// The peer is told at once: who changes keys looks at what the others accept.
void MimpService::renew_keys(PeerIndex peer, SharedKeys keys) {
  (void)woke_from_pause();
  Neighbour& neighbour = at(peer);
  SEGW_ASSERT(!keys.empty() && !neighbour.keys.empty());
  neighbour.keys = std::move(keys);
  neighbour.word_owed = true;
  settle();
}

void MimpService::set_bfd(PeerIndex peer, BfdSays says) {
  (void)woke_from_pause();
  Neighbour& neighbour = at(peer);
  neighbour.bfd.says(says, now());
  if (neighbour.bfd.lost() && neighbour.up) {
    counters_.add("bfd-down");
    lose(neighbour, "BFD is down");
  }
}

void MimpService::take_over(std::string_view why) {
  if (woke_from_pause() || state_ != MasterState::Standby || !eligible_) {
    counters_.add("take-over-refused");
    return;
  }
  begin_acting(any_up() ? MasterState::Master : MasterState::Eligible, Takeover::Planned, why);
  settle();
}

void MimpService::yield(Activation to, std::string_view why) {
  if (woke_from_pause() || !acting(state_)) return;
  activation_ = std::max(activation_, to);
  // The target acts, as it said over MCS; unheard, it gets one hold to say so here, or peers do.
  lost_active_ = true;
  if (!any_up()) discovery_until_ = now() + longest_hold_;
  enter({.to = MasterState::Standby, .why = std::string(why)});
  settle();
}

void MimpService::request_switchover(std::optional<IpAddress> to_router) {
  if (woke_from_pause() || !any_up()) return;
  if (acting(state_)) {
    ask_host(to_router);
    return;
  }
  ++request_number_;
  request_ = SwitchoverRequest{
      .number = request_number_, .target = Activation{activation_.value + 1}, .to = to_router};
  request_until_ = now() + kRequestLife;
  settle();
}

std::unique_ptr<Service> make_service(platform::Platform& platform, Port& port, Settings settings,
                                      Activation known_activation, Host& host) {
  return std::make_unique<MimpService>(platform, port, std::move(settings), known_activation, host);
}

}  // namespace segw::mimp
