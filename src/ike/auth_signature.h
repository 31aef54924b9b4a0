#pragma once

// AUTH payloads that are signatures: which algorithm, and how it is written (RFC 7296 3.8, RFC
// 4754, RFC 7427 3, RFC 8420).

#include <optional>
#include <string_view>

#include "crypto/signature.h"
#include "ike/auth_settings.h"
#include "ike/message.h"

namespace segw::ike {

constexpr uint8_t kAuthRsa = 1;
constexpr uint8_t kAuthSharedKey = 2;
constexpr uint8_t kAuthEcdsa256 = 9;
constexpr uint8_t kAuthEcdsa384 = 10;
constexpr uint8_t kAuthEcdsa521 = 11;
constexpr uint8_t kAuthSignature = 14;

// The hash algorithms that we take, as SIGNATURE_HASH_ALGORITHMS carries them.
Bytes own_hash_algorithms();

// `peer_hashes`: what the other party takes; empty if it does not know RFC 7427. Nothing: no
// algorithm fits both, or the key cannot sign.
std::optional<payload::Auth> sign_auth(const OwnCertificate& own,
                                       const std::vector<uint16_t>& peer_hashes, ByteView octets);

// Why `auth` is no signature of `octets` by that certificate's key, for the counter; empty: it is.
std::string_view verify_auth(const crypto::Certificate& signer, const payload::Auth& auth,
                             ByteView octets);

}  // namespace segw::ike
