#include "esp/cipher.h"

#include <gtest/gtest.h>

#include "esp/testing_suites.h"

namespace segw::esp {
namespace {

class EverySuite : public ::testing::TestWithParam<Suite> {
 protected:
  Bytes packet(size_t plain_blocks) {
    const Suite& suite = GetParam();
    Bytes bytes(kHeaderSize + iv_size(suite) + plain_blocks * block_size(suite) + icv_size(suite),
                0);
    for (size_t i = 0; i < bytes.size() - icv_size(suite); ++i)
      bytes[i] = static_cast<uint8_t>(i * 7);
    return bytes;
  }
  SecretBytes key() {
    SecretBytes key(key_size(GetParam()));
    for (size_t i = 0; i < key.size(); ++i) key.writable()[i] = static_cast<uint8_t>(i);
    return key;
  }
};

TEST_P(EverySuite, BothBackendsSealTheSameBytesAndOpenEachOthers) {
  const auto openssl = make_openssl_backend();
  const auto fast = make_backend();
  const auto a = openssl->make(GetParam(), key());
  const auto b = fast->make(GetParam(), key());
  ASSERT_TRUE(a && b);
  for (const size_t blocks : {1U, 2U, 5U, 90U}) {
    const Bytes plain = packet(blocks);
    Bytes from_a = plain;
    Bytes from_b = plain;
    a->seal(from_a, 9);
    b->seal(from_b, 9);
    EXPECT_EQ(from_a, from_b) << fast->name();
    Bytes opened = from_a;
    EXPECT_TRUE(b->open(opened, 9));
    opened.resize(opened.size() - icv_size(GetParam()));
    EXPECT_TRUE(std::equal(opened.begin(), opened.end(), plain.begin()));
  }
}

TEST_P(EverySuite, RefusesEveryFlippedByteAndEveryTruncation) {
  for (const auto& backend : {make_openssl_backend(), make_backend()}) {
    const auto cipher = backend->make(GetParam(), key());
    Bytes sealed = packet(3);
    cipher->seal(sealed, 1);
    for (size_t at = 0; at < sealed.size(); ++at) {
      Bytes damaged = sealed;
      damaged[at] ^= 0x40;
      EXPECT_FALSE(cipher->open(damaged, 1)) << at;
      Bytes cut(sealed.begin(), sealed.begin() + static_cast<long>(at));
      EXPECT_FALSE(cipher->open(cut, 1)) << at;
    }
    Bytes other_high = sealed;
    EXPECT_EQ(cipher->open(other_high, 2), !GetParam().extended_sequence_numbers);
  }
}

TEST_P(EverySuite, RefusesAKeyOfTheWrongSize) {
  for (const auto& backend : {make_openssl_backend(), make_backend()}) {
    EXPECT_EQ(backend->make(GetParam(), SecretBytes(key().size() - 1)), nullptr);
    EXPECT_EQ(backend->make(GetParam(), SecretBytes()), nullptr);
  }
}

INSTANTIATE_TEST_SUITE_P(Cipher, EverySuite, ::testing::ValuesIn(testing::every_suite()),
                         testing::name_of);

TEST(Suites, AreAsManyAsTheTablesGive) {
  // NULL and three sizes of CBC with five integrity algorithms, three tags of GCM with three sizes,
  // ChaCha20; twice.
  EXPECT_EQ(testing::every_suite().size(), 2U * ((1 + 3) * 5 + 3 * 3 + 1));
}

}  // namespace
}  // namespace segw::esp
