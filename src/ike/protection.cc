#include "ike/protection.h"

#include "crypto/crypto.h"
#include "wire/writer.h"

namespace segw::ike {
namespace {

constexpr size_t kGenericHeaderSize = 4;
constexpr size_t kGcmIvSize = 8;
constexpr size_t kGcmSaltSize = 4;
constexpr size_t kCbcBlock = 16;
constexpr size_t kIcvSize = 16;

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

Bytes gcm_nonce(const SecretBytes& key, ByteView iv) {
  Bytes nonce = to_bytes(key.view().last(kGcmSaltSize));
  append(nonce, iv);
  return nonce;
}

bool keys_fit(const IkeSuite& suite, const SecretBytes& encryption) {
  const bool gcm = suite.encryption == esp::Encryption::AesGcm16;
  return encryption.size() == suite.key_bits / 8U + (gcm ? kGcmSaltSize : 0U);
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

}  // namespace

Bytes protect(Header header, const std::vector<Payload>& payloads, const IkeSuite& suite,
              const IkeKeys& keys, Direction direction, uint64_t iv, platform::Rng& rng) {
  const Chain chain = encode_payloads(payloads);
  const SecretBytes& key = encryption_key(keys, direction);
  Bytes plain = chain.bytes;
  if (suite.encryption == esp::Encryption::AesGcm16) {
    plain.push_back(0);
    wire::Writer iv_bytes;
    iv_bytes.u64(iv);
    Bytes message = outer(header, chain.first, kGcmIvSize + plain.size() + kIcvSize);
    const Bytes sealed = crypto::aes_gcm_seal(key.view().first(key.size() - kGcmSaltSize),
                                              gcm_nonce(key, iv_bytes.view()), message, plain);
    append(message, iv_bytes.view());
    append(message, sealed);
    return message;
  }
  const size_t padding = (kCbcBlock - (plain.size() + 1) % kCbcBlock) % kCbcBlock;
  plain.insert(plain.end(), padding, 0);
  plain.push_back(static_cast<uint8_t>(padding));
  // RFC 7296 3.14: "the IV MUST be unpredictable" for CBC.
  const Bytes random_iv = rng.bytes(kCbcBlock);
  Bytes message = outer(header, chain.first, kCbcBlock + plain.size() + kIcvSize);
  append(message, random_iv);
  append(message, crypto::aes_cbc_encrypt(key.view(), random_iv, plain));
  const SecretBytes icv =
      crypto::hmac(crypto::Hash::Sha256, integrity_key(keys, direction).view(), {message});
  append(message, icv.view().first(kIcvSize));
  return message;
}

wire::Decoded<Plain> unprotect(ByteView message, const Header& header, const IkeSuite& suite,
                               const IkeKeys& keys, Direction direction) {
  if (header.next_payload != static_cast<uint8_t>(PayloadType::Encrypted)) {
    return refuse("not-encrypted");
  }
  wire::Reader in(message);
  in.bytes(kHeaderSize, "header");
  const uint8_t first = in.u8("next-payload");
  in.u8("critical");
  const size_t length = in.u16("payload-length");
  if (in.ok() && length != in.left() + kGenericHeaderSize) in.refuse("payload-length");
  const ByteView aad = message.first(std::min(message.size(), kHeaderSize + kGenericHeaderSize));
  const SecretBytes& key = encryption_key(keys, direction);
  if (!keys_fit(suite, key)) in.refuse("keys");
  if (suite.encryption == esp::Encryption::AesGcm16) {
    const ByteView iv = in.bytes(kGcmIvSize, "iv");
    const ByteView sealed = in.rest();
    if (!in.ok()) return refuse("encrypted-payload");
    auto plain = crypto::aes_gcm_open(key.view().first(key.size() - kGcmSaltSize),
                                      gcm_nonce(key, iv), aad, sealed);
    if (!plain) return refuse("integrity");
    return without_padding(first, std::move(*plain));
  }
  const ByteView iv = in.bytes(kCbcBlock, "iv");
  const ByteView rest = in.rest();
  if (!in.ok() || rest.size() < kCbcBlock + kIcvSize || (rest.size() - kIcvSize) % kCbcBlock != 0) {
    return refuse("encrypted-payload");
  }
  const SecretBytes icv = crypto::hmac(crypto::Hash::Sha256, integrity_key(keys, direction).view(),
                                       {message.first(message.size() - kIcvSize)});
  if (!crypto::equal_constant_time(icv.view().first(kIcvSize), message.last(kIcvSize))) {
    return refuse("integrity");
  }
  auto plain = crypto::aes_cbc_decrypt(key.view(), iv, rest.first(rest.size() - kIcvSize));
  if (!plain) return refuse("encrypted-payload");
  return without_padding(first, std::move(*plain));
}

}  // namespace segw::ike
