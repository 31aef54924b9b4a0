#include "chassis/peer_liveness.h"

#include <fmt/format.h>

namespace segw::chassis {
namespace {

mimp::BfdSays to_mimp(bfd::Says says) {
  switch (says) {
    case bfd::Says::NeverUp:
      return mimp::BfdSays::NeverUp;
    case bfd::Says::Up:
      return mimp::BfdSays::Up;
    case bfd::Says::Down:
      return mimp::BfdSays::Down;
    case bfd::Says::AdminDown:
      return mimp::BfdSays::AdminDown;
  }
  return mimp::BfdSays::NeverUp;
}

std::string_view reason(const bfd::News& news) {
  if (news.says == bfd::Says::AdminDown) return "neighborAdminDown";
  return news.diagnostic == bfd::Diagnostic::DetectionTimeExpired ? "noHeartBeat"
                                                                  : "neighborSignaledDown";
}

}  // namespace

PeerLiveness::PeerLiveness(platform::Log& log, platform::PromptLoop& loop, Heard heard)
    : log_(log),
      heard_(std::move(heard)),
      sessions_(loop, [this](const bfd::News& news) { on_news(news); }) {
  log_.event(platform::Severity::Info, "BFD_STARTED", "BFD is scheduled " + loop.scheduling());
}

Result<void> PeerLiveness::add(const config::McPeer& peer, const bfd::PeerSettings& settings) {
  peers_.push_back(Peer{.config = &peer});
  return sessions_.add(settings);
}

void PeerLiveness::raise(Event event, std::string text) {
  const EventKind& kind = kind_of(event);
  log_.event(kind.severity, kind.name, std::move(text));
}

void PeerLiveness::renew_keys(const config::McPeer& peer, const bfd::Keys& keys) {
  for (size_t session = 0; session < peers_.size(); ++session) {
    if (peers_[session].config == &peer) sessions_.renew_keys(session, keys);
  }
}

void PeerLiveness::on_news(const bfd::News& news) {
  Peer& peer = peers_.at(news.session);
  if (peer.says == news.says) return;
  peer.says = news.says;
  const std::string session = fmt::format("BFD: Local Discriminator {} BFD session on node {} is ",
                                          news.discriminator, peer.config->address.text());
  if (news.says == bfd::Says::Up) {
    raise(Event::BfdUp, session + "up");
  } else {
    raise(Event::BfdDown, fmt::format("{}down due to {}", session, reason(news)));
  }
  heard_(*peer.config, to_mimp(news.says));
}

}  // namespace segw::chassis
