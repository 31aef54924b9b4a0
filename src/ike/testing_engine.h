#pragma once

// What many tests of the engine begin with: settings that differ in one thing from those of
// testing.h, and clients that do.

#include "ike/testing.h"

namespace segw::ike::testing {

inline GroupSettings with_dpd() {
  GroupSettings settings = group_settings();
  settings.tunnels[0].dpd = true;
  settings.tunnels[0].dpd_interval = std::chrono::seconds(10);
  settings.tunnels[0].dpd_max_retries = 2;
  return settings;
}

// The tunnel is begun by us.
inline GroupSettings begun_by_us() {
  GroupSettings settings = group_settings();
  settings.responder_only = false;
  settings.tunnels[0].auto_establish = true;
  return settings;
}

// Above so many half-open IKE SAs, cookies are demanded.
inline GroupSettings with_cookies_above(uint32_t half_open) {
  GroupSettings settings = group_settings();
  settings.half_open_cookie_threshold = half_open;
  return settings;
}

inline Client client_with(uint64_t spi) {
  Client client;
  client.spi = IkeSpi{spi};
  return client;
}

inline Client behind_nat() {
  Client client;
  client.believed_self = {.address = address("192.168.0.9"), .port = 500};
  return client;
}

}  // namespace segw::ike::testing
