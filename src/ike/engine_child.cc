// CREATE_CHILD_SA as responder (RFC 7296 1.3, 2.8, 2.25), and what both roles make of it.
#include "ike/engine_child.h"

#include <algorithm>

#include "crypto/crypto.h"
#include "esp/holders.h"
#include "wire/reader.h"
#include "wire/writer.h"

namespace segw::ike {
namespace {

constexpr size_t kChildrenMax = 16;  // of one IKE SA that the client asks for
constexpr size_t kNonceSize = 32;
constexpr uint32_t kSpiMin = 256;  // RFC 4303 2.1: 1 to 255 are reserved, 0 is never sent
constexpr uint64_t kFirstGrant = uint64_t{8} << 14;  // redundancy rule 11, in blocks of 2^14
// sros-facts §6.1: as responder of a rekey we send by the old SA for 25 s, or until it goes.
constexpr Duration kOldOutbound = std::chrono::seconds(25);

Bytes group_bytes(Group group) {
  wire::Writer out;
  out.u16(static_cast<uint16_t>(group));
  return out.take();
}

// Of the groups that the client offers, the first that we are configured for.
Group preferred_group(const std::vector<ChildProposal>& ours, const payload::Sa& theirs) {
  for (const ChildProposal& each : ours) {
    if (!each.pfs) continue;
    for (const payload::Proposal& proposal : theirs.proposals) {
      for (const payload::Transform& transform : proposal.transforms) {
        if (transform.type == kTransformGroup && transform.id == static_cast<uint16_t>(*each.pfs)) {
          return *each.pfs;
        }
      }
    }
  }
  return Group::Modp2048;
}

// Whether one more is too many. Rekeys do not count, as the old ones go.
std::optional<NotifyType> refuse_more(const IkeSa& sa, const std::map<Spi, esp::ChildSa>& all,
                                      bool rekeys) {
  if (sa.children.size() >= kChildrenHeldMax) {
    return rekeys ? NotifyType::TemporaryFailure : NotifyType::NoAdditionalSas;
  }
  const auto current = std::ranges::count_if(sa.children, [&](const Spi& spi) {
    const auto at = all.find(spi);
    return at != all.end() && !at->second.rekeyed;
  });
  if (rekeys || static_cast<size_t>(current) < kChildrenMax) return std::nullopt;
  return NotifyType::NoAdditionalSas;
}

}  // namespace

Bytes spi_bytes(Spi spi) {
  wire::Writer out;
  out.u32(spi.value);
  return out.take();
}

EngineImpl::ChildOffer EngineImpl::child_offer(const Request& request) {
  ChildOffer offer;
  offer.sa = first_of<payload::Sa>(request.payloads);
  offer.ke = first_of<payload::Ke>(request.payloads);
  for (const Payload& payload : request.payloads) {
    const auto* selectors = std::get_if<payload::Selectors>(&payload);
    if (selectors == nullptr) continue;
    (selectors->of_initiator ? offer.of_initiator : offer.of_responder) = selectors;
  }
  return offer;
}

std::variant<Spi, NotifyType> EngineImpl::make_child(IkeSa& sa, const TunnelSettings& settings,
                                                     const ChildOffer& offer,
                                                     std::vector<Payload>& answers,
                                                     Changes& changes, Bytes& refusal_data) {
  if (offer.sa == nullptr || offer.of_initiator == nullptr || offer.of_responder == nullptr) {
    return NotifyType::InvalidSyntax;
  }
  const bool rekeys = offer.replaces.value != 0;
  if (const auto full = refuse_more(sa, tables_.child_sas, rekeys)) return *full;
  const auto ke_group = offer.ke != nullptr ? std::optional(offer.ke->group) : std::nullopt;
  auto match = choose_child(settings.child_proposals, *offer.sa, ke_group, offer.exchange);
  if (const auto* refusal = std::get_if<NotifyType>(&match)) {
    if (*refusal == NotifyType::InvalidKePayload) {
      refusal_data = group_bytes(preferred_group(settings.child_proposals, *offer.sa));
    }
    return *refusal;
  }
  ChosenChild chosen = std::get<ChosenChild>(std::move(match));
  wire::Reader client_spi(chosen.answer.spi);
  const Spi outbound_spi{client_spi.u32("spi")};
  if (outbound_spi.value < kSpiMin) return NotifyType::InvalidSyntax;
  auto remote = narrow(settings.remote_selectors, offer.of_initiator->selectors);
  auto local = narrow(settings.local_selectors, offer.of_responder->selectors);
  if (remote.empty() || local.empty()) return NotifyType::TsUnacceptable;
  SecretBytes shared;
  Bytes public_key;
  if (chosen.group) {
    const auto pair = crypto::dh_generate(*chosen.group, platform_.rng);
    auto secret = crypto::dh_shared(pair, offer.ke->data);
    if (!secret) return NotifyType::InvalidSyntax;
    shared = std::move(*secret);
    public_key = pair.public_key;
  }
  // The last that may be refused: others end for it.
  if (!claim(sa, remote, changes)) {
    counters_.add("refused-ts-overlap");
    return NotifyType::TsUnacceptable;
  }
  ChildParts parts{
      .inbound_spi = new_spi(),
      .outbound_spi = outbound_spi,
      .suite = chosen.suite,
      .keys = derive_child(chosen.suite, sa.suite.prf, sa.keys.sk_d, shared, offer.nonces),
      .lifetime = chosen.lifetime,
      .local = local,
      .remote = remote,
      .replaces = offer.replaces,
      .outbound_from = rekeys ? kOldOutbound : Duration{},
      .holders = {}};
  // Its keys come from the IKE SA's nonces alone (RFC 7296 2.17): whoever held that may have
  // answered the same IKE_AUTH, and sealed with them.
  if (offer.exchange == ChildExchange::WithAuth) parts.holders = sa.holders;
  chosen.answer.spi = spi_bytes(parts.inbound_spi);
  answers.emplace_back(payload::Sa{.proposals = {chosen.answer}});
  if (offer.exchange == ChildExchange::Alone) {
    answers.emplace_back(payload::Nonce{.data = offer.nonces.responder});
  }
  if (chosen.group) {
    answers.emplace_back(
        payload::Ke{.group = static_cast<uint16_t>(*chosen.group), .data = public_key});
  }
  answers.emplace_back(payload::Selectors{.of_initiator = true, .selectors = std::move(remote)});
  answers.emplace_back(payload::Selectors{.of_initiator = false, .selectors = std::move(local)});
  return keep_child(sa, settings, std::move(parts), changes).inbound_spi;
}

// Where the CHILD SAs are while the client has not yet answered where it says that it is now.
const esp::ChildSa* EngineImpl::proven_address(const IkeSa& sa) const {
  if (!sa.address_unverified || sa.children.empty()) return nullptr;
  const auto at = tables_.child_sas.find(sa.children.front());
  return at == tables_.child_sas.end() ? nullptr : &at->second;
}

std::optional<esp::UdpEncapsulation> EngineImpl::encapsulation(const IkeSa& sa, bool force) {
  // Where it is forced, a client that detects NATs was made to see one, and is at this port.
  const bool forced = force && sa.local.port == kNatPort;
  if (!sa.local_behind_nat && !sa.remote_behind_nat && !forced) return std::nullopt;
  return esp::UdpEncapsulation{.local_port = sa.local.port, .remote_port = sa.remote.port};
}

esp::ChildSa& EngineImpl::keep_child(IkeSa& sa, const TunnelSettings& settings, ChildParts parts,
                                     Changes& changes) {
  esp::ChildSa child;
  child.group = settings_->group;
  child.ike_sa = sa.our_spi();
  child.tunnel = sa.tunnel;
  child.inbound_spi = parts.inbound_spi;
  child.outbound_spi = parts.outbound_spi;
  if (const esp::ChildSa* proven = proven_address(sa)) {
    child.local = proven->local;
    child.remote = proven->remote;
    child.encapsulation = proven->encapsulation;
  } else {
    child.local = sa.local.address;
    child.remote = sa.remote.address;
    child.encapsulation = encapsulation(sa, settings.force_encapsulation);
  }
  child.suite = parts.suite;
  child.inbound_key =
      parts.initiator ? std::move(parts.keys.from_responder) : std::move(parts.keys.from_initiator);
  child.outbound_key =
      parts.initiator ? std::move(parts.keys.from_initiator) : std::move(parts.keys.from_responder);
  child.local_selectors = std::move(parts.local);
  child.remote_selectors = std::move(parts.remote);
  child.replay_window = settings.replay_window;
  child.reverse_route = sa.dynamic ? settings.reverse_route : esp::ReverseRoute::None;
  child.initiator = parts.initiator;
  child.lifetime = parts.lifetime;
  child.replaces = parts.replaces;
  child.outbound_from = parts.outbound_from;
  child.rekey_after = soft(parts.lifetime);
  child.grants.slots = settings_->slots;
  child.grants.grantee = settings_->slot;
  for (uint8_t slot = 0; slot < settings_->slots && slot < esp::kSlotsMax; ++slot) {
    child.grants.bound[slot] = kFirstGrant;
  }
  child.holders = std::move(parts.holders);
  esp::add_holder(child.holders,
                  {.slot = settings_->slot, .incarnation = settings_->incarnation});
  const Spi spi = child.inbound_spi;
  note_ranges(child);
  sa.children.push_back(spi);
  changes.ike_sas.push_back(sa.our_spi());
  changes.child_sas.push_back(spi);
  awaiting_outbound_.insert(spi);
  esp::ChildSa& kept = tables_.child_sas.insert_or_assign(spi, std::move(child)).first->second;
  host_.install(kept);
  return kept;
}

// RFC 7296 2.25.2: what collides with an exchange of our own on the same IKE SA.
void EngineImpl::on_create_child(IkeSa& sa, Request& request) {
  const auto* offered = first_of<payload::Sa>(request.payloads);
  const auto* nonce = first_of<payload::Nonce>(request.payloads);
  if (offered == nullptr || nonce == nullptr || offered->proposals.empty()) {
    return refuse(sa, request, NotifyType::InvalidSyntax);
  }
  // An IKE SA that has been rekeyed, or is being closed, takes no new SAs.
  const bool closing = sa.pending && sa.pending->kind == Kind::DeleteIke;
  if (closing || sa.state != IkeState::Established) {
    return refuse(sa, request, NotifyType::TemporaryFailure);
  }
  // RFC 4555 3.7: nothing is sent to where the client only says that it is. A CHILD SA is where the
  // others are until it has answered: one that cannot move its own (strongSwan in user space) has
  // no other way to go on.
  const bool rekeys_ike = offered->proposals.front().protocol == kProtocolIke;
  if (sa.address_unverified && (rekeys_ike || proven_address(sa) == nullptr)) {
    return refuse(sa, request, NotifyType::TemporaryFailure);
  }
  if (rekeys_ike) {
    return on_rekey_ike(sa, request, *offered);
  }
  // "If a peer receives a request to create or rekey a Child SA when it is currently rekeying the
  // IKE SA, it SHOULD reply with TEMPORARY_FAILURE."
  if (sa.pending && sa.pending->kind == Kind::RekeyIke) {
    return refuse(sa, request, NotifyType::TemporaryFailure);
  }
  on_new_child(sa, request, *nonce);
}

// Which CHILD SA a rekey replaces. False: it is refused, and answered.
bool EngineImpl::take_over_from(IkeSa& sa, Request& request, const payload::Notify& rekeys,
                                Spi& old) {
  const esp::ChildSa* found = nullptr;
  for (const Spi spi : sa.children) {
    const auto at = tables_.child_sas.find(spi);
    if (at == tables_.child_sas.end()) continue;
    if (spi_bytes(at->second.outbound_spi) == rekeys.spi) found = &at->second;
  }
  // RFC 7296 2.25.1: a CHILD SA that does not exist here.
  if (found == nullptr) {
    auto missing = notify(NotifyType::ChildSaNotFound);
    missing.protocol = kProtocolEspSa;
    missing.spi = rekeys.spi;
    counters_.add("refused-child-not-found");
    answer(sa, request, {missing}, {});
    return false;
  }
  old = found->inbound_spi;
  // RFC 7296 2.25.1: "If a peer receives a request to rekey a Child SA that it is currently trying
  // to close, it SHOULD reply with TEMPORARY_FAILURE." What we have rekeyed waits for its end.
  const bool closing =
      sa.pending && sa.pending->kind == Kind::DeleteChild && sa.pending->child == old;
  if (closing || found->rekeyed_by_us || found->delete_after.count() > 0) {
    refuse(sa, request, NotifyType::TemporaryFailure);
    return false;
  }
  return true;
}

// The client asks again: it has not the successor that we made at first, because it gave that
// request up (RFC 6311) or an answer was lost. It is told with a delete.
void EngineImpl::drop_earlier_successors(const IkeSa& sa, Spi old, Spi latest, Changes& changes) {
  for (const Spi spi : sa.children) {
    const auto at = tables_.child_sas.find(spi);
    if (at == tables_.child_sas.end() || spi == latest) continue;
    if (at->second.replaces != old || at->second.initiator || at->second.rekeyed) continue;
    counters_.add("child-rekeyed-again");
    at->second.delete_after = kAtOnce + age_of(at->second);
    changes.child_sas.push_back(spi);
  }
}

void EngineImpl::on_new_child(IkeSa& sa, Request& request, const payload::Nonce& nonce) {
  const TunnelSettings* settings = tunnel(sa);
  if (settings == nullptr) return refuse(sa, request, NotifyType::NoAdditionalSas);
  ChildOffer offer = child_offer(request);
  const auto* rekeys = find_notify(request.payloads, NotifyType::RekeySa);
  if (rekeys != nullptr && !take_over_from(sa, request, *rekeys, offer.replaces)) return;
  offer.nonces = {.initiator = nonce.data, .responder = platform_.rng.bytes(kNonceSize)};
  std::vector<Payload> answers;
  Changes changes;
  Bytes refusal_data;
  const auto made = make_child(sa, *settings, offer, answers, changes, refusal_data);
  if (const auto* refusal = std::get_if<NotifyType>(&made)) {
    return refuse(sa, request, *refusal, refusal_data);
  }
  const Spi spi = std::get<Spi>(made);
  const auto old = tables_.child_sas.find(offer.replaces);
  if (old != tables_.child_sas.end()) {
    if (old->second.rekeyed) drop_earlier_successors(sa, old->first, spi, changes);
    old->second.rekeyed = true;
    automatic_is_done(old->first, "skipped");  // by the client
    changes.child_sas.push_back(old->first);
    counters_.add("child-rekeyed");
    // RFC 7296 2.8.1: we are rekeying it too; our answer will tell which of the two stays.
    if (sa.pending && sa.pending->kind == Kind::RekeyChild && sa.pending->child == old->first) {
      counters_.add("child-rekeys-crossed");
      sa.pending->rival = PendingRequest::Rival{
          .child = spi,
          .ike = {},
          .lowest_nonce = std::min(offer.nonces.initiator, offer.nonces.responder)};
    }
  }
  answer(sa, request, answers, std::move(changes), [this, spi] { use_outbound(spi); });
}

}  // namespace segw::ike
