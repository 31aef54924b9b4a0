#include "chassis/peer_events.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace segw::chassis {

void PeerEvents::look(Instant now, const PeerFacts& facts) {
  const auto tell = [&](Event event, std::string note, std::string text) {
    history_.add(now, std::move(note));
    log_.raise(event, "", std::move(text));
  };
  if (facts.reachable != reachable_) {
    reachable_ = facts.reachable;
    const std::string_view state = reachable_ ? "up" : "down";
    tell(Event::PeerState, fmt::format("peer is {}", state),
         fmt::format("The state of the multi-chassis peer {} changed to {}", peer_.text(), state));
  }
  const mcs::SyncState sync = facts.sync.value_or(mcs::SyncState::OutOfSync);
  if (sync != sync_) {
    sync_ = sync;
    tell(Event::PeerSync, fmt::format("{}", mcs::text(sync)),
         fmt::format("The Sync status of peer {} changed to {}", peer_.text(), mcs::text(sync)));
  }
  look_at_config(now, facts);
  const bool unusable = facts.unusable > 0;
  if (unusable == unusable_) return;
  unusable_ = unusable;
  if (unusable) {
    tell(Event::RecordsUnusable, fmt::format("{} records are not used", facts.unusable),
         fmt::format("{} records that are synchronised with peer {} cannot be used", facts.unusable,
                     peer_.text()));
  } else {
    tell(Event::RecordsUsable, "all records are used",
         fmt::format("all records that are synchronised with peer {} are used", peer_.text()));
  }
}

void PeerEvents::look_at_config(Instant now, const PeerFacts& facts) {
  constexpr size_t kNamed = 4;  // in the event; `show` names more
  const bool differs = facts.config_differs.value_or(config_differs_);
  if (differs == config_differs_) return;
  config_differs_ = differs;
  if (!differs) {
    history_.add(now, "the configurations are equal");
    log_.raise(Event::ConfigMismatchEnded, "",
               fmt::format("The configuration is the same as that of peer {}", peer_.text()));
    return;
  }
  const size_t named = std::min(facts.differing.size(), kNamed);
  const std::vector<std::string> first(facts.differing.begin(),
                                       facts.differing.begin() + static_cast<ptrdiff_t>(named));
  const std::string text =
      fmt::format("{}{}", fmt::join(first, ", "), facts.differing.size() > named ? ", ..." : "");
  history_.add(now, "the configurations differ: " + text);
  log_.raise(
      Event::ConfigMismatch, "",
      fmt::format("The configuration differs from that of peer {} in {}", peer_.text(), text));
}

}  // namespace segw::chassis
