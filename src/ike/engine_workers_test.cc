// Diffie-Hellman and proofs of who is who are done by workers: what may come between a job and its
// end.
#include <gtest/gtest.h>

#include "ike/engine.h"
#include "ike/testing_engine.h"

namespace segw::ike::testing {
namespace {

using namespace std::chrono_literals;

struct Held : Gateway {
  explicit Held(GroupSettings settings = group_settings()) : Gateway(std::move(settings)) {
    fake.workers.held = true;
  }
  // What is sent when the workers are done.
  std::vector<Datagram> finish() {
    host.sent.clear();
    fake.workers.finish();
    return std::exchange(host.sent, {});
  }
  [[nodiscard]] uint64_t count(std::string_view name) const { return engine->counters().get(name); }
};

// A client whose IKE_SA_INIT is done and whose IKE_AUTH is with the workers.
Client proving(Held& gateway) {
  Client client;
  gateway.ask(client.init_request());
  const auto answer = gateway.finish();
  EXPECT_TRUE(answer.size() == 1 && client.take_init(answer[0].message));
  gateway.give(client.auth_request());
  EXPECT_EQ(gateway.fake.workers.waiting(), 1U);
  return client;
}

TEST(IkeWorkers, AnInitIsAnsweredWhenItsDiffieHellmanIsDone) {
  Held gateway;
  Client client;
  EXPECT_TRUE(gateway.give(client.init_request()).empty());
  EXPECT_TRUE(gateway.state.ike_sas.empty());
  const auto answer = gateway.finish();
  ASSERT_EQ(answer.size(), 1U);
  EXPECT_TRUE(client.take_init(answer[0].message));
}

TEST(IkeWorkers, AnInitThatIsRepeatedMeanwhileIsNotWorkedOnTwice) {
  Held gateway;
  Client client;
  gateway.give(client.init_request());
  gateway.give(client.init);
  EXPECT_EQ(gateway.fake.workers.waiting(), 1U);
  EXPECT_EQ(gateway.count("init-in-progress"), 1U);
  EXPECT_EQ(gateway.finish().size(), 1U);
  EXPECT_EQ(gateway.state.ike_sas.size(), 1U);
}

TEST(IkeWorkers, AnInitIsVoidIfTheRoleWasLostMeanwhile) {
  Held gateway;
  Client client;
  gateway.give(client.init_request());
  gateway.engine->deactivate();
  EXPECT_TRUE(gateway.finish().empty());
  gateway.give(client.init_request());
  gateway.engine->activate(false);
  gateway.give(client.init_request());
  EXPECT_EQ(gateway.finish().size(), 1U);
}

TEST(IkeWorkers, AnInitOfAnEarlierActivationIsVoid) {
  Held gateway;
  Client client;
  gateway.give(client.init_request());
  gateway.engine->deactivate();
  gateway.engine->activate(false);
  EXPECT_TRUE(gateway.finish().empty());
  EXPECT_TRUE(gateway.state.ike_sas.empty());
  EXPECT_TRUE(gateway.give(client.init).empty());
  EXPECT_EQ(gateway.finish().size(), 1U) << "the client asks again, and is served";
}

TEST(IkeWorkers, NothingIsTouchedAfterTheEnginesEnd) {
  Held gateway;
  Client client;
  gateway.give(client.init_request());
  gateway.engine.reset();
  EXPECT_TRUE(gateway.finish().empty());
}

TEST(IkeWorkers, AsManyInitsAsTheyTakeAndNoMore) {
  Held gateway(with_cookies_above(1000));
  for (uint64_t i = 0; i < 80; ++i) gateway.give(client_with(0x1000 + i).init_request());
  EXPECT_EQ(gateway.fake.workers.waiting(), 64U);
  EXPECT_EQ(gateway.count("init-workers-busy"), 16U);
  EXPECT_EQ(gateway.finish().size(), 64U);
}

TEST(IkeWorkers, WhatIsBeingWorkedOnCountsForTheCookie) {
  Held gateway(with_cookies_above(1));
  Client first;
  gateway.give(first.init_request());
  Client second = client_with(0x77);
  EXPECT_TRUE(refused_init(gateway.ask(second.init_request()), NotifyType::Cookie));
}

TEST(IkeWorkers, AnAuthIsAnsweredWhenBothProofsAreDone) {
  Held gateway;
  const Client client = proving(gateway);
  const auto answer = gateway.finish();
  ASSERT_EQ(answer.size(), 1U);
  const auto payloads = client.open(answer[0].message);
  ASSERT_TRUE(payloads);
  EXPECT_NE(Client::find<payload::Auth>(*payloads), nullptr);
  EXPECT_EQ(gateway.only_ike().state, IkeState::Established);
}

TEST(IkeWorkers, AnAuthThatIsRepeatedMeanwhileWaits) {
  Held gateway;
  Client client = proving(gateway);
  client.next_id = 1;
  EXPECT_TRUE(gateway.give(client.auth_request()).empty());
  EXPECT_EQ(gateway.fake.workers.waiting(), 1U);
  EXPECT_EQ(gateway.count("auth-in-progress"), 1U);
  EXPECT_EQ(gateway.finish().size(), 1U);
}

TEST(IkeWorkers, AnAuthWhoseHalfOpenSaTimedOutMeanwhileIsVoid) {
  Held gateway;
  proving(gateway);
  gateway.run_for(31s);
  ASSERT_TRUE(gateway.state.ike_sas.empty());
  EXPECT_TRUE(gateway.finish().empty());
}

TEST(IkeWorkers, AnAuthOfAnEarlierActivationIsAskedAgain) {
  Held gateway;
  Client client = proving(gateway);
  gateway.engine->deactivate();
  gateway.engine->activate(false);
  EXPECT_TRUE(gateway.finish().empty());
  EXPECT_EQ(gateway.only_ike().state, IkeState::HalfOpen);
  client.next_id = 1;
  gateway.give(client.auth_request());
  EXPECT_EQ(gateway.finish().size(), 1U);
  EXPECT_EQ(gateway.only_ike().state, IkeState::Established);
}

TEST(IkeWorkers, AnAuthInAPausedEngineIsAskedAgainAfterwards) {
  Held gateway;
  Client client = proving(gateway);
  gateway.engine->pause();
  EXPECT_TRUE(gateway.finish().empty());
  gateway.engine->resume();
  client.next_id = 1;
  gateway.give(client.auth_request());
  EXPECT_EQ(gateway.finish().size(), 1U);
}

TEST(IkeWorkers, AWrongProofEndsTheHalfOpenSa) {
  Held gateway;
  Client client;
  client.pre_shared_key = secret("open barley");
  gateway.ask(client.init_request());
  ASSERT_TRUE(client.take_init(gateway.finish().at(0).message));
  gateway.give(client.auth_request());
  ASSERT_EQ(gateway.finish().size(), 1U);
  EXPECT_TRUE(gateway.state.ike_sas.empty());
  EXPECT_EQ(gateway.count("authentication-failed"), 1U);
}

}  // namespace
}  // namespace segw::ike::testing
