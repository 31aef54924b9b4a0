#include <fmt/format.h>

#include <algorithm>

#include "config/build.h"

// The clients of a gateway.

namespace segw::config {
namespace {

constexpr std::string_view kHexMark = "0x";

std::optional<ike::IdentityMatch> string_match(const View& idi) {
  using Kind = ike::IdentityMatch::Kind;
  const std::string type = idi.text("string-type");
  const std::string value = idi.text("string-value");
  for (const auto* leaf : {"string-type", "string-value"}) {
    if (!idi.at(leaf).exists() && !idi.at(leaf).was_refused()) {
      idi.at(leaf).refuse("is missing and must be set");
    }
  }
  if (type.empty() || value.empty()) return std::nullopt;
  ike::IdentityMatch match{.kind = type.ends_with("-suffix") ? Kind::Suffix : Kind::Exact,
                           .type = ike::kIdFqdn,
                           .data = to_bytes(as_bytes(value)),
                           .prefix = {}};
  if (type.starts_with("rfc822")) match.type = ike::kIdEmail;
  if (type != "key-id") return match;
  match.type = ike::kIdKey;
  if (!value.starts_with(kHexMark)) return match;
  const auto bytes = hex_bytes(std::string_view(value).substr(kHexMark.size()));
  if (!bytes) {
    idi.at("string-value").refuse("an even number of hexadecimal digits expected behind 0x");
    return std::nullopt;
  }
  match.data = *bytes;
  return match;
}

std::optional<ike::IdentityMatch> identity_match(const View& idi) {
  using Kind = ike::IdentityMatch::Kind;
  if (idi.at("any").exists()) return ike::IdentityMatch{};
  for (const auto& [leaf, type] :
       {std::pair("ipv4-prefix", ike::kIdIpv4), std::pair("ipv6-prefix", ike::kIdIpv6)}) {
    if (const auto prefix = idi.prefix(leaf)) {
      return ike::IdentityMatch{.kind = Kind::Prefix, .type = type, .data = {}, .prefix = *prefix};
    }
    if (idi.at(leaf).was_refused()) return std::nullopt;
  }
  if (!idi.at("string-type").exists() && !idi.at("string-value").exists()) {
    idi.refuse("is missing and must be set: match-list compares it");
    return std::nullopt;
  }
  return string_match(idi);
}

template <typename T>
std::shared_ptr<const T> chosen(const View& leaf,
                                const std::map<std::string, std::shared_ptr<const T>>& from,
                                const std::shared_ptr<const T>& otherwise) {
  const auto at = from.find(leaf.value());
  return at == from.end() ? otherwise : at->second;
}

// In this release all clients of a group meet in its one private interface.
void check_service(const View& client, const IpsecGateway& gateway) {
  const View service = client.at("private-service-name");
  const View interface = client.at("private-interface");
  const auto other = [](const View& leaf, const std::string& name) {
    return leaf.exists() && leaf.value() != name;
  };
  if (other(service, gateway.private_service)) {
    service.refuse(
        fmt::format("this release has one private service of a gateway: \"{}\" of "
                    "ipsec-gateway \"{}\" expected",
                    gateway.private_service, gateway.name));
  }
  if (other(interface, gateway.private_interface)) {
    interface.refuse(
        fmt::format("this release has one private interface of a gateway: \"{}\" of "
                    "ipsec-gateway \"{}\" expected",
                    gateway.private_interface, gateway.name));
  }
}

}  // namespace

std::vector<GatewayClient> build_clients(const View& db, const IpsecParts& parts,
                                         const IpsecGateway& gateway) {
  const View compared = db.at("match-list");
  const bool by_identity = compared.flag("idi");
  const bool by_address = compared.flag("peer-ip-prefix");
  if (!by_identity && !by_address) compared.refuse("idi true or peer-ip-prefix true expected");
  std::vector<GatewayClient> clients;
  for (const View& entry : db.each("client")) {
    if (!entry.enabled()) continue;
    GatewayClient client;
    client.number = entry.number<uint16_t>("client-index");
    client.name = entry.text("client-name");
    const View known_by = entry.at("identification");
    if (by_identity) client.identity = identity_match(known_by.at("idi"));
    if (by_address) {
      const View peer = known_by.at("peer-ip-prefix");
      client.peer = known_by.prefix("peer-ip-prefix");
      if (!peer.exists() && !peer.was_refused()) {
        peer.refuse("is missing and must be set: match-list compares it");
      }
    }
    const View secret = entry.at("credential").at("pre-shared-key");
    client.pre_shared_key =
        secret.exists() ? SecretBytes(as_bytes(secret.value())) : gateway.pre_shared_key;
    client.tunnel_template =
        chosen(entry.at("tunnel-template"), parts.templates, gateway.tunnel_template);
    client.ts_list = chosen(entry.at("ts-list"), parts.ts_lists, gateway.ts_list);
    check_service(entry, gateway);
    clients.push_back(std::move(client));
  }
  std::ranges::sort(clients, {}, &GatewayClient::number);
  return clients;
}

}  // namespace segw::config
