// After a merge with a chassis that acted beside us (redundancy rule 17): what the engine holds
// besides the tables follows them.
#include <algorithm>

#include "ike/engine_impl.h"

namespace segw::ike {

void EngineImpl::forget_what_is_gone() {
  std::erase_if(runtimes_, [&](const auto& entry) {
    if (tables_.ike_sas.contains(entry.first)) return false;
    due_.erase({entry.second.due, entry.first});
    reassembler_.forget(entry.first);
    return true;
  });
  const auto no_ike_sa = [&](IkeSpi spi) { return !tables_.ike_sas.contains(spi); };
  const auto no_child = [&](Spi spi) { return !tables_.child_sas.contains(spi); };
  std::erase_if(half_open_, [&](const auto& entry) { return no_ike_sa(entry.second); });
  std::erase_if(connecting_, no_ike_sa);
  std::erase_if(child_born_, [&](const auto& entry) { return no_child(entry.first); });
  std::erase_if(awaiting_outbound_, no_child);
}

// Redundancy rule 17: "One liveness or message-ID sync per IKE SA that the loser served."
void EngineImpl::begin_anew(IkeSa& sa, bool served) {
  const IkeSpi spi = sa.our_spi();
  const auto before = runtimes_.find(spi);
  const bool heard = before != runtimes_.end() && before->second.heard;
  if (served && before != runtimes_.end()) {
    due_.erase({before->second.due, spi});
    runtimes_.erase(before);
  }
  Runtime& run = runtime(sa);
  if (served) {
    run.heard = heard;  // redundancy rule 18
    want_numbers(sa, run);
    run.liveness_wanted = !run.sync_wanted;
    counters_.add("merged-from-the-other");
  }
  if (sa.state == IkeState::HalfOpen) half_open_[{sa.initiator_spi, sa.remote}] = spi;
  if (sa.pending) reserved_.insert(sa.pending->new_child);
  for (const Spi child : sa.children) {
    child_born_.erase(child);  // its age is of the merged record
    child_born(child);
  }
  schedule(sa);
}

void EngineImpl::merged(const std::set<IkeSpi>& changed, const std::set<IkeSpi>& served) {
  if (!active_) return;
  forget_what_is_gone();
  for (const IkeSpi spi : changed) {
    const auto at = tables_.ike_sas.find(spi);
    if (at != tables_.ike_sas.end()) begin_anew(at->second, served.contains(spi));
  }
  find_ranges();
}

}  // namespace segw::ike
