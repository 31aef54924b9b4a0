// Diffie-Hellman with private keys that are drawn from the platform's generator and loaded raw.
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>

#include <algorithm>

#include "base/assert.h"
#include "crypto/crypto.h"

namespace segw::crypto {
namespace {

constexpr size_t kModpSize = 256;
constexpr size_t kModpPrivateSize = 64;  // 512 bits: twice what the 2048-bit group can give
constexpr size_t kScalarSize = 32;
constexpr int kModpGenerator = 2;  // RFC 3526 3

struct FreeNumber {
  void operator()(BIGNUM* number) const { BN_clear_free(number); }
};
using Number = std::unique_ptr<BIGNUM, FreeNumber>;
struct FreeNumbers {
  void operator()(BN_CTX* context) const { BN_CTX_free(context); }
};
using Numbers = std::unique_ptr<BN_CTX, FreeNumbers>;
struct FreeCurve {
  void operator()(EC_GROUP* curve) const { EC_GROUP_free(curve); }
};
using Curve = std::unique_ptr<EC_GROUP, FreeCurve>;
struct FreePoint {
  void operator()(EC_POINT* point) const { EC_POINT_clear_free(point); }
};
using Point = std::unique_ptr<EC_POINT, FreePoint>;
struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using Key = std::unique_ptr<EVP_PKEY, FreeKey>;
struct FreeKeyContext {
  void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
};
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, FreeKeyContext>;

Number number(ByteView bytes) {
  return Number(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
}

Number secret_number(ByteView bytes) {
  Number value = number(bytes);
  BN_set_flags(value.get(), BN_FLG_CONSTTIME);
  return value;
}

void fixed_size(const BIGNUM* value, MutableBytes out) {
  SEGW_ASSERT(BN_bn2binpad(value, out.data(), static_cast<int>(out.size())) ==
              static_cast<int>(out.size()));
}

// ---- group 14 ----

SecretBytes modp_power(const BIGNUM* base, ByteView private_key) {
  const Numbers context(BN_CTX_new());
  const Number prime(BN_get_rfc3526_prime_2048(nullptr));
  const Number exponent = secret_number(private_key);
  const Number result(BN_new());
  SEGW_ASSERT(BN_mod_exp_mont_consttime(result.get(), base, exponent.get(), prime.get(),
                                        context.get(), nullptr) == 1);
  SecretBytes out(kModpSize);
  fixed_size(result.get(), out.writable());
  return out;
}

Result<SecretBytes> modp_shared(const DhKeyPair& own, ByteView peer_public) {
  const Number prime(BN_get_rfc3526_prime_2048(nullptr));
  const Number peer = number(peer_public);
  // RFC 6989 2.1: "the peer MUST verify that the other party's public value is in the legal range
  // (1 < r < p-1)".
  const Number one_less(BN_dup(prime.get()));
  SEGW_ASSERT(BN_sub_word(one_less.get(), 1) == 1);
  if (BN_is_zero(peer.get()) || BN_is_one(peer.get()) || BN_cmp(peer.get(), one_less.get()) >= 0) {
    return failure("public value out of range");
  }
  return modp_power(peer.get(), own.private_key.view());
}

// ---- group 19 ----

Curve p256() { return Curve(EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1)); }

// x | y, 32 bytes each (RFC 5903 7).
Bytes point_bytes(const EC_GROUP* curve, const EC_POINT* point) {
  const Numbers context(BN_CTX_new());
  Bytes encoded(1 + 2 * kScalarSize);
  SEGW_ASSERT(EC_POINT_point2oct(curve, point, POINT_CONVERSION_UNCOMPRESSED, encoded.data(),
                                 encoded.size(), context.get()) == encoded.size());
  return {encoded.begin() + 1, encoded.end()};
}

DhKeyPair p256_generate(platform::Rng& rng) {
  const Curve curve = p256();
  const Numbers context(BN_CTX_new());
  SecretBytes scalar(kScalarSize);
  Number value;
  do {
    rng.fill(scalar.writable());
    value = secret_number(scalar.view());
  } while (BN_is_zero(value.get()) || BN_cmp(value.get(), EC_GROUP_get0_order(curve.get())) >= 0);
  const Point point(EC_POINT_new(curve.get()));
  SEGW_ASSERT(
      EC_POINT_mul(curve.get(), point.get(), value.get(), nullptr, nullptr, context.get()) == 1);
  return DhKeyPair{.group = DhGroup::Ecp256,
                   .private_key = std::move(scalar),
                   .public_key = point_bytes(curve.get(), point.get())};
}

Result<SecretBytes> p256_shared(const DhKeyPair& own, ByteView peer_public) {
  const Curve curve = p256();
  const Numbers context(BN_CTX_new());
  Bytes encoded{POINT_CONVERSION_UNCOMPRESSED};
  append(encoded, peer_public);
  const Point peer(EC_POINT_new(curve.get()));
  // RFC 6989 2.3: the public value must be a point of the curve; oct2point checks the equation.
  if (EC_POINT_oct2point(curve.get(), peer.get(), encoded.data(), encoded.size(), context.get()) !=
          1 ||
      EC_POINT_is_at_infinity(curve.get(), peer.get()) == 1) {
    return failure("public value is not on the curve");
  }
  const Number scalar = secret_number(own.private_key.view());
  const Point product(EC_POINT_new(curve.get()));
  SEGW_ASSERT(EC_POINT_mul(curve.get(), product.get(), nullptr, peer.get(), scalar.get(),
                           context.get()) == 1);
  Bytes both = point_bytes(curve.get(), product.get());
  SecretBytes x{ByteView(both).first(kScalarSize)};  // RFC 5903 7: only the x coordinate
  OPENSSL_cleanse(both.data(), both.size());
  return x;
}

// ---- group 31 ----

Key x25519_private(ByteView bytes) {
  return Key(EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr, bytes.data(), bytes.size()));
}

DhKeyPair x25519_generate(platform::Rng& rng) {
  DhKeyPair pair{.group = DhGroup::Curve25519,
                 .private_key = SecretBytes(kScalarSize),
                 .public_key = Bytes(kScalarSize)};
  rng.fill(pair.private_key.writable());
  const Key key = x25519_private(pair.private_key.view());
  size_t size = pair.public_key.size();
  SEGW_ASSERT(key && EVP_PKEY_get_raw_public_key(key.get(), pair.public_key.data(), &size) == 1);
  return pair;
}

Result<SecretBytes> x25519_shared(const DhKeyPair& own, ByteView peer_public) {
  const Key key = x25519_private(own.private_key.view());
  const Key peer(EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, peer_public.data(),
                                             peer_public.size()));
  SEGW_ASSERT(key && peer);
  const KeyContext context(EVP_PKEY_CTX_new(key.get(), nullptr));
  SecretBytes out(kScalarSize);
  size_t size = out.size();
  // OpenSSL refuses the all-zero secret itself (RFC 7748 6.1).
  if (!context || EVP_PKEY_derive_init(context.get()) != 1 ||
      EVP_PKEY_derive_set_peer(context.get(), peer.get()) != 1 ||
      EVP_PKEY_derive(context.get(), out.writable().data(), &size) != 1) {
    return failure("public value gives no secret");
  }
  return out;
}

}  // namespace

size_t public_size(DhGroup group) {
  switch (group) {
    case DhGroup::Modp2048:
      return kModpSize;
    case DhGroup::Ecp256:
      return 2 * kScalarSize;
    case DhGroup::Curve25519:
      return kScalarSize;
  }
  return 0;
}

DhKeyPair dh_generate(DhGroup group, platform::Rng& rng) {
  switch (group) {
    case DhGroup::Modp2048: {
      DhKeyPair pair{
          .group = group, .private_key = SecretBytes(kModpPrivateSize), .public_key = {}};
      rng.fill(pair.private_key.writable());
      const Number generator(BN_new());
      SEGW_ASSERT(BN_set_word(generator.get(), kModpGenerator) == 1);
      pair.public_key = to_bytes(modp_power(generator.get(), pair.private_key.view()).view());
      return pair;
    }
    case DhGroup::Ecp256:
      return p256_generate(rng);
    case DhGroup::Curve25519:
      return x25519_generate(rng);
  }
  return {};
}

Result<SecretBytes> dh_shared(const DhKeyPair& own, ByteView peer_public) {
  if (peer_public.size() != public_size(own.group)) return failure("public value has a wrong size");
  switch (own.group) {
    case DhGroup::Modp2048:
      return modp_shared(own, peer_public);
    case DhGroup::Ecp256:
      return p256_shared(own, peer_public);
    case DhGroup::Curve25519:
      return x25519_shared(own, peer_public);
  }
  return failure("unknown group");
}

}  // namespace segw::crypto
