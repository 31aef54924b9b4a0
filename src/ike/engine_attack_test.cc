// When there is an attack, with the Diffie-Hellman of those who begin at the workers.
#include <gtest/gtest.h>

#include "ike/testing_engine.h"

namespace segw::ike {
namespace {

using namespace std::chrono_literals;
using testing::Client;
using testing::Gateway;
using testing::with_cookies_above;

constexpr size_t kCookieSize = 36;

class Attack : public ::testing::Test {
 protected:
  // One more client, with a cookie if it is asked for one.
  void begin(Gateway& gateway, uint16_t port = 500) {
    Client client;
    client.spi = IkeSpi{next_++};
    const Endpoint at = testing::client_at(port);
    const auto sent = gateway.give(client.init_request(), at);
    if (sent.size() != 1 || !testing::refused_init(sent[0].message, NotifyType::Cookie)) return;
    client.cookie = Bytes(sent[0].message.end() - kCookieSize, sent[0].message.end());
    gateway.give(client.init_request(), at);
  }
  static uint64_t count(Gateway& gateway, std::string_view what) {
    return gateway.engine->counters().get(what);
  }
  uint64_t next_ = 0x100;
};

TEST_F(Attack, BeginsOnceHoweverManyAreWithTheWorkers) {
  Gateway gateway(with_cookies_above(8));
  for (int i = 0; i < 4; ++i) begin(gateway);
  gateway.fake.workers.held = true;
  for (int i = 0; i < 4; ++i) begin(gateway);
  EXPECT_EQ(count(gateway, "attacks-begun"), 1U) << "they are about to be half-open";
  gateway.fake.workers.finish();
  EXPECT_EQ(gateway.state.ike_sas.size(), 8U);
  EXPECT_EQ(count(gateway, "attacks-begun"), 1U);
}

TEST_F(Attack, BeginsWithThoseThatAreWithTheWorkersOnly) {
  Gateway gateway(with_cookies_above(4));
  begin(gateway);
  begin(gateway);
  gateway.run_for(500ms);
  gateway.fake.workers.held = true;
  for (int i = 0; i < 4; ++i) begin(gateway);
  gateway.fake.workers.finish();
  EXPECT_EQ(count(gateway, "attacks-begun"), 1U);
  gateway.run_for(3s);
  for (const auto& [spi, sa] : gateway.state.ike_sas) {
    EXPECT_GT(sa.initiator_spi, IkeSpi{0x101}) << "those that stood live less long, too";
  }
}

TEST_F(Attack, OfOneAddressWhatIsWithTheWorkersAndInTheQueueCounts) {
  Gateway gateway(with_cookies_above(0));
  gateway.fake.workers.held = true;
  for (uint16_t i = 0; i < 200; ++i) begin(gateway, static_cast<uint16_t>(1000 + i));
  for (int i = 0; i < 200; ++i) {
    gateway.fake.workers.finish();
    gateway.run_for(1ms);
  }
  EXPECT_EQ(count(gateway, "half-open-made"), 16U);
}

}  // namespace
}  // namespace segw::ike
