// Redundancy rule 18: "a response that does not fit the pending request is dropped and counted".
#include <gtest/gtest.h>

#include "ike/testing_extras.h"

namespace segw::ike::testing {
namespace {

using namespace std::chrono_literals;

// The chassis before us asked for another exchange under the same message ID, and the client
// repeats the answer to that.
class OtherExchange : public ::testing::Test {
 protected:
  OtherExchange() { EXPECT_TRUE(client_.connect(gateway_)); }
  std::vector<Datagram> answer_with(Exchange exchange) {
    return gateway_.give(client_.seal(exchange, {}, gateway_.only_ike().pending->message_id, true));
  }
  [[nodiscard]] uint64_t dropped() const {
    return gateway_.engine->counters().get("response-other-exchange");
  }

  Gateway gateway_;
  Client client_;
};

TEST_F(OtherExchange, DoesNotConfirmADeleteOfTheIkeSa) {
  gateway_.engine->delete_ike(gateway_.only_ike().our_spi());
  answer_with(Exchange::CreateChildSa);
  EXPECT_EQ(dropped(), 1U);
  EXPECT_EQ(gateway_.state.ike_sas.size(), 1U);
  EXPECT_TRUE(gateway_.only_ike().pending);
  answer_with(Exchange::Informational);
  EXPECT_TRUE(gateway_.state.ike_sas.empty());
}

TEST_F(OtherExchange, DoesNotConfirmADeleteOfAChildSa) {
  gateway_.engine->delete_child(gateway_.state.child_sas.begin()->first);
  answer_with(Exchange::CreateChildSa);
  EXPECT_EQ(dropped(), 1U);
  EXPECT_EQ(gateway_.state.child_sas.size(), 1U);
  answer_with(Exchange::Informational);
  EXPECT_TRUE(gateway_.state.child_sas.empty());
}

// In a split another chassis had it delete something else under this ID; it says again what it
// said.
TEST_F(OtherExchange, OfAnotherDeleteDoesNotConfirmThisOne) {
  const Spi spi = gateway_.state.child_sas.begin()->first;
  const Spi paired = gateway_.state.child_sas.begin()->second.outbound_spi;
  gateway_.engine->delete_child(spi);
  const uint32_t first = gateway_.only_ike().pending->message_id;
  gateway_.give(client_.seal(Exchange::Informational, delete_child(paired.value + 1), first, true));
  EXPECT_EQ(gateway_.engine->counters().get("response-other-delete"), 1U);
  EXPECT_TRUE(gateway_.state.child_sas.contains(spi));
  ASSERT_TRUE(gateway_.only_ike().pending) << "asked again";
  EXPECT_EQ(gateway_.only_ike().pending->message_id, first + 1);
  gateway_.give(client_.seal(Exchange::Informational, delete_child(paired.value), first + 1, true));
  EXPECT_TRUE(gateway_.state.child_sas.empty());
}

// The client will never look at that number again.
TEST_F(OtherExchange, LeavesTheDeleteToTheNextNumber) {
  gateway_.engine->delete_ike(gateway_.only_ike().our_spi());
  const uint32_t first = gateway_.only_ike().pending->message_id;
  const auto sent = answer_with(Exchange::CreateChildSa);
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(decode_header(sent[0].message)->message_id, first + 1);
}

TEST_F(OtherExchange, PutsARekeyOff) {
  gateway_.engine->rekey_child(gateway_.state.child_sas.begin()->first);
  const uint32_t first = gateway_.only_ike().pending->message_id;
  EXPECT_TRUE(answer_with(Exchange::Informational).empty()) << "not at once";
  EXPECT_EQ(dropped(), 1U);
  EXPECT_FALSE(gateway_.only_ike().pending);
  for (int i = 0; i < 300 && !gateway_.only_ike().pending; ++i) gateway_.run_for(1s);
  ASSERT_TRUE(gateway_.only_ike().pending);
  EXPECT_EQ(gateway_.only_ike().pending->message_id, first + 1);
}

TEST_F(OtherExchange, IsASignOfLifeAndNoAnswer) {
  Gateway other(gateway_, group_settings());
  other.engine->heard(other.only_ike().our_spi());
  other.engine->ask_liveness(other.only_ike().our_spi());
  const uint32_t first = other.only_ike().pending->message_id;
  other.give(client_.seal(Exchange::CreateChildSa, {}, first, true));
  EXPECT_EQ(other.engine->counters().get("response-other-exchange"), 1U);
  EXPECT_FALSE(other.only_ike().pending);
  other.engine->ask_liveness(other.only_ike().our_spi());
  ASSERT_TRUE(other.only_ike().pending);
  EXPECT_EQ(other.only_ike().pending->message_id, first + 1);
}

TEST(OtherExchangeInParts, ConfirmsNoDeleteEither) {
  GroupSettings settings = group_settings();
  settings.tunnels[0].options.fragments = FragmentSettings{};
  Gateway gateway(settings);
  ChattyClient client;
  client.init_more = {notify(NotifyType::FragmentationSupported)};
  ASSERT_TRUE(client.connect(gateway));
  gateway.engine->delete_ike(gateway.only_ike().our_spi());
  const uint32_t id = gateway.only_ike().pending->message_id;
  for (const Bytes& part : client.in_parts(
           Exchange::CreateChildSa, {notify(NotifyType::Cookie, Bytes(900, 1))}, id, 600, true)) {
    gateway.give(part);
  }
  EXPECT_EQ(gateway.engine->counters().get("response-other-exchange"), 1U);
  ASSERT_EQ(gateway.state.ike_sas.size(), 1U);
  ASSERT_TRUE(gateway.only_ike().pending);
  EXPECT_EQ(gateway.only_ike().pending->message_id, id + 1);
}

// However many numbers there are, counters are few.
TEST(RefusalNumbers, ThatNobodyKnowsAreCountedTogether) {
  Gateway gateway;
  Client client;
  ASSERT_TRUE(client.connect(gateway));
  const std::vector<std::pair<uint16_t, const char*>> refusals{{999, "child-refused-other"},
                                                               {16383, "child-refused-other"},
                                                               {45, "child-refused-other"},
                                                               {14, "child-refused-14"}};
  uint64_t others = 0;
  for (const auto& [type, counter] : refusals) {
    gateway.engine->rekey_child(gateway.state.child_sas.begin()->first);
    for (int i = 0; i < 300 && !gateway.only_ike().pending; ++i) gateway.run_for(1s);  // backs off
    payload::Notify refusal;
    refusal.type = type;
    ASSERT_TRUE(gateway.only_ike().pending);
    gateway.give(client.seal(Exchange::CreateChildSa, {refusal},
                             gateway.only_ike().pending->message_id, true));
    others += type == 14 ? 0 : 1;
    EXPECT_EQ(gateway.engine->counters().get(counter), type == 14 ? 1U : others);
  }
}

}  // namespace
}  // namespace segw::ike::testing
