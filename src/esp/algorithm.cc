#include "esp/algorithm.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"
#include "crypto/crypto.h"

namespace segw::esp {
namespace {

// NOLINTBEGIN(modernize-use-designated-initializers)
constexpr EncryptionAlgorithm kEncryption[] = {
    //                          name        key sizes      fixed salt IV block ICV
    // RFC 2410.
    {Encryption::Null, Construction::Null, "null", {0, 0, 0}, true, 0, 0, 1, 0},
    // RFC 3602.
    {Encryption::AesCbc, Construction::Cbc, "aes-{}", {128, 192, 256}, false, 0, 16, 16, 0},
    // RFC 4106, RFC 5282.
    {Encryption::AesGcm8, Construction::Gcm, "aes{}-gcm8", {128, 192, 256}, false, 4, 8, 1, 8},
    {Encryption::AesGcm12, Construction::Gcm, "aes{}-gcm12", {128, 192, 256}, false, 4, 8, 1, 12},
    {Encryption::AesGcm16, Construction::Gcm, "aes{}-gcm16", {128, 192, 256}, false, 4, 8, 1, 16},
    // RFC 7634.
    {Encryption::ChaCha20Poly1305,
     Construction::ChaCha20Poly1305,
     "chacha20-poly1305",
     {256, 0, 0},
     true,
     4,
     8,
     1,
     16},
};

constexpr IntegrityAlgorithm kIntegrity[] = {
    {Integrity::None, "auth-encryption", std::nullopt, 0, 0},
    {Integrity::HmacSha1_96, "sha-1", crypto::Hash::Sha1, 20, 12},         // RFC 2404
    {Integrity::AesXcbc_96, "aes-xcbc", std::nullopt, 16, 12},             // RFC 3566
    {Integrity::HmacSha256_128, "sha-256", crypto::Hash::Sha256, 32, 16},  // RFC 4868
    {Integrity::HmacSha384_192, "sha-384", crypto::Hash::Sha384, 48, 24},
    {Integrity::HmacSha512_256, "sha-512", crypto::Hash::Sha512, 64, 32},
};
// NOLINTEND(modernize-use-designated-initializers)

template <typename Row, size_t N>
const Row* find(const Row (&table)[N], uint32_t number) {
  const auto at = std::ranges::find(table, number,
                                    [](const Row& row) { return static_cast<uint32_t>(row.id); });
  return at == std::end(table) ? nullptr : at;
}

template <typename Row>
const Row& known(const Row* row) {
  SEGW_ASSERT(row != nullptr);
  return *row;
}

// The sizes of a cipher's keys; a cipher without a key has the one size 0.
template <typename Each>
void each_key_size(const EncryptionAlgorithm& cipher, Each each) {
  for (size_t i = 0; i < cipher.key_bits.size(); ++i) {
    if (i == 0 || cipher.key_bits[i] != 0) each(cipher.key_bits[i]);
  }
}

void add_name(std::string& names, std::string_view name) {
  if (!names.empty()) names += ", ";
  names += name;
}

}  // namespace

bool EncryptionAlgorithm::has_key_bits(uint32_t bits) const {
  return bits == key_bits[0] || (bits != 0 && std::ranges::find(key_bits, bits) != key_bits.end());
}

std::string EncryptionAlgorithm::name_with(uint16_t bits) const {
  return fmt::format(fmt::runtime(name), bits);
}

const EncryptionAlgorithm* find_encryption(uint32_t number) { return find(kEncryption, number); }
const IntegrityAlgorithm* find_integrity(uint32_t number) { return find(kIntegrity, number); }

const EncryptionAlgorithm& algorithm(Encryption encryption) {
  return known(find_encryption(static_cast<uint32_t>(encryption)));
}
const IntegrityAlgorithm& algorithm(Integrity integrity) {
  return known(find_integrity(static_cast<uint32_t>(integrity)));
}

std::optional<KeyedEncryption> encryption_named(std::string_view name) {
  std::optional<KeyedEncryption> found;
  for (const EncryptionAlgorithm& cipher : kEncryption) {
    each_key_size(cipher, [&](uint16_t bits) {
      if (cipher.name_with(bits) == name) {
        found = KeyedEncryption{.encryption = cipher.id, .key_bits = bits};
      }
    });
  }
  return found;
}

std::optional<Integrity> integrity_named(std::string_view name) {
  const auto at = std::ranges::find(kIntegrity, name, &IntegrityAlgorithm::name);
  return at == std::end(kIntegrity) ? std::nullopt : std::optional(at->id);
}

std::string encryption_names(bool with_null) {
  std::string names;
  for (const EncryptionAlgorithm& cipher : kEncryption) {
    if (cipher.construction == Construction::Null && !with_null) continue;
    each_key_size(cipher, [&](uint16_t bits) { add_name(names, cipher.name_with(bits)); });
  }
  return names;
}

std::string integrity_names() {
  std::string names;
  for (const IntegrityAlgorithm& integrity : kIntegrity) {
    if (integrity.id != Integrity::None) add_name(names, integrity.name);
  }
  return names;
}

std::string text(const Suite& suite) {
  std::string words = algorithm(suite.encryption).name_with(suite.key_bits);
  if (suite.integrity != Integrity::None) {
    words += fmt::format(" {}", algorithm(suite.integrity).name);
  }
  if (suite.extended_sequence_numbers) words += " esn";
  return words;
}

std::string_view misfit(uint32_t encryption, uint32_t key_bits, uint32_t integrity) {
  const EncryptionAlgorithm* cipher = find_encryption(encryption);
  if (cipher == nullptr) return "encryption";
  if (!cipher->has_key_bits(key_bits)) return "key-bits";
  const bool none = integrity == static_cast<uint32_t>(Integrity::None);
  if (cipher->combined() != none || find_integrity(integrity) == nullptr) return "integrity";
  return "";
}

SecretBytes icv(Integrity integrity, ByteView key, std::initializer_list<ByteView> parts) {
  const IntegrityAlgorithm& row = algorithm(integrity);
  SEGW_ASSERT(integrity != Integrity::None);
  const SecretBytes whole =
      row.hash ? crypto::hmac(*row.hash, key, parts) : crypto::aes_xcbc(key, parts);
  return SecretBytes(whole.view().first(row.icv_size));
}

}  // namespace segw::esp
