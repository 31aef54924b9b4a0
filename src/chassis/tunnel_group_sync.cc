// The tunnel group as MCS sees it: records in, records out.
#include <algorithm>

#include "chassis/specs.h"
#include "chassis/tunnel_group.h"
#include "esp/holders.h"

namespace segw::chassis {
namespace {

constexpr uint64_t kRestartsApart = 16;
constexpr size_t kFloorsMax = 262144;
constexpr size_t kTableMax = 524288;  // of each kind; a comparison takes no more

}  // namespace

bool TunnelGroup::in_sync_set(PeerIndex peer) const { return mimp_ && mimp_->in_sync_set(peer); }

// The owners of blocks that may give some of them away (redundancy rule 11).
std::set<Slot> TunnelGroup::slots_in_sync_set() const {
  std::set<Slot> slots;
  for (uint8_t i = 0; i < peers(); ++i) {
    const mcs::PeerLink* link = parts_.peers[i].link;
    if (link == nullptr || !mimp_->in_sync_set(PeerIndex{i})) continue;
    if (const auto identity = link->peer_identity()) slots.insert(identity->slot);
  }
  return slots;
}

void TunnelGroup::on_peer_synced(PeerIndex peer, bool synced) {
  if (synced) {
    // It holds every key now, and may have used them should it come back with another disk.
    hold_all_keys();
    rekey_for(peer);
  }
  if (mimp_) mimp_->set_peer_synced(peer, synced);
  tell_changes();
}

void TunnelGroup::on_handover(PeerIndex from, const mcs::Handover& message) {
  const bool may_be_target = role_ == mimp::MasterState::Standby && isa_->up() &&
                             mimp_->in_sync() && parts_.identity->has_epochs();
  // MIMP's word as well: a role that it has taken is told after the current event.
  const bool acting = mimp::acting(role_) || mimp::acting(mimp_->state());
  handover_.on_message(from, message, {.may_be_target = may_be_target, .acting = acting});
}

esp::Holder TunnelGroup::self() const {
  return {.slot = parts_.slot, .incarnation = parts_.identity->incarnation()};
}

bool TunnelGroup::may_seal(const std::vector<esp::Holder>& holders) const {
  return !esp::held_in_another_life(holders, self());
}

void TunnelGroup::hold_keys(std::vector<esp::Holder>& holders) const {
  esp::add_holder(holders, self());
  for (const GroupPeer& peer : parts_.peers) {
    if (peer.link == nullptr || !peer.link->connected()) continue;
    if (const auto identity = peer.link->peer_identity()) esp::add_holder(holders, *identity);
  }
}

// What this slot sealed last on an SA is known exactly only while its ISA lives and the SA stays:
// after any loss of that, sealing goes on above everything that can have been used
// (docs/decisions/0030).
void TunnelGroup::lose_position(Spi spi, uint64_t by) {
  const auto window = state_.windows.find(spi);
  note_position(spi, window == state_.windows.end() ? 1 : window->second.outbound_next);
  floors_[spi] += by;
}

void TunnelGroup::note_position(Spi spi, uint64_t next) {
  const auto [at, is_new] = floors_.try_emplace(spi, next);
  at->second = std::max(at->second, next);
  if (!is_new) return;
  floors_age_.push_back(spi);
  if (floors_age_.size() <= kFloorsMax) return;
  // The oldest that is not held any more; what is held keeps its floor.
  const auto gone = std::ranges::find_if(
      floors_age_, [&](const Spi& each) { return !state_.child_sas.contains(each); });
  if (gone == floors_age_.end()) return;
  floors_.erase(*gone);
  floors_age_.erase(gone);
}

isa::InstallSa TunnelGroup::install_message(const esp::ChildSa& sa, bool outbound) const {
  const auto ike_sa = state_.ike_sas.find(sa.ike_sa);
  const bool known = ike_sa != state_.ike_sas.end();
  const bool behind_nat = known && ike_sa->second.local_behind_nat;
  const auto dynamic = known ? ike_sa->second.dynamic : std::nullopt;
  isa::InstallSa message{
      .sa = sa,
      .options = tunnel_options(*parts_.config, configured(sa.tunnel), dynamic, behind_nat),
      .outbound = outbound,
      .may_seal = may_seal(sa.holders) && !mcs::only_receives(sa)};
  const auto window = state_.windows.find(sa.inbound_spi);
  const uint64_t reported = window == state_.windows.end() ? 1 : window->second.outbound_next;
  const auto floor = floors_.find(sa.inbound_spi);
  message.outbound_next = reported;
  if (!mcs::only_receives(sa)) message.outbound_next = std::max(reported, sa.outbound_floor);
  if (floor != floors_.end())
    message.outbound_next = std::max(message.outbound_next, floor->second);
  if (window != state_.windows.end()) message.inbound_edge = window->second.inbound_highest;
  return message;
}

std::string TunnelGroup::apply_record(const mcs::Record& record, mcs::Origin origin) {
  if (mimp::acting(role_)) return "receiver-is-acting";
  const auto* child = std::get_if<esp::ChildSa>(&record);
  const bool known = child != nullptr && state_.child_sas.contains(child->inbound_spi);
  const auto* client = std::get_if<ike::IkeSa>(&record);
  std::string unusable = client != nullptr ? unserved(*client) : std::string{};
  const bool new_client = client != nullptr && !state_.ike_sas.contains(client->our_spi());
  std::optional<Spi> asked;
  if (client != nullptr && !new_client) {
    const auto& pending = state_.ike_sas.at(client->our_spi()).pending;
    if (pending) asked = pending->new_child;
  }
  const bool full = (new_client && state_.ike_sas.size() >= kTableMax) ||
                    (child != nullptr && !known && state_.child_sas.size() >= kTableMax);
  if (unusable.empty() && full) unusable = "table-full";
  if (unusable.empty()) unusable = mcs::apply(state_, record);
  if (client != nullptr) note_awaiting_config(*client, unusable);
  note_usable(record, unusable.empty());
  if (client != nullptr && unusable.empty() && origin == mcs::Origin::Copy) {
    skip_unmade(*client, asked);
  }
  if (!unusable.empty()) {
    ++alarms_;
    return unusable;
  }
  struct Visitor {
    TunnelGroup& group;
    bool known;
    mcs::Origin origin;
    void operator()(const ike::IkeSa& sa) const {
      group.hold_keys(group.state_.ike_sas.at(sa.our_spi()).holders);
      group.ike_arrivals_[sa.our_spi()] = group.platform_.clock.now();
    }
    void operator()(const esp::ChildSa& sa) const { group.apply_child(sa, known, origin); }
    void operator()(const mcs::DeleteIkeSa& gone) const {
      group.ike_arrivals_.erase(gone.our_spi);
      group.awaiting_config_.erase(gone.our_spi);
    }
    void operator()(const mcs::DeleteChildSa& gone) const {
      group.child_arrivals_.erase(gone.inbound_spi);
      group.remove(gone.inbound_spi);
    }
    void operator()(const mcs::GrantChange& change) const {
      if (group.serving_) return;
      group.isa_->send(isa::SetGrants{.inbound_spi = change.inbound_spi, .grants = change.grants});
    }
  };
  std::visit(Visitor{.group = *this, .known = known, .origin = origin}, record);
  tombstones_.note(record);
  return {};
}

void TunnelGroup::note_awaiting_config(const ike::IkeSa& sa, const std::string& unusable) {
  const bool awaits = unusable.ends_with("-not-configured");
  if (!awaits) {
    awaiting_config_.erase(sa.our_spi());
  } else if (awaiting_config_.size() < kTableMax) {
    awaiting_config_[sa.our_spi()] = sa.dynamic.has_value();
  }
}

// What this slot may have sealed before it lost the SA.
void TunnelGroup::skip_used(const esp::ChildSa& sa, bool known, mcs::Origin origin) {
  const Spi spi = sa.inbound_spi;
  const bool listed = std::ranges::find(sa.holders, self()) != sa.holders.end();
  if (!known && floors_.contains(spi)) {
    lose_position(spi, kSkip);  // we gave it up, and it comes back
  } else if (!known && listed && (origin == mcs::Origin::Copy || made_of_half(sa))) {
    // We held it before a restart. Each restart goes further than the last: what that one sealed
    // may never have been reported.
    lose_position(spi, kRestartSkip * (1 + parts_.identity->start_number() % kRestartsApart));
  }
}

// A CHILD SA that is asked for: before a restart we may have got the answer, made it and sealed on
// it. Who asked knows nothing of that, and may get the answer once more.
void TunnelGroup::skip_unmade(const ike::IkeSa& sa, const std::optional<Spi>& asked) {
  if (half_made(sa)) half_made_.insert(sa.our_spi());
  if (!sa.pending || sa.pending->new_child.value == 0) return;
  if (asked == sa.pending->new_child) return;  // known here: this life has not made it
  lose_position(sa.pending->new_child,
                kRestartSkip * (1 + parts_.identity->start_number() % kRestartsApart));
}

// RFC 7296 2.17: its keys are the same, whichever chassis answers, or gets the answer.
bool TunnelGroup::made_of_half(const esp::ChildSa& sa) const {
  return sa.replaces.value == 0 && half_made_.contains(sa.ike_sa);
}

void TunnelGroup::apply_child(const esp::ChildSa& sa, bool known, mcs::Origin origin) {
  const Spi spi = sa.inbound_spi;
  skip_used(sa, known, origin);
  esp::ChildSa& held = state_.child_sas.at(spi);
  hold_keys(held.holders);
  child_arrivals_[spi] = platform_.clock.now();
  // One who serves on after a split uses what it had: the new active may be given its blocks of
  // what it made itself.
  if (!dormant() && !serving_) isa_->send(install_message(held, true));
  reverse_routes_.add(held);
}

void TunnelGroup::on_full_copy(const std::set<IkeSpi>& ike_sas, const std::set<Spi>& child_sas) {
  if (mimp::acting(role_)) return;
  end_serving("what was done here is merged");
  std::erase_if(unusable_, [&](const auto& key) {
    return key.first ? !child_sas.contains(Spi{static_cast<uint32_t>(key.second)})
                     : !ike_sas.contains(IkeSpi{key.second});
  });
  std::erase_if(state_.ike_sas, [&](const auto& entry) { return !ike_sas.contains(entry.first); });
  std::erase_if(awaiting_config_,
                [&](const auto& entry) { return !ike_sas.contains(entry.first); });
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
    ike_ivs_.forget(gone.spi);  // its last words are sealed
    worn_ike_.erase(gone.spi);
  }
  for (const mcs::Record& record : records) tombstones_.note(record);
  commit_records(std::move(records), std::move(then));
}

}  // namespace segw::chassis
