#include "mimp/mimp_wire.h"

#include <gtest/gtest.h>

#include <functional>

#include "wire/writer.h"

namespace segw::mimp {
namespace {

using namespace std::chrono_literals;

Hello full() {
  Hello hello{.nonce = {1, 2, 3, 4}, .beat = 77, .keep_alive = 500ms, .hold = 1s, .up_for = 90s};
  hello.echo = Echo{.nonce = {9, 8, 7}, .seen = 12, .accepted = 11};
  hello.standing = Standing{.state = MasterState::Master,
                            .eligible = true,
                            .in_sync = true,
                            .held = true,
                            .priority = 200,
                            .active_isas = 3,
                            .activation = Activation{9},
                            .acting_under = Activation{8},
                            .succeeds = Activation{7}};
  hello.grant = Grant{.activation = Activation{8}, .version = 4, .member = true, .lease = 1500ms};
  hello.grant_ack = GrantAck{.activation = Activation{6}, .version = 2};
  hello.switchover =
      SwitchoverRequest{.number = 1, .target = Activation{10}, .to = IpAddress::v4(0xC0000203)};
  hello.standing.role = DesignatedRole::Active;
  hello.router_id = *IpAddress::parse("2001:db8::1");
  hello.vouchings = {Vouching{.router_id = IpAddress::v4(0xC0000204),
                              .nonce = {5, 6},
                              .beat = 99,
                              .age = 250ms,
                              .standing = hello.standing}};
  hello.members = {IpAddress::v4(0xC0000203), IpAddress::v4(0xC0000204)};
  hello.versions = {.lowest = 1, .highest = 3};
  hello.keys = {0x0102, 0xFFFE};
  hello.probe = true;
  return hello;
}

Hello smallest() {
  return Hello{.nonce = {1}, .beat = 1, .keep_alive = 1s, .hold = 3s, .up_for = 0s};
}

Binding binding() {
  return Binding{.source = IpAddress::v4(0xC0000201),
                 .destination = IpAddress::v4(0xC0000202),
                 .source_group = 1,
                 .destination_group = 2};
}

const SecretBytes kKey(as_bytes("0123456789abcdef0123456789abcdef"));

// The value of the first TLV of `type` in the encoded full hello.
size_t value_of(const Bytes& tlvs, uint16_t type) {
  size_t at = 0;
  while (true) {
    const auto here = static_cast<uint16_t>(tlvs.at(at) << 8 | tlvs.at(at + 1));
    if (here == type) return at + 4;
    at += 4U + static_cast<size_t>(tlvs.at(at + 2) << 8 | tlvs.at(at + 3));
  }
}

TEST(MimpHello, RoundTrip) {
  for (const Hello& hello : {full(), smallest()}) {
    const auto again = decode_hello(encode_hello(hello));
    ASSERT_TRUE(again) << again.error().field;
    EXPECT_EQ(*again, hello);
  }
  EXPECT_LE(seal(encode_hello(full()), binding(), kKey).size(), 450U);
}

TEST(MimpHello, RefusesEveryTruncation) {
  const Bytes whole = encode_hello(full());
  const Bytes needed = encode_hello(smallest());
  for (size_t size = 0; size < whole.size(); ++size) {
    const auto cut = decode_hello(ByteView(whole).first(size));
    if (!cut) continue;
    // Cut between optional TLVs: as if they had not been sent.
    EXPECT_NE(*cut, full());
    EXPECT_GE(size, needed.size());
  }
  for (size_t size = 0; size < needed.size(); ++size) {
    EXPECT_FALSE(decode_hello(ByteView(needed).first(size))) << size;
  }
}

TEST(MimpHello, SkipsUnknownTlvs) {
  Bytes tlvs = encode_hello(full());
  wire::Writer more;
  more.u16(999).u16(3).u8(1).u8(2).u8(3).u16(70).u16(0).u16(999).u16(0);
  append(tlvs, more.view());
  const auto hello = decode_hello(tlvs);
  ASSERT_TRUE(hello) << hello.error().field;
  EXPECT_EQ(*hello, full());
}

TEST(MimpHello, RefusesTrailingBytes) {
  Bytes tlvs = encode_hello(full());
  tlvs.push_back(0);
  EXPECT_EQ(decode_hello(tlvs).error().field, "tlv-type");
}

TEST(MimpHello, ReportsOnlyActingNodes) {
  Hello hello = full();
  hello.vouchings.front().standing = Standing{.state = MasterState::Standby, .eligible = true};
  EXPECT_EQ(decode_hello(encode_hello(hello)).error().field, "vouching-state");
  hello.vouchings.assign(kVouchingsMax + 1, full().vouchings.front());
  EXPECT_EQ(decode_hello(encode_hello(hello)).error().field, "vouchings");
}

TEST(MimpHello, NamesAtMostTwoKeys) {
  Hello hello = smallest();
  hello.keys = {1, 2, 3};
  EXPECT_EQ(decode_hello(encode_hello(hello)).error().field, "keys");
  Bytes tlvs = encode_hello(smallest());
  wire::Writer half;
  half.u16(15).u16(3).u16(1).u8(2);
  append(tlvs, half.view());
  EXPECT_EQ(decode_hello(tlvs).error().field, "key");
}

TEST(MimpHello, NamesATargetOnlyInARequest) {
  Bytes tlvs = encode_hello(smallest());
  wire::Writer alone;
  alone.u16(12).u16(5).u8(4).u32(0xC0000203);
  append(tlvs, alone.view());
  EXPECT_EQ(decode_hello(tlvs).error().field, "switchover-to");
}

struct Field {
  std::string_view refused;
  uint16_t tlv;
  size_t offset;
  Bytes bytes;
};

TEST(MimpHello, RefusesEveryFieldOutOfRange) {
  const Bytes huge(8, 0xFF);
  const Bytes zero4(4, 0);
  const Bytes zero8(8, 0);
  const std::vector<Field> fields = {
      {"beat", 1, 16, zero8},
      {"echo-accepted", 2, 24, huge},
      {"state", 3, 0, {0}},
      {"state", 3, 0, {6}},
      {"acting-under", 3, 0, {4}},  // a standby that acts
      {"activation", 3, 4, huge},
      {"acting-under", 3, 12, huge},
      {"acting-under", 3, 12, zero8},
      {"acting-under", 3, 12, {0, 0, 0, 0, 0, 0, 0, 10}},
      {"succeeds", 3, 20, huge},
      {"succeeds", 3, 20, {0, 0, 0, 0, 0, 0, 0, 8}},
      {"keep-alive", 4, 0, zero4},
      {"keep-alive", 4, 0, {0xFF, 0xFF, 0xFF, 0xFF}},
      {"hold", 4, 4, zero4},
      {"grant-activation", 5, 0, huge},
      {"grant-lease", 5, 13, zero4},
      {"grant-lease", 5, 13, {0xFF, 0xFF, 0xFF, 0xFF}},
      {"ack-activation", 6, 0, huge},
      {"switchover-target", 10, 4, huge},
      {"role", 7, 0, {0}},
      {"role", 7, 0, {3}},
      {"vouching-router-id", 8, 0, {3}},
      {"acting-under", 8, 34, {4}},
      {"role", 8, 33, {3}},
      {"router-id", 9, 0, {5}},
      {"lowest-version", 11, 0, {0}},
      {"lowest-version", 11, 0, {4}},
      {"switchover-to", 12, 0, {16}},
      {"member", 14, 0, {16}},
  };
  for (const Field& field : fields) {
    Bytes tlvs = encode_hello(full());
    const size_t at = value_of(tlvs, field.tlv) + field.offset;
    std::ranges::copy(field.bytes, tlvs.begin() + static_cast<std::ptrdiff_t>(at));
    const auto hello = decode_hello(tlvs);
    ASSERT_FALSE(hello) << field.refused;
    EXPECT_EQ(hello.error().field, field.refused);
  }
}

TEST(MimpHello, RefusesATlvThatComesTwiceOrIsMissing) {
  Bytes twice = encode_hello(smallest());
  append(twice, encode_hello(smallest()));
  EXPECT_EQ(decode_hello(twice).error().field, "tlv-twice");
  EXPECT_EQ(decode_hello({}).error().field, "tlv-missing");
}

TEST(MimpHello, RefusesATlvOfAnotherLength) {
  Bytes tlvs = encode_hello(smallest());
  tlvs[3] += 1;  // the first TLV claims one byte more
  EXPECT_FALSE(decode_hello(tlvs));
  wire::Writer longer;
  longer.u16(6).u16(13).u64(1).u32(1).u8(0);
  tlvs = encode_hello(smallest());
  append(tlvs, longer.view());
  EXPECT_EQ(decode_hello(tlvs).error().field, "tlv-length");
}

TEST(MimpDatagram, OpensWhatWasSealed) {
  const Bytes tlvs = encode_hello(full());
  for (const SecretBytes& key : {kKey, SecretBytes{}}) {
    const Bytes sealed = seal(tlvs, binding(), key);
    const auto opened = open(sealed, binding(), key);
    ASSERT_TRUE(opened) << opened.error().field;
    EXPECT_EQ(to_bytes(*opened), tlvs);
  }
}

TEST(MimpDatagram, RefusesEveryTruncationAndEveryFlippedBit) {
  const Bytes sealed = seal(encode_hello(full()), binding(), kKey);
  for (size_t size = 0; size < sealed.size(); ++size) {
    EXPECT_FALSE(open(ByteView(sealed).first(size), binding(), kKey)) << size;
  }
  for (size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    Bytes flipped = sealed;
    flipped[bit / 8] ^= static_cast<uint8_t>(1U << (bit % 8));
    EXPECT_FALSE(open(flipped, binding(), kKey)) << bit;
  }
}

TEST(MimpDatagram, IsBoundToAddressesAndGroups) {
  const Bytes sealed = seal(encode_hello(full()), binding(), kKey);
  const std::vector<std::pair<std::string, std::function<void(Binding&)>>> changes = {
      {"hmac", [](Binding& b) { b.source = IpAddress::v4(1); }},
      {"hmac", [](Binding& b) { b.destination = IpAddress::v4(1); }},
      {"hmac", [](Binding& b) { std::swap(b.source, b.destination); }},
      {"group", [](Binding& b) { b.source_group = 3; }},
      {"group", [](Binding& b) { b.destination_group = 3; }},
      {"group", [](Binding& b) { b.kind = GroupKind::Domain; }},
  };
  for (const auto& [refused, change] : changes) {
    Binding other = binding();
    change(other);
    const auto opened = open(sealed, other, kKey);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().field, refused);
  }
}

TEST(MimpVersions, TheHighestThatBothKnowIsSpoken) {
  EXPECT_EQ(common_version({1, 1}, {1, 3}), 1);
  EXPECT_EQ(common_version({1, 3}, {2, 5}), 3);
  EXPECT_EQ(common_version({2, 4}, {1, 2}), 2);
  EXPECT_EQ(common_version({1, 1}, {2, 3}), std::nullopt);
  const Bytes later = seal(encode_hello(smallest()), binding(), kKey, 2);
  EXPECT_EQ(open(later, binding(), kKey).error().field, "version");
  EXPECT_TRUE(open(later, binding(), kKey, {.lowest = 1, .highest = 2}));
}

TEST(MimpDatagram, RefusesWithTheReason) {
  const Bytes tlvs = encode_hello(smallest());
  const SecretBytes none;
  const SecretBytes other(as_bytes("another key, another key, anothe"));
  const auto refused = [](const Bytes& bytes, const SecretBytes& key) {
    return open(bytes, binding(), key).error().field;
  };
  EXPECT_EQ(refused(seal(tlvs, binding(), kKey), none), "hmac-unexpected");
  EXPECT_EQ(refused(seal(tlvs, binding(), none), kKey), "hmac-missing");
  EXPECT_EQ(refused(seal(tlvs, binding(), other), kKey), "hmac");
  EXPECT_EQ(refused(Bytes(kDatagramMax + 1, 1), none), "size");
  EXPECT_EQ(refused({}, none), "size");
  Bytes changed = seal(tlvs, binding(), none);
  changed[0] = 2;
  EXPECT_EQ(refused(changed, none), "version");
  changed[0] = 1;
  changed[1] = 2;
  EXPECT_EQ(refused(changed, none), "type");
}

}  // namespace
}  // namespace segw::mimp
