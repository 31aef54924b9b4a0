// What the client answers when the gateway begins: a tunnel, a further CHILD SA, a rekey.
#include <fmt/format.h>

#include <algorithm>

#include "sim/client.h"
#include "sim/ip_packet.h"

namespace segw::sim {
namespace {

constexpr size_t kNonceSize = 32;
constexpr uint16_t kIkePort = 500;
constexpr uint8_t kIdIpv4 = 1;
constexpr uint8_t kIdIpv6 = 5;
constexpr uint16_t kTemporaryFailure = 43;
constexpr uint16_t kChildSaNotFound = 44;
constexpr size_t kProtocolAt = 5;  // of the first proposal (RFC 7296 3.3.1)

Bytes joined(const Bytes& first, const Bytes& second) {
  Bytes both = first;
  append(both, second);
  return both;
}

// As responder the other half of the keys is ours.
ClientIkeKeys turned(ClientIkeKeys keys) {
  std::swap(keys.out, keys.in);
  std::swap(keys.auth_out, keys.auth_in);
  return keys;
}

// The SPI that a REKEY_SA names.
std::optional<uint32_t> rekeyed_spi(const Payloads& payloads) {
  for (const Payload& payload : payloads) {
    if (notify_type(payload) != kNotifyRekeySa || payload.body.size() < 8) continue;
    uint32_t spi = 0;
    for (size_t i = 4; i < 8; ++i) spi = spi << 8 | payload.body[i];
    return spi;
  }
  return std::nullopt;
}

}  // namespace

void Client::answer_init(const IkeHeader& header, ByteView message) {
  if (!header.from_initiator || header.responder_spi != 0) return;
  if (incoming_ && incoming_->request == to_bytes(message)) return send(incoming_->answer, false);
  const auto payloads = decode_clear(message);
  if (!payloads) return;
  const Payload* ke = find(*payloads, PayloadType::Ke);
  const Payload* nonce = find(*payloads, PayloadType::Nonce);
  const auto public_key = ke == nullptr ? std::nullopt : public_key_of(*ke);
  if (nonce == nullptr || !public_key || find(*payloads, PayloadType::Sa) == nullptr) return;
  const auto pair = crypto::dh_generate(spec_.ike_suite.group, rng_);
  const auto shared = crypto::dh_shared(pair, *public_key);
  if (!shared) return;
  Incoming incoming;
  incoming.at = world_.now();
  incoming.request = to_bytes(message);
  incoming.gateway_nonce = nonce->body;
  incoming.own_nonce = rng_.bytes(kNonceSize);
  IkeSa& sa = incoming.sa;
  sa.began = false;
  sa.initiator_spi = header.initiator_spi;
  sa.responder_spi = rng_.next();
  sa.expected_request = 1;
  const Bytes nonces = joined(incoming.gateway_nonce, incoming.own_nonce);
  sa.keys = turned(derive_ike_keys(
      spec_.ike_suite,
      first_key_seed(spec_.ike_suite.prf, *shared, incoming.gateway_nonce, incoming.own_nonce),
      nonces, sa.initiator_spi, sa.responder_spi));
  const Endpoint own{.address = spec_.outer, .port = kIkePort};
  const Endpoint gateway{.address = spec_.gateway, .port = kIkePort};
  incoming.answer = encode_clear(
      MessageHead{.initiator_spi = sa.initiator_spi,
                  .responder_spi = sa.responder_spi,
                  .exchange = kIkeSaInit,
                  .response = true,
                  .from_initiator = false},
      {ike_proposal(spec_.ike_suite, std::nullopt),
       key_exchange(spec_.ike_suite.group, pair.public_key),
       Payload{.type = PayloadType::Nonce, .body = incoming.own_nonce},
       notify(kNotifyNatSource, nat_hash(sa.initiator_spi, sa.responder_spi, own)),
       notify(kNotifyNatDestination, nat_hash(sa.initiator_spi, sa.responder_spi, gateway))});
  incoming_ = std::move(incoming);
  send(incoming_->answer, false);
}

void Client::answer_auth(const IkeHeader& header, ByteView message) {
  // A repetition after it was answered.
  if (ike_ && !ike_->began && ike_->initiator_spi == header.initiator_spi) {
    if (ike_->expected_request == 2 && !ike_->last_answer.empty()) send(ike_->last_answer, false);
    return;
  }
  if (!incoming_ || incoming_->sa.initiator_spi != header.initiator_spi) return;
  const auto payloads = open_message(spec_.ike_suite, incoming_->sa.keys.in, message);
  if (!payloads || header.message_id != 1) return;
  const Payload* id = find(*payloads, PayloadType::IdInitiator);
  const Payload* auth = find(*payloads, PayloadType::Auth);
  const Payload* offer = find(*payloads, PayloadType::Sa);
  const auto spi = offer == nullptr ? std::nullopt : chosen_spi(*offer);
  if (id == nullptr || auth == nullptr || !spi) return;
  Bytes expected{2, 0, 0, 0};
  append(expected,
         shared_key_auth(spec_.ike_suite.prf, spec_.pre_shared_key.view(), incoming_->request,
                         incoming_->own_nonce, incoming_->sa.keys.auth_in.view(), id->body));
  if (expected != auth->body) return note("the gateway that begins does not prove its key");
  Bytes own_id{spec_.outer.is_v4() ? kIdIpv4 : kIdIpv6, 0, 0, 0};
  append(own_id, spec_.outer.bytes());
  Bytes proof{2, 0, 0, 0};
  append(proof,
         shared_key_auth(spec_.ike_suite.prf, spec_.pre_shared_key.view(), incoming_->answer,
                         incoming_->gateway_nonce, incoming_->sa.keys.auth_out.view(), own_id));
  // Otherwise both ends had begun at once.
  const bool anew = ike_ && ike_->established && incoming_->at > ike_->made_at;
  if (anew) {
    const bool ending = pending_ && pending_->exchange == Exchange::DeleteIke && !pending_->on_old;
    lost(*ike_, ClientLoss{.kind = ClientLoss::Kind::Replaced,
                           .age = world_.now() - ike_->made_at,
                           .ending = ending,
                           .by = header.initiator_spi});
  }
  ike_ = std::move(incoming_->sa);
  ike_->made_at = world_.now();
  old_ike_.reset();
  children_.clear();
  fresh_.clear();
  child_made_.clear();
  pending_.reset();
  encapsulated_ = false;
  ike_->established = true;
  ++counts_.authentications;
  ++counts_.answered_set_ups;
  const auto own_spi = static_cast<uint32_t>(rng_.from(0x1000, 0xFFFFFFF0));
  const Bytes nonces = joined(incoming_->gateway_nonce, incoming_->own_nonce);
  incoming_.reset();
  child_made_[own_spi] = world_.now();
  children_.emplace_back(
      spec_.esp_suite, own_spi, static_cast<uint32_t>(*spi),
      derive_child_keys(spec_.esp_suite, spec_.ike_suite.prf, ike_->keys.derive, {}, nonces, false),
      spec_.window);
  answer(*ike_, header,
         {Payload{.type = PayloadType::IdResponder, .body = own_id},
          Payload{.type = PayloadType::Auth, .body = proof},
          esp_proposal(spec_.esp_suite, own_spi, std::nullopt),
          selectors(PayloadType::TsInitiator, spec_.core_network),
          selectors(PayloadType::TsResponder, spec_.inner_network)});
  last_echo_ = world_.now();
  note(fmt::format("is established by the gateway, IKE SA {:016x}", ike_->initiator_spi));
}

void Client::answer_create_child(IkeSa& sa, const IkeHeader& header, const Payloads& payloads) {
  const Payload* offer = find(payloads, PayloadType::Sa);
  if (offer == nullptr || offer->body.size() <= kProtocolAt) return;
  // RFC 7296 2.25: what collides with an exchange of ours has to wait.
  const bool busy = pending_ && pending_->exchange != Exchange::Liveness;
  if (busy || &sa != &*ike_) return answer(sa, header, {notify(kTemporaryFailure, {})});
  if (offer->body[kProtocolAt] != kProtocolIke) {
    const Payloads own = answer_child(payloads, *offer);
    return answer(sa, header, own);
  }
  const Payloads own = answer_rekey_ike(payloads, *offer);
  const bool moved = find(own, PayloadType::Sa) != nullptr;
  // What was `ike_` is `old_ike_` now, and answers.
  answer(moved ? *old_ike_ : *ike_, header, own);
}

Payloads Client::answer_child(const Payloads& payloads, const Payload& offer) {
  const Payload* nonce = find(payloads, PayloadType::Nonce);
  const auto spi = chosen_spi(offer);
  if (nonce == nullptr || !spi) return {notify(kTemporaryFailure, {})};
  const auto old = rekeyed_spi(payloads);
  const bool known = std::ranges::any_of(
      children_, [&](const ClientSa& child) { return child.outbound_spi() == old; });
  if (old && !known) return {notify(kChildSaNotFound, {}, kProtocolEspSa)};
  const auto own_spi = static_cast<uint32_t>(rng_.from(0x1000, 0xFFFFFFF0));
  const Bytes own_nonce = rng_.bytes(kNonceSize);
  Payloads own{esp_proposal(spec_.esp_suite, own_spi, spec_.pfs),
               Payload{.type = PayloadType::Nonce, .body = own_nonce}};
  SecretBytes shared;
  if (spec_.pfs) {
    const Payload* ke = find(payloads, PayloadType::Ke);
    const auto public_key = ke == nullptr ? std::nullopt : public_key_of(*ke);
    if (!public_key) return {notify(kTemporaryFailure, {})};
    const auto pair = crypto::dh_generate(*spec_.pfs, rng_);
    auto secret = crypto::dh_shared(pair, *public_key);
    if (!secret) return {notify(kTemporaryFailure, {})};
    shared = std::move(*secret);
    own.push_back(key_exchange(*spec_.pfs, pair.public_key));
  }
  own.push_back(selectors(PayloadType::TsInitiator, spec_.core_network));
  own.push_back(selectors(PayloadType::TsResponder, spec_.inner_network));
  ClientSa made(spec_.esp_suite, own_spi, static_cast<uint32_t>(*spi),
                derive_child_keys(spec_.esp_suite, spec_.ike_suite.prf, ike_->keys.derive,
                                  shared.view(), joined(nonce->body, own_nonce), false),
                spec_.window);
  child_made_[own_spi] = world_.now();
  // The gateway has the new one when it uses it, or deletes the old one.
  if (children_.empty()) {
    children_.push_back(std::move(made));
  } else {
    fresh_.insert(own_spi);
    children_.insert(children_.end() - 1, std::move(made));
  }
  ++counts_.answered_rekeys;
  note(fmt::format("agrees to CHILD SA {:08x} of the gateway", static_cast<uint32_t>(*spi)));
  return own;
}

void Client::use_fresh(uint32_t spi) {
  if (fresh_.erase(spi) == 0) return;
  const auto at = std::ranges::find_if(
      children_, [&](const ClientSa& child) { return child.inbound_spi() == spi; });
  if (at != children_.end()) std::rotate(at, at + 1, children_.end());
}

Payloads Client::answer_rekey_ike(const Payloads& payloads, const Payload& offer) {
  const Payload* nonce = find(payloads, PayloadType::Nonce);
  const Payload* ke = find(payloads, PayloadType::Ke);
  const auto spi = chosen_spi(offer);
  const auto public_key = ke == nullptr ? std::nullopt : public_key_of(*ke);
  if (nonce == nullptr || !spi || !public_key) return {notify(kTemporaryFailure, {})};
  const auto pair = crypto::dh_generate(spec_.ike_suite.group, rng_);
  const auto shared = crypto::dh_shared(pair, *public_key);
  if (!shared) return {notify(kTemporaryFailure, {})};
  const Bytes own_nonce = rng_.bytes(kNonceSize);
  const Bytes nonces = joined(nonce->body, own_nonce);
  IkeSa next;
  next.began = false;
  next.initiator_spi = *spi;
  next.responder_spi = rng_.next();
  next.keys = turned(derive_ike_keys(
      spec_.ike_suite, rekey_seed(spec_.ike_suite.prf, ike_->keys.derive, *shared, nonces), nonces,
      next.initiator_spi, next.responder_spi));
  next.established = true;
  next.made_at = world_.now();
  next.told = true;
  old_ike_ = std::move(ike_);
  ike_ = std::move(next);
  observer_.on_client_told(named(*ike_));
  if (pending_) pending_->on_old = true;
  ++counts_.answered_rekeys;
  note(fmt::format("agrees to IKE SA {:016x} of the gateway", ike_->initiator_spi));
  return {ike_proposal(spec_.ike_suite, ike_->responder_spi),
          Payload{.type = PayloadType::Nonce, .body = own_nonce},
          key_exchange(spec_.ike_suite.group, pair.public_key)};
}

void Client::answer(IkeSa& sa, const IkeHeader& header, const Payloads& payloads) {
  sa.expected_request = header.message_id + 1;
  sa.last_answer = seal_message(spec_.ike_suite, sa.keys.out,
                                MessageHead{.initiator_spi = sa.initiator_spi,
                                            .responder_spi = sa.responder_spi,
                                            .exchange = header.exchange,
                                            .response = true,
                                            .from_initiator = sa.began,
                                            .message_id = header.message_id},
                                payloads, rng_);
  send(sa.last_answer, false);
}

}  // namespace segw::sim
