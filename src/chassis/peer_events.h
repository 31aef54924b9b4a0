#pragma once

// What of a multi-chassis peer is an event (chassis/events.h), told once for each change, over all
// groups that are shared with it.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/history.h"
#include "base/ip_address.h"
#include "chassis/event_log.h"
#include "mcs/mcs_service.h"

namespace segw::chassis {

struct PeerFacts {
  bool reachable = false;              // by MIMP of any group
  std::optional<mcs::SyncState> sync;  // the worst of all groups; nothing: none is synchronised
  uint64_t unusable = 0;               // records, here or there
  // Whether what must be configured alike is: of all groups that know; nothing: none does.
  std::optional<bool> config_differs;
  std::vector<std::string> differing;  // where, as far as it is named

  void add_sync(mcs::SyncState state) { sync = sync ? std::max(*sync, state) : state; }
  void add_config(const mcs::ConfigComparison& config) {
    using Result = mcs::ConfigComparison::Result;
    if (config.result == Result::Unknown) return;
    config_differs = config_differs.value_or(false) || config.result == Result::Differs;
    differing.insert(differing.end(), config.paths.begin(), config.paths.end());
  }
};

class PeerEvents {
 public:
  PeerEvents(EventLog& log, IpAddress peer) : log_(log), peer_(peer) {}
  void look(Instant now, const PeerFacts& facts);
  [[nodiscard]] const History& history() const { return history_; }

 private:
  void look_at_config(Instant now, const PeerFacts& facts);

  EventLog& log_;
  IpAddress peer_;
  bool reachable_ = false;
  mcs::SyncState sync_ = mcs::SyncState::OutOfSync;
  bool unusable_ = false;
  bool config_differs_ = false;
  History history_;
};

}  // namespace segw::chassis
