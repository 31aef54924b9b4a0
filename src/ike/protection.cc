#include "ike/protection.h"

#include "crypto/crypto.h"
#include "esp/algorithm.h"
#include "ike/key_derivation.h"
#include "wire/writer.h"

namespace segw::ike {
namespace {

constexpr size_t kGenericHeaderSize = 4;
const SecretBytes& encryption_key(const IkeKeys& keys, Direction direction) {
  return direction == Direction::FromInitiator ? keys.sk_ei : keys.sk_er;
}

const SecretBytes& integrity_key(const IkeKeys& keys, Direction direction) {
  return direction == Direction::FromInitiator ? keys.sk_ai : keys.sk_ar;
}

// Header and the Encrypted payload's generic header: what is authenticated but not encrypted.
Bytes outer(Header header, uint8_t first, size_t body_size) {
  header.next_payload = static_cast<uint8_t>(PayloadType::Encrypted);
  wire::Writer out;
  out.bytes(encode_header(header, kHeaderSize + kGenericHeaderSize + body_size));
  out.u8(first).u8(0).u16(static_cast<uint16_t>(kGenericHeaderSize + body_size));
  return out.take();
}

crypto::Aead aead(const esp::EncryptionAlgorithm& cipher) {
  return cipher.construction == esp::Construction::ChaCha20Poly1305 ? crypto::Aead::ChaCha20Poly1305
                                                                    : crypto::Aead::AesGcm;
}

// RFC 5282 4: salt and IV.
Bytes nonce_of(const esp::EncryptionAlgorithm& cipher, const SecretBytes& key, ByteView iv) {
  Bytes nonce = to_bytes(key.view().last(cipher.salt_size));
  append(nonce, iv);
  return nonce;
}

bool keys_fit(const IkeSuite& suite, const IkeKeys& keys, Direction direction) {
  const KeySizes sizes = key_sizes(suite);
  return encryption_key(keys, direction).size() == sizes.encryption &&
         integrity_key(keys, direction).size() == sizes.integrity;
}

wire::Decoded<Plain> refuse(const char* field) {
  return tl::unexpected<wire::Refusal>(wire::Refusal{field});
}

// RFC 7296 3.14: the last byte counts the padding before it.
wire::Decoded<Plain> without_padding(uint8_t first, Bytes plain) {
  if (plain.empty() || size_t{plain.back()} + 1 > plain.size()) return refuse("pad-length");
  plain.resize(plain.size() - 1 - plain.back());
  return Plain{.first = first, .bytes = std::move(plain)};
}

wire::Decoded<Plain> open_combined(uint8_t first, ByteView aad, ByteView iv, ByteView sealed,
                                   const esp::EncryptionAlgorithm& cipher, const SecretBytes& key) {
  auto plain = crypto::aead_open(aead(cipher), key.view().first(key.size() - cipher.salt_size),
                                 nonce_of(cipher, key, iv), aad, sealed, cipher.icv_size);
  if (!plain) return refuse("integrity");
  return without_padding(first, std::move(*plain));
}

}  // namespace

Bytes protect(Header header, const std::vector<Payload>& payloads, const IkeSuite& suite,
              const IkeKeys& keys, Direction direction, uint64_t iv, platform::Rng& rng) {
  const esp::EncryptionAlgorithm& cipher = esp::algorithm(suite.encryption);
  const Chain chain = encode_payloads(payloads);
  const SecretBytes& key = encryption_key(keys, direction);
  Bytes plain = chain.bytes;
  const size_t padding =
      (cipher.block_size - (plain.size() + 1) % cipher.block_size) % cipher.block_size;
  plain.insert(plain.end(), padding, 0);
  plain.push_back(static_cast<uint8_t>(padding));
  if (cipher.combined()) {
    wire::Writer iv_bytes;
    iv_bytes.u64(iv);
    Bytes message = outer(header, chain.first, cipher.iv_size + plain.size() + cipher.icv_size);
    const Bytes sealed =
        crypto::aead_seal(aead(cipher), key.view().first(key.size() - cipher.salt_size),
                          nonce_of(cipher, key, iv_bytes.view()), message, plain, cipher.icv_size);
    append(message, iv_bytes.view());
    append(message, sealed);
    return message;
  }
  // RFC 7296 3.14: "the IV MUST be unpredictable" for CBC.
  const Bytes random_iv = rng.bytes(cipher.iv_size);
  Bytes message = outer(header, chain.first,
                        cipher.iv_size + plain.size() + esp::algorithm(suite.integrity).icv_size);
  append(message, random_iv);
  append(message, crypto::aes_cbc_encrypt(key.view(), random_iv, plain));
  const SecretBytes icv =
      esp::icv(suite.integrity, integrity_key(keys, direction).view(), {message});
  append(message, icv.view());
  return message;
}

wire::Decoded<Plain> unprotect(ByteView message, const Header& header, const IkeSuite& suite,
                               const IkeKeys& keys, Direction direction) {
  if (header.next_payload != static_cast<uint8_t>(PayloadType::Encrypted)) {
    return refuse("not-encrypted");
  }
  const esp::EncryptionAlgorithm& cipher = esp::algorithm(suite.encryption);
  wire::Reader in(message);
  in.bytes(kHeaderSize, "header");
  const uint8_t first = in.u8("next-payload");
  in.u8("critical");
  const size_t length = in.u16("payload-length");
  if (in.ok() && length != in.left() + kGenericHeaderSize) in.refuse("payload-length");
  if (!keys_fit(suite, keys, direction)) in.refuse("keys");
  const ByteView iv = in.bytes(cipher.iv_size, "iv");
  const ByteView rest = in.rest();
  if (!in.ok()) return refuse("encrypted-payload");
  const SecretBytes& key = encryption_key(keys, direction);
  if (cipher.combined()) {
    return open_combined(first, message.first(kHeaderSize + kGenericHeaderSize), iv, rest, cipher,
                         key);
  }
  const size_t icv_size = esp::algorithm(suite.integrity).icv_size;
  if (rest.size() < cipher.block_size + icv_size ||
      (rest.size() - icv_size) % cipher.block_size != 0) {
    return refuse("encrypted-payload");
  }
  const SecretBytes icv = esp::icv(suite.integrity, integrity_key(keys, direction).view(),
                                   {message.first(message.size() - icv_size)});
  if (!crypto::equal_constant_time(icv.view(), message.last(icv_size))) return refuse("integrity");
  auto plain = crypto::aes_cbc_decrypt(key.view(), iv, rest.first(rest.size() - icv_size));
  if (!plain) return refuse("encrypted-payload");
  return without_padding(first, std::move(*plain));
}

}  // namespace segw::ike
