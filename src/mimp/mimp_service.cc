// What the chassis calls.

#include "mimp/mimp_service.h"

#include <algorithm>

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

}  // namespace

bool Service::any_reachable() const {
  for (uint8_t at = 0; at < settings().peers.size(); ++at) {
    if (reachable(PeerIndex{at})) return true;
  }
  return false;
}

MimpService::MimpService(platform::Platform& platform, Port& port, Settings settings,
                         Activation known_activation, Host& host)
    : platform_(platform),
      port_(port),
      settings_(std::move(settings)),
      host_(host),
      activation_(known_activation),
      adjacency_(draw_nonce(platform.rng), peer_settings().hold()),
      keep_alive_timer_(platform, [this] { on_keep_alive_due(); }),
      soon_timer_(platform, [this] { send_what_is_due(); }),
      loss_timer_(platform, [this] { on_loss_due(); }),
      discovery_timer_(platform, [this] { on_discovery_due(); }),
      set_timer_(platform, [this] { on_set_due(); }),
      post_(platform) {}

Result<void> MimpService::start() {
  const Channel channel{
      .local = peer_settings().local,
      .peer = peer_settings().address,
      .kind = settings_.domain ? GroupKind::Domain : GroupKind::Pair,
      .number = settings_.domain ? settings_.domain->value : settings_.group.value};
  auto line = port_.open(channel, [this](ByteView bytes) { on_datagram(bytes); });
  if (!line) return tl::unexpected(line.error());
  line_ = std::move(*line);
  started_ = true;
  started_at_ = now();
  discovery_until_ = now() + peer_settings().discovery;
  discovery_timer_.arm_at(discovery_until_);
  keep_alive_timer_.arm(peer_settings().keep_alive);
  history_.add(now(), "started: discovery");
  send_hello(std::nullopt);
  return {};
}

void MimpService::set_eligible(bool eligible, uint8_t active_isas, std::string_view why) {
  (void)woke_from_pause();
  eligible_ = eligible;
  active_isas_ = active_isas;
  eligible_why_ = why;
  settle();
}

void MimpService::set_peer_synced(PeerIndex /*peer*/, bool synced) {
  (void)woke_from_pause();
  if (synced && !acting(state_)) return;  // the role is gone already
  peer_synced_ = synced;
  peer_synced_at_ = now();
  settle();
}

void MimpService::take_over(std::string_view why) {
  if (woke_from_pause() || state_ != MasterState::Standby || !eligible_) {
    counters_.add("take-over-refused");
    return;
  }
  begin_acting(peer_up_ ? MasterState::Master : MasterState::Eligible, Takeover::Planned, why);
  settle();
}

void MimpService::yield(Activation to, std::string_view why) {
  if (woke_from_pause() || !acting(state_)) return;
  activation_ = std::max(activation_, to);
  if (!peer_up_) {
    // It acts, as it said over MCS; it gets one hold to say so here.
    discovery_until_ = now() + peer_settings().hold();
    discovery_timer_.arm_at(discovery_until_);
  }
  enter(MasterState::Standby, true, why);
  settle();
}

void MimpService::request_switchover(std::optional<IpAddress> to_router) {
  if (woke_from_pause() || !peer_up_) return;
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
