#pragma once

// The Encrypted payload (RFC 7296 3.14), with a cipher that authenticates by itself (RFC 5282,
// RFC 7634) or AES-CBC with an integrity algorithm.

#include <cstdint>

#include "base/bytes.h"
#include "base/secret_bytes.h"
#include "ike/ike_sa.h"
#include "ike/message.h"
#include "platform/platform.h"

namespace segw::ike {

enum class Direction : uint8_t { FromInitiator, FromResponder };  // of the original exchange

// `iv` is used with a cipher that counts; with CBC the IV is drawn from `rng`. header.next_payload
// is set here.
Bytes protect(Header header, const std::vector<Payload>& payloads, const IkeSuite& suite,
              const IkeKeys& keys, Direction direction, uint64_t iv, platform::Rng& rng);

struct Plain {
  uint8_t first = 0;  // type of the first payload inside
  Bytes bytes;
};
// The Encrypted payload must be the only one of the message. A refusal is either a malformed
// message or one that is not authentic ("integrity").
wire::Decoded<Plain> unprotect(ByteView message, const Header& header, const IkeSuite& suite,
                               const IkeKeys& keys, Direction direction);

}  // namespace segw::ike
