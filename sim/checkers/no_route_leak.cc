// A protected prefix always resolves to TUN, shunt or blackhole.
#include "sim/checkers/checker.h"
#include "sim/ip_packet.h"

namespace segw::sim {
namespace {

class NoRouteLeak final : public Checker {
 public:
  explicit NoRouteLeak(const CheckerView& view) : Checker(view, "no_route_leak") {}

  void on_default_route(HostId host, platform::Side /*side*/, ByteView packet) override {
    const auto to = destination_of(packet);
    violate(host_name(host) + " forwards a packet for " + (to ? to->text() : "nobody") +
            " by its default route");
  }
};

}  // namespace

std::unique_ptr<Checker> make_no_route_leak(const CheckerView& view) {
  return std::make_unique<NoRouteLeak>(view);
}

}  // namespace segw::sim
