#include "sim/ike_header.h"

#include "wire/reader.h"

namespace segw::sim {
namespace {

constexpr uint8_t kResponseFlag = 0x20;
constexpr uint8_t kInitiatorFlag = 0x08;
constexpr uint8_t kSealedPayload = 46;
constexpr size_t kGenericHeaderSize = 4;

}  // namespace

std::optional<IkeHeader> decode_ike_header(ByteView message) {
  wire::Reader in(message);
  IkeHeader header;
  header.initiator_spi = in.u64("initiator-spi");
  header.responder_spi = in.u64("responder-spi");
  const uint8_t first_payload = in.u8("next-payload");
  in.u8("version");
  header.exchange = in.u8("exchange");
  const uint8_t flags = in.u8("flags");
  header.response = (flags & kResponseFlag) != 0;
  header.from_initiator = (flags & kInitiatorFlag) != 0;
  header.message_id = in.u32("message-id");
  in.u32("length");
  if (!in.ok()) return std::nullopt;
  const ByteView rest = in.rest();
  if (first_payload == kSealedPayload && rest.size() > kGenericHeaderSize) {
    header.sealed_iv = rest.subspan(kGenericHeaderSize);
  }
  return header;
}

uint64_t hash_of(ByteView bytes) {
  uint64_t hash = 0xCBF29CE484222325U;
  for (const uint8_t byte : bytes) hash = (hash ^ byte) * 0x100000001B3U;
  return hash;
}

}  // namespace segw::sim
