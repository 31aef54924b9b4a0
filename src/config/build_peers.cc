#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "config/build.h"

namespace segw::config {
namespace {

bool unicast(const IpAddress& address) {
  if (address.unspecified()) return false;
  const uint8_t first = address.bytes().front();
  return address.is_v4() ? first < 224 && first != 127 && first != 0 : first != 0xFF;
}

bool is_own(const Config& config, const IpAddress& address) {
  for (const Service& service : config.services) {
    if (service.kind == Service::Kind::Vprn) continue;
    for (const Interface& interface : service.interfaces) {
      const auto& own = address.is_v4() ? interface.address : interface.address_v6;
      if (own && own->address == address) return true;
    }
  }
  return false;
}

// The address of interface "system", of the family of `peer`.
IpAddress system_address(const Config& config, const IpAddress& peer) {
  if (peer.is_v4()) return config.system_address;
  for (const Interface& interface : config.services.front().interfaces) {
    if (interface.name == "system" && interface.address_v6) return interface.address_v6->address;
  }
  return config.system_address;
}

std::map<uint16_t, std::string> sync_tags(const View& sync) {
  std::map<uint16_t, std::string> tags;
  std::set<std::string> seen;
  for (const View& entry : sync.each("tunnel-group")) {
    const std::string tag = entry.text("sync-tag");
    if (!seen.insert(tag).second) {
      entry.at("sync-tag").refuse(fmt::format("\"{}\" already names another group", tag));
    }
    tags.emplace(entry.number<uint16_t>("id"), tag);
  }
  return tags;
}

void read_groups(const View& mc_ipsec, const View& sync, McPeer& peer) {
  const auto tags = sync_tags(sync);
  std::set<TunnelGroupId> theirs;
  for (const View& entry : mc_ipsec.each("tunnel-group")) {
    PeerTunnelGroup group;
    group.id = TunnelGroupId{entry.number<uint16_t>("id")};
    group.enabled = entry.enabled();
    group.peer_group = TunnelGroupId{entry.number<uint16_t>("peer-group")};
    group.priority = entry.number<uint8_t>("priority");
    const auto tag = tags.find(group.id.value);
    if (tag != tags.end()) group.sync_tag = tag->second;
    const TunnelGroupId at_peer = group.peer_group.value == 0 ? group.id : group.peer_group;
    if (!theirs.insert(at_peer).second) {
      entry.refuse(fmt::format("the peer's tunnel-group {} is taken by another group of ours",
                               at_peer.value));
    }
    peer.tunnel_groups.push_back(std::move(group));
  }
}

void read_domains(const View& mc_ipsec, McPeer& peer) {
  for (const View& entry : mc_ipsec.each("domain")) {
    peer.domains.push_back(
        PeerDomain{.id = DomainId{entry.number<uint16_t>("id")}, .enabled = entry.enabled()});
  }
}

// Its settings are those of the interface that the source address is of.
void check_bfd(const View& leaf, const Config& config, const McPeer& peer) {
  if (!peer.bfd_liveness || !peer.enabled) return;
  for (const Service& service : config.services) {
    if (service.kind == Service::Kind::Vprn) continue;
    for (const Interface& interface : service.interfaces) {
      const bool v4 = peer.source_address.is_v4();
      const auto& own = v4 ? interface.address : interface.address_v6;
      if (!own || own->address != peer.source_address) continue;
      if ((v4 ? interface.bfd : interface.bfd_v6).enabled) return;
      leaf.warn("MC_BFD_DISABLED",
                fmt::format("has no effect: interface \"{}\" has no {} bfd admin-state enable",
                            interface.name, v4 ? "ipv4" : "ipv6"));
      return;
    }
  }
}

void read_mc_ipsec(const View& mc_ipsec, const View& sync, McPeer& peer) {
  peer.mc_ipsec = mc_ipsec.exists();
  if (!peer.mc_ipsec) return;
  peer.bfd_liveness = mc_ipsec.flag("bfd-liveness");
  peer.hold_on_neighbor_failure = mc_ipsec.number<uint8_t>("hold-on-neighbor-failure");
  constexpr auto kDecisecond = std::chrono::milliseconds(100);
  peer.keep_alive_interval = kDecisecond * mc_ipsec.number<uint16_t>("keep-alive-interval");
  const View discovery = mc_ipsec.at("discovery-interval");
  peer.discovery_interval = std::chrono::seconds(discovery.number<uint16_t>("interval-secs"));
  peer.discovery_interval_boot = peer.discovery_interval;
  if (discovery.at("boot").exists()) {
    peer.discovery_interval_boot = std::chrono::seconds(discovery.number<uint16_t>("boot"));
  }
  read_groups(mc_ipsec, sync, peer);
  read_domains(mc_ipsec, peer);
}

void read_addresses(const View& entry, const Config& config, McPeer& peer) {
  peer.address = entry.address("ip-address").value_or(IpAddress{});
  if (!unicast(peer.address)) entry.refuse("is no unicast address");
  if (is_own(config, peer.address)) entry.refuse("is an address of this chassis");
  const View source = entry.at("source-address");
  if (source.exists()) {
    peer.source_address = entry.address("source-address").value_or(IpAddress{});
    if (!is_own(config, peer.source_address)) {
      source.refuse("is no address of an interface of router \"Base\" or an IES");
    }
  } else {
    peer.source_address = system_address(config, peer.address);
    if (peer.source_address.unspecified()) {
      source.refuse("must be set, since interface \"system\" has no address");
    }
  }
  if (peer.source_address.family() != peer.address.family() && !peer.source_address.unspecified()) {
    entry.refuse("is of another address family than our source address");
  }
}

void read_second_key(const View& leaf, McPeer& peer) {
  if (!leaf.exists()) return;
  peer.second_authentication_key = SecretBytes(as_bytes(leaf.value()));
  if (peer.authentication_key.empty())
    leaf.refuse("needs an authentication-key, to which it is second");
  if (peer.second_authentication_key == peer.authentication_key) {
    leaf.refuse("is the authentication-key");
  }
}

}  // namespace

std::vector<McPeer> build_peers(const View& root, const Config& config) {
  std::vector<McPeer> peers;
  std::map<TunnelGroupId, std::string> shared;  // group -> peer that has it
  for (const View& entry : root.at("redundancy").at("multi-chassis").each("peer")) {
    McPeer peer;
    read_addresses(entry, config, peer);
    peer.name = entry.text("peer-name");
    peer.description = entry.text("description");
    peer.enabled = entry.enabled();
    peer.authentication_key = SecretBytes(as_bytes(entry.text("authentication-key")));
    read_second_key(entry.at("second-authentication-key"), peer);
    const View sync = entry.at("sync");
    peer.sync_enabled = sync.exists() && sync.enabled();
    peer.sync_ipsec = sync.exists() && sync.flag("ipsec");
    const View mc_ipsec = entry.at("mc-ipsec");
    read_mc_ipsec(mc_ipsec, sync, peer);
    check_bfd(mc_ipsec.at("bfd-liveness"), config, peer);
    for (const View& group : mc_ipsec.each("tunnel-group")) {
      const auto [at, fresh] =
          shared.emplace(TunnelGroupId{group.number<uint16_t>("id")}, peer.address.text());
      if (!fresh) group.refuse(fmt::format("is shared with peer {} already", at->second));
    }
    peers.push_back(std::move(peer));
  }
  return peers;
}

}  // namespace segw::config
