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
constexpr uint8_t kFlagDomain = 0x02;

enum class Tlv : uint16_t {  // NOLINT(performance-enum-size): as on the wire
  Beat = 1,
  Echo = 2,
  Standing = 3,
  Timers = 4,
  Grant = 5,
  GrantAck = 6,
  Role = 7,
  Vouchings = 8,
  RouterId = 9,
  Switchover = 10,
  Versions = 11,
  SwitchoverTo = 12,
  Probe = 13,
  Members = 14,
  Keys = 15,
};
constexpr uint16_t kTlvFirst = 1;
constexpr uint16_t kTlvLast = 15;

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

void put_address(wire::Writer& out, const IpAddress& address) {
  out.u8(static_cast<uint8_t>(address.bytes().size())).bytes(address.bytes());
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

IpAddress read_address(wire::Reader& in, std::string_view field) {
  const auto address = IpAddress::from_bytes(in.bytes(in.u8(field), field));
  if (!address) in.refuse(field);
  return address.value_or(IpAddress{});
}

DesignatedRole read_role(wire::Reader& in) {
  const uint8_t role = in.u8("role");
  if (role == static_cast<uint8_t>(DesignatedRole::Active)) return DesignatedRole::Active;
  if (role != static_cast<uint8_t>(DesignatedRole::Standby)) in.refuse("role");
  return DesignatedRole::Standby;
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

std::vector<Vouching> read_vouchings(wire::Reader& in) {
  std::vector<Vouching> all;
  while (in.ok() && in.left() > 0) {
    if (all.size() == kVouchingsMax) {
      in.refuse("vouchings");
      break;
    }
    Vouching vouching{.router_id = read_address(in, "vouching-router-id")};
    vouching.nonce = read_nonce(in, "vouching-nonce");
    vouching.beat = in.u64("vouching-beat");
    vouching.age = milliseconds(in.u32("vouching-age"));
    const DesignatedRole role = read_role(in);
    vouching.standing = read_standing(in);
    vouching.standing.role = role;
    if (!acting(vouching.standing.state)) in.refuse("vouching-state");
    all.push_back(vouching);
  }
  return all;
}

std::vector<IpAddress> read_members(wire::Reader& in) {
  std::vector<IpAddress> members;
  while (in.ok() && in.left() > 0) {
    if (members.size() == kVouchingsMax) in.refuse("members");
    members.push_back(read_address(in, "member"));
  }
  return members;
}

std::vector<uint16_t> read_keys(wire::Reader& in) {
  std::vector<uint16_t> keys;
  while (in.ok() && in.left() > 0) {
    if (keys.size() == kKeysMax) in.refuse("keys");
    keys.push_back(in.u16("key"));
  }
  return keys;
}

VersionRange read_versions(wire::Reader& in) {
  VersionRange versions{.lowest = in.u8("lowest-version")};
  versions.highest = in.u8("highest-version");
  if (versions.lowest == 0 || versions.lowest > versions.highest) in.refuse("lowest-version");
  return versions;
}

// What stands in TLVs of their own and belongs to another one.
struct Apart {
  std::optional<DesignatedRole> role;
  std::optional<IpAddress> switchover_to;
};

// One TLV into `hello`; an unknown type is skipped.
void read_tlv(uint16_t type, wire::Reader& in, Hello& hello, Apart& apart) {
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
    case Tlv::Role:
      apart.role = read_role(in);
      return;
    case Tlv::Vouchings:
      hello.vouchings = read_vouchings(in);
      return;
    case Tlv::RouterId:
      hello.router_id = read_address(in, "router-id");
      return;
    case Tlv::Versions:
      hello.versions = read_versions(in);
      return;
    case Tlv::SwitchoverTo:
      apart.switchover_to = read_address(in, "switchover-to");
      return;
    case Tlv::Probe:
      hello.probe = true;
      return;
    case Tlv::Members:
      hello.members = read_members(in);
      return;
    case Tlv::Keys:
      hello.keys = read_keys(in);
      return;
  }
  in.rest();
}

bool known(uint16_t type) { return type >= kTlvFirst && type <= kTlvLast; }

SecretBytes hmac_of(ByteView covered, const Binding& binding, const SecretBytes& key) {
  wire::Writer unseen;
  put_address(unseen, binding.source);
  put_address(unseen, binding.destination);
  unseen.u16(binding.source_group).u16(binding.destination_group);
  return crypto::hmac(crypto::Hash::Sha256, key.view(),
                      {as_bytes("segw mimp hello 1"), unseen.view(), covered});
}

void put_domain_part(wire::Writer& out, const Hello& hello) {
  if (hello.standing.role != DesignatedRole::Standby) {
    wire::Writer role;
    put(out, Tlv::Role, role.u8(static_cast<uint8_t>(hello.standing.role)));
  }
  if (hello.router_id) {
    wire::Writer router_id;
    put_address(router_id, *hello.router_id);
    put(out, Tlv::RouterId, router_id);
  }
  if (!hello.vouchings.empty()) {
    wire::Writer all;
    for (const Vouching& vouching : hello.vouchings) {
      put_address(all, vouching.router_id);
      all.bytes(vouching.nonce)
          .u64(vouching.beat)
          .u32(to_ms(vouching.age))
          .u8(static_cast<uint8_t>(vouching.standing.role))
          .bytes(standing_value(vouching.standing).view());
    }
    put(out, Tlv::Vouchings, all);
  }
  if (!hello.members.empty()) {
    wire::Writer members;
    for (const IpAddress& member : hello.members) put_address(members, member);
    put(out, Tlv::Members, members);
  }
  if (hello.probe) put(out, Tlv::Probe, wire::Writer{});
}

void put_switchover(wire::Writer& out, const SwitchoverRequest& asked) {
  wire::Writer request;
  put(out, Tlv::Switchover, request.u32(asked.number).u64(asked.target.value));
  if (!asked.to) return;
  wire::Writer to;
  put_address(to, *asked.to);
  put(out, Tlv::SwitchoverTo, to);
}

}  // namespace

std::optional<uint8_t> common_version(const VersionRange& own, const VersionRange& peer) {
  const uint8_t highest = std::min(own.highest, peer.highest);
  if (highest < std::max(own.lowest, peer.lowest)) return std::nullopt;
  return highest;
}

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
  if (hello.switchover) put_switchover(out, *hello.switchover);
  if (hello.versions != VersionRange{}) {
    wire::Writer versions;
    put(out, Tlv::Versions, versions.u8(hello.versions.lowest).u8(hello.versions.highest));
  }
  if (!hello.keys.empty()) {
    wire::Writer keys;
    for (const uint16_t id : hello.keys) keys.u16(id);
    put(out, Tlv::Keys, keys);
  }
  put_domain_part(out, hello);
  return out.take();
}

wire::Decoded<Hello> decode_hello(ByteView tlvs) {
  wire::Reader in(tlvs);
  Hello hello;
  Apart apart;
  std::set<uint16_t> seen;  // of known types: each may come once
  while (in.left() > 0) {
    const uint16_t type = in.u16("tlv-type");
    const uint16_t length = in.u16("tlv-length");
    wire::Reader value = in.sub(length, "tlv-length");
    if (!in.ok()) break;
    if (known(type) && !seen.insert(type).second) in.refuse("tlv-twice");
    read_tlv(type, value, hello, apart);
    if (value.left() > 0) value.refuse("tlv-length");
    if (!value.ok()) in.refuse(value.refused());
  }
  for (const Tlv needed : {Tlv::Beat, Tlv::Standing, Tlv::Timers}) {
    if (!seen.contains(static_cast<uint16_t>(needed))) in.refuse("tlv-missing");
  }
  hello.standing.role = apart.role.value_or(DesignatedRole::Standby);
  if (apart.switchover_to && !hello.switchover) in.refuse("switchover-to");
  if (hello.switchover) hello.switchover->to = apart.switchover_to;
  return in.finish(hello);
}

std::optional<Header> peek(ByteView datagram) {
  if (datagram.size() > kDatagramMax || datagram.size() < kHeaderSize) return std::nullopt;
  wire::Reader in(datagram);
  Header header{.version = in.u8("version")};
  in.u8("type");
  header.kind = (in.u8("flags") & kFlagDomain) != 0 ? GroupKind::Domain : GroupKind::Pair;
  in.u8("reserved");
  header.source_group = in.u16("group");
  header.destination_group = in.u16("group");
  return header;
}

Bytes seal(ByteView tlvs, const Binding& binding, const SecretBytes& key, uint8_t version) {
  wire::Writer out;
  const int flags =
      (key.empty() ? 0 : kFlagHmac) | (binding.kind == GroupKind::Domain ? kFlagDomain : 0);
  out.u8(version)
      .u8(kTypeHello)
      .u8(static_cast<uint8_t>(flags))
      .u8(0)
      .u16(binding.source_group)
      .u16(binding.destination_group)
      .bytes(tlvs);
  if (!key.empty()) out.bytes(hmac_of(out.view(), binding, key).view());
  return out.take();
}

wire::Decoded<ByteView> open(ByteView datagram, const Binding& binding, const SecretBytes& key,
                             const VersionRange& versions) {
  wire::Reader in(datagram);
  const auto header = peek(datagram);
  if (!header) in.refuse("size");
  const Header told = header.value_or(Header{});
  if (told.version < versions.lowest || told.version > versions.highest) in.refuse("version");
  in.u8("size");
  if (in.u8("size") != kTypeHello) in.refuse("type");
  const bool has_hmac = (in.u8("size") & kFlagHmac) != 0;
  in.bytes(kHeaderSize - 3, "size");
  if (told.kind != binding.kind || told.source_group != binding.source_group ||
      told.destination_group != binding.destination_group) {
    in.refuse("group");
  }
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
