#include "crypto/signature.h"

#include <gtest/gtest.h>

#include "crypto/testing_certificates.h"

namespace segw::crypto {
namespace {

using testing::issue;
using testing::KeyType;
using enum SignatureHash;

struct Row {
  const char* name;
  KeyType key;
  SignatureScheme scheme;
  SignatureHash hash;
  SignatureForm form;
};

class SignatureOf : public ::testing::TestWithParam<Row> {};

TEST_P(SignatureOf, VerifiesAndNothingElseDoes) {
  const Row& row = GetParam();
  const auto signer = issue({.key = row.key});
  const auto other = issue({.key = row.key, .number = 2});
  const SignatureAlgorithm used = algorithm(row.scheme, row.hash);
  const Bytes data = to_bytes(as_bytes("octets"));
  const auto signature = sign(signer.key, used, row.form, data);
  ASSERT_TRUE(signature);
  EXPECT_TRUE(verify(signer.certificate, used, row.form, data, *signature));
  EXPECT_FALSE(verify(other.certificate, used, row.form, data, *signature));
  EXPECT_FALSE(verify(signer.certificate, used, row.form, as_bytes("others"), *signature));
  for (size_t size = 0; size < signature->size(); ++size) {
    EXPECT_FALSE(verify(signer.certificate, used, row.form, data, ByteView(*signature).first(size)))
        << size;
  }
  for (size_t at = 0; at < signature->size(); at += 7) {
    Bytes changed = *signature;
    changed[at] ^= 1;
    EXPECT_FALSE(verify(signer.certificate, used, row.form, data, changed)) << at;
  }
}

TEST_P(SignatureOf, HasAnAlgorithmIdentifier) {
  const SignatureAlgorithm used = algorithm(GetParam().scheme, GetParam().hash);
  const Bytes identifier = encode_algorithm(used);
  EXPECT_FALSE(identifier.empty());
  EXPECT_EQ(decode_algorithm(identifier), used);
  for (size_t size = 0; size < identifier.size(); ++size) {
    EXPECT_FALSE(decode_algorithm(ByteView(identifier).first(size))) << size;
  }
}

constexpr auto kAsn1 = SignatureForm::Asn1;
constexpr auto kFixed = SignatureForm::Fixed;
INSTANTIATE_TEST_SUITE_P(
    Signature, SignatureOf,
    ::testing::Values(Row{"rsa_sha1", KeyType::Rsa2048, SignatureScheme::RsaPkcs1, Sha1, kAsn1},
                      Row{"rsa_sha256", KeyType::Rsa2048, SignatureScheme::RsaPkcs1, Sha256, kAsn1},
                      Row{"rsa_sha384", KeyType::Rsa2048, SignatureScheme::RsaPkcs1, Sha384, kAsn1},
                      Row{"rsa_sha512", KeyType::Rsa2048, SignatureScheme::RsaPkcs1, Sha512, kAsn1},
                      Row{"pss_sha256", KeyType::Rsa2048, SignatureScheme::RsaPss, Sha256, kAsn1},
                      Row{"pss_sha384", KeyType::Rsa2048, SignatureScheme::RsaPss, Sha384, kAsn1},
                      Row{"pss_sha512", KeyType::Rsa2048, SignatureScheme::RsaPss, Sha512, kAsn1},
                      Row{"p256", KeyType::P256, SignatureScheme::Ecdsa, Sha256, kAsn1},
                      Row{"p384", KeyType::P384, SignatureScheme::Ecdsa, Sha384, kAsn1},
                      Row{"p521", KeyType::P521, SignatureScheme::Ecdsa, Sha512, kAsn1},
                      Row{"p256_fixed", KeyType::P256, SignatureScheme::Ecdsa, Sha256, kFixed},
                      Row{"p384_fixed", KeyType::P384, SignatureScheme::Ecdsa, Sha384, kFixed},
                      Row{"p521_fixed", KeyType::P521, SignatureScheme::Ecdsa, Sha512, kFixed},
                      Row{"ed25519", KeyType::Ed25519, SignatureScheme::Ed25519, Identity, kAsn1}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(SignatureSize, OfRfc4754IsFixed) {
  const Bytes data(10, 1);
  const auto size = [&](KeyType key, SignatureHash hash) {
    const auto made =
        sign(issue({.key = key}).key, algorithm(SignatureScheme::Ecdsa, hash), kFixed, data);
    return made ? made->size() : 0;
  };
  EXPECT_EQ(size(KeyType::P256, Sha256), 64U);
  EXPECT_EQ(size(KeyType::P384, Sha384), 96U);
  EXPECT_EQ(size(KeyType::P521, Sha512), 132U);
}

TEST(Signature, OfAKeyOfAnotherKindIsNone) {
  const auto ed25519 = issue({});
  const Bytes data(10, 1);
  for (const auto scheme :
       {SignatureScheme::RsaPkcs1, SignatureScheme::RsaPss, SignatureScheme::Ecdsa}) {
    EXPECT_FALSE(sign(ed25519.key, algorithm(scheme, Sha256), kAsn1, data));
    EXPECT_FALSE(verify(ed25519.certificate, algorithm(scheme, Sha256), kAsn1, data, Bytes(64, 1)));
  }
  EXPECT_FALSE(
      sign(SecretBytes(Bytes(20, 1)), algorithm(SignatureScheme::Ed25519, Identity), kAsn1, data));
}

TEST(Signature, OfEd25519IsAlwaysTheSame) {
  const auto signer = issue({});
  const SignatureAlgorithm used = algorithm(SignatureScheme::Ed25519, Identity);
  EXPECT_EQ(sign(signer.key, used, kAsn1, as_bytes("a")),
            sign(signer.key, used, kAsn1, as_bytes("a")));
}

// RFC 7427 A.1, A.3.2 and RFC 8420 A.2 give these.
TEST(AlgorithmIdentifier, IsAsTheRfcHasIt) {
  const auto hex = [](SignatureScheme scheme, SignatureHash hash) {
    return to_hex(encode_algorithm(algorithm(scheme, hash)));
  };
  EXPECT_EQ(hex(SignatureScheme::RsaPkcs1, Sha256), "300d06092a864886f70d01010b0500");
  EXPECT_EQ(hex(SignatureScheme::Ecdsa, Sha256), "300a06082a8648ce3d040302");
  EXPECT_EQ(hex(SignatureScheme::Ed25519, Identity), "300506032b6570");
  EXPECT_EQ(
      hex(SignatureScheme::RsaPss, Sha256),
      "304106092a864886f70d01010a3034a00f300d06096086480165030402010500a11c301a06092a864886f70"
      "d010108300d06096086480165030402010500a203020120");
}

TEST(AlgorithmIdentifier, OfPssMayLackTheNullsAndHaveAnotherSalt) {
  Bytes with_salt = encode_algorithm(algorithm(SignatureScheme::RsaPss, Sha256));
  with_salt.back() = 20;
  EXPECT_EQ(decode_algorithm(with_salt)->salt_size, 20);
  with_salt.back() = 65;
  EXPECT_FALSE(decode_algorithm(with_salt));
}

TEST(AlgorithmIdentifier, OfPssWithDefaultsMeansSha1AndIsRefused) {
  EXPECT_FALSE(decode_algorithm(Bytes{0x30, 0x0D, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D,
                                      0x01, 0x01, 0x0A, 0x30, 0x00}));
}

TEST(AlgorithmIdentifier, OfSomethingElseIsRefused) {
  EXPECT_FALSE(decode_algorithm({}));
  EXPECT_FALSE(decode_algorithm(Bytes(256, 0x30)));
  // md5WithRSAEncryption
  EXPECT_FALSE(decode_algorithm(Bytes{0x30, 0x0D, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D,
                                      0x01, 0x01, 0x04, 0x05, 0x00}));
}

}  // namespace
}  // namespace segw::crypto
