// Requests of our own and their responses (RFC 7296 2.1, 2.4).
#include <algorithm>

#include "base/planted.h"
#include "ike/engine_impl.h"
#include "wire/writer.h"

namespace segw::ike {
namespace {

constexpr Duration kResendFirst = std::chrono::seconds(2);
constexpr Duration kResendMost = std::chrono::seconds(16);
constexpr uint32_t kResendsMax = 7;      // 94 s until an answer is given up
constexpr uint32_t kInitResendsMax = 4;  // 46 s: nobody may be there
constexpr uint32_t kShiftMax = 5;
constexpr uint32_t kResendsBeforeSync = 3;
constexpr uint32_t kResendsOfSilent = 2;
constexpr uint32_t kSyncAttemptsMax = 4;

Duration wait_after(uint32_t resends) {
  return std::min<Duration>(kResendMost, kResendFirst * (1U << std::min(resends, kShiftMax)));
}

}  // namespace

Exchange exchange_of(PendingRequest::Kind kind) {
  switch (kind) {
    case PendingRequest::Kind::IkeSaInit:
      return Exchange::SaInit;
    case PendingRequest::Kind::IkeAuth:
      return Exchange::Auth;
    case PendingRequest::Kind::CreateChild:
    case PendingRequest::Kind::RekeyChild:
    case PendingRequest::Kind::RekeyIke:
      return Exchange::CreateChildSa;
    case PendingRequest::Kind::Liveness:
    case PendingRequest::Kind::DeleteChild:
    case PendingRequest::Kind::DeleteIke:
    case PendingRequest::Kind::MessageIdSync:
    case PendingRequest::Kind::CheckAddress:
      break;
  }
  return Exchange::Informational;
}

std::string number_of(const payload::Notify* refusal) {
  if (refusal == nullptr) return "0";
  // RFC 7296 3.10.1: the last of its error types. Counters are few, whatever a client says.
  constexpr auto kLast = static_cast<uint16_t>(NotifyType::ChildSaNotFound);
  return refusal->type <= kLast ? std::to_string(refusal->type) : "other";
}

bool EngineImpl::send_request(IkeSa& sa, PendingRequest pending,
                              const std::vector<Payload>& payloads) {
  // RFC 7296 2.3: "an endpoint MUST wait for a response to each of its messages before sending a
  // subsequent message unless it has received a SET_WINDOW_SIZE": we never have two under way.
  if (sa.pending || runtime(sa).committing) return false;
  const auto iv = host_.next_iv(sa);
  if (!iv) {
    drop("must-not-send");
    return false;
  }
  // RFC 6311 5.1: "The request and the response MUST both be sent with a Message ID value of zero."
  // RFC 7383 3: they "MUST NOT be sent fragmented"; they are smaller than any ikev2-fragment mtu.
  const bool synchronises = pending.kind == Kind::MessageIdSync;
  const Header header{.initiator = sa.initiator_spi,
                      .responder = sa.responder_spi,
                      .exchange = static_cast<uint8_t>(exchange_of(pending.kind)),
                      .from_initiator = sa.we_initiated,
                      .is_response = false,
                      .message_id = synchronises ? 0 : sa.next_request_out};
  pending.message_id = header.message_id;
  pending.datagrams = seal(sa, header, payloads, *iv);
  if (!synchronises) ++sa.next_request_out;
  if (pending.new_child.value != 0) reserved_.insert(pending.new_child);
  sa.pending = std::move(pending);
  counters_.add("own-requests");
  Runtime& run = runtime(sa);
  run.resends = 0;
  run.replay_asked = false;
  run.asked_at = platform_.clock.now();
  run.resend_at = platform_.clock.now() + kResendFirst;
  run.request_committing = true;
  // Redundancy rule 15: own requests, liveness too, are committed before they leave.
  const Changes changes{.ike_sas = {sa.our_spi()}};
  commit(changes, [this, spi = sa.our_spi(), id = sa.pending->message_id] {
    const auto at = runtimes_.find(spi);
    if (at != runtimes_.end()) at->second.request_committing = false;
    const auto still = tables_.ike_sas.find(spi);
    if (still == tables_.ike_sas.end() || !still->second.pending) return;
    if (still->second.pending->message_id == id) transmit(still->second);
  });
  return true;
}

void EngineImpl::transmit(const IkeSa& sa) {
  if (!sa.pending) return;
  for (const Bytes& datagram : sa.pending->datagrams) {
    host_.send(Datagram{.local = sa.local, .remote = sa.remote, .message = datagram});
  }
}

void EngineImpl::repeat_request(IkeSa& sa, Instant now) {
  if (!sa.pending) return;
  Runtime& run = runtime(sa);
  const TunnelSettings* settings = tunnel(sa);
  uint32_t most = kResendsMax;
  if (sa.state == IkeState::Connecting) most = kInitResendsMax;
  // dpd max-retries says how sure one must be that the client has gone.
  if (sa.pending->kind == Kind::Liveness && settings != nullptr) most = settings->dpd_max_retries;
  // Whoever sends ESP or asks us something lives, whatever becomes of our question. But with a
  // window of one nothing else can be asked, and what is to end would never end. Without dpd it is
  // asked too (redundancy rule 17): then a word since it was asked last is enough.
  Task ends;
  add_ends(sa, run, now, ends);
  const Duration heard_in =
      std::max(settings == nullptr ? Duration{} : settings->dpd_interval, wait_after(run.resends));
  const bool lives =
      sa.pending->kind == Kind::Liveness && now - run.last_heard < heard_in && ends.at > now;
  if (sa.pending->kind == Kind::MessageIdSync) {
    if (run.sync_attempts >= kSyncAttemptsMax) return give_up(sa);
    begin_sync(sa);
    return schedule(sa);
  }
  // Redundancy rule 19.
  if (run.resends >= std::min(most, kResendsBeforeSync) && syncs_instead(sa, run)) {
    begin_sync(sa);
    return schedule(sa);
  }
  if (run.resends >= most && !lives) return give_up(sa);
  run.resend_at = now + wait_after(++run.resends);
  counters_.add("requests-repeated");
  transmit(sa);
  schedule(sa);
}

// RFC 7296 2.4: the other endpoint has failed; what was kept for it goes.
bool EngineImpl::does_not_answer(IkeSpi our_spi) const {
  const auto sa = tables_.ike_sas.find(our_spi);
  const auto run = runtimes_.find(our_spi);
  if (sa == tables_.ike_sas.end() || run == runtimes_.end()) return false;
  return sa->second.pending && run->second.resends >= kResendsOfSilent;
}

void EngineImpl::give_up(IkeSa& sa) {
  if (sa.state == IkeState::Connecting || sa.state == IkeState::Authenticating) {
    return fail_set_up(sa, "set-up-unanswered");
  }
  Changes changes;
  counters_.add("client-silent");
  settle_for_rival(sa, changes);  // silent on this one only, perhaps
  remove_ike(sa.our_spi(), SEGW_PLANTED(liveness_tombstone), changes);
  commit(changes, [] {});
}

void EngineImpl::on_response(IkeSa& sa, const Header& header, const Plain& plain) {
  // Redundancy rule 18: "a response that does not fit the pending request is dropped and counted".
  if (!sa.pending || sa.pending->message_id != header.message_id) {
    // It may answer what the chassis before us asked.
    if (header.message_id >= sa.next_request_out) note_heard(sa);
    return drop("response-unasked");
  }
  if (runtime(sa).request_committing) return drop("response-unasked");
  if (header.exchange != static_cast<uint8_t>(exchange_of(sa.pending->kind))) {
    return answered_another(sa);
  }
  // Of synchronisations all have one message ID: an old answer is told by its nonce.
  if (sa.pending->kind != Kind::MessageIdSync) note_heard(sa);
  const auto payloads = decode_payloads(plain.first, plain.bytes);
  if (!payloads) return drop("response-malformed");
  if (sa.pending->kind == Kind::MessageIdSync) return on_sync_answer(sa, *payloads);
  runtime(sa).synced = false;
  const PendingRequest done = std::move(*sa.pending);
  sa.pending.reset();
  reserved_.erase(done.new_child);
  ++sa.authenticated_count;
  const IkeSpi spi = sa.our_spi();
  // RFC 7296 2.21: what is malformed ends the IKE SA "without requiring an explicit INFORMATIONAL
  // exchange carrying a Delete payload": the client has ended it.
  if (done.kind != Kind::IkeAuth && find_notify(*payloads, NotifyType::InvalidSyntax) != nullptr) {
    counters_.add("client-found-us-malformed");
    Changes changes;
    remove_ike(spi, true, changes);
    return commit(changes, [] {});
  }
  finish(sa, done, *payloads);
  proceed(spi);
}

// The chassis before us asked something else under this ID. To the client ours is that request once
// more (RFC 7296 2.1), so it will never look at it: what it was for has another ID. SAs that it
// should have made are refused, so that a client which answers so always is not asked at once.
void EngineImpl::answered_another(IkeSa& sa) {
  drop("response-other-exchange");
  if (!sa.pending) return;
  const Kind kind = sa.pending->kind;
  if (kind == Kind::IkeAuth || kind == Kind::MessageIdSync) return;
  note_heard(sa);
  const IkeSpi spi = sa.our_spi();
  if (exchange_of(kind) == Exchange::CreateChildSa) {
    const PendingRequest done = std::move(*sa.pending);
    sa.pending.reset();
    reserved_.erase(done.new_child);
    finish(sa, done, {});
  } else {
    Changes changes{.ike_sas = {spi}};
    abandon_request(sa, changes);
    commit(changes, [] {});
  }
  proceed(spi);
}

void EngineImpl::finish(IkeSa& sa, const PendingRequest& done,
                        const std::vector<Payload>& payloads) {
  switch (done.kind) {
    case Kind::Liveness:
      if (runtime(sa).replay_asked) raise_edges(sa);
      return commit(Changes{.ike_sas = {sa.our_spi()}}, [] {});
    case Kind::DeleteChild:
      return finish_delete_child(sa, done, payloads);
    case Kind::DeleteIke: {
      Changes changes;
      remove_ike(sa.our_spi(), true, changes);
      return commit(changes, [] {});
    }
    case Kind::IkeSaInit:
      return;  // its answer is not protected
    case Kind::IkeAuth:
      return finish_auth(sa, done, payloads);
    case Kind::CreateChild:
    case Kind::RekeyChild:
      return finish_child(sa, done, payloads);
    case Kind::RekeyIke:
      return finish_rekey_ike(sa, done, payloads);
    case Kind::MessageIdSync:
      return;  // on_sync_answer()
    case Kind::CheckAddress:
      return finish_check(sa, done, payloads);
  }
}

// RFC 7296 1.4.1: "Normally, the response in the INFORMATIONAL exchange will contain Delete
// payloads for the paired SAs going in the other direction." One that names others only answers
// what another chassis had it delete under this message ID.
bool EngineImpl::deletes_another(const PendingRequest& done,
                                 const std::vector<Payload>& payloads) const {
  const auto child = tables_.child_sas.find(done.child);
  if (child == tables_.child_sas.end()) return false;
  const Bytes paired = spi_bytes(child->second.outbound_spi);
  bool others = false;
  for (const Payload& each : payloads) {
    const auto* deleted = std::get_if<payload::Delete>(&each);
    if (deleted == nullptr || deleted->protocol != kProtocolEspSa) continue;
    if (std::ranges::find(deleted->spis, paired) != deleted->spis.end()) return false;
    others = others || !deleted->spis.empty();
  }
  return others;
}

void EngineImpl::finish_delete_child(IkeSa& sa, const PendingRequest& done,
                                     const std::vector<Payload>& payloads) {
  Changes changes{.ike_sas = {sa.our_spi()}};
  if (deletes_another(done, payloads)) {
    counters_.add("response-other-delete");  // it stays due, under the next ID
    return commit(changes, [] {});
  }
  remove_child(done.child, true, changes);
  commit(changes, [] {});
}

// What became due by the last step, without waiting for a timer.
void EngineImpl::proceed(IkeSpi spi) {
  const auto at = tables_.ike_sas.find(spi);
  if (at == tables_.ike_sas.end() || !active_) return;
  const Instant now = platform_.clock.now();
  if (!at->second.pending && next_task(at->second, now).at <= now) return on_due(at->second, now);
  schedule(at->second);
}

void EngineImpl::clear_tunnel(uint32_t index) {
  std::vector<IkeSpi> spis;
  for (const auto& [spi, sa] : tables_.ike_sas) {
    const bool stands = sa.state == IkeState::Established || sa.state == IkeState::Rekeyed ||
                        sa.state == IkeState::Candidate;
    if (stands && sa.tunnel == index) spis.push_back(spi);
  }
  for (const IkeSpi spi : spis) end_for_good(tables_.ike_sas.at(spi));
  Changes changes;
  remove_own_attempts(index, IkeState::Connecting, changes);
  remove_own_attempts(index, IkeState::Authenticating, changes);
  if (!changes.deleted_ike_sas.empty()) commit(changes, [] {});
  if (is_dynamic(index)) return;  // its client begins
  set_ups_[index].back_off = {};
  tunnel_lost(index, Duration{});
}

// The wish is part of the table, so that the next chassis has it too.
void EngineImpl::rekey_child(Spi inbound_spi) {
  const auto at = tables_.child_sas.find(inbound_spi);
  if (!active_ || at == tables_.child_sas.end()) return;
  at->second.rekey_after = kAtOnce + age_of(at->second);
  const IkeSpi owner = at->second.ike_sa;
  commit(Changes{.child_sas = {inbound_spi}}, [this, owner] { proceed(owner); });
}

void EngineImpl::rekey_ike(IkeSpi our_spi) {
  const auto at = tables_.ike_sas.find(our_spi);
  if (!active_ || at == tables_.ike_sas.end()) return;
  at->second.rekey_after = kAtOnce + age_of(at->second);
  commit(Changes{.ike_sas = {our_spi}}, [this, our_spi] { proceed(our_spi); });
}

void EngineImpl::delete_child(Spi inbound_spi) {
  const auto at = tables_.child_sas.find(inbound_spi);
  if (!active_ || at == tables_.child_sas.end()) return;
  at->second.delete_after = kAtOnce + age_of(at->second);
  const IkeSpi owner = at->second.ike_sa;
  commit(Changes{.child_sas = {inbound_spi}}, [this, owner] { proceed(owner); });
}

void EngineImpl::delete_ike(IkeSpi our_spi) {
  const auto at = tables_.ike_sas.find(our_spi);
  if (!active_ || at == tables_.ike_sas.end()) return;
  at->second.delete_after = kAtOnce + age_of(at->second);
  commit(Changes{.ike_sas = {our_spi}}, [this, our_spi] { proceed(our_spi); });
}

// Not part of the table: the next chassis need not know that somebody was curious.
void EngineImpl::ask_liveness(IkeSpi our_spi) {
  const auto at = tables_.ike_sas.find(our_spi);
  if (!active_ || at == tables_.ike_sas.end()) return;
  runtime(at->second).liveness_wanted = true;
  proceed(our_spi);
}

void EngineImpl::ask_delete_ike(IkeSa& sa) {
  send_request(sa, {.kind = Kind::DeleteIke},
               {payload::Delete{.protocol = kProtocolIke, .spis = {}}});
}

// RFC 7296 1.4.1: an endpoint deletes the SAs that it receives by. One that is in no table was
// agreed to and not made; its SPI stays reserved.
bool EngineImpl::ask_delete_child(IkeSa& sa, Spi child) {
  const Spi unmade = tables_.child_sas.contains(child) ? Spi{} : child;
  return send_request(sa, {.kind = Kind::DeleteChild, .child = child, .new_child = unmade},
                      {payload::Delete{.protocol = kProtocolEspSa, .spis = {spi_bytes(child)}}});
}

// The end of an IKE SA that we decide on: the client is asked to delete it. Where it may not be
// asked (redundancy rule 18), what we hold goes.
void EngineImpl::end(IkeSa& sa) {
  if (!runtime(sa).heard) {
    Changes changes;
    counters_.add("ended-unheard");
    remove_ike(sa.our_spi(), false, changes);
    return commit(changes, [] {});
  }
  ask_delete_ike(sa);
  schedule(sa);
}

// The same, and where the client cannot be asked now, as soon as it can, by whichever chassis.
void EngineImpl::end_for_good(IkeSa& sa) {
  const IkeSpi spi = sa.our_spi();
  sa.delete_after = kAtOnce + age_of(sa);
  end(sa);
  const auto still = tables_.ike_sas.find(spi);
  if (still == tables_.ike_sas.end()) return;
  const auto& pending = still->second.pending;
  if (pending && pending->kind == Kind::DeleteIke) return;  // the wish is in its record
  commit(Changes{.ike_sas = {spi}}, [] {});
}

void EngineImpl::end_child(IkeSa& sa, Spi child) {
  if (runtime(sa).heard) {
    ask_delete_child(sa, child);
  } else {
    Changes changes{.ike_sas = {sa.our_spi()}};
    counters_.add("ended-unheard");
    remove_child(child, false, changes);
    commit(changes, [] {});
  }
  schedule(sa);
}

}  // namespace segw::ike
