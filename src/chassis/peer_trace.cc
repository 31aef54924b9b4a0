#include "chassis/peer_trace.h"

#include <fmt/format.h>

#include <algorithm>

#include "ike/message.h"

namespace segw::chassis {
namespace {

const ike::IkeSa* sa_of(const ike::Datagram& datagram, const std::map<IkeSpi, ike::IkeSa>& sas) {
  const auto header = ike::decode_header(datagram.message);
  if (!header) return nullptr;
  for (const IkeSpi spi : {header->responder, header->initiator}) {
    const auto at = sas.find(spi);
    if (at != sas.end()) return &at->second;
  }
  return nullptr;
}

}  // namespace

Result<std::string> PeerTrace::set(const IpAddress& peer, TraceMode mode) {
  const auto at = std::ranges::find(peers_, peer, &Peer::address);
  if (mode == TraceMode::Off) {
    if (at == peers_.end()) return failure(fmt::format("{} is not traced", peer.text()));
    peers_.erase(at);
    return fmt::format("{} is not traced any more, what was noted is gone", peer.text());
  }
  if (at == peers_.end() && peers_.size() == kPeersMax) {
    return failure(fmt::format("{} peers are traced already", kPeersMax));
  }
  Peer& traced = at != peers_.end() ? *at : peers_.emplace_back();
  traced.address = peer;
  traced.mode = mode;
  traced.until = clock_.now() + kLimit;
  return fmt::format("{} is traced for {} minutes; show debug ipsec peer {}", peer.text(),
                     std::chrono::duration_cast<std::chrono::minutes>(kLimit).count(), peer.text());
}

void PeerTrace::note(Way way, const ike::Datagram& datagram,
                     const std::map<IkeSpi, ike::IkeSa>& sas) {
  if (peers_.empty()) return;
  const auto at = std::ranges::find(peers_, datagram.remote.address, &Peer::address);
  const Instant now = clock_.now();
  if (at == peers_.end() || at->until < now) return;
  if (now - second_ >= std::chrono::seconds(1)) {
    second_ = now;
    in_second_ = 0;
  }
  if (in_second_ >= kMessagesPerSecondMax) {
    ++at->left_out;
    return;
  }
  ++in_second_;
  if (at->entries.size() == kMessagesMax) {
    at->entries.pop_front();
    ++at->left_out;
  }
  const ike::IkeSa* sa = sa_of(datagram, sas);
  const auto wording = at->mode == TraceMode::Brief ? ike::Wording::Brief : ike::Wording::Detail;
  TraceEntry entry{.at = clock_.wall(),
                   .inbound = way == Way::In,
                   .remote = datagram.remote,
                   .text = ike::describe(datagram.message, sa, wording)};
  if (at->mode == TraceMode::ShowKeys && sa != nullptr) entry.text += ike::describe_keys(*sa);
  at->entries.push_back(std::move(entry));
}

std::vector<TraceStatus> PeerTrace::status() const {
  std::vector<TraceStatus> all;
  all.reserve(peers_.size());
  for (const Peer& peer : peers_) {
    all.push_back(TraceStatus{.peer = peer.address,
                              .active = clock_.now() <= peer.until,
                              .left_out = peer.left_out,
                              .entries = {peer.entries.begin(), peer.entries.end()}});
  }
  return all;
}

}  // namespace segw::chassis
