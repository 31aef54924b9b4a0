#pragma once

// What the algorithms of ESP and of IKE's Encrypted payload are: one row for each, and nothing else
// in the program knows sizes, names or which of them go together. Both lists are IKEv2's transform
// types 1 and 3.

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/secret_bytes.h"
#include "crypto/algorithm.h"
#include "esp/child_sa.h"

namespace segw::esp {

enum class Construction : uint8_t { Null, Cbc, Gcm, ChaCha20Poly1305 };

struct EncryptionAlgorithm {
  Encryption id;
  Construction construction;
  std::string_view name;             // in the configuration; {} stands for the key size
  std::array<uint16_t, 3> key_bits;  // that there are; 0: no further one
  bool fixed_key;                    // its transform has no Key Length attribute (RFC 7296 3.3.5)
  size_t salt_size;                  // behind the key, in front of the IV in the nonce
  size_t iv_size;                    // in the packet
  size_t block_size;                 // the plaintext is a multiple of it
  size_t icv_size;                   // 0: that of the integrity algorithm

  // RFC 7296 3.3: "combined-mode cipher": encrypts and authenticates.
  [[nodiscard]] bool combined() const { return icv_size != 0; }
  // The IV is a counter that must never repeat with a key (redundancy rule 12), not a draw.
  [[nodiscard]] bool counts() const { return combined(); }
  [[nodiscard]] bool has_key_bits(uint32_t bits) const;
  [[nodiscard]] size_t key_size(uint16_t bits) const { return bits / 8U + salt_size; }
  [[nodiscard]] std::string name_with(uint16_t bits) const;
};

struct IntegrityAlgorithm {
  Integrity id;
  std::string_view name;             // in the configuration
  std::optional<crypto::Hash> hash;  // of the HMAC; none: AES-XCBC, or no integrity
  size_t key_size;
  size_t icv_size;
};

// Null: there is no algorithm of that number.
[[nodiscard]] const EncryptionAlgorithm* find_encryption(uint32_t number);
[[nodiscard]] const IntegrityAlgorithm* find_integrity(uint32_t number);
[[nodiscard]] const EncryptionAlgorithm& algorithm(Encryption encryption);
[[nodiscard]] const IntegrityAlgorithm& algorithm(Integrity integrity);

// By the configuration's names: `aes-128`, `aes256-gcm8`, `sha-1`.
struct KeyedEncryption {
  Encryption encryption;
  uint16_t key_bits;
};
[[nodiscard]] std::optional<KeyedEncryption> encryption_named(std::string_view name);
[[nodiscard]] std::optional<Integrity> integrity_named(std::string_view name);
[[nodiscard]] std::string encryption_names(bool with_null);  // all of them, with commas
[[nodiscard]] std::string integrity_names();
// `aes-256 sha-256 esn`, `aes128-gcm16`.
[[nodiscard]] std::string text(const Suite& suite);

// The first field, by name, for which three numbers from elsewhere are no suite; empty: they are.
[[nodiscard]] std::string_view misfit(uint32_t encryption, uint32_t key_bits, uint32_t integrity);

// RFC 2404, RFC 3566, RFC 4868: of `parts` one after the other, cut to the algorithm's size.
SecretBytes icv(Integrity integrity, ByteView key, std::initializer_list<ByteView> parts);

}  // namespace segw::esp
