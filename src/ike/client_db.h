#pragma once

// Which settings a client of a gateway gets. Made from the settings, which it refers to.

#include <map>
#include <vector>

#include "ike/engine.h"

namespace segw::ike {

class ClientDb {
 public:
  explicit ClientDb(const GatewaySettings& gateway);

  struct Found {
    const TunnelSettings* settings = nullptr;  // nothing: refused
    uint16_t client = 0;                       // 0: the gateway's own settings
  };
  // The entry with the smallest number that fits; else the gateway's own, where it falls back.
  [[nodiscard]] Found find(const Identity& identity, const IpAddress& remote) const;
  // By number; nothing if there is no such client (any more).
  [[nodiscard]] const TunnelSettings* find(uint16_t client) const;
  // Whether anybody at this address may be served: before there is an identity.
  [[nodiscard]] bool may_serve(const IpAddress& remote) const;

 private:
  const GatewaySettings& gateway_;
  std::map<Identity, std::vector<size_t>> exact_;  // places in gateway_.clients, by one spelling
  std::vector<size_t> others_;                     // those with any other kind of identity
};

}  // namespace segw::ike
