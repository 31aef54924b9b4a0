// The state of an engine goes on in another one, between any two messages.
#include <gtest/gtest.h>

#include <memory>

#include "ike/testing_engine.h"

namespace segw::ike::testing {
namespace {

using namespace std::chrono_literals;

// A pair of chassis of which one acts; after every answer the other takes over.
class TakeoverInTheMiddle : public ::testing::TestWithParam<IkeSuite> {
 protected:
  // Gives the request, checks that a retransmission at the successor gets the same bytes, and goes
  // on with the successor.
  Bytes step(const Bytes& request) {
    const Bytes answer = acting_->ask(request);
    take_over();
    EXPECT_FALSE(answer.empty());
    EXPECT_EQ(acting_->ask(request), answer);
    return answer;
  }
  void take_over() {
    GroupSettings settings = group_settings();
    settings.slot = slot_;
    slot_ = Slot{static_cast<uint8_t>(1 - slot_.value)};
    auto next = std::make_unique<Gateway>(*acting_, settings);
    before_ = std::move(acting_);
    acting_ = std::move(next);
  }
  Slot slot_{0};
  std::unique_ptr<Gateway> before_;
  std::unique_ptr<Gateway> acting_ = std::make_unique<Gateway>();
};

TEST_P(TakeoverInTheMiddle, EveryExchangeGoesOn) {
  Client client(GetParam());
  ASSERT_TRUE(client.take_init(step(client.init_request())));
  const auto auth = client.open(step(client.auth_request()));
  ASSERT_TRUE(auth);
  EXPECT_NE(Client::find<payload::Auth>(*auth), nullptr);
  EXPECT_TRUE(client.open(step(client.request(Exchange::Informational, {}))));
  const uint32_t first_child = client.child_spi;
  EXPECT_TRUE(client.open(step(client.rekey_child_request(first_child, Group::Ecp256))));
  EXPECT_TRUE(
      client.open(step(client.request(Exchange::Informational, delete_child(first_child)))));
  EXPECT_EQ(acting_->state.child_sas.size(), 1U);
  auto successor = client.successor(step(client.rekey_ike_request(0x7777)));
  ASSERT_TRUE(successor);
  EXPECT_TRUE(client.open(step(client.request(Exchange::Informational, delete_ike()))));
  EXPECT_TRUE(successor->open(step(successor->request(Exchange::Informational, {}))));
  EXPECT_EQ(acting_->standing(), 1U);
  EXPECT_EQ(acting_->state.child_sas.size(), 1U);
}

INSTANTIATE_TEST_SUITE_P(Ike, TakeoverInTheMiddle,
                         ::testing::Values(gcm_suite(Group::Curve25519), gcm_suite(Group::Modp2048),
                                           cbc_suite(Group::Ecp256)));

GroupSettings with_dpd_in(uint8_t slot) {
  GroupSettings settings = with_dpd();
  settings.slot = Slot{slot};
  return settings;
}

TEST(Takeover, AnUncommittedRequestIsUnknownToTheSuccessorAndDoneThere) {
  Gateway first;
  Client client;
  ASSERT_TRUE(client.connect(first));
  Gateway second(first, with_dpd_in(0));  // holds what was committed
  first.host.mode = RecordingHost::Commits::Lost;
  const Bytes request = client.rekey_child_request(client.child_spi);
  EXPECT_TRUE(first.ask(request).empty());
  EXPECT_TRUE(client.open(second.ask(request)));
  EXPECT_EQ(second.state.child_sas.size(), 2U);
}

TEST(Takeover, AfterAnUncleanOneNothingIsAskedOfAClientThatWasNotHeard) {
  Gateway first(with_dpd_in(1));
  Client client;
  ASSERT_TRUE(client.connect(first));
  Gateway second(first, with_dpd_in(0));
  EXPECT_TRUE(second.run_for(30min).empty());
  EXPECT_EQ(second.state.ike_sas.size(), 1U);
  EXPECT_FALSE(second.ask(client.request(Exchange::Informational, {})).empty());
  EXPECT_EQ(second.run_for(10s).size(), 1U);
}

TEST(Takeover, AfterAnUncleanOneWhatIsTooOldGoesWithoutAWord) {
  Gateway first;
  Client client;
  ASSERT_TRUE(client.connect(first));
  Gateway second(first, with_dpd_in(0));
  EXPECT_TRUE(second.run_for(2h).empty());
  EXPECT_TRUE(second.state.child_sas.empty());
  EXPECT_EQ(second.state.ike_sas.size(), 1U);
  EXPECT_TRUE(second.run_for(24h).empty());
  EXPECT_TRUE(second.state.ike_sas.empty());
  EXPECT_FALSE(second.host.committed.back().deleted_ike_sas.at(0).by_client);
}

// Found with strongSwan in a split: it sends by the oldest CHILD SA until that is deleted.
TEST(Takeover, AfterAnUncleanOneWhatIsToBeDeletedWaitsUntilTheClientIsHeard) {
  Gateway first;
  Client client;
  ASSERT_TRUE(client.connect(first));
  const Spi old = first.state.child_sas.begin()->first;
  first.state.child_sas.at(old).delete_after = 3min;
  Gateway second(first, with_dpd_in(0));
  EXPECT_TRUE(second.run_for(10min).empty());
  EXPECT_TRUE(second.state.child_sas.contains(old));
  second.engine->heard(second.only_ike().our_spi());
  second.run_for(1s);
  ASSERT_TRUE(second.only_ike().pending);
  EXPECT_EQ(second.only_ike().pending->kind, PendingRequest::Kind::DeleteChild);
}

TEST(Takeover, APendingRequestIsRepeatedWithTheSameBytes) {
  Gateway first(with_dpd_in(1));
  Client client;
  ASSERT_TRUE(client.connect(first));
  const auto sent = first.run_for(10s);
  ASSERT_EQ(sent.size(), 1U);
  Gateway second(first, with_dpd_in(0));
  second.engine->deactivate();
  second.engine->activate(true);
  const auto again = second.run_for(1s);
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again[0].message, sent[0].message);
  second.give(client.seal(Exchange::Informational, {}, 0, true));
  EXPECT_FALSE(second.only_ike().pending);
}

TEST(Takeover, ARenewedActivationUsesWhatWasNotYetCommitted) {
  Gateway gateway;
  Client client;
  ASSERT_TRUE(client.connect(gateway));
  gateway.host.mode = RecordingHost::Commits::Lost;
  const Bytes request = client.rekey_child_request(client.child_spi);
  EXPECT_TRUE(gateway.ask(request).empty());
  EXPECT_EQ(gateway.host.outbound.size(), 1U);
  gateway.host.mode = RecordingHost::Commits::AtOnce;
  gateway.engine->activate(true);
  EXPECT_EQ(gateway.host.outbound.size(), 2U);
  EXPECT_TRUE(client.open(gateway.ask(request)));
}

TEST(Takeover, TheSuccessorMarksItsSpisWithItsSlot) {
  Gateway first;
  Client client;
  ASSERT_TRUE(client.connect(first));
  Gateway second(first, with_dpd_in(0));
  ASSERT_TRUE(client.open(second.ask(client.rekey_child_request(client.child_spi))));
  std::set<uint32_t> slots;
  for (const auto& [spi, child] : second.state.child_sas) slots.insert(spi.value >> 30);
  EXPECT_EQ(slots, (std::set<uint32_t>{0, 1}));
}

TEST(Takeover, TheSameInputsGiveTheSameBytes) {
  const auto run = [] {
    Gateway gateway;
    Client client;
    std::vector<Bytes> answers;
    client.take_init(gateway.ask(client.init_request()));
    answers.push_back(client.init_response);
    answers.push_back(gateway.ask(client.auth_request()));
    answers.push_back(gateway.ask(client.rekey_child_request(client.child_spi)));
    return answers;
  };
  EXPECT_EQ(run(), run());
}

}  // namespace
}  // namespace segw::ike::testing
