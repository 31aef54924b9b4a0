// Which keys are to be renewed, and whether all that clients were told is known (redundancy rules
// 11, 12, 13 and 22).
#include <algorithm>

#include "chassis/shared_keys.h"
#include "chassis/tunnel_group.h"
#include "esp/holders.h"
#include "esp/sequence_plan.h"

namespace segw::chassis {
namespace {

constexpr Duration kCompleteFor = std::chrono::seconds(60);  // rule 22
constexpr size_t kUnusableMax = 65536;
constexpr uint16_t kIkePort = 500;
constexpr uint16_t kIkeNatPort = 4500;

}  // namespace

void TunnelGroup::hold_all_keys() {
  for (auto& [spi, sa] : state_.ike_sas) hold_keys(sa.holders);
  for (auto& [spi, sa] : state_.child_sas) hold_keys(sa.holders);
}

// Before the first key leaves: who gets a part of a copy only is one who held it (rule 13).
void TunnelGroup::before_copy() {
  engine_->note_ages();
  hold_all_keys();
}

// Rule 13: a standby that came back with another state folder "may receive on that SA but must
// rekey before it sends", and can ask nobody to rekey: we do, while we act.
void TunnelGroup::rekey_for(PeerIndex peer) {
  const mcs::PeerLink* const link = parts_.peers.at(peer.value).link;
  const auto identity = link != nullptr ? link->peer_identity() : std::nullopt;
  if (!identity || !mimp::acting(role_)) return;
  std::vector<IkeSpi> ike_sas;
  std::vector<Spi> child_sas;
  for (const auto& [spi, sa] : state_.ike_sas) {
    if (sa.state != ike::IkeState::Established) continue;
    if (esp::held_in_another_life(sa.holders, *identity)) ike_sas.push_back(spi);
  }
  for (const auto& [spi, sa] : state_.child_sas) {
    if (!sa.rekeyed && esp::held_in_another_life(sa.holders, *identity)) child_sas.push_back(spi);
  }
  if (ike_sas.empty() && child_sas.empty()) return;
  counters_.add("peers-with-lost-state");
  engine_->rekey_in_turn(ike_sas, child_sas);
}

// Not those that nobody can rekey: their client does not answer, and has gone without a word or
// will be given up; the active lost its own state folder since they, or the IKE SA that it would
// ask under, were made, and has lost them already; or they are about to end.
uint64_t TunnelGroup::unsealable_by(const esp::Holder& who) const {
  const auto counts = [&](const std::vector<esp::Holder>& holders, IkeSpi ike_sa) {
    if (!esp::held_in_another_life(holders, who) || engine_->does_not_answer(ike_sa)) return false;
    if (who == self()) return true;
    const auto owner = state_.ike_sas.find(ike_sa);
    return may_seal(holders) && owner != state_.ike_sas.end() && may_seal(owner->second.holders);
  };
  const auto ike_sas = std::ranges::count_if(state_.ike_sas, [&](const auto& entry) {
    return entry.second.state == ike::IkeState::Established &&
           counts(entry.second.holders, entry.first);
  });
  const auto child_sas = std::ranges::count_if(state_.child_sas, [&](const auto& entry) {
    const bool ends = entry.second.rekeyed || entry.second.delete_after.count() > 0;
    return !ends && counts(entry.second.holders, entry.second.ike_sa);
  });
  return static_cast<uint64_t>(ike_sas + child_sas);
}

// Rule 11: "Without ESN: rekey at 2^31"; rule 12: "Rekey at 2^39". Jumps count like what was used.
void TunnelGroup::rekey_if_worn(const esp::ChildSa& sa, uint64_t next) {
  if (!mimp::acting(role_) || handover_.is_old() || sa.rekeyed) return;
  if (!esp::worn(next, sa.suite.extended_sequence_numbers)) return;
  if (!worn_.insert(sa.inbound_spi).second) return;
  counters_.add("worn-child-sas");
  engine_->rekey_child(sa.inbound_spi);
}

void TunnelGroup::rekey_if_worn(const ike::IkeSa& sa) {
  const IkeSpi spi = sa.our_spi();
  if (!ike_ivs_.worn(spi) || !worn_ike_.insert(spi).second) return;
  counters_.add("worn-ike-sas");
  post_([this, spi] { engine_->rekey_ike(spi); });  // the engine is at work on it
}

void TunnelGroup::note_usable(const mcs::Record& record, bool usable) {
  struct Key {
    std::pair<bool, uint64_t> operator()(const ike::IkeSa& sa) const {
      return {false, sa.our_spi().value};
    }
    std::pair<bool, uint64_t> operator()(const esp::ChildSa& sa) const {
      return {true, sa.inbound_spi.value};
    }
    std::pair<bool, uint64_t> operator()(const mcs::DeleteIkeSa& gone) const {
      return {false, gone.our_spi.value};
    }
    std::pair<bool, uint64_t> operator()(const mcs::DeleteChildSa& gone) const {
      return {true, gone.inbound_spi.value};
    }
    std::pair<bool, uint64_t> operator()(const mcs::GrantChange& change) const {
      return {true, change.inbound_spi.value};
    }
  };
  const auto key = std::visit(Key{}, record);
  if (usable) {
    // A change of grants says nothing of the rest of the SA.
    if (!std::holds_alternative<mcs::GrantChange>(record)) unusable_.erase(key);
  } else if (unusable_.size() < kUnusableMax) {
    unusable_.insert(key);
  }
}

bool TunnelGroup::knows_all() const {
  if (!mimp::acting(role_) || handover_.is_old() || doubtful_ || !unusable_.empty()) return false;
  for (size_t i = 0; i < peers(); ++i) {
    const PeerIndex peer{static_cast<uint8_t>(i)};
    if (mimp_->reachable(peer) && mimp::acting(mimp_->peer_state(peer))) return false;
  }
  return true;
}

void TunnelGroup::update_completeness() {
  bool all = mimp_ != nullptr;
  for (size_t i = 0; i < peers(); ++i) {
    all = all && mimp_->in_sync_set(PeerIndex{static_cast<uint8_t>(i)});
  }
  if (all) doubtful_ = false;  // whatever another chassis knew, it has been compared with us
  const Instant now = platform_.clock.now();
  if (!knows_all()) {
    complete_since_.reset();
  } else if (!complete_since_) {
    complete_since_ = now;
  }
  engine_->set_complete(complete_since_ && now - *complete_since_ >= kCompleteFor);
}

void TunnelGroup::on_unknown_esp(const isa::UnknownEsp& packet) {
  if (!mimp::acting(role_) || handover_.is_old()) return;
  const bool encapsulated = packet.remote.port != 0;
  engine_->on_unknown_esp(
      {.local = {.address = packet.local, .port = encapsulated ? kIkeNatPort : kIkePort},
       .remote = {.address = packet.remote.address,
                  .port = encapsulated ? packet.remote.port : kIkePort},
       .spi = packet.spi,
       .size = packet.size});
}

// What all chassis of the group know, and nobody else; none: there are no such keys. Then a
// client's cookie of one chassis is of no use at another, and it is asked for it once more.
SharedKeys TunnelGroup::common_keys() const {
  if (parts_.peers.empty()) return {};
  const SharedKeys& first = parts_.peers.front().keys;
  const bool common =
      std::ranges::all_of(parts_.peers, [&](const GroupPeer& peer) { return peer.keys == first; });
  return common ? first : SharedKeys{};
}

void TunnelGroup::renew_keys(const config::McPeer& peer, const SharedKeys& keys) {
  for (uint8_t i = 0; i < peers(); ++i) {
    if (parts_.peers[i].config != &peer) continue;
    parts_.peers[i].keys = keys;
    mimp_->renew_keys(PeerIndex{i}, protocol_keys(keys, "mimp 1"));
    engine_->renew_authentication(ike_group_settings());
  }
}

std::vector<uint16_t> TunnelGroup::peer_keys(const config::McPeer& peer) const {
  for (uint8_t i = 0; i < peers(); ++i) {
    if (parts_.peers[i].config == &peer) return mimp_->peer_keys(PeerIndex{i});
  }
  return {};
}

}  // namespace segw::chassis
