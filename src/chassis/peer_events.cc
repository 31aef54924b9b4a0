#include "chassis/peer_events.h"

#include <fmt/format.h>

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

}  // namespace segw::chassis
