#pragma once

// Two-way adjacency with one peer (redundancy rule 3), pure: time is given.
//
// Each boot draws a nonce; each datagram has a beat, and echoes the receiver's nonce with the
// highest of its beats that arrived. A hello is accepted only if it echoes our nonce with a beat
// that left here at most one hold ago, and its own beat is new for its nonce. So each accepted
// hello proves that the peer was alive, and heard us, within the last hold.
//
// A nonce other than the established peer's is a candidate: it is answered, and becomes the peer
// only by echoing that answer. A recording of a dead boot cannot do that, so it never displaces the
// living one, nor does it keep the dead one alive.

#include <cstdint>
#include <optional>
#include <vector>

#include "base/time.h"
#include "mimp/beats.h"
#include "mimp/mimp_wire.h"

namespace segw::mimp {

enum class Verdict : uint8_t {
  Accepted,
  Adopted,    // accepted, and it is a boot of the peer that we had no adjacency with: the old ended
  Unknown,    // first contact, or it does not know our boot: answer, change nothing
  StaleEcho,  // it last heard us too long ago: answer, change nothing
  OldBeat,    // a duplicate, an overtaken one or a recording: drop
};

class Adjacency {
 public:
  static constexpr size_t kCandidatesMax = 4;

  // `beats` outlives it.
  Adjacency(const Beats& beats, Duration hold) : beats_(beats), hold_(hold) {}

  // This beat of ours answered a candidate.
  void answered(const Nonce& candidate, uint64_t beat);
  // What a datagram echoes. `answer`: to a candidate; else to the peer.
  [[nodiscard]] std::optional<Echo> echo(const std::optional<Nonce>& answer) const;

  Verdict receive(const Nonce& nonce, uint64_t beat, const std::optional<Echo>& echo, Instant now);
  [[nodiscard]] bool up(Instant now) const { return peer_ && now < lost_at(); }
  // When the adjacency is lost unless another hello is accepted; past if it is lost.
  [[nodiscard]] Instant lost_at() const { return accepted_at_ + hold_; }
  [[nodiscard]] bool established() const { return peer_.has_value(); }
  // When the beat that we echo to the peer was heard.
  [[nodiscard]] Instant heard_at() const { return peer_ ? peer_->seen_at : Instant{}; }
  [[nodiscard]] uint64_t accepted() const { return peer_ ? peer_->accepted : 0; }
  [[nodiscard]] Instant accepted_at() const { return accepted_at_; }
  [[nodiscard]] std::optional<Nonce> peer() const {
    return peer_ ? std::optional<Nonce>(peer_->nonce) : std::nullopt;
  }

 private:
  struct Known {
    Nonce nonce{};
    uint64_t seen = 0;       // highest beat that arrived
    uint64_t accepted = 0;   // … that was accepted
    uint64_t challenge = 0;  // candidate: first beat of ours that answered it
    Instant seen_at{};
  };
  Known& candidate(const Nonce& nonce);

  const Beats& beats_;
  Duration hold_;
  std::optional<Known> peer_;
  std::vector<Known> candidates_;
  Instant accepted_at_{};
};

}  // namespace segw::mimp
