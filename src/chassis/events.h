#pragma once

// The events of the guide that this chassis raises, by the guide's names, numbers and severities;
// docs/manual/commands.md lists them for operators. `show log log-id 99` prints from here.

#include <cstdint>
#include <span>
#include <string_view>

#include "platform/platform.h"

namespace segw::chassis {

enum class Event : uint8_t {
  PeerState,       // of a multi-chassis peer: heard or not, by any group
  ConfigMismatch,  // what must be configured alike with a peer is not
  ConfigMismatchEnded,
  PeerSync,          // MCS of a peer
  RecordsUnusable,   // of what is synchronised with a peer, either way, something is not used
  RecordsUsable,     // no longer
  ClockSkew,         // the peer's clock is more than 60 s off
  ClockSkewEnded,    // no longer
  GroupMastership,   // of a pair
  GroupProtection,   // of a pair: nominal, notReady
  DomainActivity,    // of a domain
  DomainProtection,  // of a domain
  ActiveIsa,         // an ISA serves the group again
  NoActiveIsa,       // the group has none, and is out of service
  TunnelsLow,        // 90 % of what the group's ISAs may serve
  TunnelsHigh,       // 95 %
  TunnelsMost,       // all
  TunnelState,       // of a configured tunnel
  GatewayState,
  ClientTunnelRemoved,  // of a gateway's client
  BfdDown,              // the BFD session with a peer
  BfdUp,
};

struct EventKind {
  Event event;
  std::string_view name;
  std::string_view application;
  uint16_t id;  // within the application
  platform::Severity severity;
};

// In the order of Event.
[[nodiscard]] std::span<const EventKind> event_kinds();
[[nodiscard]] const EventKind& kind_of(Event event);
// By name; null: an event of our own, which the guide does not have.
[[nodiscard]] const EventKind* find_event(std::string_view name);

}  // namespace segw::chassis
