#pragma once

// Cryptography of the control plane over OpenSSL 3 (ESP's bulk path is esp/'s). Randomness is never
// taken here: private keys, nonces and IVs are given, so that simulation is deterministic.

#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret_bytes.h"
#include "platform/platform.h"

namespace segw::crypto {

enum class Hash : uint8_t { Sha256, Sha384, Sha512 };
[[nodiscard]] size_t size_of(Hash hash);

// Parts are hashed one after the other.
Bytes digest(Hash hash, std::initializer_list<ByteView> parts);
// Only for RFC 7296's NAT detection, which is not a security function.
Bytes sha1(ByteView bytes);
SecretBytes hmac(Hash hash, ByteView key, std::initializer_list<ByteView> parts);
[[nodiscard]] bool equal_constant_time(ByteView a, ByteView b);

// RFC 7296 2.13: prf+ with prf = HMAC of `hash`. At most 255 blocks.
SecretBytes prf_plus(Hash hash, ByteView key, ByteView seed, size_t size);
// RFC 5869.
SecretBytes hkdf(Hash hash, ByteView key, ByteView salt, ByteView info, size_t size);

// AES-GCM with a 16-byte tag (RFC 5116). `nonce` is 12 bytes, `key` 16, 24 or 32.
// Returns ciphertext | tag.
Bytes aes_gcm_seal(ByteView key, ByteView nonce, ByteView aad, ByteView plain);
// Nothing if the tag is wrong or the input is shorter than a tag.
std::optional<Bytes> aes_gcm_open(ByteView key, ByteView nonce, ByteView aad, ByteView sealed);

// AES-CBC without padding; sizes are multiples of 16 and the IV is 16 bytes.
Bytes aes_cbc_encrypt(ByteView key, ByteView iv, ByteView plain);
std::optional<Bytes> aes_cbc_decrypt(ByteView key, ByteView iv, ByteView sealed);

// Diffie-Hellman, IKEv2 group numbers (RFC 7296 App. B / RFC 3526 / RFC 5903 / RFC 8031).
enum class DhGroup : uint16_t { Modp2048 = 14, Ecp256 = 19, Curve25519 = 31 };
[[nodiscard]] size_t public_size(DhGroup group);  // of a KE payload's data: 256, 64, 32

struct DhKeyPair {
  DhGroup group = DhGroup::Curve25519;
  SecretBytes private_key;
  Bytes public_key;  // in KE payload form
};
// The private key is drawn from `rng` and loaded raw, so that the same draw gives the same key.
DhKeyPair dh_generate(DhGroup group, platform::Rng& rng);
// Error: the peer's public value is of the wrong size, not on the curve, or gives the all-zero
// secret (RFC 6989, RFC 7748 6).
Result<SecretBytes> dh_shared(const DhKeyPair& own, ByteView peer_public);

}  // namespace segw::crypto
