// At most one acting per group among chassis that hear each other, or have a running neighbour in
// common (docs/decisions/0081), with none paused: except up to hold + election + 5 s after links, a
// pause or a false loss changed.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "sim/checkers/checker.h"

namespace segw::sim {
namespace {

constexpr Duration kMargin = std::chrono::seconds(5);

class OneActive final : public Checker {
 public:
  explicit OneActive(const CheckerView& view) : Checker(view, "one_active") {}

  void after_event() override {
    if (view().roles.acting_count() < 2) {
      since_.clear();
      return;
    }
    const auto count = static_cast<HostId>(view().hosts.size());
    for (HostId a = 0; a < count; ++a) {
      for (HostId b = a + 1; b < count; ++b) look_at(a, b);
    }
  }

 private:
  void look_at(HostId a, HostId b) {
    if (!view().roles.acting(a) || !view().roles.acting(b) || !joined(a, b)) {
      since_.erase({a, b});
      return;
    }
    const Instant now = view().world.now();
    const Instant since = since_.try_emplace({a, b}, now).first->second;
    for (const SimHost* host : view().hosts) {
      if (host->paused()) return;
    }
    Instant excused_from = view().network.changed_until();
    // On a lossy link keep-alives may be lost at any time: as if it were cut for a moment.
    if (view().network.lossy()) excused_from = std::max(excused_from, since);
    const Duration limit = view().timing.hold + 2 * view().timing.keep_alive + kMargin;
    if (now - excused_from <= limit) return;
    violate(fmt::format("{} and {} act, for {} ms already", host_name(a), host_name(b),
                        (now - since) / std::chrono::milliseconds(1)));
  }

  [[nodiscard]] bool joined(HostId a, HostId b) const {
    const Network& network = view().network;
    if (network.two_way(a, b)) return true;
    return std::ranges::any_of(view().hosts, [&](const SimHost* other) {
      return other->started() && network.two_way(a, other->id()) && network.two_way(b, other->id());
    });
  }

  std::map<std::pair<HostId, HostId>, Instant> since_;
};

}  // namespace

std::unique_ptr<Checker> make_one_active(const CheckerView& view) {
  return std::make_unique<OneActive>(view);
}

}  // namespace segw::sim
