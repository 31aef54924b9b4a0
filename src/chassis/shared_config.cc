#include "chassis/shared_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>

#include "chassis/settings_list.h"

// Each add() takes its struct apart by name, so that a new member does not compile until somebody
// has said here whether it must be equal.

namespace segw::chassis {
namespace {

template <typename T>
std::vector<uint16_t> ids_of(const std::vector<T>& entries) {
  std::vector<uint16_t> ids;
  ids.reserve(entries.size());
  for (const T& entry : entries) ids.push_back(entry.id);
  return ids;
}

void add(SettingsList& list, std::string_view name, const config::IcmpGeneration& limit) {
  const config::IcmpGeneration usual;
  const auto& [enabled, message_count, interval] = limit;
  list.add(fmt::format("{}/admin-state", name), enabled, usual.enabled);
  list.add(fmt::format("{}/message-count", name), message_count, usual.message_count);
  list.add(fmt::format("{}/interval", name), interval, usual.interval);
}

void add(SettingsList& list, const config::PacketOptions& options) {
  const config::PacketOptions usual;
  const auto& [clear_df_bit, copy_traffic_class, ip_mtu, encapsulated_ip_mtu, propagate_v4,
               propagate_v6, aging, icmp, icmp6, private_mss, public_mss, public_mss_auto] =
      options;
  list.add("clear-df-bit", clear_df_bit);
  list.add("copy-traffic-class-upon-decapsulation", copy_traffic_class);
  list.add("ip-mtu", ip_mtu);
  list.add("encapsulated-ip-mtu", encapsulated_ip_mtu);
  list.add("propagate-pmtu-v4", propagate_v4, usual.propagate_pmtu_v4);
  list.add("propagate-pmtu-v6", propagate_v6, usual.propagate_pmtu_v6);
  list.add("pmtu-discovery-aging", aging, usual.pmtu_discovery_aging);
  add(list, "icmp-generation", icmp);
  add(list, "icmp6-generation", icmp6);
  list.add("private-tcp-mss-adjust", private_mss);
  list.add("public-tcp-mss-adjust", public_mss);
  list.add("public-tcp-mss-adjust/auto", public_mss_auto);
}

void add(SettingsList& list, const config::PeerAuth& auth) {
  const auto& [cert_profile, trust_anchor_profile, unknown_is_good, local_id, remote_id, ppks,
               ppk_id] = auth;
  list.add("cert/cert-profile", cert_profile);
  list.add("cert/trust-anchor-profile", trust_anchor_profile);
  list.add("cert/status-verify/default-result/good", unknown_is_good);
  list.add("local-id", local_id);
  list.add("remote-id", remote_id);
  list.add("ppk/id", ppk_id);
  if (ppks == nullptr) return;
  for (const auto& [id, key] : *ppks) {
    list.add(fmt::format("ppk/list/ppk[id={}]", to_hex(id)), key);
  }
}

void add(SettingsList& list, const ike::IkeOptions& options) {
  const ike::IkeOptions usual;
  const auto& [fragments, lockout, reduced] = options;
  list.add("ike-version-2/ikev2-fragment", fragments.has_value());
  if (fragments) {
    const ike::FragmentSettings at_first;
    const auto& [mtu, timeout] = *fragments;
    list.add("ike-version-2/ikev2-fragment/mtu", mtu, at_first.mtu);
    list.add("ike-version-2/ikev2-fragment/reassembly-timeout", timeout,
             at_first.reassembly_timeout);
  }
  list.add("lockout", lockout.has_value());
  if (lockout) {
    const ike::LockoutSettings at_first;
    const auto& [attempts, duration, block, ports] = *lockout;
    list.add("lockout/failed-attempts", attempts, at_first.failed_attempts);
    list.add("lockout/duration", duration, at_first.duration);
    list.add("lockout/block", block, at_first.block);
    list.add("lockout/max-port-per-ip", ports, at_first.max_port_per_ip);
  }
  list.add("limit-init-exchange/reduced-max-exchange-timeout", reduced,
           usual.reduced_exchange_timeout);
}

void add(SettingsList& list, const config::IkePolicy& policy) {
  const config::IkePolicy usual;
  const auto& [id, transforms, auth_method, own_auth_method, match_peer_id, ppk_required, lifetime,
               pfs, nat, nat_force, nat_interval, nat_force_keep_alive, dpd, dpd_interval,
               dpd_max_retries, dpd_reply_only, options] = policy;
  list.add("ike-transform", ids_of(transforms));
  list.add("ike-version-2/auth-method", auth_method, usual.auth_method);
  list.add("ike-version-2/own-auth-method", own_auth_method, usual.own_auth_method);
  list.add("match-peer-id-to-cert", match_peer_id);
  list.add("ike-version-2/ppk-required", ppk_required);
  list.add("ipsec-lifetime", lifetime, usual.ipsec_lifetime);
  list.add("pfs/dh-group", pfs);
  list.add("nat-traversal", nat);
  list.add("nat-traversal/force", nat_force);
  list.add("nat-traversal/keep-alive-interval", nat_interval);
  list.add("nat-traversal/force-keep-alive", nat_force_keep_alive, usual.nat_force_keep_alive);
  list.add("dpd", dpd);
  list.add("dpd/interval", dpd_interval, usual.dpd_interval);
  list.add("dpd/max-retries", dpd_max_retries, usual.dpd_max_retries);
  list.add("dpd/reply-only", dpd_reply_only);
  add(list, options);
}

void add(SettingsList& list, const config::IkeTransform& transform) {
  const auto& [id, encryption, key_bits, integrity, prf, group, lifetime] = transform;
  list.add("ike-encryption-algorithm", std::vector{static_cast<uint16_t>(encryption), key_bits});
  list.add("ike-auth-algorithm", std::optional(integrity));
  list.add("ike-prf-algorithm", std::optional(prf));
  list.add("dh-group", std::optional(group));
  list.add("isakmp-lifetime", lifetime, config::IkeTransform{}.lifetime);
}

void add(SettingsList& list, const config::IpsecTransform& transform) {
  const auto& [id, suite, lifetime, pfs] = transform;
  const auto& [encryption, key_bits, integrity, extended] = suite;
  list.add("esp-encryption-algorithm", std::vector{static_cast<uint16_t>(encryption), key_bits});
  list.add("esp-auth-algorithm", std::optional(integrity));
  list.add("extended-sequence-number", extended);
  list.add("ipsec-lifetime", lifetime);
  list.add("pfs-dh-group", pfs);
}

void add(SettingsList& list, const config::TunnelTemplate& pattern) {
  const config::TunnelTemplate usual;
  const auto& [id, transforms, replay_window, reverse_route, ignore_default_route, packets] =
      pattern;
  list.add("ipsec-transform", ids_of(transforms));
  list.add("replay-window", replay_window, usual.replay_window);
  list.add("sp-reverse-route", reverse_route);
  list.add("ignore-default-route", ignore_default_route);
  add(list, packets);
}

void add(SettingsList& list, const config::TsList& selectors) {
  const auto& [name, local, remote] = selectors;
  for (size_t i = 0; i < local.size(); ++i) list.add(fmt::format("local/entry[{}]", i), local[i]);
  for (size_t i = 0; i < remote.size(); ++i) {
    list.add(fmt::format("remote/entry[{}]", i), remote[i]);
  }
}

// Which files certificates and revocation lists are in is each chassis' own matter.
void add(SettingsList& list, const config::CaProfile& profile) {
  const auto& [name, path, enabled, cert_file, crl_file, crl_optional] = profile;
  list.add("admin-state", enabled);
  list.add("revocation-check/crl-optional", crl_optional);
}

void add(SettingsList& list, const config::TrustAnchorProfile& profile) {
  const auto& [name, ca_profiles] = profile;
  list.add("trust-anchor", ca_profiles);
}

void add(SettingsList& list, const config::IpsecTunnel& tunnel) {
  const config::IpsecTunnel usual;
  // The number is made of the addresses; names of services mean the same to the operator on all
  // chassis, their numbers need not.
  const auto& [name, enabled, group, number, private_service, delivery_service, delivery_service_id,
               private_service_id, local_gateway, remote_gateway, key, auto_establish, auth,
               ike_policy, transforms, security_policy, security_policy_id, replay_window, packets,
               routed_prefixes] = tunnel;
  list.add("admin-state", enabled);
  list.add("service-name", private_service);
  list.add("tunnel-endpoint/delivery-service", delivery_service);
  list.add("tunnel-endpoint/local-gateway-address", std::optional(local_gateway));
  list.add("tunnel-endpoint/remote-ip-address", std::optional(remote_gateway));
  list.add("key-exchange/dynamic/pre-shared-key", key);
  list.add("key-exchange/dynamic/auto-establish", auto_establish);
  add(list, auth);
  list.add("key-exchange/dynamic/ike-policy", std::optional(ike_policy.id));
  list.add("key-exchange/dynamic/ipsec-transform", ids_of(transforms));
  list.add("security-policy/id", security_policy_id);
  for (size_t i = 0; i < security_policy.size(); ++i) {
    const auto& [id, local, remote] = security_policy[i];
    const std::string entry = fmt::format("security-policy/entry[{}.{}]", id, i);
    list.add(entry + "/local-ip", std::optional(local));
    list.add(entry + "/remote-ip", std::optional(remote));
  }
  list.add("replay-window", replay_window, usual.replay_window);
  add(list, packets);
  std::vector<IpPrefix> routes = routed_prefixes;
  std::ranges::sort(routes);
  for (const IpPrefix& prefix : routes) {
    list.add(fmt::format("static-routes/route[{}]", prefix.text()), true);
  }
}

void add(SettingsList& list, const config::IpsecGateway& gateway) {
  const config::IpsecGateway usual;
  const auto& [name, enabled, group, sap, delivery_service, delivery_service_id, private_service,
               private_service_id, private_interface, local_gateway, local_id, key, auth,
               ike_policy, tunnel_template, ts_list, client_db, fallback, clients, override_any] =
      gateway;
  list.add("admin-state", enabled);
  list.add("service-name", delivery_service);
  list.add("default-secure-service/service-name", private_service);
  list.add("default-secure-service/interface", private_interface);
  list.add("local/gateway-address", std::optional(local_gateway));
  list.add("local/id", local_id);
  list.add("pre-shared-key", key);
  add(list, auth);
  list.add("ike-policy", std::optional(ike_policy.id));
  if (tunnel_template) list.add("default-tunnel-template", std::optional(tunnel_template->id));
  if (ts_list) list.add("ts-list", ts_list->name);
  list.add("client-db/name", client_db);
  list.add("client-db/fallback", fallback, usual.fallback);
  list.add("reverse-route/override-any-idi", override_any);
}

void add(SettingsList& list, const config::GatewayClient& client) {
  const auto& [number, name, identity, peer, key, tunnel_template, ts_list] = client;
  list.add("client-name", name);
  list.add("identification/idi", identity);
  list.add("identification/peer-ip-prefix", peer);
  list.add("credential/pre-shared-key", key);
  if (tunnel_template) list.add("tunnel-template", std::optional(tunnel_template->id));
  if (ts_list) list.add("ts-list", ts_list->name);
}

// Its number may be another one there.
void add(SettingsList& list, const config::TunnelGroup& group) {
  const config::TunnelGroup usual;
  const auto& [id, enabled, tunnels_max, responder_only, rekeys_taken_over, spi_range_index,
               active_isa_number, isas, member_pool, reassembly_wait] = group;
  list.add("isa-scale-mode", std::optional(tunnels_max));
  list.add("ipsec-responder-only", responder_only);
  list.add("reassembly/max-wait-time", reassembly_wait, usual.reassembly_wait);
}

class Collector {
 public:
  // `part` lives as long as the configuration.
  template <typename T>
  void part(std::string path, const T& part) {
    if (parts_.contains(path)) return;
    const auto settings = [path, &part] {
      SettingsList list(path);
      add(list, part);
      return list;
    };
    parts_.emplace(path, mcs::ConfigPart{.path = path,
                                         .digest = settings().digest(),
                                         .settings = [settings] { return settings().digests(); }});
  }

  void policy(const config::IkePolicy& policy) {
    part(fmt::format("/configure/ipsec/ike-policy[id={}]", policy.id), policy);
    for (const config::IkeTransform& each : policy.transforms) {
      part(fmt::format("/configure/ipsec/ike-transform[id={}]", each.id), each);
    }
  }
  void transforms(const std::vector<config::IpsecTransform>& transforms) {
    for (const config::IpsecTransform& each : transforms) {
      part(fmt::format("/configure/ipsec/ipsec-transform[id={}]", each.id), each);
    }
  }
  void pattern(const std::shared_ptr<const config::TunnelTemplate>& pattern) {
    if (pattern == nullptr) return;
    part(fmt::format("/configure/ipsec/tunnel-template[id={}]", pattern->id), *pattern);
    transforms(pattern->transforms);
  }
  void selectors(const std::shared_ptr<const config::TsList>& list) {
    if (list != nullptr) part(fmt::format("/configure/ipsec/ts-list[name={}]", list->name), *list);
  }
  void trust(const config::Config& config, const std::string& profile) {
    const auto at =
        std::ranges::find(config.trust_anchor_profiles, profile, &config::TrustAnchorProfile::name);
    if (at == config.trust_anchor_profiles.end()) return;
    part(fmt::format("/configure/ipsec/trust-anchor-profile[name={}]", profile), *at);
    for (const std::string& name : at->ca_profiles) {
      const auto ca = std::ranges::find(config.ca_profiles, name, &config::CaProfile::name);
      if (ca == config.ca_profiles.end()) continue;
      part(fmt::format("/configure/system/security/pki/ca-profile[name={}]", name), *ca);
    }
  }
  mcs::SharedConfig take(std::shared_ptr<const config::Config> config) {
    std::vector<mcs::ConfigPart> parts;
    parts.reserve(parts_.size());
    for (auto& [path, part] : parts_) {
      // What the parts refer to lives as long as somebody can ask for it.
      part.settings = [settings = std::move(part.settings), config] { return settings(); };
      parts.push_back(std::move(part));
    }
    return mcs::SharedConfig(std::move(parts));
  }

 private:
  std::map<std::string, mcs::ConfigPart> parts_;
};

}  // namespace

mcs::SharedConfig shared_config(const std::shared_ptr<const config::Config>& config,
                                const config::TunnelGroup& group) {
  Collector collector;
  collector.part("/configure/isa/tunnel-group", group);
  for (const config::IpsecTunnel& tunnel : config->tunnels) {
    if (tunnel.group != group.id) continue;
    collector.part(fmt::format("ipsec-tunnel[name={}]", tunnel.name), tunnel);
    collector.policy(tunnel.ike_policy);
    collector.transforms(tunnel.transforms);
    collector.trust(*config, tunnel.auth.trust_anchor_profile);
  }
  for (const config::IpsecGateway& gateway : config->gateways) {
    if (gateway.group != group.id) continue;
    collector.part(fmt::format("ipsec-gateway[name={}]", gateway.name), gateway);
    collector.policy(gateway.ike_policy);
    collector.pattern(gateway.tunnel_template);
    collector.selectors(gateway.ts_list);
    collector.trust(*config, gateway.auth.trust_anchor_profile);
    for (const config::GatewayClient& client : gateway.clients) {
      collector.part(fmt::format("/configure/ipsec/client-db[name={}]/client[client-index={}]",
                                 gateway.client_db, client.number),
                     client);
      collector.pattern(client.tunnel_template);
      collector.selectors(client.ts_list);
    }
  }
  return collector.take(config);
}

}  // namespace segw::chassis
