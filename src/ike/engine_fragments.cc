// Messages in parts (RFC 7383), sent and received.
#include <algorithm>

#include "crypto/crypto.h"
#include "ike/engine_impl.h"

namespace segw::ike {

std::vector<Bytes> EngineImpl::seal(const IkeSa& sa, const Header& header,
                                    const std::vector<Payload>& payloads, uint64_t iv) {
  const TunnelSettings* settings = options_of(sa);
  size_t size_max = 0;
  if (sa.fragmentation && settings != nullptr && settings->options.fragments) {
    size_max = message_size_max(settings->options.fragments->mtu, sa.remote.address);
  }
  auto datagrams = protect_in_parts(
      header, payloads, sa.suite, sa.keys, sending(sa), iv, [&] { return host_.next_iv(sa); },
      size_max, platform_.rng);
  if (datagrams.size() > 1) counters_.add("messages-fragmented");
  return datagrams;
}

// False: it is of no message that is awaited, and all that was to be done is done.
bool EngineImpl::wanted_fragment(IkeSa& sa, const Datagram& datagram, const Header& header,
                                 const Part& part) {
  if (header.is_response) {
    const bool awaited = sa.pending && sa.pending->message_id == header.message_id;
    if (!awaited) drop("response-unasked");
    return awaited;
  }
  if (header.message_id == sa.next_request_in && sa.state != IkeState::Closed) return true;
  const bool again = sa.last_answer && header.message_id == sa.last_answer->message_id;
  // RFC 7383 2.6.1: a fragment of a request that was answered "MUST only trigger a retransmission
  // of the response message (fragmented or not) if the Fragment Number field in the received
  // fragment is set to 1; otherwise, it MUST be ignored."
  if (!again || part.number != 1) {
    drop(again ? "fragment-of-answered" : "message-id");
    return false;
  }
  const auto plain = unprotect_part(datagram.message, header, sa.suite, sa.keys, receiving(sa));
  if (!plain) {
    drop("fragment-" + plain.error().field);
    return false;
  }
  if (repeats_to(sa, datagram.remote)) repeat_answer(sa.last_answer->response, datagram);
  return false;
}

void EngineImpl::on_fragment(IkeSa& sa, const Datagram& datagram, const Header& header) {
  // RFC 7383 2.4: "IKE fragmentation MUST NOT be used unless both peers have indicated their
  // support for it."
  if (!sa.fragmentation) return drop("fragment-not-agreed");
  const auto part = decode_part(datagram.message, header);
  if (!part) return drop("fragment-" + part.error().field);
  if (!wanted_fragment(sa, datagram, header, *part)) return;
  const Reassembler::Key key{.sa = sa.our_spi(), .response = header.is_response};
  const auto refused = reassembler_.refuse(key, header.message_id, *part);
  if (!refused.empty()) return drop(refused);
  // RFC 7383 2.6: "Verify IKE Fragment message authenticity ... If the ICV check fails, the message
  // MUST be silently discarded."
  auto plain = unprotect_part(datagram.message, header, sa.suite, sa.keys, receiving(sa));
  if (!plain) return drop("fragment-" + plain.error().field);
  counters_.add("fragments-received");
  const TunnelSettings* settings = options_of(sa);
  const Duration timeout = settings != nullptr && settings->options.fragments
                               ? settings->options.fragments->reassembly_timeout
                               : FragmentSettings{}.reassembly_timeout;
  Bytes digest =
      part->number == 1 ? crypto::digest(crypto::Hash::Sha256, {datagram.message}) : Bytes{};
  auto whole = reassembler_.add(key, header.message_id, *part,
                                {.plain = std::move(*plain), .digest = std::move(digest)},
                                platform_.clock.now() + timeout);
  if (!whole) {
    if (const auto deadline = reassembler_.next_deadline()) fragment_timer_.arm_at(*deadline);
    return;
  }
  counters_.add("messages-reassembled");
  on_authentic(sa, datagram, header, std::move(whole->plain), std::move(whole->digest));
}

// RFC 7383 2.6: a receiver that does not get all fragments in time "MUST discard" what it has.
void EngineImpl::on_fragments_expired() {
  const size_t expired = reassembler_.expire(platform_.clock.now());
  if (expired > 0) counters_.add("fragments-expired", expired);
  if (const auto deadline = reassembler_.next_deadline()) fragment_timer_.arm_at(*deadline);
}

}  // namespace segw::ike
