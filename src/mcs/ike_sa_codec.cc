// An IKE SA's record.
#include "crypto/crypto.h"
#include "ike/key_derivation.h"
#include "ike/message.h"
#include "mcs/sa_codec.h"

namespace segw::mcs {
namespace {

constexpr size_t kMessageMax = 65536;
constexpr size_t kDigestMax = 64;
constexpr size_t kNonceMax = 256;
constexpr size_t kCookieMax = 64;  // RFC 7296 2.6
constexpr size_t kIdMax = 1024;
constexpr int kChildrenMax = 64;
constexpr int kResponsesMax = 192;  // of the smallest size that can be configured
constexpr int kHashesMax = 64;

ike::Group decode_group(uint32_t group, Checker& check) {
  if (!crypto::is_dh_group(group)) check.refuse("group");
  return static_cast<ike::Group>(group);
}

ike::IkeSuite decode_ike_suite(const pb::IkeSa& in, Checker& check) {
  check_suite(in.encryption(), in.key_bits(), in.integrity(), check);
  if (in.encryption() == static_cast<uint32_t>(esp::Encryption::Null)) check.refuse("encryption");
  if (!crypto::is_prf(in.prf())) check.refuse("prf");
  const ike::Group group = decode_group(in.group(), check);
  if (!check.ok()) return {};
  return {.encryption = static_cast<esp::Encryption>(in.encryption()),
          .key_bits = static_cast<uint16_t>(in.key_bits()),
          .integrity = static_cast<esp::Integrity>(in.integrity()),
          .prf = static_cast<ike::Prf>(in.prf()),
          .group = group};
}

// Of exactly the size that the suite uses: a wrong one would stop a chassis at its first packet.
ike::IkeKeys decode_keys(const pb::IkeSa& in, const ike::IkeSa& sa, Checker& check) {
  const ike::KeySizes sizes =
      sa.state == ike::IkeState::Connecting ? ike::KeySizes{} : ike::key_sizes(sa.suite);
  ike::IkeKeys keys;
  keys.sk_d = check.secret(in.sk_d(), sizes.prf, "sk-d");
  keys.sk_ai = check.secret(in.sk_ai(), sizes.integrity, "sk-ai");
  keys.sk_ar = check.secret(in.sk_ar(), sizes.integrity, "sk-ar");
  keys.sk_ei = check.secret(in.sk_ei(), sizes.encryption, "sk-ei");
  keys.sk_er = check.secret(in.sk_er(), sizes.encryption, "sk-er");
  keys.sk_pi = check.secret(in.sk_pi(), sizes.prf, "sk-pi");
  keys.sk_pr = check.secret(in.sk_pr(), sizes.prf, "sk-pr");
  return keys;
}

void encode_pending(const ike::PendingRequest& pending, pb::Pending& out) {
  out.set_kind(static_cast<uint32_t>(pending.kind));
  out.set_message_id(pending.message_id);
  for (size_t i = 0; i < pending.datagrams.size(); ++i) {
    if (i == 0) {
      out.set_message(text(pending.datagrams[i]));
    } else {
      out.add_more_datagrams(text(pending.datagrams[i]));
    }
  }
  out.set_child(pending.child.value);
  out.set_entry(pending.entry);
  out.set_nonce(text(pending.nonce));
  out.set_group(pending.group ? static_cast<uint32_t>(*pending.group) : 0);
  out.set_private_key(text(pending.private_key.view()));
  out.set_new_child(pending.new_child.value);
  out.set_new_ike(pending.new_ike.value);
  out.set_cookie(text(pending.cookie));
  out.set_retold(pending.retold);
  for (const Spi spi : pending.gone) out.add_gone(spi.value);
  if (!pending.rival) return;
  out.mutable_rival()->set_child(pending.rival->child.value);
  out.mutable_rival()->set_ike(pending.rival->ike.value);
  out.mutable_rival()->set_lowest_nonce(text(pending.rival->lowest_nonce));
}

ike::PendingRequest decode_pending(const pb::Pending& in, Checker& check) {
  using Kind = ike::PendingRequest::Kind;
  ike::PendingRequest pending;
  pending.kind = static_cast<Kind>(
      check.u8(in.kind(), static_cast<uint32_t>(Kind::CheckAddress), "pending-kind"));
  pending.message_id = in.message_id();
  check.at_most(in.more_datagrams_size(), kResponsesMax - 1, "pending-datagrams");
  // Also an empty one stands for a request: of a chassis that may not have sealed it.
  pending.datagrams.push_back(check.bytes(in.message(), kMessageMax, "pending-message"));
  for (const std::string& each : in.more_datagrams()) {
    if (!check.ok()) break;
    pending.datagrams.push_back(check.bytes(each, kMessageMax, "pending-datagram"));
  }
  pending.child = Spi{in.child()};
  pending.entry = in.entry();
  pending.nonce = check.bytes(in.nonce(), kNonceMax, "pending-nonce");
  if (in.group() != 0) pending.group = decode_group(in.group(), check);
  // As with the keys of an IKE SA: a wrong size would stop a chassis at the answer.
  const size_t key_size = check.ok() && pending.group ? crypto::private_size(*pending.group) : 0;
  pending.private_key = check.secret(in.private_key(), key_size, "private-key");
  pending.new_child = Spi{in.new_child()};
  pending.new_ike = IkeSpi{in.new_ike()};
  pending.cookie = check.bytes(in.cookie(), kCookieMax, "pending-cookie");
  pending.retold = check.u8(in.retold(), UINT8_MAX, "pending-retold");
  if (in.has_rival()) {
    pending.rival = ike::PendingRequest::Rival{
        .child = Spi{in.rival().child()},
        .ike = IkeSpi{in.rival().ike()},
        .lowest_nonce = check.bytes(in.rival().lowest_nonce(), kNonceMax, "rival-nonce")};
  }
  check.at_most(in.gone_size(), static_cast<int>(ike::kGoneMax), "gone");
  for (int i = 0; check.ok() && i < in.gone_size(); ++i) pending.gone.emplace_back(in.gone(i));
  return pending;
}

void decode_exchanges(const pb::IkeSa& in, ike::IkeSa& sa, Checker& check) {
  if (in.has_last_answer()) {
    const pb::Answer& answer = in.last_answer();
    check.at_most(answer.response_size(), kResponsesMax, "responses");
    ike::Answer out{
        .message_id = answer.message_id(),
        .request_digest = check.bytes(answer.request_digest(), kDigestMax, "request-digest"),
        .response = {}};
    for (const std::string& response : answer.response()) {
      if (!check.ok()) break;
      out.response.push_back(check.bytes(response, kMessageMax, "response"));
    }
    sa.last_answer = std::move(out);
  }
  if (!in.has_pending()) return;
  sa.pending = decode_pending(in.pending(), check);
  // It would inherit its own CHILD SAs.
  if (sa.pending->rival && sa.pending->rival->ike == sa.our_spi()) check.refuse("rival-ike");
  if (sa.pending->new_ike == sa.our_spi()) check.refuse("new-ike");
}

ike::AuthOffer decode_offer(const pb::IkeSa& in, Checker& check) {
  ike::AuthOffer offer;
  check.at_most(in.peer_hashes_size(), kHashesMax, "peer-hashes");
  for (int i = 0; check.ok() && i < in.peer_hashes_size(); ++i) {
    offer.hashes.push_back(check.u16(in.peer_hashes(i), "peer-hash"));
  }
  offer.certificate_wanted = in.certificate_wanted();
  check.at_most(in.authorities_size(), static_cast<int>(ike::kAuthoritiesMax), "authorities");
  for (int i = 0; check.ok() && i < in.authorities_size(); ++i) {
    offer.authorities.push_back(check.bytes(in.authorities(i), ike::kAuthoritySize, "authority"));
  }
  offer.ppk = in.ppk_offered();
  return offer;
}

}  // namespace

void encode_ike(const ike::IkeSa& sa, pb::IkeSa& out) {
  out.set_tunnel(sa.tunnel);
  out.set_initiator_spi(sa.initiator_spi.value);
  out.set_responder_spi(sa.responder_spi.value);
  out.set_state(static_cast<uint32_t>(sa.state));
  out.set_we_initiated(sa.we_initiated);
  out.mutable_local()->set_address(text(sa.local.address.bytes()));
  out.mutable_local()->set_port(sa.local.port);
  out.mutable_remote()->set_address(text(sa.remote.address.bytes()));
  out.mutable_remote()->set_port(sa.remote.port);
  out.set_local_behind_nat(sa.local_behind_nat);
  out.set_remote_behind_nat(sa.remote_behind_nat);
  out.set_peer_supports_message_id_sync(sa.peer_supports_message_id_sync);
  out.set_encryption(static_cast<uint32_t>(sa.suite.encryption));
  out.set_key_bits(sa.suite.key_bits);
  out.set_integrity(static_cast<uint32_t>(sa.suite.integrity));
  out.set_prf(static_cast<uint32_t>(sa.suite.prf));
  out.set_group(static_cast<uint32_t>(sa.suite.group));
  out.set_sk_d(text(sa.keys.sk_d.view()));
  out.set_sk_ai(text(sa.keys.sk_ai.view()));
  out.set_sk_ar(text(sa.keys.sk_ar.view()));
  out.set_sk_ei(text(sa.keys.sk_ei.view()));
  out.set_sk_er(text(sa.keys.sk_er.view()));
  out.set_sk_pi(text(sa.keys.sk_pi.view()));
  out.set_sk_pr(text(sa.keys.sk_pr.view()));
  out.set_initiator_nonce(text(sa.initiator_nonce));
  out.set_responder_nonce(text(sa.responder_nonce));
  out.set_init_request(text(sa.init_request));
  out.set_init_response(text(sa.init_response));
  out.set_local_id_type(sa.local_id.type);
  out.set_local_id(text(sa.local_id.data));
  out.set_remote_id_type(sa.remote_id.type);
  out.set_remote_id(text(sa.remote_id.data));
  out.set_next_request_in(sa.next_request_in);
  out.set_next_request_out(sa.next_request_out);
  if (sa.last_answer) {
    pb::Answer& answer = *out.mutable_last_answer();
    answer.set_message_id(sa.last_answer->message_id);
    answer.set_request_digest(text(sa.last_answer->request_digest));
    for (const Bytes& response : sa.last_answer->response) answer.add_response(text(response));
  }
  if (sa.pending) encode_pending(*sa.pending, *out.mutable_pending());
  for (const Spi child : sa.children) out.add_children(child.value);
  out.set_lifetime_ns(sa.lifetime.count());
  out.set_age_ns(sa.age.count());
  out.set_authenticated_count(sa.authenticated_count);
  encode_holders(sa.holders, *out.mutable_holders());
  if (sa.dynamic) {
    out.set_dynamic_gateway(text(sa.dynamic->gateway.bytes()));
    out.set_dynamic_client(sa.dynamic->client);
  }
  for (const uint16_t hash : sa.peer_offer.hashes) out.add_peer_hashes(hash);
  out.set_certificate_wanted(sa.peer_offer.certificate_wanted);
  for (const Bytes& authority : sa.peer_offer.authorities) out.add_authorities(text(authority));
  out.set_ppk_offered(sa.peer_offer.ppk);
  out.set_ppk_used(sa.ppk_used);
  out.set_fragmentation(sa.fragmentation);
  out.set_mobike(sa.mobike);
  out.set_address_unverified(sa.address_unverified);
  out.set_highest_m1(sa.highest_m1);
  out.set_peer_supports_replay_counter_sync(sa.peer_supports_replay_counter_sync);
  out.set_rekey_after_ns(sa.rekey_after.count());
  out.set_delete_after_ns(sa.delete_after.count());
}

ike::IkeSa decode_ike(const pb::IkeSa& in, TunnelGroupId group, Checker& check) {
  ike::IkeSa sa;
  sa.group = group;
  sa.tunnel = in.tunnel();
  sa.initiator_spi = IkeSpi{in.initiator_spi()};
  sa.responder_spi = IkeSpi{in.responder_spi()};
  sa.state = static_cast<ike::IkeState>(
      check.u8(in.state(), static_cast<uint32_t>(ike::IkeState::Candidate), "ike-state"));
  sa.we_initiated = in.we_initiated();
  sa.local = {.address = check.address(in.local().address(), "local"),
              .port = check.u16(in.local().port(), "local-port")};
  sa.remote = {.address = check.address(in.remote().address(), "remote"),
               .port = check.u16(in.remote().port(), "remote-port")};
  sa.local_behind_nat = in.local_behind_nat();
  sa.remote_behind_nat = in.remote_behind_nat();
  sa.peer_supports_message_id_sync = in.peer_supports_message_id_sync();
  sa.suite = decode_ike_suite(in, check);
  sa.keys = decode_keys(in, sa, check);
  sa.initiator_nonce = check.bytes(in.initiator_nonce(), kNonceMax, "initiator-nonce");
  sa.responder_nonce = check.bytes(in.responder_nonce(), kNonceMax, "responder-nonce");
  sa.init_request = check.bytes(in.init_request(), kMessageMax, "init-request");
  sa.init_response = check.bytes(in.init_response(), kMessageMax, "init-response");
  sa.local_id = {.type = check.u8(in.local_id_type(), UINT8_MAX, "local-id-type"),
                 .data = check.bytes(in.local_id(), kIdMax, "local-id")};
  sa.remote_id = {.type = check.u8(in.remote_id_type(), UINT8_MAX, "remote-id-type"),
                  .data = check.bytes(in.remote_id(), kIdMax, "remote-id")};
  sa.next_request_in = in.next_request_in();
  sa.next_request_out = in.next_request_out();
  decode_exchanges(in, sa, check);
  check.at_most(in.children_size(), kChildrenMax, "children");
  for (int i = 0; check.ok() && i < in.children_size(); ++i) {
    sa.children.push_back(Spi{in.children(i)});
  }
  sa.lifetime = check.span(in.lifetime_ns(), "lifetime");
  sa.age = check.span(in.age_ns(), "age");
  sa.authenticated_count = in.authenticated_count();
  sa.holders = decode_holders(in.holders(), check);
  if (!in.dynamic_gateway().empty()) {
    sa.dynamic = {.gateway = check.address(in.dynamic_gateway(), "dynamic-gateway"),
                  .client = check.u16(in.dynamic_client(), "dynamic-client")};
  } else if (sa.state != ike::IkeState::HalfOpen && ike::is_dynamic(sa.tunnel)) {
    check.refuse("dynamic-gateway");
  }
  sa.peer_offer = decode_offer(in, check);
  sa.ppk_used = in.ppk_used();
  sa.fragmentation = in.fragmentation();
  sa.mobike = in.mobike();
  sa.address_unverified = in.address_unverified();
  sa.highest_m1 = in.highest_m1();
  sa.peer_supports_replay_counter_sync = in.peer_supports_replay_counter_sync();
  sa.rekey_after = check.span(in.rekey_after_ns(), "rekey-after");
  sa.delete_after = check.span(in.delete_after_ns(), "delete-after");
  return sa;
}

}  // namespace segw::mcs
