#include "ike/authentication.h"

#include <algorithm>

#include "crypto/crypto.h"
#include "ike/auth_signature.h"
#include "ike/identity_match.h"
#include "ike/key_derivation.h"
#include "wire/writer.h"

namespace segw::ike {
namespace {

constexpr uint8_t kPpkIdFixed = 2;  // RFC 8784 5.1
constexpr size_t kHashesMax = 64;

const payload::Id* find_id(const std::vector<Payload>& payloads, bool of_initiator) {
  for (const Payload& payload : payloads) {
    const auto* id = std::get_if<payload::Id>(&payload);
    if (id != nullptr && id->of_initiator == of_initiator) return id;
  }
  return nullptr;
}

// Certificates of authorities that the other party named, none twice.
void collect_authorities(const std::vector<Payload>& payloads, AuthOffer& offer) {
  for (const Payload& payload : payloads) {
    const auto* request = std::get_if<payload::CertReq>(&payload);
    if (request == nullptr || request->encoding != kCertX509) continue;
    offer.certificate_wanted = true;
    for (const Bytes& authority : request->authorities) {
      if (offer.authorities.size() == kAuthoritiesMax) return;
      if (std::ranges::find(offer.authorities, authority) == offer.authorities.end()) {
        offer.authorities.push_back(authority);
      }
    }
  }
}

payload::CertReq certificate_request(const AuthSettings& auth) {
  payload::CertReq request;
  request.authorities = auth.anchors.key_digests();
  return request;
}

std::string_view string_of(const Bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// RFC 4945 3.1: whether the certificate says of its holder what the ID payload says.
bool certifies(const crypto::Certificate& certificate, const Identity& identity) {
  switch (identity.type) {
    case kIdIpv4:
    case kIdIpv6: {
      const auto address = IpAddress::from_bytes(identity.data);
      return address && address->is_v4() == (identity.type == kIdIpv4) &&
             certificate.has_address(*address);
    }
    case kIdFqdn:
      return certificate.has_host(string_of(identity.data));
    case kIdEmail:
      return certificate.has_email(string_of(identity.data));
    case kIdDn:
      return certificate.has_subject(identity.data);
    default:
      return false;  // a key-id is in no certificate
  }
}

Bytes octets_of(const IkeSa& sa, const IkeKeys& keys, const Identity& signer, bool of_initiator) {
  return of_initiator
             ? signed_octets(sa.suite, sa.init_request, sa.responder_nonce, keys.sk_pi, signer)
             : signed_octets(sa.suite, sa.init_response, sa.initiator_nonce, keys.sk_pr, signer);
}

SecretBytes shared_key_auth(const TunnelSettings& settings, const IkeSa& sa, const IkeKeys& keys,
                            const Identity& signer, bool of_initiator) {
  return of_initiator ? psk_auth(sa.suite, settings.pre_shared_key, sa.init_request,
                                 sa.responder_nonce, keys.sk_pi, signer)
                      : psk_auth(sa.suite, settings.pre_shared_key, sa.init_response,
                                 sa.initiator_nonce, keys.sk_pr, signer);
}

const Ppk* find_ppk(const AuthSettings& auth, ByteView id) {
  if (auth.ppks == nullptr) return nullptr;
  const auto at = std::ranges::find_if(
      *auth.ppks, [&](const Ppk& ppk) { return std::ranges::equal(ppk.id, id); });
  return at == auth.ppks->end() ? nullptr : &*at;
}

// ---- what the other party proved with ----

struct Chain {
  crypto::Certificate peer;
  std::vector<crypto::Certificate> others;
  std::string_view refused;
};

// RFC 7296 3.6: "If multiple certificates are sent, the first certificate MUST contain the public
// key associated with the private key used to sign the AUTH payload."
Chain chain_of(const std::vector<Payload>& payloads) {
  Chain chain;
  size_t count = 0;
  for (const Payload& payload : payloads) {
    const auto* cert = std::get_if<payload::Cert>(&payload);
    if (cert == nullptr || cert->encoding != kCertX509) continue;
    if (++count > kCertPayloadsMax) return {.refused = "auth-certificates-too-many"};
    auto parsed = crypto::Certificate::parse(cert->data);
    if (!parsed) return {.refused = "auth-certificate-malformed"};
    if (count == 1) {
      chain.peer = std::move(*parsed);
    } else {
      chain.others.push_back(std::move(*parsed));
    }
  }
  if (count == 0) chain.refused = "auth-certificate-missing";
  return chain;
}

std::string_view refusal_of_chain(const AuthSettings& auth, const Chain& chain,
                                  const Identity& identity, crypto::WallTime now) {
  if (!chain.refused.empty()) return chain.refused;
  const crypto::Trust trust =
      auth.anchors.check(chain.peer, chain.others, now, auth.unknown_status);
  if (trust != crypto::Trust::Trusted) return crypto::counter_name(trust);
  if (auth.match_peer_id_to_cert && !certifies(chain.peer, identity)) {
    return "auth-identity-not-in-certificate";
  }
  return "";
}

// `auth`: of the AUTH payload, or NO_PPK_AUTH in its place.
std::string_view refusal_of_auth(const TunnelSettings& settings, const IkeSa& sa,
                                 const IkeKeys& keys, const std::vector<Payload>& payloads,
                                 const payload::Auth& auth, const Identity& identity,
                                 crypto::WallTime now) {
  const bool by_initiator = !sa.we_initiated;
  if (settings.auth.peer == AuthMethod::PreSharedKey) {
    if (auth.method != kAuthSharedKey || settings.pre_shared_key.empty()) return "auth-method";
    const SecretBytes expected = shared_key_auth(settings, sa, keys, identity, by_initiator);
    return crypto::equal_constant_time(expected.view(), auth.data) ? "" : "auth-shared-key-wrong";
  }
  if (auth.method == kAuthSharedKey) return "auth-method";
  const Chain chain = chain_of(payloads);
  if (const auto refused = refusal_of_chain(settings.auth, chain, identity, now);
      !refused.empty()) {
    return refused;
  }
  return verify_auth(chain.peer, auth, octets_of(sa, keys, identity, by_initiator));
}

// RFC 8784 3: which keys the other party's AUTH payload is made with, and whether it stands in
// NO_PPK_AUTH.
struct PpkChoice {
  std::string_view refused;
  const Ppk* ppk = nullptr;
  const payload::Notify* without = nullptr;
};

PpkChoice choose_ppk(const AuthSettings& auth, const IkeSa& sa,
                     const std::vector<Payload>& payloads) {
  PpkChoice choice;
  const auto* named = find_notify(payloads, NotifyType::PpkIdentity);
  // RFC 8784 3: "If no PPK_IDENTITY notification is found and the peers successfully exchanged
  // USE_PPK notifications in the IKE_SA_INIT exchange, then the responder MUST send back an
  // AUTHENTICATION_FAILED notification and then fail the negotiation."
  if (sa.peer_offer.ppk && named == nullptr && !sa.we_initiated) {
    choice.refused = "auth-ppk-unnamed";
    return choice;
  }
  if (sa.peer_offer.ppk && named != nullptr) {
    if (sa.we_initiated) {
      choice.ppk = find_ppk(auth, auth.ppk_id);  // the answer confirms it without naming it
    } else if (named->data.size() > 1 && named->data.front() == kPpkIdFixed) {
      choice.ppk = find_ppk(auth, ByteView(named->data).subspan(1));
    }
    if (choice.ppk != nullptr) return choice;
    choice.without = sa.we_initiated ? nullptr : find_notify(payloads, NotifyType::NoPpkAuth);
    if (choice.without == nullptr) choice.refused = "auth-ppk-unknown";
  }
  if (auth.ppk_required) choice.refused = "auth-ppk-required";
  return choice;
}

// ---- what we prove with ----

Identity identity_with(const TunnelSettings& settings, const OwnCertificate* own) {
  if (own == nullptr || !settings.auth.subject_is_local_id) return settings.local_id;
  return {.type = kIdDn, .data = own->certificate.subject()};
}

// The certificate below an authority that the other party named, or the first.
const OwnCertificate* choose_certificate(const AuthSettings& auth, const AuthOffer& offer) {
  if (auth.certificates == nullptr || auth.certificates->empty()) return nullptr;
  for (const OwnCertificate& own : *auth.certificates) {
    for (const Bytes& authority : own.authorities) {
      if (std::ranges::find(offer.authorities, authority) != offer.authorities.end()) return &own;
    }
  }
  return &auth.certificates->front();
}

std::optional<payload::Auth> make_auth(const TunnelSettings& settings, const IkeSa& sa,
                                       const IkeKeys& keys, const OwnCertificate* own,
                                       const Identity& identity) {
  if (own != nullptr) {
    return sign_auth(*own, sa.peer_offer.hashes, octets_of(sa, keys, identity, sa.we_initiated));
  }
  if (settings.pre_shared_key.empty()) return std::nullopt;
  const SecretBytes auth = shared_key_auth(settings, sa, keys, identity, sa.we_initiated);
  return payload::Auth{.method = kAuthSharedKey, .data = to_bytes(auth.view())};
}

void add_certificates(const OwnCertificate& own, std::vector<Payload>& payloads) {
  payloads.emplace_back(payload::Cert{.encoding = kCertX509, .data = own.certificate.der()});
  for (const crypto::Certificate& each : own.chain) {
    payloads.emplace_back(payload::Cert{.encoding = kCertX509, .data = each.der()});
  }
}

Bytes ppk_identity(const Bytes& id) {
  wire::Writer out;
  out.u8(kPpkIdFixed).bytes(id);
  return out.take();
}

}  // namespace

std::vector<Payload> init_payloads(const AuthSettings& auth, const IkeSa& sa) {
  std::vector<Payload> payloads;
  const bool certificates =
      auth.own == AuthMethod::Certificate || auth.peer == AuthMethod::Certificate;
  // A client that did not say it knows nothing of RFC 7427.
  if (certificates && (sa.we_initiated || !sa.peer_offer.hashes.empty())) {
    payloads.emplace_back(notify(NotifyType::SignatureHashAlgorithms, own_hash_algorithms()));
  }
  // RFC 8784 3: the responder says USE_PPK only to one that said it.
  const bool ppk = sa.we_initiated ? find_ppk(auth, auth.ppk_id) != nullptr : sa.peer_offer.ppk;
  if (ppk) payloads.emplace_back(notify(NotifyType::UsePpk));
  if (!sa.we_initiated && auth.peer == AuthMethod::Certificate) {
    payloads.emplace_back(certificate_request(auth));
  }
  return payloads;
}

std::string_view take_init(const AuthSettings& auth, const std::vector<Payload>& payloads,
                           IkeSa& sa) {
  sa.peer_offer = {};
  if (const auto* hashes = find_notify(payloads, NotifyType::SignatureHashAlgorithms)) {
    wire::Reader in(hashes->data);
    while (in.left() >= 2 && sa.peer_offer.hashes.size() < kHashesMax) {
      sa.peer_offer.hashes.push_back(in.u16("hash"));
    }
  }
  collect_authorities(payloads, sa.peer_offer);
  const bool able = sa.we_initiated ? find_ppk(auth, auth.ppk_id) != nullptr
                                    : auth.ppks != nullptr && !auth.ppks->empty();
  sa.peer_offer.ppk = able && find_notify(payloads, NotifyType::UsePpk) != nullptr;
  return auth.ppk_required && !sa.peer_offer.ppk ? "auth-ppk-required" : "";
}

Verdict verify(const TunnelSettings& settings, const IkeSa& sa,
               const std::vector<Payload>& payloads, crypto::WallTime now) {
  Verdict verdict{.refused = {}, .identity = {}, .keys = sa.keys, .ppk_used = false};
  const auto* id = find_id(payloads, !sa.we_initiated);
  const auto* auth = first_of<payload::Auth>(payloads);
  if (id == nullptr || auth == nullptr) {
    verdict.refused = "auth-incomplete";
    return verdict;
  }
  if (id->identity.data.size() > kIdentityMax) {
    verdict.refused = "auth-identity-too-long";
    return verdict;
  }
  verdict.identity = id->identity;
  if (!settings.auth.any_remote_id && !same_identity(id->identity, settings.remote_id)) {
    verdict.refused = "auth-identity";
    return verdict;
  }
  const PpkChoice choice = choose_ppk(settings.auth, sa, payloads);
  verdict.refused = choice.refused;
  if (!verdict.refused.empty()) return verdict;
  if (choice.ppk != nullptr) {
    verdict.keys = mix_ppk(sa.suite, sa.keys, choice.ppk->key);
    verdict.ppk_used = true;
  }
  const payload::Auth proof{.method = auth->method,
                            .data = choice.without != nullptr ? choice.without->data : auth->data};
  verdict.refused = refusal_of_auth(settings, sa, verdict.keys, payloads, proof, id->identity, now);
  return verdict;
}

Proof prove(const TunnelSettings& settings, const IkeSa& sa, const std::vector<Payload>& theirs) {
  const AuthSettings& auth = settings.auth;
  AuthOffer offer = sa.peer_offer;
  collect_authorities(theirs, offer);
  const OwnCertificate* own =
      auth.own == AuthMethod::Certificate ? choose_certificate(auth, offer) : nullptr;
  Proof proof{.failed = {}, .identity = identity_with(settings, own), .payloads = {}};
  const Ppk* ppk = sa.we_initiated && sa.peer_offer.ppk ? find_ppk(auth, auth.ppk_id) : nullptr;
  const IkeKeys keys = ppk != nullptr ? mix_ppk(sa.suite, sa.keys, ppk->key) : sa.keys;
  const bool lacks_certificate = auth.own == AuthMethod::Certificate && own == nullptr;
  const auto made =
      lacks_certificate ? std::nullopt : make_auth(settings, sa, keys, own, proof.identity);
  if (!made) {
    proof.failed = "auth-cannot-sign";
    return proof;
  }
  proof.payloads.emplace_back(
      payload::Id{.of_initiator = sa.we_initiated, .identity = proof.identity});
  if (own != nullptr) add_certificates(*own, proof.payloads);
  if (sa.we_initiated && auth.peer == AuthMethod::Certificate) {
    proof.payloads.emplace_back(certificate_request(auth));
  }
  proof.payloads.emplace_back(*made);
  if (ppk != nullptr) {
    proof.payloads.emplace_back(notify(NotifyType::PpkIdentity, ppk_identity(ppk->id)));
    // For a responder that has not this PPK.
    const auto without =
        auth.ppk_required ? std::nullopt : make_auth(settings, sa, sa.keys, own, proof.identity);
    if (without) proof.payloads.emplace_back(notify(NotifyType::NoPpkAuth, without->data));
  } else if (!sa.we_initiated && sa.ppk_used) {
    proof.payloads.emplace_back(notify(NotifyType::PpkIdentity));
  }
  return proof;
}

bool is_local_id(const TunnelSettings& settings, const Identity& identity) {
  if (!settings.auth.subject_is_local_id) return same_identity(identity, settings.local_id);
  if (settings.auth.certificates == nullptr) return false;
  return std::ranges::any_of(*settings.auth.certificates, [&](const OwnCertificate& own) {
    return same_identity(identity, identity_with(settings, &own));
  });
}

bool same_identity(const Identity& a, const Identity& b) {
  if (normalized(a) == normalized(b)) return true;
  return a.type == kIdDn && b.type == kIdDn && crypto::same_name(a.data, b.data);
}

}  // namespace segw::ike
