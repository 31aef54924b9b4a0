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

MimpService::MimpService(platform::Platform& platform, Settings settings,
                         Activation known_activation, Host& host)
    : platform_(platform),
      settings_(std::move(settings)),
      host_(host),
      activation_(known_activation),
      adjacency_(draw_nonce(platform.rng), settings_.hold()),
      keep_alive_timer_(platform, [this] { on_keep_alive_due(); }),
      soon_timer_(platform, [this] { send_what_is_due(); }),
      loss_timer_(platform, [this] { on_loss_due(); }),
      discovery_timer_(platform, [this] { on_discovery_due(); }),
      set_timer_(platform, [this] { on_set_due(); }),
      post_(platform) {}

Result<void> MimpService::start() {
  auto socket = platform_.datagrams.open(
      Endpoint{.address = settings_.local, .port = kPort},
      [this](const Endpoint& from, ByteView bytes) { on_datagram(from, bytes); });
  if (!socket) return tl::unexpected(socket.error());
  socket_ = std::move(*socket);
  started_ = true;
  started_at_ = now();
  discovery_until_ = now() + settings_.discovery;
  discovery_timer_.arm_at(discovery_until_);
  keep_alive_timer_.arm(settings_.keep_alive);
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

void MimpService::set_peer_synced(bool synced) {
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
    discovery_until_ = now() + settings_.hold();
    discovery_timer_.arm_at(discovery_until_);
  }
  enter(MasterState::Standby, true, why);
  settle();
}

void MimpService::request_switchover() {
  if (woke_from_pause() || !peer_up_) return;
  ++request_number_;
  request_ =
      SwitchoverRequest{.number = request_number_, .target = Activation{activation_.value + 1}};
  request_until_ = now() + kRequestLife;
  settle();
}

std::unique_ptr<Service> make_service(platform::Platform& platform, Settings settings,
                                      Activation known_activation, Host& host) {
  return std::make_unique<MimpService>(platform, std::move(settings), known_activation, host);
}

}  // namespace segw::mimp
