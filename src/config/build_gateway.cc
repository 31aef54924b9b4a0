#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "config/build.h"

namespace segw::config {
namespace {

const Service* find_service(const Config& config, std::string_view name) {
  const auto at = std::ranges::find(config.services, name, &Service::name);
  return at == config.services.end() ? nullptr : &*at;
}

const Interface* find_interface(const Service& service, std::string_view name) {
  const auto at = std::ranges::find(service.interfaces, name, &Interface::name);
  return at == service.interfaces.end() ? nullptr : &*at;
}

std::optional<ike::Identity> local_identity(const View& id) {
  for (const auto& [leaf, type] :
       {std::pair("ipv4", ike::kIdIpv4), std::pair("ipv6", ike::kIdIpv6)}) {
    if (const auto address = id.address(leaf)) {
      return ike::Identity{.type = type, .data = to_bytes(address->bytes())};
    }
  }
  const View fqdn = id.at("fqdn");
  if (!fqdn.exists()) return std::nullopt;
  return ike::Identity{.type = ike::kIdFqdn, .data = to_bytes(as_bytes(fqdn.value()))};
}

class GatewayBuilder {
 public:
  GatewayBuilder(const View& root, const IpsecParts& parts, Config& config)
      : root_(root), parts_(parts), config_(config) {}

  void read_services(const char* kind) {
    for (const View& service : root_.at("service").each(kind)) {
      for (const View& interface : service.each("interface")) {
        if (!interface.enabled()) continue;
        for (const View& sap : interface.each("sap")) read_sap(service, interface, sap);
      }
    }
  }

  // Every chassis comes to the same order, however its configuration was made.
  void finish() {
    std::ranges::sort(config_.gateways, {}, [](const IpsecGateway& gateway) {
      return std::tuple(gateway.group, gateway.local_gateway);
    });
  }

 private:
  void read_sap(const View& service, const View& interface, const View& sap) {
    const auto parsed = parse_tunnel_sap(sap.text("sap-id"));
    const bool is_public = parsed && *parsed && (*parsed)->is_public;
    for (const View& entry : sap.each("ipsec-gateway")) {
      if (!is_public) {
        entry.refuse("a gateway belongs under a sap tunnel-N.public:T");
        continue;
      }
      IpsecGateway gateway;
      gateway.name = entry.text("name");
      gateway.group = (*parsed)->group;
      gateway.sap = sap.text("sap-id");
      gateway.delivery_service = service.text("service-name");
      gateway.delivery_service_id = service.number<uint32_t>("service-id");
      gateway.enabled = entry.enabled() && service.enabled();
      if (!names_.insert(gateway.name).second) entry.refuse("another gateway has this name");
      read_gateway(interface, entry, gateway);
      config_.gateways.push_back(std::move(gateway));
    }
  }

  void read_gateway(const View& interface, const View& entry, IpsecGateway& gateway) {
    read_local(interface, entry.at("local"), gateway);
    read_secure_service(entry.at("default-secure-service"), gateway);
    const View policy = entry.at("ike-policy");
    const auto found = parts_.policies.find(policy.value());
    if (found != parts_.policies.end()) {
      gateway.ike_policy = found->second;
      if (gateway.ike_policy.transforms.empty()) {
        policy.refuse(fmt::format("ike-policy {} has no ike-transform", policy.value()));
      }
    }
    const auto pattern = parts_.templates.find(entry.text("default-tunnel-template"));
    // A missing one has been filed; what goes on here must not need to ask.
    gateway.tunnel_template = pattern != parts_.templates.end()
                                  ? pattern->second
                                  : std::make_shared<const TunnelTemplate>();
    const auto list = parts_.ts_lists.find(entry.text("ts-list"));
    if (list != parts_.ts_lists.end()) gateway.ts_list = list->second;
    gateway.pre_shared_key = SecretBytes(as_bytes(entry.text("pre-shared-key")));
    gateway.auth = build_peer_auth(entry, gateway.ike_policy, parts_, config_);
    read_clients(entry.at("client-db"), gateway);
    check_keys(entry.at("pre-shared-key"), gateway);
  }

  void read_local(const View& interface, const View& local, IpsecGateway& gateway) const {
    const View leaf = local.at("gateway-address");
    gateway.local_id = local_identity(local.at("id"));
    const auto address = local.address("gateway-address");
    if (!address) return;
    gateway.local_gateway = *address;
    const Service* service = find_service(config_, gateway.delivery_service);
    const Interface* outside =
        service == nullptr ? nullptr : find_interface(*service, interface.text("interface-name"));
    if (outside == nullptr) return;  // filed where the interface stands
    const auto& subnet = address->is_v4() ? outside->address : outside->address_v6;
    if (!subnet) {
      leaf.refuse(fmt::format("interface \"{}\" has no {} address", outside->name,
                              address->is_v4() ? "ipv4" : "ipv6"));
    } else if (!subnet->contains(*address)) {
      leaf.refuse(fmt::format("is not in the subnet of interface \"{}\" ({})", outside->name,
                              subnet->text()));
    } else if (subnet->address == *address) {
      leaf.refuse(fmt::format("is the address of interface \"{}\" itself", outside->name));
    }
  }

  void read_secure_service(const View& secure, IpsecGateway& gateway) {
    gateway.private_service = secure.text("service-name");
    gateway.private_interface = secure.text("interface");
    if (gateway.private_service.empty() || gateway.private_interface.empty()) return;
    const Service* service = find_service(config_, gateway.private_service);
    if (service == nullptr || service->kind != Service::Kind::Vprn) {
      secure.at("service-name")
          .refuse(fmt::format("vprn \"{}\" does not exist", gateway.private_service));
      return;
    }
    gateway.private_service_id = service->id;
    gateway.enabled = gateway.enabled && service->enabled;
    for (const View& vprn : root_.at("service").each("vprn")) {
      if (vprn.text("service-name") != gateway.private_service) continue;
      gateway.override_any =
          vprn.at("ipsec").text("allow-reverse-route-override-type") == "any-idi";
    }
    const Interface* inside = find_interface(*service, gateway.private_interface);
    const View leaf = secure.at("interface");
    if (inside == nullptr) {
      leaf.refuse(fmt::format(R"(interface "{}" does not exist in vprn "{}")",
                              gateway.private_interface, service->name));
    } else if (!inside->tunnel_sap || inside->tunnel_sap->is_public ||
               inside->tunnel_sap->group != gateway.group) {
      leaf.refuse(fmt::format("interface \"{}\" has no sap tunnel-{}.private:T", inside->name,
                              gateway.group.value));
    }
  }

  void read_clients(const View& reference, IpsecGateway& gateway) const {
    gateway.client_db = reference.text("name");
    gateway.fallback = reference.flag("fallback");
    for (const View& db : root_.at("ipsec").each("client-db")) {
      if (gateway.client_db.empty() || db.text("name") != gateway.client_db) continue;
      if (db.enabled()) gateway.clients = build_clients(db, parts_, gateway);
    }
  }

  static void check_keys(const View& secret, const IpsecGateway& gateway) {
    if (secret.exists() || secret.was_refused()) return;
    if (gateway.ike_policy.auth_method == ike::AuthMethod::Certificate &&
        gateway.ike_policy.own_auth_method == ike::AuthMethod::Certificate) {
      return;
    }
    const bool used = gateway.client_db.empty() || gateway.fallback;
    const auto lacks = std::ranges::find_if(
        gateway.clients, [](const GatewayClient& client) { return client.pre_shared_key.empty(); });
    if (used) {
      secret.refuse("is missing and must be set");
    } else if (lacks != gateway.clients.end()) {
      secret.refuse(
          fmt::format("is missing and must be set: client {} of client-db \"{}\" has none",
                      lacks->number, gateway.client_db));
    }
  }

  const View& root_;
  const IpsecParts& parts_;
  Config& config_;
  std::set<std::string> names_;
};

}  // namespace

void build_gateways(const View& root, const IpsecParts& parts, Config& config) {
  GatewayBuilder builder(root, parts, config);
  builder.read_services("ies");
  builder.read_services("vprn");
  builder.finish();
}

}  // namespace segw::config
