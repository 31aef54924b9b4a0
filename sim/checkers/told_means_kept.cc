// The state that a message implied when it left exists on the next active, unless its takeover was
// unclean (counted) or it restarted since. Requests of ours count like responses.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "sim/checkers/checker.h"
#include "sim/checkers/takeovers.h"
#include "sim/ike_header.h"
#include "sim/ip_packet.h"

namespace segw::sim {
namespace {

// Shorter than any exchange with a client: nothing comes and goes in it.
constexpr Duration kNoteInterval = std::chrono::milliseconds(5);

struct Told {
  Instant at{};
  std::set<HostId> members;  // of the in-sync set, by the active's account or their own
  std::set<HostId> had;      // those that held SA and children then: what is gone there was deleted
  bool answered = false;     // `answer` and `answer_hash` are set
  uint32_t answer = 0;
  uint64_t answer_hash = 0;
  bool begun = false;  // a tunnel that the gateway begins: after a split it is begun anew
  bool asked = false;
  uint32_t request = 0;
  std::vector<Spi> children;
};

// An IKE SA's CHILD SAs as its last answer and its last request were made. Either leaves when what
// was recorded before it is held: what came to the table since then may be held by nobody.
struct Made {
  uint32_t next_in = 0;
  uint32_t next_out = 0;
  std::vector<Spi> in_answer;
  std::vector<Spi> in_request;
};

class ToldMeansKept final : public Checker {
 public:
  explicit ToldMeansKept(const CheckerView& view) : Checker(view, "told_means_kept") {}

  void add_to(CheckerCounts& counts) const override {
    counts.clean_takeovers += clean_;
    counts.unclean_takeovers += unclean_;
    counts.unmerged += unmerged_;
    counts.told_beside += told_beside_;
  }

  void on_isa_out(HostId host, platform::Side side, ByteView packet) override {
    if (side != platform::Side::Public) return;
    const auto ike = ike_of(packet);
    const auto* state = state_of(host);
    if (!ike || state == nullptr) return;
    const auto header = decode_ike_header(ike->bytes);
    if (!header) return;
    const IkeSpi spi{header->from_initiator ? header->initiator_spi : header->responder_spi};
    const auto sa = state->ike_sas.find(spi);
    if (sa == state->ike_sas.end()) {
      told_.erase({host, spi});
      return;
    }
    note(host, sa->second, *header, ike->bytes);
    if (header->response && header->exchange == kCreateChildSa) note_new(host, *state, sa->second);
  }

  void on_isa_told(HostId host, const isa::ToIsa& message) override {
    // A role that is renewed while acting (the winner of a split) is no takeover.
    if (makes_act(message)) to_merge_.erase(host);  // it holds what it told itself
    if (makes_act(message) && acting_.insert(host).second) check(host);
    if (acting_.size() > 1) beside_.insert(acting_.begin(), acting_.end());
    if (!ends_acting(message)) return;
    const bool acted = acting_.erase(host) != 0;
    // The other one told more, to others, and has crashed.
    if (beside_.erase(host) != 0 && acted && acting_.empty()) forget(host);
    // Of two that acted at once, what the one told is merged (rule 17): looked at when it is in
    // sync. What was lost with a crash is nobody's.
    for (const SimHost* other : view().hosts) {
      if (other->id() == host || !view().roles.acting(other->id())) continue;
      if (acted) {
        forget_gone(host);  // what ended in the event that ends its role it does not hold either
        to_merge_.insert(host);
      } else if (!to_merge_.contains(host)) {
        forget(host);
      }
    }
  }

  void on_isa_stopped(HostId host) override { acting_.erase(host); }
  void on_boot(HostId host) override {
    beside_.erase(host);
    grants_.erase(host);
    had_[host] = {};
    std::erase_if(made_, [&](const auto& entry) { return entry.first.first == host; });
    if (to_merge_.erase(host) != 0) forget(host);  // lost with its memory
  }

  // What its owner forgot without a message (time-outs) is nobody's duty any more.
  void after_event() override {
    note_made();
    if (view().world.now() < next_look_) return;
    next_look_ = view().world.now() + std::chrono::milliseconds(1);
    for (const HostId host : std::set<HostId>(to_merge_)) check_merge(host);
    if (to_merge_.empty() && view().world.now() >= next_note_) {
      next_note_ = view().world.now() + kNoteInterval;
      note_held();
    }
    if (view().world.now() >= next_grants_) {
      next_grants_ = view().world.now() + kNoteInterval;
      note_grants();
    }
    for (const SimHost* host : view().hosts) {
      if (!to_merge_.contains(host->id())) forget_gone(host->id());
    }
  }

 private:
  using Key = std::pair<HostId, IkeSpi>;

  [[nodiscard]] const mcs::GroupState* state_of(HostId host) const {
    const chassis::Chassis* chassis = view().hosts[host]->chassis();
    return chassis == nullptr ? nullptr : chassis->group_state(view().group);
  }

  // An active says so of its peers, a standby of its own grant: a set that shrinks while a grant is
  // still valid counts as it was. In a domain that grant may be of a third one, which acts as well:
  // it says that this chassis holds what that one told, and nothing of the teller.
  [[nodiscard]] std::set<HostId> members(HostId teller) const {
    std::set<HostId> all = view_group(*view().hosts[teller], view().network).members;
    for (const SimHost* host : view().hosts) {
      if (host->id() == teller || all.contains(host->id())) continue;
      const GroupView held = view_group(*host, view().network);
      if (held.in_sync && held.granted_by.value_or(teller) == teller) all.insert(host->id());
    }
    return all;
  }

  void forget_gone(HostId host) {
    const auto* state = state_of(host);
    if (state == nullptr) return;
    for (auto at = told_.lower_bound({host, IkeSpi{}}); at != told_.end();) {
      if (at->first.first != host) return;
      if (!state->ike_sas.contains(at->first.second)) {
        at = told_.erase(at);
        continue;
      }
      std::erase_if(at->second.children,
                    [&](const Spi& spi) { return !state->child_sas.contains(spi); });
      ++at;
    }
  }

  // Of each IKE SA, as soon as an answer or a request is made.
  void note_made() {
    for (const HostId host : acting_) {
      const auto* state = state_of(host);
      if (state == nullptr) continue;
      for (const auto& [spi, sa] : state->ike_sas) made(host, sa);
    }
  }
  const Made& made(HostId host, const ike::IkeSa& sa) {
    const auto [at, is_new] = made_.try_emplace({host, sa.our_spi()});
    Made& made = at->second;
    if (is_new || made.next_in != sa.next_request_in) made.in_answer = sa.children;
    if (is_new || made.next_out != sa.next_request_out) made.in_request = sa.children;
    made.next_in = sa.next_request_in;
    made.next_out = sa.next_request_out;
    return made;
  }

  // What was told before, and what this message tells of; what is gone is nobody's duty.
  static void note_children(Told& told, const ike::IkeSa& sa, const std::vector<Spi>& made) {
    std::set<Spi> all(told.children.begin(), told.children.end());
    all.insert(made.begin(), made.end());
    told.children.clear();
    std::ranges::copy_if(sa.children, std::back_inserter(told.children),
                         [&](const Spi& spi) { return all.contains(spi); });
  }

  void note(HostId host, const ike::IkeSa& sa, const IkeHeader& header, ByteView bytes) {
    Told& told = told_[{host, sa.our_spi()}];
    const Made& as_made = made(host, sa);
    told.at = view().world.now();
    told.members = members(host);
    if (header.response) {
      told.answered = true;
      told.answer = header.message_id;
      told.answer_hash = hash_of(bytes);
    } else {
      told.asked = true;
      told.request = header.message_id;
    }
    told.begun = sa.state == ike::IkeState::Connecting || sa.state == ike::IkeState::Authenticating;
    note_children(told, sa, header.response ? as_made.in_answer : as_made.in_request);
    told.had.clear();
    for (const HostId member : told.members) {
      if (holds(member, sa.our_spi(), told.children)) told.had.insert(member);
    }
  }

  // Of what a chassis held since its boot, and holds no more, a client or time-out has had the end.
  struct Had {
    std::set<IkeSpi> ike_sas;
    std::set<Spi> child_sas;
  };
  void note_held() {
    for (const SimHost* host : view().hosts) {
      const auto* state = state_of(host->id());
      if (state == nullptr) continue;
      for (const auto& [spi, sa] : state->ike_sas) had_[host->id()].ike_sas.insert(spi);
      for (const auto& [spi, sa] : state->child_sas) had_[host->id()].child_sas.insert(spi);
    }
  }

  // Beside several actives: whose grant a standby takes over with.
  void note_grants() {
    if (view().hosts.size() < 3 || (acting_.size() < 2 && grants_.empty())) return;
    for (const SimHost* host : view().hosts) {
      if (acting_.contains(host->id())) continue;
      const GroupView held = view_group(*host, view().network);
      // Its ISA is not told yet, but it acts already.
      if (mimp::acting(held.role) || (held.in_sync && !held.granted_by)) continue;
      const bool only = acting_.size() < 2 && held.granted_by && acting_.contains(*held.granted_by);
      if (held.in_sync && !only) {
        grants_[host->id()] = *held.granted_by;
      } else {
        grants_.erase(host->id());
      }
    }
  }

  [[nodiscard]] bool holds(HostId host, IkeSpi ike_sa, const std::vector<Spi>& children) const {
    const auto* state = state_of(host);
    return state != nullptr && state->ike_sas.contains(ike_sa) &&
           std::ranges::all_of(children,
                               [&](const Spi& spi) { return state->child_sas.contains(spi); });
  }

  // The successor that the answer to a rekey announced.
  void note_new(HostId host, const mcs::GroupState& state, const ike::IkeSa& old) {
    for (const auto& [spi, sa] : state.ike_sas) {
      if (sa.remote != old.remote || sa.state != ike::IkeState::Established) continue;
      if (sa.next_request_in != 0 || told_.contains({host, spi})) continue;
      told_[{host, spi}] = Told{.at = view().world.now(),
                                .members = told_.at({host, old.our_spi()}).members,
                                .had = {},
                                .children = made(host, sa).in_answer};
    }
  }

  void forget(HostId host) {
    std::erase_if(told_, [&](const auto& entry) { return entry.first.first == host; });
  }

  void check(HostId next) {
    if (state_of(next) == nullptr) return;
    const bool clean = takeovers_.clean(*view().hosts[next], view().network);
    ++(clean ? clean_ : unclean_);
    const Instant booted = view().hosts[next]->booted_at();
    const auto grant = grants_.extract(next);
    // It succeeds another one; the teller has not stopped, and is merged when the two meet.
    const auto acts_beside = [&](HostId teller) {
      return acting_.contains(teller) && !grant.empty() && grant.mapped() != teller;
    };
    std::map<Key, Told> kept;
    for (const auto& [key, told] : told_) {
      const bool own = key.first == next;
      if (!own && acting_.contains(key.first)) kept[key] = told;  // a split: it tells more
      if (own && told.at < booted) continue;                      // lost with its memory
      if (own) {
        kept[key] = told;
      } else if (clean && told.members.contains(next) && told.at >= booted &&
                 !to_merge_.contains(key.first)) {
        if (acts_beside(key.first)) {
          ++told_beside_;
          continue;
        }
        check_one(next, key, told);
        kept[{next, key.second}] = told;
      }
    }
    told_ = std::move(kept);
  }

  // The winner has granted it membership since. That it still waits for a membership of before the
  // split to run out says nothing of a merge.
  [[nodiscard]] bool in_sync_with(HostId loser, HostId winner) const {
    const GroupView held = view_group(*view().hosts[loser], view().network);
    return held.in_sync && held.granted_by.value_or(winner) == winner &&
           view_group(*view().hosts[winner], view().network).members.contains(loser);
  }

  // The loser of a split is in sync with the winner: nothing of what it told is missing there.
  void check_merge(HostId loser) {
    for (const HostId winner : acting_) {
      if (winner == loser || state_of(winner) == nullptr) continue;
      if (!in_sync_with(loser, winner)) continue;
      to_merge_.erase(loser);
      if (view().hosts[loser]->older() || view().hosts[winner]->older()) {
        ++unmerged_;
        return forget(loser);
      }
      check_merged(loser, winner);
      return;
    }
  }

  void check_merged(HostId loser, HostId winner) {
    for (auto [key, told] : std::map<Key, Told>(told_)) {
      if (key.first != loser || told.begun) continue;
      told.answer_hash = 0;  // both may have answered the same request
      const auto at = state_of(winner)->ike_sas.find(key.second);
      const bool there = at != state_of(winner)->ike_sas.end();
      told_.erase(key);
      // Deleted by the client there, whatever it had said here before.
      if (there ? at->second.state == ike::IkeState::Closed
                : had_[winner].ike_sas.contains(key.second)) {
        continue;
      }
      std::erase_if(told.children,
                    [&](const Spi& spi) { return had_[winner].child_sas.contains(spi); });
      check_one(winner, key, told);
    }
  }

  void check_one(HostId next, const Key& key, const Told& told) {
    const auto* state = state_of(next);
    const std::string who = fmt::format("{} acts next, but of what {} told on IKE SA {:016x} it ",
                                        host_name(next), host_name(key.first), key.second.value);
    const auto at = state->ike_sas.find(key.second);
    if (at == state->ike_sas.end()) {
      if (!told.had.contains(next)) violate(who + "holds nothing");
      return;
    }
    const ike::IkeSa& sa = at->second;
    if (told.answered && sa.next_request_in <= told.answer) {
      violate(fmt::format("{}misses answer {}", who, told.answer));
    }
    if (told.answered && sa.last_answer && sa.last_answer->message_id == told.answer &&
        told.answer_hash != 0 && !sa.last_answer->response.empty() &&
        hash_of(sa.last_answer->response.back()) != told.answer_hash) {
      violate(fmt::format("{}holds another answer {}", who, told.answer));
    }
    if (told.asked && sa.next_request_out <= told.request) {
      violate(fmt::format("{}misses request {}", who, told.request));
    }
    for (const Spi child : told.children) {
      if (!told.had.contains(next) && !state->child_sas.contains(child)) {
        violate(fmt::format("{}misses CHILD SA {:08x}", who, child.value));
      }
    }
  }

  std::map<Key, Told> told_;
  std::map<HostId, Had> had_;
  std::map<Key, Made> made_;  // of who acts
  std::set<HostId> acting_;
  std::set<HostId> beside_;          // they act, and another one did at the same time
  std::set<HostId> to_merge_;        // they acted beside the other one, and have stopped
  std::map<HostId, HostId> grants_;  // of standbys, while several act: whose they hold
  Takeovers takeovers_;
  Instant next_look_{};
  Instant next_note_{};
  Instant next_grants_{};
  uint64_t clean_ = 0;
  uint64_t unclean_ = 0;
  uint64_t unmerged_ = 0;
  uint64_t told_beside_ = 0;
};

}  // namespace

std::unique_ptr<Checker> make_told_means_kept(const CheckerView& view) {
  return std::make_unique<ToldMeansKept>(view);
}

}  // namespace segw::sim
