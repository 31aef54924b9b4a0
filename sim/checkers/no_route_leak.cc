// A protected prefix always resolves to TUN, shunt or blackhole. What a client protects that came
// by itself is protected while this chassis holds a CHILD SA of it.
#include <algorithm>

#include "sim/checkers/checker.h"
#include "sim/ip_packet.h"

namespace segw::sim {
namespace {

class NoRouteLeak final : public Checker {
 public:
  explicit NoRouteLeak(const CheckerView& view) : Checker(view, "no_route_leak") {}

  void on_default_route(HostId host, platform::Side /*side*/, ByteView packet) override {
    const auto to = destination_of(packet);
    if (to && !is_protected(host, *to)) return;
    violate(host_name(host) + " forwards a packet for " + (to ? to->text() : "nobody") +
            " by its default route");
  }

 private:
  [[nodiscard]] bool is_protected(HostId host, const IpAddress& to) const {
    if (!view().dynamic) return true;
    const chassis::Chassis* chassis = view().hosts[host]->chassis();
    const auto* state = chassis == nullptr ? nullptr : chassis->group_state(view().group);
    if (state == nullptr) return false;
    return std::ranges::any_of(state->child_sas, [&](const auto& entry) {
      return std::ranges::any_of(entry.second.remote_selectors, [&](const auto& selector) {
        return !(to < selector.first) && !(selector.last < to);
      });
    });
  }
};

}  // namespace

std::unique_ptr<Checker> make_no_route_leak(const CheckerView& view) {
  return std::make_unique<NoRouteLeak>(view);
}

}  // namespace segw::sim
