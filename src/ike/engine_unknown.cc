// Who names an SA that is not there (RFC 7296 1.5, 2.21.4). A hint that an SA is gone makes a
// client begin anew, so it is given by who knows all that clients were told (redundancy rule 22).
#include <algorithm>

#include "ike/engine_impl.h"

namespace segw::ike {
namespace {

constexpr size_t kNotifySize = 8;  // RFC 7296 3.10, without SPI and data
constexpr size_t kUdpHeaderSize = 8;
constexpr size_t kMarkerSize = 4;  // RFC 3948 2.2
constexpr uint32_t kSpiMin = 256;  // RFC 4303 2.1
constexpr size_t kEndedMax = 4096;
constexpr Duration kUnderWay = std::chrono::seconds(60);

}  // namespace

// RFC 7296 1.5: "the message sent is a response message, and thus it is sent to the IP address and
// port from whence it came with the same IKE SPIs and the Message ID and Exchange Type are copied
// from the request."
void EngineImpl::tell_unknown_ike_spi(const Datagram& datagram, const Header& header) {
  // RFC 7296 2.21.4: "If the message is marked as a response, the node can audit the suspicious
  // event but MUST NOT respond."
  if (!complete_ || header.is_response) return;
  // RFC 7296 1.5: one-way notifications, which are not encrypted, "must not be responded to".
  const bool encrypted =
      header.next_payload == static_cast<uint8_t>(PayloadType::Encrypted) ||
      header.next_payload == static_cast<uint8_t>(PayloadType::EncryptedFragment);
  const IkeSpi ours = header.from_initiator ? header.responder : header.initiator;
  const bool init = header.exchange == static_cast<uint8_t>(Exchange::SaInit);
  if (!encrypted || init || ours.value == 0 || tables_.ike_sas.contains(ours)) return;
  if (datagram.message.size() < kHeaderSize + kNotifySize)
    return;  // never more than was asked with
  if (settings_for_init(datagram) == nullptr ||
      !answer_limit_.admit(datagram.remote.address, platform_.clock.now())) {
    return drop("unknown-untold");
  }
  counters_.add("invalid-ike-spi-told");
  Header reply = header;
  reply.from_initiator = !header.from_initiator;
  reply.is_response = true;
  host_.send(Datagram{.local = datagram.local,
                      .remote = datagram.remote,
                      .message = encode_message(reply, {notify(NotifyType::InvalidIkeSpi)})});
}

void EngineImpl::on_unknown_esp(const UnknownEsp& packet) {
  const PartedCounters::Scope part(counters_,
                                   counters_.between(packet.local.address, packet.remote.address));
  if (!active_ || !complete_ || packet.spi.value < kSpiMin) return;
  // RFC 7296 1.5: "Using zero values or random values are both acceptable", "The Initiator flag is
  // set to 1, the Response flag is set to 0".
  const Datagram hint{
      .local = packet.local,
      .remote = packet.remote,
      .message = encode_message(
          Header{.exchange = static_cast<uint8_t>(Exchange::Informational), .from_initiator = true},
          {notify(NotifyType::InvalidSpi, spi_bytes(packet.spi))})};
  // Lately gone, about to be there, or not in the ISA yet.
  const bool explained = ended_lately(packet.spi) || reserved_.contains(packet.spi) ||
                         tables_.child_sas.contains(packet.spi);
  if (explained || settings_for_init(hint) == nullptr ||
      !answer_limit_.admit(packet.remote.address, platform_.clock.now())) {
    return drop("unknown-untold");
  }
  if (IkeSa* sa = standing_with(packet)) return tell_in_ike_sa(*sa, packet.spi);
  const size_t marker = packet.local.port == kNatPort ? kMarkerSize : 0;
  if (packet.size < kUdpHeaderSize + marker + hint.message.size()) return drop("unknown-untold");
  counters_.add("invalid-spi-told");
  host_.send(hint);
}

IkeSa* EngineImpl::standing_with(const UnknownEsp& packet) {
  const bool encapsulated = packet.local.port == kNatPort;
  const auto at = std::ranges::find_if(tables_.ike_sas, [&](const auto& entry) {
    const IkeSa& sa = entry.second;
    if (sa.state != IkeState::Established || sa.local.address != packet.local.address) return false;
    return encapsulated ? sa.remote == packet.remote : sa.remote.address == packet.remote.address;
  });
  return at == tables_.ike_sas.end() ? nullptr : &at->second;
}

// RFC 7296 1.5: "If the receiving node has an active IKE SA to the IP address from whence the
// packet came, it MAY send a notification of the wayward packet over that IKE SA in an
// INFORMATIONAL exchange." Where it cannot be said so now, it is not said at all.
void EngineImpl::tell_in_ike_sa(IkeSa& sa, Spi spi) {
  const Runtime& run = runtime(sa);
  const bool busy = run.committing || run.request_committing || run.sync_wanted || sa.pending;
  const bool may_ask =
      run.heard && !busy && !sa.address_unverified && !held_in_another_life(sa.holders);
  if (!may_ask || !send_request(sa, {.kind = Kind::Liveness},
                                {notify(NotifyType::InvalidSpi, spi_bytes(spi))})) {
    return drop("unknown-untold");
  }
  counters_.add("invalid-spi-told");
  schedule(sa);
}

void EngineImpl::note_ended(Spi spi) {
  const Instant now = platform_.clock.now();
  while (!ended_.empty() && now - ended_.front().at >= kUnderWay) ended_.pop_front();
  if (ended_.size() == kEndedMax) ended_.pop_front();
  ended_.push_back({.at = now, .spi = spi});
}

bool EngineImpl::ended_lately(Spi spi) const {
  const Instant now = platform_.clock.now();
  return std::ranges::any_of(
      ended_, [&](const Ended& each) { return each.spi == spi && now - each.at < kUnderWay; });
}

}  // namespace segw::ike
