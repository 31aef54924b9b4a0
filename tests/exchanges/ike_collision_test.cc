// What else can happen around the rekey and the delete of an IKE SA. docs/protocols/ikev2.md has
// the list.
#include <algorithm>

#include "tests/exchanges/scenario.h"

namespace segw::exchanges {
namespace {

using namespace std::chrono_literals;
using ike::Group;

const Options kBegins{.gateway_begins = true};

// Each end proposes another group first and takes only one of the other's.
Options other_groups() {
  Options options;
  options.change = [](ike::GroupSettings& gateway, ike::GroupSettings& client) {
    const auto first = [](ike::GroupSettings& settings, Group group) {
      auto& proposals = settings.tunnels.front().proposals;
      std::ranges::stable_partition(
          proposals, [&](const ike::Proposal& each) { return each.suite.group == group; });
    };
    first(gateway, Group::Ecp256);
    first(client, Group::Curve25519);
  };
  return options;
}

// An end whose SA has the group of the other's choice asks with it, and is told of its own.
void without(ike::GroupSettings& settings, Group group) {
  std::erase_if(settings.tunnels.front().proposals,
                [&](const ike::Proposal& each) { return each.suite.group == group; });
}

Options narrow_gateway() {
  Options options = other_groups();
  const auto before = options.change;
  options.change = [before](ike::GroupSettings& gateway, ike::GroupSettings& client) {
    before(gateway, client);
    without(gateway, Group::Curve25519);
  };
  return options;
}

// The delete of the old IKE SA, which follows a finished rekey, arrives after `late`'s request was
// refused.
void refused_before_the_delete(Pair& pair, End late) {
  const End first = late == End::Gateway ? End::Client : End::Gateway;
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
    {.name = "BothRekeyWithTheWrongGroup",
     .play = [](Pair& pair) { both(pair, rekey_ike, rekey_ike); },
     .options = other_groups()},
    {.name = "BothRekeyAndTheRetryOfOneIsLate",
     .play =
         [](Pair& pair) {
           both(pair, rekey_ike, rekey_ike);
           pair.deliver(End::Gateway);
           pair.deliver(End::Client);
           pair.deliver(End::Client);
           pair.deliver(End::Gateway);
           pair.deliver_last(End::Client);
           pair.deliver_last(End::Gateway);
           pair.run_for(100ms);
         },
     .options = narrow_gateway()},
    {.name = "TheGatewayIsRefusedBeforeTheDelete",
     .play = [](Pair& pair) { refused_before_the_delete(pair, End::Gateway); }},
    {.name = "TheClientIsRefusedBeforeTheDelete",
     .play = [](Pair& pair) { refused_before_the_delete(pair, End::Client); }},
    {.name = "OneRekeysWhileTheOtherDeletes",
     .play = [](Pair& pair) { both(pair, rekey_ike, remove_ike); },
     .options = kBegins,
     .set_ups = 2},
    {.name = "OneDeletesWhileTheOtherRekeys",
     .play = [](Pair& pair) { both(pair, remove_ike, rekey_ike); },
     .options = kBegins,
     .set_ups = 2},
    {.name = "TheDeleteThatMeetsARekeyIsLost",
     .play =
         [](Pair& pair) {
           both(pair, rekey_ike, remove_ike);
           pair.lose(End::Client);
         },
     .options = kBegins,
     .set_ups = 2},
    {.name = "TheDeleteThatMeetsTheClientsRekeyIsLost",
     .play =
         [](Pair& pair) {
           both(pair, remove_ike, rekey_ike);
           pair.lose(End::Gateway);
         },
     .options = kBegins,
     .set_ups = 2},
    {.name = "TheClientDeletes",
     .play = [](Pair& pair) { remove_ike(pair, End::Client); },
     .options = kBegins,
     .set_ups = 2},
    {.name = "TheGatewayDeletes",
     .play = [](Pair& pair) { remove_ike(pair, End::Gateway); },
     .options = kBegins,
     .set_ups = 2},
    {.name = "BothDelete",
     .play = [](Pair& pair) { both(pair, remove_ike, remove_ike); },
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
