// Tunnels that we begin: IKE_SA_INIT, IKE_AUTH and how often they are tried (RFC
// 7296 1.2, 2.4, 2.6).
#include "tests/exchanges/scenario.h"

namespace segw::exchanges {
namespace {

using namespace std::chrono_literals;
using ike::Group;
using ike::IkeState;

Options begun() { return {.gateway_begins = true}; }
Options begun_with(std::function<void(ike::GroupSettings&, ike::GroupSettings&)> change) {
  Options options = begun();
  options.change = std::move(change);
  return options;
}

const Scenario kScenarios[] = {
    {.name = "TheGatewayBegins", .play = [](Pair&) {}, .options = begun()},
    {.name = "TheOtherEndWantsACookie",
     .play = [](Pair&) {},
     .plain = [](Pair& pair) { EXPECT_EQ(pair.gateway().counted("cookies-given"), 1U); },
     .options = begun_with([](ike::GroupSettings&, ike::GroupSettings& client) {
       client.half_open_cookie_threshold = 0;
     })},
    {.name = "TheOtherEndWantsAnotherGroup",
     .play = [](Pair&) {},
     .plain = [](Pair& pair) { EXPECT_EQ(pair.gateway().counted("groups-changed"), 1U); },
     .options = begun_with([](ike::GroupSettings&, ike::GroupSettings& client) {
       std::erase_if(client.tunnels.front().proposals,
                     [](const auto& each) { return each.suite.group != Group::Ecp256; });
     })},
    {.name = "TheOtherEndWantsACookieAndAnotherGroup",
     .play = [](Pair&) {},
     .plain =
         [](Pair& pair) {
           EXPECT_GE(pair.gateway().counted("cookies-given"), 1U);
           EXPECT_EQ(pair.gateway().counted("groups-changed"), 1U);
         },
     .options = begun_with([](ike::GroupSettings&, ike::GroupSettings& client) {
       client.half_open_cookie_threshold = 0;
       std::erase_if(client.tunnels.front().proposals,
                     [](const auto& each) { return each.suite.group != Group::Ecp256; });
     })},
    {.name = "EncapsulationIsForced",
     .play = [](Pair&) {},
     .plain =
         [](Pair& pair) {
           for (const End end : {End::Gateway, End::Client}) {
             const auto& child = pair.side(end).state().child_sas.begin()->second;
             EXPECT_TRUE(child.encapsulation.has_value());
           }
         },
     .options = begun_with([](ike::GroupSettings& gateway, ike::GroupSettings&) {
       gateway.tunnels.front().force_encapsulation = true;
     })},
    {.name = "TheFirstAnswerIsLost", .play = [](Pair&) {}, .options = begun()},
    {.name = "TheFirstChildSaIsRefused",
     .play = [](Pair&) {},
     .plain =
         [](Pair& pair) {
           EXPECT_EQ(pair.gateway().counted("child-refused-38"), 1U);
           EXPECT_EQ(pair.gateway().count(IkeState::Established), 1U);
         },
     .children = 0,
     .options = begun_with([](ike::GroupSettings& gateway, ike::GroupSettings&) {
       gateway.tunnels.front().local_selectors = {ike::testing::range("10.9.9.0", "10.9.9.255")};
     })},
};

class SetUps : public Played {};
TEST_P(SetUps, EndAsTheyShould) { play(GetParam(), std::nullopt); }
TEST_P(SetUps, EndAsTheyShouldWithATakeoverBeforeEachMessage) { play_with_takeovers(GetParam()); }

INSTANTIATE_TEST_SUITE_P(Played, SetUps,
                         ::testing::ValuesIn(kScenarios, kScenarios + std::size(kScenarios) - 1),
                         scenario_name);

TEST(Begun, AnIkeSaWithoutItsFirstChildSaStands) {
  Pair pair(kScenarios[std::size(kScenarios) - 1].options);
  pair.gateway().begin();
  pair.client().begin();
  pair.settle();
  EXPECT_EQ(pair.gateway().count(IkeState::Established), 1U);
  EXPECT_EQ(pair.client().count(IkeState::Established), 1U);
  EXPECT_EQ(pair.gateway().counted("child-refused-38"), 1U);
  EXPECT_TRUE(pair.gateway().state().child_sas.empty());
}

TEST(Begun, AWrongKeyIsTriedAgainLaterAndLater) {
  Pair pair(begun_with([](ike::GroupSettings& gateway, ike::GroupSettings&) {
    gateway.tunnels.front().pre_shared_key = ike::testing::secret("close sesame");
  }));
  pair.gateway().begin();
  pair.client().begin();
  pair.run_for(3s);
  EXPECT_EQ(pair.gateway().counted("set-ups-begun"), 1U);
  EXPECT_EQ(pair.gateway().counted("auth-refused-24"), 1U);
  pair.run_for(30s);
  EXPECT_GE(pair.gateway().counted("set-ups-begun"), 3U);
  EXPECT_LE(pair.gateway().counted("set-ups-begun"), 5U);
  pair.run_for(1h);
  EXPECT_LE(pair.gateway().counted("set-ups-begun"), 30U);
  EXPECT_TRUE(pair.gateway().state().ike_sas.empty());
  EXPECT_TRUE(pair.client().state().ike_sas.empty());
}

TEST(Begun, AnOtherEndThatCannotProveItselfIsTold) {
  Pair pair(begun_with([](ike::GroupSettings& gateway, ike::GroupSettings&) {
    // Nobody is whom we expect, and we do not say so beforehand (IDr).
    gateway.tunnels.front().remote_id = {};
  }));
  pair.gateway().begin();
  pair.client().begin();
  pair.run_for(3s);
  EXPECT_EQ(pair.gateway().counted("authentication-failed"), 1U);
  EXPECT_EQ(pair.client().counted("client-refused-us"), 1U);
  EXPECT_EQ(pair.gateway().count(IkeState::Established), 0U);
  EXPECT_EQ(pair.client().count(IkeState::Established), 0U);
  EXPECT_TRUE(pair.client().state().child_sas.empty());
}

TEST(Begun, NobodyThereIsTriedAgain) {
  Pair pair(begun());
  pair.gateway().begin();
  pair.run_for(5min);
  EXPECT_GE(pair.gateway().counted("set-ups-begun"), 2U);
  EXPECT_LE(pair.gateway().state().ike_sas.size(), 1U);
  pair.client().begin();
  pair.run_for(5min);
  EXPECT_EQ(pair.gateway().count(IkeState::Established), 1U);
}

TEST(Begun, WhatTheClientDeletesIsBegunAgain) {
  Pair pair(begun());
  ASSERT_TRUE(pair.establish());
  pair.client().engine().clear_tunnel(3);
  pair.run_for(10s);
  EXPECT_EQ(pair.gateway().counted("established"), 2U);
  EXPECT_EQ(pair.differences(), "");
  EXPECT_EQ(pair.gateway().state().child_sas.size(), 1U);
}

TEST(Begun, WhatTheOperatorClearsIsBegunAgainAtOnce) {
  Pair pair(begun());
  ASSERT_TRUE(pair.establish());
  pair.gateway().engine().clear_tunnel(3);
  pair.run_for(2s);
  EXPECT_EQ(pair.gateway().counted("established"), 2U);
  EXPECT_EQ(pair.client().counted("established"), 2U);
  EXPECT_EQ(pair.differences(), "");
}

TEST(Begun, AResponderOnlyGroupBeginsNothing) {
  Pair pair(begun_with(
      [](ike::GroupSettings& gateway, ike::GroupSettings&) { gateway.responder_only = true; }));
  pair.gateway().begin();
  pair.client().begin();
  pair.run_for(1min);
  EXPECT_EQ(pair.messages(), 0U);
}

TEST(Begun, BothBeginAtOnce) {
  Pair pair(begun_with([](ike::GroupSettings&, ike::GroupSettings& client) {
    client.tunnels.front().auto_establish = true;
  }));
  pair.gateway().begin();
  pair.client().begin();
  pair.run_for(1min);
  EXPECT_GE(pair.gateway().count(IkeState::Established), 1U);
  EXPECT_EQ(pair.differences(), "");
}

TEST(Begun, AfterAnUncleanTakeoverAHalfMadeSaIsBegunAnew) {
  Pair pair(begun());
  pair.gateway().begin();
  pair.client().begin();
  pair.hold();
  pair.run_for(1s);
  ASSERT_EQ(pair.gateway().count(IkeState::Connecting), 1U);
  const IkeSpi before = pair.gateway().state().ike_sas.begin()->first;
  pair.gateway().take_over(false);
  EXPECT_EQ(pair.gateway().state().ike_sas.count(before), 0U);
  pair.release();
  pair.run_for(5s);
  EXPECT_EQ(pair.gateway().count(IkeState::Established), 1U);
  EXPECT_EQ(pair.differences(), "");
}

// Lifetimes: both ends rekey before they end, and one tunnel lives on for a day.
TEST(Lifetimes, ATunnelOutlivesManyOfItsSas) {
  Pair pair(begun_with([](ike::GroupSettings& gateway, ike::GroupSettings& client) {
    for (ike::GroupSettings* each : {&gateway, &client}) {
      for (auto& proposal : each->tunnels.front().proposals) proposal.lifetime = 40min;
      for (auto& proposal : each->tunnels.front().child_proposals) proposal.lifetime = 20min;
    }
  }));
  ASSERT_TRUE(pair.establish());
  for (int i = 0; i < 24; ++i) {
    pair.run_for(1h);
    ASSERT_EQ(pair.gateway().count(IkeState::Established), 1U) << pair.differences();
    ASSERT_NE(pair.gateway().child(), Spi{}) << pair.gateway().describe();
    ASSERT_EQ(pair.differences(), "");
  }
  EXPECT_EQ(pair.gateway().counted("established"), 1U);
}

TEST(Lifetimes, AResponderOnlyGroupWaitsForTheOtherEnd) {
  Pair pair({.change = [](ike::GroupSettings& gateway, ike::GroupSettings&) {
    gateway.responder_only = true;
    for (auto& proposal : gateway.tunnels.front().child_proposals) proposal.lifetime = 30min;
  }});
  ASSERT_TRUE(pair.establish());
  pair.run_for(29min);
  EXPECT_EQ(pair.gateway().counted("own-requests"), 0U);
  pair.run_for(2min);
  EXPECT_EQ(pair.gateway().counted("own-requests"), 1U);  // the delete of what is too old
}

// sros-facts §6.1, which a takeover must not change.
TEST(Switching, TheRekeyInitiatorSendsByTheNewSaAtOnceAndKeepsTheOldOneForThreeMinutes) {
  for (const bool with_takeover : {false, true}) {
    Pair pair;
    ASSERT_TRUE(pair.establish());
    const Spi old = pair.gateway().child();
    pair.gateway().engine().rekey_child(old);
    pair.run_for(1s);
    const Spi made = pair.gateway().child();
    ASSERT_NE(made, Spi{});
    EXPECT_TRUE(pair.gateway().sends_by(made));
    EXPECT_EQ(pair.gateway().state().child_sas.at(made).outbound_from, Duration{});
    pair.run_for(100s);
    if (with_takeover) pair.gateway().take_over();
    pair.run_for(75s);
    EXPECT_TRUE(pair.gateway().state().child_sas.contains(old));
    pair.run_for(10s);
    EXPECT_FALSE(pair.gateway().state().child_sas.contains(old));
    EXPECT_EQ(pair.differences(), "");
  }
}

TEST(Switching, TheRekeyResponderSendsByTheOldSaFor25Seconds) {
  Pair pair;
  ASSERT_TRUE(pair.establish());
  const Spi old = pair.gateway().child();
  pair.client().engine().rekey_child(pair.client().child());
  pair.run_for(1s);
  const auto& made = pair.gateway().state().child_sas.at(pair.gateway().child());
  EXPECT_EQ(made.replaces, old);
  EXPECT_EQ(made.outbound_from, 25s);
}

}  // namespace
}  // namespace segw::exchanges
