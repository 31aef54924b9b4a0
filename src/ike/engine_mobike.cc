// Clients that move (RFC 4555), as responder. The IKE SA is at the new address at once, the CHILD
// SAs follow when the client has answered there: nobody can send our traffic to a third party
// (3.7).
#include <algorithm>

#include "crypto/crypto.h"
#include "ike/engine_impl.h"
#include "wire/writer.h"

namespace segw::ike {
namespace {

constexpr size_t kCookie2Size = 16;
constexpr size_t kCookie2Max = 64;  // RFC 4555 4.2.5

// RFC 4555 4.2.6: both addresses, both ports, as the sender believes them to be.
Bytes addresses_of(const Endpoint& from, const Endpoint& to) {
  wire::Writer out;
  out.bytes(from.address.bytes()).bytes(to.address.bytes()).u16(from.port).u16(to.port);
  return out.take();
}

}  // namespace

void EngineImpl::on_addresses(IkeSa& sa, const Request& request, std::vector<Payload>& answers) {
  if (!sa.mobike) return;
  const Datagram& datagram = request.datagram;
  // RFC 4555 3.7: "the recipient of an INFORMATIONAL request MUST copy the notification as-is to
  // the response."
  const auto* cookie = find_notify(request.payloads, NotifyType::Cookie2);
  if (cookie != nullptr && cookie->data.size() <= kCookie2Max) {
    answers.emplace_back(notify(NotifyType::Cookie2, cookie->data));
  }
  // RFC 4555 3.9: "The exchange responder MUST verify that the contents of the NO_NATS_ALLOWED
  // notification match the addresses in the IP header. If they do not match, a response containing
  // an UNEXPECTED_NAT_DETECTED notification is sent."
  const auto* no_nats = find_notify(request.payloads, NotifyType::NoNatsAllowed);
  if (no_nats != nullptr && no_nats->data != addresses_of(datagram.remote, datagram.local)) {
    counters_.add("moves-refused-nat");
    answers.emplace_back(notify(NotifyType::UnexpectedNatDetected));
    return;
  }
  const Spis spis{.initiator = sa.initiator_spi, .responder = sa.responder_spi};
  const auto* source = find_notify(request.payloads, NotifyType::NatDetectionSourceIp);
  const auto* destination = find_notify(request.payloads, NotifyType::NatDetectionDestinationIp);
  const bool detects = source != nullptr && destination != nullptr;
  const TunnelSettings* settings = tunnel(sa);
  const bool force = settings != nullptr && settings->force_encapsulation;
  // RFC 4555 3.8: "if the request includes them, the responder MUST also include them in the
  // response".
  if (detects) {
    answers.emplace_back(
        notify(NotifyType::NatDetectionSourceIp, own_nat_detection(spis, datagram.local, force)));
    answers.emplace_back(
        notify(NotifyType::NatDetectionDestinationIp, nat_detection(spis, datagram.remote)));
  }
  if (find_notify(request.payloads, NotifyType::UpdateSaAddresses) == nullptr) return;
  // Another of our addresses is another gateway, and the family cannot change under a tunnel.
  if (datagram.local.address != sa.local.address ||
      datagram.remote.address.is_v4() != sa.remote.address.is_v4()) {
    counters_.add("moves-refused");
    answers.emplace_back(notify(NotifyType::UnacceptableAddresses));
    return;
  }
  sa.local = datagram.local;
  sa.remote = datagram.remote;
  // What was asked at the address before proves nothing about this one.
  if (sa.pending && sa.pending->kind == Kind::CheckAddress) sa.pending->nonce.clear();
  if (detects) {
    sa.remote_behind_nat = source->data != nat_detection(spis, datagram.remote);
    sa.local_behind_nat = destination->data != nat_detection(spis, datagram.local);
  }
  sa.address_unverified = true;
  counters_.add("moves");
}

void EngineImpl::check_address(IkeSa& sa) {
  PendingRequest pending;
  pending.kind = Kind::CheckAddress;
  pending.nonce = platform_.rng.bytes(kCookie2Size);
  const Bytes cookie = pending.nonce;
  send_request(sa, std::move(pending), {notify(NotifyType::Cookie2, cookie)});
}

void EngineImpl::finish_check(IkeSa& sa, const PendingRequest& done,
                              const std::vector<Payload>& payloads) {
  if (done.nonce.empty()) {  // it moved on meanwhile, and is asked again
    counters_.add("address-checks-outdated");
    return commit(Changes{.ike_sas = {sa.our_spi()}}, [] {});
  }
  const auto* cookie = find_notify(payloads, NotifyType::Cookie2);
  // RFC 4555 3.7: "the original sender MUST verify that the value is the same one as sent. If the
  // values do not match, the IKE_SA MUST be closed."
  if (cookie == nullptr || !crypto::equal_constant_time(cookie->data, done.nonce)) {
    counters_.add("address-unproven");
    return end_for_good(sa);
  }
  sa.address_unverified = false;
  const TunnelSettings* settings = tunnel(sa);
  const bool force = settings != nullptr && settings->force_encapsulation;
  for (const Spi spi : sa.children) {
    const auto child = tables_.child_sas.find(spi);
    if (child == tables_.child_sas.end()) continue;
    // RFC 4555 3.5: encapsulation is enabled or disabled by what NAT detection now says.
    child->second.encapsulation = encapsulation(sa, force);
  }
  counters_.add("addresses-checked");
  children_follow(sa);
}

// ---- clients that cannot say where they are ----

// RFC 7296 2.23: answers go where the request came from, and an authenticated request from behind a
// NAT tells the client's new address.
void EngineImpl::follow(IkeSa& sa, const Datagram& datagram) {
  if (datagram.remote == sa.remote && datagram.local == sa.local) return;
  // Another of our addresses is another gateway's.
  if (datagram.local.address != sa.local.address) return;
  const bool floats = sa.state == IkeState::HalfOpen;
  if (!floats && !is_followed(sa)) return;
  sa.local = datagram.local;
  sa.remote = datagram.remote;
  if (!floats) children_follow(sa);
}

// RFC 7296 2.23: hosts "that are not behind a NAT, SHOULD send all packets (including
// retransmission packets) to the IP address and port from the last valid authenticated packet from
// the other end", and "A host behind a NAT SHOULD NOT do this". A client that can say where it is
// now is not followed unasked.
bool EngineImpl::is_followed(const IkeSa& sa) {
  return sa.remote_behind_nat && !sa.local_behind_nat && !sa.mobike;
}

void EngineImpl::client_moved(IkeSpi ike_sa, const Endpoint& remote) {
  const auto at = tables_.ike_sas.find(ike_sa);
  if (!active_ || at == tables_.ike_sas.end() || remote.port == 0) return;
  IkeSa& sa = at->second;
  // Until the ISA has the new address it tells of it again and again. What was to tell the ISA is
  // forgotten with a role.
  if (!is_followed(sa) || (remote == sa.remote && runtime(sa).moving)) return;
  counters_.add("clients-moved");
  sa.remote = remote;
  children_follow(sa);
}

// Its CHILD SAs are where the IKE SA is, as soon as that is held.
void EngineImpl::children_follow(IkeSa& sa) {
  Changes changes{.ike_sas = {sa.our_spi()}};
  for (const Spi spi : sa.children) {
    const auto child = tables_.child_sas.find(spi);
    if (child == tables_.child_sas.end()) continue;
    child->second.remote = sa.remote.address;
    auto& udp = child->second.encapsulation;
    if (udp) udp->remote_port = sa.remote.port;
    changes.child_sas.push_back(spi);
  }
  runtime(sa).moving = true;
  commit(changes, [this, spi = sa.our_spi()] {
    const auto at = tables_.ike_sas.find(spi);
    if (at == tables_.ike_sas.end()) return;
    runtime(at->second).moving = false;
    host_.moved(at->second);
  });
}

}  // namespace segw::ike
