#include "ike/fragment.h"

#include <algorithm>

#include "base/assert.h"

namespace segw::ike {
namespace {

constexpr size_t kUdpHeader = 8;
constexpr size_t kNonEspMarker = 4;

}  // namespace

size_t message_size_max(uint16_t mtu, const IpAddress& remote) {
  const size_t around = size_t{remote.is_v4() ? 20U : 40U} + kUdpHeader + kNonEspMarker;
  return mtu > around ? mtu - around : 0;
}

std::vector<Bytes> protect_in_parts(const Header& header, const std::vector<Payload>& payloads,
                                    const IkeSuite& suite, const IkeKeys& keys, Direction direction,
                                    uint64_t iv, const NextIv& next_iv, size_t size_max,
                                    platform::Rng& rng) {
  const Chain chain = encode_payloads(payloads);
  const size_t capacity = part_capacity(suite, size_max);
  const bool whole =
      size_max == 0 || capacity == 0 || protected_size(suite, chain.bytes.size()) <= size_max;
  const size_t total = whole ? 1 : (chain.bytes.size() + capacity - 1) / capacity;
  // All IVs before the first is used: no two byte strings leave under one IV.
  std::vector<uint64_t> ivs{iv};
  while (ivs.size() < total) {
    const auto next = next_iv();
    if (!next) break;
    ivs.push_back(*next);
  }
  if (total == 1 || ivs.size() < total || total > UINT16_MAX) {
    return {protect(header, payloads, suite, keys, direction, iv, rng)};
  }
  std::vector<Bytes> datagrams;
  datagrams.reserve(total);
  const ByteView inside(chain.bytes);
  for (size_t at = 0; at < total; ++at) {
    const size_t start = at * capacity;
    const ByteView piece = inside.subspan(start, std::min(capacity, inside.size() - start));
    const Part part{.number = static_cast<uint16_t>(at + 1), .total = static_cast<uint16_t>(total)};
    // RFC 7383 2.5: in the first part the Next Payload field "MUST be set to the payload type of
    // the first inner payload", in the others "this field MUST be set to zero."
    const uint8_t first = at == 0 ? chain.first : uint8_t{0};
    datagrams.push_back(
        protect_part(header, part, first, piece, suite, keys, direction, ivs[at], rng));
  }
  return datagrams;
}

std::string_view Reassembler::refuse(const Key& key, uint32_t message_id, const Part& part) const {
  if (part.total > kPartsMax) return "fragment-too-many";
  const auto at = messages_.find(key);
  if (at == messages_.end() || at->second.message_id != message_id) return {};
  const Message& message = at->second;
  // RFC 7383 2.6: "check that the value in the Total Fragments field is equal to or greater than"
  // that of those kept; if not, "the message MUST be silently discarded."
  if (part.total < message.total) return "fragment-of-fewer";
  // RFC 7383 2.6: a part with the same numbers as one in the queue "is considered a replay and MUST
  // be silently discarded."
  if (part.total == message.total && message.parts.contains(part.number)) {
    return "fragment-repeated";
  }
  return {};
}

std::optional<Piece> Reassembler::add(const Key& key, uint32_t message_id, const Part& part,
                                      Piece piece, Instant deadline) {
  const auto old = messages_.find(key);
  // RFC 7383 2.6: with a greater Total Fragments field "the receiver MUST discard all received
  // fragments and start the reassembly process over with just the received IKE Fragment message."
  if (old != messages_.end() &&
      (old->second.message_id != message_id || old->second.total < part.total)) {
    drop(key);
  }
  const auto [at, fresh] = messages_.try_emplace(key);
  Message& message = at->second;
  if (fresh) {
    message.message_id = message_id;
    message.total = part.total;
    message.deadline = deadline;
    deadlines_.emplace(deadline, key);
  }
  const size_t cost = piece.plain.bytes.size() + kReassemblyOverhead;
  message.bytes += cost;
  bytes_ += cost;
  message.parts.insert_or_assign(part.number, std::move(piece));
  if (message.bytes > kReassembledMax + kPartsMax * kReassemblyOverhead) {
    ++evicted_;
    drop(key);
    return std::nullopt;
  }
  if (message.parts.size() == message.total) {
    Piece whole = std::move(message.parts.begin()->second);
    message.parts.erase(message.parts.begin());
    for (const auto& [number, next] : message.parts) append(whole.plain.bytes, next.plain.bytes);
    drop(key);
    return whole;
  }
  // The oldest makes room: it has had the most time to become whole.
  while (bytes_ > kReassemblyPoolMax) {
    ++evicted_;
    drop(Key(deadlines_.begin()->second));
  }
  return std::nullopt;
}

void Reassembler::drop(const Key& key) {
  const auto at = messages_.find(key);
  if (at == messages_.end()) return;
  SEGW_ASSERT(bytes_ >= at->second.bytes);
  bytes_ -= at->second.bytes;
  deadlines_.erase({at->second.deadline, key});
  messages_.erase(at);
}

void Reassembler::forget(IkeSpi sa) {
  drop({.sa = sa, .response = false});
  drop({.sa = sa, .response = true});
}

void Reassembler::clear() {
  messages_.clear();
  deadlines_.clear();
  bytes_ = 0;
}

size_t Reassembler::expire(Instant now) {
  size_t expired = 0;
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    drop(Key(deadlines_.begin()->second));
    ++expired;
  }
  return expired;
}

std::optional<Instant> Reassembler::next_deadline() const {
  if (deadlines_.empty()) return std::nullopt;
  return deadlines_.begin()->first;
}

}  // namespace segw::ike
