// Requests of our own, their responses, and the timers of every IKE SA (RFC 7296 2.1, 2.4, 2.8).
#include <algorithm>

#include "ike/engine_impl.h"
#include "wire/writer.h"

namespace segw::ike {
namespace {

// Longer than a client repeats a request that nobody answers at first.
constexpr Duration kClosedLimit = std::chrono::seconds(60);

constexpr Duration kHalfOpenLimit = std::chrono::seconds(30);
constexpr Duration kRekeyedLimit = std::chrono::seconds(60);
constexpr Duration kResendFirst = std::chrono::seconds(2);
constexpr uint32_t kResendsMax = 5;
constexpr Duration kFarAway = std::chrono::hours(24 * 365);
constexpr Duration kRetry = std::chrono::milliseconds(100);

}  // namespace

void EngineImpl::send_request(IkeSa& sa, PendingRequest::Kind kind,
                              const std::vector<Payload>& payloads, Spi child) {
  if (sa.pending || runtime(sa).committing) return;
  const auto iv = host_.next_iv(sa);
  if (!iv) return drop("must-not-send");
  const Header header{.initiator = sa.initiator_spi,
                      .responder = sa.responder_spi,
                      .exchange = static_cast<uint8_t>(Exchange::Informational),
                      .from_initiator = false,
                      .is_response = false,
                      .message_id = sa.next_request_out};
  Bytes message =
      protect(header, payloads, sa.suite, sa.keys, Direction::FromResponder, *iv, platform_.rng);
  sa.pending = PendingRequest{
      .kind = kind, .message_id = sa.next_request_out, .message = message, .child = child};
  ++sa.next_request_out;
  Runtime& run = runtime(sa);
  run.resends = 0;
  run.resend_at = platform_.clock.now() + kResendFirst;
  run.request_committing = true;
  counters_.add("own-requests");
  // Redundancy rule 15: own requests, liveness too, are committed before they leave.
  commit(
      Changes{.ike_sas = {sa.our_spi()}},
      [this, spi = sa.our_spi(),
       datagram = Datagram{.local = sa.local, .remote = sa.remote, .message = std::move(message)}] {
        const auto at = runtimes_.find(spi);
        if (at != runtimes_.end()) at->second.request_committing = false;
        host_.send(datagram);
      });
}

void EngineImpl::on_response(IkeSa& sa, const Header& header, const Plain& plain) {
  // Redundancy rule 18: "a response that does not fit the pending request is dropped and counted".
  if (!sa.pending || sa.pending->message_id != header.message_id) return drop("response-unasked");
  if (!decode_payloads(plain.first, plain.bytes)) return drop("response-malformed");
  const PendingRequest done = *sa.pending;
  sa.pending.reset();
  ++sa.authenticated_count;
  Changes changes;
  switch (done.kind) {
    case PendingRequest::Kind::Liveness:
      changes.ike_sas.push_back(sa.our_spi());
      break;
    case PendingRequest::Kind::DeleteChild:
      changes.ike_sas.push_back(sa.our_spi());
      remove_child(done.child, true, changes);
      break;
    case PendingRequest::Kind::DeleteIke:
      remove_ike(sa.our_spi(), true, changes);
      break;
  }
  commit(std::move(changes), [] {});
}

void EngineImpl::clear_tunnel(uint32_t index) {
  std::vector<IkeSpi> spis;
  for (const auto& [spi, sa] : tables_.ike_sas) {
    const bool stands = sa.state == IkeState::Established || sa.state == IkeState::Rekeyed;
    if (stands && sa.tunnel == index) spis.push_back(spi);
  }
  for (const IkeSpi spi : spis) {
    IkeSa& sa = tables_.ike_sas.at(spi);
    runtime(sa).delete_wanted = true;
    end(sa);
  }
}

// The end of an IKE SA that we decide on: the client is asked to delete it. Where it may not be
// asked (redundancy rule 18), what we hold goes.
void EngineImpl::end(IkeSa& sa) {
  if (!runtime(sa).heard) {
    Changes changes;
    counters_.add("ended-unheard");
    remove_ike(sa.our_spi(), false, changes);
    return commit(std::move(changes), [] {});
  }
  send_request(sa, PendingRequest::Kind::DeleteIke,
               {payload::Delete{.protocol = kProtocolIke, .spis = {}}}, Spi{});
  schedule(sa);
}

// ---- timers ----

EngineImpl::Runtime& EngineImpl::runtime(const IkeSa& sa) {
  const auto [at, is_new] = runtimes_.try_emplace(sa.our_spi());
  if (is_new) {
    const Instant now = platform_.clock.now();
    at->second.born = now - sa.age;
    at->second.last_heard = now;
    at->second.rekeyed_at = now;
    at->second.closed_at = now;
    at->second.resend_at = now;  // a request that another chassis left unanswered: at once
    at->second.heard = clean_;
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

Instant EngineImpl::next_due(const IkeSa& sa, const Runtime& run) {
  if (sa.state == IkeState::HalfOpen) return run.born + kHalfOpenLimit;
  if (sa.state == IkeState::Closed) return run.closed_at + kClosedLimit;
  if (sa.pending && run.heard) return run.resend_at;
  if (run.delete_wanted) return run.born;
  Instant due = run.born + (sa.lifetime.count() > 0 ? sa.lifetime : kFarAway);
  if (sa.state == IkeState::Rekeyed) due = std::min(due, run.rekeyed_at + kRekeyedLimit);
  const TunnelSettings* settings = tunnel(sa);
  if (sa.state == IkeState::Established && run.heard && settings != nullptr && settings->dpd) {
    due = std::min(due, run.last_heard + settings->dpd_interval);
  }
  for (const Spi spi : sa.children) {
    const auto child = tables_.child_sas.find(spi);
    if (child == tables_.child_sas.end() || child->second.lifetime.count() == 0) continue;
    due = std::min(due, child_born(spi) + child->second.lifetime);
  }
  return due;
}

void EngineImpl::schedule(const IkeSa& sa) {
  Runtime& run = runtime(sa);
  const Instant now = platform_.clock.now();
  const Instant due = next_due(sa, run);
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
  const Runtime& run = runtime(sa);
  if (run.committing || run.request_committing) return schedule(sa);
  if (sa.state == IkeState::HalfOpen) {
    Changes changes;
    counters_.add("half-open-expired");
    remove_ike(sa.our_spi(), false, changes);
    return commit(std::move(changes), [] {});
  }
  if (sa.state == IkeState::Closed) {
    if (now < run.closed_at + kClosedLimit) return schedule(sa);
    Changes changes;
    remove_ike(sa.our_spi(), true, changes);
    return commit(std::move(changes), [] {});
  }
  // Redundancy rule 18: nothing is asked of a client that was not heard since an unclean takeover.
  if (sa.pending && run.heard) return repeat_request(sa, now);
  const bool old = sa.lifetime.count() > 0 && now >= run.born + sa.lifetime;
  // The client should have deleted it (RFC 7296 2.8); it is not kept for a lifetime.
  const bool left = sa.state == IkeState::Rekeyed && now >= run.rekeyed_at + kRekeyedLimit;
  if (old || left || run.delete_wanted) return end(sa);
  if (expire_children(sa, now)) return schedule(sa);
  const TunnelSettings* settings = tunnel(sa);
  if (sa.state == IkeState::Established && run.heard && settings != nullptr && settings->dpd &&
      now >= run.last_heard + settings->dpd_interval) {
    send_request(sa, PendingRequest::Kind::Liveness, {}, Spi{});
  }
  schedule(sa);
}

void EngineImpl::repeat_request(IkeSa& sa, Instant now) {
  Runtime& run = runtime(sa);
  if (!sa.pending || now < run.resend_at) return schedule(sa);
  const TunnelSettings* settings = tunnel(sa);
  if (run.resends >= (settings != nullptr ? settings->dpd_max_retries : kResendsMax)) {
    // RFC 7296 2.4: the other endpoint has failed; what was kept for it goes.
    Changes changes;
    counters_.add("client-silent");
    remove_ike(sa.our_spi(), false, changes);
    return commit(std::move(changes), [] {});
  }
  run.resend_at = now + kResendFirst * (1U << std::min(++run.resends, kResendsMax));
  counters_.add("requests-repeated");
  host_.send(Datagram{.local = sa.local, .remote = sa.remote, .message = sa.pending->message});
  schedule(sa);
}

// True: there was something to do, and the next child waits for the next turn.
bool EngineImpl::expire_children(IkeSa& sa, Instant now) {
  const bool heard = runtime(sa).heard;
  const std::vector<Spi> children = sa.children;
  for (const Spi child : children) {
    const auto at = tables_.child_sas.find(child);
    if (at == tables_.child_sas.end() || at->second.lifetime.count() == 0) continue;
    if (now < child_born(child) + at->second.lifetime) continue;
    if (heard) {
      wire::Writer out;
      out.u32(child.value);
      send_request(sa, PendingRequest::Kind::DeleteChild,
                   {payload::Delete{.protocol = kProtocolEspSa, .spis = {out.take()}}}, child);
    } else {
      Changes changes{.ike_sas = {sa.our_spi()}};
      counters_.add("ended-unheard");
      remove_child(child, false, changes);
      commit(std::move(changes), [] {});
    }
    return true;
  }
  return false;
}

}  // namespace segw::ike
