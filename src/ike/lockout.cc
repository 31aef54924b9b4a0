#include "ike/lockout.h"

namespace segw::ike {

bool Lockout::blocked(const Endpoint& remote, Instant now) const {
  const auto at = sources_.find(remote.address);
  if (at == sources_.end()) return false;
  if (now < at->second.blocked_until) return true;
  const auto port = at->second.ports.find(remote.port);
  return port != at->second.ports.end() && now < port->second.blocked_until;
}

Lockout::Source& Lockout::source(const IpAddress& address, Instant now) {
  const auto known = sources_.find(address);
  if (known != sources_.end()) {
    by_age_.erase({known->second.last_failure, address});
  } else if (sources_.size() == kLockoutSourcesMax) {
    sources_.erase(by_age_.begin()->second);
    by_age_.erase(by_age_.begin());
  }
  Source& source = sources_[address];
  source.last_failure = now;
  by_age_.emplace(now, address);
  return source;
}

bool Lockout::failed(const Endpoint& remote, const LockoutSettings& settings, Instant now) {
  Source& from = source(remote.address, now);
  std::erase_if(from.ports, [&](const auto& entry) {
    const Failures& failures = entry.second;
    return now >= failures.blocked_until && now - failures.since >= settings.duration;
  });
  if (!from.ports.contains(remote.port) && from.ports.size() >= settings.max_port_per_ip) {
    from.ports.clear();
    from.blocked_until = now + settings.block;
    return true;
  }
  Failures& failures = from.ports[remote.port];
  if (failures.count == 0) failures.since = now;
  if (++failures.count < settings.failed_attempts) return false;
  failures = {.count = 0, .since = now, .blocked_until = now + settings.block};
  return true;
}

void Lockout::succeeded(const Endpoint& remote) {
  const auto at = sources_.find(remote.address);
  if (at == sources_.end()) return;
  at->second.ports.erase(remote.port);
  if (!at->second.ports.empty()) return;
  by_age_.erase({at->second.last_failure, at->first});
  sources_.erase(at);
}

}  // namespace segw::ike
