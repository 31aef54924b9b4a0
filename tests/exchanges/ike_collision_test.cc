// What else can happen around the rekey and the delete of an IKE SA. docs/protocols/ikev2.md has
// the list.
#include <algorithm>

#include "tests/exchanges/scenario.h"

namespace segw::exchanges {
namespace {

using namespace std::chrono_literals;
using ike::Group;

// The standby of this end is configured with other groups already.
void change_groups(Pair& pair, End end, const std::vector<Group>& groups) {
  auto& proposals = pair.side(end).settings.tunnels.front().proposals;
  const ike::Proposal first = proposals.front();
  proposals.clear();
  for (const Group group : groups) {
    proposals.push_back(first);
    proposals.back().suite.group = group;
  }
  pair.side(end).take_over();
}

// By now, `end` has only a group that the other end does not ask for first.
void rekey_after_a_change(Pair& pair, End end) {
  change_groups(pair, end, {Group::Ecp256});
  rekey_ike(pair, other(end));
}

// What each asks for first, the other end does not have.
void both_with_the_wrong_group(Pair& pair) {
  change_groups(pair, End::Gateway, {Group::Ecp256, Group::Ecp521});
  change_groups(pair, End::Client, {Group::Ecp384, Group::Ecp521});
  both(pair, rekey_ike, rekey_ike);
}

void expect_both_told(Pair& pair) {
  EXPECT_EQ(pair.gateway().counted("ike-rekey-refused-17"), 1U);
  EXPECT_EQ(pair.client().counted("ike-rekey-refused-17"), 1U);
}

// The delete of the old IKE SA, which follows a finished rekey, arrives after `late`'s request was
// refused.
void refused_before_the_delete(Pair& pair, End late) {
  const End first = other(late);
  pair.hold();
  rekey_ike(pair, late);
  rekey_ike(pair, first);
  pair.deliver(first);      // the first's request; its answer overtakes the late request
  pair.deliver_last(late);  // rekeyed: the first deletes the old IKE SA
  pair.deliver(late);       // the late request meets that
  pair.deliver_last(first);
  pair.deliver(first);
}

const Scenario kScenarios[] = {
    {.name = "TheOtherEndHasOnlyAnotherGroupByNow",
     .play = [](Pair& pair) { rekey_after_a_change(pair, End::Client); },
     .plain = [](Pair& pair) { EXPECT_EQ(pair.gateway().counted("ike-rekey-refused-17"), 1U); }},
    {.name = "TheGatewayHasOnlyAnotherGroupByNow",
     .play = [](Pair& pair) { rekey_after_a_change(pair, End::Gateway); },
     .plain = [](Pair& pair) { EXPECT_EQ(pair.client().counted("ike-rekey-refused-17"), 1U); }},
    {.name = "BothRekeyWithTheWrongGroup",
     .play = both_with_the_wrong_group,
     .plain = expect_both_told},
    {.name = "BothRekeyAndTheRetryOfOneIsLate",
     .play =
         [](Pair& pair) {
           both_with_the_wrong_group(pair);
           deliver(pair, {End::Gateway, End::Client});  // both requests
           deliver(pair, {End::Client, End::Gateway});  // both refusals: each asks again
           pair.deliver_last(End::Client);
           pair.deliver_last(End::Gateway);
           pair.run_for(100ms);
         },
     .plain = expect_both_told},
    {.name = "TheGatewayIsRefusedBeforeTheDelete",
     .play = [](Pair& pair) { refused_before_the_delete(pair, End::Gateway); }},
    {.name = "TheClientIsRefusedBeforeTheDelete",
     .play = [](Pair& pair) { refused_before_the_delete(pair, End::Client); }},
    {.name = "OneRekeysWhileTheOtherDeletes",
     .play = at_once(rekey_ike, remove_ike),
     .options = kBegins,
     .set_ups = 2},
    {.name = "OneDeletesWhileTheOtherRekeys",
     .play = at_once(remove_ike, rekey_ike),
     .options = kBegins,
     .set_ups = 2},
    {.name = "TheDeleteThatMeetsARekeyIsLost",
     .play = at_once_but_lost(rekey_ike, remove_ike, End::Client),
     .options = kBegins,
     .set_ups = 2},
    {.name = "TheDeleteThatMeetsTheClientsRekeyIsLost",
     .play = at_once_but_lost(remove_ike, rekey_ike, End::Gateway),
     .options = kBegins,
     .set_ups = 2},
    {.name = "TheClientDeletes",
     .play = alone(End::Client, remove_ike),
     .options = kBegins,
     .set_ups = 2},
    {.name = "TheGatewayDeletes",
     .play = alone(End::Gateway, remove_ike),
     .options = kBegins,
     .set_ups = 2},
    {.name = "BothDelete",
     .play = at_once(remove_ike, remove_ike),
     .options = kBegins,
     .set_ups = 2},
};

class IkeCollisions : public Played {};
TEST_P(IkeCollisions, EndAsTheyShould) { play(GetParam(), std::nullopt); }
TEST_P(IkeCollisions, EndAsTheyShouldWithATakeoverBeforeEachMessage) {
  play_with_takeovers(GetParam());
}

INSTANTIATE_TEST_SUITE_P(Played, IkeCollisions, ::testing::ValuesIn(kScenarios), scenario_name);

}  // namespace
}  // namespace segw::exchanges
