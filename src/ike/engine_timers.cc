// What is due for an IKE SA, and when (RFC 7296 2.4, 2.8; sros-facts §6.1). The tables say it, so
// that a takeover changes nothing.
#include <algorithm>

#include "ike/engine_impl.h"

namespace segw::ike {
namespace {

// Longer than a client repeats a request that nobody answers at first.
constexpr Duration kClosedLimit = std::chrono::seconds(60);
// Longer than we wait for the answer that decides about it, a takeover in between included.
constexpr Duration kCandidateLimit = std::chrono::minutes(4);
// A client that began the tunnel makes its further CHILD SAs itself, in this time.
constexpr Duration kClientsTurn = std::chrono::seconds(5);
constexpr Duration kRetry = std::chrono::milliseconds(100);
// Rekeying begins at a random share of the lifetime, in per mille.
constexpr uint32_t kMessageIdMost = UINT32_MAX - 16;  // what is left is for the delete
constexpr uint64_t kSoftLeast = 850;
constexpr uint64_t kSoftMost = 950;
constexpr uint32_t kShiftMax = 6;

bool overlap(const std::vector<esp::TrafficSelector>& all, const esp::TrafficSelector& one) {
  return !narrow(all, {one}).empty();
}

// The first in time; of what is overdue, the first that is added.
void consider(Instant at, Instant now, Instant& best, const auto& take) {
  const Instant when = std::max(at, now);
  if (when >= best) return;
  best = when;
  take();
}

}  // namespace

EngineImpl::Runtime& EngineImpl::runtime(const IkeSa& sa) {
  const auto [at, is_new] = runtimes_.try_emplace(sa.our_spi());
  if (is_new) {
    const Instant now = platform_.clock.now();
    at->second.born = now - sa.age;
    at->second.last_heard = now;
    at->second.closed_at = now;
    at->second.asked_at = now;
    at->second.resend_at = now;  // a request that another chassis left unanswered: at once
    at->second.heard = clean_;
    // Redundancy rule 19: the client may have gone on with a chassis that told nobody.
    if (!clean_) want_numbers(sa, at->second);
  }
  return at->second;
}

Instant EngineImpl::child_born(Spi spi) {
  const auto [at, is_new] = child_born_.try_emplace(spi);
  const auto child = tables_.child_sas.find(spi);
  if (is_new && child != tables_.child_sas.end()) {
    at->second = platform_.clock.now() - child->second.age;
  }
  return at->second;
}

Duration EngineImpl::age(const IkeSa& sa) const {
  const auto run = runtimes_.find(sa.our_spi());
  return run == runtimes_.end() ? sa.age : platform_.clock.now() - run->second.born;
}

Duration EngineImpl::age(const esp::ChildSa& sa) const {
  const auto born = child_born_.find(sa.inbound_spi);
  return born == child_born_.end() ? sa.age : platform_.clock.now() - born->second;
}

Duration EngineImpl::age_of(const IkeSa& sa) {
  const Instant born = runtime(sa).born;
  return platform_.clock.now() - born;
}

Duration EngineImpl::age_of(const esp::ChildSa& sa) {
  const Instant born = child_born(sa.inbound_spi);
  return platform_.clock.now() - born;
}

// Both ends must not begin at the same moment, nor all SAs of a chassis.
Duration EngineImpl::soft(Duration lifetime) {
  if (settings_->responder_only || lifetime.count() == 0) return {};
  const uint64_t share = kSoftLeast + platform_.rng.below(kSoftMost - kSoftLeast + 1);
  return lifetime / 1000 * static_cast<int64_t>(share);
}

Duration EngineImpl::jittered(Duration base) {
  const auto half = static_cast<uint64_t>(base.count() / 2);
  return base + Duration(static_cast<int64_t>(half == 0 ? 0 : platform_.rng.below(half)));
}

void EngineImpl::back_off(BackOff& again, Duration first, Duration most) {
  const uint32_t doublings = std::min(again.failures++, kShiftMax);
  const Duration wait = jittered(std::min<Duration>(most, first * (1U << doublings)));
  again.until = platform_.clock.now() + wait;
}

// All of it at one `now`: a clock that moves meanwhile would make everything due lie ahead for
// ever.
EngineImpl::Task EngineImpl::next_task(const IkeSa& sa, Instant now) {
  const Runtime& run = runtime(sa);
  switch (sa.state) {
    case IkeState::HalfOpen:
      return {.kind = Task::Kind::Forget, .at = run.born + half_open_limit(sa)};
    case IkeState::Closed:
      return {.kind = Task::Kind::Forget, .at = run.closed_at + kClosedLimit};
    case IkeState::Connecting:
    case IkeState::Authenticating:
      return {.kind = Task::Kind::Resend, .at = run.resend_at};
    case IkeState::Candidate:
    case IkeState::Established:
    case IkeState::Rekeyed:
      break;
  }
  if (sa.pending && run.heard) return {.kind = Task::Kind::Resend, .at = run.resend_at};
  Task next;
  add_ends(sa, run, now, next);
  // Redundancy rule 18: nothing is asked of a client that was not heard since an unclean takeover.
  if (!run.heard || sa.state != IkeState::Established) return next;
  if (run.sync_wanted) return {.kind = Task::Kind::SyncMessageIds, .at = Instant{}};
  const bool ends = next.at <= now;  // it may be for what was answered there
  if (run.liveness_wanted && !ends) return {.kind = Task::Kind::Liveness, .at = Instant{}};
  if (run.replay_wanted) return {.kind = Task::Kind::SyncReplayCounters, .at = Instant{}};
  if (sa.address_unverified && !ends) return {.kind = Task::Kind::CheckAddress, .at = Instant{}};
  add_rekeys(sa, run, now, next);
  const TunnelSettings* settings = tunnel(sa);
  if (settings != nullptr) add_entries(sa, run, *settings, now, next);
  const auto ask_liveness = [&](Instant at) {
    consider(at, now, next.at, [&] { next = {.kind = Task::Kind::Liveness, .at = next.at}; });
  };
  if (settings != nullptr && settings->dpd) ask_liveness(run.last_heard + settings->dpd_interval);
  return next;
}

// Hard lifetimes, and what was decided to be deleted.
void EngineImpl::add_ends(const IkeSa& sa, const Runtime& run, Instant now, Task& next) {
  const auto end_ike = [&](Instant at) {
    consider(at, now, next.at, [&] { next = {.kind = Task::Kind::EndIke, .at = next.at}; });
  };
  if (sa.lifetime.count() > 0) end_ike(run.born + sa.lifetime);
  if (sa.delete_after.count() > 0) end_ike(run.born + sa.delete_after - kAtOnce);
  // RFC 7296 2.2: "if sequence numbers grow too large to fit in 32 bits, the SA must be closed".
  if (std::max(sa.next_request_in, sa.next_request_out) > kMessageIdMost) end_ike(now);
  if (sa.state == IkeState::Candidate) end_ike(run.born + kCandidateLimit);
  for (const Spi spi : sa.children) {
    const auto child = tables_.child_sas.find(spi);
    if (child == tables_.child_sas.end()) continue;
    const Instant born = child_born(spi);
    const auto end_child = [&](Duration age) {
      consider(born + age, now, next.at,
               [&] { next = {.kind = Task::Kind::EndChild, .at = next.at, .child = spi}; });
    };
    if (child->second.lifetime.count() > 0) end_child(child->second.lifetime);
    // A client that is not told goes on sending by it: strongSwan by the oldest that it has.
    const bool decided = child->second.delete_after.count() > 0;
    if (decided && run.heard) end_child(child->second.delete_after - kAtOnce);
  }
}

void EngineImpl::add_rekeys(const IkeSa& sa, const Runtime& run, Instant now, Task& next) {
  if (sa.rekey_after.count() > 0) {
    consider(std::max(run.born + sa.rekey_after - kAtOnce, run.ike_rekey.until), now, next.at,
             [&] { next = {.kind = Task::Kind::RekeyIke, .at = next.at}; });
  }
  for (const Spi spi : sa.children) {
    const auto child = tables_.child_sas.find(spi);
    if (child == tables_.child_sas.end() || child->second.rekeyed) continue;
    if (child->second.delete_after.count() > 0) continue;  // it is to end
    const bool turn = automatic_.contains(spi);
    if (!turn && child->second.rekey_after.count() == 0) continue;
    const Instant wanted = turn ? Instant{} : child_born(spi) + child->second.rekey_after - kAtOnce;
    const auto again = run.child_rekeys.find(spi);
    const Instant not_before = again == run.child_rekeys.end() ? Instant{} : again->second.until;
    consider(std::max(wanted, not_before), now, next.at,
             [&] { next = {.kind = Task::Kind::RekeyChild, .at = next.at, .child = spi}; });
  }
}

// A tunnel that we keep up has a CHILD SA for each entry of its security policy.
void EngineImpl::add_entries(const IkeSa& sa, const Runtime& run, const TunnelSettings& settings,
                             Instant now, Task& next) {
  if (!settings.auto_establish || !settings.enabled) return;
  const Instant first = run.born + (sa.we_initiated ? Duration{} : kClientsTurn);
  const size_t entries =
      std::min(settings.local_selectors.size(), settings.remote_selectors.size());
  for (uint32_t entry = 0; entry < entries; ++entry) {
    const bool served = std::ranges::any_of(sa.children, [&](const Spi& spi) {
      const auto child = tables_.child_sas.find(spi);
      return child != tables_.child_sas.end() &&
             overlap(child->second.local_selectors, settings.local_selectors[entry]) &&
             overlap(child->second.remote_selectors, settings.remote_selectors[entry]);
    });
    if (served) continue;
    const auto again = run.entries.find(entry);
    const Instant not_before = again == run.entries.end() ? Instant{} : again->second.until;
    consider(std::max(first, not_before), now, next.at,
             [&] { next = {.kind = Task::Kind::CreateChild, .at = next.at, .entry = entry}; });
  }
}

void EngineImpl::schedule(const IkeSa& sa) {
  Runtime& run = runtime(sa);
  const Instant now = platform_.clock.now();
  const Instant due = next_task(sa, now).at;
  due_.erase({run.due, sa.our_spi()});
  // Overdue: something is in its way (a commit, the duty not to send), so it is tried again.
  run.due = due > now ? due : now + kRetry;
  due_.insert({run.due, sa.our_spi()});
  timer_.arm_at(due_.begin()->first);
}

void EngineImpl::on_timer() {
  if (!active_) return;
  const Instant now = platform_.clock.now();
  std::vector<IkeSpi> ready;
  for (const auto& [due, spi] : due_) {
    if (due > now) break;
    ready.push_back(spi);
  }
  for (const IkeSpi spi : ready) {
    const auto at = tables_.ike_sas.find(spi);
    if (at != tables_.ike_sas.end()) on_due(at->second, now);
  }
  if (!due_.empty())
    timer_.arm_at(std::max(due_.begin()->first, now + std::chrono::milliseconds(1)));
}

void EngineImpl::on_due(IkeSa& sa, Instant now) {
  const PartedCounters::Scope part(counters_, counters_.of(sa));
  const Runtime& run = runtime(sa);
  if (run.committing || run.request_committing) return schedule(sa);
  const Task task = next_task(sa, now);
  if (task.at > now) return schedule(sa);
  perform(sa, task, now);
}

void EngineImpl::perform(IkeSa& sa, const Task& task, Instant now) {
  switch (task.kind) {
    case Task::Kind::Nothing:
      return schedule(sa);
    case Task::Kind::Forget: {
      Changes changes;
      const bool closed = sa.state == IkeState::Closed;
      if (!closed) counters_.add("half-open-expired");
      remove_ike(sa.our_spi(), closed, changes);
      return commit(changes, [] {});
    }
    case Task::Kind::Resend:
      return sa.pending ? repeat_request(sa, now) : give_up(sa);
    case Task::Kind::EndIke:
      return end(sa);
    case Task::Kind::EndChild:
      return end_child(sa, task.child);
    case Task::Kind::RekeyIke:
      begin_rekey_ike(sa);
      return schedule(sa);
    case Task::Kind::RekeyChild:
      begin_rekey_child(sa, task.child);
      return schedule(sa);
    case Task::Kind::CreateChild:
      begin_child(sa, task.entry);
      return schedule(sa);
    case Task::Kind::Liveness:
      if (send_request(sa, {.kind = Kind::Liveness}, {})) {
        runtime(sa).liveness_wanted = false;
      }
      return schedule(sa);
    case Task::Kind::SyncMessageIds:
      begin_sync(sa);
      return schedule(sa);
    case Task::Kind::SyncReplayCounters:
      begin_replay_sync(sa);
      return schedule(sa);
    case Task::Kind::CheckAddress:
      check_address(sa);
      return schedule(sa);
  }
}

}  // namespace segw::ike
