#include "ike/message_id_sync.h"

#include <algorithm>

#include "wire/writer.h"

namespace segw::ike {
namespace {

constexpr uint32_t kWindow = 1;
// A message ID does not wrap (RFC 7296 2.2); a peer must not push ours to where it would.
constexpr uint32_t kHighest = UINT32_MAX - 1024;

}  // namespace

Bytes encode_message_id_sync(const MessageIdSync& sync) {
  wire::Writer out;
  return out.u32(sync.nonce).u32(sync.send).u32(sync.receive).take();
}

wire::Decoded<MessageIdSync> decode_message_id_sync(ByteView data) {
  wire::Reader in(data);
  MessageIdSync sync;
  sync.nonce = in.u32("sync-nonce");
  sync.send = in.u32("sync-send");
  sync.receive = in.u32("sync-receive");
  if (sync.send > kHighest) in.refuse("sync-send");
  if (sync.receive > kHighest) in.refuse("sync-receive");
  return in.finish(sync);
}

std::optional<SyncAnswer> answer_sync(const MessageIdSync& request, const MessageIds& ids) {
  const uint32_t m1 = request.send;
  const uint32_t p1 = request.receive;
  // RFC 6311 5.1: "The peer MUST silently drop any received synchronization message if M1 is lower
  // than or equal to the highest value it has seen from the cluster. This includes any previous
  // received synchronization messages."
  if (m1 < ids.next_in || m1 <= ids.highest_m1) return std::nullopt;
  // "M2 MUST be at least the higher of the received M1, and one more than the highest sender value
  // received from the cluster. This includes any previous received synchronization messages."
  const uint32_t m2 = std::max({m1, ids.next_in, ids.highest_m1 + 1});
  // "P2 MUST be the higher of the received P1 value, and one more than the highest sender value
  // used by the peer."
  const uint32_t p2 = std::max(p1, ids.next_out);
  return SyncAnswer{.answer = {.nonce = request.nonce, .send = p2, .receive = m2},
                    .ids = {.next_in = m2, .next_out = p2, .highest_m1 = m1}};
}

std::optional<SyncRequest> ask_sync(const MessageIds& ids, uint32_t nonce) {
  if (ids.next_out > kHighest - kWindow) return std::nullopt;
  // RFC 6311 5.1: M1 "MUST be chosen so that it is larger than any value known to have been used.
  // It is RECOMMENDED to increment the known value at least by the size of the IKE sender window."
  const uint32_t m1 = ids.next_out + kWindow;
  MessageIds moved = ids;
  moved.next_out = m1;
  return SyncRequest{.request = {.nonce = nonce, .send = m1, .receive = ids.next_in}, .ids = moved};
}

std::optional<MessageIds> take_sync_answer(const MessageIdSync& request,
                                           const MessageIdSync& answer, const MessageIds& ids) {
  const bool fits = answer.nonce == request.nonce && answer.receive >= request.send &&
                    answer.send >= request.receive;
  if (!fits) return std::nullopt;
  return MessageIds{.next_in = std::max(ids.next_in, answer.send),
                    .next_out = std::max(ids.next_out, answer.receive),
                    .highest_m1 = ids.highest_m1};
}

}  // namespace segw::ike
