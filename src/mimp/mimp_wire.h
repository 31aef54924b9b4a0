#pragma once

// A hello of MIMP, bytes to struct and back (docs/protocols/mimp.md has the tables).
//
//   datagram = header | TLVs | HMAC-SHA-256 (32 bytes, when the header's flag says so)
//
// seal() and open() deal with the datagram: size, version, groups, HMAC. Only what open() lets
// through is decoded. The HMAC covers the datagram and, unseen on the wire, where it comes from and
// where it goes: a hello that is reflected, or replayed at another chassis or group, is refused.

#include <array>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/ip_address.h"
#include "base/secret_bytes.h"
#include "base/time.h"
#include "mimp/master_state.h"
#include "wire/reader.h"

namespace segw::mimp {

constexpr uint8_t kVersion = 1;
constexpr size_t kDatagramMax = 1200;  // bytes; never fragmented, even over IPv6 and a tunnel
constexpr size_t kHeaderSize = 8;
constexpr size_t kHmacSize = 32;
// No Lamport number gets near it; a value above is a broken peer, and adding one never wraps.
constexpr uint64_t kActivationMax = uint64_t{1} << 56;
constexpr Duration kLeaseMax = std::chrono::seconds(2600);  // twice the longest hold and interval

using Nonce = std::array<uint8_t, 16>;  // of one boot of one chassis' MIMP

// Where a datagram comes from and where it goes.
struct Binding {
  IpAddress source;
  IpAddress destination;
  TunnelGroupId source_group;
  TunnelGroupId destination_group;
};

// What the sender knows of the receiver.
struct Echo {
  Nonce nonce{};          // of the receiver
  uint64_t seen = 0;      // highest beat that arrived and was authentic
  uint64_t accepted = 0;  // highest beat that was acted upon; 0: none yet
  bool operator==(const Echo&) const = default;
};

// What the sender says of itself; elections are held on it.
struct Standing {
  MasterState state = MasterState::Discovery;
  bool eligible = false;
  bool in_sync = false;  // it acts, holds a valid grant, or was the last to act
  bool held = false;     // it has held or synchronised this group since its boot (rule 6)
  uint8_t priority = 100;
  uint8_t active_isas = 0;
  Activation activation;    // highest known
  Activation acting_under;  // of its acting role; 0: it does not act
  Activation succeeds;      // it took over from this activation by planned handover; 0: it did not
  bool operator==(const Standing&) const = default;
};

// Active to member: you are (not) in the in-sync set (rule 1).
struct Grant {
  Activation activation;
  uint32_t version = 0;
  bool member = false;
  Duration lease{};  // how long a membership lasts on the member's clock
  bool operator==(const Grant&) const = default;
};

struct GrantAck {
  Activation activation;
  uint32_t version = 0;
  bool operator==(const GrantAck&) const = default;
};

// Move mastership by planned handover; void once `target` has passed.
struct SwitchoverRequest {
  uint32_t number = 0;  // of the asking chassis since its boot: each is carried out at most once
  Activation target;    // that the new master would act under
  bool operator==(const SwitchoverRequest&) const = default;
};

struct Hello {
  Nonce nonce{};
  uint64_t beat = 0;
  std::optional<Echo> echo;
  Standing standing;
  Duration keep_alive{};  // the sender's settings
  Duration hold{};
  Duration up_for{};  // since the boot that drew the nonce
  std::optional<Grant> grant;
  std::optional<GrantAck> grant_ack;
  std::optional<SwitchoverRequest> switchover;
  bool operator==(const Hello&) const = default;
};

// The TLVs of a hello, without header and HMAC. Unknown ones are skipped.
Bytes encode_hello(const Hello& hello);
wire::Decoded<Hello> decode_hello(ByteView tlvs);

// A whole datagram. `key` empty: without HMAC.
Bytes seal(ByteView tlvs, const Binding& binding, const SecretBytes& key);
// The TLVs inside. Refusals: "size", "version", "type", "group", "hmac-missing", "hmac-unexpected",
// "hmac".
wire::Decoded<ByteView> open(ByteView datagram, const Binding& binding, const SecretBytes& key);

}  // namespace segw::mimp
