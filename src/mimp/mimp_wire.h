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
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/ip_address.h"
#include "base/secret_bytes.h"
#include "base/shared_key.h"
#include "base/time.h"
#include "mimp/designated_role.h"
#include "mimp/master_state.h"
#include "wire/reader.h"

namespace segw::mimp {

// Of the hello's format. A sender tells its range, unless it is this one; the highest that both
// know is spoken.
struct VersionRange {
  uint8_t lowest = 1;
  uint8_t highest = 1;
  bool operator==(const VersionRange&) const = default;
};
constexpr VersionRange kVersions{.lowest = 1, .highest = 1};
// Nothing if there is none.
[[nodiscard]] std::optional<uint8_t> common_version(const VersionRange& own,
                                                    const VersionRange& peer);

constexpr size_t kDatagramMax = 1200;  // bytes; never fragmented, even over IPv6 and a tunnel
constexpr size_t kHeaderSize = 8;
constexpr size_t kHmacSize = 32;
// No Lamport number gets near it; a value above is a broken peer, and adding one never wraps.
constexpr uint64_t kActivationMax = uint64_t{1} << 56;
constexpr Duration kLeaseMax = std::chrono::seconds(2600);  // twice the longest hold and interval

constexpr size_t kVouchingsMax = 3;  // in a hello; as many as a node has peers
constexpr size_t kKeysMax = kSharedKeysMax;

using Nonce = std::array<uint8_t, 16>;  // of one boot of one chassis' MIMP

// Who backs each other up: a tunnel group on two chassis (1:1), or a domain of up to four nodes.
enum class GroupKind : uint8_t { Pair, Domain };

// Where a datagram comes from and where it goes.
struct Binding {
  IpAddress source;
  IpAddress destination;
  GroupKind kind = GroupKind::Pair;
  uint16_t source_group = 0;  // pair: the tunnel group's number at that end; else the domain's
  uint16_t destination_group = 0;
};

// The same in every version.
struct Header {
  uint8_t version = 0;
  GroupKind kind = GroupKind::Pair;
  uint16_t source_group = 0;
  uint16_t destination_group = 0;
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
  DesignatedRole role = DesignatedRole::Standby;  // of a domain's node; in a pair all are alike
  Activation activation;                          // highest known
  Activation acting_under;                        // of its acting role; 0: it does not act
  Activation succeeds;  // it took over from this activation by planned handover; 0: it did not
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
  uint32_t number = 0;          // of the asker since its boot: each is carried out at most once
  Activation target;            // that the new master would act under
  std::optional<IpAddress> to;  // its router id; nothing: as elected without the present one
  bool operator==(const SwitchoverRequest&) const = default;
};

// What a node says of another one that acts and that it hears itself, both ways (rule 4).
struct Vouching {
  IpAddress router_id;
  Nonce nonce{};      // of the boot that acts
  uint64_t beat = 0;  // last accepted from it
  Duration age{};     // since that was accepted
  Standing standing;  // as it was said with that beat; an acting one
  bool operator==(const Vouching&) const = default;
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
  std::vector<IpAddress> members;  // router ids of the in-sync set; from the active
  std::optional<SwitchoverRequest> switchover;
  std::optional<IpAddress> router_id;
  std::vector<Vouching> vouchings;
  VersionRange versions;
  // Ids of the keys that the sender accepts from the receiver, the one that it sends with first.
  std::vector<uint16_t> keys;
  bool probe = false;  // answer at once, and say whom you hear now
  bool operator==(const Hello&) const = default;
};

// The TLVs of a hello, without header and HMAC. Unknown ones are skipped.
Bytes encode_hello(const Hello& hello);
wire::Decoded<Hello> decode_hello(ByteView tlvs);

// Who a datagram is for, nothing proven; nothing if it is too short or too long for one.
[[nodiscard]] std::optional<Header> peek(ByteView datagram);
// A whole datagram. `key` empty: without HMAC.
Bytes seal(ByteView tlvs, const Binding& binding, const SecretBytes& key,
           uint8_t version = kVersions.highest);
// The TLVs inside. Refusals: "size", "version", "type", "group", "hmac-missing", "hmac-unexpected",
// "hmac".
wire::Decoded<ByteView> open(ByteView datagram, const Binding& binding, const SecretBytes& key,
                             const VersionRange& versions = kVersions);

}  // namespace segw::mimp
