#pragma once

// Which ISAs may seal and open, from the messages that reached them.

#include <vector>

#include "sim/observer.h"
#include "sim/world.h"

namespace segw::sim {

class IsaRoles final : public Observer {
 public:
  IsaRoles(const World& world, size_t hosts) : world_(world), hosts_(hosts) {}

  void on_isa_told(HostId host, const isa::ToIsa& message) override;
  void on_isa_stopped(HostId host) override { hosts_[host] = State{}; }

  [[nodiscard]] bool acting(HostId host) const {
    return hosts_[host].acting && world_.now() < hosts_[host].deadline;
  }
  [[nodiscard]] bool may_work(HostId host) const { return hosts_[host].acting; }
  [[nodiscard]] Instant deadline(HostId host) const { return hosts_[host].deadline; }
  [[nodiscard]] size_t acting_count() const;

 private:
  struct State {
    bool acting = false;
    Instant deadline{};
  };
  const World& world_;
  std::vector<State> hosts_;
};

// A message that makes an ISA act.
[[nodiscard]] bool makes_act(const isa::ToIsa& message);
// A message that ends its acting.
[[nodiscard]] bool ends_acting(const isa::ToIsa& message);

}  // namespace segw::sim
