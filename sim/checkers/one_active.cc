// In a component with two-way links and no paused node: at most one acting per group, except up to
// hold + election + 5 s after a cut, a pause or a false loss ends.
#include <fmt/format.h>

#include <optional>

#include "sim/checkers/checker.h"

namespace segw::sim {
namespace {

constexpr Duration kMargin = std::chrono::seconds(5);

class OneActive final : public Checker {
 public:
  explicit OneActive(const CheckerView& view) : Checker(view, "one_active") {}

  void after_event() override {
    if (view().roles.acting_count() < 2) {
      since_.reset();
      return;
    }
    const Instant now = view().world.now();
    if (!since_) since_ = now;
    for (const SimHost* host : view().hosts) {
      if (host->paused()) return;
    }
    Instant excused_from = view().network.disturbed_until();
    // On a lossy link keep-alives may be lost at any time: as if it were cut for a moment.
    if (view().network.lossy(0, 1)) excused_from = std::max(excused_from, *since_);
    const Duration limit = view().timing.hold + 2 * view().timing.keep_alive + kMargin;
    if (now - excused_from <= limit) return;
    violate(fmt::format("two chassis act, for {} ms already",
                        (now - *since_) / std::chrono::milliseconds(1)));
  }

 private:
  std::optional<Instant> since_;
};

}  // namespace

std::unique_ptr<Checker> make_one_active(const CheckerView& view) {
  return std::make_unique<OneActive>(view);
}

}  // namespace segw::sim
