#pragma once

// What a bystander reads of an IKE message (RFC 7296 3.1, 3.14); written apart from ike/.

#include <optional>

#include "base/bytes.h"

namespace segw::sim {

struct IkeHeader {
  uint64_t initiator_spi = 0;
  uint64_t responder_spi = 0;
  uint8_t exchange = 0;
  bool response = false;
  bool from_initiator = false;  // of the IKE SA
  uint32_t message_id = 0;
  ByteView sealed_iv;  // from the IV of the SK payload on; empty if there is none
};

constexpr uint8_t kIkeSaInit = 34;
constexpr uint8_t kIkeAuth = 35;
constexpr uint8_t kCreateChildSa = 36;
constexpr uint8_t kInformational = 37;

std::optional<IkeHeader> decode_ike_header(ByteView message);

// FNV-1a: to compare bytes that are not kept.
uint64_t hash_of(ByteView bytes);

}  // namespace segw::sim
