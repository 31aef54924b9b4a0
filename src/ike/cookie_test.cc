#include "ike/cookie.h"

#include <gtest/gtest.h>

#include "ike/testing.h"

namespace segw::ike {
namespace {

class Cookies : public ::testing::Test {
 protected:
  [[nodiscard]] CookieFor whom() const {
    return {.nonce = nonce_, .address = address_, .initiator = spi_};
  }
  [[nodiscard]] bool holds(const Bytes& cookie) const {
    return cookie_holds(key_, whom(), cookie, now_);
  }
  SecretBytes key_{Bytes(32, 1)};
  Bytes nonce_ = Bytes(32, 2);
  IpAddress address_ = testing::address("192.0.2.1");
  IkeSpi spi_{3};
  WallTime now_{std::chrono::hours(480000)};
};

TEST_F(Cookies, AreHonouredByWhoeverHasTheKey) {
  const Bytes cookie = make_cookie(key_, whom(), now_);
  EXPECT_LE(cookie.size(), 64U) << "RFC 7296 2.6: between 1 and 64 octets";
  EXPECT_TRUE(holds(cookie));
  key_ = SecretBytes(Bytes(32, 9));
  EXPECT_FALSE(holds(cookie));
}

TEST_F(Cookies, AreForOneNonceOneAddressAndOneSpi) {
  const Bytes cookie = make_cookie(key_, whom(), now_);
  nonce_[5] ^= 1;
  EXPECT_FALSE(holds(cookie));
  nonce_[5] ^= 1;
  address_ = testing::address("192.0.2.2");
  EXPECT_FALSE(holds(cookie));
  address_ = testing::address("192.0.2.1");
  spi_ = IkeSpi{4};
  EXPECT_FALSE(holds(cookie));
  spi_ = IkeSpi{3};
  EXPECT_TRUE(holds(cookie));
}

TEST_F(Cookies, LiveForOneEpochOrTwo) {
  const Bytes cookie = make_cookie(key_, whom(), now_);
  const WallTime made = now_;
  now_ = made + kCookieEpoch;
  EXPECT_TRUE(holds(cookie));
  now_ = made + 2 * kCookieEpoch;
  EXPECT_FALSE(holds(cookie));
  now_ = made - kCookieEpoch;
  EXPECT_TRUE(holds(cookie)) << "the other chassis' clock is ahead";
  now_ = made - 2 * kCookieEpoch;
  EXPECT_FALSE(holds(cookie));
}

TEST_F(Cookies, OfAnotherEpochHaveAnotherSecret) {
  Bytes cookie = make_cookie(key_, whom(), now_);
  cookie[3] -= 1;  // says the epoch before, with this one's MAC
  EXPECT_FALSE(holds(cookie));
}

TEST_F(Cookies, EveryTruncationAndEveryFlippedByteIsRefused) {
  const Bytes cookie = make_cookie(key_, whom(), now_);
  for (size_t size = 0; size < cookie.size(); ++size) {
    EXPECT_FALSE(holds(Bytes(cookie.begin(), cookie.begin() + static_cast<long>(size))));
    Bytes changed = cookie;
    changed[size] ^= 0x40;
    EXPECT_FALSE(holds(changed)) << size;
  }
}

class Peek : public ::testing::Test {
 protected:
  std::optional<InitPeek> peek(const std::vector<Payload>& payloads) {
    chain_ = encode_payloads(payloads);
    return peek_init(chain_.first, chain_.bytes);
  }
  Chain chain_;
  Bytes nonce_ = Bytes(32, 7);
  Bytes cookie_ = Bytes(36, 8);
};

TEST_F(Peek, FindsNonceAndCookieWhereverTheyAre) {
  const auto found =
      peek({notify(NotifyType::InitialContact), notify(NotifyType::Cookie, cookie_),
            payload::Ke{.group = 31, .data = Bytes(32, 1)}, payload::Nonce{.data = nonce_}});
  ASSERT_TRUE(found);
  EXPECT_EQ(to_bytes(found->nonce), nonce_);
  EXPECT_EQ(to_bytes(found->cookie), cookie_);
}

TEST_F(Peek, ACookieNeedNotBeThere) {
  const auto found = peek({payload::Nonce{.data = nonce_}});
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->cookie.empty());
}

TEST_F(Peek, RefusesWhatTheDecoderWouldRefuse) {
  EXPECT_FALSE(peek({notify(NotifyType::Cookie, cookie_)})) << "no nonce";
  EXPECT_FALSE(peek({payload::Nonce{.data = Bytes(15, 1)}}));
  EXPECT_FALSE(peek({payload::Nonce{.data = Bytes(257, 1)}}));
  EXPECT_FALSE(peek({notify(NotifyType::Cookie, Bytes(65, 1)), payload::Nonce{.data = nonce_}}));
  EXPECT_FALSE(peek({}));
  const std::vector<Payload> many(kPayloadsMax + 1, payload::Nonce{.data = nonce_});
  EXPECT_FALSE(peek(many));
}

TEST_F(Peek, EveryTruncationAndATrailingByteAreRefused) {
  peek({notify(NotifyType::Cookie, cookie_), payload::Nonce{.data = nonce_}});
  for (size_t size = 0; size < chain_.bytes.size(); ++size) {
    EXPECT_FALSE(peek_init(chain_.first, ByteView(chain_.bytes).first(size))) << size;
  }
  chain_.bytes.push_back(0);
  EXPECT_FALSE(peek_init(chain_.first, chain_.bytes));
}

}  // namespace
}  // namespace segw::ike
