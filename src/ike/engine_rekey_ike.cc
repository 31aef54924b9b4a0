// Rekeying the IKE SA, in both roles (RFC 7296 1.3.2, 2.8.2, 2.18, 2.25.2): the successor inherits
// the CHILD SAs.
#include <algorithm>

#include "crypto/crypto.h"
#include "esp/holders.h"
#include "ike/engine_impl.h"
#include "ike/offer.h"
#include "wire/reader.h"
#include "wire/writer.h"

namespace segw::ike {
namespace {

constexpr int kRekeyedMax = 4;  // IKE SAs of one tunnel that wait for the client's delete
constexpr size_t kNonceSize = 32;
constexpr size_t kIkeSpiSize = 8;
constexpr uint8_t kRetoldMax = 2;
// The client should delete what it rekeyed (RFC 7296 2.8); it is not kept for a lifetime.
constexpr Duration kRekeyedLimit = std::chrono::seconds(60);
constexpr Duration kMomentFirst = std::chrono::seconds(3);
constexpr Duration kMomentMost = std::chrono::seconds(60);
constexpr Duration kRefusedFirst = std::chrono::minutes(1);
constexpr Duration kRefusedMost = std::chrono::minutes(30);

Bytes group_bytes(Group group) {
  wire::Writer out;
  out.u16(static_cast<uint16_t>(group));
  return out.take();
}

Bytes ike_spi_bytes(IkeSpi spi) {
  wire::Writer out;
  out.u64(spi.value);
  return out.take();
}

std::optional<IkeSpi> ike_spi_in(const payload::Proposal& proposal) {
  wire::Reader in(proposal.spi);
  const IkeSpi spi{in.u64("spi")};
  if (proposal.spi.size() != kIkeSpiSize || spi.value == 0) return std::nullopt;
  return spi;
}

}  // namespace

IkeSa& EngineImpl::keep_successor(const IkeSa& sa, const SuccessorParts& parts, Changes& changes) {
  IkeSa next = sa;
  next.initiator_spi = parts.initiator_spi;
  next.responder_spi = parts.responder_spi;
  next.we_initiated = parts.we_initiated;
  next.state = IkeState::Established;
  next.suite = parts.suite;
  next.lifetime = parts.lifetime;
  next.keys = derive_rekeyed(parts.suite, sa.suite.prf, sa.keys.sk_d, parts.shared, parts.nonces,
                             {.initiator = next.initiator_spi, .responder = next.responder_spi});
  next.next_request_in = 0;
  next.next_request_out = 0;
  next.last_answer.reset();
  next.pending.reset();
  next.children.clear();
  next.age = {};
  next.highest_m1 = 0;
  next.rekey_after = soft(parts.lifetime);
  next.delete_after = {};
  next.holders = parts.holders;
  esp::add_holder(next.holders, {.slot = settings_->slot, .incarnation = settings_->incarnation});
  const IkeSpi spi = next.our_spi();
  changes.ike_sas.push_back(spi);
  IkeSa& kept = tables_.ike_sas.insert_or_assign(spi, std::move(next)).first->second;
  runtime(kept).heard = true;
  runtime(kept).sync_wanted = false;
  runtime(kept).replay_wanted = false;
  return kept;
}

void EngineImpl::inherit(IkeSa& from, IkeSa& to, Duration delete_old_in, Changes& changes) {
  // Of the CHILD SAs that it inherits: as wanted as before. An answer that comes to the old IKE SA
  // tells nothing of them.
  Runtime& before = runtime(from);
  const bool asked = !std::exchange(before.edges_asked, {}).empty();
  const bool wanted = std::exchange(before.replay_wanted, false);
  if (asked || wanted) runtime(to).replay_wanted = true;
  for (const Spi each : from.children) {
    const auto child = tables_.child_sas.find(each);
    if (child == tables_.child_sas.end()) continue;
    child->second.ike_sa = to.our_spi();
    to.children.push_back(each);
    changes.child_sas.push_back(each);
  }
  from.children.clear();
  from.state = IkeState::Rekeyed;
  from.delete_after = kAtOnce + age_of(from) + delete_old_in;
  to.state = IkeState::Established;
  changes.ike_sas.push_back(to.our_spi());
  changes.ike_sas.push_back(from.our_spi());
}

// None is its own, whatever a record says.
IkeSa* EngineImpl::rival_of(const IkeSa& sa, const PendingRequest& pending) {
  if (pending.kind != Kind::RekeyIke || !pending.rival) return nullptr;
  if (pending.rival->ike == sa.our_spi()) return nullptr;
  const auto at = tables_.ike_sas.find(pending.rival->ike);
  const bool stands = at != tables_.ike_sas.end() && at->second.state == IkeState::Candidate;
  return stands ? &at->second : nullptr;
}

// Our rekey of `sa` will not be answered: if the client has rekeyed it, it goes on with that.
bool EngineImpl::settle_for_rival(IkeSa& sa, Changes& changes) {
  IkeSa* rival = sa.pending ? rival_of(sa, *sa.pending) : nullptr;
  if (rival == nullptr) return false;
  counters_.add("ike-rekeys-settled");
  inherit(sa, *rival, kRekeyedLimit, changes);
  return true;
}

// ---- the client's ----

void EngineImpl::on_rekey_ike(IkeSa& sa, Request& request, const payload::Sa& offered) {
  const TunnelSettings* settings = tunnel(sa);
  const auto* ke = first_of<payload::Ke>(request.payloads);
  const auto* nonce = first_of<payload::Nonce>(request.payloads);
  if (settings == nullptr || ke == nullptr) {
    return refuse(sa, request, NotifyType::InvalidSyntax);
  }
  const auto waiting = std::ranges::count_if(tables_.ike_sas, [&](const auto& entry) {
    return entry.second.state == IkeState::Rekeyed && entry.second.tunnel == sa.tunnel;
  });
  const bool crossed = sa.pending && sa.pending->kind == Kind::RekeyIke;
  // RFC 7296 2.25.2: "If a peer receives a request to rekey the IKE SA while it is creating,
  // rekeying or closing Child SAs of it, it SHOULD reply with TEMPORARY_FAILURE."
  const bool busy = sa.pending && !crossed && sa.pending->kind != Kind::Liveness;
  if (waiting >= kRekeyedMax || busy || (crossed && sa.pending->rival)) {
    return refuse(sa, request, NotifyType::TemporaryFailure);
  }
  auto chosen = choose_ike(settings->proposals, offered, static_cast<Group>(ke->group));
  if (!chosen) {
    const auto other = choose_ike(settings->proposals, offered, std::nullopt);
    if (!other) return refuse(sa, request, NotifyType::NoProposalChosen);
    return refuse(sa, request, NotifyType::InvalidKePayload, group_bytes(other->suite.group));
  }
  const auto proposal = std::ranges::find_if(
      offered.proposals, [&](const auto& each) { return each.number == chosen->answer.number; });
  const auto client_spi = ike_spi_in(*proposal);
  if (!client_spi) return refuse(sa, request, NotifyType::InvalidSyntax);
  const auto pair = crypto::dh_generate(chosen->suite.group, platform_.rng);
  auto shared = crypto::dh_shared(pair, ke->data);
  if (!shared) return refuse(sa, request, NotifyType::InvalidSyntax);
  const Nonces nonces{.initiator = nonce->data, .responder = platform_.rng.bytes(kNonceSize)};
  Bytes lowest = std::min(nonces.initiator, nonces.responder);
  Changes changes;
  IkeSa& next = keep_successor(sa,
                               {.initiator_spi = *client_spi,
                                .responder_spi = new_ike_spi(),
                                .we_initiated = false,
                                .suite = chosen->suite,
                                .lifetime = chosen->lifetime,
                                .shared = std::move(*shared),
                                .nonces = nonces,
                                .holders = {}},
                               changes);
  chosen->answer.spi = ike_spi_bytes(next.our_spi());
  if (crossed) {
    // RFC 7296 2.8.2: which of the two successors stays is known when our own answer comes.
    counters_.add("ike-rekeys-crossed");
    next.state = IkeState::Candidate;
    sa.pending->rival = PendingRequest::Rival{
        .child = {}, .ike = next.our_spi(), .lowest_nonce = std::move(lowest)};
  } else {
    counters_.add("ike-rekeyed");
    inherit(sa, next, kRekeyedLimit, changes);
  }
  answer(sa, request,
         {payload::Sa{.proposals = {chosen->answer}}, payload::Nonce{.data = nonces.responder},
          payload::Ke{.group = ke->group, .data = pair.public_key}},
         std::move(changes));
}

// ---- ours ----

void EngineImpl::begin_rekey_ike(IkeSa& sa, std::optional<Group> group, uint8_t retold) {
  const TunnelSettings* settings = tunnel(sa);
  if (settings == nullptr || settings->proposals.empty() || sa.pending) return;
  if (!group) {
    const bool same = offers_group(settings->proposals, sa.suite.group);
    group = same ? sa.suite.group : settings->proposals.front().suite.group;
  }
  auto pair = crypto::dh_generate(*group, platform_.rng);
  PendingRequest pending;
  pending.kind = Kind::RekeyIke;
  pending.new_ike = new_ike_spi();
  pending.nonce = platform_.rng.bytes(kNonceSize);
  pending.group = group;
  pending.private_key = std::move(pair.private_key);
  pending.retold = retold;
  const std::vector<Payload> payloads{
      offer_ike(settings->proposals, pending.new_ike), payload::Nonce{.data = pending.nonce},
      payload::Ke{.group = static_cast<uint16_t>(*group), .data = std::move(pair.public_key)}};
  send_request(sa, std::move(pending), payloads);
}

void EngineImpl::finish_rekey_ike(IkeSa& sa, const PendingRequest& done,
                                  const std::vector<Payload>& payloads) {
  const TunnelSettings* settings = tunnel(sa);
  const auto* answer = first_of<payload::Sa>(payloads);
  const auto* nonce = first_of<payload::Nonce>(payloads);
  const auto* ke = first_of<payload::Ke>(payloads);
  const auto* refusal = first_error(payloads);
  if (refusal != nullptr || settings == nullptr || answer == nullptr || nonce == nullptr ||
      ke == nullptr || !done.group) {
    return ike_rekey_refused(sa, done, refusal);
  }
  const Group group = *done.group;
  const auto chosen = accepted_ike(settings->proposals, *answer, group);
  if (!chosen || ke->group != static_cast<uint16_t>(group)) {
    return ike_rekey_refused(sa, done, nullptr);
  }
  const auto client_spi = ike_spi_in(answer->proposals.front());
  const crypto::DhKeyPair pair{.group = group, .private_key = done.private_key, .public_key = {}};
  auto shared = crypto::dh_shared(pair, ke->data);
  // A record could name an SPI that another IKE SA has.
  const bool taken = tables_.ike_sas.contains(done.new_ike);
  if (!client_spi || !shared || taken) return ike_rekey_refused(sa, done, nullptr);
  Changes changes;
  const Bytes lowest = std::min(done.nonce, nonce->data);
  IkeSa& next = keep_successor(sa,
                               {.initiator_spi = done.new_ike,
                                .responder_spi = *client_spi,
                                .we_initiated = true,
                                .suite = chosen->suite,
                                .lifetime = chosen->lifetime,
                                .shared = std::move(*shared),
                                .nonces = {.initiator = done.nonce, .responder = nonce->data},
                                .holders = holders_of(sa, done)},
                               changes);
  IkeSa* rival = rival_of(sa, done);
  // RFC 7296 2.8.2: "the new IKE SA containing the lowest nonce ... SHOULD be deleted by the node
  // that created it, and the other surviving new IKE SA MUST inherit all the Child SAs."
  if (rival != nullptr && done.rival && lowest < done.rival->lowest_nonce) {
    counters_.add("ike-rekeys-lost");
    next.state = IkeState::Rekeyed;
    next.delete_after = kAtOnce;
    inherit(sa, *rival, kRekeyedLimit, changes);
  } else {
    counters_.add(rival != nullptr ? "ike-rekeys-won" : "ike-rekeyed-by-us");
    inherit(sa, next, Duration{}, changes);
  }
  const IkeSpi made = next.our_spi();
  host_.keys_of_request(made, {});
  commit(changes, [this, made] { proceed(made); });
}

void EngineImpl::ike_rekey_refused(IkeSa& sa, const PendingRequest& done,
                                   const payload::Notify* refusal) {
  counters_.add("ike-rekey-refused-" + number_of(refusal));
  Changes changes{.ike_sas = {sa.our_spi()}};
  if (IkeSa* rival = rival_of(sa, done)) {
    // The client rekeyed it, and did not take up our own.
    inherit(sa, *rival, kRekeyedLimit, changes);
    return commit(changes, [] {});
  }
  commit(changes, [] {});
  const auto is = [&](NotifyType type) {
    return refusal != nullptr && refusal->type == static_cast<uint16_t>(type);
  };
  BackOff& again = runtime(sa).ike_rekey;
  if (is(NotifyType::TemporaryFailure)) return back_off(again, kMomentFirst, kMomentMost);
  if (is(NotifyType::InvalidKePayload) && done.retold < kRetoldMax) {
    const TunnelSettings* settings = tunnel(sa);
    wire::Reader in(refusal->data);
    const auto group = static_cast<Group>(in.u16("group"));
    if (settings != nullptr && in.ok() && offers_group(settings->proposals, group)) {
      return begin_rekey_ike(sa, group, done.retold + 1);
    }
  }
  back_off(again, kRefusedFirst, kRefusedMost);
}

}  // namespace segw::ike
