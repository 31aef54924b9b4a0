#include "chassis/specs.h"

// What a gateway's configuration means to the IKE engine.

namespace segw::chassis {
namespace {

std::vector<esp::TrafficSelector> any_traffic() {
  std::vector<esp::TrafficSelector> any;
  for (const auto* text : {"0.0.0.0/0", "::/0"}) {
    const auto all = IpPrefix::parse(text);
    if (all) any.push_back(esp::TrafficSelector{.first = all->first(), .last = all->last()});
  }
  return any;
}

esp::ReverseRoute reverse_route(const config::TunnelTemplate& from) {
  if (!from.reverse_route) return esp::ReverseRoute::None;
  return from.ignore_default_route ? esp::ReverseRoute::NoDefault : esp::ReverseRoute::All;
}

ike::TunnelSettings settings_of(const config::IpsecGateway& gateway, const SecretBytes& key,
                                const config::TunnelTemplate& from, const config::TsList* list,
                                const Credentials& credentials) {
  ike::TunnelSettings settings;
  settings.index = ike::kDynamicTunnel;  // no tunnel's: each has a number of its own
  settings.name = gateway.name;
  settings.enabled = gateway.enabled;
  settings.local_gateway = gateway.local_gateway;
  config::PeerAuth auth = gateway.auth;
  auth.local_id = gateway.local_id;
  set_authentication(auth, gateway.ike_policy, credentials, settings);
  settings.pre_shared_key = key;
  settings.auth.any_remote_id = true;  // the client-db has compared it
  settings.nat_traversal = gateway.ike_policy.nat_traversal;
  settings.force_encapsulation = gateway.ike_policy.nat_traversal_force;
  settings.local_selectors = list == nullptr || list->local.empty() ? any_traffic() : list->local;
  settings.remote_selectors =
      list == nullptr || list->remote.empty() ? any_traffic() : list->remote;
  settings.replay_window = from.replay_window;
  settings.reverse_route = reverse_route(from);
  settings.dpd = gateway.ike_policy.dpd && !gateway.ike_policy.dpd_reply_only;
  settings.dpd_interval = gateway.ike_policy.dpd_interval;
  settings.dpd_max_retries = gateway.ike_policy.dpd_max_retries;
  settings.options = gateway.ike_policy.options;
  add_proposals(settings, gateway.ike_policy, from.transforms);
  return settings;
}

}  // namespace

ike::GatewaySettings gateway_settings(const config::IpsecGateway& gateway,
                                      const Credentials& credentials) {
  ike::GatewaySettings settings{
      .name = gateway.name,
      .enabled = gateway.enabled,
      .local_gateway = gateway.local_gateway,
      .own = settings_of(gateway, gateway.pre_shared_key, *gateway.tunnel_template,
                         gateway.ts_list.get(), credentials),
      .fallback = gateway.client_db.empty() || gateway.fallback,
      .override_any = gateway.override_any,
      .clients = {}};
  for (const config::GatewayClient& client : gateway.clients) {
    settings.clients.push_back(ike::ClientSettings{
        .number = client.number,
        .identity = client.identity,
        .peer = client.peer,
        .settings = settings_of(gateway, client.pre_shared_key, *client.tunnel_template,
                                client.ts_list.get(), credentials)});
  }
  return settings;
}

}  // namespace segw::chassis
