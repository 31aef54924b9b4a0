// What else can happen around the rekey and the delete of a CHILD SA: answers and requests that are
// late, other ends that delete what they should not. docs/protocols/ikev2.md has the list.
#include "tests/exchanges/scenario.h"

namespace segw::exchanges {
namespace {

using namespace std::chrono_literals;
using ike::Group;

// Rekeys, and gives the old CHILD SA; it is kept for 3 minutes.
Spi old_after_rekey(Pair& pair, End by, End of) {
  const Spi old = pair.side(of).child();
  rekey_child(pair, by);
  pair.run_for(1s);
  return old;
}

Spi newer_child(Pair& pair, End end, Spi old) {
  for (const Spi spi : pair.side(end).children()) {
    if (spi != old) return spi;
  }
  return {};
}

// The client rekeys, and then `end` deletes what was made.
void remove_the_newer(Pair& pair, End end) {
  const Spi old = old_after_rekey(pair, End::Client, end);
  pair.side(end).engine().delete_child(newer_child(pair, end, old));
}

void remove_all(Pair& pair, End end) {
  for (const Spi spi : pair.side(end).children()) pair.side(end).engine().delete_child(spi);
}

// Both rekey, `first` has its answer, and the other's is still under way.
void collide(Pair& pair, End first) {
  both(pair, rekey_child, rekey_child);
  deliver(pair, {End::Gateway, End::Client, other(first)});
}

// And `first` deletes both before that.
void collide_and_remove(Pair& pair, End first) {
  collide(pair, first);
  remove_all(pair, first);
  pair.deliver_last(first);
}

// `late`'s request is on its way until the other's rekey is done and the old SA deleted.
void late_request(Pair& pair, End late, bool delete_new) {
  const End first = other(late);
  const Spi old = pair.side(first).child();
  pair.hold();
  rekey_child(pair, late);
  rekey_child(pair, first);
  pair.deliver(first);
  pair.deliver_last(late);  // the answer overtakes the request
  pair.side(first).engine().delete_child(old);
  pair.deliver(first);
  pair.deliver_last(late);
  if (!delete_new) return;
  remove_all(pair, first);
  pair.deliver(first);
  pair.deliver_last(late);
}

// The end that lost the collision deletes the old SA, which is the winner's to do, before its
// answer has arrived.
void incorrect_delete(Pair& pair, End wrong) {
  const Spi old = pair.side(wrong).child();
  collide(pair, wrong);
  pair.side(wrong).engine().delete_child(old);
  pair.deliver_last(wrong);
}

// The responder of a rekey deletes the new SA, and that arrives before the answer.
void new_one_deleted_first(Pair& pair, End by) {
  const End responder = other(by);
  const Spi old = pair.side(responder).child();
  pair.hold();
  rekey_child(pair, by);
  pair.deliver(by);
  pair.side(responder).engine().delete_child(newer_child(pair, responder, old));
  pair.deliver_last(responder);
  pair.deliver_last(responder);
}

// The client takes only the second of the gateway's groups.
void narrow_client(ike::GroupSettings& gateway, ike::GroupSettings& client) {
  other_groups(gateway, client);
  client.tunnels.front().child_proposals.resize(1);
}

const Scenario kScenarios[] = {
    {.name = "WhatIsRekeyedIsNotRekeyedByTheOtherEndToo",
     .play =
         [](Pair& pair) {
           const Spi old = old_after_rekey(pair, End::Client, End::Gateway);
           pair.gateway().engine().rekey_child(old);
           pair.run_for(1s);
         },
     .plain = [](Pair& pair) { EXPECT_EQ(pair.gateway().counted("own-requests"), 0U); }},
    {.name = "TheOldSaEndsAtTheResponderFirst",
     .play =
         [](Pair& pair) {
           const Spi old = old_after_rekey(pair, End::Client, End::Gateway);
           pair.gateway().engine().delete_child(old);
         }},
    {.name = "TheResponderDeletesTheNewSa",
     .play = [](Pair& pair) { remove_the_newer(pair, End::Gateway); },
     .options = kBegins},
    {.name = "TheInitiatorDeletesTheNewSa",
     .play = [](Pair& pair) { remove_the_newer(pair, End::Client); },
     .options = kBegins},
    {.name = "TheResponderHasLostTheSa",
     .play =
         [](Pair& pair) {
           pair.client().lose_child(pair.client().child());
           rekey_child(pair, End::Gateway);
         },
     .options = kBegins},
    {.name = "TheResponderDeletesTheOldSaBeforeItsAnswer",
     .play =
         [](Pair& pair) {
           const Spi old = pair.gateway().child();
           pair.hold();
           rekey_child(pair, End::Client);
           pair.deliver(End::Client);
           pair.gateway().engine().delete_child(old);
           pair.deliver_last(End::Gateway);
         }},
    {.name = "BothRekeyAndOneDeletesBothBeforeTheOtherAnswer",
     .play = [](Pair& pair) { collide_and_remove(pair, End::Gateway); },
     .options = kBegins},
    {.name = "BothRekeyAndTheOtherDeletesBothBeforeTheAnswer",
     .play = [](Pair& pair) { collide_and_remove(pair, End::Client); },
     .options = kBegins},
    {.name = "TheGatewaysRequestComesAfterTheOldSaIsDeleted",
     .play = [](Pair& pair) { late_request(pair, End::Gateway, false); }},
    {.name = "TheClientsRequestComesAfterTheOldSaIsDeleted",
     .play = [](Pair& pair) { late_request(pair, End::Client, false); }},
    {.name = "TheGatewaysRequestComesAfterBothAreDeleted",
     .play = [](Pair& pair) { late_request(pair, End::Gateway, true); },
     .options = kBegins},
    {.name = "TheClientsRequestComesAfterBothAreDeleted",
     .play = [](Pair& pair) { late_request(pair, End::Client, true); },
     .options = kBegins},
    {.name = "BothChangeTheirGroupsAndOneRetryIsLate",
     .play =
         [](Pair& pair) {
           both(pair, rekey_child, rekey_child);
           deliver(pair, {End::Gateway, End::Client});
           deliver(pair, {End::Gateway, End::Client});  // told of the group, each asks again
           pair.deliver(End::Client);                   // the client's second request
           pair.deliver_last(End::Gateway);
           pair.run_for(100ms);
         },
     .options = {.change = other_groups}},
    {.name = "AFurtherSaIsAskedForWithAnotherGroup",
     .play = [](Pair& pair) { pair.run_for(1s); },
     .plain = [](Pair& pair) { EXPECT_EQ(pair.gateway().counted("child-refused-17"), 1U); },
     .children = 2,
     .options = {.gateway_begins = true, .entries = 2, .change = narrow_client}},
    {.name = "TheGatewayDeletesTheOldSaThoughItIsNotItsToDo",
     .play = [](Pair& pair) { incorrect_delete(pair, End::Gateway); }},
    {.name = "TheClientDeletesTheOldSaThoughItIsNotItsToDo",
     .play = [](Pair& pair) { incorrect_delete(pair, End::Client); }},
    {.name = "TheNewSaIsDeletedBeforeTheClientHasItsAnswer",
     .play = [](Pair& pair) { new_one_deleted_first(pair, End::Client); },
     .options = kBegins},
    {.name = "TheNewSaIsDeletedBeforeTheGatewayHasItsAnswer",
     .play = [](Pair& pair) { new_one_deleted_first(pair, End::Gateway); },
     .options = kBegins},
    {.name = "OneRekeysWhileTheOtherDeletesTheIkeSa",
     .play = at_once(rekey_child, remove_ike),
     .options = kBegins,
     .set_ups = 2},
    {.name = "OneDeletesTheIkeSaWhileTheOtherRekeys",
     .play = at_once(remove_ike, rekey_child),
     .options = kBegins,
     .set_ups = 2},
    {.name = "BothDeleteAndOneIsLost",
     .play = at_once_but_lost(remove_child, remove_child, End::Gateway),
     .options = kBegins},
    {.name = "BothDeleteAndTheOtherIsLost",
     .play = at_once_but_lost(remove_child, remove_child, End::Client),
     .options = kBegins},
    {.name = "OneDeletesWhileTheOtherDeletesTheIkeSa",
     .play = at_once(remove_child, remove_ike),
     .options = kBegins,
     .set_ups = 2},
    {.name = "OneDeletesTheIkeSaWhileTheOtherDeletes",
     .play = at_once(remove_ike, remove_child),
     .options = kBegins,
     .set_ups = 2},
};

class ChildCollisions : public Played {};
TEST_P(ChildCollisions, EndAsTheyShould) { play(GetParam(), std::nullopt); }
TEST_P(ChildCollisions, EndAsTheyShouldWithATakeoverBeforeEachMessage) {
  play_with_takeovers(GetParam());
}

INSTANTIATE_TEST_SUITE_P(Played, ChildCollisions, ::testing::ValuesIn(kScenarios), scenario_name);

// The other end answers the rekey and then never again.
TEST(ChildDeletes, ATunnelThatEndsWithItsDeleteGoesDownOnce) {
  for (const bool taken_over : {false, true}) {
    Pair pair;
    ASSERT_TRUE(pair.establish());
    rekey_child(pair, End::Gateway);
    pair.run_for(3min - 1s);
    pair.hold();
    for (int i = 0; i < 300; ++i) {
      pair.run_for(1s);
      while (pair.lose(End::Gateway)) {
      }
      if (taken_over && i == 20) pair.gateway().take_over();
    }
    EXPECT_TRUE(pair.gateway().children().empty());
    EXPECT_EQ(pair.gateway().times_down(), 1U);
  }
}

}  // namespace
}  // namespace segw::exchanges
