// Rekeying and deleting IKE SAs, and what can cross on the way (RFC 7296 2.8.2, 2.25.2).
#include "tests/exchanges/scenario.h"

namespace segw::exchanges {
namespace {

using namespace std::chrono_literals;
using ike::Group;

void expect_one_rekey(Pair& pair) { EXPECT_EQ(counted(pair, "ike-rekeyed"), 1U); }
void expect_a_collision(Pair& pair) { expect_crossed(pair, "ike-rekeys"); }

// The client's group is not the gateway's first one, and the gateway has no other in the end.
Options other_group() {
  Options options;
  options.change = [](ike::GroupSettings& gateway, ike::GroupSettings& client) {
    auto& ours = gateway.tunnels.front().proposals;
    std::erase_if(ours, [](const auto& each) { return each.suite.group == Group::Curve25519; });
    static_cast<void>(client);
  };
  return options;
}

const Scenario kScenarios[] = {
    {.name = "TheClientRekeys", .play = alone(End::Client, rekey_ike), .plain = expect_one_rekey},
    {.name = "TheGatewayRekeys", .play = alone(End::Gateway, rekey_ike), .plain = expect_one_rekey},
    {.name = "TheGroupOfTheFirstAttemptWasChanged",
     .play = alone(End::Client, rekey_ike),
     .plain =
         [](Pair& pair) {
           expect_one_rekey(pair);
           EXPECT_EQ(pair.client().counted("groups-changed"), 1U);
         },
     .options = other_group()},
    {.name = "TheRequestIsLost",
     .play = request_lost(End::Gateway, rekey_ike),
     .plain = expect_one_rekey},
    {.name = "TheAnswerIsLost",
     .play = answer_lost(End::Client, rekey_ike),
     .plain = expect_one_rekey},
    {.name = "BothRekey",
     .play = at_once(rekey_ike, rekey_ike, {End::Gateway, End::Client, End::Gateway, End::Client}),
     .plain = expect_a_collision},
    {.name = "BothRekeyAndOneAnswerIsLate",
     .play = at_once(rekey_ike, rekey_ike, {End::Gateway, End::Client, End::Client, End::Client},
                     500ms),
     .plain = expect_a_collision},
    {.name = "BothRekeyAndTheOtherAnswerIsLate",
     .play = at_once(rekey_ike, rekey_ike, {End::Client, End::Gateway, End::Gateway, End::Gateway},
                     500ms),
     .plain = expect_a_collision},
    {.name = "BothRekeyAndOneRequestIsLate", .play = gateway_late(rekey_ike)},
    {.name = "BothRekeyAndOneRequestComesAfterTheDelete",
     .play =
         [](Pair& pair) {
           both(pair, rekey_ike, rekey_ike);
           pair.deliver(End::Client);   // the client's request
           pair.lose(End::Gateway);     // the gateway's, late
           pair.deliver(End::Gateway);  // the answer
           pair.deliver(End::Client);   // the delete of the old one
           pair.run_for(100ms);
         }},
    {.name = "OneRekeysWhileTheOtherRekeysAChildSa", .play = at_once(rekey_ike, rekey_child)},
    {.name = "OneRekeysAChildSaWhileTheOtherRekeys", .play = at_once(rekey_child, rekey_ike)},
    {.name = "OneRekeysWhileTheOtherDeletesAChildSa",
     .play = at_once(rekey_ike, remove_child),
     .options = kBegins},
    {.name = "OneDeletesAChildSaWhileTheOtherRekeys",
     .play = at_once(remove_child, rekey_ike),
     .options = kBegins},
    {.name = "TheSuccessorIsRekeyedToo",
     .play =
         [](Pair& pair) {
           rekey_ike(pair, End::Gateway);
           pair.run_for(1s);
           rekey_ike(pair, End::Client);
           pair.run_for(1s);
           rekey_child(pair, End::Gateway);
           pair.run_for(1s);
           rekey_ike(pair, End::Gateway);
         }},
};

class IkeSas : public Played {};
TEST_P(IkeSas, EndAsTheyShould) { play(GetParam(), std::nullopt); }
TEST_P(IkeSas, EndAsTheyShouldWithATakeoverBeforeEachMessage) { play_with_takeovers(GetParam()); }

INSTANTIATE_TEST_SUITE_P(Played, IkeSas, ::testing::ValuesIn(kScenarios), scenario_name);

}  // namespace
}  // namespace segw::exchanges
