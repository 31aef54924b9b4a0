#include "bfd/bfd_wire.h"

#include <algorithm>

#include "base/assert.h"
#include "crypto/crypto.h"
#include "wire/writer.h"

namespace segw::bfd {
namespace {

constexpr uint8_t kVersion = 1;
constexpr uint8_t kPoll = 0x20;
constexpr uint8_t kFinal = 0x10;
constexpr uint8_t kControlPlaneIndependent = 0x08;
constexpr uint8_t kAuthenticationPresent = 0x04;
constexpr uint8_t kDemand = 0x02;
constexpr uint8_t kMultipoint = 0x01;
constexpr size_t kLengthAt = 3;
constexpr size_t kAuthenticatedMin = 26;  // with the two bytes that every authentication type has
constexpr size_t kHashAt = kPacketSize + 8;

Bytes encode(const ControlPacket& packet, uint8_t extra_flags, size_t size) {
  auto flags = static_cast<uint8_t>(static_cast<uint8_t>(packet.state) << 6);
  flags |= extra_flags;
  if (packet.poll) flags |= kPoll;
  if (packet.final_) flags |= kFinal;
  if (packet.control_plane_independent) flags |= kControlPlaneIndependent;
  if (packet.demand) flags |= kDemand;
  wire::Writer out;
  out.u8(static_cast<uint8_t>(kVersion << 5 | static_cast<uint8_t>(packet.diagnostic)))
      .u8(flags)
      .u8(packet.detect_multiplier)
      .u8(static_cast<uint8_t>(size))
      .u32(packet.my_discriminator)
      .u32(packet.your_discriminator)
      .u32(packet.desired_min_tx_us)
      .u32(packet.required_min_rx_us)
      .u32(packet.required_min_echo_rx_us);
  return out.take();
}

// 6.7.4: "… the Auth Key/Hash field is set to the shared secret, padded with zero bytes as needed"
// while the hash is made and while it is looked at.
Bytes sha1_with(ByteView packet, const Key& key) {
  Bytes text = to_bytes(packet.first(kPacketSize + kAuthenticationSize));
  std::fill(text.begin() + kHashAt, text.end(), uint8_t{0});
  std::ranges::copy(key.secret.view(), text.begin() + kHashAt);
  Bytes hash = crypto::sha1(text);
  std::fill(text.begin() + kHashAt, text.end(), uint8_t{0});
  return hash;
}

Authentication read_authentication(wire::Reader& in) {
  const size_t size = in.left();
  Authentication section;
  section.type = in.u8("auth-type");
  section.length = in.u8("auth-len");
  if (section.length != size) in.refuse("auth-len");
  if (section.type != kMeticulousKeyedSha1 || section.length != kAuthenticationSize) {
    in.rest();  // the session refuses it, by the reason
    return section;
  }
  section.key_id = in.u8("auth-key-id");
  in.u8("auth-reserved");  // ignored on receipt
  section.sequence = in.u32("auth-sequence");
  std::ranges::copy(in.bytes(section.hash.size(), "auth-hash"), section.hash.begin());
  return section;
}

}  // namespace

std::string_view text(State state) {
  switch (state) {
    case State::AdminDown:
      return "AdminDown";
    case State::Down:
      return "Down";
    case State::Init:
      return "Init";
    case State::Up:
      return "Up";
  }
  return "";
}

wire::Decoded<ControlPacket> decode_control(ByteView payload) {
  wire::Reader short_of(payload);
  ControlPacket packet;
  const uint8_t first = short_of.u8("length");
  // RFC 5880 6.8.6: "If the version number is not correct (1), the packet MUST be discarded."
  if (first >> 5 != kVersion) short_of.refuse("version");
  const uint8_t flags = short_of.u8("length");
  packet.detect_multiplier = short_of.u8("length");
  const size_t length = short_of.u8("length");
  // "If the Length field is less than the minimum correct value (24 if the A bit is clear, or 26 if
  // the A bit is set), the packet MUST be discarded. If the Length field is greater than the
  // payload of the encapsulating protocol, the packet MUST be discarded."
  const bool authenticated = (flags & kAuthenticationPresent) != 0;
  if (length < (authenticated ? kAuthenticatedMin : kPacketSize)) short_of.refuse("length");
  if (length > payload.size()) short_of.refuse("length");
  if (!short_of.ok()) return tl::unexpected(wire::Refusal{std::string(short_of.refused())});

  wire::Reader in(payload.subspan(kLengthAt + 1, length - kLengthAt - 1));
  packet.diagnostic = static_cast<Diagnostic>(first & 0x1F);
  packet.state = static_cast<State>(flags >> 6);
  packet.poll = (flags & kPoll) != 0;
  packet.final_ = (flags & kFinal) != 0;
  packet.control_plane_independent = (flags & kControlPlaneIndependent) != 0;
  packet.demand = (flags & kDemand) != 0;
  // "If the Detect Mult field is zero, the packet MUST be discarded."
  if (packet.detect_multiplier == 0) in.refuse("detect-mult");
  // "If the Multipoint (M) bit is nonzero, the packet MUST be discarded."
  if ((flags & kMultipoint) != 0) in.refuse("multipoint");
  packet.my_discriminator = in.u32("length");
  // "If the My Discriminator field is zero, the packet MUST be discarded."
  if (packet.my_discriminator == 0) in.refuse("my-discriminator");
  packet.your_discriminator = in.u32("length");
  // "If the Your Discriminator field is zero and the State field is not Down or AdminDown, the
  // packet MUST be discarded."
  if (packet.your_discriminator == 0 && packet.state != State::Down &&
      packet.state != State::AdminDown) {
    in.refuse("your-discriminator");
  }
  packet.desired_min_tx_us = in.u32("length");
  packet.required_min_rx_us = in.u32("length");
  packet.required_min_echo_rx_us = in.u32("length");
  if (authenticated) {
    packet.authentication = read_authentication(in);
  } else {
    in.rest();
  }
  return in.finish(packet);
}

Bytes encode(const ControlPacket& packet) { return encode(packet, 0, kPacketSize); }

Bytes seal(const ControlPacket& packet, const Key& key, uint32_t sequence) {
  SEGW_ASSERT(!key.secret.empty() && key.secret.size() <= kSecretMax);
  constexpr size_t kSize = kPacketSize + kAuthenticationSize;
  wire::Writer out;
  out.bytes(encode(packet, kAuthenticationPresent, kSize))
      .u8(kMeticulousKeyedSha1)
      .u8(kAuthenticationSize)
      .u8(key.id)
      .u8(0)
      .u32(sequence)
      .zeros(sizeof(Sha1Hash));
  Bytes sealed = out.take();
  std::ranges::copy(sha1_with(sealed, key), sealed.begin() + kHashAt);
  return sealed;
}

bool authentic(ByteView payload, const Key& key) {
  if (payload.size() < kPacketSize + kAuthenticationSize) return false;
  return crypto::equal_constant_time(sha1_with(payload, key),
                                     payload.subspan(kHashAt, sizeof(Sha1Hash)));
}

}  // namespace segw::bfd
