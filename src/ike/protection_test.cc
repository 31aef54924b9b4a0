#include "ike/protection.h"

#include <gtest/gtest.h>

#include "ike/testing.h"
#include "ike/testing_suites.h"

namespace segw::ike {
namespace {

class Protection : public ::testing::TestWithParam<IkeSuite> {
 protected:
  Protection() {
    const SecretBytes shared(Bytes(32, 5));
    keys_ = derive_keys(GetParam(), shared, {.initiator = Bytes(32, 1), .responder = Bytes(32, 2)},
                        {.initiator = IkeSpi{1}, .responder = IkeSpi{2}});
  }
  Bytes sealed(const std::vector<Payload>& payloads, uint64_t iv = 7) {
    return protect(header_, payloads, GetParam(), keys_, Direction::FromInitiator, iv, rng_);
  }
  wire::Decoded<Plain> opened(const Bytes& message, Direction from = Direction::FromInitiator) {
    Header header = header_;
    header.next_payload = message.size() > 16 ? message[16] : uint8_t{46};
    return unprotect(message, header, GetParam(), keys_, from);
  }
  Header header_{.initiator = IkeSpi{1},
                 .responder = IkeSpi{2},
                 .exchange = static_cast<uint8_t>(Exchange::Informational),
                 .from_initiator = true,
                 .message_id = 3};
  IkeKeys keys_;
  platform::testing::FakeRng rng_;
};

TEST_P(Protection, OpensWhatItSealed) {
  for (size_t size = 0; size < 40; ++size) {
    const std::vector<Payload> payloads{
        payload::Other{.type = 43, .critical = false, .body = Bytes(size, 1)}};
    const Bytes message = sealed(payloads);
    ASSERT_TRUE(decode_header(message));
    const auto plain = opened(message);
    ASSERT_TRUE(plain) << plain.error().field;
    EXPECT_EQ(plain->first, 43);
    EXPECT_EQ(plain->bytes, encode_payloads(payloads).bytes);
  }
}

TEST_P(Protection, AnEmptyMessageIsProtectedToo) {
  const auto plain = opened(sealed({}));
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->first, 0);
  EXPECT_TRUE(plain->bytes.empty());
}

TEST_P(Protection, EveryFlippedByteIsFound) {
  const Bytes message = sealed({notify(NotifyType::InitialContact)});
  for (size_t at = 0; at < message.size(); ++at) {
    Bytes changed = message;
    changed[at] ^= 0x10;
    EXPECT_FALSE(opened(changed)) << "byte " << at;
  }
}

TEST_P(Protection, EveryTruncationIsFound) {
  const Bytes message = sealed({notify(NotifyType::InitialContact)});
  for (size_t size = 0; size < message.size(); ++size) {
    EXPECT_FALSE(opened(Bytes(message.begin(), message.begin() + static_cast<long>(size)))) << size;
  }
}

// The payload's length agrees with what is there, so only the checks of its inside can refuse it.
TEST_P(Protection, EveryTruncationWithAFittingLengthIsFound) {
  const Bytes message = sealed({notify(NotifyType::InitialContact)});
  for (size_t size = kHeaderSize + 4; size < message.size(); ++size) {
    Bytes cut(message.begin(), message.begin() + static_cast<long>(size));
    cut[kHeaderSize + 2] = 0;
    cut[kHeaderSize + 3] = static_cast<uint8_t>(size - kHeaderSize);
    EXPECT_FALSE(opened(cut)) << size;
  }
}

TEST_P(Protection, AMessageOfTheOtherDirectionIsNotAuthentic) {
  const auto plain = opened(sealed({}), Direction::FromResponder);
  ASSERT_FALSE(plain);
  EXPECT_EQ(plain.error().field, "integrity");
}

TEST_P(Protection, WhatIsNotEncryptedIsRefused) {
  const Bytes clear = encode_message(header_, {notify(NotifyType::InitialContact)});
  EXPECT_EQ(opened(clear).error().field, "not-encrypted");
}

TEST_P(Protection, MissingKeysRefuseEverything) {
  const Bytes message = sealed({});
  keys_ = {};
  EXPECT_FALSE(opened(message));
}

INSTANTIATE_TEST_SUITE_P(Ike, Protection, ::testing::ValuesIn(testing::every_suite()),
                         testing::name_of_suite);

// RFC 7634 appendix B: an INFORMATIONAL request with a notification.
TEST(ProtectionAnswers, ChaCha20Poly1305AgreesWithRfc7634) {
  IkeSuite suite = testing::gcm_suite();
  suite.encryption = esp::Encryption::ChaCha20Poly1305;
  IkeKeys keys;
  Bytes key;
  for (uint8_t byte = 0x80; byte < 0xA4; ++byte) key.push_back(byte);  // 32 bytes and the salt
  keys.sk_ei = keys.sk_er = SecretBytes(key);
  const Header header{.initiator = IkeSpi{0xc0c1c2c3c4c5c6c7},
                      .responder = IkeSpi{0xd0d1d2d3d4d5d6d7},
                      .exchange = static_cast<uint8_t>(Exchange::Informational),
                      .from_initiator = false,
                      .message_id = 9};
  constexpr auto kSetWindowSize = static_cast<NotifyType>(16385);
  platform::testing::FakeRng rng;
  const Bytes message = protect(header, {notify(kSetWindowSize, {0, 0, 0, 10})}, suite, keys,
                                Direction::FromResponder, 0x1011121314151617, rng);
  EXPECT_EQ(to_hex(message),
            "c0c1c2c3c4c5c6c7d0d1d2d3d4d5d6d72e20250000000009000000452900002910111213141516176103"
            "94701f8d017f7c129248896b71bfe25236efd7cdc67066906315b2");
}

TEST(ProtectionIv, GcmPutsTheGivenNumberIntoTheMessage) {
  const IkeSuite suite = testing::gcm_suite();
  platform::testing::FakeRng rng;
  const IkeKeys keys = derive_keys(suite, SecretBytes(Bytes(32, 5)),
                                   {.initiator = Bytes(32, 1), .responder = Bytes(32, 2)}, {});
  const Bytes message = protect({.initiator = IkeSpi{1}}, {}, suite, keys, Direction::FromResponder,
                                0x0102030405060708, rng);
  const Bytes iv(message.begin() + kHeaderSize + 4, message.begin() + kHeaderSize + 12);
  EXPECT_EQ(iv, (Bytes{1, 2, 3, 4, 5, 6, 7, 8}));
}

TEST(ProtectionIv, CbcDrawsANewOneForEachMessage) {
  const IkeSuite suite = testing::cbc_suite();
  platform::testing::FakeRng rng;
  const IkeKeys keys = derive_keys(suite, SecretBytes(Bytes(32, 5)),
                                   {.initiator = Bytes(32, 1), .responder = Bytes(32, 2)}, {});
  const Header header{.initiator = IkeSpi{1}};
  const Bytes first = protect(header, {}, suite, keys, Direction::FromInitiator, 1, rng);
  const Bytes second = protect(header, {}, suite, keys, Direction::FromInitiator, 1, rng);
  EXPECT_NE(first, second);
}

}  // namespace
}  // namespace segw::ike
