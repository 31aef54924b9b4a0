// Who may begin an IKE SA, decided before anything is decoded and before any Diffie-Hellman
// (RFC 7296 2.6). Under attack, that is with as many half-open IKE SAs as the threshold: a cookie
// first, then a place in a queue that is worked off a few at a time, so that whoever stands already
// is served in between; half-open ones live less long, and one address has few of them.
#include <algorithm>

#include "ike/cookie.h"
#include "ike/engine_impl.h"

namespace segw::ike {
namespace {

constexpr size_t kInitQueueMax = 256;
constexpr size_t kInitsPerTurn = 4;
constexpr size_t kInitsWorkingMax = 64;  // with the workers at one time
constexpr Duration kInitTurn = std::chrono::milliseconds(1);
constexpr size_t kHalfOpenOfOneMax = 16;  // of one address, under attack
constexpr Duration kHalfOpenLimit = std::chrono::seconds(30);

}  // namespace

bool EngineImpl::under_attack() const {
  return half_open_.size() + init_working_.size() >= settings_->half_open_cookie_threshold;
}

// Of an IKE SA in any state: as long as a gateway's client has not said who it is, the gateway's.
const TunnelSettings* EngineImpl::options_of(const IkeSa& sa) const {
  if (const TunnelSettings* found = tunnel(sa)) return found;
  const Gateway* open = gateway(sa.local.address);
  return open == nullptr ? nullptr : &open->settings->own;
}

// With those that are about to be.
size_t EngineImpl::half_open_of(const IpAddress& remote) const {
  const auto is_of = [&](const InitKey& key) { return key.second.address == remote; };
  return static_cast<size_t>(
      std::ranges::count_if(half_open_, [&](const auto& entry) { return is_of(entry.first); }) +
      std::ranges::count_if(init_working_, is_of));
}

// True: it is to be answered at once.
bool EngineImpl::admit(const Datagram& datagram, const Header& header) {
  const Instant now = platform_.clock.now();
  const bool served = settings_for_init(datagram) != nullptr;
  if (served && lockout_.blocked(datagram.remote, now)) {
    drop("locked-out");
    return false;
  }
  if (!served) return true;
  if (!under_attack()) {
    const bool busy = init_working_.size() >= kInitsWorkingMax;
    if (busy) drop("init-workers-busy");
    return !busy;
  }
  const auto peek = peek_init(header.next_payload, ByteView(datagram.message).subspan(kHeaderSize));
  if (!peek) {
    drop("init-malformed-under-attack");
    return false;
  }
  const CookieFor whom{
      .nonce = peek->nonce, .address = datagram.remote.address, .initiator = header.initiator};
  const auto wall = platform_.clock.wall();
  if (std::ranges::none_of(cookie_keys_, [&](const SecretBytes& key) {
        return cookie_holds(key, whom, peek->cookie, wall);
      })) {
    counters_.add("cookies-asked");
    send_unprotected(datagram, header, IkeSpi{},
                     {notify(NotifyType::Cookie, make_cookie(cookie_keys_.front(), whom, wall))});
    return false;
  }
  if (half_open_of(datagram.remote.address) >= kHalfOpenOfOneMax) {
    drop("init-too-many-of-one-address");
    return false;
  }
  if (now - init_turn_since_ >= kInitTurn) {
    init_turn_since_ = now;
    init_turn_used_ = 0;
  }
  const bool busy = init_working_.size() >= kInitsWorkingMax;
  if (init_queue_.empty() && init_turn_used_ < kInitsPerTurn && !busy) {
    ++init_turn_used_;
    return true;
  }
  if (init_queue_.size() >= kInitQueueMax) {
    drop("init-queue-full");
    return false;
  }
  counters_.add("inits-queued");
  if (init_queue_.empty()) init_timer_.arm_at(init_turn_since_ + kInitTurn);
  init_queue_.push_back({.datagram = datagram, .header = header});
  return false;
}

// A few, and then whatever else came meanwhile.
void EngineImpl::on_init_turn() {
  if (!active_) return;
  init_turn_since_ = platform_.clock.now();
  for (init_turn_used_ = 0; init_turn_used_ < kInitsPerTurn; ++init_turn_used_) {
    if (init_queue_.empty()) return;
    if (init_working_.size() >= kInitsWorkingMax) break;
    const QueuedInit next = std::move(init_queue_.front());
    init_queue_.pop_front();
    // It was repeated while it waited.
    const InitKey key{next.header.initiator, next.datagram.remote};
    if (half_open_.contains(key) || init_working_.contains(key)) continue;
    // Those before it in the queue count by now.
    if (half_open_of(next.datagram.remote.address) >= kHalfOpenOfOneMax) {
      drop("init-too-many-of-one-address");
      continue;
    }
    const PartedCounters::Scope part(
        counters_, counters_.between(next.datagram.local.address, next.datagram.remote.address));
    answer_init(next.datagram, next.header);
  }
  if (!init_queue_.empty()) init_timer_.arm_at(init_turn_since_ + kInitTurn);
}

// The only place where there come to be more of them: later one with the workers becomes a
// half-open one, or nothing.
void EngineImpl::begin_working(const InitKey& key) {
  const bool before = under_attack();
  init_working_.insert(key);
  if (before || !under_attack()) return;
  // The attack begins: those that there are live less long, too.
  counters_.add("attacks-begun");
  for (const auto& [each, half_open] : half_open_) schedule(tables_.ike_sas.at(half_open));
}

Duration EngineImpl::half_open_limit(const IkeSa& sa) const {
  if (!under_attack()) return kHalfOpenLimit;
  const TunnelSettings* settings = options_of(sa);
  if (settings == nullptr) return kHalfOpenLimit;
  return settings->options.reduced_exchange_timeout.value_or(kHalfOpenLimit);
}

// Where its IKE_SA_INIT came from: IKE_AUTH may come from another port.
Endpoint EngineImpl::began_at(const IkeSa& sa) const {
  const auto at = std::ranges::find_if(
      half_open_, [&](const auto& entry) { return entry.second == sa.our_spi(); });
  return at == half_open_.end() ? sa.remote : at->first.second;
}

void EngineImpl::note_failed(const Endpoint& remote, const IkeSa& sa) {
  const TunnelSettings* settings = options_of(sa);
  if (settings == nullptr || !settings->options.lockout) return;
  if (lockout_.failed(remote, *settings->options.lockout, platform_.clock.now())) {
    counters_.add("lockouts");
  }
}

}  // namespace segw::ike
