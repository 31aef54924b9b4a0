#pragma once

// A scenario is played as it is, and then again and again: with the gateway, or the end that stands
// for the client, replaced by its standby before the first message, the second, … the last.

#include <gtest/gtest.h>

#include "tests/exchanges/pair.h"

namespace segw::exchanges {

using Play = std::function<void(Pair&)>;
using Ask = std::function<void(Pair&, End)>;

struct Scenario {
  const char* name;
  Play play;                              // from an established pair on
  std::function<void(Pair&)> plain = {};  // holds at the end if nobody was replaced
  size_t children = 1;                    // CHILD SAs that are left at the end
  size_t ike_sas = 1;
  Options options = {};
  size_t set_ups = 1;  // how often the ends authenticate
};

inline const Options kBegins{.gateway_begins = true};

inline End other(End end) { return end == End::Gateway ? End::Client : End::Gateway; }

// By both ends together.
inline uint64_t counted(Pair& pair, std::string_view what) {
  return pair.gateway().counted(what) + pair.client().counted(what);
}

// Each end proposes a group first that the other one proposes last.
inline void other_groups(ike::GroupSettings& gateway, ike::GroupSettings& client) {
  const auto propose = [](ike::GroupSettings& settings, ike::Group first, ike::Group second) {
    auto& proposals = settings.tunnels.front().child_proposals;
    proposals = {proposals.front(), proposals.front()};
    proposals[0].pfs = first;
    proposals[1].pfs = second;
  };
  propose(gateway, ike::Group::Ecp256, ike::Group::Curve25519);
  propose(client, ike::Group::Curve25519, ike::Group::Ecp256);
}

// ---- what an end is asked for ----

inline void rekey_child(Pair& pair, End end) {
  pair.side(end).engine().rekey_child(pair.side(end).child());
}
inline void remove_child(Pair& pair, End end) {
  pair.side(end).engine().delete_child(pair.side(end).child());
}
inline void rekey_ike(Pair& pair, End end) {
  pair.side(end).engine().rekey_ike(pair.side(end).ike_sa());
}
inline void remove_ike(Pair& pair, End end) {
  pair.side(end).engine().delete_ike(pair.side(end).ike_sa());
}

// Both ask at once, and each message waits for the test.
inline void both(Pair& pair, const Ask& gateway, const Ask& client) {
  pair.hold();
  gateway(pair, End::Gateway);
  client(pair, End::Client);
}

// Of each of these ends in turn, the oldest message that is under way.
inline void deliver(Pair& pair, const std::vector<End>& from) {
  for (const End end : from) pair.deliver(end);
}

// ---- plays that are played with more than one kind of SA ----

inline Play alone(End end, const Ask& ask) {
  return [=](Pair& pair) { ask(pair, end); };
}

// Both ask, then so much is delivered, and what is left is late by `late`.
inline Play at_once(const Ask& gateway, const Ask& client, const std::vector<End>& delivered = {},
                    Duration late = {}) {
  return [=](Pair& pair) {
    both(pair, gateway, client);
    deliver(pair, delivered);
    pair.run_for(late);
  };
}

// Both ask, and the request of the one is lost.
inline Play at_once_but_lost(const Ask& gateway, const Ask& client, End lost) {
  return [=](Pair& pair) {
    both(pair, gateway, client);
    pair.lose(lost);
  };
}

inline Play request_lost(End end, const Ask& ask) {
  return [=](Pair& pair) {
    pair.hold();
    ask(pair, end);
    pair.lose(end);
    pair.release();
  };
}

inline Play answer_lost(End end, const Ask& ask) {
  return [=](Pair& pair) {
    pair.hold();
    ask(pair, end);
    pair.deliver(end);
    pair.lose(other(end));
    pair.release();
  };
}

// The gateway's request arrives when what the client asked for is done.
inline Play gateway_late(const Ask& ask) {
  return [=](Pair& pair) {
    pair.hold();
    ask(pair, End::Gateway);
    pair.lose(End::Gateway);  // it comes again in 2 s
    ask(pair, End::Client);
    deliver(pair, {End::Client, End::Gateway});
    pair.release();
  };
}

// `rekeys`: how their counters begin.
inline void expect_crossed(Pair& pair, const std::string& rekeys) {
  EXPECT_EQ(pair.gateway().counted(rekeys + "-crossed"), 1U)
      << pair.gateway().describe() << pair.client().describe();
  EXPECT_EQ(pair.client().counted(rekeys + "-crossed"), 1U);
  EXPECT_EQ(counted(pair, rekeys + "-lost"), 1U);
}

inline void PrintTo(const Scenario& scenario, std::ostream* out) { *out << scenario.name; }

// What holds however it was disturbed. Empty: all does.
inline std::string faults(Pair& pair, const Scenario& scenario) {
  std::string text;
  for (const End end : {End::Gateway, End::Client}) {
    Side& side = pair.side(end);
    size_t children = 0;
    for (const auto& [spi, sa] : side.state().child_sas) children += sa.rekeyed ? 0 : 1;
    if (children != scenario.children) text += side.name() + " has other CHILD SAs\n";
    if (side.state().child_sas.size() != scenario.children) {
      text += side.name() + " keeps old CHILD SAs\n";
    }
    if (side.count(ike::IkeState::Established) != scenario.ike_sas) {
      text += side.name() + " has other IKE SAs\n";
    }
    if (side.count(ike::IkeState::Rekeyed) + side.count(ike::IkeState::Candidate) != 0) {
      text += side.name() + " keeps old IKE SAs\n";
    }
    if (side.counted("established") != scenario.set_ups) {
      text += side.name() + " authenticated more or less often\n";
    }
  }
  if (!text.empty()) text += pair.gateway().describe() + pair.client().describe();
  return text + pair.differences();
}

class Played : public ::testing::TestWithParam<Scenario> {
 protected:
  // How many messages it took.
  static size_t play(const Scenario& scenario, std::optional<std::pair<size_t, End>> takeover) {
    Pair pair(scenario.options);
    if (takeover) pair.take_over_before(takeover->first, takeover->second);
    EXPECT_TRUE(pair.establish()) << pair.gateway().describe() << pair.client().describe();
    scenario.play(pair);
    pair.settle();
    if (!takeover && scenario.plain) scenario.plain(pair);
    const size_t messages = pair.messages();
    // Longer than old SAs are kept, and than lost messages are waited for.
    pair.run_for(std::chrono::minutes(5));
    EXPECT_EQ(faults(pair, scenario), "");
    return messages;
  }
  static void play_with_takeovers(const Scenario& scenario) {
    const size_t messages = play(scenario, std::nullopt);
    for (const End end : {End::Gateway, End::Client}) {
      for (size_t message = 0; message < messages; ++message) {
        play(scenario, std::pair(message, end));
        ASSERT_FALSE(HasFailure())
            << "message " << message << ", " << (end == End::Gateway ? "gateway" : "client");
      }
    }
  }
};

inline std::string scenario_name(const ::testing::TestParamInfo<Scenario>& tested) {
  return tested.param.name;
}

}  // namespace segw::exchanges
