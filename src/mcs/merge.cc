#include "mcs/merge.h"

#include <algorithm>
#include <optional>
#include <tuple>

#include "esp/sequence_plan.h"

namespace segw::mcs {
namespace {

// An age of 0 in delete_after would be "never".
constexpr Duration kLeast{1};
constexpr size_t kRekeysMax = 64;  // in a row, of one IKE SA during one split

uint64_t next_of(const std::map<Spi, esp::SaWindow>& windows, Spi spi) {
  const auto at = windows.find(spi);
  return at == windows.end() ? 1 : at->second.outbound_next;
}
uint64_t heard_of(const std::map<Spi, esp::SaWindow>& windows, Spi spi) {
  const auto at = windows.find(spi);
  return at == windows.end() ? 0 : at->second.inbound_highest;
}

void add_holders(std::vector<esp::Holder>& to, const std::vector<esp::Holder>& from) {
  for (const esp::Holder& each : from) {
    if (std::ranges::find(to, each) == to.end()) to.push_back(each);
  }
}

// RFC 7296 1.4.1: a Closed one was deleted by the client, whatever came before.
bool theirs_is_later(const ike::IkeSa& ours, const ike::IkeSa& theirs) {
  const auto progress = [](const ike::IkeSa& sa) {
    return std::pair(sa.state == ike::IkeState::Closed, sa.authenticated_count);
  };
  return progress(theirs) > progress(ours);
}

ike::IkeSa merge_ike(const ike::IkeSa& ours, const ike::IkeSa& theirs) {
  const bool later = theirs_is_later(ours, theirs);
  ike::IkeSa sa = later ? theirs : ours;
  const ike::IkeSa& other = later ? ours : theirs;
  // What goes with a number comes from the side that used it: the client waits for the request
  // with the last one, and may ask for the last answer again.
  if (other.next_request_out > sa.next_request_out) sa.pending = other.pending;
  if (other.next_request_in > sa.next_request_in) sa.last_answer = other.last_answer;
  // Answered on one side: it would not be answered to the other.
  if (other.next_request_out == sa.next_request_out && !other.pending) sa.pending.reset();
  sa.next_request_in = std::max(ours.next_request_in, theirs.next_request_in);
  sa.next_request_out = std::max(ours.next_request_out, theirs.next_request_out);
  sa.highest_m1 = std::max(ours.highest_m1, theirs.highest_m1);
  sa.age = std::max(ours.age, theirs.age);
  sa.group = ours.group;
  add_holders(sa.holders, other.holders);
  return sa;
}

// When it is to be rekeyed stays in its record: it may be the one that the client uses.
void end_unused(esp::ChildSa& sa) {
  sa.outbound_floor = esp::kPositionMax;
  sa.delete_after = kLeast + sa.age + kRivalKept;
}

bool begun_by_us(const ike::IkeSa& sa) {
  return sa.state == ike::IkeState::Connecting || sa.state == ike::IkeState::Authenticating;
}

class Merger {
 public:
  Merger(GroupState& state, const Tombstones& gone, Offer theirs, Slot own)
      : state_(state), gone_(gone), theirs_(std::move(theirs)), own_(own) {}

  Merged run() {
    std::erase_if(theirs_.ike_sas, [&](const auto& entry) {
      return gone_.contains(entry.first) || begun_by_us(entry.second);
    });
    std::erase_if(theirs_.child_sas,
                  [&](const auto& entry) { return gone_.contains(entry.first); });
    find_heirs();
    for (const auto& [spi, sa] : theirs_.ike_sas) take_ike(spi, sa);
    for (const auto& [spi, sa] : theirs_.child_sas) take_child(spi, sa);
    drop_deleted_children();
    hand_on_children();
    drop_deleted_ike_sas();
    drop_own_attempts();
    merge_windows();
    for (const Spi spi : std::set<Spi>(result_.came)) settle(spi);
    list_children();
    return std::move(result_);
  }

 private:
  // ---- who owns a CHILD SA ----

  [[nodiscard]] const ike::IkeSa* ours(IkeSpi spi) const {
    const auto at = state_.ike_sas.find(spi);
    return at == state_.ike_sas.end() ? nullptr : &at->second;
  }
  // What is not offered is the same here, if it is there at all.
  [[nodiscard]] const ike::IkeSa* their(IkeSpi spi) const {
    const auto at = theirs_.ike_sas.find(spi);
    if (at != theirs_.ike_sas.end()) return &at->second;
    return theirs_.gone.contains(spi) ? nullptr : ours(spi);
  }
  // It has a successor, or had one and is deleted.
  static bool over(const ike::IkeSa* sa, bool deleted) {
    return deleted || (sa != nullptr &&
                       (sa->state == ike::IkeState::Rekeyed || sa->state == ike::IkeState::Closed));
  }

  // An IKE SA that was rekeyed on one side: its CHILD SAs are the successor's, those as well that
  // were made on the other side.
  void find_heirs() {
    for (const auto& [spi, sa] : theirs_.child_sas) {
      const auto here = state_.child_sas.find(spi);
      if (here == state_.child_sas.end() || here->second.ike_sa == sa.ike_sa) continue;
      const IkeSpi x = here->second.ike_sa;
      const IkeSpi y = sa.ike_sa;
      const bool x_over = over(their(x), theirs_.gone.contains(x));
      const bool y_over = over(ours(y), gone_.contains(y));
      const ike::IkeSa* of_x = ours(x);
      const ike::IkeSa* of_y = their(y);
      const uint64_t count_x = of_x == nullptr ? 0 : of_x->authenticated_count;
      const uint64_t count_y = of_y == nullptr ? 0 : of_y->authenticated_count;
      const bool y_inherits = x_over != y_over ? x_over : count_y > count_x;
      if (y_inherits ? of_y == nullptr : of_x == nullptr) continue;
      heirs_.try_emplace(y_inherits ? x : y, y_inherits ? y : x);
    }
  }
  [[nodiscard]] IkeSpi heir_of(IkeSpi spi) const {
    for (size_t i = 0; i < kRekeysMax; ++i) {
      const auto at = heirs_.find(spi);
      if (at == heirs_.end()) break;
      spi = at->second;
    }
    return spi;
  }
  void hand_on_children() {
    for (auto& [spi, sa] : state_.child_sas) {
      const IkeSpi heir = heir_of(sa.ike_sa);
      if (heir == sa.ike_sa || ours(heir) == nullptr) continue;
      sa.ike_sa = heir;
      result_.child_sas.insert(spi);
      result_.ike_sas.insert(heir);
    }
    for (const auto& [from, to] : heirs_) {
      const auto at = state_.ike_sas.find(from);
      if (at == state_.ike_sas.end()) continue;
      ike::IkeSa& old = at->second;
      if (old.state == ike::IkeState::Established) old.state = ike::IkeState::Rekeyed;
      if (old.delete_after.count() == 0) old.delete_after = kLeast + old.age + kRivalKept;
      result_.ike_sas.insert(from);
    }
  }

  // ---- the union ----

  void take_ike(IkeSpi spi, const ike::IkeSa& sa) {
    const auto [at, is_new] = state_.ike_sas.try_emplace(spi, sa);
    if (!is_new) {
      const bool later = theirs_is_later(at->second, sa);
      later_.insert_or_assign(spi, later);
      const bool further = sa.next_request_in > at->second.next_request_in ||
                           sa.next_request_out > at->second.next_request_out;
      at->second = merge_ike(at->second, sa);
      if (!later && !further) return;  // the loser knew no more than we do
    }
    result_.ike_sas.insert(spi);
    result_.served.insert(spi);
  }

  void take_child(Spi spi, const esp::ChildSa& sa) {
    result_.child_sas.insert(spi);
    const auto [at, is_new] = state_.child_sas.try_emplace(spi, sa);
    esp::ChildSa& merged = at->second;
    const uint64_t their_next = next_of(theirs_.windows, spi);
    if (is_new) {
      result_.came.insert(spi);
      if (!only_receives(merged)) raise_floor(merged, sa.grants, their_next + kMergeSkip);
      // An answer that did not reach the client, which then went on with us: it is not used unless
      // it is heard.
      const auto known = later_.find(sa.ike_sa);
      const bool we_know_more = known != later_.end() && !known->second;
      if (we_know_more && heard_of(theirs_.windows, spi) == 0) end_unused(merged);
      return;
    }
    const esp::ChildSa here = merged;
    const auto later = later_.find(here.ike_sa);
    if (later != later_.end() && later->second) merged = sa;
    merged.group = here.group;
    merged.ike_sa = here.ike_sa;
    merged.rekeyed = here.rekeyed || sa.rekeyed;
    merged.age = std::max(here.age, sa.age);
    merged.outbound_floor = std::max(here.outbound_floor, sa.outbound_floor);
    merged.holders = here.holders;
    add_holders(merged.holders, sa.holders);
    merge_grants(merged, here.grants, sa.grants, next_of(state_.windows, spi), their_next);
    heirs_owner(merged, sa);
  }
  // The owner that the other side names, if that is the heir of ours.
  void heirs_owner(esp::ChildSa& merged, const esp::ChildSa& sa) const {
    if (heir_of(merged.ike_sa) == sa.ike_sa) merged.ike_sa = sa.ike_sa;
  }

  // Redundancy rule 11. What the loser was given is not ours: of grants only our own stay as they
  // are, and we go on above every bound that either side knows.
  void merge_grants(esp::ChildSa& sa, const esp::SequenceGrants& ours,
                    const esp::SequenceGrants& theirs, uint64_t next, uint64_t their_next) const {
    sa.grants = ours;
    if (only_receives(sa)) return;
    const bool behind = their_next > next;
    if (ours == theirs && !behind) return;
    raise_floor(sa, theirs, behind ? their_next + kMergeSkip : next);
  }
  // The record is alike on both sides, but the loser has sealed.
  void note_their_position(esp::ChildSa& sa, const esp::SaWindow& theirs) {
    const uint64_t next = next_of(state_.windows, sa.inbound_spi);
    if (theirs.outbound_next <= next || only_receives(sa)) return;
    raise_floor(sa, sa.grants, theirs.outbound_next + kMergeSkip);
    result_.child_sas.insert(sa.inbound_spi);
  }
  void raise_floor(esp::ChildSa& sa, const esp::SequenceGrants& theirs, uint64_t next) const {
    esp::SequenceGrants all = sa.grants;
    for (size_t slot = 0; slot < esp::kSlotsMax; ++slot) {
      all.bound[slot] = std::max(all.bound[slot], theirs.bound[slot]);
    }
    const uint64_t floor = esp::takeover_start(all, own_, next, esp::Position::Exact);
    sa.outbound_floor = std::max(sa.outbound_floor, std::min(floor, esp::kPositionMax - 1));
    if (sa.grants.grantee != own_) sa.grants.bound = all.bound;
  }

  // ---- what clients deleted at the loser ----

  void drop_child(Spi spi, bool by_client) {
    const auto at = state_.child_sas.find(spi);
    if (at == state_.child_sas.end()) return;
    result_.ike_sas.insert(at->second.ike_sa);
    state_.child_sas.erase(at);
    state_.windows.erase(spi);
    result_.child_sas.erase(spi);
    if (result_.came.erase(spi) == 0) {
      result_.gone_child_sas.push_back({.inbound_spi = spi, .by_client = by_client});
    }
  }
  void drop_children_of(IkeSpi owner) {
    std::vector<Spi> children;
    for (const auto& [spi, sa] : state_.child_sas) {
      if (sa.ike_sa == owner) children.push_back(spi);
    }
    for (const Spi spi : children) drop_child(spi, true);
  }
  void drop_deleted_children() {
    for (const Record& record : theirs_.gone.all()) {
      const auto* child = std::get_if<DeleteChildSa>(&record);
      if (child != nullptr) drop_child(child->inbound_spi, true);
    }
  }
  void drop_deleted_ike_sas() {
    for (const Record& record : theirs_.gone.all()) {
      const auto* gone = std::get_if<DeleteIkeSa>(&record);
      if (gone == nullptr || !state_.ike_sas.contains(gone->our_spi)) continue;
      drop_children_of(gone->our_spi);
      state_.ike_sas.erase(gone->our_spi);
      result_.ike_sas.erase(gone->our_spi);
      result_.gone_ike_sas.push_back({.our_spi = gone->our_spi, .by_client = true});
    }
    for (const auto& [spi, theirs] : theirs_.ike_sas) {
      const ike::IkeSa* merged = ours(spi);
      if (merged != nullptr && merged->state == ike::IkeState::Closed) drop_children_of(spi);
    }
    for (const Spi spi : std::set<Spi>(result_.came)) {
      const ike::IkeSa* owner = ours(state_.child_sas.at(spi).ike_sa);
      if (owner != nullptr && owner->state == ike::IkeState::Closed) drop_child(spi, true);
    }
  }

  // What we began meanwhile for a tunnel that stands: the client would take its answer for the wish
  // to have another one. It may have been authenticated in one that waits for that answer.
  void drop_own_attempts() {
    std::set<uint32_t> standing;
    for (const auto& [spi, sa] : state_.ike_sas) {
      if (sa.state == ike::IkeState::Established) standing.insert(sa.tunnel);
    }
    std::erase_if(state_.ike_sas, [&](const auto& entry) {
      const ike::IkeSa& sa = entry.second;
      if (sa.state != ike::IkeState::Connecting || !standing.contains(sa.tunnel)) return false;
      result_.ike_sas.erase(entry.first);
      result_.served.erase(entry.first);
      result_.gone_ike_sas.push_back({.our_spi = entry.first, .by_client = false});
      ++result_.attempts;
      return true;
    });
  }

  void merge_windows() {
    for (const auto& [spi, theirs] : theirs_.windows) {
      const auto child = state_.child_sas.find(spi);
      if (child == state_.child_sas.end()) continue;
      if (!theirs_.child_sas.contains(spi)) note_their_position(child->second, theirs);
      esp::SaWindow& known = state_.windows[spi];
      known.inbound_spi = spi;
      known.outbound_next = std::max(known.outbound_next, theirs.outbound_next);
      if (theirs.inbound_highest < known.inbound_highest) continue;
      known.inbound_highest = theirs.inbound_highest;
      known.seen = theirs.seen;
    }
  }

  // ---- two that were made for one ----

  void settle(Spi came) {
    for (auto& [spi, other] : state_.child_sas) {
      esp::ChildSa& sa = state_.child_sas.at(came);
      if (spi == came || !rivals(sa, other) || sa.rekeyed || other.rekeyed) continue;
      if (only_receives(sa) || only_receives(other)) continue;
      // Who was heard by the client's packets is the one that it uses.
      const bool came_heard = heard_of(state_.windows, came) != 0;
      const bool other_heard = heard_of(state_.windows, spi) != 0;
      const auto later = later_.find(other.ike_sa);
      const bool came_later = later != later_.end() && later->second;
      const bool came_sends = came_heard != other_heard ? came_heard : came_later;
      const uint64_t used = std::max({next_of(state_.windows, came), next_of(state_.windows, spi),
                                      sa.outbound_floor, other.outbound_floor});
      if (came_sends) {
        settle_rivals(sa, other, used, own_);
      } else {
        settle_rivals(other, sa, used, own_);
      }
      result_.child_sas.insert(spi);
    }
  }

  // ---- the lists of the IKE SAs ----

  void list_children() {
    std::map<IkeSpi, std::vector<Spi>> of;
    std::vector<Spi> orphans;
    for (const auto& [spi, sa] : state_.child_sas) {
      if (ours(sa.ike_sa) == nullptr) {
        orphans.push_back(spi);
      } else {
        of[sa.ike_sa].push_back(spi);
      }
    }
    for (const Spi spi : orphans) drop_child(spi, false);
    result_.orphans = orphans.size();
    for (const Spi spi : result_.child_sas) result_.ike_sas.insert(state_.child_sas.at(spi).ike_sa);
    std::erase_if(result_.ike_sas, [&](IkeSpi spi) { return ours(spi) == nullptr; });
    for (const IkeSpi spi : std::set<IkeSpi>(result_.ike_sas)) {
      state_.ike_sas.at(spi).children = list(state_.ike_sas.at(spi).children, of[spi]);
    }
  }
  // Those that it lists first, in their order.
  std::vector<Spi> list(const std::vector<Spi>& listed, std::vector<Spi> all) {
    const auto place = [&](Spi spi) {
      return std::pair(std::ranges::find(listed, spi) - listed.begin(), spi);
    };
    std::ranges::sort(all, {}, place);
    while (all.size() > kChildrenMost) {
      const auto value = [&](Spi spi) {
        const esp::ChildSa& sa = state_.child_sas.at(spi);
        return std::tuple(!only_receives(sa), !sa.rekeyed, -sa.age);
      };
      const auto least = std::ranges::min_element(all, {}, value);
      drop_child(*least, false);
      all.erase(least);
      ++result_.over_limit;
    }
    return all;
  }

  GroupState& state_;
  const Tombstones& gone_;
  Offer theirs_;
  Slot own_;
  std::map<IkeSpi, IkeSpi> heirs_;  // of an IKE SA that is over
  std::map<IkeSpi, bool> later_;    // of those on both sides: did the client go further there?
  Merged result_;
};

}  // namespace

void Tombstones::add(const Key& key) {
  if (!keys_.insert(key).second) return;
  order_.push_back(key);
  if (order_.size() <= kTombstonesMax) return;
  keys_.erase(order_.front());
  order_.pop_front();
}

void Tombstones::note(const Record& record) {
  struct Visitor {
    Tombstones& all;
    void operator()(const ike::IkeSa& sa) const { all.keys_.erase({false, sa.our_spi().value}); }
    void operator()(const esp::ChildSa& sa) const { all.keys_.erase({true, sa.inbound_spi.value}); }
    void operator()(const DeleteIkeSa& gone) const {
      if (gone.by_client) all.add({false, gone.our_spi.value});
    }
    void operator()(const DeleteChildSa& gone) const {
      if (gone.by_client) all.add({true, gone.inbound_spi.value});
    }
    void operator()(const GrantChange& /*change*/) const {}
  };
  std::visit(Visitor{*this}, record);
}

std::vector<Record> Tombstones::all() const {
  std::vector<Record> records;
  for (const auto& [child, spi] : keys_) {
    if (child) {
      records.emplace_back(
          DeleteChildSa{.inbound_spi = Spi{static_cast<uint32_t>(spi)}, .by_client = true});
    } else {
      records.emplace_back(DeleteIkeSa{.our_spi = IkeSpi{spi}, .by_client = true});
    }
  }
  return records;
}

bool rivals(const esp::ChildSa& a, const esp::ChildSa& b) {
  const bool twins = a.remote == b.remote && a.outbound_spi == b.outbound_spi;
  return twins || (a.replaces.value != 0 && a.replaces == b.replaces && a.ike_sa == b.ike_sa);
}

bool only_receives(const esp::ChildSa& sa) { return sa.outbound_floor >= esp::kPositionMax; }

void send_above(esp::ChildSa& sender, uint64_t used, Slot own) {
  // The client sees one row of numbers for an SPI, whichever of the two they come from.
  const uint64_t start =
      esp::takeover_start(sender.grants, own, used + kMergeSkip, esp::Position::Exact);
  if (only_receives(sender)) sender.delete_after = {};
  sender.outbound_floor = std::min(start, esp::kPositionMax - 1);
}

void settle_rivals(esp::ChildSa& sender, esp::ChildSa& other, uint64_t used, Slot own) {
  send_above(sender, used, own);
  end_unused(other);
}

Merged merge(GroupState& state, const Tombstones& gone, Offer theirs, Slot own) {
  return Merger(state, gone, std::move(theirs), own).run();
}

}  // namespace segw::mcs
