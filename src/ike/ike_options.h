#pragma once

// What an ike-policy says about large messages and about clients that begin and do not go on.

#include <cstdint>
#include <optional>

#include "base/time.h"

namespace segw::ike {

struct FragmentSettings {  // ikev2-fragment
  uint16_t mtu = 1500;     // largest IP packet that a fragment may make
  Duration reassembly_timeout = std::chrono::seconds(2);
  auto operator<=>(const FragmentSettings&) const = default;
};

struct LockoutSettings {  // lockout
  uint32_t failed_attempts = 3;
  Duration duration = std::chrono::minutes(5);  // within which they count together
  Duration block = std::chrono::minutes(10);
  uint32_t max_port_per_ip = 16;
  auto operator<=>(const LockoutSettings&) const = default;
};

struct IkeOptions {
  std::optional<FragmentSettings> fragments;  // nothing: messages are never cut
  std::optional<LockoutSettings> lockout;     // nothing: nobody is locked out
  // limit-init-exchange: the life of a half-open IKE SA under attack; nothing: as otherwise.
  std::optional<Duration> reduced_exchange_timeout = std::chrono::seconds(2);
  auto operator<=>(const IkeOptions&) const = default;
};

}  // namespace segw::ike
