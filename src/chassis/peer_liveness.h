#pragma once

// BFD towards the chassis that back us up (redundancy rule 5): one session for each peer that
// wants it, whatever the number of groups; its news as events and for MIMP.

#include <functional>
#include <vector>

#include "bfd/sessions.h"
#include "chassis/events.h"
#include "config/model.h"
#include "mimp/bfd_verdict.h"
#include "platform/platform.h"

namespace segw::chassis {

class PeerLiveness {
 public:
  using Heard = std::function<void(const config::McPeer& peer, mimp::BfdSays says)>;
  PeerLiveness(platform::Log& log, platform::PromptLoop& loop, Heard heard);

  // Error: a port is taken, or the address is not ours; one line.
  Result<void> add(const config::McPeer& peer, const bfd::PeerSettings& settings);
  // Nothing happens if the peer has no session.
  void renew_keys(const config::McPeer& peer, const bfd::Keys& keys);
  [[nodiscard]] bfd::Status status() const { return sessions_.status(); }

 private:
  struct Peer {
    const config::McPeer* config = nullptr;
    bfd::Says says = bfd::Says::NeverUp;
  };
  void on_news(const bfd::News& news);
  void raise(Event event, std::string text);

  platform::Log& log_;
  Heard heard_;
  std::vector<Peer> peers_;  // by session
  bfd::Sessions sessions_;
};

}  // namespace segw::chassis
