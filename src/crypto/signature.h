#pragma once

// Signatures as IKEv2 uses them: RFC 7296 3.8 (RSA with SHA-1), RFC 4754 (ECDSA, fixed size), and
// RFC 7427 with RFC 8420 (an AlgorithmIdentifier and its signature).
//
// Determinism: Ed25519 and RSA PKCS#1 give the same bytes for the same key and data. ECDSA and
// RSA-PSS draw from OpenSSL's own generator, so simulations authenticate by pre-shared key or
// Ed25519 only.

#include <optional>

#include "crypto/certificate.h"

namespace segw::crypto {

// IANA numbers of RFC 7427 and RFC 8420.
enum class SignatureHash : uint16_t { Sha1 = 1, Sha256 = 2, Sha384 = 3, Sha512 = 4, Identity = 5 };
enum class SignatureScheme : uint8_t { RsaPkcs1, RsaPss, Ecdsa, Ed25519 };

struct SignatureAlgorithm {
  SignatureScheme scheme = SignatureScheme::RsaPkcs1;
  SignatureHash hash = SignatureHash::Sha256;
  uint8_t salt_size = 0;  // RsaPss
  auto operator<=>(const SignatureAlgorithm&) const = default;
};
// Of PSS the salt is as long as the hash. Ed25519 hashes by itself: Identity.
[[nodiscard]] SignatureAlgorithm algorithm(SignatureScheme scheme, SignatureHash hash);

// How ECDSA's two numbers are written: as ASN.1 (RFC 7427), or side by side (RFC 4754).
enum class SignatureForm : uint8_t { Asn1, Fixed };

// An AlgorithmIdentifier, DER. Nothing: of another scheme, or with parameters that make no sense.
Bytes encode_algorithm(const SignatureAlgorithm& algorithm);
std::optional<SignatureAlgorithm> decode_algorithm(ByteView der);

// Nothing: the key is of another kind.
std::optional<Bytes> sign(const SecretBytes& private_key, const SignatureAlgorithm& algorithm,
                          SignatureForm form, ByteView data);
[[nodiscard]] bool verify(const Certificate& signer, const SignatureAlgorithm& algorithm,
                          SignatureForm form, ByteView data, ByteView signature);

}  // namespace segw::crypto
