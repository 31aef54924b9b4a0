#include "chassis/events.h"

#include <algorithm>
#include <array>

#include "base/assert.h"

namespace segw::chassis {
namespace {

using enum platform::Severity;
constexpr std::string_view kRedundancy = "MC_REDUNDANCY";
constexpr std::string_view kChassis = "CHASSIS";
constexpr std::string_view kIpsec = "IPSEC";
constexpr std::string_view kRouting = "VRTR";

// sros-facts §13; severities that it leaves open are ours (docs/decisions/0091).
// NOLINTBEGIN(modernize-use-designated-initializers): a table.
constexpr std::array kKinds = {
    EventKind{Event::PeerState, "tmnxMcRedundancyPeerStateChanged", kRedundancy, 2001, Warning},
    EventKind{Event::ConfigMismatch, "tmnxMcRedundancyMismatchDetected", kRedundancy, 2002,
              Warning},
    EventKind{Event::ConfigMismatchEnded, "tmnxMcRedundancyMismatchResolved", kRedundancy, 2003,
              Warning},
    EventKind{Event::PeerSync, "tmnxMcPeerSyncStatusChanged", kRedundancy, 2004, Warning},
    EventKind{Event::RecordsUnusable, "tmnxMcSyncClientAlarmRaised", kRedundancy, 2005, Warning},
    EventKind{Event::RecordsUsable, "tmnxMcSyncClientAlarmCleared", kRedundancy, 2006, Warning},
    EventKind{Event::ClockSkew, "tmnxMcSyncClockSkewRaised", kRedundancy, 2019, Warning},
    EventKind{Event::ClockSkewEnded, "tmnxMcSyncClockSkewCleared", kRedundancy, 2020, Warning},
    EventKind{Event::GroupMastership, "tMcPeerIPsecTnlGrpMasterStateChg", kRedundancy, 2035,
              Warning},
    EventKind{Event::GroupProtection, "tMcPeerIPsecTnlGrpProtStatusChg", kRedundancy, 2036,
              Warning},
    EventKind{Event::DomainActivity, "tMcIPsecDomainActivityStateChg", kRedundancy, 2046, Warning},
    EventKind{Event::DomainProtection, "tMcIpsecDomainProtStatusChg", kRedundancy, 2047, Warning},
    EventKind{Event::ActiveIsa, "tmnxIPsecIsaGrpActiveIsaChgd", kChassis, 2062, Minor},
    EventKind{Event::NoActiveIsa, "tmnxIPsecIsaGrpUnableToSwitch", kChassis, 2064, Major},
    EventKind{Event::TunnelsLow, "tmnxIPsecIsaGrpTnlLowWMark", kChassis, 2065, Minor},
    EventKind{Event::TunnelsHigh, "tmnxIPsecIsaGrpTnlHighWMark", kChassis, 2066, Major},
    EventKind{Event::TunnelsMost, "tmnxIPsecIsaGrpTnlMax", kChassis, 2067, Major},
    EventKind{Event::TunnelState, "tIPsecTunnelOperStateChange", kIpsec, 2011, Minor},
    EventKind{Event::GatewayState, "tIPsecGWOperStateChange", kIpsec, 2012, Minor},
    EventKind{Event::ClientTunnelRemoved, "tIPsecRUTnlRemoved", kIpsec, 2013, Minor},
    EventKind{Event::BfdDown, "tmnxVRtrBfdExtSessDown", kRouting, 2061, Minor},
    EventKind{Event::BfdUp, "tmnxVRtrBfdExtSessUp", kRouting, 2062, Minor},
};
// NOLINTEND(modernize-use-designated-initializers)

}  // namespace

std::span<const EventKind> event_kinds() { return kKinds; }

const EventKind& kind_of(Event event) {
  const EventKind& kind = kKinds.at(static_cast<size_t>(event));
  SEGW_ASSERT(kind.event == event);
  return kind;
}

const EventKind* find_event(std::string_view name) {
  const auto* const at = std::ranges::find(kKinds, name, &EventKind::name);
  return at == kKinds.end() ? nullptr : at;
}

}  // namespace segw::chassis
