#include "sim/client_crypto.h"

#include <openssl/sha.h>

#include <algorithm>

#include "sim/ike_header.h"
#include "wire/reader.h"
#include "wire/writer.h"

namespace segw::sim {
namespace {

constexpr size_t kNonceHalf = 8;
constexpr size_t kIkeHeaderSize = 28;
constexpr size_t kGenericHeaderSize = 4;
constexpr uint8_t kNextHeaderIpv4 = 4;
constexpr uint8_t kNextHeaderIpv6 = 41;

// Sizes as the RFCs give them, apart from the gateway's table.
struct Sizes {
  bool combined = false;
  size_t encryption_key = 0;  // with the salt
  size_t salt = 0;
  size_t iv = 0;
  size_t block = 1;
  size_t integrity_key = 0;
  size_t tag = 0;
};

Sizes combined(uint16_t key_bits, size_t tag) {
  return {.combined = true,
          .encryption_key = key_bits / 8U + 4,
          .salt = 4,
          .iv = 8,
          .block = 1,
          .integrity_key = 0,
          .tag = tag};
}

void add_integrity(esp::Integrity integrity, Sizes& sizes) {
  const auto set = [&](size_t key, size_t tag) {
    sizes.integrity_key = key;
    sizes.tag = tag;
  };
  switch (integrity) {
    case esp::Integrity::None:
      return;
    case esp::Integrity::HmacSha1_96:
      return set(20, 12);
    case esp::Integrity::AesXcbc_96:
      return set(16, 12);
    case esp::Integrity::HmacSha256_128:
      return set(32, 16);
    case esp::Integrity::HmacSha384_192:
      return set(48, 24);
    case esp::Integrity::HmacSha512_256:
      return set(64, 32);
  }
}

Sizes sizes_of(esp::Encryption encryption, uint16_t key_bits, esp::Integrity integrity) {
  Sizes sizes;
  switch (encryption) {
    case esp::Encryption::AesGcm8:
      return combined(key_bits, 8);
    case esp::Encryption::AesGcm12:
      return combined(key_bits, 12);
    case esp::Encryption::AesGcm16:
      return combined(key_bits, 16);
    case esp::Encryption::ChaCha20Poly1305:
      return combined(256, 16);
    case esp::Encryption::AesCbc:
      sizes.encryption_key = key_bits / 8U;
      sizes.iv = sizes.block = 16;
      break;
    case esp::Encryption::Null:
      break;
  }
  add_integrity(integrity, sizes);
  return sizes;
}
template <typename Suite>
Sizes sizes_of(const Suite& suite) {
  return sizes_of(suite.encryption, suite.key_bits, suite.integrity);
}

// Cuts keys off a key stream.
class Cutter {
 public:
  explicit Cutter(ByteView stream) : rest_(stream) {}
  SecretBytes take(size_t size) {
    SecretBytes key(rest_.first(size));
    rest_ = rest_.subspan(size);
    return key;
  }

 private:
  ByteView rest_;
};

Bytes joined(std::initializer_list<ByteView> parts) {
  Bytes all;
  for (const ByteView part : parts) append(all, part);
  return all;
}

crypto::Aead aead_of(esp::Encryption encryption) {
  return encryption == esp::Encryption::ChaCha20Poly1305 ? crypto::Aead::ChaCha20Poly1305
                                                         : crypto::Aead::AesGcm;
}

Bytes tag_of(esp::Integrity integrity, const SecretBytes& key,
             std::initializer_list<ByteView> parts) {
  const auto cut = [](const SecretBytes& whole, size_t size) {
    return to_bytes(whole.view().first(size));
  };
  switch (integrity) {
    case esp::Integrity::None:
      break;
    case esp::Integrity::HmacSha1_96:
      return cut(crypto::hmac(crypto::Hash::Sha1, key.view(), parts), 12);
    case esp::Integrity::AesXcbc_96:
      return cut(crypto::aes_xcbc(key.view(), parts), 12);
    case esp::Integrity::HmacSha256_128:
      return cut(crypto::hmac(crypto::Hash::Sha256, key.view(), parts), 16);
    case esp::Integrity::HmacSha384_192:
      return cut(crypto::hmac(crypto::Hash::Sha384, key.view(), parts), 24);
    case esp::Integrity::HmacSha512_256:
      return cut(crypto::hmac(crypto::Hash::Sha512, key.view(), parts), 32);
  }
  return {};
}

// Plaintext, padded, to IV | ciphertext | tag. `head` is what stands before it in the packet; `aad`
// what a combined cipher authenticates of it; `high` what an integrity algorithm does beyond it.
struct Sealing {
  esp::Encryption encryption;
  esp::Integrity integrity;
  Sizes sizes;
  const DirectionKeys& keys;
};

Bytes seal_body(const Sealing& with, ByteView iv, ByteView head, ByteView aad, ByteView high,
                ByteView plain) {
  const ByteView key = with.keys.encryption.view();
  if (with.sizes.combined) {
    const Bytes nonce = joined({key.last(with.sizes.salt), iv});
    const Bytes sealed =
        crypto::aead_seal(aead_of(with.encryption), key.first(key.size() - with.sizes.salt), nonce,
                          aad, plain, with.sizes.tag);
    return joined({iv, sealed});
  }
  const Bytes hidden = key.empty() ? to_bytes(plain) : crypto::aes_cbc_encrypt(key, iv, plain);
  const Bytes tag = tag_of(with.integrity, with.keys.integrity, {head, iv, hidden, high});
  return joined({iv, hidden, tag});
}

std::optional<Bytes> open_body(const Sealing& with, ByteView head, ByteView aad, ByteView high,
                               ByteView body) {
  if (body.size() < with.sizes.iv + with.sizes.tag) return std::nullopt;
  const ByteView iv = body.first(with.sizes.iv);
  const ByteView sealed = body.subspan(with.sizes.iv);
  const ByteView key = with.keys.encryption.view();
  if (with.sizes.combined) {
    const Bytes nonce = joined({key.last(with.sizes.salt), iv});
    return crypto::aead_open(aead_of(with.encryption), key.first(key.size() - with.sizes.salt),
                             nonce, aad, sealed, with.sizes.tag);
  }
  const ByteView hidden = sealed.first(sealed.size() - with.sizes.tag);
  const Bytes tag = tag_of(with.integrity, with.keys.integrity, {head, iv, hidden, high});
  if (!crypto::equal_constant_time(tag, sealed.last(with.sizes.tag))) return std::nullopt;
  return key.empty() ? std::optional(to_bytes(hidden)) : crypto::aes_cbc_decrypt(key, iv, hidden);
}

}  // namespace

ClientIkeKeys derive_ike_keys(const ike::IkeSuite& suite, const SecretBytes& seed, ByteView nonces,
                              uint64_t initiator_spi, uint64_t responder_spi) {
  wire::Writer tail;
  tail.bytes(nonces).u64(initiator_spi).u64(responder_spi);
  const Sizes sizes = sizes_of(suite);
  const size_t prf = crypto::size_of(suite.prf);
  const SecretBytes stream =
      crypto::prf_plus(suite.prf, seed.view(), tail.view(),
                       3 * prf + 2 * (sizes.encryption_key + sizes.integrity_key));
  Cutter cut(stream.view());
  ClientIkeKeys keys;
  keys.derive = cut.take(prf);
  keys.out.integrity = cut.take(sizes.integrity_key);
  keys.in.integrity = cut.take(sizes.integrity_key);
  keys.out.encryption = cut.take(sizes.encryption_key);
  keys.in.encryption = cut.take(sizes.encryption_key);
  keys.auth_out = cut.take(prf);
  keys.auth_in = cut.take(prf);
  return keys;
}

SecretBytes first_key_seed(ike::Prf prf, const SecretBytes& shared, ByteView own, ByteView theirs) {
  if (prf != ike::Prf::AesXcbc) return crypto::prf(prf, joined({own, theirs}), {shared.view()});
  const Bytes key = joined({own.first(kNonceHalf), theirs.first(kNonceHalf)});  // RFC 7296 2.14
  return crypto::prf(prf, key, {shared.view()});
}

SecretBytes rekey_seed(ike::Prf prf, const SecretBytes& derive, const SecretBytes& shared,
                       ByteView nonces) {
  return crypto::prf(prf, derive.view(), {shared.view(), nonces});
}

Bytes shared_key_auth(ike::Prf prf, ByteView pre_shared_key, ByteView message, ByteView other_nonce,
                      ByteView auth_key, ByteView id_body) {
  const SecretBytes padded = crypto::prf(prf, pre_shared_key, {as_bytes("Key Pad for IKEv2")});
  const SecretBytes id_mac = crypto::prf(prf, auth_key, {id_body});
  return to_bytes(crypto::prf(prf, padded.view(), {message, other_nonce, id_mac.view()}).view());
}

Bytes seal_message(const ike::IkeSuite& suite, const DirectionKeys& keys, const MessageHead& head,
                   const Payloads& payloads, platform::Rng& rng) {
  const Sealing with{suite.encryption, suite.integrity, sizes_of(suite), keys};
  Bytes plain = encode_clear(head, payloads);
  const auto first = static_cast<PayloadType>(plain[16]);
  plain.erase(plain.begin(), plain.begin() + kIkeHeaderSize);
  const size_t padding =
      (with.sizes.block - (plain.size() + 1) % with.sizes.block) % with.sizes.block;
  plain.resize(plain.size() + padding);
  plain.push_back(static_cast<uint8_t>(padding));
  const Bytes iv = rng.bytes(with.sizes.iv);
  // The header with an empty SK payload, then its lengths as they will be.
  Bytes message = encode_clear(head, {Payload{.type = PayloadType::Sealed, .body = {}}});
  message[kIkeHeaderSize] = static_cast<uint8_t>(first);
  wire::Writer out;
  out.bytes(message);
  const size_t sealed_size = kGenericHeaderSize + iv.size() + plain.size() + with.sizes.tag;
  out.patch_u32(24, static_cast<uint32_t>(kIkeHeaderSize + sealed_size));
  out.patch_u16(kIkeHeaderSize + 2, static_cast<uint16_t>(sealed_size));
  const Bytes body = seal_body(with, iv, out.view(), out.view(), {}, plain);
  out.bytes(body);
  return out.take();
}

std::optional<Payloads> open_message(const ike::IkeSuite& suite, const DirectionKeys& keys,
                                     ByteView message) {
  const size_t head_size = kIkeHeaderSize + kGenericHeaderSize;
  if (message.size() < head_size) return std::nullopt;
  if (message[16] != static_cast<uint8_t>(PayloadType::Sealed)) return std::nullopt;
  const auto first = static_cast<PayloadType>(message[kIkeHeaderSize]);
  const Sealing with{suite.encryption, suite.integrity, sizes_of(suite), keys};
  const ByteView head = message.first(head_size);
  const auto plain = open_body(with, head, head, {}, message.subspan(head_size));
  if (!plain || plain->empty()) return std::nullopt;
  const size_t padding = plain->back() + 1U;
  if (padding > plain->size()) return std::nullopt;
  return decode_payloads(first, ByteView(*plain).first(plain->size() - padding));
}

Bytes nat_hash(uint64_t initiator_spi, uint64_t responder_spi, const Endpoint& of) {
  wire::Writer in;
  in.u64(initiator_spi).u64(responder_spi).bytes(of.address.bytes()).u16(of.port);
  Bytes hash(SHA_DIGEST_LENGTH);
  SHA1(in.view().data(), in.size(), hash.data());
  return hash;
}

ChildKeys derive_child_keys(const esp::Suite& suite, ike::Prf prf, const SecretBytes& derive,
                            ByteView shared, ByteView nonces, bool initiator) {
  const Sizes sizes = sizes_of(suite);
  const SecretBytes stream = crypto::prf_plus(prf, derive.view(), joined({shared, nonces}),
                                              2 * (sizes.encryption_key + sizes.integrity_key));
  Cutter cut(stream.view());
  DirectionKeys from_initiator;
  from_initiator.encryption = cut.take(sizes.encryption_key);
  from_initiator.integrity = cut.take(sizes.integrity_key);
  DirectionKeys from_responder;
  from_responder.encryption = cut.take(sizes.encryption_key);
  from_responder.integrity = cut.take(sizes.integrity_key);
  if (initiator) return ChildKeys{.out = from_initiator, .in = from_responder};
  return ChildKeys{.out = from_responder, .in = from_initiator};
}

Bytes ClientSa::seal(ByteView inner, platform::Rng& rng) {
  const Sealing with{suite_.encryption, suite_.integrity, sizes_of(suite_), keys_.out};
  const auto sequence = static_cast<uint32_t>(++last_sent_);
  Bytes plain = to_bytes(inner);
  const size_t align = std::max<size_t>(4, with.sizes.block);
  const size_t padding = (align - (plain.size() + 2) % align) % align;
  for (size_t i = 1; i <= padding; ++i) plain.push_back(static_cast<uint8_t>(i));
  plain.push_back(static_cast<uint8_t>(padding));
  plain.push_back(inner[0] >> 4 == 4 ? kNextHeaderIpv4 : kNextHeaderIpv6);
  wire::Writer out;
  out.u32(outbound_spi_).u32(sequence);
  // The high half of an extended number: no run comes near 2^32.
  const Bytes high(suite_.extended_sequence_numbers ? 4 : 0);
  wire::Writer aad;
  aad.u32(outbound_spi_).bytes(high).u32(sequence);
  wire::Writer counter;
  counter.u64(last_sent_);
  const Bytes iv = with.sizes.combined ? counter.take() : rng.bytes(with.sizes.iv);
  const Bytes body = seal_body(with, iv, out.view(), aad.view(), high, plain);
  out.bytes(body);
  return out.take();
}

bool ClientSa::fresh(uint32_t sequence) const {
  if (sequence > highest_) return true;
  return highest_ - sequence < window_ && !seen_[sequence % seen_.size()];
}

void ClientSa::accept(uint32_t sequence) {
  if (sequence > highest_) {
    const uint32_t moves =
        std::min<uint32_t>(sequence - highest_, static_cast<uint32_t>(seen_.size()));
    for (uint32_t i = 1; i <= moves; ++i) seen_[(sequence - moves + i) % seen_.size()] = false;
    highest_ = sequence;
  }
  seen_[sequence % seen_.size()] = true;
}

ClientSa::Opened ClientSa::open(ByteView esp) {
  wire::Reader in(esp);
  const uint32_t spi = in.u32("spi");
  const uint32_t sequence = in.u32("sequence");
  const ByteView body = in.rest();
  if (!in.ok()) return Opened{.refusal = Refusal::Integrity, .inner = {}};
  if (!fresh(sequence)) return Opened{.refusal = Refusal::Replay, .inner = {}};
  const Bytes high(suite_.extended_sequence_numbers ? 4 : 0);
  wire::Writer aad;
  aad.u32(spi).bytes(high).u32(sequence);
  const Sealing with{suite_.encryption, suite_.integrity, sizes_of(suite_), keys_.in};
  auto plain = open_body(with, esp.first(esp.size() - body.size()), aad.view(), high, body);
  if (!plain || plain->size() < 2) return Opened{.refusal = Refusal::Integrity, .inner = {}};
  const size_t trailer = (*plain)[plain->size() - 2] + 2U;
  if (trailer > plain->size()) return Opened{.refusal = Refusal::Integrity, .inner = {}};
  accept(sequence);
  plain->resize(plain->size() - trailer);
  return Opened{.refusal = Refusal::None, .inner = std::move(*plain)};
}

}  // namespace segw::sim
