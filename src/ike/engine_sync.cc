// Message IDs and ESP numbers after a takeover (RFC 6311): as the cluster we ask, as somebody's
// peer we answer. What the numbers become is decided in message_id_sync.cc and
// replay_counter_sync.cc.
#include "esp/algorithm.h"
#include "ike/engine_impl.h"
#include "ike/message_id_sync.h"
#include "ike/replay_counter_sync.h"

namespace segw::ike {
namespace {

// A takeover makes it due for every client at once.
constexpr Duration kSyncTurn = std::chrono::milliseconds(100);
constexpr size_t kSyncsPerTurn = 100;
constexpr Duration kToldLate = std::chrono::milliseconds(500);  // five reports of an ISA

MessageIds ids_of(const IkeSa& sa) {
  return {
      .next_in = sa.next_request_in, .next_out = sa.next_request_out, .highest_m1 = sa.highest_m1};
}

void set_ids(IkeSa& sa, const MessageIds& ids) {
  sa.next_request_in = ids.next_in;
  sa.next_request_out = ids.next_out;
  sa.highest_m1 = ids.highest_m1;
}

}  // namespace

// A request of ours that will not be answered any more: what it was for becomes due again.
void EngineImpl::abandon_request(IkeSa& sa, Changes& changes) {
  if (!sa.pending) return;
  settle_for_rival(sa, changes);
  if (sa.pending->kind != Kind::MessageIdSync) counters_.add("requests-abandoned");
  reserved_.erase(sa.pending->new_child);
  Runtime& run = runtime(sa);
  if (!run.edges_asked.empty()) run.replay_wanted = true;
  // Its SPI is in no table: only the end of the IKE SA still tells the client.
  const bool unmade = sa.pending->kind == Kind::DeleteChild && sa.pending->new_child.value != 0;
  if (unmade) sa.delete_after = kAtOnce + age_of(sa);
  sa.pending.reset();
}

// As the peer. False: it is an ordinary message.
bool EngineImpl::on_sync_request(IkeSa& sa, const Datagram& datagram, const Header& header,
                                 const Plain& plain) {
  const bool stands = sa.state == IkeState::Established || sa.state == IkeState::Rekeyed;
  if (!stands || header.exchange != static_cast<uint8_t>(Exchange::Informational)) return false;
  const auto payloads = decode_payloads(plain.first, plain.bytes);
  if (!payloads) return false;
  const auto* asked = find_notify(*payloads, NotifyType::MessageIdSync);
  if (asked == nullptr) return false;
  const auto sync = decode_message_id_sync(asked->data);
  if (!sa.peer_supports_message_id_sync || !sync) {
    drop(sync ? "sync-not-agreed" : "sync-malformed");
    return true;
  }
  const auto result = answer_sync(*sync, ids_of(sa));
  // Anybody may repeat a recorded one: it costs no IV.
  const auto iv = result ? host_.next_iv(sa) : std::nullopt;
  if (!iv) {
    drop(result ? "must-not-send" : "sync-stale");
    return true;
  }
  note_heard(sa);
  // The member that acts now knows nothing of what the one before was asked.
  Changes changes;
  abandon_request(sa, changes);
  changes.ike_sas.push_back(sa.our_spi());
  set_ids(sa, result->ids);
  ++sa.authenticated_count;
  counters_.add("syncs-answered");
  // RFC 6311 5.2: "the peer MUST process the Message ID notification first (which might cause the
  // entire message to be dropped as a replay)."
  on_replay_sync(sa, *payloads, changes);
  const Header reply{.initiator = sa.initiator_spi,
                     .responder = sa.responder_spi,
                     .exchange = header.exchange,
                     .from_initiator = sa.we_initiated,
                     .is_response = true,
                     .message_id = 0};
  auto response = seal(
      sa, reply, {notify(NotifyType::MessageIdSync, encode_message_id_sync(result->answer))}, *iv);
  runtime(sa).committing = true;
  commit(changes, [this, spi = sa.our_spi(), response = std::move(response), local = datagram.local,
                   remote = datagram.remote] {
    const auto at = runtimes_.find(spi);
    if (at != runtimes_.end()) at->second.committing = false;
    for (const Bytes& each : response) {
      host_.send(Datagram{.local = local, .remote = remote, .message = each});
    }
  });
  return true;
}

// Somebody else may have gone on with the client: its message IDs are to be looked at. strongSwan
// (5.9.8 and later) ends an IKE SA with a combined mode cipher when it is to use message ID 0,
// which a synchronisation has, for a second time. Such a client is asked something ordinary first,
// and nothing else; it synchronises only if it does not answer that although it speaks.
void EngineImpl::want_numbers(const IkeSa& sa, Runtime& run) {
  const bool used_zero =
      (sa.we_initiated ? sa.next_request_in : sa.next_request_out) > 0 || sa.highest_m1 > 0;
  const bool in_danger = used_zero && esp::algorithm(sa.suite.encryption).combined();
  run.sync_wanted = sa.peer_supports_message_id_sync && !in_danger;
  run.replay_wanted = sa.peer_supports_replay_counter_sync;
  run.liveness_wanted = sa.peer_supports_message_id_sync && in_danger;
}

// Only who speaks and does not answer may be out of step: numbers do not mend a broken path.
bool EngineImpl::syncs_instead(const IkeSa& sa, const Runtime& run) const {
  // What came before the request may be told after it: an ISA tells of ESP each 100 ms (rule 20).
  if (run.last_heard <= run.asked_at + kToldLate) return false;
  return sa.peer_supports_message_id_sync && sa.state == IkeState::Established && !run.synced;
}

// Whether as many have begun in this turn as may.
bool EngineImpl::sync_turn_is_over() {
  const Instant now = platform_.clock.now();
  if (now - sync_turn_since_ >= kSyncTurn) {
    sync_turn_since_ = now;
    sync_turn_used_ = 0;
  }
  return sync_turn_used_ >= kSyncsPerTurn;
}

// As the cluster. Redundancy rule 19: "every attempt with a new nonce and a strictly higher M1,
// committed before it is sent".
void EngineImpl::begin_sync(IkeSa& sa) {
  if (runtime(sa).committing || runtime(sa).request_committing) return;
  Changes changes;
  if (settle_for_rival(sa, changes)) {
    // The client goes on with its successor, and deletes this one.
    abandon_request(sa, changes);
    return commit(changes, [] {});
  }
  if (sync_turn_is_over()) return;  // it stays due
  ++sync_turn_used_;
  const auto nonce = static_cast<uint32_t>(platform_.rng.next());
  const auto asked = ask_sync(ids_of(sa), nonce);
  if (!asked) {
    // It is not tried again: what waits is given up as if there were no synchronisation.
    counters_.add("message-ids-used-up");
    Runtime& run = runtime(sa);
    run.sync_wanted = false;
    run.synced = true;
    run.sync_attempts = UINT32_MAX;
    return;
  }
  abandon_request(sa, changes);
  const MessageIds before = ids_of(sa);
  set_ids(sa, asked->ids);
  PendingRequest pending;
  pending.kind = Kind::MessageIdSync;
  pending.nonce = encode_message_id_sync(asked->request);
  // RFC 6311 5.1: "Both the request and the response MUST NOT contain any additional payloads,
  // other than an optional IPSEC_REPLAY_COUNTER_SYNC notification in the request."
  std::vector<Payload> payloads = replay_request(sa);
  const bool asks_replay = !payloads.empty();
  payloads.insert(payloads.begin(), notify(NotifyType::MessageIdSync, pending.nonce));
  if (!send_request(sa, std::move(pending), payloads)) return set_ids(sa, before);
  Runtime& run = runtime(sa);
  run.replay_asked = asks_replay;
  run.sync_wanted = false;
  run.replay_wanted = false;
  ++run.sync_attempts;
  counters_.add("syncs-asked");
}

void EngineImpl::on_sync_answer(IkeSa& sa, const std::vector<Payload>& payloads) {
  const auto request = decode_message_id_sync(sa.pending ? sa.pending->nonce : Bytes{});
  const auto* found = find_notify(payloads, NotifyType::MessageIdSync);
  const auto answered = decode_message_id_sync(found == nullptr ? Bytes{} : found->data);
  if (!request || !answered) return drop("sync-answer-malformed");
  const auto ids = take_sync_answer(*request, *answered, ids_of(sa));
  if (!ids) return drop("sync-answer-unfit");
  note_heard(sa);
  Runtime& run = runtime(sa);
  if (run.replay_asked) raise_edges(sa);
  Changes changes{.ike_sas = {sa.our_spi()}};
  abandon_request(sa, changes);
  set_ids(sa, *ids);
  ++sa.authenticated_count;
  run.sync_attempts = 0;
  run.synced = true;
  counters_.add("syncs-done");
  commit(changes, [] {});
  proceed(sa.our_spi());
}

// What is added to a request that a client answers. The first attempt says from where its numbers
// count: it skips some for each attempt that reaches it, and we refuse those of one only.
std::vector<Payload> EngineImpl::replay_request(const IkeSa& sa) {
  Runtime& run = runtime(sa);
  if (!run.replay_wanted && run.edges_asked.empty()) return {};
  std::vector<ReplayEdge> edges;
  std::map<Spi, uint64_t> asked;
  for (const Spi spi : sa.children) {
    const auto child = tables_.child_sas.find(spi);
    if (child == tables_.child_sas.end()) continue;
    const uint64_t highest = host_.position(spi).inbound_highest;
    edges.push_back(
        {.highest = highest, .extended = child->second.suite.extended_sequence_numbers});
    asked[spi] = highest;
  }
  const auto delta = delta_to_ask(edges);
  if (!delta) {
    counters_.add("replay-sync-not-possible");
    run.replay_wanted = false;
    run.edges_asked.clear();
    return {};
  }
  if (run.edges_asked.empty()) {
    for (auto& [spi, edge] : asked) edge += *delta;
    run.edges_asked = std::move(asked);
  }
  counters_.add("replay-syncs-asked");
  return {
      notify(NotifyType::ReplayCounterSync, encode_replay_delta(*delta, edges.front().extended))};
}

// RFC 6311 5: where only this is wanted, "a regular IKEv2 Informational exchange using the current
// Message ID values"; any answer to it will do.
void EngineImpl::begin_replay_sync(IkeSa& sa) {
  const Runtime& run = runtime(sa);
  if (sa.pending || run.committing || run.request_committing) return;
  if (sync_turn_is_over()) return;  // it stays due
  const std::vector<Payload> payloads = replay_request(sa);
  if (payloads.empty()) return;
  ++sync_turn_used_;
  if (!send_request(sa, {.kind = Kind::Liveness}, payloads)) return;
  runtime(sa).replay_asked = true;
  runtime(sa).replay_wanted = false;
}

// Redundancy rule 19: "our inbound edge moves only after its answer". What another IKE SA has
// inherited meanwhile the client did not skip on this one.
void EngineImpl::raise_edges(const IkeSa& sa) {
  for (const auto& [spi, edge] : std::exchange(runtime(sa).edges_asked, {})) {
    const auto child = tables_.child_sas.find(spi);
    if (child == tables_.child_sas.end() || child->second.ike_sa != sa.our_spi()) continue;
    host_.raise_edge(spi, edge);
    counters_.add("replay-edges-raised");
  }
}

// As the peer. The records say what is not used any more: a chassis that takes over goes on above.
void EngineImpl::on_replay_sync(IkeSa& sa, const std::vector<Payload>& payloads, Changes& changes) {
  const auto* asked = find_notify(payloads, NotifyType::ReplayCounterSync);
  if (asked == nullptr) return;
  const auto delta = decode_replay_delta(asked->data);
  if (!sa.peer_supports_replay_counter_sync || !delta) {
    return drop(delta ? "replay-sync-not-agreed" : "replay-sync-malformed");
  }
  counters_.add("replay-syncs-answered");
  // RFC 6311 5.2: "it MUST increment the replay counters for all Child SAs associated with the
  // current IKE SA by the amount requested by the cluster member."
  std::vector<Spi> spis = sa.children;
  if (sa.state == IkeState::Rekeyed) {
    // A cluster that asked before it was rekeyed means those that its successor has inherited.
    for (const auto& [spi, child] : tables_.child_sas) {
      if (child.tunnel == sa.tunnel) spis.push_back(spi);
    }
  }
  for (const Spi spi : spis) {
    const auto at = tables_.child_sas.find(spi);
    if (at == tables_.child_sas.end()) continue;
    esp::ChildSa& child = at->second;
    const uint64_t next = std::max(host_.position(spi).outbound_next, child.outbound_floor);
    const Advance to = advance(next, *delta, child.suite.extended_sequence_numbers);
    if (to.next) child.outbound_floor = *to.next;
    if (to.rekey && !child.rekeyed) {
      counters_.add("replay-sync-rekeys");
      child.rekey_after = kAtOnce + age_of(child);
    }
    host_.install(child);
    changes.child_sas.push_back(spi);
  }
}

}  // namespace segw::ike
