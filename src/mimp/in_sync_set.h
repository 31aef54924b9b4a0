#pragma once

// The in-sync set (redundancy rule 1), both ends of it, pure: time is given.
//
// The active grants its peer membership and renews it in each hello; commits wait for the peer
// while it is, or may still believe to be, a member. A membership ends in one of three ways only:
// the member acknowledged its removal, it has restarted (its memory is gone), or its grant has
// surely run out.
//
// When is that? The member counts its lease from the hello that renewed it, and it accepts a hello
// only if the beat echoed in it left the member at most its own hold before. The active heard that
// beat before it sent the renewal. So, however long the network kept the renewal:
//
//   end at the member <= heard + hold(member) + lease         both on the member's clock
//
// and the active waits 10 % longer than that, for clocks that drift apart.

#include <cstdint>
#include <optional>

#include "base/ids.h"
#include "base/time.h"
#include "mimp/mimp_wire.h"

namespace segw::mimp {

// The active's end, for one peer: its share of the set.
class InSyncSet {
 public:
  // A new activation: the peer is no member of it. A membership of an earlier activation that may
  // still be believed in is waited for like any other.
  void begin(Activation activation);
  // Not acting any more; what was granted is remembered for the next begin().
  void end() { acting_ = false; }

  // The active before us had granted it membership: it may believe in that until then, unless it
  // acknowledges our word first. After begin().
  void inherit(Instant surely_out);

  void admit();
  // Asks it to leave: `hello` says so until it is acknowledged or has run out.
  void remove();
  void on_peer_restarted();
  void on_ack(const GrantAck& ack);
  // Removal by time.
  void expire(Instant now);

  // What the next hello says, and that it is sent now. `heard`: when the beat that it echoes was
  // heard; `peer_hold`: as the peer told it.
  std::optional<Grant> sent(Instant heard, Duration lease, Duration peer_hold);

  // Commits wait for the peer.
  [[nodiscard]] bool waits() const { return acting_ && member_ != Member::Out; }
  // Acting or not: the peer may believe that it is a member.
  [[nodiscard]] bool believed() const { return member_ != Member::Out; }
  [[nodiscard]] bool granted() const { return acting_ && member_ == Member::Granted; }
  // When a removal completes by itself; nothing if none is under way.
  [[nodiscard]] std::optional<Instant> surely_out_at() const;
  // What a peer must hear at once when it changes.
  [[nodiscard]] GrantAck word() const { return {.activation = activation_, .version = version_}; }

 private:
  enum class Member : uint8_t { Out, Granted, Leaving };
  bool acting_ = false;
  Activation activation_;
  uint32_t version_ = 0;  // of this activation; each grant and each removal has its own
  Member member_ = Member::Out;
  std::optional<Instant> surely_out_;  // of the last renewal sent; nothing: none was sent
};

// The member's end.
class MemberGrant {
 public:
  // From a hello of an acting peer that was accepted at `now`.
  void on_grant(const Grant& grant, Instant now);
  void clear() { grant_.reset(); }
  // A grant of an older activation than the highest known is void: somebody acts, or has acted,
  // without us.
  [[nodiscard]] bool valid(Instant now, Activation highest) const;
  // To be sent in each hello to the active of `activation`.
  [[nodiscard]] std::optional<GrantAck> ack() const;

 private:
  std::optional<Grant> grant_;
  Instant until_{};
};

}  // namespace segw::mimp
