// CREATE_CHILD_SA as initiator (RFC 7296 1.3.1, 1.3.3, 2.8, 2.25): further CHILD SAs of a tunnel,
// and successors of those that grow old.
#include <algorithm>

#include "crypto/crypto.h"
#include "ike/engine_impl.h"
#include "ike/offer.h"
#include "wire/reader.h"

namespace segw::ike {
namespace {

constexpr size_t kNonceSize = 32;
constexpr uint32_t kSpiMin = 256;  // RFC 4303 2.1
constexpr uint8_t kRetoldMax = 2;
// sros-facts §6.1: as initiator of a rekey the old inbound SA is kept 3 minutes.
constexpr Duration kOldInbound = std::chrono::minutes(3);
// RFC 7296 2.25: TEMPORARY_FAILURE is for a moment.
constexpr Duration kMomentFirst = std::chrono::seconds(3);
// RFC 7296 2.4: a request is repeated for "at least several minutes before giving up".
constexpr Duration kAskedFor = std::chrono::minutes(4);
constexpr Duration kMomentMost = std::chrono::seconds(60);
// Any other refusal will hardly change by itself.
constexpr Duration kRefusedFirst = std::chrono::seconds(30);
constexpr Duration kRefusedMost = std::chrono::minutes(30);
// A client that deletes what it agreed to is not asked again at once.
constexpr Duration kEntryGap = std::chrono::seconds(5);

bool is(const payload::Notify* notify, NotifyType type) {
  return notify != nullptr && notify->type == static_cast<uint16_t>(type);
}

const payload::Selectors* selectors_of(const std::vector<Payload>& payloads, bool initiator) {
  for (const Payload& payload : payloads) {
    const auto* found = std::get_if<payload::Selectors>(&payload);
    if (found != nullptr && found->of_initiator == initiator) return found;
  }
  return nullptr;
}

std::optional<Group> first_group(const std::vector<ChildProposal>& ours) {
  return ours.empty() ? std::nullopt : ours.front().pfs;
}

bool is_gone(const PendingRequest& done, const std::vector<Payload>& answer) {
  const auto* sa = first_of<payload::Sa>(answer);
  if (sa == nullptr || sa->proposals.empty()) return false;
  return std::ranges::any_of(
      done.gone, [&](const Spi& spi) { return spi_bytes(spi) == sa->proposals.front().spi; });
}

}  // namespace

void EngineImpl::begin_child(IkeSa& sa, uint32_t entry) {
  const TunnelSettings* settings = tunnel(sa);
  if (settings == nullptr || entry >= settings->local_selectors.size() ||
      entry >= settings->remote_selectors.size()) {
    return;
  }
  runtime(sa).entries[entry].until = platform_.clock.now() + kEntryGap;
  PendingRequest pending;
  pending.kind = Kind::CreateChild;
  pending.entry = entry;
  ask_child(sa, std::move(pending), *settings, first_group(settings->child_proposals),
            {.of_initiator = true, .selectors = {settings->local_selectors[entry]}},
            {.of_initiator = false, .selectors = {settings->remote_selectors[entry]}});
}

void EngineImpl::begin_rekey_child(IkeSa& sa, Spi old, std::optional<Group> group, uint8_t retold) {
  const TunnelSettings* settings = tunnel(sa);
  const auto child = tables_.child_sas.find(old);
  if (settings == nullptr || child == tables_.child_sas.end()) return;
  PendingRequest pending;
  pending.kind = Kind::RekeyChild;
  pending.child = old;
  pending.retold = retold;
  if (!group) group = first_group(settings->child_proposals);
  // RFC 7296 2.9.2: the new selectors "should not be narrower than the currently in use".
  ask_child(sa, std::move(pending), *settings, group,
            {.of_initiator = true, .selectors = child->second.local_selectors},
            {.of_initiator = false, .selectors = child->second.remote_selectors});
}

bool EngineImpl::ask_child(IkeSa& sa, PendingRequest pending, const TunnelSettings& settings,
                           std::optional<Group> group, const payload::Selectors& local,
                           const payload::Selectors& remote) {
  if (sa.pending || settings.child_proposals.empty()) return false;
  if (sa.children.size() >= kChildrenHeldMax) {
    // Those that were rekeyed are about to go.
    counters_.add("child-sas-full");
    Runtime& run = runtime(sa);
    const bool rekeys = pending.kind == Kind::RekeyChild;
    back_off(rekeys ? run.child_rekeys[pending.child] : run.entries[pending.entry], kMomentFirst,
             kMomentMost);
    return false;
  }
  pending.new_child = new_spi();
  pending.nonce = platform_.rng.bytes(kNonceSize);
  std::vector<Payload> payloads;
  const auto old = tables_.child_sas.find(pending.child);
  if (old != tables_.child_sas.end()) {
    // RFC 7296 1.3.3: the SPI "that the exchange initiator would expect in inbound ESP packets".
    auto rekeys = notify(NotifyType::RekeySa);
    rekeys.protocol = kProtocolEspSa;
    rekeys.spi = spi_bytes(pending.child);
    payloads.emplace_back(std::move(rekeys));
  }
  payloads.emplace_back(
      offer_child(settings.child_proposals, pending.new_child, ChildExchange::Alone));
  payloads.emplace_back(payload::Nonce{.data = pending.nonce});
  if (group) {
    auto pair = crypto::dh_generate(*group, platform_.rng);
    payloads.emplace_back(
        payload::Ke{.group = static_cast<uint16_t>(*group), .data = std::move(pair.public_key)});
    pending.group = group;
    pending.private_key = std::move(pair.private_key);
  }
  payloads.emplace_back(local);
  payloads.emplace_back(remote);
  return send_request(sa, std::move(pending), payloads);
}

// What the client agreed to, it has deleted before we knew.
void EngineImpl::forget_unmade(const PendingRequest& done, Changes& changes) {
  counters_.add("child-deleted-before-its-answer");
  const auto old = tables_.child_sas.find(done.child);
  if (done.kind != Kind::RekeyChild || old == tables_.child_sas.end()) return;
  // To the client it is rekeyed, and ours to delete.
  old->second.rekeyed = true;
  old->second.rekeyed_by_us = true;
  old->second.delete_after = kAtOnce + age_of(old->second);
  changes.child_sas.push_back(old->first);
}

void EngineImpl::finish_child(IkeSa& sa, const PendingRequest& done,
                              const std::vector<Payload>& payloads) {
  const auto* refusal = first_error(payloads);
  const auto* nonce = first_of<payload::Nonce>(payloads);
  Changes changes{.ike_sas = {sa.our_spi()}};
  if (refusal != nullptr || nonce == nullptr) {
    commit(changes, [] {});
    return child_refused(sa, done, refusal);
  }
  if (is_gone(done, payloads)) {
    forget_unmade(done, changes);
    return commit(changes, [] {});
  }
  const bool was_up = !sa.children.empty();
  const Nonces nonces{.initiator = done.nonce, .responder = nonce->data};
  const auto made = take_child(sa, done, payloads, nonces, changes);
  if (!made) {
    commit(changes, [] {});
    counters_.add("child-answer-unusable");
    automatic_is_done(done.child, "refused");
    back_off(done.kind == Kind::RekeyChild ? runtime(sa).child_rekeys[done.child]
                                           : runtime(sa).entries[done.entry],
             kRefusedFirst, kRefusedMost);
    // The client has made it: it is told that we have not, and if nothing can be said now, the IKE
    // SA that we do not agree about ends as soon as it can.
    if (ask_delete_child(sa, done.new_child)) return;
    sa.delete_after = kAtOnce + age_of(sa);
    return commit(Changes{.ike_sas = {sa.our_spi()}}, [] {});
  }
  runtime(sa).child_rekeys.erase(done.child);
  automatic_is_done(done.child, "done");
  runtime(sa).entries[done.entry].failures = 0;
  counters_.add(done.kind == Kind::RekeyChild ? "child-rekeyed-by-us" : "child-added");
  bool use = true;
  if (done.kind == Kind::RekeyChild) {
    settle_child_rekey(done, *made, std::min(nonces.initiator, nonces.responder), changes);
    use = tables_.child_sas.at(*made).delete_after.count() == 0;
  }
  host_.keys_of_request({}, *made);
  commit(changes, [this, made, use, was_up, index = sa.tunnel] {
    if (use) use_outbound(*made);
    if (!was_up) host_.on_tunnel_state(index, true);
  });
}

// The CHILD SA that an answer agrees to. Nothing: it agrees to none that we asked for.
std::optional<Spi> EngineImpl::take_child(IkeSa& sa, const PendingRequest& done,
                                          const std::vector<Payload>& payloads,
                                          const Nonces& nonces, Changes& changes) {
  const TunnelSettings* settings = tunnel(sa);
  const auto* answer = first_of<payload::Sa>(payloads);
  const auto* of_initiator = selectors_of(payloads, true);
  const auto* of_responder = selectors_of(payloads, false);
  if (settings == nullptr || answer == nullptr || of_initiator == nullptr ||
      of_responder == nullptr || sa.children.size() >= kChildrenHeldMax ||
      tables_.child_sas.contains(done.new_child)) {  // which a record could name
    return std::nullopt;
  }
  const auto exchange = done.kind == Kind::IkeAuth ? ChildExchange::WithAuth : ChildExchange::Alone;
  const auto* ke = first_of<payload::Ke>(payloads);
  const auto chosen = accepted_child(settings->child_proposals, *answer,
                                     ke != nullptr ? done.group : std::nullopt, exchange);
  if (!chosen || (chosen->group && ke->group != static_cast<uint16_t>(*chosen->group))) {
    return std::nullopt;
  }
  wire::Reader in(chosen->answer.spi);
  const Spi outbound{in.u32("spi")};
  if (outbound.value < kSpiMin) return std::nullopt;
  // RFC 4555 3.7: it moved meanwhile, and nothing says where it certainly is.
  if (sa.address_unverified && proven_address(sa) == nullptr) return std::nullopt;
  // RFC 7296 2.9: what the responder returns is a subset of what we asked for.
  const auto old = tables_.child_sas.find(done.child);
  const bool has_old = done.kind == Kind::RekeyChild && old != tables_.child_sas.end();
  auto local = narrow(has_old ? old->second.local_selectors : settings->local_selectors,
                      of_initiator->selectors);
  auto remote = narrow(has_old ? old->second.remote_selectors : settings->remote_selectors,
                       of_responder->selectors);
  if (local.empty() || remote.empty() || !claim(sa, remote, changes)) return std::nullopt;
  SecretBytes shared;
  if (chosen->group) {
    const crypto::DhKeyPair pair{
        .group = *chosen->group, .private_key = done.private_key, .public_key = {}};
    auto secret = crypto::dh_shared(pair, ke->data);
    if (!secret) return std::nullopt;
    shared = std::move(*secret);
  }
  return keep_child(
             sa, *settings,
             {.inbound_spi = done.new_child,
              .outbound_spi = outbound,
              .suite = chosen->suite,
              .keys = derive_child(chosen->suite, sa.suite.prf, sa.keys.sk_d, shared, nonces),
              .lifetime = chosen->lifetime,
              .local = std::move(local),
              .remote = std::move(remote),
              .initiator = true,
              .replaces = has_old ? done.child : Spi{},
              .holders = holders_of(sa, done)},
             changes)
      .inbound_spi;
}

// RFC 7296 2.8.1: "the SA created with the lowest of the four nonces used in the two exchanges
// SHOULD be closed by the endpoint that created it", and who made the other deletes the old one.
void EngineImpl::settle_child_rekey(const PendingRequest& done, Spi made, const Bytes& lowest,
                                    Changes& changes) {
  const auto old = tables_.child_sas.find(done.child);
  const bool rival = done.rival && tables_.child_sas.contains(done.rival->child);
  esp::ChildSa& ours = tables_.child_sas.at(made);
  if (rival && lowest < done.rival->lowest_nonce) {
    counters_.add("child-rekeys-lost");
    ours.outbound_from = ours.lifetime;
    ours.delete_after = kAtOnce + age_of(ours);
    return;
  }
  if (rival) counters_.add("child-rekeys-won");
  if (old == tables_.child_sas.end()) return;
  old->second.rekeyed = true;
  old->second.rekeyed_by_us = true;
  old->second.delete_after = age_of(old->second) + kOldInbound;
  changes.child_sas.push_back(old->first);
}

// What each refusal means is in docs/protocols/ikev2.md.
// The client asked for it, and perhaps our answer has not come there: a takeover was in between.
bool EngineImpl::may_be_on_its_way(Spi spi) {
  const auto child = tables_.child_sas.find(spi);
  return child != tables_.child_sas.end() && !child->second.initiator &&
         host_.position(spi).inbound_highest == 0 && age_of(child->second) < kAskedFor;
}

void EngineImpl::child_refused(IkeSa& sa, const PendingRequest& done,
                               const payload::Notify* refusal) {
  counters_.add("child-refused-" + number_of(refusal));
  Runtime& run = runtime(sa);
  const bool rekeys = done.kind == Kind::RekeyChild;
  BackOff& again = rekeys ? run.child_rekeys[done.child] : run.entries[done.entry];
  if (is(refusal, NotifyType::TemporaryFailure)) {
    return back_off(again, kMomentFirst, kMomentMost);
  }
  if (rekeys && is(refusal, NotifyType::ChildSaNotFound) && may_be_on_its_way(done.child)) {
    return back_off(again, kMomentFirst, kMomentMost);
  }
  if (rekeys && is(refusal, NotifyType::ChildSaNotFound)) {
    // RFC 7296 2.25.1: the initiator "SHOULD silently delete the Child SA".
    Changes changes{.ike_sas = {sa.our_spi()}};
    remove_child(done.child, true, changes);
    return commit(changes, [] {});
  }
  if (is(refusal, NotifyType::InvalidKePayload) && done.kind != Kind::IkeAuth &&
      done.retold < kRetoldMax) {
    const TunnelSettings* settings = tunnel(sa);
    wire::Reader in(refusal->data);
    const auto group = static_cast<Group>(in.u16("group"));
    // The other chassis may have had more entries when it asked.
    const bool configured =
        rekeys || (settings != nullptr && done.entry < settings->local_selectors.size() &&
                   done.entry < settings->remote_selectors.size());
    if (settings != nullptr && configured && in.ok() &&
        offers_group(settings->child_proposals, group)) {
      if (rekeys) return begin_rekey_child(sa, done.child, group, done.retold + 1);
      PendingRequest pending;
      pending.kind = Kind::CreateChild;
      pending.entry = done.entry;
      pending.retold = done.retold + 1;
      ask_child(sa, std::move(pending), *settings, group,
                {.of_initiator = true, .selectors = {settings->local_selectors[done.entry]}},
                {.of_initiator = false, .selectors = {settings->remote_selectors[done.entry]}});
      return;
    }
  }
  // Redundancy rule 21: "other refusals leave the SA alone". An answer to something else is none.
  if (rekeys && refusal != nullptr) automatic_is_done(done.child, "refused");
  back_off(again, kRefusedFirst, kRefusedMost);
  if (is(refusal, NotifyType::NoAdditionalSas) && sa.children.empty()) {
    // An IKE SA that can carry nothing is of no use (RFC 7296 1.3): it is begun anew.
    sa.delete_after = kAtOnce + age_of(sa);
    set_up_failed(sa.tunnel);
  }
}

}  // namespace segw::ike
