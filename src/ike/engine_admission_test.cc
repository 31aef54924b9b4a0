// Who may begin an IKE SA: cookies, limits of one address, the queue, lock-out.
#include <gtest/gtest.h>

#include "ike/testing_engine.h"

namespace segw::ike::testing {
namespace {

using namespace std::chrono_literals;

constexpr size_t kCookieSize = 36;

GroupSettings attacked() {
  GroupSettings settings = with_cookies_above(0);
  settings.cookie_keys = {SecretBytes(Bytes(32, 4))};
  return settings;
}

// The request with the cookie that the gateway wants.
Bytes with_cookie(Gateway& gateway, Client& client) {
  const Bytes asked = gateway.ask(client.init_request());
  EXPECT_TRUE(refused_init(asked, NotifyType::Cookie));
  client.cookie = Bytes(asked.end() - kCookieSize, asked.end());
  return client.init_request();
}

TEST(Admission, ACookieOfOneChassisIsHonouredByTheOther) {
  Gateway one(attacked());
  Gateway other(attacked());
  Client client;
  const Bytes request = with_cookie(one, client);
  EXPECT_FALSE(refused_init(other.ask(request), NotifyType::Cookie));
  EXPECT_EQ(other.state.ike_sas.size(), 1U);
}

TEST(Admission, ACookieIsForItsNonceAndItsAddressOnly) {
  Gateway gateway(attacked());
  Client client;
  with_cookie(gateway, client);
  client.nonce[0] ^= 1;
  EXPECT_TRUE(refused_init(gateway.ask(client.init_request()), NotifyType::Cookie));
  EXPECT_TRUE(gateway.state.ike_sas.empty());
}

TEST(Admission, UnderAttackWhatIsMalformedIsNotAnswered) {
  Gateway gateway(attacked());
  Client client;
  Bytes request = client.init_request();
  request[kHeaderSize + 3] = 1;  // a payload shorter than its header
  EXPECT_TRUE(gateway.give(request).empty());
  EXPECT_EQ(gateway.engine->counters().get("init-malformed-under-attack"), 1U);
}

TEST(Admission, UnderAttackAFewBeginAtATimeAndTheOthersWait) {
  Gateway gateway(attacked());
  std::vector<Client> clients(10);
  size_t at_once = 0;
  for (size_t i = 0; i < clients.size(); ++i) {
    clients[i].spi = IkeSpi{0x100 + i};
    at_once += gateway.give(with_cookie(gateway, clients[i])).size();
  }
  EXPECT_EQ(at_once, 4U);
  EXPECT_EQ(gateway.run_for(1ms).size(), 4U);
  EXPECT_EQ(gateway.run_for(1ms).size(), 2U);
  EXPECT_EQ(gateway.state.ike_sas.size(), clients.size());
}

TEST(Admission, ARepetitionOfWhatWaitsMakesNoSecondIkeSa) {
  Gateway gateway(attacked());
  std::vector<Client> clients(5);
  Bytes last;
  for (size_t i = 0; i < clients.size(); ++i) {
    clients[i].spi = IkeSpi{0x100 + i};
    last = with_cookie(gateway, clients[i]);
    gateway.give(last);
  }
  gateway.give(last);
  gateway.run_for(5ms);
  EXPECT_EQ(gateway.state.ike_sas.size(), clients.size());
}

TEST(Admission, TheQueueIsBounded) {
  Gateway gateway(attacked());
  for (uint64_t i = 0; i < 400; ++i) {
    Client client = client_with(0x100 + i);
    gateway.give(with_cookie(gateway, client));
  }
  EXPECT_EQ(gateway.engine->counters().get("inits-queued"), 256U);
  EXPECT_EQ(gateway.engine->counters().get("init-queue-full"), 400U - 256 - 4);
}

TEST(Admission, UnderAttackOneAddressHasFewHalfOpen) {
  Gateway gateway(attacked());
  for (uint64_t i = 0; i < 30; ++i) {
    Client client = client_with(0x100 + i);
    gateway.give(with_cookie(gateway, client));
    gateway.run_for(1ms);
  }
  EXPECT_EQ(gateway.state.ike_sas.size(), 16U);
  EXPECT_EQ(gateway.engine->counters().get("init-too-many-of-one-address"), 14U);
}

TEST(Admission, WhenAnAttackBeginsHalfOpenOnesLiveLessLong) {
  Gateway gateway(with_cookies_above(3));
  for (uint64_t i = 0; i < 2; ++i) gateway.ask(client_with(0x100 + i).init_request());
  gateway.run_for(3s);
  EXPECT_EQ(gateway.state.ike_sas.size(), 2U) << "no attack: 30 s";
  Client client;
  gateway.ask(client.init_request());
  EXPECT_EQ(gateway.engine->counters().get("attacks-begun"), 1U);
  gateway.run_for(200ms);
  EXPECT_LT(gateway.state.ike_sas.size(), 3U);
}

TEST(Admission, AnAttackDoesNotShortenTheirLifeWhereThatIsNotConfigured) {
  GroupSettings settings = attacked();
  settings.tunnels[0].options.reduced_exchange_timeout.reset();
  Gateway gateway(settings);
  Client client;
  gateway.give(with_cookie(gateway, client));
  gateway.run_for(29s);
  EXPECT_EQ(gateway.state.ike_sas.size(), 1U);
}

TEST(Admission, WhoIsEstablishedIsServedUnderAttack) {
  Gateway gateway(with_cookies_above(1));
  Client stands;
  ASSERT_TRUE(stands.connect(gateway));
  for (uint64_t i = 0; i < 300; ++i) gateway.give(client_with(0x100 + i).init_request());
  EXPECT_TRUE(stands.open(gateway.ask(stands.request(Exchange::Informational, {}))));
}

class LockedOut : public ::testing::Test {
 protected:
  LockedOut() : gateway_(settings()) {}
  static GroupSettings settings() {
    GroupSettings group = group_settings();
    group.tunnels[0].options.lockout.emplace();
    return group;
  }
  void fail() {
    Client client = client_with(++spi_);
    client.pre_shared_key = secret("wrong");
    EXPECT_FALSE(client.connect(gateway_));
  }
  uint64_t spi_ = 0x100;
  Gateway gateway_;
};

TEST_F(LockedOut, AfterThreeFailuresNothingOfAClientIsAnswered) {
  for (int i = 0; i < 3; ++i) fail();
  EXPECT_EQ(gateway_.engine->counters().get("lockouts"), 1U);
  Client honest;
  EXPECT_TRUE(gateway_.give(honest.init_request()).empty());
  EXPECT_EQ(gateway_.engine->counters().get("locked-out"), 1U);
  gateway_.run_for(10min);
  EXPECT_TRUE(honest.connect(gateway_));
}

TEST_F(LockedOut, ASuccessInBetweenBeginsTheCountAnew) {
  for (int i = 0; i < 5; ++i) {
    fail();
    fail();
    Client honest = client_with(++spi_);
    EXPECT_TRUE(honest.connect(gateway_));
  }
  EXPECT_EQ(gateway_.engine->counters().get("lockouts"), 0U);
}

TEST_F(LockedOut, AnEstablishedClientIsServedOn) {
  Client stands;
  ASSERT_TRUE(stands.connect(gateway_));
  for (int i = 0; i < 3; ++i) fail();
  EXPECT_TRUE(stands.open(gateway_.ask(stands.request(Exchange::Informational, {}))));
}

}  // namespace
}  // namespace segw::ike::testing
