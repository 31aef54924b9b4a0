// With an eligible node and faults off for T: exactly one active, nominal if two nodes run, every
// client has a tunnel, and traffic flows.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "sim/checkers/checker.h"
#include "sim/group_view.h"

namespace segw::sim {
namespace {

// ISA restart with its longest back-off, and neighbours that look for the gateway again.
constexpr Duration kElectionMargin = std::chrono::seconds(12);
// A client that gave up its IKE SA, counted its retransmissions and authenticated again.
constexpr Duration kClientMargin = std::chrono::seconds(28);
// Rule 23: between the old one's last packet and the target's first nobody acts, and the target
// buffers; 200 ms of silence end that.
constexpr Duration kHandover = std::chrono::milliseconds(200);
constexpr Duration kSilence = std::chrono::seconds(5);

class Liveness final : public Checker {
 public:
  explicit Liveness(const CheckerView& view) : Checker(view, "liveness") {}

  void after_event() override {
    const Instant now = view().world.now();
    if (now < next_look_) return;
    next_look_ = now + std::chrono::milliseconds(100);
    if (!somebody_can_act() || view().network.lossy()) return;
    const Duration quiet = now - view().network.disturbed_until();
    const Duration elected = view().timing.discovery + view().timing.hold + kElectionMargin;
    if (quiet < elected) return;
    look_at_actives(now, quiet);
    // What the client's own link loses delays it as a chassis' fault does.
    if (view().packets.client_link_bad()) return;
    const Duration at_peace =
        now - std::max(view().network.disturbed_until(), view().packets.client_link_mended());
    if (at_peace < elected + kClientMargin) return;
    look_at_protection(now);
    for (const ClientView& client : view().clients()) look_at(client, now);
  }

 private:
  void look_at_actives(Instant now, Duration quiet) {
    const size_t acting = view().roles.acting_count();
    if (acting != 0) {
      none_since_.reset();
    } else if (!none_since_) {
      none_since_ = now;
    }
    if (acting > 1 || (none_since_ && now - *none_since_ > kHandover)) {
      violate(fmt::format("{} chassis act although all is well for {} s", acting,
                          quiet / std::chrono::seconds(1)));
    }
  }

  void look_at_protection(Instant now) {
    const auto able =
        std::ranges::count_if(view().hosts, [](const SimHost* host) { return host->isa_runs(); });
    std::string why;
    for (const SimHost* host : view().hosts) {
      if (!view().roles.acting(host->id())) continue;
      why = view_group(*host, view().network).not_nominal;
    }
    if (able < 2 || why.empty()) {
      unprotected_since_.reset();
      return;
    }
    if (!unprotected_since_) unprotected_since_ = now;
    if (now - *unprotected_since_ > kSilence) {
      violate(fmt::format("{} chassis run, but protection is not nominal: {}", able, why));
    }
  }

  void look_at(const ClientView& client, Instant now) {
    if (client.has_tunnel) missing_since_.erase(client.name);
    // A client may be about to make a new one of its own will.
    const Instant missing =
        client.has_tunnel ? now : missing_since_.try_emplace(client.name, now).first->second;
    if (now - missing > kSilence) {
      violate(client.name + " has no tunnel");
    } else if (client.has_tunnel && now - client.last_echo > kSilence) {
      violate(fmt::format("{} gets no traffic for {} s", client.name,
                          (now - client.last_echo) / std::chrono::seconds(1)));
    }
  }

  [[nodiscard]] bool somebody_can_act() const {
    bool somebody = false;
    for (const SimHost* host : view().hosts) {
      if (host->paused()) return false;
      somebody = somebody || host->running();
    }
    return somebody;
  }
  Instant next_look_{};
  std::optional<Instant> none_since_;
  std::optional<Instant> unprotected_since_;
  std::map<std::string, Instant> missing_since_;
};

}  // namespace

std::unique_ptr<Checker> make_liveness(const CheckerView& view) {
  return std::make_unique<Liveness>(view);
}

}  // namespace segw::sim
