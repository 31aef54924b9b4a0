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

constexpr size_t kModpPrivateSize = 64;  // 512 bits: more than twice what a 4096-bit group gives
constexpr size_t kX25519Size = 32;
constexpr int kModpGenerator = 2;  // RFC 7296 App. B, RFC 3526

struct Row {
  DhGroup group;
  size_t public_size;                   // of a KE payload's data
  BIGNUM* (*prime)(BIGNUM*) = nullptr;  // a MODP group
  int curve = NID_undef;                // an ECP group: the data is x | y
};
// NOLINTBEGIN(modernize-use-designated-initializers)
constexpr Row kRows[] = {
    {DhGroup::Modp1024, 128, BN_get_rfc2409_prime_1024},
    {DhGroup::Modp1536, 192, BN_get_rfc3526_prime_1536},
    {DhGroup::Modp2048, 256, BN_get_rfc3526_prime_2048},
    {DhGroup::Modp3072, 384, BN_get_rfc3526_prime_3072},
    {DhGroup::Modp4096, 512, BN_get_rfc3526_prime_4096},
    {DhGroup::Ecp256, 64, nullptr, NID_X9_62_prime256v1},
    {DhGroup::Ecp384, 96, nullptr, NID_secp384r1},
    {DhGroup::Ecp521, 132, nullptr, NID_secp521r1},
    {DhGroup::Curve25519, kX25519Size},
};
// NOLINTEND(modernize-use-designated-initializers)

const Row* find(uint32_t number) {
  const auto at = std::ranges::find(
      kRows, number, [](const Row& row) { return static_cast<uint32_t>(row.group); });
  return at == std::end(kRows) ? nullptr : at;
}

const Row& row(DhGroup group) {
  const Row* found = find(static_cast<uint32_t>(group));
  SEGW_ASSERT(found != nullptr);
  return *found;
}

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

// ---- MODP groups ----

SecretBytes modp_power(const Row& row, const BIGNUM* base, ByteView private_key) {
  const Numbers context(BN_CTX_new());
  const Number prime(row.prime(nullptr));
  const Number exponent = secret_number(private_key);
  const Number result(BN_new());
  SEGW_ASSERT(BN_mod_exp_mont_consttime(result.get(), base, exponent.get(), prime.get(),
                                        context.get(), nullptr) == 1);
  SecretBytes out(row.public_size);
  fixed_size(result.get(), out.writable());
  return out;
}

SecretBytes modp_draw(platform::Rng& rng) {
  SecretBytes private_key(kModpPrivateSize);
  rng.fill(private_key.writable());
  return private_key;
}

Bytes modp_public(const Row& row, ByteView private_key) {
  const Number generator(BN_new());
  SEGW_ASSERT(BN_set_word(generator.get(), kModpGenerator) == 1);
  return to_bytes(modp_power(row, generator.get(), private_key).view());
}

Result<SecretBytes> modp_shared(const Row& row, const DhKeyPair& own, ByteView peer_public) {
  const Number prime(row.prime(nullptr));
  const Number peer = number(peer_public);
  // RFC 6989 2.1: "the peer MUST verify that the other party's public value is in the legal range
  // (1 < r < p-1)". All primes here are safe ones and every key serves one exchange, so nothing
  // more is asked for (SP 800-56A 5.6.2.3.2).
  const Number one_less(BN_dup(prime.get()));
  SEGW_ASSERT(BN_sub_word(one_less.get(), 1) == 1);
  if (BN_is_zero(peer.get()) || BN_is_one(peer.get()) || BN_cmp(peer.get(), one_less.get()) >= 0) {
    return failure("public value out of range");
  }
  return modp_power(row, peer.get(), own.private_key.view());
}

// ---- ECP groups ----

Curve curve_of(const Row& row) { return Curve(EC_GROUP_new_by_curve_name(row.curve)); }

// x | y (RFC 5903 7).
Bytes point_bytes(const Row& row, const EC_GROUP* curve, const EC_POINT* point) {
  const Numbers context(BN_CTX_new());
  Bytes encoded(1 + row.public_size);
  SEGW_ASSERT(EC_POINT_point2oct(curve, point, POINT_CONVERSION_UNCOMPRESSED, encoded.data(),
                                 encoded.size(), context.get()) == encoded.size());
  return {encoded.begin() + 1, encoded.end()};
}

SecretBytes ecp_draw(const Row& row, platform::Rng& rng) {
  const Curve curve = curve_of(row);
  const BIGNUM* order = EC_GROUP_get0_order(curve.get());
  // Of the first byte only what the order has of it: 1 bit with P-521, all 8 with the others.
  const auto first_mask = static_cast<uint8_t>(
      0xFF >> (8 * (row.public_size / 2) - static_cast<size_t>(BN_num_bits(order))));
  SecretBytes scalar(row.public_size / 2);
  Number value;
  do {
    rng.fill(scalar.writable());
    scalar.writable()[0] &= first_mask;
    value = secret_number(scalar.view());
  } while (BN_is_zero(value.get()) || BN_cmp(value.get(), order) >= 0);
  return scalar;
}

Bytes ecp_public(const Row& row, ByteView private_key) {
  const Curve curve = curve_of(row);
  const Numbers context(BN_CTX_new());
  const Number scalar = secret_number(private_key);
  const Point point(EC_POINT_new(curve.get()));
  SEGW_ASSERT(
      EC_POINT_mul(curve.get(), point.get(), scalar.get(), nullptr, nullptr, context.get()) == 1);
  return point_bytes(row, curve.get(), point.get());
}

Result<SecretBytes> ecp_shared(const Row& row, const DhKeyPair& own, ByteView peer_public) {
  const Curve curve = curve_of(row);
  const Numbers context(BN_CTX_new());
  Bytes encoded{POINT_CONVERSION_UNCOMPRESSED};
  append(encoded, peer_public);
  const Point peer(EC_POINT_new(curve.get()));
  // RFC 6989 2.3: the coordinates must be below the field's order and satisfy the curve's equation;
  // oct2point checks both. The cofactor is 1, so any such point is in the group.
  if (EC_POINT_oct2point(curve.get(), peer.get(), encoded.data(), encoded.size(), context.get()) !=
          1 ||
      EC_POINT_is_at_infinity(curve.get(), peer.get()) == 1) {
    return failure("public value is not on the curve");
  }
  const Number scalar = secret_number(own.private_key.view());
  const Point product(EC_POINT_new(curve.get()));
  SEGW_ASSERT(EC_POINT_mul(curve.get(), product.get(), nullptr, peer.get(), scalar.get(),
                           context.get()) == 1);
  if (EC_POINT_is_at_infinity(curve.get(), product.get()) == 1) {
    return failure("private value gives no secret");
  }
  Bytes both = point_bytes(row, curve.get(), product.get());
  // RFC 5903 7: "The Diffie-Hellman shared secret value consists of the x value".
  SecretBytes x{ByteView(both).first(row.public_size / 2)};
  OPENSSL_cleanse(both.data(), both.size());
  return x;
}

// ---- group 31 ----

Key x25519_private(ByteView bytes) {
  return Key(EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr, bytes.data(), bytes.size()));
}

SecretBytes x25519_draw(platform::Rng& rng) {
  SecretBytes private_key(kX25519Size);
  rng.fill(private_key.writable());
  return private_key;
}

Bytes x25519_public(ByteView private_key) {
  const Key key = x25519_private(private_key);
  Bytes out(kX25519Size);
  size_t size = out.size();
  SEGW_ASSERT(key && EVP_PKEY_get_raw_public_key(key.get(), out.data(), &size) == 1);
  return out;
}

Result<SecretBytes> x25519_shared(const DhKeyPair& own, ByteView peer_public) {
  const Key key = x25519_private(own.private_key.view());
  if (!key) return failure("private value has a wrong size");
  const Key peer(EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, peer_public.data(),
                                             peer_public.size()));
  SEGW_ASSERT(peer);
  const KeyContext context(EVP_PKEY_CTX_new(key.get(), nullptr));
  SecretBytes out(kX25519Size);
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

bool is_dh_group(uint32_t number) { return find(number) != nullptr; }

size_t public_size(DhGroup group) { return row(group).public_size; }

size_t private_size(DhGroup group) {
  const Row& found = row(group);
  if (found.prime != nullptr) return kModpPrivateSize;
  return found.curve != NID_undef ? found.public_size / 2 : kX25519Size;
}

DhKeyPair dh_draw(DhGroup group, platform::Rng& rng) {
  const Row& found = row(group);
  DhKeyPair pair{.group = group, .private_key = {}, .public_key = {}};
  if (found.prime != nullptr) {
    pair.private_key = modp_draw(rng);
  } else if (found.curve != NID_undef) {
    pair.private_key = ecp_draw(found, rng);
  } else {
    pair.private_key = x25519_draw(rng);
  }
  return pair;
}

void dh_make_public(DhKeyPair& pair) {
  const Row& found = row(pair.group);
  const ByteView private_key = pair.private_key.view();
  if (found.prime != nullptr) {
    pair.public_key = modp_public(found, private_key);
  } else if (found.curve != NID_undef) {
    pair.public_key = ecp_public(found, private_key);
  } else {
    pair.public_key = x25519_public(private_key);
  }
}

DhKeyPair dh_generate(DhGroup group, platform::Rng& rng) {
  DhKeyPair pair = dh_draw(group, rng);
  dh_make_public(pair);
  return pair;
}

Result<SecretBytes> dh_shared(const DhKeyPair& own, ByteView peer_public) {
  const Row& found = row(own.group);
  if (peer_public.size() != found.public_size) return failure("public value has a wrong size");
  if (found.prime != nullptr) return modp_shared(found, own, peer_public);
  if (found.curve != NID_undef) return ecp_shared(found, own, peer_public);
  return x25519_shared(own, peer_public);
}

}  // namespace segw::crypto
