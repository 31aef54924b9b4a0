#include "crypto/crypto.h"

#include <gtest/gtest.h>

#include <string_view>

namespace segw::crypto {
namespace {

Bytes hex(std::string_view text) {
  const auto digit = [](char c) { return static_cast<uint8_t>(c <= '9' ? c - '0' : c - 'a' + 10); };
  Bytes out;
  for (size_t i = 0; i + 1 < text.size(); i += 2) {
    out.push_back(static_cast<uint8_t>(digit(text[i]) << 4 | digit(text[i + 1])));
  }
  return out;
}

class CountingRng final : public platform::Rng {
 public:
  explicit CountingRng(uint8_t seed) : next_(seed) {}
  void fill(MutableBytes out) override {
    for (uint8_t& byte : out) byte = next_ = static_cast<uint8_t>(next_ * 5 + 3);
  }

 private:
  uint8_t next_;
};

TEST(Hmac, AgreesWithRfc4231Case2) {
  const SecretBytes mac = hmac(Hash::Sha256, as_bytes("Jefe"),
                               {as_bytes("what do ya want "), as_bytes("for nothing?")});
  EXPECT_EQ(to_hex(mac.view()), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(Hkdf, AgreesWithRfc5869CaseA1) {
  const SecretBytes key = hkdf(Hash::Sha256, Bytes(22, 0x0b), hex("000102030405060708090a0b0c"),
                               hex("f0f1f2f3f4f5f6f7f8f9"), 42);
  EXPECT_EQ(to_hex(key.view()),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
}

TEST(AesGcm, AgreesWithTheSpecificationsCase2) {
  const Bytes sealed = aead_seal(Aead::AesGcm, Bytes(16, 0), Bytes(12, 0), {}, Bytes(16, 0));
  EXPECT_EQ(to_hex(sealed), "0388dace60b6a392f328c2b971b2fe78ab6e47d42cec13bdf53a67b21257bddf");
}

TEST(AesGcm, OpensOnlyWhatItSealed) {
  for (const size_t key_size : {16U, 24U, 32U}) {
    const Bytes key(key_size, 7);
    const Bytes sealed =
        aead_seal(Aead::AesGcm, key, Bytes(12, 1), as_bytes("aad"), as_bytes("hello"));
    EXPECT_EQ(aead_open(Aead::AesGcm, key, Bytes(12, 1), as_bytes("aad"), sealed),
              to_bytes(as_bytes("hello")));
    EXPECT_FALSE(aead_open(Aead::AesGcm, key, Bytes(12, 1), as_bytes("aae"), sealed));
    for (size_t at = 0; at < sealed.size(); ++at) {
      Bytes damaged = sealed;
      damaged[at] ^= 1;
      EXPECT_FALSE(aead_open(Aead::AesGcm, key, Bytes(12, 1), as_bytes("aad"), damaged)) << at;
      EXPECT_FALSE(
          aead_open(Aead::AesGcm, key, Bytes(12, 1), as_bytes("aad"), ByteView(sealed).first(at)));
    }
  }
}

TEST(AesCbc, RoundTripsAndRefusesPartBlocks) {
  const Bytes key(32, 9);
  const Bytes iv(16, 3);
  const Bytes plain(48, 0x5a);
  const Bytes sealed = aes_cbc_encrypt(key, iv, plain);
  EXPECT_NE(sealed, plain);
  EXPECT_EQ(aes_cbc_decrypt(key, iv, sealed), plain);
  EXPECT_FALSE(aes_cbc_decrypt(key, iv, ByteView(sealed).first(47)));
}

TEST(DiffieHellman, Curve25519AgreesWithRfc7748) {
  const DhKeyPair bob{.group = DhGroup::Curve25519,
                      .private_key = SecretBytes(
                          hex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")),
                      .public_key = {}};
  const auto secret =
      dh_shared(bob, hex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"));
  ASSERT_TRUE(secret);
  EXPECT_EQ(to_hex(secret->view()),
            "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
}

class EveryGroup : public testing::TestWithParam<DhGroup> {};

TEST_P(EveryGroup, GivesBothSidesTheSameSecretFromTheSameDraws) {
  CountingRng first(1);
  CountingRng again(1);
  CountingRng other(2);
  const DhKeyPair a = dh_generate(GetParam(), first);
  const DhKeyPair same = dh_generate(GetParam(), again);
  const DhKeyPair b = dh_generate(GetParam(), other);
  EXPECT_EQ(a.public_key, same.public_key);
  EXPECT_NE(a.public_key, b.public_key);
  EXPECT_EQ(a.public_key.size(), public_size(GetParam()));
  EXPECT_EQ(a.private_key.size(), private_size(GetParam()));
  const auto ab = dh_shared(a, b.public_key);
  const auto ba = dh_shared(b, a.public_key);
  ASSERT_TRUE(ab && ba);
  EXPECT_TRUE(*ab == *ba);
}

TEST_P(EveryGroup, RefusesPublicValuesThatAreNone) {
  CountingRng rng(1);
  const DhKeyPair own = dh_generate(GetParam(), rng);
  EXPECT_FALSE(dh_shared(own, Bytes(public_size(GetParam()), 0)));
  EXPECT_FALSE(dh_shared(own, Bytes(public_size(GetParam()) - 1, 1)));
  EXPECT_FALSE(dh_shared(own, Bytes(public_size(GetParam()) + 1, 1)));
  EXPECT_FALSE(dh_shared(own, {}));
  if (GetParam() != DhGroup::Curve25519) {  // for it every other string is a valid value
    EXPECT_FALSE(dh_shared(own, Bytes(public_size(GetParam()), 0xFF)));
  }
}

// A chassis may have it of a record.
TEST(DiffieHellman, APrivateKeyThatIsNoneGivesNoSecret) {
  for (const DhGroup group :
       {DhGroup::Ecp256, DhGroup::Ecp384, DhGroup::Ecp521, DhGroup::Curve25519}) {
    CountingRng rng(1);
    const DhKeyPair peer = dh_generate(group, rng);
    DhKeyPair own{.group = group, .private_key = {}, .public_key = {}};
    EXPECT_FALSE(dh_shared(own, peer.public_key));
    const bool is_curve25519 = group == DhGroup::Curve25519;  // there any 32 bytes are one
    own.private_key = SecretBytes(Bytes(private_size(group) + (is_curve25519 ? 1 : 0), 0));
    EXPECT_FALSE(dh_shared(own, peer.public_key));
  }
}

INSTANTIATE_TEST_SUITE_P(DiffieHellman, EveryGroup,
                         testing::Values(DhGroup::Modp1024, DhGroup::Modp1536, DhGroup::Modp2048,
                                         DhGroup::Modp3072, DhGroup::Modp4096, DhGroup::Ecp256,
                                         DhGroup::Ecp384, DhGroup::Ecp521, DhGroup::Curve25519));

}  // namespace
}  // namespace segw::crypto
