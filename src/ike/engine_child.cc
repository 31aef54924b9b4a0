// CREATE_CHILD_SA as responder (RFC 7296 1.3): new CHILD SAs, and rekeying of CHILD and IKE SAs.
#include "ike/engine_child.h"

#include <algorithm>

#include "crypto/crypto.h"
#include "wire/reader.h"
#include "wire/writer.h"

namespace segw::ike {
namespace {

constexpr size_t kChildrenMax = 16;  // of one IKE SA
constexpr int kRekeyedMax = 4;       // IKE SAs of one tunnel that wait for the client's delete
constexpr size_t kNonceSize = 32;
constexpr uint32_t kSpiMin = 256;  // RFC 4303 2.1: 1 to 255 are reserved, 0 is never sent
constexpr size_t kIkeSpiSize = 8;
constexpr uint64_t kFirstGrant = uint64_t{8} << 14;  // redundancy rule 11, in blocks of 2^14

Bytes spi_bytes(Spi spi) {
  wire::Writer out;
  out.u32(spi.value);
  return out.take();
}

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

}  // namespace

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
  if (sa.children.size() >= kChildrenMax) return NotifyType::NoAdditionalSas;
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
  const ChildKeys keys =
      derive_child(chosen.suite, sa.suite.prf, sa.keys.sk_d, shared, offer.nonces);
  esp::ChildSa child;
  child.group = settings_.group;
  child.ike_sa = sa.our_spi();
  child.tunnel = sa.tunnel;
  child.inbound_spi = new_spi();
  child.outbound_spi = outbound_spi;
  child.local = sa.local.address;
  child.remote = sa.remote.address;
  if (sa.local_behind_nat || sa.remote_behind_nat || settings.force_encapsulation) {
    child.encapsulation =
        esp::UdpEncapsulation{.local_port = sa.local.port, .remote_port = sa.remote.port};
  }
  child.suite = chosen.suite;
  child.inbound_key = keys.from_initiator;
  child.outbound_key = keys.from_responder;
  child.local_selectors = local;
  child.remote_selectors = remote;
  child.replay_window = settings.replay_window;
  child.reverse_route = sa.dynamic ? settings.reverse_route : esp::ReverseRoute::None;
  child.lifetime = chosen.lifetime;
  child.grants.slots = settings_.slots;
  child.grants.grantee = settings_.slot;
  for (uint8_t slot = 0; slot < settings_.slots && slot < esp::kSlotsMax; ++slot) {
    child.grants.bound[slot] = kFirstGrant;
  }
  child.holders.push_back({.slot = settings_.slot, .incarnation = settings_.incarnation});

  chosen.answer.spi = spi_bytes(child.inbound_spi);
  answers.emplace_back(payload::Sa{.proposals = {chosen.answer}});
  if (offer.exchange == ChildExchange::Alone) {
    answers.emplace_back(payload::Nonce{.data = offer.nonces.responder});
  }
  if (chosen.group) {
    answers.emplace_back(
        payload::Ke{.group = static_cast<uint16_t>(*chosen.group), .data = public_key});
  }
  answers.emplace_back(payload::Selectors{.of_initiator = true, .selectors = remote});
  answers.emplace_back(payload::Selectors{.of_initiator = false, .selectors = local});
  const Spi spi = child.inbound_spi;
  note_ranges(child);
  sa.children.push_back(spi);
  changes.ike_sas.push_back(sa.our_spi());
  changes.child_sas.push_back(spi);
  awaiting_outbound_.insert(spi);
  host_.install(tables_.child_sas.emplace(spi, std::move(child)).first->second);
  return spi;
}

void EngineImpl::on_create_child(IkeSa& sa, Request& request) {
  const auto* offered = first_of<payload::Sa>(request.payloads);
  const auto* nonce = first_of<payload::Nonce>(request.payloads);
  if (offered == nullptr || nonce == nullptr || offered->proposals.empty()) {
    return refuse(sa, request, NotifyType::InvalidSyntax);
  }
  // RFC 7296 2.25.2: an IKE SA that has been rekeyed, or is being closed, takes no new SAs.
  const bool closing = sa.pending && sa.pending->kind == PendingRequest::Kind::DeleteIke;
  if (closing || sa.state != IkeState::Established) {
    return refuse(sa, request, NotifyType::TemporaryFailure);
  }
  if (offered->proposals.front().protocol == kProtocolIke) {
    return on_rekey_ike(sa, request, *offered);
  }
  const TunnelSettings* settings = tunnel(sa);
  if (settings == nullptr) return refuse(sa, request, NotifyType::NoAdditionalSas);
  esp::ChildSa* old = nullptr;
  const auto* rekeys = find_notify(request.payloads, NotifyType::RekeySa);
  if (rekeys != nullptr) {
    for (const Spi spi : sa.children) {
      const auto at = tables_.child_sas.find(spi);
      if (at == tables_.child_sas.end()) continue;
      if (spi_bytes(at->second.outbound_spi) == rekeys->spi) old = &at->second;
    }
    // RFC 7296 2.25.1: a CHILD SA that does not exist here.
    if (old == nullptr) {
      auto missing = notify(NotifyType::ChildSaNotFound);
      missing.protocol = kProtocolEspSa;
      missing.spi = rekeys->spi;
      counters_.add("refused-child-not-found");
      return answer(sa, request, {missing}, {});
    }
    // RFC 7296 2.25.1: one that we are closing.
    if (sa.pending && sa.pending->kind == PendingRequest::Kind::DeleteChild &&
        sa.pending->child == old->inbound_spi) {
      return refuse(sa, request, NotifyType::TemporaryFailure);
    }
  }
  ChildOffer offer = child_offer(request);
  offer.nonces = {.initiator = nonce->data, .responder = platform_.rng.bytes(kNonceSize)};
  std::vector<Payload> answers;
  Changes changes;
  Bytes refusal_data;
  const auto made = make_child(sa, *settings, offer, answers, changes, refusal_data);
  if (const auto* refusal = std::get_if<NotifyType>(&made)) {
    return refuse(sa, request, *refusal, refusal_data);
  }
  if (old != nullptr) {
    old->rekeyed = true;
    changes.child_sas.push_back(old->inbound_spi);
    counters_.add("child-rekeyed");
  }
  answer(sa, request, answers, std::move(changes),
         [this, spi = std::get<Spi>(made)] { use_outbound(spi); });
}

// RFC 7296 1.3.2 and 2.18: the successor inherits the CHILD SAs.
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
  if (waiting >= kRekeyedMax) return refuse(sa, request, NotifyType::TemporaryFailure);
  auto chosen = choose_ike(settings->proposals, offered, static_cast<Group>(ke->group));
  if (!chosen) {
    const auto other = choose_ike(settings->proposals, offered, std::nullopt);
    if (!other) return refuse(sa, request, NotifyType::NoProposalChosen);
    return refuse(sa, request, NotifyType::InvalidKePayload, group_bytes(other->suite.group));
  }
  const auto proposal = std::ranges::find_if(
      offered.proposals, [&](const auto& each) { return each.number == chosen->answer.number; });
  wire::Reader in(proposal->spi);
  const uint64_t client_spi = in.u64("spi");
  if (proposal->spi.size() != kIkeSpiSize || client_spi == 0) {
    return refuse(sa, request, NotifyType::InvalidSyntax);
  }
  const auto pair = crypto::dh_generate(chosen->suite.group, platform_.rng);
  const auto shared = crypto::dh_shared(pair, ke->data);
  if (!shared) return refuse(sa, request, NotifyType::InvalidSyntax);
  const Nonces nonces{.initiator = nonce->data, .responder = platform_.rng.bytes(kNonceSize)};
  IkeSa successor = sa;
  successor.initiator_spi = IkeSpi{client_spi};
  successor.responder_spi = new_ike_spi();
  successor.suite = chosen->suite;
  successor.lifetime = chosen->lifetime;
  successor.keys =
      derive_rekeyed(chosen->suite, sa.suite.prf, sa.keys.sk_d, *shared, nonces,
                     {.initiator = successor.initiator_spi, .responder = successor.responder_spi});
  successor.next_request_in = 0;
  successor.next_request_out = 0;
  successor.last_answer.reset();
  successor.pending.reset();
  successor.age = {};
  successor.holders = {{.slot = settings_.slot, .incarnation = settings_.incarnation}};
  const IkeSpi spi = successor.responder_spi;
  Changes changes{.ike_sas = {spi, sa.our_spi()}};
  for (const Spi each : sa.children) {
    esp::ChildSa& child = tables_.child_sas.at(each);
    child.ike_sa = spi;
    changes.child_sas.push_back(each);
  }
  sa.children.clear();
  sa.state = IkeState::Rekeyed;
  runtime(sa).rekeyed_at = platform_.clock.now();
  runtime(tables_.ike_sas.emplace(spi, std::move(successor)).first->second).heard = true;
  wire::Writer our_spi;
  our_spi.u64(spi.value);
  chosen->answer.spi = our_spi.take();
  counters_.add("ike-rekeyed");
  answer(sa, request,
         {payload::Sa{.proposals = {chosen->answer}}, payload::Nonce{.data = nonces.responder},
          payload::Ke{.group = ke->group, .data = pair.public_key}},
         std::move(changes));
}

}  // namespace segw::ike
