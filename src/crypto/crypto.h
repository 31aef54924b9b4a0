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
#include "crypto/algorithm.h"
#include "platform/platform.h"

namespace segw::crypto {

[[nodiscard]] size_t size_of(Hash hash);

// Parts are hashed one after the other.
Bytes digest(Hash hash, std::initializer_list<ByteView> parts);
// Only for RFC 7296's NAT detection, which is not a security function.
Bytes sha1(ByteView bytes);
SecretBytes hmac(Hash hash, ByteView key, std::initializer_list<ByteView> parts);
[[nodiscard]] bool equal_constant_time(ByteView a, ByteView b);

// AES-XCBC-MAC with a key of 16 bytes, not truncated (RFC 3566).
SecretBytes aes_xcbc(ByteView key, std::initializer_list<ByteView> parts);

// RFC 7296 2.13: prf(key, parts…), with a key of any size.
SecretBytes prf(Prf prf, ByteView key, std::initializer_list<ByteView> parts);
// prf+. At most 255 blocks.
SecretBytes prf_plus(Prf prf, ByteView key, ByteView seed, size_t size);
[[nodiscard]] size_t size_of(Prf prf);  // of its output, and of the keys made for it
[[nodiscard]] bool is_prf(uint32_t number);

// RFC 5869.
SecretBytes hkdf(Hash hash, ByteView key, ByteView salt, ByteView info, size_t size);

// AES-GCM (RFC 5116; keys of 16, 24 or 32 bytes) and ChaCha20-Poly1305 (RFC 8439; 32 bytes). The
// nonce is 12 bytes, the tag as long as asked for.
enum class Aead : uint8_t { AesGcm, ChaCha20Poly1305 };
// Returns ciphertext | tag.
Bytes aead_seal(Aead cipher, ByteView key, ByteView nonce, ByteView aad, ByteView plain,
                size_t tag_size = 16);
// Nothing if the tag is wrong or the input is shorter than a tag.
std::optional<Bytes> aead_open(Aead cipher, ByteView key, ByteView nonce, ByteView aad,
                               ByteView sealed, size_t tag_size = 16);

// AES-CBC without padding; sizes are multiples of 16 and the IV is 16 bytes.
Bytes aes_cbc_encrypt(ByteView key, ByteView iv, ByteView plain);
std::optional<Bytes> aes_cbc_decrypt(ByteView key, ByteView iv, ByteView sealed);

[[nodiscard]] bool is_dh_group(uint32_t number);
[[nodiscard]] size_t public_size(DhGroup group);  // of a KE payload's data: 256, 64, 32 …
[[nodiscard]] size_t private_size(DhGroup group);

struct DhKeyPair {
  DhGroup group = DhGroup::Curve25519;
  SecretBytes private_key;
  Bytes public_key;  // in KE payload form
};
// The private key is drawn from `rng` and loaded raw, so that the same draw gives the same key.
DhKeyPair dh_generate(DhGroup group, platform::Rng& rng);
// The same in two steps: the draw, and what takes time.
DhKeyPair dh_draw(DhGroup group, platform::Rng& rng);
void dh_make_public(DhKeyPair& pair);
// Error: the peer's public value is of the wrong size, not on the curve, or gives the all-zero
// secret (RFC 6989, RFC 7748 6); or our own private key, which may be of a record, is none.
Result<SecretBytes> dh_shared(const DhKeyPair& own, ByteView peer_public);

}  // namespace segw::crypto
