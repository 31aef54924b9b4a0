#pragma once

// Message-ID synchronisation (RFC 6311 5.1): after a takeover the member that acts now and the peer
// tell each other which message IDs come next. As the cluster we ask; as somebody's peer we answer.
// Pure: the engine keeps the numbers in the IKE SA and commits them before anything is sent.

#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "wire/reader.h"

namespace segw::ike {

// Data of the notification IKEV2_MESSAGE_ID_SYNC (RFC 6311 6.3).
struct MessageIdSync {
  uint32_t nonce = 0;
  uint32_t send = 0;     // EXPECTED_SEND_REQ_MESSAGE_ID of whoever sends the notification
  uint32_t receive = 0;  // EXPECTED_RECV_REQ_MESSAGE_ID
  auto operator<=>(const MessageIdSync&) const = default;
};
Bytes encode_message_id_sync(const MessageIdSync& sync);
wire::Decoded<MessageIdSync> decode_message_id_sync(ByteView data);

// The numbers of an IKE SA that a synchronisation reads and moves.
struct MessageIds {
  uint32_t next_in = 0;     // expected in the other party's next request
  uint32_t next_out = 0;    // of our next request
  uint32_t highest_m1 = 0;  // of the synchronisations that we answered; 0: none
  auto operator<=>(const MessageIds&) const = default;
};

// ---- As the peer of a cluster ----

struct SyncAnswer {
  MessageIdSync answer;
  MessageIds ids;  // from now on
};
// Nothing: the request must be dropped without a word.
std::optional<SyncAnswer> answer_sync(const MessageIdSync& request, const MessageIds& ids);

// ---- As the cluster ----

// M1 is above all that any member may have used. Every attempt moves next_out, so the next one asks
// with a higher M1. Nothing: the message IDs of this IKE SA are used up.
struct SyncRequest {
  MessageIdSync request;
  MessageIds ids;
};
std::optional<SyncRequest> ask_sync(const MessageIds& ids, uint32_t nonce);
// The numbers from now on; nothing: the answer does not fit the request.
std::optional<MessageIds> take_sync_answer(const MessageIdSync& request,
                                           const MessageIdSync& answer, const MessageIds& ids);

}  // namespace segw::ike
