// Rekeying and deleting CHILD SAs, and what can cross on the way (RFC 7296 2.8.1, 2.25.1).
#include "tests/exchanges/scenario.h"

namespace segw::exchanges {
namespace {

using namespace std::chrono_literals;
using ike::Group;

void expect_one_rekey(Pair& pair) {
  EXPECT_EQ(pair.gateway().counted("child-rekeyed") + pair.client().counted("child-rekeyed"), 1U);
}
void expect_a_collision(Pair& pair) {
  EXPECT_EQ(pair.gateway().counted("child-rekeys-crossed"), 1U);
  EXPECT_EQ(pair.client().counted("child-rekeys-crossed"), 1U);
  EXPECT_EQ(
      pair.gateway().counted("child-rekeys-lost") + pair.client().counted("child-rekeys-lost"), 1U);
  EXPECT_EQ(pair.gateway().counted("child-rekeys-won") + pair.client().counted("child-rekeys-won"),
            1U);
}

// One group is proposed first and the other end wants another.
Options other_groups() {
  Options options;
  options.change = [](ike::GroupSettings& gateway, ike::GroupSettings& client) {
    const auto propose = [](ike::GroupSettings& settings, Group first, Group second) {
      auto& proposals = settings.tunnels.front().child_proposals;
      proposals = {proposals.front(), proposals.front()};
      proposals[0].pfs = first;
      proposals[1].pfs = second;
    };
    propose(gateway, Group::Ecp256, Group::Curve25519);
    propose(client, Group::Curve25519, Group::Ecp256);
  };
  return options;
}

// An end agrees to the second of the other's groups only.
Options narrow_groups() {
  Options options = other_groups();
  const auto before = options.change;
  options.change = [before](ike::GroupSettings& gateway, ike::GroupSettings& client) {
    before(gateway, client);
    gateway.tunnels.front().child_proposals.resize(1);
  };
  return options;
}

const Scenario kScenarios[] = {
    {.name = "TheClientRekeys",
     .play = [](Pair& pair) { rekey_child(pair, End::Client); },
     .plain = expect_one_rekey},
    {.name = "TheGatewayRekeys",
     .play = [](Pair& pair) { rekey_child(pair, End::Gateway); },
     .plain = expect_one_rekey},
    {.name = "RekeyingWithANewExchangeOfKeys",
     .play = [](Pair& pair) { rekey_child(pair, End::Gateway); },
     .plain = expect_one_rekey,
     .options = {.pfs = Group::Ecp256}},
    {.name = "TheOtherEndWantsAnotherGroup",
     .play = [](Pair& pair) { rekey_child(pair, End::Client); },
     .plain =
         [](Pair& pair) {
           expect_one_rekey(pair);
           EXPECT_EQ(pair.client().counted("child-refused-17"), 1U);
         },
     .options = narrow_groups()},
    {.name = "TheRequestIsLost",
     .play =
         [](Pair& pair) {
           pair.hold();
           rekey_child(pair, End::Gateway);
           pair.lose(End::Gateway);
           pair.release();
         },
     .plain = expect_one_rekey},
    {.name = "TheAnswerIsLost",
     .play =
         [](Pair& pair) {
           pair.hold();
           rekey_child(pair, End::Gateway);
           pair.deliver(End::Gateway);
           pair.lose(End::Client);
           pair.release();
         },
     .plain = expect_one_rekey},
    {.name = "BothRekey",
     .play =
         [](Pair& pair) {
           both(pair, rekey_child, rekey_child);
           pair.deliver(End::Gateway);
           pair.deliver(End::Client);
           pair.deliver(End::Gateway);
           pair.deliver(End::Client);
         },
     .plain = expect_a_collision},
    {.name = "BothRekeyAndOneAnswerIsLate",
     .play =
         [](Pair& pair) {
           both(pair, rekey_child, rekey_child);
           pair.deliver(End::Gateway);
           pair.deliver(End::Client);
           pair.deliver(End::Client);  // the gateway has its answer and goes on
           pair.deliver(End::Client);
           pair.run_for(500ms);
         },
     .plain = expect_a_collision},
    {.name = "BothRekeyAndTheOtherAnswerIsLate",
     .play =
         [](Pair& pair) {
           both(pair, rekey_child, rekey_child);
           pair.deliver(End::Gateway);
           pair.deliver(End::Client);
           pair.deliver(End::Gateway);
           pair.deliver(End::Gateway);
           pair.run_for(500ms);
         },
     .plain = expect_a_collision},
    {.name = "BothRekeyAndOneRequestIsLate",
     .play =
         [](Pair& pair) {
           both(pair, rekey_child, rekey_child);
           pair.deliver(End::Client);   // the client's request
           pair.deliver(End::Gateway);  // the gateway's, which is late
           pair.run_for(100ms);
         }},
    {.name = "OneRequestArrivesAfterTheOtherRekeyIsDone",
     .play =
         [](Pair& pair) {
           pair.hold();
           rekey_child(pair, End::Gateway);
           pair.lose(End::Gateway);  // it comes again in 2 s
           rekey_child(pair, End::Client);
           pair.deliver(End::Client);
           pair.deliver(End::Gateway);
           pair.release();
         }},
    {.name = "BothRekeyWithTheWrongGroup",
     .play = [](Pair& pair) { both(pair, rekey_child, rekey_child); },
     .options = other_groups()},
    {.name = "BothRekeyAndOneChangesItsGroup",
     .play =
         [](Pair& pair) {
           both(pair, rekey_child, rekey_child);
           pair.deliver(End::Client);
           pair.deliver(End::Gateway);
           pair.deliver(End::Gateway);
         },
     .options = narrow_groups()},
    {.name = "OneRekeysWhileTheOtherDeletes",
     .play = [](Pair& pair) { both(pair, rekey_child, remove_child); },
     .children = 1,
     .options = {.gateway_begins = true}},
    {.name = "OneDeletesWhileTheOtherRekeys",
     .play = [](Pair& pair) { both(pair, remove_child, rekey_child); },
     .children = 1,
     .options = {.gateway_begins = true}},
    {.name = "TheDeleteThatMeetsARekeyIsLost",
     .play =
         [](Pair& pair) {
           both(pair, rekey_child, remove_child);
           pair.lose(End::Client);
         },
     .options = {.gateway_begins = true}},
    {.name = "TheRekeyThatMeetsADeleteIsLost",
     .play =
         [](Pair& pair) {
           both(pair, rekey_child, remove_child);
           pair.lose(End::Gateway);
         },
     .options = {.gateway_begins = true}},
    {.name = "TheClientDeletes",
     .play = [](Pair& pair) { remove_child(pair, End::Client); },
     .options = {.gateway_begins = true}},
    {.name = "TheGatewayDeletes",
     .play = [](Pair& pair) { remove_child(pair, End::Gateway); },
     .options = {.gateway_begins = true}},
    {.name = "BothDelete",
     .play = [](Pair& pair) { both(pair, remove_child, remove_child); },
     .options = {.gateway_begins = true}},
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
