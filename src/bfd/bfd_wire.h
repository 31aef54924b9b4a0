#pragma once

// A BFD Control packet, bytes to struct and back (RFC 5880 4.1, 4.4).
//
//   packet = mandatory section (24 bytes) | authentication section (28 bytes, if the A bit says so)
//
// Of the authentication types we have one, Meticulous Keyed SHA1: seal() makes it, authentic()
// looks at its hash; the rules of its fields are the session's (session.h).

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/secret_bytes.h"
#include "wire/reader.h"

namespace segw::bfd {

enum class State : uint8_t { AdminDown = 0, Down = 1, Init = 2, Up = 3 };
[[nodiscard]] std::string_view text(State state);  // "Up"

// Five bits; values above 8 are reserved and come through as they are.
enum class Diagnostic : uint8_t {
  None = 0,
  DetectionTimeExpired = 1,
  EchoFailed = 2,
  NeighborSignaledDown = 3,
  ForwardingPlaneReset = 4,
  PathDown = 5,
  ConcatenatedPathDown = 6,
  AdministrativelyDown = 7,
  ReverseConcatenatedPathDown = 8,
};

constexpr size_t kPacketSize = 24;          // bytes, without authentication
constexpr size_t kAuthenticationSize = 28;  // bytes, of Meticulous Keyed SHA1
constexpr uint8_t kMeticulousKeyedSha1 = 5;
constexpr size_t kSecretMax = 20;  // bytes
using Sha1Hash = std::array<uint8_t, 20>;

// Of another type only `type` and `length` are known, the rest is zero.
struct Authentication {
  uint8_t type = 0;
  uint8_t length = 0;  // bytes, of the section
  uint8_t key_id = 0;
  uint32_t sequence = 0;
  Sha1Hash hash{};
  bool operator==(const Authentication&) const = default;
};

struct ControlPacket {
  Diagnostic diagnostic = Diagnostic::None;
  State state = State::Down;
  bool poll = false;
  bool final_ = false;
  bool control_plane_independent = false;
  bool demand = false;
  uint8_t detect_multiplier = 1;  // 1..255
  uint32_t my_discriminator = 0;  // not 0
  uint32_t your_discriminator = 0;
  uint32_t desired_min_tx_us = 0;        // microseconds
  uint32_t required_min_rx_us = 0;       // microseconds; 0: no periodic packets, please
  uint32_t required_min_echo_rx_us = 0;  // microseconds; 0: no Echo
  std::optional<Authentication> authentication;
  bool operator==(const ControlPacket&) const = default;
};

// What RFC 5880 6.8.6 says before a session is selected. Refused: version, length, detect-mult,
// multipoint, my-discriminator, your-discriminator (zero, but the state is neither Down nor
// AdminDown), auth-len (the section does not end where the packet does). Bytes of the payload after
// the packet's length are ignored.
wire::Decoded<ControlPacket> decode_control(ByteView payload);

// Without authentication, whatever `authentication` says.
Bytes encode(const ControlPacket& packet);

struct Key {
  uint8_t id = 1;
  SecretBytes secret;  // 1..kSecretMax bytes
};
// All are accepted, the first is sent with. None: no authentication.
using Keys = std::vector<Key>;
// With Meticulous Keyed SHA1 (6.7.4).
Bytes seal(const ControlPacket& packet, const Key& key, uint32_t sequence);
// The hash of a payload that decode_control() took, with an authentication section of that type.
[[nodiscard]] bool authentic(ByteView payload, const Key& key);

}  // namespace segw::bfd
