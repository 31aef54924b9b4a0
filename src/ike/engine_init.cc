// IKE_SA_INIT as responder (RFC 7296 1.2, 2.6, 2.23).
#include <algorithm>

#include "crypto/crypto.h"
#include "ike/engine_impl.h"
#include "wire/writer.h"

namespace segw::ike {
namespace {

constexpr size_t kNonceSize = 32;
// A stranger's request is kept, and held by the other chassis, until IKE_AUTH.
constexpr size_t kInitMax = 8192;

bool says_nat(const std::vector<Payload>& payloads, NotifyType type, const Bytes& expected) {
  bool any = false;
  for (const Payload& payload : payloads) {
    const auto* notify = std::get_if<payload::Notify>(&payload);
    if (notify == nullptr || notify->type != static_cast<uint16_t>(type)) continue;
    any = true;
    if (notify->data == expected) return false;
  }
  return any;
}

}  // namespace

struct EngineImpl::InitOffer {
  std::vector<Payload> payloads;
  const TunnelSettings* tunnel = nullptr;
  const payload::Sa* sa = nullptr;
  const payload::Ke* ke = nullptr;
  const payload::Nonce* nonce = nullptr;
};

// What waits for its Diffie-Hellman; nothing of it is in the tables yet.
struct EngineImpl::InitWork {
  std::shared_ptr<const Configured> configured;  // what offer.tunnel is of
  uint64_t activation = 0;
  Datagram datagram;
  Header header;
  InitOffer offer;
  ChosenIke chosen;
  IkeSa sa;
  crypto::DhKeyPair pair;
  std::optional<SecretBytes> shared;  // nothing: their public value is none

  void compute() {
    crypto::dh_make_public(pair);
    auto made = crypto::dh_shared(pair, offer.ke->data);
    if (made) shared = std::move(*made);
  }
};

void EngineImpl::on_init(const Datagram& datagram, const Header& header) {
  if (datagram.message.size() > kInitMax) return drop("init-too-large");
  const auto known = half_open_.find({header.initiator, datagram.remote});
  if (known != half_open_.end()) {
    const IkeSa& sa = tables_.ike_sas.at(known->second);
    if (sa.init_request != datagram.message) return drop("init-differs");
    if (runtime(sa).committing) return drop("commit-in-progress");
    return repeat_answer({sa.init_response}, datagram);
  }
  if (init_working_.contains({header.initiator, datagram.remote})) return drop("init-in-progress");
  if (admit(datagram, header)) answer_init(datagram, header);
}

void EngineImpl::answer_init(const Datagram& datagram, const Header& header) {
  auto payloads =
      decode_payloads(header.next_payload, ByteView(datagram.message).subspan(kHeaderSize));
  if (!payloads) return drop("init-" + payloads.error().field);
  for (const Payload& payload : *payloads) {
    const auto* other = std::get_if<payload::Other>(&payload);
    if (other == nullptr || !must_be_understood(*other)) continue;
    counters_.add("refused-critical-payload");
    return send_unprotected(datagram, header, IkeSpi{},
                            {notify(NotifyType::UnsupportedCriticalPayload, Bytes{other->type})});
  }
  InitOffer offer{.payloads = std::move(*payloads)};
  offer.tunnel = settings_for_init(datagram);
  if (offer.tunnel == nullptr) return drop("no-tunnel-for-client");
  offer.sa = first_of<payload::Sa>(offer.payloads);
  offer.ke = first_of<payload::Ke>(offer.payloads);
  offer.nonce = first_of<payload::Nonce>(offer.payloads);
  if (offer.sa == nullptr || offer.ke == nullptr || offer.nonce == nullptr) {
    return drop("init-incomplete");
  }
  const auto& ours = offer.tunnel->proposals;
  const auto chosen = choose_ike(ours, *offer.sa, static_cast<Group>(offer.ke->group));
  if (chosen) return begin_half_open(datagram, header, std::move(offer), *chosen);
  const auto other_group = choose_ike(ours, *offer.sa, std::nullopt);
  if (!other_group) {
    counters_.add("refused-no-proposal");
    return send_unprotected(datagram, header, IkeSpi{}, {notify(NotifyType::NoProposalChosen)});
  }
  // RFC 7296 1.2: "the responder MUST ... indicate its preferred group in the INVALID_KE_PAYLOAD".
  wire::Writer group;
  group.u16(static_cast<uint16_t>(other_group->suite.group));
  counters_.add("refused-group");
  send_unprotected(datagram, header, IkeSpi{},
                   {notify(NotifyType::InvalidKePayload, group.take())});
}

void EngineImpl::send_unprotected(const Datagram& datagram, const Header& header, IkeSpi responder,
                                  const std::vector<Payload>& payloads) {
  const Header reply{.initiator = header.initiator,
                     .responder = responder,
                     .exchange = header.exchange,
                     .from_initiator = false,
                     .is_response = true,
                     .message_id = 0};
  host_.send(Datagram{.local = datagram.local,
                      .remote = datagram.remote,
                      .message = encode_message(reply, payloads)});
}

std::vector<Payload> EngineImpl::init_answer(const Datagram& datagram, const InitOffer& offer,
                                             const ChosenIke& chosen, const IkeSa& sa,
                                             const Bytes& public_key) const {
  std::vector<Payload> answers{
      payload::Sa{.proposals = {chosen.answer}},
      payload::Ke{.group = static_cast<uint16_t>(chosen.suite.group), .data = public_key},
      payload::Nonce{.data = sa.responder_nonce}};
  const bool asked = find_notify(offer.payloads, NotifyType::NatDetectionSourceIp) != nullptr;
  if (asked && offer.tunnel->nat_traversal) {
    const Spis spis{.initiator = sa.initiator_spi, .responder = sa.responder_spi};
    answers.emplace_back(
        notify(NotifyType::NatDetectionSourceIp,
               own_nat_detection(spis, datagram.local, offer.tunnel->force_encapsulation)));
    answers.emplace_back(
        notify(NotifyType::NatDetectionDestinationIp, nat_detection(spis, datagram.remote)));
  }
  if (sa.fragmentation) answers.emplace_back(notify(NotifyType::FragmentationSupported));
  std::ranges::move(init_payloads(offer.tunnel->auth, sa), std::back_inserter(answers));
  return answers;
}

void EngineImpl::begin_half_open(const Datagram& datagram, const Header& header, InitOffer offer,
                                 const ChosenIke& chosen) {
  IkeSa sa;
  // Before any work for it. RFC 8784 3 leaves the answer open; nothing that we could say is
  // authentic, so it is that of a suite that does not fit.
  if (const auto why = take_init(offer.tunnel->auth, offer.payloads, sa); !why.empty()) {
    counters_.add(why);
    return send_unprotected(datagram, header, IkeSpi{}, {notify(NotifyType::NoProposalChosen)});
  }
  auto work = std::make_shared<InitWork>(
      InitWork{.configured = configured_,
               .activation = activation_,
               .datagram = datagram,
               .header = header,
               .offer = std::move(offer),
               .chosen = chosen,
               .sa = std::move(sa),
               .pair = crypto::dh_draw(chosen.suite.group, platform_.rng),
               .shared = {}});
  begin_working({header.initiator, datagram.remote});
  work_(
      platform::Lane::Beginning, [work] { work->compute(); },
      [this, work] {
        if (work->activation != activation_) return;
        init_working_.erase({work->header.initiator, work->datagram.remote});
        const PartedCounters::Scope part(
            counters_,
            counters_.between(work->datagram.local.address, work->datagram.remote.address));
        if (active_) make_half_open(*work);
      });
}

void EngineImpl::make_half_open(InitWork& work) {
  const auto& [datagram, header, offer] = std::tie(work.datagram, work.header, work.offer);
  const ChosenIke& chosen = work.chosen;
  IkeSa& sa = work.sa;
  if (!work.shared) return drop("init-bad-public-value");
  sa.group = settings_->group;
  sa.tunnel = offer.tunnel->index;
  sa.initiator_spi = header.initiator;
  sa.responder_spi = new_ike_spi();
  sa.local = datagram.local;
  sa.remote = datagram.remote;
  sa.suite = chosen.suite;
  sa.lifetime = chosen.lifetime;
  sa.initiator_nonce = offer.nonce->data;
  sa.responder_nonce = platform_.rng.bytes(kNonceSize);
  const Spis asked{.initiator = header.initiator, .responder = IkeSpi{}};
  if (offer.tunnel->nat_traversal) {
    sa.remote_behind_nat = says_nat(offer.payloads, NotifyType::NatDetectionSourceIp,
                                    nat_detection(asked, datagram.remote));
    sa.local_behind_nat = says_nat(offer.payloads, NotifyType::NatDetectionDestinationIp,
                                   nat_detection(asked, datagram.local));
  }
  sa.keys = derive_keys(sa.suite, *work.shared,
                        {.initiator = sa.initiator_nonce, .responder = sa.responder_nonce},
                        {.initiator = sa.initiator_spi, .responder = sa.responder_spi});
  // RFC 7383 2.3: the responder says that it can only if the initiator did.
  sa.fragmentation = offer.tunnel->options.fragments &&
                     find_notify(offer.payloads, NotifyType::FragmentationSupported) != nullptr;
  sa.init_request = datagram.message;
  const Header reply{.initiator = header.initiator,
                     .responder = sa.responder_spi,
                     .exchange = header.exchange,
                     .from_initiator = false,
                     .is_response = true,
                     .message_id = 0};
  sa.init_response =
      encode_message(reply, init_answer(datagram, offer, chosen, sa, work.pair.public_key));
  sa.next_request_in = 1;
  sa.holders.push_back({.slot = settings_->slot, .incarnation = settings_->incarnation});
  Changes changes;
  if (half_open_.size() >= settings_->half_open_max) drop_oldest_half_open(changes);
  const IkeSpi spi = sa.responder_spi;
  const Datagram answer{
      .local = datagram.local, .remote = datagram.remote, .message = sa.init_response};
  const IkeSa& kept = tables_.ike_sas.emplace(spi, std::move(sa)).first->second;
  runtime(kept).committing = true;
  half_open_[{header.initiator, datagram.remote}] = spi;
  changes.ike_sas.push_back(spi);
  counters_.add("half-open-made");
  commit(changes, [this, spi, answer] {
    const auto at = runtimes_.find(spi);
    if (at != runtimes_.end()) at->second.committing = false;
    host_.send(answer);
  });
}

void EngineImpl::drop_oldest_half_open(Changes& changes) {
  const auto oldest = std::ranges::min_element(half_open_, {}, [&](const auto& entry) {
    return runtime(tables_.ike_sas.at(entry.second)).born;
  });
  if (oldest == half_open_.end()) return;
  counters_.add("half-open-dropped");
  remove_ike(oldest->second, false, changes);
}

}  // namespace segw::ike
