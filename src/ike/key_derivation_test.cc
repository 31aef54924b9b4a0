#include "ike/key_derivation.h"

#include <gtest/gtest.h>

#include "crypto/crypto.h"
#include "ike/testing.h"
#include "ike/testing_suites.h"

namespace segw::ike {
namespace {

struct SizeRow {
  const char* name;
  IkeSuite suite;
  size_t prf, integrity, encryption;
};

class SizesTable : public ::testing::TestWithParam<SizeRow> {};

TEST_P(SizesTable, AreThoseOfTheRfcs) {
  const KeySizes sizes = key_sizes(GetParam().suite);
  EXPECT_EQ(sizes.prf, GetParam().prf);
  EXPECT_EQ(sizes.integrity, GetParam().integrity);
  EXPECT_EQ(sizes.encryption, GetParam().encryption);
}

using E = esp::Encryption;
using I = esp::Integrity;

INSTANTIATE_TEST_SUITE_P(
    Ike, SizesTable,
    ::testing::Values(
        SizeRow{"Guide", {E::AesCbc, 128, I::HmacSha1_96, Prf::HmacSha1}, 20, 20, 16},
        SizeRow{"Xcbc", {E::AesCbc, 192, I::AesXcbc_96, Prf::AesXcbc}, 16, 16, 24},
        SizeRow{"Sha384", {E::AesCbc, 256, I::HmacSha384_192, Prf::HmacSha384}, 48, 48, 32},
        SizeRow{"Gcm8", {E::AesGcm8, 128, I::None, Prf::HmacSha512}, 64, 0, 20},
        SizeRow{"ChaCha", {E::ChaCha20Poly1305, 256, I::None, Prf::HmacSha256}, 32, 0, 36}),
    [](const auto& row) { return row.param.name; });

Bytes nonce(uint8_t first, size_t size) {
  Bytes out(size);
  for (size_t i = 0; i < size; ++i) out[i] = static_cast<uint8_t>(first + i);
  return out;
}

// RFC 7296 2.14: 8 bytes of each nonce are the key of AES-XCBC, all of both go into prf+.
TEST(Skeyseed, WithXcbcIsMadeWithTheFirstHalvesOfTheNonces) {
  IkeSuite suite = testing::gcm_suite();
  suite.prf = Prf::AesXcbc;
  const SecretBytes shared(Bytes(32, 9));
  const Nonces nonces{.initiator = nonce(1, 32), .responder = nonce(101, 16)};
  const Spis spis{.initiator = IkeSpi{5}, .responder = IkeSpi{6}};
  Bytes halves = nonce(1, 8);
  append(halves, nonce(101, 8));
  const SecretBytes skeyseed = crypto::aes_xcbc(halves, {shared.view()});
  Bytes seed = nonces.initiator;
  append(seed, nonces.responder);
  wire::Writer numbers;
  numbers.u64(5).u64(6);
  append(seed, numbers.view());
  const SecretBytes stream = crypto::prf_plus(Prf::AesXcbc, skeyseed.view(), seed, 16);
  EXPECT_EQ(derive_keys(suite, shared, nonces, spis).sk_d, stream);
}

TEST(Skeyseed, WithHmacIsMadeWithBothWholeNonces) {
  const IkeSuite suite = testing::gcm_suite();
  const SecretBytes shared(Bytes(32, 9));
  const Nonces nonces{.initiator = nonce(1, 32), .responder = nonce(101, 16)};
  Nonces other = nonces;
  other.initiator.back() ^= 1;
  const auto sk_d = [&](const Nonces& with) { return derive_keys(suite, shared, with, {}).sk_d; };
  EXPECT_NE(to_hex(sk_d(nonces).view()), to_hex(sk_d(other).view()));
}

// RFC 4434 2: a pre-shared key of any length.
TEST(PskAuth, TakesKeysOfAnySizeWithEveryPrf) {
  for (const Prf prf : testing::kPrfs) {
    IkeSuite suite = testing::gcm_suite();
    suite.prf = prf;
    const SecretBytes sk_p(Bytes(crypto::size_of(prf), 7));
    const Identity id{.type = 2, .data = to_bytes(as_bytes("gw"))};
    std::set<std::string> seen;
    for (const size_t size : {1U, 15U, 16U, 17U, 200U}) {
      const SecretBytes auth = psk_auth(suite, SecretBytes(Bytes(size, 'k')), as_bytes("message"),
                                        as_bytes("nonce"), sk_p, id);
      EXPECT_EQ(auth.size(), crypto::size_of(prf));
      seen.insert(to_hex(auth.view()));
    }
    EXPECT_EQ(seen.size(), 5U);
  }
}

}  // namespace
}  // namespace segw::ike
