#include "ike/client_db.h"

#include <algorithm>
#include <limits>

namespace segw::ike {
namespace {

bool fits(const ClientSettings& client, const Identity& identity, const IpAddress& remote) {
  if (client.peer && !client.peer->contains(remote)) return false;
  return !client.identity || matches(*client.identity, identity);
}

}  // namespace

ClientDb::ClientDb(const GatewaySettings& gateway) : gateway_(gateway) {
  for (size_t at = 0; at < gateway.clients.size(); ++at) {
    const auto& identity = gateway.clients[at].identity;
    if (identity && identity->kind == IdentityMatch::Kind::Exact) {
      exact_[normalized({.type = identity->type, .data = identity->data})].push_back(at);
    } else {
      others_.push_back(at);
    }
  }
}

ClientDb::Found ClientDb::find(const Identity& identity, const IpAddress& remote) const {
  constexpr size_t kNone = std::numeric_limits<size_t>::max();
  const auto first_fit = [&](const std::vector<size_t>& places) {
    const auto at = std::ranges::find_if(
        places, [&](size_t place) { return fits(gateway_.clients[place], identity, remote); });
    return at == places.end() ? kNone : *at;
  };
  const auto exact = exact_.find(normalized(identity));
  const size_t place =
      std::min(exact == exact_.end() ? kNone : first_fit(exact->second), first_fit(others_));
  if (place != kNone) {
    const ClientSettings& client = gateway_.clients[place];
    return {.settings = &client.settings, .client = client.number};
  }
  return {.settings = gateway_.fallback ? &gateway_.own : nullptr, .client = 0};
}

const TunnelSettings* ClientDb::find(uint16_t client) const {
  if (client == 0) return gateway_.fallback ? &gateway_.own : nullptr;
  const auto at = std::ranges::lower_bound(gateway_.clients, client, {}, &ClientSettings::number);
  return at != gateway_.clients.end() && at->number == client ? &at->settings : nullptr;
}

bool ClientDb::may_serve(const IpAddress& remote) const {
  return gateway_.fallback || std::ranges::any_of(gateway_.clients, [&](const auto& client) {
           return !client.peer || client.peer->contains(remote);
         });
}

}  // namespace segw::ike
