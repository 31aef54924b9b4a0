#pragma once

// What two chassis did while both acted becomes one state again (redundancy rule 17). Pure.
//
// The winner of a split holds `state`; the loser offers what the winner lacks or has otherwise.
// Only what a client deleted stays deleted: what one side gave up by itself comes back.

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "mcs/records.h"

namespace segw::mcs {

constexpr size_t kTombstonesMax = 65536;
// CHILD SAs of one IKE SA: the engine makes no more, and a record takes some more.
constexpr size_t kChildrenMost = 48;
// "delete the other after 3 min"
constexpr Duration kRivalKept = std::chrono::minutes(3);
// Beyond what the loser said last: it serves on until the merge is done.
constexpr uint64_t kMergeSkip = uint64_t{1} << 22;

// What clients deleted, the oldest forgotten first.
class Tombstones {
 public:
  // A delete that the client said is kept; of an SA that is made nothing is.
  void note(const Record& record);
  [[nodiscard]] bool contains(IkeSpi spi) const { return keys_.contains({false, spi.value}); }
  [[nodiscard]] bool contains(Spi spi) const { return keys_.contains({true, spi.value}); }
  [[nodiscard]] std::vector<Record> all() const;

 private:
  using Key = std::pair<bool, uint64_t>;  // (is a CHILD SA, our SPI)
  void add(const Key& key);
  std::set<Key> keys_;
  std::deque<Key> order_;
};

struct Offer {
  std::map<IkeSpi, ike::IkeSa> ike_sas;
  std::map<Spi, esp::ChildSa> child_sas;
  Tombstones gone;
  std::map<Spi, esp::SaWindow> windows;
  uint64_t unusable = 0;  // records that could not be read
};

// What has changed in the state; the values are there.
struct Merged {
  std::set<IkeSpi> ike_sas;
  std::set<Spi> child_sas;
  std::set<IkeSpi> served;  // their clients spoke to the loser
  std::set<Spi> came;       // CHILD SAs that were not here
  std::vector<DeleteIkeSa> gone_ike_sas;
  std::vector<DeleteChildSa> gone_child_sas;
  uint64_t over_limit = 0;  // CHILD SAs that are ended: more than kChildrenMost
  uint64_t orphans = 0;     // CHILD SAs whose IKE SA is gone
  uint64_t attempts = 0;    // IKE SAs that we had begun for a tunnel that stands
};

// `own`: the winner's slot. `gone`: what clients deleted there.
Merged merge(GroupState& state, const Tombstones& gone, Offer theirs, Slot own);

// Two CHILD SAs of which only one may send: the client knows one SPI for both, or they replace the
// same one.
[[nodiscard]] bool rivals(const esp::ChildSa& a, const esp::ChildSa& b);
// It only receives: its floor is the end of the space.
[[nodiscard]] bool only_receives(const esp::ChildSa& sa);
// It sends (again), above everything that was used.
void send_above(esp::ChildSa& sender, uint64_t used, Slot own);
// `sender` goes on above what either can have used, and `other` receives until it is deleted.
void settle_rivals(esp::ChildSa& sender, esp::ChildSa& other, uint64_t used, Slot own);

}  // namespace segw::mcs
