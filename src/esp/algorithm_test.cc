#include "esp/algorithm.h"

#include <gtest/gtest.h>

#include "esp/cipher.h"

namespace segw::esp {
namespace {

struct Row {
  const char* text;  // of the whole suite
  Suite suite;
  size_t iv, block, key, icv;
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.text; }

class Sizes : public testing::TestWithParam<Row> {};

TEST_P(Sizes, AreThoseOfTheRfcs) {
  const Row& row = GetParam();
  EXPECT_EQ(iv_size(row.suite), row.iv);
  EXPECT_EQ(block_size(row.suite), row.block);
  EXPECT_EQ(key_size(row.suite), row.key);
  EXPECT_EQ(icv_size(row.suite), row.icv);
  EXPECT_LE(icv_size(row.suite), kIcvMax);
  EXPECT_EQ(text(row.suite), row.text);
  EXPECT_EQ(misfit(static_cast<uint32_t>(row.suite.encryption), row.suite.key_bits,
                   static_cast<uint32_t>(row.suite.integrity)),
            "");
}

using E = Encryption;
using I = Integrity;

INSTANTIATE_TEST_SUITE_P(
    Algorithm, Sizes,
    testing::Values(Row{"null sha-1", {E::Null, 0, I::HmacSha1_96}, 0, 4, 20, 12},
                    Row{"null aes-xcbc esn", {E::Null, 0, I::AesXcbc_96, true}, 0, 4, 16, 12},
                    Row{"aes-128 sha-1", {E::AesCbc, 128, I::HmacSha1_96}, 16, 16, 36, 12},
                    Row{"aes-192 sha-256", {E::AesCbc, 192, I::HmacSha256_128}, 16, 16, 56, 16},
                    Row{"aes-256 sha-384", {E::AesCbc, 256, I::HmacSha384_192}, 16, 16, 80, 24},
                    Row{"aes-256 sha-512", {E::AesCbc, 256, I::HmacSha512_256}, 16, 16, 96, 32},
                    Row{"aes-128 aes-xcbc", {E::AesCbc, 128, I::AesXcbc_96}, 16, 16, 32, 12},
                    Row{"aes128-gcm8", {E::AesGcm8, 128}, 8, 4, 20, 8},
                    Row{"aes192-gcm12", {E::AesGcm12, 192}, 8, 4, 28, 12},
                    Row{"aes256-gcm16 esn", {E::AesGcm16, 256, I::None, true}, 8, 4, 36, 16},
                    Row{"chacha20-poly1305", {E::ChaCha20Poly1305, 256}, 8, 4, 36, 16}));

struct BadRow {
  uint32_t encryption, key_bits, integrity;
  const char* field;
};

class Misfits : public testing::TestWithParam<BadRow> {};

TEST_P(Misfits, AreNamedByTheirFirstWrongField) {
  EXPECT_EQ(misfit(GetParam().encryption, GetParam().key_bits, GetParam().integrity),
            GetParam().field);
}

INSTANTIATE_TEST_SUITE_P(
    Algorithm, Misfits,
    testing::Values(BadRow{0, 128, 12, "encryption"}, BadRow{3, 192, 12, "encryption"},
                    BadRow{13, 128, 12, "encryption"}, BadRow{21, 128, 0, "encryption"},
                    BadRow{0x1'0014, 128, 0, "encryption"}, BadRow{12, 0, 12, "key-bits"},
                    BadRow{12, 64, 12, "key-bits"}, BadRow{20, 129, 0, "key-bits"},
                    BadRow{20, 65536 + 128, 0, "key-bits"}, BadRow{28, 128, 0, "key-bits"},
                    BadRow{28, 0, 0, "key-bits"}, BadRow{11, 128, 12, "key-bits"},
                    BadRow{12, 128, 0, "integrity"}, BadRow{12, 128, 1, "integrity"},
                    BadRow{11, 0, 0, "integrity"}, BadRow{20, 128, 12, "integrity"},
                    BadRow{28, 256, 12, "integrity"}, BadRow{12, 256, 0x1'000C, "integrity"}));

TEST(Names, FindTheirAlgorithm) {
  const auto cipher = encryption_named("aes192-gcm12");
  ASSERT_TRUE(cipher);
  EXPECT_EQ(cipher->encryption, E::AesGcm12);
  EXPECT_EQ(cipher->key_bits, 192);
  EXPECT_EQ(encryption_named("null")->key_bits, 0);
  EXPECT_EQ(encryption_named("chacha20-poly1305")->key_bits, 256);
  EXPECT_EQ(integrity_named("sha-384"), I::HmacSha384_192);
  EXPECT_EQ(integrity_named("auth-encryption"), I::None);
  for (const char* none : {"", "aes-{}", "aes-0", "des-3", "aes-512", "null-aes128-gmac"}) {
    EXPECT_FALSE(encryption_named(none)) << none;
  }
  EXPECT_FALSE(integrity_named("md-5"));
}

TEST(Names, OfIkeLeaveNullOut) {
  EXPECT_EQ(encryption_names(true), "null, " + encryption_names(false));
  EXPECT_EQ(integrity_names(), "sha-1, aes-xcbc, sha-256, sha-384, sha-512");
}

}  // namespace
}  // namespace segw::esp
