// A clock that moves at each reading, as a real one does: what is due is found out with one reading
// and done with another (MISTAKES.md, "a clock that moves").
#include <gtest/gtest.h>

#include "ike/testing_engine.h"

namespace segw::ike::testing {
namespace {

using namespace std::chrono_literals;

class MovingClock : public ::testing::Test {
 protected:
  void start(GroupSettings settings = group_settings()) {
    gateway_ = std::make_unique<Gateway>(std::move(settings));
    gateway_->fake.clock.step_ = 3us;
  }
  void connect(GroupSettings settings = group_settings()) {
    start(std::move(settings));
    ASSERT_TRUE(client_.connect(*gateway_));
  }
  // The payloads of the first message that is sent in this time.
  std::optional<std::vector<Payload>> asked_within(Duration span) {
    const auto sent = gateway_->run_for(span);
    return sent.empty() ? std::nullopt : client_.open(sent.front().message);
  }

  std::unique_ptr<Gateway> gateway_;
  Client client_;
};

TEST_F(MovingClock, LivenessIsAskedInItsTime) {
  connect(with_dpd());
  EXPECT_TRUE(gateway_->run_for(9s).empty());
  EXPECT_EQ(gateway_->run_for(1100ms).size(), 1U);
}

TEST_F(MovingClock, ASilentClientIsGivenUp) {
  connect(with_dpd());
  EXPECT_EQ(gateway_->run_for(60s).size(), 3U) << "once, and repeated twice";
  EXPECT_TRUE(gateway_->state.ike_sas.empty());
}

TEST_F(MovingClock, AChildSaEndsWithItsLifetime) {
  connect();
  EXPECT_TRUE(gateway_->run_for(1h - 1s).empty());
  const auto asked = asked_within(2s);
  ASSERT_TRUE(asked);
  EXPECT_NE(Client::find<payload::Delete>(*asked), nullptr);
}

TEST_F(MovingClock, ARekeyOfOursIsBegun) {
  GroupSettings settings = group_settings();
  settings.responder_only = false;
  connect(settings);
  EXPECT_TRUE(gateway_->run_for(50min).empty());
  const auto asked = asked_within(8min);
  ASSERT_TRUE(asked);
  EXPECT_NE(Client::find_notify(*asked, NotifyType::RekeySa), nullptr);
}

TEST_F(MovingClock, WhatTheOperatorAsksForIsDoneAtOnce) {
  connect();
  gateway_->host.sent.clear();
  gateway_->engine->rekey_child(gateway_->state.child_sas.begin()->first);
  ASSERT_FALSE(gateway_->host.sent.empty() && gateway_->run_for(200ms).empty());
}

TEST_F(MovingClock, AHalfOpenSaIsForgotten) {
  start();
  ASSERT_TRUE(client_.take_init(gateway_->ask(client_.init_request())));
  gateway_->run_for(31s);
  EXPECT_TRUE(gateway_->state.ike_sas.empty());
}

TEST_F(MovingClock, AClosedIkeSaIsForgotten) {
  connect();
  gateway_->ask(client_.request(Exchange::Informational, delete_ike()));
  EXPECT_EQ(gateway_->state.ike_sas.size(), 1U);
  gateway_->run_for(61s);
  EXPECT_TRUE(gateway_->state.ike_sas.empty());
}

TEST_F(MovingClock, ATunnelIsBegunAndBegunAgain) {
  start(begun_by_us());
  EXPECT_GE(gateway_->run_for(1s).size(), 1U);
  gateway_->run_for(60s);
  EXPECT_GE(gateway_->engine->counters().get("set-ups-begun"), 2U);
}

}  // namespace
}  // namespace segw::ike::testing
