// The tunnel group as MCS sees it: records in, records out.
#include <algorithm>

#include "chassis/tunnel_group.h"

namespace segw::chassis {
namespace {

// A record that comes with an older age than this was made before we listened, so before a restart
// we may have held and used the SA.
constexpr Duration kFresh = std::chrono::seconds(2);
// Redundancy rule 11: "a node restarted since the SA was made skips 2^22 more".
constexpr uint64_t kRestartSkip = uint64_t{1} << 22;
constexpr uint64_t kRestartsApart = 16;

}  // namespace

bool TunnelGroup::peer_in_sync_set() const { return mimp_ && mimp_->peer_in_sync_set(); }

void TunnelGroup::on_peer_synced(bool synced) {
  if (synced) {
    // It holds every key now, and may have used them should it come back with another disk.
    for (auto& [spi, sa] : state_.ike_sas) hold_keys(sa.holders);
    for (auto& [spi, sa] : state_.child_sas) hold_keys(sa.holders);
  }
  if (mimp_) mimp_->set_peer_synced(synced);
}

void TunnelGroup::on_handover(const mcs::Handover& message) {
  const bool may_be_target = role_ == mimp::MasterState::Standby && isa_->up() &&
                             mimp_->in_sync() && parts_.identity->has_epochs();
  handover_.on_message(message, may_be_target);
}

bool TunnelGroup::may_seal(const std::vector<esp::Holder>& holders) const {
  return std::ranges::none_of(holders, [&](const esp::Holder& holder) {
    return holder.slot == parts_.slot && holder.incarnation != parts_.identity->incarnation();
  });
}

void TunnelGroup::hold_keys(std::vector<esp::Holder>& holders) const {
  const auto add = [&](const esp::Holder& holder) {
    if (std::ranges::find(holders, holder) == holders.end()) holders.push_back(holder);
  };
  add({.slot = parts_.slot, .incarnation = parts_.identity->incarnation()});
  if (parts_.link == nullptr || !parts_.link->connected()) return;
  if (const auto peer = parts_.link->peer_identity()) add(*peer);
}

uint64_t TunnelGroup::outbound_floor(Spi spi, uint64_t reported) const {
  if (!skipping_.contains(spi)) return reported;
  // Each restart goes further than the last: what that one sealed may never have been reported.
  const uint64_t restarts = parts_.identity->start_number() % kRestartsApart;
  return reported + kRestartSkip * (1 + restarts);
}

isa::InstallSa TunnelGroup::install_message(const esp::ChildSa& sa, bool outbound) const {
  isa::InstallSa message{.sa = sa, .outbound = outbound, .may_seal = may_seal(sa.holders)};
  const auto window = state_.windows.find(sa.inbound_spi);
  const uint64_t reported = window == state_.windows.end() ? 1 : window->second.outbound_next;
  message.outbound_next = outbound_floor(sa.inbound_spi, reported);
  if (window != state_.windows.end()) message.inbound_edge = window->second.inbound_highest;
  return message;
}

std::string TunnelGroup::apply_record(const mcs::Record& record) {
  if (mimp::acting(role_)) return "receiver-is-acting";
  const auto* child = std::get_if<esp::ChildSa>(&record);
  const bool known = child != nullptr && state_.child_sas.contains(child->inbound_spi);
  std::string unusable = mcs::apply(state_, record);
  if (!unusable.empty()) {
    ++alarms_;
    return unusable;
  }
  struct Visitor {
    TunnelGroup& group;
    bool known;
    void operator()(const ike::IkeSa& sa) const {
      group.hold_keys(group.state_.ike_sas.at(sa.our_spi()).holders);
    }
    void operator()(const esp::ChildSa& sa) const { group.apply_child(sa, known); }
    void operator()(const mcs::DeleteIkeSa&) const {}
    void operator()(const mcs::DeleteChildSa& gone) const { group.remove(gone.inbound_spi); }
    void operator()(const mcs::GrantChange& change) const {
      group.isa_->send(isa::SetGrants{.inbound_spi = change.inbound_spi, .grants = change.grants});
    }
  };
  std::visit(Visitor{*this, known}, record);
  return {};
}

void TunnelGroup::apply_child(const esp::ChildSa& sa, bool known) {
  // Listed as a holder of what we do not know: we held it, and may have sealed, before a restart.
  const esp::Holder own{.slot = parts_.slot, .incarnation = parts_.identity->incarnation()};
  const bool held_before = std::ranges::find(sa.holders, own) != sa.holders.end();
  if (!known && (held_before || sa.age > kFresh)) skipping_.insert(sa.inbound_spi);
  esp::ChildSa& held = state_.child_sas.at(sa.inbound_spi);
  hold_keys(held.holders);
  isa_->send(install_message(held, true));
}

void TunnelGroup::on_full_copy(const std::set<IkeSpi>& ike_sas, const std::set<Spi>& child_sas) {
  if (mimp::acting(role_)) return;
  std::erase_if(state_.ike_sas, [&](const auto& entry) { return !ike_sas.contains(entry.first); });
  std::vector<Spi> gone;
  for (const auto& [spi, sa] : state_.child_sas) {
    if (!child_sas.contains(spi)) gone.push_back(spi);
  }
  for (const Spi spi : gone) {
    state_.child_sas.erase(spi);
    remove(spi);
  }
}

void TunnelGroup::merge_window(const esp::SaWindow& window) {
  esp::SaWindow& known = state_.windows[window.inbound_spi];
  known.inbound_spi = window.inbound_spi;
  known.outbound_next = std::max(known.outbound_next, window.outbound_next);
  if (window.inbound_highest >= known.inbound_highest) {
    known.inbound_highest = window.inbound_highest;
    known.seen = window.seen;
  }
}

void TunnelGroup::on_windows(const std::vector<esp::SaWindow>& windows) {
  if (mimp::acting(role_)) return;
  for (const esp::SaWindow& window : windows) {
    if (!state_.child_sas.contains(window.inbound_spi)) continue;
    merge_window(window);
    esp::SaWindow told = state_.windows.at(window.inbound_spi);
    told.outbound_next = outbound_floor(window.inbound_spi, told.outbound_next);
    isa_->send(isa::SetWindow{.window = std::move(told)});
  }
}

void TunnelGroup::commit_records(std::vector<mcs::Record> records, platform::Callback then) {
  if (sync_) {
    sync_->commit(std::move(records), std::move(then));
  } else {
    post_(std::move(then));
  }
}

void TunnelGroup::commit(const ike::Changes& changes, platform::Callback then) {
  std::vector<mcs::Record> records;
  for (const IkeSpi spi : changes.ike_sas) {
    const auto at = state_.ike_sas.find(spi);
    if (at == state_.ike_sas.end()) continue;
    hold_keys(at->second.holders);
    records.emplace_back(at->second);
  }
  for (const Spi spi : changes.child_sas) {
    const auto at = state_.child_sas.find(spi);
    if (at == state_.child_sas.end()) continue;
    hold_keys(at->second.holders);
    records.emplace_back(at->second);
  }
  for (const auto& gone : changes.deleted_child_sas) {
    records.emplace_back(mcs::DeleteChildSa{.inbound_spi = gone.spi, .by_client = gone.by_client});
  }
  for (const auto& gone : changes.deleted_ike_sas) {
    records.emplace_back(mcs::DeleteIkeSa{.our_spi = gone.spi, .by_client = gone.by_client});
  }
  commit_records(std::move(records), std::move(then));
}

}  // namespace segw::chassis
