#include "sim/client_crypto.h"

#include <openssl/sha.h>

#include "sim/ike_header.h"
#include "wire/reader.h"
#include "wire/writer.h"

namespace segw::sim {
namespace {

using crypto::Hash;

constexpr size_t kHashSize = 32;
constexpr size_t kSaltSize = 4;
constexpr size_t kGcmIvSize = 8;
constexpr size_t kTagSize = 16;
constexpr size_t kBlockSize = 16;
constexpr size_t kIkeHeaderSize = 28;
constexpr size_t kGenericHeaderSize = 4;
constexpr uint8_t kNextHeaderIpv4 = 4;

bool is_gcm(esp::Encryption encryption) { return encryption == esp::Encryption::AesGcm16; }

size_t encryption_size(esp::Encryption encryption, uint16_t key_bits) {
  return key_bits / 8U + (is_gcm(encryption) ? kSaltSize : 0);
}

size_t integrity_size(esp::Integrity integrity) {
  return integrity == esp::Integrity::None ? 0 : kHashSize;
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

Bytes gcm_nonce(const SecretBytes& key, ByteView iv) {
  return joined({key.view().last(kSaltSize), iv});
}
ByteView gcm_key(const SecretBytes& key) { return key.view().first(key.size() - kSaltSize); }

Bytes tag_of(const SecretBytes& key, std::initializer_list<ByteView> parts) {
  const SecretBytes whole = crypto::hmac(Hash::Sha256, key.view(), parts);
  return to_bytes(whole.view().first(kTagSize));
}

}  // namespace

ClientIkeKeys derive_ike_keys(const ike::IkeSuite& suite, const SecretBytes& seed, ByteView nonces,
                              uint64_t initiator_spi, uint64_t responder_spi) {
  wire::Writer tail;
  tail.bytes(nonces).u64(initiator_spi).u64(responder_spi);
  const size_t cipher = encryption_size(suite.encryption, suite.key_bits);
  const size_t integrity = integrity_size(suite.integrity);
  const SecretBytes stream = crypto::prf_plus(Hash::Sha256, seed.view(), tail.view(),
                                              3 * kHashSize + 2 * (cipher + integrity));
  Cutter cut(stream.view());
  ClientIkeKeys keys;
  keys.derive = cut.take(kHashSize);
  keys.out.integrity = cut.take(integrity);
  keys.in.integrity = cut.take(integrity);
  keys.out.encryption = cut.take(cipher);
  keys.in.encryption = cut.take(cipher);
  keys.auth_out = cut.take(kHashSize);
  keys.auth_in = cut.take(kHashSize);
  return keys;
}

SecretBytes first_key_seed(const SecretBytes& shared, ByteView nonces) {
  return crypto::hmac(Hash::Sha256, nonces, {shared.view()});
}

SecretBytes rekey_seed(const SecretBytes& derive, const SecretBytes& shared, ByteView nonces) {
  return crypto::hmac(Hash::Sha256, derive.view(), {shared.view(), nonces});
}

Bytes shared_key_auth(ByteView pre_shared_key, ByteView message, ByteView other_nonce,
                      ByteView auth_key, ByteView id_body) {
  const SecretBytes padded =
      crypto::hmac(Hash::Sha256, pre_shared_key, {as_bytes("Key Pad for IKEv2")});
  const SecretBytes id_mac = crypto::hmac(Hash::Sha256, auth_key, {id_body});
  const SecretBytes auth =
      crypto::hmac(Hash::Sha256, padded.view(), {message, other_nonce, id_mac.view()});
  return to_bytes(auth.view());
}

Bytes seal_message(const ike::IkeSuite& suite, const DirectionKeys& keys, const MessageHead& head,
                   const Payloads& payloads, platform::Rng& rng) {
  const bool gcm = is_gcm(suite.encryption);
  Bytes plain = encode_clear(head, payloads);
  const auto first = static_cast<PayloadType>(plain[16]);
  plain.erase(plain.begin(), plain.begin() + kIkeHeaderSize);
  const size_t align = gcm ? 1 : kBlockSize;
  const size_t padding = (align - (plain.size() + 1) % align) % align;
  plain.resize(plain.size() + padding);
  plain.push_back(static_cast<uint8_t>(padding));
  const Bytes iv = rng.bytes(gcm ? kGcmIvSize : kBlockSize);
  // The header with an empty SK payload, then its lengths as they will be.
  Bytes message = encode_clear(head, {Payload{.type = PayloadType::Sealed, .body = {}}});
  message[kIkeHeaderSize] = static_cast<uint8_t>(first);
  wire::Writer out;
  out.bytes(message);
  const size_t sealed_size = kGenericHeaderSize + iv.size() + plain.size() + kTagSize;
  out.patch_u32(24, static_cast<uint32_t>(kIkeHeaderSize + sealed_size));
  out.patch_u16(kIkeHeaderSize + 2, static_cast<uint16_t>(sealed_size));
  if (gcm) {
    const Bytes nonce = gcm_nonce(keys.encryption, iv);
    const Bytes sealed = crypto::aes_gcm_seal(gcm_key(keys.encryption), nonce, out.view(), plain);
    out.bytes(iv).bytes(sealed);
    return out.take();
  }
  out.bytes(iv).bytes(crypto::aes_cbc_encrypt(keys.encryption.view(), iv, plain));
  const Bytes tag = tag_of(keys.integrity, {out.view()});
  out.bytes(tag);
  return out.take();
}

std::optional<Payloads> open_message(const ike::IkeSuite& suite, const DirectionKeys& keys,
                                     ByteView message) {
  const bool gcm = is_gcm(suite.encryption);
  const size_t iv_size = gcm ? kGcmIvSize : kBlockSize;
  const size_t head_size = kIkeHeaderSize + kGenericHeaderSize;
  if (message.size() < head_size + iv_size + kTagSize) return std::nullopt;
  if (message[16] != static_cast<uint8_t>(PayloadType::Sealed)) return std::nullopt;
  const auto first = static_cast<PayloadType>(message[kIkeHeaderSize]);
  const ByteView iv = message.subspan(head_size, iv_size);
  const ByteView sealed = message.subspan(head_size + iv_size);
  std::optional<Bytes> plain;
  if (gcm) {
    plain = crypto::aes_gcm_open(gcm_key(keys.encryption), gcm_nonce(keys.encryption, iv),
                                 message.first(head_size), sealed);
  } else {
    const Bytes tag = tag_of(keys.integrity, {message.first(message.size() - kTagSize)});
    if (!crypto::equal_constant_time(tag, message.last(kTagSize))) return std::nullopt;
    plain =
        crypto::aes_cbc_decrypt(keys.encryption.view(), iv, sealed.first(sealed.size() - kTagSize));
  }
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

ChildKeys derive_child_keys(const esp::Suite& suite, const SecretBytes& derive, ByteView shared,
                            ByteView nonces, bool initiator) {
  const size_t cipher = encryption_size(suite.encryption, suite.key_bits);
  const size_t integrity = integrity_size(suite.integrity);
  const SecretBytes stream = crypto::prf_plus(Hash::Sha256, derive.view(), joined({shared, nonces}),
                                              2 * (cipher + integrity));
  Cutter cut(stream.view());
  DirectionKeys from_initiator;
  from_initiator.encryption = cut.take(cipher);
  from_initiator.integrity = cut.take(integrity);
  DirectionKeys from_responder;
  from_responder.encryption = cut.take(cipher);
  from_responder.integrity = cut.take(integrity);
  if (initiator) return ChildKeys{.out = from_initiator, .in = from_responder};
  return ChildKeys{.out = from_responder, .in = from_initiator};
}

Bytes ClientSa::seal(ByteView inner, platform::Rng& rng) {
  const bool gcm = is_gcm(suite_.encryption);
  const auto sequence = static_cast<uint32_t>(++last_sent_);
  Bytes plain = to_bytes(inner);
  const size_t align = gcm ? 4 : kBlockSize;
  const size_t padding = (align - (plain.size() + 2) % align) % align;
  for (size_t i = 1; i <= padding; ++i) plain.push_back(static_cast<uint8_t>(i));
  plain.push_back(static_cast<uint8_t>(padding));
  plain.push_back(kNextHeaderIpv4);
  wire::Writer out;
  out.u32(outbound_spi_).u32(sequence);
  // The high half of an extended number: no run comes near 2^32.
  const Bytes high(suite_.extended_sequence_numbers ? 4 : 0);
  if (gcm) {
    wire::Writer aad;
    aad.u32(outbound_spi_).bytes(high).u32(sequence);
    wire::Writer iv;
    iv.u64(last_sent_);
    const Bytes nonce = gcm_nonce(keys_.out.encryption, iv.view());
    out.bytes(iv.view());
    out.bytes(crypto::aes_gcm_seal(gcm_key(keys_.out.encryption), nonce, aad.view(), plain));
    return out.take();
  }
  const Bytes iv = rng.bytes(kBlockSize);
  out.bytes(iv).bytes(crypto::aes_cbc_encrypt(keys_.out.encryption.view(), iv, plain));
  const Bytes tag = tag_of(keys_.out.integrity, {out.view(), high});
  out.bytes(tag);
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
  const bool gcm = is_gcm(suite_.encryption);
  const size_t iv_size = gcm ? kGcmIvSize : kBlockSize;
  wire::Reader in(esp);
  const uint32_t spi = in.u32("spi");
  const uint32_t sequence = in.u32("sequence");
  const ByteView iv = in.bytes(iv_size, "iv");
  const ByteView sealed = in.rest();
  if (!in.ok() || sealed.size() < kTagSize + 2)
    return Opened{.refusal = Refusal::Integrity, .inner = {}};
  if (!fresh(sequence)) return Opened{.refusal = Refusal::Replay, .inner = {}};
  const Bytes high(suite_.extended_sequence_numbers ? 4 : 0);
  std::optional<Bytes> plain;
  if (gcm) {
    wire::Writer aad;
    aad.u32(spi).bytes(high).u32(sequence);
    plain = crypto::aes_gcm_open(gcm_key(keys_.in.encryption), gcm_nonce(keys_.in.encryption, iv),
                                 aad.view(), sealed);
  } else {
    const Bytes tag = tag_of(keys_.in.integrity, {esp.first(esp.size() - kTagSize), high});
    if (crypto::equal_constant_time(tag, esp.last(kTagSize))) {
      plain = crypto::aes_cbc_decrypt(keys_.in.encryption.view(), iv,
                                      sealed.first(sealed.size() - kTagSize));
    }
  }
  if (!plain || plain->size() < 2) return Opened{.refusal = Refusal::Integrity, .inner = {}};
  const size_t trailer = (*plain)[plain->size() - 2] + 2U;
  if (trailer > plain->size()) return Opened{.refusal = Refusal::Integrity, .inner = {}};
  accept(sequence);
  plain->resize(plain->size() - trailer);
  return Opened{.refusal = Refusal::None, .inner = std::move(*plain)};
}

}  // namespace segw::sim
