#pragma once

// A CHILD SA as plain data: everything that a chassis needs to go on with it. The struct is what
// MCS carries to the standby, what segwd gives to the ISA, and what `show` reads.

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/ip_address.h"
#include "base/secret_bytes.h"
#include "base/time.h"

namespace segw::esp {

constexpr size_t kSlotsMax = 4;  // redundancy rule 13

// IANA IKEv2 transform numbers. What each is, sizes and names, is in esp/algorithm.h.
enum class Encryption : uint16_t {
  Null = 11,  // ESP only
  AesCbc = 12,
  AesGcm8 = 18,
  AesGcm12 = 19,
  AesGcm16 = 20,
  ChaCha20Poly1305 = 28
};
enum class Integrity : uint16_t {
  None = 0,  // with a cipher that authenticates by itself
  HmacSha1_96 = 2,
  AesXcbc_96 = 5,
  HmacSha256_128 = 12,
  HmacSha384_192 = 13,
  HmacSha512_256 = 14
};

struct Suite {
  Encryption encryption = Encryption::AesGcm16;
  uint16_t key_bits = 128;  // of the cipher: 128, 192 or 256; 0 with Null
  Integrity integrity = Integrity::None;
  bool extended_sequence_numbers = false;
  auto operator<=>(const Suite&) const = default;
};

// RFC 7296 3.13.1: an address range with a protocol and a port range.
struct TrafficSelector {
  uint8_t protocol = 0;  // 0 = any
  uint16_t port_first = 0;
  uint16_t port_last = 0xFFFF;
  IpAddress first;
  IpAddress last;
  auto operator<=>(const TrafficSelector&) const = default;
};

// UDP encapsulation (RFC 3948), as seen by us. None: raw ESP.
struct UdpEncapsulation {
  uint16_t local_port = 4500;
  uint16_t remote_port = 4500;
  auto operator<=>(const UdpEncapsulation&) const = default;
};

// One (slot, incarnation) that ever held this SA's keys (redundancy rule 13).
struct Holder {
  Slot slot;
  std::array<uint8_t, 16> incarnation{};
  auto operator<=>(const Holder&) const = default;
};

// Redundancy rule 11. Block b of 2^14 numbers belongs to slot b mod `slots`. grants[s] = the first
// number that slot s has NOT given away: below it, slot s's blocks may be used by `grantee` only.
struct SequenceGrants {
  uint8_t slots = 2;                        // 2 in 1:1, 4 in a domain; fixed when the SA is made
  Slot grantee;                             // the active that the grants were given to
  std::array<uint64_t, kSlotsMax> bound{};  // exclusive, multiples of a block
  auto operator<=>(const SequenceGrants&) const = default;
};

// Whether routes to the client's selectors are in the private service while the SA stands.
enum class ReverseRoute : uint8_t { None, NoDefault, All };

struct ChildSa {
  TunnelGroupId group;
  IkeSpi ike_sa;        // our SPI of the IKE SA that owns it
  uint32_t tunnel = 0;  // its number (docs/decisions/0016)
  Spi inbound_spi;      // ours; its top two bits are the slot that made it
  Spi outbound_spi;     // the client's
  IpAddress local;      // local gateway address
  IpAddress remote;     // the client's outer address
  std::optional<UdpEncapsulation> encapsulation;
  Suite suite;
  SecretBytes inbound_key;  // encryption key, then its salt or the integrity key
  SecretBytes outbound_key;
  std::vector<TrafficSelector> local_selectors;   // our side (behind the gateway)
  std::vector<TrafficSelector> remote_selectors;  // the client's side
  uint16_t replay_window = 128;                   // packets, 32..512
  bool initiator = false;                         // we asked for it
  bool rekeyed = false;  // a successor exists; kept for what is still under way
  Duration lifetime{};   // negotiated locally, relative to `age` zero
  Duration age{};        // when the record was made; a receiver counts on from its arrival
  SequenceGrants grants;
  std::vector<Holder> holders;
  ReverseRoute reverse_route = ReverseRoute::None;
  // sros-facts §6.1: when the SA of a rekey is used for sending, and how long the old one is kept.
  Spi replaces;              // our SPI of the SA that this one was made for; 0: none
  Duration outbound_from{};  // preferred for sending at this age, or when `replaces` is gone
  Duration rekey_after{};    // the age at which we rekey it; 0: not we
  Duration delete_after{};   // the age at which we delete it although it is not too old; 0: not
  bool rekeyed_by_us = false;
  uint64_t outbound_floor = 0;  // nothing below is sealed: the client does not accept it (RFC 6311)
};

// What moves while an SA is used; never part of the commit (redundancy rule 20).
struct SaWindow {
  Spi inbound_spi;
  uint64_t outbound_next = 1;    // the next sequence number that would be used
  uint64_t inbound_highest = 0;  // highest authenticated
  std::vector<uint64_t>
      seen;  // bitmap, bit 0 of word 0 = inbound_highest; may be empty: all below refused
};

}  // namespace segw::esp
