#pragma once

// What a group knows of one peer, and what it owes it.

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "mimp/adjacency.h"
#include "mimp/bfd_verdict.h"
#include "mimp/in_sync_set.h"
#include "mimp/mimp_service.h"
#include "mimp/port.h"

namespace segw::mimp {

// What a peer must hear at once when it changes.
struct Announced {
  Standing standing;
  GrantAck grant;
  GrantAck grant_ack;
  uint32_t switchover = 0;
  std::vector<std::pair<Nonce, Activation>> vouched;
  bool operator==(const Announced&) const = default;
};

struct Neighbour {
  Neighbour(platform::Platform& platform, PeerIndex place, const PeerSettings& configured,
            const Beats& beats, platform::Callback on_loss_due)
      : index(place),
        settings(configured),
        keys(configured.keys),
        adjacency(beats, configured.hold()),
        bfd(configured.hold()),
        loss_timer(platform, std::move(on_loss_due)) {}

  [[nodiscard]] bool acts() const { return up && hello && acting(hello->standing.state); }

  const PeerIndex index;
  const PeerSettings& settings;
  SharedKeys keys;  // in use now
  std::unique_ptr<Port::Line> line;
  std::optional<VersionRange> versions;  // as it told last

  Adjacency adjacency;
  BfdVerdict bfd;
  bool up = false;
  std::optional<Hello> hello;  // last one acted upon; kept when it is lost
  Instant hello_at{};
  uint64_t last_beat = 0;  // … its beat
  platform::Timer loss_timer;
  bool loss_graced = false;

  std::optional<Announced> announced;  // as last sent to it
  std::optional<Nonce> answer_to;      // a boot of it that waits for an answer
  Instant last_answer{};
  Instant last_sent{};        // any hello
  bool word_owed = false;     // it announced something, or asked: it waits for our word
  bool probe_owed = false;    // we ask it on behalf of another
  Instant last_relay{};       // … when we did last
  Instant news_until{};       // it asked whom we hear: news of acting nodes goes to it at once
  uint32_t last_request = 0;  // of its boot, that was looked at

  InSyncSet set;
  MemberGrant grant;
  bool synced = false;  // as MCS says, of this activation of ours
  Instant synced_at{};
  bool waits_told = false;  // set.waits() as the host was last told
};

}  // namespace segw::mimp
