// Whatever comes in by BFD's ports: a packet is decoded or refused, what was decoded is encoded to
// bytes that decode to the same, and sessions with and without a key take it in any state.

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "bfd/session.h"

namespace {

using namespace segw;
constexpr uint32_t kOurs = 0x11111111;

// A discarded packet changes no state; what is sent is well-formed.
void give(const bfd::Keys& keys, const bfd::ControlPacket& packet, ByteView input) {
  Instant now{std::chrono::seconds(1)};
  bfd::Session session({.discriminator = kOurs,
                        .desired_min_tx = std::chrono::milliseconds(50),
                        .required_min_rx = std::chrono::milliseconds(50),
                        .detect_multiplier = 3,
                        .keys = keys},
                       now);
  for (int round = 0; round < 4; ++round) {
    const bfd::State before = session.state();
    const bool taken = session.receive(packet, input, now);
    SEGW_ASSERT(taken || session.state() == before);
    while (const auto sent = session.next_packet(now, packet.my_discriminator)) {
      const auto decoded = bfd::decode_control(*sent);
      SEGW_ASSERT(decoded.has_value());
      SEGW_ASSERT(!(decoded->poll && decoded->final_));
    }
    const auto due = session.due();
    if (due) now = std::max(now, *due);
    session.on_silence(now);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const ByteView input(data, size);
  const auto packet = bfd::decode_control(input);
  if (!packet) {
    SEGW_ASSERT(!packet.error().field.empty());
    return 0;
  }
  bfd::ControlPacket plain = *packet;
  plain.authentication.reset();
  const auto same = bfd::decode_control(bfd::encode(plain));
  SEGW_ASSERT(same.has_value());
  SEGW_ASSERT(*same == plain);
  const bfd::Key key{.secret = SecretBytes(as_bytes("a key"))};
  const bfd::Key other{.id = 2, .secret = SecretBytes(as_bytes("another key"))};
  const Bytes sealed = bfd::seal(plain, key, 1);
  SEGW_ASSERT(bfd::decode_control(sealed).has_value());
  SEGW_ASSERT(bfd::authentic(sealed, key));
  give({}, *packet, input);
  give({key}, *packet, input);
  give({other, key}, *packet, input);
  return 0;
}
