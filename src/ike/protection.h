#pragma once

// The Encrypted payload (RFC 7296 3.14) and the Encrypted Fragment payload (RFC 7383 2.5), with a
// cipher that authenticates by itself (RFC 5282, RFC 7634) or AES-CBC with an integrity algorithm.

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

// Which part of a message an Encrypted Fragment payload holds: the first is number 1.
struct Part {
  uint16_t number = 1;
  uint16_t total = 1;
  auto operator<=>(const Part&) const = default;
};
// How much of a message's inside one part of at most `size_max` bytes holds; 0: nothing.
[[nodiscard]] size_t part_capacity(const IkeSuite& suite, size_t size_max);
// The size of the whole message that protect() makes of `plain_size` bytes of payloads.
[[nodiscard]] size_t protected_size(const IkeSuite& suite, size_t plain_size);
// `first`: type of the first payload inside, 0 in all parts but the first.
Bytes protect_part(Header header, const Part& part, uint8_t first, ByteView plain,
                   const IkeSuite& suite, const IkeKeys& keys, Direction direction, uint64_t iv,
                   platform::Rng& rng);
// What the part says of itself, before anything is known to be authentic.
wire::Decoded<Part> decode_part(ByteView message, const Header& header);
wire::Decoded<Plain> unprotect_part(ByteView message, const Header& header, const IkeSuite& suite,
                                    const IkeKeys& keys, Direction direction);

}  // namespace segw::ike
