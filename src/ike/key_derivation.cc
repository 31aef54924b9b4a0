#include "ike/key_derivation.h"

#include "crypto/crypto.h"
#include "esp/cipher.h"
#include "ike/message.h"
#include "wire/writer.h"

namespace segw::ike {
namespace {

constexpr size_t kPrfSize = 32;        // HMAC-SHA-256
constexpr size_t kIntegritySize = 32;  // HMAC-SHA2-256-128
constexpr size_t kGcmSaltSize = 4;
constexpr crypto::Hash kHash = crypto::Hash::Sha256;

Bytes concatenated(const Bytes& first, const Bytes& second) {
  Bytes both = first;
  append(both, second);
  return both;
}

Bytes spi_bytes(const Spis& spis) {
  wire::Writer out;
  out.u64(spis.initiator.value).u64(spis.responder.value);
  return out.take();
}

// {SK_d | SK_ai | SK_ar | SK_ei | SK_er | SK_pi | SK_pr} = prf+ (SKEYSEED, Ni | Nr | SPIi | SPIr)
IkeKeys split(const IkeSuite& suite, const SecretBytes& skeyseed, const Nonces& nonces,
              const Spis& spis) {
  const auto [prf_size, integrity, encryption] = key_sizes(suite);
  Bytes seed = concatenated(nonces.initiator, nonces.responder);
  append(seed, spi_bytes(spis));
  const size_t total = 3 * prf_size + 2 * integrity + 2 * encryption;
  const SecretBytes stream = crypto::prf_plus(kHash, skeyseed.view(), seed, total);
  ByteView rest = stream.view();
  const auto take = [&](size_t size) {
    SecretBytes part(rest.first(size));
    rest = rest.subspan(size);
    return part;
  };
  IkeKeys keys;
  keys.sk_d = take(prf_size);
  keys.sk_ai = take(integrity);
  keys.sk_ar = take(integrity);
  keys.sk_ei = take(encryption);
  keys.sk_er = take(encryption);
  keys.sk_pi = take(prf_size);
  keys.sk_pr = take(prf_size);
  return keys;
}

}  // namespace

KeySizes key_sizes(const IkeSuite& suite) {
  const bool gcm = suite.encryption == esp::Encryption::AesGcm16;
  return {.prf = kPrfSize,
          .integrity = gcm ? 0 : kIntegritySize,
          .encryption = suite.key_bits / 8U + (gcm ? kGcmSaltSize : 0U)};
}

IkeKeys derive_keys(const IkeSuite& suite, const SecretBytes& shared, const Nonces& nonces,
                    const Spis& spis) {
  const Bytes salt = concatenated(nonces.initiator, nonces.responder);
  return split(suite, crypto::hmac(kHash, salt, {shared.view()}), nonces, spis);
}

IkeKeys derive_rekeyed(const IkeSuite& suite, const SecretBytes& old_sk_d,
                       const SecretBytes& shared, const Nonces& nonces, const Spis& spis) {
  const SecretBytes skeyseed =
      crypto::hmac(kHash, old_sk_d.view(), {shared.view(), nonces.initiator, nonces.responder});
  return split(suite, skeyseed, nonces, spis);
}

ChildKeys derive_child(const esp::Suite& suite, const SecretBytes& sk_d, const SecretBytes& shared,
                       const Nonces& nonces) {
  Bytes seed = to_bytes(shared.view());
  append(seed, nonces.initiator);
  append(seed, nonces.responder);
  const size_t size = esp::key_size(suite);
  const SecretBytes stream = crypto::prf_plus(kHash, sk_d.view(), seed, 2 * size);
  return ChildKeys{.from_initiator = SecretBytes(stream.view().first(size)),
                   .from_responder = SecretBytes(stream.view().subspan(size))};
}

IkeKeys mix_ppk(const IkeSuite& /*suite*/, const IkeKeys& keys, const SecretBytes& ppk) {
  IkeKeys mixed = keys;
  // RFC 8784 3: SK_d = prf+ (PPK, SK_d'), SK_pi and SK_pr alike, where the primed ones are those of
  // RFC 7296 2.14. The sizes stay.
  for (SecretBytes* key : {&mixed.sk_d, &mixed.sk_pi, &mixed.sk_pr}) {
    *key = crypto::prf_plus(kHash, ppk.view(), key->view(), key->size());
  }
  return mixed;
}

Bytes signed_octets(const IkeSuite& /*suite*/, ByteView message, ByteView nonce,
                    const SecretBytes& sk_p, const Identity& signer) {
  Bytes octets = to_bytes(message);
  append(octets, nonce);
  append(octets, crypto::hmac(kHash, sk_p.view(), {id_body(signer)}).view());
  return octets;
}

SecretBytes psk_auth(const SecretBytes& pre_shared_key, ByteView message, ByteView nonce,
                     const SecretBytes& sk_p, const Identity& signer) {
  const SecretBytes key =
      crypto::hmac(kHash, pre_shared_key.view(), {as_bytes("Key Pad for IKEv2")});
  const SecretBytes maced_id = crypto::hmac(kHash, sk_p.view(), {id_body(signer)});
  return crypto::hmac(kHash, key.view(), {message, nonce, maced_id.view()});
}

Bytes nat_detection(const Spis& spis, const Endpoint& endpoint) {
  wire::Writer out;
  out.bytes(spi_bytes(spis)).bytes(endpoint.address.bytes()).u16(endpoint.port);
  return crypto::sha1(out.view());
}

}  // namespace segw::ike
