// Rekeying and deleting IKE SAs, and what can cross on the way (RFC 7296 2.8.2, 2.25.2).
#include "tests/exchanges/scenario.h"

namespace segw::exchanges {
namespace {

using namespace std::chrono_literals;
using ike::Group;
using ike::IkeState;

void expect_one_rekey(Pair& pair) {
  EXPECT_EQ(pair.gateway().counted("ike-rekeyed") + pair.client().counted("ike-rekeyed"), 1U);
}
void expect_a_collision(Pair& pair) {
  EXPECT_EQ(pair.gateway().counted("ike-rekeys-crossed"), 1U)
      << pair.gateway().describe() << pair.client().describe();
  EXPECT_EQ(pair.client().counted("ike-rekeys-crossed"), 1U);
  EXPECT_EQ(pair.gateway().counted("ike-rekeys-lost") + pair.client().counted("ike-rekeys-lost"),
            1U);
}

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
    {.name = "TheClientRekeys",
     .play = [](Pair& pair) { rekey_ike(pair, End::Client); },
     .plain = expect_one_rekey},
    {.name = "TheGatewayRekeys",
     .play = [](Pair& pair) { rekey_ike(pair, End::Gateway); },
     .plain = expect_one_rekey},
    {.name = "TheGroupOfTheFirstAttemptWasChanged",
     .play = [](Pair& pair) { rekey_ike(pair, End::Client); },
     .plain =
         [](Pair& pair) {
           expect_one_rekey(pair);
           EXPECT_EQ(pair.client().counted("groups-changed"), 1U);
         },
     .options = other_group()},
    {.name = "TheRequestIsLost",
     .play =
         [](Pair& pair) {
           pair.hold();
           rekey_ike(pair, End::Gateway);
           pair.lose(End::Gateway);
           pair.release();
         },
     .plain = expect_one_rekey},
    {.name = "TheAnswerIsLost",
     .play =
         [](Pair& pair) {
           pair.hold();
           rekey_ike(pair, End::Client);
           pair.deliver(End::Client);
           pair.lose(End::Gateway);
           pair.release();
         },
     .plain = expect_one_rekey},
    {.name = "BothRekey",
     .play =
         [](Pair& pair) {
           both(pair, rekey_ike, rekey_ike);
           pair.deliver(End::Gateway);
           pair.deliver(End::Client);
           pair.deliver(End::Gateway);
           pair.deliver(End::Client);
         },
     .plain = expect_a_collision},
    {.name = "BothRekeyAndOneAnswerIsLate",
     .play =
         [](Pair& pair) {
           both(pair, rekey_ike, rekey_ike);
           pair.deliver(End::Gateway);
           pair.deliver(End::Client);
           pair.deliver(End::Client);
           pair.deliver(End::Client);
           pair.run_for(500ms);
         },
     .plain = expect_a_collision},
    {.name = "BothRekeyAndTheOtherAnswerIsLate",
     .play =
         [](Pair& pair) {
           both(pair, rekey_ike, rekey_ike);
           pair.deliver(End::Client);
           pair.deliver(End::Gateway);
           pair.deliver(End::Gateway);
           pair.deliver(End::Gateway);
           pair.run_for(500ms);
         },
     .plain = expect_a_collision},
    {.name = "BothRekeyAndOneRequestIsLate",
     .play =
         [](Pair& pair) {
           pair.hold();
           rekey_ike(pair, End::Gateway);
           pair.lose(End::Gateway);  // it comes again in 2 s
           rekey_ike(pair, End::Client);
           pair.deliver(End::Client);
           pair.deliver(End::Gateway);
           pair.release();
         }},
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
    {.name = "OneRekeysWhileTheOtherRekeysAChildSa",
     .play = [](Pair& pair) { both(pair, rekey_ike, rekey_child); }},
    {.name = "OneRekeysAChildSaWhileTheOtherRekeys",
     .play = [](Pair& pair) { both(pair, rekey_child, rekey_ike); }},
    {.name = "OneRekeysWhileTheOtherDeletesAChildSa",
     .play = [](Pair& pair) { both(pair, rekey_ike, remove_child); },
     .options = {.gateway_begins = true}},
    {.name = "OneDeletesAChildSaWhileTheOtherRekeys",
     .play = [](Pair& pair) { both(pair, remove_child, rekey_ike); },
     .options = {.gateway_begins = true}},
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
