#pragma once

// What the configuration means to the other rooms: pure functions from config::Config.

#include <optional>
#include <vector>

#include "bfd/service.h"
#include "chassis/credentials.h"
#include "chassis/group_peer.h"
#include "config/model.h"
#include "ike/engine.h"
#include "isa/isa_wire.h"
#include "mimp/mimp_service.h"
#include "platform/platform.h"

namespace segw::chassis {

constexpr uint8_t kPairSlots = 2;
constexpr uint8_t kDomainSlots = 4;
// After a takeover, for each tunnel group (docs/decisions/0098).
constexpr uint32_t kRekeysPerSecond = 50;

// The base router with every IES, then each VPRN.
std::vector<platform::ServiceSpec> service_specs(const config::Config& config);

// Where one tunnel group's traffic comes in, and the ways to its peers. Nothing if the group has no
// tunnel interface.
std::optional<platform::SteeringSpec> steering_spec(const config::Config& config,
                                                    const config::TunnelGroup& group,
                                                    const std::vector<GroupPeer>& peers);

std::optional<platform::IsaSpec> isa_spec(const config::Config& config,
                                          const config::TunnelGroup& group);

isa::Setup isa_setup(const config::Config& config, const config::TunnelGroup& group, Slot slot,
                     uint16_t public_mtu = 1500);

// After how long a silence an ISA is taken for hung: half of the shortest hold, at most a second.
Duration isa_silence_max(const std::vector<GroupPeer>& peers);

// A client's own template, or that of the gateway; `client` 0: no entry of the client-db.
const config::TunnelTemplate* template_of(const config::IpsecGateway& gateway, uint16_t client);

// What the operator chose for the packets of a tunnel; of one made on demand, its client's
// template. `behind_nat`: this end of it is.
esp::TunnelOptions tunnel_options(const config::Config& config, const config::IpsecTunnel* tunnel,
                                  const std::optional<ike::DynamicTunnel>& dynamic,
                                  bool behind_nat);

// Our slot (redundancy rule 13): spi-range-index − 1, or the rank among the members' addresses.
Slot slot_of(const config::TunnelGroup& group, const std::vector<const config::McPeer*>& peers);

// gateway_specs.cc
ike::GatewaySettings gateway_settings(const config::IpsecGateway& gateway,
                                      const Credentials& credentials);

// The algorithms and lifetimes of a tunnel.
void add_proposals(ike::TunnelSettings& settings, const config::IkePolicy& policy,
                   const std::vector<config::IpsecTransform>& transforms);
ike::Identity address_identity(const IpAddress& address);

// `slots`: of the sequence spaces of new SAs (redundancy rule 11).
ike::GroupSettings ike_settings(const config::Config& config, const config::TunnelGroup& group,
                                Slot slot, const std::array<uint8_t, 16>& incarnation,
                                const Credentials& credentials = {}, uint8_t slots = kPairSlots);

// `domain` null: a pair, of one peer.
mimp::Settings mimp_settings(const config::Config& config, const config::TunnelGroup& group,
                             const config::Domain* domain, const std::vector<GroupPeer>& peers);

// Nothing if the peer wants no BFD, or the interface that owns our source address runs none.
// Single-hop if the peer is in that interface's subnet, else multihop.
std::optional<bfd::PeerSettings> bfd_settings(const config::Config& config,
                                              const config::McPeer& peer, const SharedKeys& keys);

}  // namespace segw::chassis
