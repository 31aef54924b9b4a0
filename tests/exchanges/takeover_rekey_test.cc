// After a takeover the gateway rekeys every CHILD SA (redundancy rule 21), while the client does
// what it likes, and another takeover of either end falls between any two messages.
#include "tests/exchanges/scenario.h"

namespace segw::exchanges {
namespace {

using namespace std::chrono_literals;

// As the guide has it: the gateway only responds, but for this.
void automatic(ike::GroupSettings& gateway, ike::GroupSettings& /*client*/) {
  gateway.responder_only = true;
  gateway.rekey_taken_over = true;
}
void automatic_on_both(ike::GroupSettings& gateway, ike::GroupSettings& client) {
  gateway.rekey_taken_over = client.rekey_taken_over = true;
}
// The client agrees to the second of the gateway's groups only.
void other_group(ike::GroupSettings& gateway, ike::GroupSettings& client) {
  automatic(gateway, client);
  other_groups(gateway, client);
  client.tunnels.front().child_proposals.resize(1);
}
const Options kAutomatic{.change = automatic};

void take_over(Pair& pair) {
  pair.gateway().take_over();
  pair.run_for(2s);
}

void expect_rekeyed(Pair& pair) {
  EXPECT_EQ(pair.gateway().counted("automatic-rekeys-done"), 1U) << pair.gateway().describe();
  EXPECT_EQ(counted(pair, "child-rekeyed"), 1U);
}

const Scenario kScenarios[] = {
    {.name = "TheChildSaIsRekeyed",
     .play = take_over,
     .plain = expect_rekeyed,
     .options = kAutomatic},
    {.name = "WithANewExchangeOfKeys",
     .play = take_over,
     .plain = expect_rekeyed,
     .options = {.pfs = ike::Group::Ecp256, .change = automatic}},
    {.name = "TheClientWantsAnotherGroup",
     .play = take_over,
     .plain = expect_rekeyed,
     .options = {.change = other_group}},
    {.name = "EveryChildSaIsRekeyed",
     .play = take_over,
     .plain = [](Pair& pair) { EXPECT_EQ(pair.gateway().counted("automatic-rekeys-done"), 3U); },
     .children = 3,
     // The client is the one that wants them, so that it makes them.
     .options = {.entries = 3, .change = automatic}},
    {.name = "AfterAnUncleanTakeoverWhenTheClientWasHeard",
     .play =
         [](Pair& pair) {
           pair.gateway().take_over(/*clean=*/false);
           pair.run_for(5s);
           pair.client().engine().ask_liveness(pair.client().ike_sa());
           pair.run_for(3s);
         },
     .plain =
         [](Pair& pair) {
           expect_rekeyed(pair);
           EXPECT_EQ(counted(pair, "syncs-done"), 1U);
         },
     .options = kAutomatic},
    {.name = "TheClientRekeysItFirst",
     .play =
         [](Pair& pair) {
           pair.gateway().take_over();
           rekey_child(pair, End::Client);
           pair.run_for(2s);
         },
     .plain =
         [](Pair& pair) {
           EXPECT_EQ(pair.gateway().counted("automatic-rekeys-done"), 0U);
           EXPECT_EQ(counted(pair, "child-rekeyed"), 1U);
         },
     .options = kAutomatic},
    {.name = "TheClientRekeysItAtTheSameTime",
     .play =
         [](Pair& pair) {
           pair.gateway().take_over();
           pair.hold();
           pair.run_for(1100ms);
           rekey_child(pair, End::Client);
           pair.release();
         },
     .plain = [](Pair& pair) { expect_crossed(pair, "child-rekeys"); },
     .options = kAutomatic},
    {.name = "TheClientRekeysTheIkeSaAtTheSameTime",
     .play =
         [](Pair& pair) {
           pair.gateway().take_over();
           pair.hold();
           pair.run_for(1100ms);
           rekey_ike(pair, End::Client);
           pair.release();
           pair.run_for(20s);
         },
     .plain = [](Pair& pair) { EXPECT_EQ(pair.gateway().counted("automatic-rekeys-done"), 1U); },
     .options = kAutomatic},
    {.name = "TheClientDeletesItAtTheSameTime",
     .play =
         [](Pair& pair) {
           pair.gateway().take_over();
           pair.hold();
           pair.run_for(1100ms);
           remove_child(pair, End::Client);
           pair.release();
           pair.run_for(10s);
         },
     .options = kAutomatic},
    {.name = "TheAnswerIsLost",
     .play =
         [](Pair& pair) {
           pair.gateway().take_over();
           pair.hold();
           pair.run_for(1100ms);
           pair.deliver(End::Gateway);
           pair.lose(End::Client);
           pair.release();
         },
     .plain = expect_rekeyed,
     .options = kAutomatic},
    {.name = "BothEndsAreTakenOverAndRekey",
     .play =
         [](Pair& pair) {
           pair.gateway().take_over();
           pair.client().take_over();
           pair.hold();
           pair.run_for(1100ms);
           pair.release();
           pair.run_for(2s);
         },
     .options = {.change = automatic_on_both}},
    {.name = "KeysThatAreRenewedInTurn",
     .play =
         [](Pair& pair) {
           Side& gateway = pair.gateway();
           gateway.engine().rekey_in_turn({gateway.ike_sa()}, {gateway.child()});
           pair.run_for(2s);
         },
     .plain =
         [](Pair& pair) {
           EXPECT_EQ(pair.gateway().counted("ike-rekeyed-by-us"), 1U);
           EXPECT_EQ(pair.gateway().counted("child-rekeyed-by-us"), 1U);
         }},
};

class TakenOver : public Played {};
TEST_P(TakenOver, EndAsTheyShould) { play(GetParam(), std::nullopt); }
TEST_P(TakenOver, EndAsTheyShouldWithATakeoverBeforeEachMessage) {
  play_with_takeovers(GetParam());
}

INSTANTIATE_TEST_SUITE_P(Played, TakenOver, ::testing::ValuesIn(kScenarios), scenario_name);

}  // namespace
}  // namespace segw::exchanges
