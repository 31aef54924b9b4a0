#pragma once

#include <map>
#include <memory>
#include <string>

#include "config/load.h"
#include "config/model.h"
#include "config/view.h"

namespace segw::config {

// The last check, and the typed configuration that comes out of it. Everything that the operator
// could have meant but that cannot work is filed in the draft's findings, with its path.
std::shared_ptr<const Config> build(Draft& draft, const PortsMap& ports);

// ---- its parts, each in a file of its own ----

using IkeTransforms = std::map<std::string, IkeTransform>;      // by id
using IkePolicies = std::map<std::string, IkePolicy>;           // by id
using IpsecTransforms = std::map<std::string, IpsecTransform>;  // by id

using TunnelTemplates = std::map<std::string, std::shared_ptr<const TunnelTemplate>>;  // by id
using TsLists = std::map<std::string, std::shared_ptr<const TsList>>;                  // by name

using PpkLists = std::map<std::string, std::shared_ptr<const PpkList>>;  // by name

struct IpsecParts {
  IkePolicies policies;
  IpsecTransforms transforms;
  TunnelTemplates templates;
  TsLists ts_lists;
  PpkLists ppk_lists;
};
IpsecParts build_ipsec(const View& ipsec);  // build_ipsec.cc
// Of an entry of ike-policy; build_ike_options.cc.
ike::IkeOptions build_ike_options(const View& policy);

// The domains first: what else there is of redundancy refers to them.
std::vector<Domain> build_domains(const View& root);                            // build_domains.cc
void check_domains(const View& root, const Config& config);                     // build_domains.cc
const Domain* domain_of(const Config& config, TunnelGroupId group);             // build_domains.cc
void build_isa(const View& root, Config& config);                               // build_isa.cc
std::vector<McPeer> build_peers(const View& root, const Config& config);        // build_peers.cc
void build_shunts(const View& root, Config& config);                            // build_shunts.cc
void build_services(const View& root, const PortsMap& ports, Config& config);   // build_service.cc
void build_tunnels(const View& root, const IpsecParts& parts, Config& config);  // build_tunnel.cc
TunnelTemplates build_templates(const View& ipsec, const IpsecTransforms& transforms);
PacketOptions packet_options(const View& entry);                                 // build_ts_list.cc
TsLists build_ts_lists(const View& ipsec);                                       // build_ts_list.cc
void build_gateways(const View& root, const IpsecParts& parts, Config& config);  // build_gateway.cc

// The clients of a client-db that can be served, each with its gateway's settings where it has
// none of its own; build_client_db.cc.
std::vector<GatewayClient> build_clients(const View& db, const IpsecParts& parts,
                                         const IpsecGateway& gateway);

// Nothing if a digit is missing or none.
[[nodiscard]] std::optional<Bytes> hex_bytes(std::string_view digits);

// Profiles of authorities, certificates and keys; build_pki.cc.
void build_pki(const View& root, Config& config);
PpkLists build_ppk_lists(const View& ipsec);
// `cert`, `id`, `remote-id` and `ppk` below `at`, and whether what `policy` needs is there.
PeerAuth build_peer_auth(const View& at, const IkePolicy& policy, const IpsecParts& parts,
                         const Config& config);

// What lies in several places of the tree at once; check.cc.
void check_addresses(const View& root, const Config& config);

// `tunnel-1.public:1`: nothing if `sap` is no tunnel SAP, an error if it is a bad one.
[[nodiscard]] std::optional<Result<Interface::TunnelSap>> parse_tunnel_sap(std::string_view sap);

// An IES is part of the base router: one routing instance. A VPRN is one of its own.
[[nodiscard]] std::string routing_instance(const Service& service);
// The subnet of the instance's interfaces that holds `address`, or nothing.
[[nodiscard]] std::optional<IpPrefix> connected(const Config& config, std::string_view instance,
                                                const IpAddress& address);

}  // namespace segw::config
