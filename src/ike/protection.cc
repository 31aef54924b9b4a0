#include "ike/protection.h"

#include <algorithm>

#include "crypto/crypto.h"
#include "esp/algorithm.h"
#include "ike/key_derivation.h"
#include "wire/writer.h"

namespace segw::ike {
namespace {

constexpr size_t kGenericHeaderSize = 4;
constexpr size_t kPartFieldsSize = 4;  // Fragment Number, Total Fragments

const SecretBytes& encryption_key(const IkeKeys& keys, Direction direction) {
  return direction == Direction::FromInitiator ? keys.sk_ei : keys.sk_er;
}

const SecretBytes& integrity_key(const IkeKeys& keys, Direction direction) {
  return direction == Direction::FromInitiator ? keys.sk_ai : keys.sk_ar;
}

// What is authenticated but not encrypted: the header, the payload's generic header and, of a part,
// its fields.
Bytes outer(Header header, PayloadType type, uint8_t first, ByteView fields, size_t body_size) {
  const size_t size = kGenericHeaderSize + fields.size() + body_size;
  header.next_payload = static_cast<uint8_t>(type);
  wire::Writer out;
  out.bytes(encode_header(header, kHeaderSize + size));
  out.u8(first).u8(0).u16(static_cast<uint16_t>(size)).bytes(fields);
  return out.take();
}

crypto::Aead aead(const esp::EncryptionAlgorithm& cipher) {
  return cipher.construction == esp::Construction::ChaCha20Poly1305 ? crypto::Aead::ChaCha20Poly1305
                                                                    : crypto::Aead::AesGcm;
}

// RFC 5282 4: salt and IV.
SecretBytes nonce_of(const esp::EncryptionAlgorithm& cipher, const SecretBytes& key, ByteView iv) {
  SecretBytes nonce(cipher.salt_size + iv.size());
  const auto salt = key.view().last(cipher.salt_size);
  std::ranges::copy(iv, std::ranges::copy(salt, nonce.writable().begin()).out);
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

size_t padding_of(const esp::EncryptionAlgorithm& cipher, size_t plain_size) {
  return (cipher.block_size - (plain_size + 1) % cipher.block_size) % cipher.block_size;
}

size_t icv_size_of(const IkeSuite& suite) {
  const esp::EncryptionAlgorithm& cipher = esp::algorithm(suite.encryption);
  return cipher.combined() ? cipher.icv_size : esp::algorithm(suite.integrity).icv_size;
}

struct Inside {
  PayloadType type = PayloadType::Encrypted;
  uint8_t first = 0;
  ByteView fields;  // of a part
  ByteView plain;
};

Bytes seal(Header header, const Inside& inside, const IkeSuite& suite, const IkeKeys& keys,
           Direction direction, uint64_t iv, platform::Rng& rng) {
  const esp::EncryptionAlgorithm& cipher = esp::algorithm(suite.encryption);
  const SecretBytes& key = encryption_key(keys, direction);
  Bytes plain = to_bytes(inside.plain);
  const size_t padding = padding_of(cipher, plain.size());
  plain.insert(plain.end(), padding, 0);
  plain.push_back(static_cast<uint8_t>(padding));
  Bytes message = outer(header, inside.type, inside.first, inside.fields,
                        cipher.iv_size + plain.size() + icv_size_of(suite));
  if (cipher.combined()) {
    wire::Writer iv_bytes;
    iv_bytes.u64(iv);
    // RFC 5282 5.1: all that stands before the IV is authenticated too.
    const Bytes sealed = crypto::aead_seal(
        aead(cipher), key.view().first(key.size() - cipher.salt_size),
        nonce_of(cipher, key, iv_bytes.view()).view(), message, plain, cipher.icv_size);
    append(message, iv_bytes.view());
    append(message, sealed);
    return message;
  }
  // RFC 7296 3.14: "the IV MUST be unpredictable" for CBC.
  const Bytes random_iv = rng.bytes(cipher.iv_size);
  append(message, random_iv);
  append(message, crypto::aes_cbc_encrypt(key.view(), random_iv, plain));
  const SecretBytes icv =
      esp::icv(suite.integrity, integrity_key(keys, direction).view(), {message});
  append(message, icv.view());
  return message;
}

wire::Decoded<Plain> open(ByteView message, size_t fields_size, const IkeSuite& suite,
                          const IkeKeys& keys, Direction direction) {
  const esp::EncryptionAlgorithm& cipher = esp::algorithm(suite.encryption);
  wire::Reader in(message);
  in.bytes(kHeaderSize, "header");
  const uint8_t first = in.u8("next-payload");
  in.u8("critical");
  const size_t length = in.u16("payload-length");
  if (in.ok() && length != in.left() + kGenericHeaderSize) in.refuse("payload-length");
  if (!keys_fit(suite, keys, direction)) in.refuse("keys");
  in.bytes(fields_size, "fragment-number");
  const ByteView iv = in.bytes(cipher.iv_size, "iv");
  const ByteView rest = in.rest();
  if (!in.ok()) return refuse("encrypted-payload");
  const SecretBytes& key = encryption_key(keys, direction);
  if (cipher.combined()) {
    const ByteView aad = message.first(kHeaderSize + kGenericHeaderSize + fields_size);
    auto plain = crypto::aead_open(aead(cipher), key.view().first(key.size() - cipher.salt_size),
                                   nonce_of(cipher, key, iv).view(), aad, rest, cipher.icv_size);
    if (!plain) return refuse("integrity");
    return without_padding(first, std::move(*plain));
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

}  // namespace

Bytes protect(Header header, const std::vector<Payload>& payloads, const IkeSuite& suite,
              const IkeKeys& keys, Direction direction, uint64_t iv, platform::Rng& rng) {
  const Chain chain = encode_payloads(payloads);
  return seal(header, {.first = chain.first, .fields = {}, .plain = chain.bytes}, suite, keys,
              direction, iv, rng);
}

wire::Decoded<Plain> unprotect(ByteView message, const Header& header, const IkeSuite& suite,
                               const IkeKeys& keys, Direction direction) {
  if (header.next_payload != static_cast<uint8_t>(PayloadType::Encrypted)) {
    return refuse("not-encrypted");
  }
  return open(message, 0, suite, keys, direction);
}

size_t protected_size(const IkeSuite& suite, size_t plain_size) {
  const esp::EncryptionAlgorithm& cipher = esp::algorithm(suite.encryption);
  return kHeaderSize + kGenericHeaderSize + cipher.iv_size + plain_size +
         padding_of(cipher, plain_size) + 1 + icv_size_of(suite);
}

size_t part_capacity(const IkeSuite& suite, size_t size_max) {
  const esp::EncryptionAlgorithm& cipher = esp::algorithm(suite.encryption);
  const size_t around =
      kHeaderSize + kGenericHeaderSize + kPartFieldsSize + cipher.iv_size + icv_size_of(suite);
  if (size_max <= around) return 0;
  const size_t blocks = (size_max - around) / cipher.block_size * cipher.block_size;
  return blocks == 0 ? 0 : blocks - 1;  // the last byte counts the padding
}

Bytes protect_part(Header header, const Part& part, uint8_t first, ByteView plain,
                   const IkeSuite& suite, const IkeKeys& keys, Direction direction, uint64_t iv,
                   platform::Rng& rng) {
  wire::Writer fields;
  fields.u16(part.number).u16(part.total);
  return seal(header,
              {.type = PayloadType::EncryptedFragment,
               .first = first,
               .fields = fields.view(),
               .plain = plain},
              suite, keys, direction, iv, rng);
}

wire::Decoded<Part> decode_part(ByteView message, const Header& header) {
  wire::Reader in(message);
  if (header.next_payload != static_cast<uint8_t>(PayloadType::EncryptedFragment)) {
    in.refuse("not-encrypted");
  }
  in.bytes(kHeaderSize + kGenericHeaderSize, "encrypted-payload");
  Part part;
  part.number = in.u16("fragment-number");
  part.total = in.u16("total-fragments");
  // RFC 7383 2.6: "check that the Fragment Number and the Total Fragments fields contain non-zero
  // values", "check that the value in the Fragment Number field is less than or equal to the value
  // in the Total Fragments field"; "If any of these tests fail, the message MUST be silently
  // discarded."
  if (part.total == 0) in.refuse("total-fragments");
  if (part.number == 0 || part.number > part.total) in.refuse("fragment-number");
  in.rest();
  return in.finish(part);
}

wire::Decoded<Plain> unprotect_part(ByteView message, const Header& header, const IkeSuite& suite,
                                    const IkeKeys& keys, Direction direction) {
  if (header.next_payload != static_cast<uint8_t>(PayloadType::EncryptedFragment)) {
    return refuse("not-encrypted");
  }
  return open(message, kPartFieldsSize, suite, keys, direction);
}

}  // namespace segw::ike
