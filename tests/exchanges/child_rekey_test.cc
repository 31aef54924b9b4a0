// Rekeying and deleting CHILD SAs, and what can cross on the way (RFC 7296 2.8.1, 2.25.1).
#include "tests/exchanges/scenario.h"

namespace segw::exchanges {
namespace {

using namespace std::chrono_literals;
using ike::Group;

void expect_one_rekey(Pair& pair) { EXPECT_EQ(counted(pair, "child-rekeyed"), 1U); }
void expect_a_collision(Pair& pair) {
  expect_crossed(pair, "child-rekeys");
  EXPECT_EQ(counted(pair, "child-rekeys-won"), 1U);
}

// The gateway agrees to the second of the client's groups only.
void narrow_gateway(ike::GroupSettings& gateway, ike::GroupSettings& client) {
  other_groups(gateway, client);
  gateway.tunnels.front().child_proposals.resize(1);
}

const Scenario kScenarios[] = {
    {.name = "TheClientRekeys", .play = alone(End::Client, rekey_child), .plain = expect_one_rekey},
    {.name = "TheGatewayRekeys",
     .play = alone(End::Gateway, rekey_child),
     .plain = expect_one_rekey},
    {.name = "RekeyingWithANewExchangeOfKeys",
     .play = alone(End::Gateway, rekey_child),
     .plain = expect_one_rekey,
     .options = {.pfs = Group::Ecp256}},
    {.name = "TheOtherEndWantsAnotherGroup",
     .play = alone(End::Client, rekey_child),
     .plain =
         [](Pair& pair) {
           expect_one_rekey(pair);
           EXPECT_EQ(pair.client().counted("child-refused-17"), 1U);
         },
     .options = {.change = narrow_gateway}},
    {.name = "TheRequestIsLost",
     .play = request_lost(End::Gateway, rekey_child),
     .plain = expect_one_rekey},
    {.name = "TheAnswerIsLost",
     .play = answer_lost(End::Gateway, rekey_child),
     .plain = expect_one_rekey},
    {.name = "BothRekey",
     .play =
         at_once(rekey_child, rekey_child, {End::Gateway, End::Client, End::Gateway, End::Client}),
     .plain = expect_a_collision},
    {.name = "BothRekeyAndOneAnswerIsLate",
     .play = at_once(rekey_child, rekey_child,
                     {End::Gateway, End::Client,
                      End::Client,  // the gateway has its answer and goes on
                      End::Client},
                     500ms),
     .plain = expect_a_collision},
    {.name = "BothRekeyAndTheOtherAnswerIsLate",
     .play = at_once(rekey_child, rekey_child,
                     {End::Gateway, End::Client, End::Gateway, End::Gateway}, 500ms),
     .plain = expect_a_collision},
    {.name = "BothRekeyAndOneRequestIsLate",  // the gateway's
     .play = at_once(rekey_child, rekey_child, {End::Client, End::Gateway}, 100ms)},
    {.name = "OneRequestArrivesAfterTheOtherRekeyIsDone", .play = gateway_late(rekey_child)},
    {.name = "BothRekeyWithTheWrongGroup",
     .play = at_once(rekey_child, rekey_child),
     .options = {.change = other_groups}},
    {.name = "BothRekeyAndOneChangesItsGroup",
     .play = at_once(rekey_child, rekey_child, {End::Client, End::Gateway, End::Gateway}),
     .options = {.change = narrow_gateway}},
    {.name = "OneRekeysWhileTheOtherDeletes",
     .play = at_once(rekey_child, remove_child),
     .children = 1,
     .options = kBegins},
    {.name = "OneDeletesWhileTheOtherRekeys",
     .play = at_once(remove_child, rekey_child),
     .children = 1,
     .options = kBegins},
    {.name = "TheDeleteThatMeetsARekeyIsLost",
     .play = at_once_but_lost(rekey_child, remove_child, End::Client),
     .options = kBegins},
    {.name = "TheRekeyThatMeetsADeleteIsLost",
     .play = at_once_but_lost(rekey_child, remove_child, End::Gateway),
     .options = kBegins},
    {.name = "TheClientDeletes", .play = alone(End::Client, remove_child), .options = kBegins},
    {.name = "TheGatewayDeletes", .play = alone(End::Gateway, remove_child), .options = kBegins},
    {.name = "BothDelete", .play = at_once(remove_child, remove_child), .options = kBegins},
    {.name = "EveryEntryOfThePolicyHasItsChildSa",
     .play = [](Pair& pair) { pair.run_for(1s); },
     .plain = [](Pair& pair) { EXPECT_EQ(pair.gateway().state().child_sas.size(), 3U); },
     .children = 3,
     .options = {.gateway_begins = true, .entries = 3}},
};

class ChildSas : public Played {};
TEST_P(ChildSas, EndAsTheyShould) { play(GetParam(), std::nullopt); }
TEST_P(ChildSas, EndAsTheyShouldWithATakeoverBeforeEachMessage) { play_with_takeovers(GetParam()); }

INSTANTIATE_TEST_SUITE_P(Played, ChildSas, ::testing::ValuesIn(kScenarios), scenario_name);

}  // namespace
}  // namespace segw::exchanges
