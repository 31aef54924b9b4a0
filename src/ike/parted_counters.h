#pragma once

// The engine's counters, and the part of each configured tunnel and each gateway in them: what is
// counted while a message or an SA of theirs is worked on. As many parts as are configured, however
// many strangers there are.

#include <map>
#include <utility>
#include <vector>

#include "base/counters.h"
#include "ike/engine.h"

namespace segw::ike {

class PartedCounters {
 public:
  explicit PartedCounters(const GroupSettings& settings) {
    for (const TunnelSettings& each : settings.tunnels) {
      tunnels_.try_emplace(each.index);
      between_.try_emplace({each.local_gateway, each.remote_gateway}, each.index);
    }
    for (const GatewaySettings& each : settings.gateways) gateways_.try_emplace(each.local_gateway);
  }

  void add(std::string_view name, uint64_t by = 1) {
    all_.add(name, by);
    if (part_ != nullptr) part_->add(name, by);
  }
  [[nodiscard]] const Counters& all() const { return all_; }

  // Null: there is no such tunnel or gateway.
  [[nodiscard]] Counters* of_tunnel(uint32_t index) { return find(tunnels_, index); }
  [[nodiscard]] const Counters* of_tunnel(uint32_t index) const { return find(tunnels_, index); }
  [[nodiscard]] Counters* of_gateway(const IpAddress& local) { return find(gateways_, local); }
  [[nodiscard]] const Counters* of_gateway(const IpAddress& local) const {
    return find(gateways_, local);
  }
  // Of whoever is meant by these addresses, as in settings_for_init.
  [[nodiscard]] Counters* between(const IpAddress& local, const IpAddress& remote) {
    const auto at = between_.find({local, remote});
    return at == between_.end() ? of_gateway(local) : of_tunnel(at->second);
  }
  [[nodiscard]] Counters* of(const IkeSa& sa) {
    if (sa.dynamic) return of_gateway(sa.dynamic->gateway);
    if (sa.state == IkeState::HalfOpen) return between(sa.local.address, sa.remote.address);
    return of_tunnel(sa.tunnel);
  }

  // While it lives, what is counted counts for this part too.
  class Scope {
   public:
    Scope(PartedCounters& counters, Counters* part)
        : counters_(counters), before_(std::exchange(counters.part_, part)) {}
    ~Scope() { counters_.part_ = before_; }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    PartedCounters& counters_;
    Counters* before_;
  };

 private:
  template <typename Parts, typename Key>
  static auto find(Parts& parts, const Key& key) -> decltype(&parts.begin()->second) {
    const auto at = parts.find(key);
    return at == parts.end() ? nullptr : &at->second;
  }

  Counters all_;
  Counters* part_ = nullptr;
  std::map<uint32_t, Counters> tunnels_;
  std::map<IpAddress, Counters> gateways_;
  std::map<std::pair<IpAddress, IpAddress>, uint32_t> between_;
};

}  // namespace segw::ike
