// After a split (redundancy rules 6, 16 and 17): the loser serves until what it did is merged, and
// the winner merges it.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "chassis/tunnel_group.h"

namespace segw::chassis {

void TunnelGroup::install_all() {
  if (dormant()) return;
  for (const auto& [spi, sa] : state_.child_sas) isa_->send(install_message(sa, true));
}

void TunnelGroup::end_serving(std::string_view why) {
  if (!std::exchange(serving_, false)) return;
  serving_timer_.cancel();
  if (!mimp::acting(role_)) {
    platform_.log.event(
        platform::Severity::Minor, "MIMP_OUTRANKED_STOPPED",
        fmt::format("tunnel-group {} is served by the other chassis alone: {}", id().value, why));
    close();
  }
  install_all();  // what came meanwhile
  steer();
}

// What cannot be served here is not taken, and is shown.
void TunnelGroup::refuse_unserved(mcs::Offer& offer) {
  alarms_ += offer.unusable;
  std::erase_if(offer.ike_sas, [&](const auto& entry) {
    const std::string why = unserved(entry.second);
    note_awaiting_config(entry.second, why);
    if (why.empty()) return false;
    counters_.add("unmerged-" + why);
    ++alarms_;
    return true;
  });
}

void TunnelGroup::on_offer(PeerIndex from, mcs::Offer offer) {
  if (!mimp::acting(role_)) return;
  engine_->note_ages();
  refuse_unserved(offer);
  std::vector<Spi> moved;
  moved.reserve(offer.windows.size());
  for (const auto& [spi, window] : offer.windows) moved.push_back(spi);
  const mcs::Merged merged = mcs::merge(state_, tombstones_, std::move(offer), parts_.slot);
  counters_.add("merges");
  counters_.add("merged-child-sas", merged.came.size());
  counters_.add("merge-orphans", merged.orphans);
  counters_.add("merge-children-over-limit", merged.over_limit);
  counters_.add("merge-attempts", merged.attempts);
  const auto by_clients = [](const auto& gone) {
    return std::ranges::count_if(gone, [](const auto& each) { return each.by_client; });
  };
  platform_.log.event(
      platform::Severity::Warning, "MCS_MERGED",
      fmt::format("tunnel-group {}: what peer {} did during the split is merged: {} IKE SAs and {} "
                  "CHILD SAs came, {} and {} were deleted by their clients",
                  id().value, name_of(from), merged.served.size(), merged.came.size(),
                  by_clients(merged.gone_ike_sas), by_clients(merged.gone_child_sas)));
  take_merged(merged);
  for (const Spi spi : moved) {
    const auto at = state_.windows.find(spi);
    if (at != state_.windows.end()) isa_->send(isa::SetWindow{.window = at->second});
  }
  commit_merged(merged);
}

// Redundancy rule 11: the other chassis sealed in its blocks without our knowledge, so they are
// left alone for good, as those of the SAs that stood here when it was heard again.
void TunnelGroup::take_merged(const mcs::Merged& merged) {
  for (const auto& gone : merged.gone_child_sas) remove(gone.inbound_spi);
  for (const Spi spi : merged.child_sas) {
    esp::ChildSa& sa = state_.child_sas.at(spi);
    const bool came = merged.came.contains(spi);
    if (came) skip_used(sa, false, mcs::Origin::Copy);
    own_blocks_only_.insert(spi);
    hold_keys(sa.holders);
    isa_->send(install_message(sa, came));
    reverse_routes_.add(sa);
  }
  std::set<IkeSpi> changed = merged.ike_sas;
  for (const IkeSpi spi : merged.ike_sas) hold_keys(state_.ike_sas.at(spi).holders);
  for (const auto& gone : merged.gone_ike_sas) changed.insert(gone.our_spi);
  engine_->merged(changed, merged.served);
  // Each jumps a block for each of its own that is used up, until it is rekeyed (rule 21).
  if (parts_.group->rekeys_taken_over)
    engine_->rekey_in_turn({}, {merged.child_sas.begin(), merged.child_sas.end()});
}

void TunnelGroup::commit_merged(const mcs::Merged& merged) {
  std::vector<mcs::Record> records;
  records.reserve(merged.ike_sas.size() + merged.child_sas.size() + merged.gone_ike_sas.size() +
                  merged.gone_child_sas.size());
  for (const IkeSpi spi : merged.ike_sas) records.emplace_back(state_.ike_sas.at(spi));
  for (const Spi spi : merged.child_sas) records.emplace_back(state_.child_sas.at(spi));
  for (const auto& gone : merged.gone_child_sas) records.emplace_back(gone);
  for (const auto& gone : merged.gone_ike_sas) {
    records.emplace_back(gone);
    ike_ivs_.forget(gone.our_spi);
  }
  for (const mcs::Record& record : records) tombstones_.note(record);
  if (!records.empty()) commit_records(std::move(records), [] {});
}

// Redundancy rule 17, of two that were made for one: "send where the client last sent".
void TunnelGroup::send_where_heard(Spi heard) {
  esp::ChildSa& sa = state_.child_sas.at(heard);
  for (auto& [spi, other] : state_.child_sas) {
    if (spi == heard || !mcs::rivals(sa, other) || mcs::only_receives(other)) continue;
    engine_->note_ages();
    const uint64_t used = std::max(
        {position(spi).outbound_next, position(heard).outbound_next, other.outbound_floor});
    mcs::settle_rivals(sa, other, used, parts_.slot);
    counters_.add("rivals-changed");
    isa_->send(install_message(other, false));  // first: never two senders
    isa_->send(install_message(sa, true));
    engine_->merged({sa.ike_sa, other.ike_sa}, {});
    return commit_records({sa, other}, [] {});
  }
  engine_->note_ages();
  mcs::send_above(sa, position(heard).outbound_next, parts_.slot);
  isa_->send(install_message(sa, true));
  engine_->merged({sa.ike_sa}, {});
  commit_records({sa}, [] {});
}

}  // namespace segw::chassis
