// RFC 6311, redundancy rule 19: whatever is lost and whoever is replaced, an end refuses only
// numbers that the other one has skipped.
#include "tests/exchanges/scenario.h"

namespace segw::exchanges {
namespace {

using namespace std::chrono_literals;

// What the other end will send next lies above the edge.
void expect_skipped(Pair& pair) {
  for (const End end : {End::Gateway, End::Client}) {
    for (const auto& [spi, edge] : pair.side(end).edges()) {
      for (const auto& [unused, sa] : pair.side(other(end)).state().child_sas) {
        if (sa.outbound_spi != spi) continue;
        EXPECT_GT(sa.outbound_floor, edge) << pair.side(end).name() << " refuses all that comes";
      }
    }
  }
}

// Both are clusters that were taken over, and have heard each other.
void crash_both(Pair& pair) {
  pair.hold();
  for (const End end : {End::Gateway, End::Client}) {
    Side& side = pair.side(end);
    side.take_over(/*clean=*/false);
    side.engine().heard(side.ike_sa());
  }
  pair.run_for(200ms);
}

void expect_an_edge(Pair& pair) {
  EXPECT_FALSE(pair.gateway().edges().empty() && pair.client().edges().empty());
}

const Scenario kScenarios[] = {
    {.name = "OneSynchronisationIsGivenUpForTheOther",
     .play =
         [](Pair& pair) {
           crash_both(pair);
           pair.lose(End::Gateway);
           pair.deliver(End::Client);
           pair.release();
           pair.gateway().engine().ask_liveness(pair.gateway().ike_sa());
           pair.run_for(10s);
           expect_skipped(pair);
         },
     .plain = [](Pair& pair) { EXPECT_EQ(pair.gateway().edges().size(), 1U); }},
    {.name = "BothSynchronisationsCross",
     .play =
         [](Pair& pair) {
           crash_both(pair);
           pair.release();
           pair.run_for(10s);
           expect_skipped(pair);
         },
     .plain = expect_an_edge},
    {.name = "ARekeyOfTheIkeSaFollowsThem",
     .play =
         [](Pair& pair) {
           crash_both(pair);
           pair.lose(End::Client);
           pair.release();
           pair.run_for(1s);
           rekey_ike(pair, End::Client);
           pair.run_for(10s);
           expect_skipped(pair);
         },
     .plain = expect_an_edge},
};

class SkippedNumbers : public Played {};
TEST_P(SkippedNumbers, AreAllThatIsRefused) { play(GetParam(), std::nullopt); }
TEST_P(SkippedNumbers, AreAllThatIsRefusedWithATakeoverBeforeEachMessage) {
  play_with_takeovers(GetParam());
}

INSTANTIATE_TEST_SUITE_P(Played, SkippedNumbers, ::testing::ValuesIn(kScenarios), scenario_name);

}  // namespace
}  // namespace segw::exchanges
