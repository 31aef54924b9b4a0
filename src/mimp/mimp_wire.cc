#include "mimp/mimp_wire.h"

#include <algorithm>
#include <set>

#include "crypto/crypto.h"
#include "wire/writer.h"

namespace segw::mimp {
namespace {

using std::chrono::milliseconds;

constexpr uint8_t kTypeHello = 1;
constexpr uint8_t kFlagHmac = 0x01;

// 7 (designated role), 8 (vouching) and 9 (router id) are reserved for domains of up to four.
enum class Tlv : uint16_t {  // NOLINT(performance-enum-size): as on the wire
  Beat = 1,
  Echo = 2,
  Standing = 3,
  Timers = 4,
  Grant = 5,
  GrantAck = 6,
  Switchover = 10,
};

constexpr uint8_t kStandingEligible = 0x01;
constexpr uint8_t kStandingInSync = 0x02;
constexpr uint8_t kStandingHeld = 0x04;
constexpr uint8_t kGrantMember = 0x01;

// What does not fit (an uptime beyond 49 days) is written as the greatest value.
uint32_t to_ms(Duration duration) {
  const auto count = std::chrono::duration_cast<milliseconds>(duration).count();
  return static_cast<uint32_t>(std::clamp<int64_t>(count, 0, UINT32_MAX));
}

void put(wire::Writer& out, Tlv type, const wire::Writer& value) {
  out.u16(static_cast<uint16_t>(type)).u16(static_cast<uint16_t>(value.size())).bytes(value.view());
}

wire::Writer standing_value(const Standing& standing) {
  wire::Writer value;
  const int flags = (standing.eligible ? kStandingEligible : 0) |
                    (standing.in_sync ? kStandingInSync : 0) | (standing.held ? kStandingHeld : 0);
  value.u8(static_cast<uint8_t>(standing.state))
      .u8(static_cast<uint8_t>(flags))
      .u8(standing.priority)
      .u8(standing.active_isas)
      .u64(standing.activation.value)
      .u64(standing.acting_under.value)
      .u64(standing.succeeds.value);
  return value;
}

Nonce read_nonce(wire::Reader& in, std::string_view field) {
  Nonce nonce{};
  std::ranges::copy(in.bytes(nonce.size(), field), nonce.begin());
  return nonce;
}

Activation read_activation(wire::Reader& in, std::string_view field) {
  const uint64_t value = in.u64(field);
  if (value > kActivationMax) in.refuse(field);
  return Activation{value};
}

Duration read_ms(wire::Reader& in, std::string_view field, Duration max) {
  const Duration value = milliseconds(in.u32(field));
  if (value <= Duration::zero() || value > max) in.refuse(field);
  return value;
}

Echo read_echo(wire::Reader& in) {
  Echo echo{.nonce = read_nonce(in, "echo-nonce")};
  echo.seen = in.u64("echo-seen");
  echo.accepted = in.u64("echo-accepted");
  if (echo.accepted > echo.seen) in.refuse("echo-accepted");
  return echo;
}

Standing read_standing(wire::Reader& in) {
  Standing standing;
  const uint8_t state = in.u8("state");
  if (state < static_cast<uint8_t>(MasterState::Discovery) ||
      state > static_cast<uint8_t>(MasterState::Master)) {
    in.refuse("state");
    return standing;
  }
  standing.state = static_cast<MasterState>(state);
  const uint8_t flags = in.u8("standing-flags");  // unknown bits are for later versions
  standing.eligible = (flags & kStandingEligible) != 0;
  standing.in_sync = (flags & kStandingInSync) != 0;
  standing.held = (flags & kStandingHeld) != 0;
  standing.priority = in.u8("priority");
  standing.active_isas = in.u8("active-isas");
  standing.activation = read_activation(in, "activation");
  standing.acting_under = read_activation(in, "acting-under");
  standing.succeeds = read_activation(in, "succeeds");
  const bool under = standing.acting_under.value != 0;
  if (under != acting(standing.state) || standing.acting_under > standing.activation) {
    in.refuse("acting-under");
  }
  if (standing.succeeds.value != 0 && standing.succeeds >= standing.acting_under) {
    in.refuse("succeeds");
  }
  return standing;
}

Grant read_grant(wire::Reader& in) {
  Grant grant{.activation = read_activation(in, "grant-activation")};
  grant.version = in.u32("grant-version");
  grant.member = (in.u8("grant-flags") & kGrantMember) != 0;
  grant.lease = read_ms(in, "grant-lease", kLeaseMax);
  return grant;
}

// One TLV into `hello`; an unknown type is skipped.
void read_tlv(uint16_t type, wire::Reader& in, Hello& hello) {
  switch (static_cast<Tlv>(type)) {
    case Tlv::Beat:
      hello.nonce = read_nonce(in, "nonce");
      hello.beat = in.u64("beat");
      if (hello.beat == 0) in.refuse("beat");
      return;
    case Tlv::Echo:
      hello.echo = read_echo(in);
      return;
    case Tlv::Standing:
      hello.standing = read_standing(in);
      return;
    case Tlv::Timers:
      hello.keep_alive = read_ms(in, "keep-alive", kLeaseMax);
      hello.hold = read_ms(in, "hold", kLeaseMax);
      hello.up_for = milliseconds(in.u32("up-for"));
      return;
    case Tlv::Grant:
      hello.grant = read_grant(in);
      return;
    case Tlv::GrantAck:
      hello.grant_ack = GrantAck{.activation = read_activation(in, "ack-activation"),
                                 .version = in.u32("ack-version")};
      return;
    case Tlv::Switchover:
      hello.switchover = SwitchoverRequest{.number = in.u32("switchover-number"),
                                           .target = read_activation(in, "switchover-target")};
      return;
  }
  in.rest();
}

bool known(uint16_t type) {
  return (type >= static_cast<uint16_t>(Tlv::Beat) &&
          type <= static_cast<uint16_t>(Tlv::GrantAck)) ||
         type == static_cast<uint16_t>(Tlv::Switchover);
}

SecretBytes hmac_of(ByteView covered, const Binding& binding, const SecretBytes& key) {
  wire::Writer unseen;
  const auto address = [&](const IpAddress& of) {
    unseen.u8(static_cast<uint8_t>(of.bytes().size())).bytes(of.bytes());
  };
  address(binding.source);
  address(binding.destination);
  unseen.u16(binding.source_group.value).u16(binding.destination_group.value);
  return crypto::hmac(crypto::Hash::Sha256, key.view(),
                      {as_bytes("segw mimp hello 1"), unseen.view(), covered});
}

}  // namespace

Bytes encode_hello(const Hello& hello) {
  wire::Writer out;
  wire::Writer beat;
  beat.bytes(hello.nonce).u64(hello.beat);
  put(out, Tlv::Beat, beat);
  if (hello.echo) {
    wire::Writer echo;
    echo.bytes(hello.echo->nonce).u64(hello.echo->seen).u64(hello.echo->accepted);
    put(out, Tlv::Echo, echo);
  }
  put(out, Tlv::Standing, standing_value(hello.standing));
  wire::Writer timers;
  timers.u32(to_ms(hello.keep_alive)).u32(to_ms(hello.hold)).u32(to_ms(hello.up_for));
  put(out, Tlv::Timers, timers);
  if (hello.grant) {
    wire::Writer grant;
    grant.u64(hello.grant->activation.value)
        .u32(hello.grant->version)
        .u8(hello.grant->member ? kGrantMember : uint8_t{0})
        .u32(to_ms(hello.grant->lease));
    put(out, Tlv::Grant, grant);
  }
  if (hello.grant_ack) {
    wire::Writer ack;
    ack.u64(hello.grant_ack->activation.value).u32(hello.grant_ack->version);
    put(out, Tlv::GrantAck, ack);
  }
  if (hello.switchover) {
    wire::Writer request;
    request.u32(hello.switchover->number).u64(hello.switchover->target.value);
    put(out, Tlv::Switchover, request);
  }
  return out.take();
}

wire::Decoded<Hello> decode_hello(ByteView tlvs) {
  wire::Reader in(tlvs);
  Hello hello;
  std::set<uint16_t> seen;  // of known types: each may come once
  while (in.left() > 0) {
    const uint16_t type = in.u16("tlv-type");
    const uint16_t length = in.u16("tlv-length");
    wire::Reader value = in.sub(length, "tlv-length");
    if (!in.ok()) break;
    if (known(type) && !seen.insert(type).second) in.refuse("tlv-twice");
    read_tlv(type, value, hello);
    if (value.left() > 0) value.refuse("tlv-length");
    if (!value.ok()) in.refuse(value.refused());
  }
  for (const Tlv needed : {Tlv::Beat, Tlv::Standing, Tlv::Timers}) {
    if (!seen.contains(static_cast<uint16_t>(needed))) in.refuse("tlv-missing");
  }
  return in.finish(hello);
}

Bytes seal(ByteView tlvs, const Binding& binding, const SecretBytes& key) {
  wire::Writer out;
  out.u8(kVersion)
      .u8(kTypeHello)
      .u8(key.empty() ? uint8_t{0} : kFlagHmac)
      .u8(0)
      .u16(binding.source_group.value)
      .u16(binding.destination_group.value)
      .bytes(tlvs);
  if (!key.empty()) out.bytes(hmac_of(out.view(), binding, key).view());
  return out.take();
}

wire::Decoded<ByteView> open(ByteView datagram, const Binding& binding, const SecretBytes& key) {
  wire::Reader in(datagram);
  if (datagram.size() > kDatagramMax || datagram.size() < kHeaderSize) in.refuse("size");
  if (in.u8("size") != kVersion) in.refuse("version");
  if (in.u8("size") != kTypeHello) in.refuse("type");
  const bool has_hmac = (in.u8("size") & kFlagHmac) != 0;
  in.u8("size");  // reserved
  if (in.u16("size") != binding.source_group.value) in.refuse("group");
  if (in.u16("size") != binding.destination_group.value) in.refuse("group");
  if (has_hmac && key.empty()) in.refuse("hmac-unexpected");
  if (!has_hmac && !key.empty()) in.refuse("hmac-missing");
  const size_t hmac_size = has_hmac ? kHmacSize : 0;
  if (in.left() < hmac_size) in.refuse("size");
  const ByteView tlvs = in.bytes(in.left() - (in.ok() ? hmac_size : 0), "size");
  const ByteView received = in.rest();
  if (in.ok() && has_hmac) {
    const SecretBytes expected = hmac_of(datagram.first(datagram.size() - kHmacSize), binding, key);
    if (!crypto::equal_constant_time(expected.view(), received)) in.refuse("hmac");
  }
  return in.finish(tlvs);
}

}  // namespace segw::mimp
