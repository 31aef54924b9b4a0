// An end that is a cluster comes back without what it said last (RFC 6311), and a planned takeover
// of either end falls between any two of the messages that follow.
#include "tests/exchanges/scenario.h"

namespace segw::exchanges {
namespace {

using namespace std::chrono_literals;

// `end` is taken over without a grant, and the other one says something: it is heard.
void crash(Pair& pair, End end) {
  pair.hold();
  pair.side(end).take_over(/*clean=*/false);
  pair.side(other(end)).engine().ask_liveness(pair.side(other(end)).ike_sa());
}

// And then everything arrives.
Play crashed(End end) {
  return [end](Pair& pair) {
    crash(pair, end);
    pair.release();
  };
}

void expect_synchronised(Pair& pair) {
  EXPECT_EQ(counted(pair, "syncs-done"), 1U);
  EXPECT_EQ(counted(pair, "syncs-answered"), 1U);
  EXPECT_EQ(pair.gateway().edges().size() + pair.client().edges().size(), 1U)
      << "and the ESP numbers with them";
}

const Scenario kScenarios[] = {
    {.name = "TheClientSynchronises", .play = crashed(End::Client), .plain = expect_synchronised},
    {.name = "TheGatewaySynchronises", .play = crashed(End::Gateway), .plain = expect_synchronised},
    {.name = "TheAnswerIsLostAndAnotherAttemptMade",
     .play =
         [](Pair& pair) {
           crash(pair, End::Client);
           pair.deliver(End::Gateway);  // liveness
           pair.deliver(End::Client);
           pair.run_for(200ms);
           pair.deliver(End::Client);  // the synchronisation
           pair.lose(End::Gateway);
           pair.run_for(5s);
         }},
    {.name = "ASynchronisationComesTwice",
     .play =
         [](Pair& pair) {
           crash(pair, End::Client);
           pair.deliver(End::Gateway);
           pair.deliver(End::Client);
           pair.run_for(200ms);
           pair.repeat(End::Client);
           pair.release();
           pair.run_for(200ms);
         },
     .plain =
         [](Pair& pair) {
           expect_synchronised(pair);
           EXPECT_EQ(pair.gateway().counted("sync-stale"), 1U);
         }},
    {.name = "ItMeetsARequestThatIsUnderWay",
     .play =
         [](Pair& pair) {
           pair.hold();
           rekey_child(pair, End::Gateway);
           pair.client().take_over(/*clean=*/false);
           pair.deliver(End::Gateway);  // the client hears it, makes the SA and answers
           pair.lose(End::Client);
           pair.run_for(200ms);
           pair.release();
         }},
    {.name = "BothEndsAreTakenOver",
     .play =
         [](Pair& pair) {
           pair.hold();
           pair.client().take_over(/*clean=*/false);
           crash(pair, End::Gateway);
           pair.release();
           pair.run_for(1s);
           rekey_child(pair, End::Client);
         }},
    {.name = "ARekeyOfTheIkeSaFollows",
     .play =
         [](Pair& pair) {
           crash(pair, End::Gateway);
           pair.release();
           pair.run_for(1s);
           rekey_ike(pair, End::Client);
         }},
};

class Synchronised : public Played {};
TEST_P(Synchronised, EndAsTheyShould) { play(GetParam(), std::nullopt); }
TEST_P(Synchronised, EndAsTheyShouldWithATakeoverBeforeEachMessage) {
  play_with_takeovers(GetParam());
}

INSTANTIATE_TEST_SUITE_P(Played, Synchronised, ::testing::ValuesIn(kScenarios), scenario_name);

}  // namespace
}  // namespace segw::exchanges
