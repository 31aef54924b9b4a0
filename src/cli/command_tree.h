#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace segw::cli {

enum class Action : uint8_t {
  ShowPeer,
  ShowPeerDetail,
  ShowSync,
  ShowMultiChassis,
  ShowDomains,
  ShowDomain,
  ShowDomainDetail,
  ShowBfdSessions,
  ShowTunnels,
  ShowTunnel,
  ShowGateways,
  ShowGateway,
  ShowGatewayTunnels,
  ShowGatewayTunnel,
  ShowConfigured,
  ShowTunnelGroups,
  ShowPools,
  ShowPool,
  ShowPoolDetail,
  ShowShunts,    // with a name, or
  ShowShuntsOf,  // of a service
  ShowProfiles,
  ShowProfilesOf,
  ShowCounters,
  ShowLog,
  ShowVersion,
  Info,
  ForceSwitchover,
  ForceSwitchoverNow,
  MoveDomain,  // force-switchover of a domain: by election, or to the second argument
  MoveDomainNow,
  ExportKeys,
  ReloadCertificates,
  ReloadKeys,
  ClearTunnel,
  ClearClient,
  Trace,
  TraceDetail,
  TraceKeys,
  TraceOff,
  RekeyChild,  // these five: with a tunnel's name, or a gateway's and a client's
  RekeyIke,
  DeleteChild,
  DeleteIke,
  Liveness,
  ShowTrace,
};

struct Command {
  Action action = Action::ShowVersion;
  std::vector<std::string> arguments;  // what stood in the <…> places
  std::string_view list;               // ShowConfigured: of the configuration
  bool json = false;                   // | json
};

// Understands a line. Words may be cut short as long as one word only is meant. The error lists
// what was expected at the first word that does not fit.
[[nodiscard]] Result<Command> parse_command(std::string_view line);

// All commands, <name> where an argument stands; one a line is what `segw --help` shows.
[[nodiscard]] std::vector<std::string_view> command_forms();

}  // namespace segw::cli
