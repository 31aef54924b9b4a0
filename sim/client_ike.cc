// The client's IKEv2 exchanges.
#include <fmt/format.h>

#include <algorithm>

#include "sim/client.h"
#include "sim/ip_packet.h"

namespace segw::sim {
namespace {

constexpr size_t kNonceSize = 32;
constexpr Duration kFirstWait = std::chrono::milliseconds(500);
constexpr Duration kLongestWait = std::chrono::seconds(4);
constexpr int kTriesMax = 8;  // gives up after about 22 s
constexpr uint16_t kIkePort = 500;
constexpr uint8_t kIdIpv4 = 1;
constexpr uint8_t kIdFqdn = 2;
constexpr uint8_t kIdIpv6 = 5;

Payload nonce_payload(const Bytes& nonce) {
  return Payload{.type = PayloadType::Nonce, .body = nonce};
}

Bytes joined(const Bytes& first, const Bytes& second) {
  Bytes both = first;
  append(both, second);
  return both;
}

// The rest of an identity payload: type, reserved, data.
Bytes id_body(const ClientSpec& spec) {
  const uint8_t by_address = spec.outer.is_v4() ? kIdIpv4 : kIdIpv6;
  Bytes body{spec.identity.empty() ? by_address : kIdFqdn, 0, 0, 0};
  append(body, spec.identity.empty() ? spec.outer.bytes() : as_bytes(spec.identity));
  return body;
}

}  // namespace

void Client::begin_init(const Payloads& before) {
  Pending pending;
  if (before.empty()) {
    ike_ = IkeSa{};
    ike_->initiator_spi = rng_.next();
    pending.key = crypto::dh_generate(spec_.ike_suite.group, rng_);
    pending.nonce = rng_.bytes(kNonceSize);
  } else {
    pending = *pending_;  // again, with the cookie
  }
  pending.exchange = Exchange::Init;
  const Endpoint own{.address = spec_.behind_nat.value_or(spec_.outer), .port = kIkePort};
  const Endpoint gateway{.address = spec_.gateway, .port = kIkePort};
  Payloads payloads = before;
  payloads.push_back(ike_proposal(spec_.ike_suite, std::nullopt));
  payloads.push_back(key_exchange(spec_.ike_suite.group, pending.key.public_key));
  payloads.push_back(nonce_payload(pending.nonce));
  payloads.push_back(notify(kNotifyNatSource, nat_hash(ike_->initiator_spi, 0, own)));
  payloads.push_back(notify(kNotifyNatDestination, nat_hash(ike_->initiator_spi, 0, gateway)));
  pending.message = encode_clear(
      MessageHead{.initiator_spi = ike_->initiator_spi, .exchange = kIkeSaInit}, payloads);
  pending.message_id = 0;
  pending.tries = 0;
  pending.wait = kFirstWait;
  init_request_ = pending.message;
  pending_ = std::move(pending);
  transmit();
}

void Client::begin_auth() {
  Pending pending;
  pending.exchange = Exchange::Auth;
  pending.nonce = pending_->nonce;
  pending.child_spi = static_cast<uint32_t>(rng_.from(0x1000, 0xFFFFFFF0));
  const Bytes own_id = id_body(spec_);
  const Bytes auth =
      shared_key_auth(spec_.ike_suite.prf, spec_.pre_shared_key.view(), init_request_,
                      responder_nonce_, ike_->keys.auth_out.view(), own_id);
  Bytes auth_body{2, 0, 0, 0};  // shared key message integrity code
  append(auth_body, auth);
  ++counts_.authentications;
  request(std::move(pending), kIkeAuth,
          {Payload{.type = PayloadType::IdInitiator, .body = own_id},
           Payload{.type = PayloadType::Auth, .body = auth_body},
           esp_proposal(spec_.esp_suite, 0, std::nullopt),
           selectors(PayloadType::TsInitiator, spec_.inner_network),
           selectors(PayloadType::TsResponder, spec_.core_network)});
}

void Client::begin_rekey_child() {
  Pending pending;
  pending.exchange = Exchange::RekeyChild;
  pending.nonce = rng_.bytes(kNonceSize);
  pending.child_spi = static_cast<uint32_t>(rng_.from(0x1000, 0xFFFFFFF0));
  const uint32_t old = children_.back().inbound_spi();
  pending.old_spi = old;
  const Bytes old_spi{static_cast<uint8_t>(old >> 24), static_cast<uint8_t>(old >> 16),
                      static_cast<uint8_t>(old >> 8), static_cast<uint8_t>(old)};
  Payloads payloads{notify(kNotifyRekeySa, {}, kProtocolEspSa, old_spi),
                    esp_proposal(spec_.esp_suite, pending.child_spi, spec_.pfs),
                    nonce_payload(pending.nonce)};
  if (spec_.pfs) {
    pending.key = crypto::dh_generate(*spec_.pfs, rng_);
    pending.has_key = true;
    payloads.push_back(key_exchange(*spec_.pfs, pending.key.public_key));
  }
  payloads.push_back(selectors(PayloadType::TsInitiator, spec_.inner_network));
  payloads.push_back(selectors(PayloadType::TsResponder, spec_.core_network));
  request(std::move(pending), kCreateChildSa, payloads);
}

void Client::begin_rekey_ike() {
  Pending pending;
  pending.exchange = Exchange::RekeyIke;
  pending.nonce = rng_.bytes(kNonceSize);
  pending.ike_spi = rng_.next();
  pending.key = crypto::dh_generate(spec_.ike_suite.group, rng_);
  const Payloads payloads{ike_proposal(spec_.ike_suite, pending.ike_spi),
                          nonce_payload(pending.nonce),
                          key_exchange(spec_.ike_suite.group, pending.key.public_key)};
  request(std::move(pending), kCreateChildSa, payloads);
}

void Client::begin_informational(Exchange exchange, const Payloads& payloads,
                                 uint32_t deleted_child) {
  Pending pending;
  pending.exchange = exchange;
  pending.on_old = exchange == Exchange::DeleteOldIke;
  pending.old_spi = deleted_child;
  request(std::move(pending), kInformational, payloads);
}

void Client::request(Pending pending, uint8_t exchange, const Payloads& payloads) {
  IkeSa& sa = pending.on_old ? *old_ike_ : *ike_;
  Payloads sent = payloads;
  if (pending.exchange == Exchange::Auth) {
    sent[2] = esp_proposal(spec_.esp_suite, pending.child_spi, std::nullopt);
  }
  pending.message_id = sa.next_request++;
  pending.message = seal_message(spec_.ike_suite, sa.keys.out,
                                 MessageHead{.initiator_spi = sa.initiator_spi,
                                             .responder_spi = sa.responder_spi,
                                             .exchange = exchange,
                                             .from_initiator = sa.began,
                                             .message_id = pending.message_id},
                                 sent, rng_);
  pending.wait = kFirstWait;
  pending_ = std::move(pending);
  transmit();
}

void Client::transmit() {
  const uint64_t serial = ++pending_serial_;
  if (pending_->tries == 0) pending_->asked_at = world_.now();
  if (++pending_->tries > kTriesMax) {
    const IkeSa& sa = pending_->on_old ? *old_ike_ : *ike_;
    const bool ending = pending_->exchange == Exchange::DeleteIke;
    start_over("no answer", ClientLoss{.kind = ClientLoss::Kind::NoAnswer,
                                       .age = world_.now() - sa.made_at,
                                       .ending = ending,
                                       .request = pending_->message_id,
                                       .asked_at = pending_->asked_at});
    return;
  }
  send(pending_->message, false);
  const Duration wait = pending_->wait;
  pending_->wait = std::min(kLongestWait, wait * 8 / 5);
  world_.after(kNature, wait, [this, serial] {
    if (pending_ && pending_serial_ == serial) transmit();
  });
}

Client::IkeSa* Client::sa_of(const IkeHeader& header) {
  for (std::optional<IkeSa>* sa : {&ike_, &old_ike_}) {
    if (*sa && (*sa)->initiator_spi == header.initiator_spi &&
        (*sa)->began != header.from_initiator) {
      return &**sa;
    }
  }
  return nullptr;
}

void Client::on_ike(ByteView message) {
  const auto header = decode_ike_header(message);
  if (!header) return;
  if (!header->response && header->exchange == kIkeSaInit) return answer_init(*header, message);
  if (!header->response && header->exchange == kIkeAuth) return answer_auth(*header, message);
  if (header->response) {
    on_response(*header, message);
  } else {
    on_request(*header, message);
  }
}

void Client::on_response(const IkeHeader& header, ByteView message) {
  IkeSa* sa = sa_of(header);
  if (sa == nullptr || !pending_ || header.message_id != pending_->message_id) return;
  if (sa != (pending_->on_old ? &*old_ike_ : &*ike_)) return;
  if (pending_->exchange == Exchange::Init) {
    if (header.exchange == kIkeSaInit) finish_init(message);
    return;
  }
  const auto payloads = open_message(spec_.ike_suite, sa->keys.in, message);
  if (!payloads) return;
  told(*sa);
  const Pending done = std::move(*pending_);
  pending_.reset();
  after_response(done, *payloads);
}

void Client::after_response(const Pending& done, const Payloads& payloads) {
  switch (done.exchange) {
    case Exchange::Init:
      return;
    case Exchange::Auth:
      finish_auth(done, payloads);
      return;
    case Exchange::RekeyChild:
      finish_rekey_child(done, payloads);
      return;
    case Exchange::RekeyIke:
      finish_rekey_ike(done, payloads);
      return;
    case Exchange::Liveness:
      last_echo_ = world_.now();  // it lives: the next one after another silence
      return;
    case Exchange::DeleteChild:
      std::erase_if(children_,
                    [&](const ClientSa& child) { return child.inbound_spi() == done.old_spi; });
      return;
    case Exchange::DeleteOldIke:
      old_ike_.reset();
      return;
    case Exchange::DeleteIke:
      start_over("a new tunnel is wanted");
      return;
  }
}

void Client::finish_init(ByteView message) {
  const auto payloads = decode_clear(message);
  if (!payloads) return;
  for (const Payload& payload : *payloads) {
    if (notify_type(payload) != kNotifyCookie) continue;
    begin_init({payload});
    return;
  }
  const Payload* ke = find(*payloads, PayloadType::Ke);
  const Payload* nonce = find(*payloads, PayloadType::Nonce);
  const auto header = decode_ike_header(message);
  const auto public_key = ke == nullptr ? std::nullopt : public_key_of(*ke);
  if (nonce == nullptr || !public_key || !header) {
    note(fmt::format("IKE_SA_INIT is refused: {}", error_in(*payloads).value_or(0)));
    return;
  }
  const auto shared = crypto::dh_shared(pending_->key, *public_key);
  if (!shared) return;
  init_response_ = to_bytes(message);
  responder_nonce_ = nonce->body;
  const Bytes nonces = joined(pending_->nonce, responder_nonce_);
  ike_->responder_spi = header->responder_spi;
  ike_->keys = derive_ike_keys(
      spec_.ike_suite,
      first_key_seed(spec_.ike_suite.prf, *shared, pending_->nonce, responder_nonce_), nonces,
      ike_->initiator_spi, ike_->responder_spi);
  ike_->next_request = 1;
  encapsulated_ = spec_.behind_nat.has_value();
  begin_auth();
}

void Client::finish_auth(const Pending& done, const Payloads& payloads) {
  const Payload* id = find(payloads, PayloadType::IdResponder);
  const Payload* auth = find(payloads, PayloadType::Auth);
  if (id == nullptr || auth == nullptr || find(payloads, PayloadType::Sa) == nullptr) {
    start_over(fmt::format("IKE_AUTH is refused: {}", error_in(payloads).value_or(0)));
    return;
  }
  Bytes expected{2, 0, 0, 0};
  append(expected, shared_key_auth(spec_.ike_suite.prf, spec_.pre_shared_key.view(), init_response_,
                                   done.nonce, ike_->keys.auth_in.view(), id->body));
  if (expected != auth->body) {
    start_over("the gateway does not prove its key");
    return;
  }
  ike_->established = true;
  ike_->made_at = world_.now();
  told(*ike_);
  add_child(done, payloads, {}, joined(done.nonce, responder_nonce_));
  last_echo_ = world_.now();
  note(fmt::format("is established, IKE SA {:016x}", ike_->responder_spi));
}

void Client::add_child(const Pending& done, const Payloads& payloads, ByteView shared,
                       ByteView nonces) {
  const Payload* sa = find(payloads, PayloadType::Sa);
  const auto spi = sa == nullptr ? std::nullopt : chosen_spi(*sa);
  if (!spi) return;
  ChildKeys keys = derive_child_keys(spec_.esp_suite, spec_.ike_suite.prf, ike_->keys.derive,
                                     shared, nonces, true);
  children_.emplace_back(spec_.esp_suite, done.child_spi, static_cast<uint32_t>(*spi),
                         std::move(keys), spec_.window);
  child_made_[done.child_spi] = world_.now();
}

void Client::finish_rekey_child(const Pending& done, const Payloads& payloads) {
  const Payload* nonce = find(payloads, PayloadType::Nonce);
  if (nonce == nullptr || find(payloads, PayloadType::Sa) == nullptr) {
    note(fmt::format("rekey of the CHILD SA is refused: {}", error_in(payloads).value_or(0)));
    return;
  }
  SecretBytes shared;
  if (done.has_key) {
    const Payload* ke = find(payloads, PayloadType::Ke);
    const auto public_key = ke == nullptr ? std::nullopt : public_key_of(*ke);
    if (!public_key) return;
    auto secret = crypto::dh_shared(done.key, *public_key);
    if (!secret) return;
    shared = std::move(*secret);
  }
  add_child(done, payloads, shared.view(), joined(done.nonce, nonce->body));
  ++counts_.rekeys;
  note(fmt::format("has rekeyed its CHILD SA, now {:08x}", children_.back().outbound_spi()));
  begin_informational(Exchange::DeleteChild, {delete_esp(done.old_spi)}, done.old_spi);
}

void Client::finish_rekey_ike(const Pending& done, const Payloads& payloads) {
  const Payload* nonce = find(payloads, PayloadType::Nonce);
  const Payload* sa = find(payloads, PayloadType::Sa);
  const Payload* ke = find(payloads, PayloadType::Ke);
  const auto spi = sa == nullptr ? std::nullopt : chosen_spi(*sa);
  const auto public_key = ke == nullptr ? std::nullopt : public_key_of(*ke);
  if (nonce == nullptr || !spi || !public_key) {
    note(fmt::format("rekey of the IKE SA is refused: {}", error_in(payloads).value_or(0)));
    return;
  }
  const auto shared = crypto::dh_shared(done.key, *public_key);
  if (!shared) return;
  const Bytes nonces = joined(done.nonce, nonce->body);
  IkeSa next;
  next.initiator_spi = done.ike_spi;
  next.responder_spi = *spi;
  next.keys = derive_ike_keys(spec_.ike_suite,
                              rekey_seed(spec_.ike_suite.prf, ike_->keys.derive, *shared, nonces),
                              nonces, next.initiator_spi, next.responder_spi);
  next.established = true;
  next.made_at = world_.now();
  old_ike_ = std::move(ike_);
  ike_ = std::move(next);
  told(*ike_);
  ++counts_.rekeys;
  note(fmt::format("has rekeyed its IKE SA, now {:016x}", ike_->responder_spi));
  begin_informational(Exchange::DeleteOldIke, {delete_ike()});
}

void Client::on_request(const IkeHeader& header, ByteView message) {
  IkeSa* sa = sa_of(header);
  if (sa == nullptr || !sa->established) return;
  const auto payloads = open_message(spec_.ike_suite, sa->keys.in, message);
  if (!payloads) return;
  told(*sa);
  if (header.message_id + 1 == sa->expected_request && !sa->last_answer.empty()) {
    send(sa->last_answer, false);
    return;
  }
  if (header.message_id != sa->expected_request) return;
  if (header.exchange == kCreateChildSa) return answer_create_child(*sa, header, *payloads);
  if (header.exchange != kInformational) return;
  const Deleted deleted = deletes_in(*payloads);
  Payloads own;
  Duration oldest{};
  for (const uint32_t spi : deleted.esp) {
    const auto gone = std::ranges::find_if(
        children_, [&](const ClientSa& child) { return child.outbound_spi() == spi; });
    if (gone == children_.end()) continue;
    // RFC 7296 1.4.1: not for what we are deleting ourselves.
    const bool crossed = pending_ && pending_->exchange == Exchange::DeleteChild &&
                         pending_->old_spi == gone->inbound_spi();
    if (!crossed) own.push_back(delete_esp(gone->inbound_spi()));
    fresh_.erase(gone->inbound_spi());
    oldest = std::max(oldest, age_of_child(gone->inbound_spi()));
    children_.erase(gone);
  }
  answer(*sa, header, own);
  // RFC 7296 2.8: the IKE SA that was rekeyed is closed, and with it what waits for an answer
  // there.
  if (deleted.ike && sa != &*ike_ && pending_ && pending_->on_old) pending_.reset();
  if (deleted.ike && sa == &*ike_) {
    start_over("the gateway deleted the IKE SA", ClientLoss{.kind = ClientLoss::Kind::IkeDeleted,
                                                            .age = world_.now() - ike_->made_at});
  } else if (!deleted.esp.empty() && children_.empty() && !spec_.waits) {
    start_over("the gateway deleted the last CHILD SA",
               ClientLoss{.kind = ClientLoss::Kind::ChildDeleted, .age = oldest});
  }
}

}  // namespace segw::sim
