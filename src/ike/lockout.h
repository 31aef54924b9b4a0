#pragma once

// Who failed to authenticate too often is not listened to for a while (`lockout` of an ike-policy).
// Clients behind one translator are told apart by their ports, up to a number of ports; beyond it
// the whole address is blocked. Bounded; known to one chassis only.

#include <cstdint>
#include <map>
#include <set>
#include <utility>

#include "base/ip_address.h"
#include "base/time.h"
#include "ike/ike_options.h"

namespace segw::ike {

constexpr size_t kLockoutSourcesMax = 4096;  // addresses; the one that failed longest ago goes

class Lockout {
 public:
  [[nodiscard]] bool blocked(const Endpoint& remote, Instant now) const;
  // True: this attempt began a block.
  bool failed(const Endpoint& remote, const LockoutSettings& settings, Instant now);
  void succeeded(const Endpoint& remote);
  [[nodiscard]] size_t sources() const { return sources_.size(); }

 private:
  struct Failures {
    uint32_t count = 0;
    Instant since{};
    Instant blocked_until{};
  };
  struct Source {
    Instant last_failure{};
    Instant blocked_until{};
    std::map<uint16_t, Failures> ports;
  };
  Source& source(const IpAddress& address, Instant now);

  std::map<IpAddress, Source> sources_;
  std::set<std::pair<Instant, IpAddress>> by_age_;
};

}  // namespace segw::ike
