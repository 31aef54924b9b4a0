#include "ike/auth_signature.h"

#include <algorithm>
#include <array>

#include "wire/writer.h"

namespace segw::ike {
namespace {

using crypto::KeyKind;
using crypto::SignatureAlgorithm;
using crypto::SignatureForm;
using crypto::SignatureHash;
using crypto::SignatureScheme;

// SHA-1 is not among them: RFC 8247 3.2.
constexpr std::array kHashes = {SignatureHash::Sha256, SignatureHash::Sha384, SignatureHash::Sha512,
                                SignatureHash::Identity};

struct Fixed {  // a method whose number says everything
  uint8_t method;
  KeyKind kind;
  SignatureScheme scheme;
  SignatureHash hash;
};
constexpr std::array<Fixed, 4> kFixed = {{
    {kAuthRsa, KeyKind::Rsa, SignatureScheme::RsaPkcs1, SignatureHash::Sha1},
    {kAuthEcdsa256, KeyKind::EcdsaP256, SignatureScheme::Ecdsa, SignatureHash::Sha256},
    {kAuthEcdsa384, KeyKind::EcdsaP384, SignatureScheme::Ecdsa, SignatureHash::Sha384},
    {kAuthEcdsa521, KeyKind::EcdsaP521, SignatureScheme::Ecdsa, SignatureHash::Sha512},
}};

// The hashes that suit a key, the best first.
std::vector<SignatureHash> suitable(KeyKind kind) {
  using enum SignatureHash;
  switch (kind) {
    case KeyKind::Ed25519:
      return {Identity};
    case KeyKind::EcdsaP384:
      return {Sha384, Sha512, Sha256};
    case KeyKind::EcdsaP521:
      return {Sha512, Sha384, Sha256};
    case KeyKind::Rsa:
    case KeyKind::EcdsaP256:
      return {Sha256, Sha384, Sha512};
    case KeyKind::Other:
      return {};
  }
  return {};
}

SignatureScheme scheme_for(const OwnCertificate& own) {
  switch (own.certificate.key_kind()) {
    case KeyKind::Ed25519:
      return SignatureScheme::Ed25519;
    case KeyKind::Rsa:
      return own.rsa_pss ? SignatureScheme::RsaPss : SignatureScheme::RsaPkcs1;
    case KeyKind::EcdsaP256:
    case KeyKind::EcdsaP384:
    case KeyKind::EcdsaP521:
    case KeyKind::Other:
      return SignatureScheme::Ecdsa;
  }
  return SignatureScheme::Ecdsa;
}

// RFC 7427 3: the size of the AlgorithmIdentifier in one byte, it, and the signature.
std::optional<payload::Auth> sign_with_algorithm(const OwnCertificate& own,
                                                 const std::vector<uint16_t>& peer_hashes,
                                                 ByteView octets) {
  for (const SignatureHash hash : suitable(own.certificate.key_kind())) {
    // RFC 7427 4: "The peer MUST NOT use ... any hash algorithm that was not received", and so it
    // is with us.
    if (std::ranges::find(peer_hashes, static_cast<uint16_t>(hash)) == peer_hashes.end()) continue;
    const SignatureAlgorithm algorithm = crypto::algorithm(scheme_for(own), hash);
    const auto signature = crypto::sign(own.private_key, algorithm, SignatureForm::Asn1, octets);
    if (!signature) return std::nullopt;
    const Bytes identifier = crypto::encode_algorithm(algorithm);
    wire::Writer out;
    out.u8(static_cast<uint8_t>(identifier.size())).bytes(identifier).bytes(*signature);
    return payload::Auth{.method = kAuthSignature, .data = out.take()};
  }
  return std::nullopt;
}

std::string_view verify_with_algorithm(const crypto::Certificate& signer, ByteView data,
                                       ByteView octets) {
  wire::Reader in(data);
  const size_t size = in.u8("algorithm-size");
  const ByteView identifier = in.bytes(size, "algorithm");
  const ByteView signature = in.rest();
  if (!in.ok()) return "auth-signature-malformed";
  const auto algorithm = crypto::decode_algorithm(identifier);
  if (!algorithm) return "auth-signature-algorithm";
  if (std::ranges::find(kHashes, algorithm->hash) == kHashes.end()) return "auth-signature-hash";
  return crypto::verify(signer, *algorithm, SignatureForm::Asn1, octets, signature)
             ? ""
             : "auth-signature-wrong";
}

}  // namespace

Bytes own_hash_algorithms() {
  wire::Writer out;
  for (const SignatureHash hash : kHashes) out.u16(static_cast<uint16_t>(hash));
  return out.take();
}

std::optional<payload::Auth> sign_auth(const OwnCertificate& own,
                                       const std::vector<uint16_t>& peer_hashes, ByteView octets) {
  if (!peer_hashes.empty()) {
    if (auto auth = sign_with_algorithm(own, peer_hashes, octets)) return auth;
  }
  const KeyKind kind = own.certificate.key_kind();
  const auto fixed = std::ranges::find(kFixed, kind, &Fixed::kind);
  // An RSA key falls back to SHA-1 only where the other party knows nothing better.
  if (fixed == kFixed.end() || (kind == KeyKind::Rsa && !peer_hashes.empty())) return std::nullopt;
  auto signature = crypto::sign(own.private_key, {.scheme = fixed->scheme, .hash = fixed->hash},
                                SignatureForm::Fixed, octets);
  if (!signature) return std::nullopt;
  return payload::Auth{.method = fixed->method, .data = std::move(*signature)};
}

std::string_view verify_auth(const crypto::Certificate& signer, const payload::Auth& auth,
                             ByteView octets) {
  if (auth.method == kAuthSignature) return verify_with_algorithm(signer, auth.data, octets);
  const auto fixed = std::ranges::find(kFixed, auth.method, &Fixed::method);
  if (fixed == kFixed.end()) return "auth-method";
  if (signer.key_kind() != fixed->kind) return "auth-signature-key";
  return crypto::verify(signer, {.scheme = fixed->scheme, .hash = fixed->hash},
                        SignatureForm::Fixed, octets, auth.data)
             ? ""
             : "auth-signature-wrong";
}

}  // namespace segw::ike
