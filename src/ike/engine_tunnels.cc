// Auto-establish: tunnels without an IKE SA are begun by us, a few at a time, and later again if
// that fails.
#include <algorithm>

#include "ike/engine_impl.h"

namespace segw::ike {
namespace {

constexpr size_t kSetUpsMax = 64;  // under way at once
constexpr Duration kSpread = std::chrono::milliseconds(200);
constexpr Duration kAgain = std::chrono::milliseconds(500);
constexpr Duration kFirstWait = std::chrono::seconds(4);
constexpr Duration kLongestWait = std::chrono::minutes(4);

}  // namespace

bool EngineImpl::has_ike_sa(uint32_t tunnel) const {
  return std::ranges::any_of(tables_.ike_sas, [&](const auto& entry) {
    const IkeState state = entry.second.state;
    return entry.second.tunnel == tunnel && state != IkeState::HalfOpen &&
           state != IkeState::Closed && state != IkeState::Rekeyed;
  });
}

void EngineImpl::find_wanted_tunnels() {
  set_ups_.clear();
  wanted_.clear();
  set_up_timer_.cancel();
  if (settings_->responder_only) return;
  std::set<uint32_t> held;
  for (const auto& [spi, sa] : tables_.ike_sas) {
    if (sa.state != IkeState::HalfOpen && sa.state != IkeState::Closed) held.insert(sa.tunnel);
  }
  for (const TunnelSettings& each : settings_->tunnels) {
    if (!each.auto_establish || !each.enabled || held.contains(each.index)) continue;
    want_tunnel(each.index, Duration{});
  }
}

// Spread a little: the clients of one site come back together.
void EngineImpl::want_tunnel(uint32_t index, Duration in) {
  SetUp& set_up = set_ups_[index];
  if (set_up.wanted_at) wanted_.erase({*set_up.wanted_at, index});
  const Duration spread = jittered(kSpread);
  const Instant at = std::max(platform_.clock.now() + in, set_up.back_off.until) + spread;
  set_up.wanted_at = at;
  wanted_.insert({at, index});
  set_up_timer_.arm_at(wanted_.begin()->first);
}

void EngineImpl::tunnel_lost(uint32_t index, Duration in) {
  if (!active_ || settings_->responder_only) return;
  const TunnelSettings* settings = tunnel(index);
  if (settings == nullptr || !settings->auto_establish || !settings->enabled) return;
  if (!has_ike_sa(index)) want_tunnel(index, in);
}

void EngineImpl::set_up_failed(uint32_t index) {
  if (is_dynamic(index)) return;  // its client begins
  back_off(set_ups_[index].back_off, kFirstWait, kLongestWait);
}

void EngineImpl::set_up_done(const IkeSa& sa) {
  connecting_.erase(sa.our_spi());
  set_ups_[sa.tunnel].back_off = {};
}

void EngineImpl::on_set_up_timer() {
  if (!active_) return;
  const Instant now = platform_.clock.now();
  while (!wanted_.empty() && wanted_.begin()->first <= now && connecting_.size() < kSetUpsMax) {
    const uint32_t index = wanted_.begin()->second;
    wanted_.erase(wanted_.begin());
    set_ups_[index].wanted_at.reset();
    const TunnelSettings* settings = tunnel(index);
    if (settings == nullptr || !settings->enabled || has_ike_sa(index)) continue;
    const bool client_begins = std::ranges::any_of(half_open_, [&](const auto& entry) {
      return tables_.ike_sas.at(entry.second).tunnel == index;
    });
    if (client_begins) {
      want_tunnel(index, kAgain);
    } else {
      begin_tunnel(*settings);
    }
  }
  if (wanted_.empty()) return;
  // At the bound: as soon as one of those under way has ended.
  const bool full = connecting_.size() >= kSetUpsMax;
  set_up_timer_.arm_at(full ? now + kAgain : wanted_.begin()->first);
}

void EngineImpl::remove_own_attempts(uint32_t tunnel, IkeState in, Changes& changes) {
  std::vector<IkeSpi> gone;
  for (const IkeSpi spi : connecting_) {
    const auto at = tables_.ike_sas.find(spi);
    if (at == tables_.ike_sas.end() || at->second.state != in) continue;
    if (at->second.tunnel == tunnel) gone.push_back(spi);
  }
  for (const IkeSpi spi : gone) remove_ike(spi, false, changes);
}

}  // namespace segw::ike
