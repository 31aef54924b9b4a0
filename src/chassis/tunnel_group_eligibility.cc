// Whether this chassis may act for the group, and what that needs on its disk.
#include <fmt/format.h>

#include <algorithm>

#include "chassis/tunnel_group.h"
#include "wire/writer.h"

namespace segw::chassis {
namespace {

constexpr Duration kEligibilityPoll = std::chrono::milliseconds(100);
constexpr Duration kStoreRetry = std::chrono::seconds(1);

}  // namespace

void TunnelGroup::update_eligibility() {
  const bool epochs = parts_.identity->has_epochs();
  const bool room = parts_.pool == nullptr || parts_.pool->has_room_for(id());
  // Who acts goes on: the others know its number from its keep-alives (docs/decisions/0105).
  const bool numbered = !activation_refused_ || mimp::acting(role_) || !mimp_;
  const bool eligible = parts_.group->enabled && isa_->up() && epochs && room && numbered;
  std::string why = "tunnel-group is up";
  if (!parts_.group->enabled) {
    why = "tunnel-group is disabled";
  } else if (!isa_->up()) {
    why = isa_->down_reason();
  } else if (!room) {
    why = fmt::format("no ISA of tunnel-member-pool {} is free", parts_.pool->name());
  } else if (!epochs) {
    why = "no IV epochs are reserved";
    eligibility_timer_.arm(kEligibilityPoll);
  } else if (!numbered) {
    why = "the activation cannot be stored: " + *activation_refused_;
  }
  wait_to_restore_.on_eligible(eligible, platform_.clock.now());
  if (mimp_) {
    const auto isas = static_cast<uint8_t>(capacity() / std::max(parts_.group->tunnels_max, 1U));
    mimp_->set_eligible(eligible, eligible ? isas : uint8_t{0}, why);
    return;
  }
  const auto next = eligible ? mimp::MasterState::Eligible : mimp::MasterState::NotEligible;
  if (next == role_) return;
  on_role(mimp::RoleChange{.from = role_,
                           .to = next,
                           .activation = Activation{activation_.value + 1},
                           .clean = true,
                           .why = why});
}

// Redundancy rule 2: the number of a new role is above all that this disk has. A takeover does not
// wait for the disk; one that refuses is asked again.
void TunnelGroup::store_activation(Activation activation) {
  activation_ = activation;
  wire::Writer out;
  out.u64(activation.value);
  platform_.store.write(
      fmt::format("activation-{}", id().value), out.take(),
      [this, activation](const Result<void>& result) { on_activation_stored(activation, result); });
}

void TunnelGroup::on_activation_stored(Activation activation, const Result<void>& result) {
  if (!result) {
    counters_.add("activation-not-stored");
    store_timer_.arm(kStoreRetry);
    if (!activation_refused_) {
      platform_.log.event(platform::Severity::Major, "CHASSIS_ACTIVATION_NOT_STORED",
                          fmt::format("tunnel-group {}: the activation cannot be stored: {}",
                                      id().value, result.error().text));
    }
    activation_refused_ = result.error().text;
    update_eligibility();
    return;
  }
  if (!activation_refused_ || activation < activation_) return;
  activation_refused_.reset();
  store_timer_.cancel();
  update_eligibility();
}

}  // namespace segw::chassis
