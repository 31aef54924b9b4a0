#include "ike/key_derivation.h"

#include <algorithm>

#include "crypto/crypto.h"
#include "esp/algorithm.h"
#include "esp/cipher.h"
#include "ike/message.h"
#include "wire/writer.h"

namespace segw::ike {
namespace {

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
  const SecretBytes stream = crypto::prf_plus(suite.prf, skeyseed.view(), seed, total);
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

// RFC 7296 2.14: "If the negotiated PRF is AES-XCBC-PRF-128 or AES-CMAC-PRF-128, only the first 64
// bits of Ni and the first 64 bits of Nr are used in calculating SKEYSEED, but all the bits are
// used for input to the prf+ function."
Bytes skeyseed_key(Prf prf, const Nonces& nonces) {
  if (prf != Prf::AesXcbc) return concatenated(nonces.initiator, nonces.responder);
  const auto half = [](const Bytes& nonce) {
    constexpr size_t kHalf = 8;
    return to_bytes(ByteView(nonce).first(std::min(kHalf, nonce.size())));
  };
  return concatenated(half(nonces.initiator), half(nonces.responder));
}

}  // namespace

KeySizes key_sizes(const IkeSuite& suite) {
  return {.prf = crypto::size_of(suite.prf),
          .integrity = esp::algorithm(suite.integrity).key_size,
          .encryption = esp::algorithm(suite.encryption).key_size(suite.key_bits)};
}

IkeKeys derive_keys(const IkeSuite& suite, const SecretBytes& shared, const Nonces& nonces,
                    const Spis& spis) {
  const Bytes salt = skeyseed_key(suite.prf, nonces);
  return split(suite, crypto::prf(suite.prf, salt, {shared.view()}), nonces, spis);
}

IkeKeys derive_rekeyed(const IkeSuite& suite, Prf old_prf, const SecretBytes& old_sk_d,
                       const SecretBytes& shared, const Nonces& nonces, const Spis& spis) {
  const SecretBytes skeyseed =
      crypto::prf(old_prf, old_sk_d.view(), {shared.view(), nonces.initiator, nonces.responder});
  return split(suite, skeyseed, nonces, spis);
}

ChildKeys derive_child(const esp::Suite& suite, Prf prf, const SecretBytes& sk_d,
                       const SecretBytes& shared, const Nonces& nonces) {
  SecretBytes seed(shared.size() + nonces.initiator.size() + nonces.responder.size());
  auto end = std::ranges::copy(shared.view(), seed.writable().begin()).out;
  end = std::ranges::copy(nonces.initiator, end).out;
  std::ranges::copy(nonces.responder, end);
  const size_t size = esp::key_size(suite);
  const SecretBytes stream = crypto::prf_plus(prf, sk_d.view(), seed.view(), 2 * size);
  return ChildKeys{.from_initiator = SecretBytes(stream.view().first(size)),
                   .from_responder = SecretBytes(stream.view().subspan(size))};
}

IkeKeys mix_ppk(const IkeSuite& suite, const IkeKeys& keys, const SecretBytes& ppk) {
  IkeKeys mixed = keys;
  // RFC 8784 3: SK_d = prf+ (PPK, SK_d'), SK_pi and SK_pr alike, where the primed ones are those of
  // RFC 7296 2.14. The sizes stay.
  for (SecretBytes* key : {&mixed.sk_d, &mixed.sk_pi, &mixed.sk_pr}) {
    *key = crypto::prf_plus(suite.prf, ppk.view(), key->view(), key->size());
  }
  return mixed;
}

Bytes signed_octets(const IkeSuite& suite, ByteView message, ByteView nonce,
                    const SecretBytes& sk_p, const Identity& signer) {
  Bytes octets = to_bytes(message);
  append(octets, nonce);
  append(octets, crypto::prf(suite.prf, sk_p.view(), {id_body(signer)}).view());
  return octets;
}

SecretBytes psk_auth(const IkeSuite& suite, const SecretBytes& pre_shared_key, ByteView message,
                     ByteView nonce, const SecretBytes& sk_p, const Identity& signer) {
  const SecretBytes key =
      crypto::prf(suite.prf, pre_shared_key.view(), {as_bytes("Key Pad for IKEv2")});
  const SecretBytes maced_id = crypto::prf(suite.prf, sk_p.view(), {id_body(signer)});
  return crypto::prf(suite.prf, key.view(), {message, nonce, maced_id.view()});
}

Bytes nat_detection(const Spis& spis, const Endpoint& endpoint) {
  wire::Writer out;
  out.bytes(spi_bytes(spis)).bytes(endpoint.address.bytes()).u16(endpoint.port);
  return crypto::sha1(out.view());
}

}  // namespace segw::ike
