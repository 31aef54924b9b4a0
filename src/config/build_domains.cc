#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "config/build.h"

// Domains: groups of up to four chassis that serve one tunnel group.

namespace segw::config {
namespace {

constexpr size_t kPeersMax = 3;

mimp::DesignatedRole designated_role(const View& entry) {
  return entry.text("designated-role") == "active" ? mimp::DesignatedRole::Active
                                                   : mimp::DesignatedRole::Standby;
}

View multi_chassis(const View& root) { return root.at("redundancy").at("multi-chassis"); }

std::vector<const McPeer*> peers_of(const Config& config, DomainId id) {
  std::vector<const McPeer*> peers;
  for (const McPeer& peer : config.peers) {
    if (std::ranges::find(peer.domains, id, &PeerDomain::id) != peer.domains.end()) {
      peers.push_back(&peer);
    }
  }
  return peers;
}

void check_domain(const View& entry, const Config& config, const Domain& domain) {
  if (!domain.enabled) return;
  const auto peers = peers_of(config, domain.id);
  if (peers.empty()) entry.refuse("is enabled, and no peer has it under mc-ipsec domain");
  if (config.system_address.unspecified()) {
    entry.refuse("is enabled, and interface \"system\" has no IPv4 address: it is the router id");
  }
  const auto family = [](const McPeer* peer) { return peer->address.family(); };
  if (std::ranges::adjacent_find(peers, std::ranges::not_equal_to{}, family) != peers.end()) {
    entry.refuse("has peers of both IP versions; one expected");
  }
}

// What a peer says of domains must fit them and what it says of single groups.
void check_peer(const View& entry, const Config& config, std::map<DomainId, size_t>& members) {
  const View mc_ipsec = entry.at("mc-ipsec");
  const View sync = entry.at("sync");
  for (const View& domain : mc_ipsec.each("domain")) {
    if (++members[DomainId{domain.number<uint16_t>("id")}] > kPeersMax) {
      domain.refuse(
          fmt::format("has {} peers already: a domain has at most four chassis", kPeersMax));
    }
    if (domain.enabled() && !(sync.exists() && sync.flag("ipsec"))) {
      domain.refuse("is enabled without sync ipsec true of the peer: its state would be lost");
    }
  }
  for (const View& list : {mc_ipsec, sync}) {
    for (const View& group : list.each("tunnel-group")) {
      const Domain* domain = domain_of(config, TunnelGroupId{group.number<uint16_t>("id")});
      if (domain == nullptr) continue;
      group.refuse(fmt::format("is the group of ipsec-domain {}; a group has a domain or one peer",
                               domain->id.value));
    }
  }
}

}  // namespace

const Domain* domain_of(const Config& config, TunnelGroupId group) {
  const auto at = std::ranges::find(config.domains, group, &Domain::group);
  return at == config.domains.end() ? nullptr : &*at;
}

std::vector<Domain> build_domains(const View& root) {
  std::vector<Domain> domains;
  std::map<TunnelGroupId, DomainId> owners;
  for (const View& entry : multi_chassis(root).each("ipsec-domain")) {
    const Domain domain{.id = DomainId{entry.number<uint16_t>("id")},
                        .enabled = entry.enabled(),
                        .role = designated_role(entry),
                        .priority = entry.number<uint8_t>("priority"),
                        .revertive = entry.flag("revertive"),
                        .group = TunnelGroupId{entry.number<uint16_t>("tunnel-group")}};
    const View group = entry.at("tunnel-group");
    if (group.exists()) {
      const auto [at, fresh] = owners.emplace(domain.group, domain.id);
      if (!fresh) {
        group.refuse(fmt::format("{} is the group of ipsec-domain {} already", domain.group.value,
                                 at->second.value));
      }
    } else if (domain.enabled && !group.was_refused()) {
      entry.refuse("is enabled without a tunnel-group");
    }
    domains.push_back(domain);
  }
  std::ranges::sort(domains, {}, &Domain::id);
  return domains;
}

void check_domains(const View& root, const Config& config) {
  for (const View& entry : multi_chassis(root).each("ipsec-domain")) {
    const DomainId id{entry.number<uint16_t>("id")};
    const auto domain = std::ranges::find(config.domains, id, &Domain::id);
    if (domain != config.domains.end()) check_domain(entry, config, *domain);
  }
  std::map<DomainId, size_t> members;
  for (const View& entry : multi_chassis(root).each("peer")) check_peer(entry, config, members);
}

}  // namespace segw::config
