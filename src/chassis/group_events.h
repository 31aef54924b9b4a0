#pragma once

// What of a tunnel group is an event (chassis/events.h), told once for each change: its role,
// whether it is protected, how full its ISAs are, and whether it has one.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/history.h"
#include "base/ids.h"
#include "base/ip_address.h"
#include "chassis/event_log.h"
#include "mimp/mimp_service.h"

namespace segw::chassis {

class GroupEvents {
 public:
  struct Names {
    TunnelGroupId group;
    std::optional<DomainId> domain;  // nothing: a pair, or alone
    std::string peer;                // of a pair; empty: alone
  };

  GroupEvents(EventLog& log, Names names) : log_(log), names_(std::move(names)) {}

  // `active`: router id, of a domain.
  void role(const mimp::RoleChange& change, const std::optional<IpAddress>& active);
  // `why_not`: empty where it is nominal.
  void protection(Instant now, std::string_view why_not);
  // `most`: what its ISAs may serve. Told again only after the count fell below 90 %.
  void tunnels(uint64_t count, uint64_t most);
  void isa_ready(std::string_view isa);
  void isa_down(std::string_view why);
  void tunnel(std::string_view name, bool up);
  void gateway(std::string_view name, bool up);
  void client_removed(std::string_view client, std::string_view gateway);

  [[nodiscard]] const History& history() const { return history_; }  // of the protection status

 private:
  [[nodiscard]] std::string subject() const;

  EventLog& log_;
  Names names_;
  bool nominal_ = false;
  std::optional<Event> mark_;  // the highest that was told
  History history_;
};

// By time.
[[nodiscard]] std::vector<History::Entry> merged(const History& one, const History& other);

}  // namespace segw::chassis
