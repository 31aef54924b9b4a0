// Rekeys that are due for many SAs at once, a few a second: of every CHILD SA after a takeover
// (redundancy rule 21, sros-facts §6.2), and of SAs that a standby may not send on (rule 13).
#include <algorithm>

#include "esp/holders.h"
#include "esp/sequence_plan.h"
#include "ike/engine_impl.h"

namespace segw::ike {
namespace {

// What clients were in the middle of comes first, and their packets.
constexpr Duration kFirstTurn = std::chrono::seconds(1);

}  // namespace

void EngineImpl::begin_turns() {
  next_turn_ = platform_.clock.now() + kFirstTurn;
  turns_ = {};
  automatic_.clear();
  turn_timer_.cancel();
}

bool EngineImpl::held_in_another_life(const std::vector<esp::Holder>& holders) const {
  return esp::held_in_another_life(
      holders, {.slot = settings_->slot, .incarnation = settings_->incarnation});
}

uint64_t EngineImpl::numbers_left(const esp::ChildSa& child) const {
  if (held_in_another_life(child.holders)) return 0;
  return esp::numbers_left(host_.position(child.inbound_spi).outbound_next,
                           child.suite.extended_sequence_numbers);
}

// Before anything is made with this client here: all that it has is what was taken over. Which
// CHILD SAs those are need not be told to the next chassis: it takes over them all.
void EngineImpl::want_taken_over(const IkeSa& sa) {
  if (!settings_->rekey_taken_over) return;
  for (const Spi spi : sa.children) {
    const auto child = tables_.child_sas.find(spi);
    if (child == tables_.child_sas.end() || child->second.rekeyed) continue;
    turns_.push({.left = numbers_left(child->second), .ike = {}, .child = spi});
  }
  arm_turns();
}

void EngineImpl::rekey_in_turn(const std::vector<IkeSpi>& ike_sas,
                               const std::vector<Spi>& child_sas) {
  if (!active_) return;
  for (const IkeSpi spi : ike_sas) turns_.push({.ike = spi, .child = {}, .lasting = true});
  for (const Spi spi : child_sas) {
    const auto child = tables_.child_sas.find(spi);
    if (child == tables_.child_sas.end()) continue;
    turns_.push({.left = numbers_left(child->second), .ike = {}, .child = spi, .lasting = true});
  }
  arm_turns();
}

void EngineImpl::arm_turns() {
  if (turns_.empty() || turn_timer_.armed()) return;
  turn_timer_.arm_at(std::max(next_turn_, platform_.clock.now()));
}

void EngineImpl::on_turn() {
  if (!active_) return;
  while (!turns_.empty()) {
    const Turn turn = turns_.top();
    turns_.pop();
    if (take_turn(turn)) break;
    counters_.add("rekeys-in-turn-skipped");
  }
  const uint32_t rate = std::max(settings_->rekeys_per_second, 1U);
  next_turn_ = platform_.clock.now() + Duration(std::chrono::seconds(1)) / rate;
  arm_turns();
}

// False: there is nothing to do any more, or nothing that may be done.
bool EngineImpl::take_turn(const Turn& turn) {
  IkeSpi owner = turn.ike;
  if (turn.child.value != 0) {
    const auto child = tables_.child_sas.find(turn.child);
    if (child == tables_.child_sas.end() || child->second.rekeyed) return false;
    if (child->second.delete_after.count() > 0) return false;
    owner = child->second.ike_sa;
  }
  const auto at = tables_.ike_sas.find(owner);
  if (at == tables_.ike_sas.end() || at->second.state != IkeState::Established) return false;
  if (tunnel(at->second) == nullptr || held_in_another_life(at->second.holders)) return false;
  const PartedCounters::Scope part(counters_, counters_.of(at->second));
  counters_.add("rekeys-in-turn");
  if (turn.child.value == 0) {
    rekey_ike(owner);
  } else if (turn.lasting) {
    rekey_child(turn.child);
  } else {
    automatic_.insert(turn.child);
    proceed(owner);
  }
  return true;
}

void EngineImpl::automatic_is_done(Spi old, std::string_view how) {
  if (automatic_.erase(old) != 0) counters_.add("automatic-rekeys-" + std::string(how));
}

}  // namespace segw::ike
