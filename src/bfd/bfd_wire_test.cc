#include "bfd/bfd_wire.h"

#include <gtest/gtest.h>

#include "crypto/crypto.h"

namespace segw::bfd {
namespace {

ControlPacket up() {
  return ControlPacket{.diagnostic = Diagnostic::NeighborSignaledDown,
                       .state = State::Up,
                       .poll = true,
                       .control_plane_independent = true,
                       .demand = true,
                       .detect_multiplier = 5,
                       .my_discriminator = 0x01020304,
                       .your_discriminator = 0x0A0B0C0D,
                       .desired_min_tx_us = 50'000,
                       .required_min_rx_us = 60'000,
                       .required_min_echo_rx_us = 7};
}

Key key() { return Key{.id = 9, .secret = SecretBytes(as_bytes("twenty bytes of key!"))}; }

std::string refused(const Bytes& payload) {
  const auto packet = decode_control(payload);
  return packet ? "" : packet.error().field;
}

Bytes changed(Bytes payload, size_t at, uint8_t to) {
  payload.at(at) = to;
  return payload;
}

TEST(BfdPacket, IsWhatRfc5880Section41Shows) {
  EXPECT_EQ(to_hex(encode(up())),
            "23ea0518"    // version 1, diagnostic 3; Up, P, C, D; multiplier 5; length 24
            "01020304"    // My Discriminator
            "0a0b0c0d"    // Your Discriminator
            "0000c350"    // Desired Min TX Interval
            "0000ea60"    // Required Min RX Interval
            "00000007");  // Required Min Echo RX Interval
}

TEST(BfdPacket, ComesBackAsItWas) {
  for (const State state : {State::AdminDown, State::Down, State::Init, State::Up}) {
    ControlPacket packet = up();
    packet.state = state;
    packet.poll = state == State::Up;
    packet.final_ = state == State::Init;
    const auto back = decode_control(encode(packet));
    ASSERT_TRUE(back.has_value());
    EXPECT_EQ(*back, packet);
  }
}

TEST(BfdPacket, OfAnotherVersionIsDiscarded) {
  for (const int version : {0, 2, 7}) {
    const auto first = static_cast<uint8_t>(version << 5);
    EXPECT_EQ(refused(changed(encode(up()), 0, first)), "version");
  }
}

TEST(BfdPacket, WithALengthBelowTheMinimumIsDiscarded) {
  EXPECT_EQ(refused(changed(encode(up()), 3, 23)), "length");
  const Bytes sealed = seal(up(), key(), 1);
  EXPECT_EQ(refused(changed(sealed, 3, 25)), "length");  // A bit: 26
}

TEST(BfdPacket, LongerThanItsPayloadIsDiscarded) {
  EXPECT_EQ(refused(changed(encode(up()), 3, 25)), "length");
  const Bytes whole = seal(up(), key(), 1);
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(refused(Bytes(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size))),
              "length");
  }
}

TEST(BfdPacket, ShorterThanItsPayloadIsTaken) {
  Bytes padded = encode(up());
  padded.resize(64, 0xFF);
  const auto packet = decode_control(padded);
  ASSERT_TRUE(packet.has_value());
  EXPECT_EQ(*packet, up());
}

TEST(BfdPacket, WithDetectMultZeroIsDiscarded) {
  EXPECT_EQ(refused(changed(encode(up()), 2, 0)), "detect-mult");
}

TEST(BfdPacket, WithTheMultipointBitIsDiscarded) {
  const Bytes bytes = encode(up());
  EXPECT_EQ(refused(changed(bytes, 1, bytes.at(1) | 1)), "multipoint");
}

TEST(BfdPacket, WithMyDiscriminatorZeroIsDiscarded) {
  ControlPacket packet = up();
  packet.my_discriminator = 0;
  EXPECT_EQ(refused(encode(packet)), "my-discriminator");
}

TEST(BfdPacket, WithYourDiscriminatorZeroIsTakenOnlyInDownOrAdminDown) {
  ControlPacket packet = up();
  packet.your_discriminator = 0;
  for (const State state : {State::Init, State::Up}) {
    packet.state = state;
    EXPECT_EQ(refused(encode(packet)), "your-discriminator");
  }
  for (const State state : {State::Down, State::AdminDown}) {
    packet.state = state;
    EXPECT_EQ(refused(encode(packet)), "");
  }
}

TEST(BfdAuthentication, IsWhatRfc5880Section44Shows) {
  const Bytes sealed = seal(up(), key(), 0xFFFFFFFE);
  EXPECT_EQ(to_hex(ByteView(sealed).subspan(0, 4)), "23ee0534");  // A bit; length 52
  EXPECT_EQ(to_hex(ByteView(sealed).subspan(24, 8)), "051c0900fffffffe");
  // The hash is over the packet with the key where the hash will be.
  Bytes keyed(sealed.begin(), sealed.begin() + 32);
  append(keyed, as_bytes("twenty bytes of key!"));
  EXPECT_EQ(to_hex(ByteView(sealed).subspan(32)), to_hex(crypto::sha1(keyed)));
}

TEST(BfdAuthentication, PadsAShortKeyWithZeros) {
  const Key short_key{.id = 1, .secret = SecretBytes(as_bytes("abc"))};
  const Bytes sealed = seal(up(), short_key, 1);
  Bytes keyed(sealed.begin(), sealed.begin() + 32);
  append(keyed, as_bytes("abc"));
  keyed.resize(52, 0);
  EXPECT_EQ(to_hex(ByteView(sealed).subspan(32)), to_hex(crypto::sha1(keyed)));
  EXPECT_TRUE(authentic(sealed, short_key));
}

TEST(BfdAuthentication, ComesBackWithItsFields) {
  const auto packet = decode_control(seal(up(), key(), 77));
  ASSERT_TRUE(packet && packet->authentication);
  const Authentication section = packet->authentication.value_or(Authentication{});
  EXPECT_EQ(section.type, kMeticulousKeyedSha1);
  EXPECT_EQ(section.length, kAuthenticationSize);
  EXPECT_EQ(section.key_id, 9);
  EXPECT_EQ(section.sequence, 77U);
}

TEST(BfdAuthentication, FailsWithAnyBitChangedOrAnotherKey) {
  const Bytes sealed = seal(up(), key(), 77);
  EXPECT_TRUE(authentic(sealed, key()));
  for (size_t at = 0; at < sealed.size(); ++at) {
    EXPECT_FALSE(authentic(changed(sealed, at, sealed[at] ^ 0x40), key())) << at;
  }
  const Key other{.id = 9, .secret = SecretBytes(as_bytes("twenty bytes of kez!"))};
  EXPECT_FALSE(authentic(sealed, other));
}

TEST(BfdAuthentication, ThatDoesNotEndWithItsPacketIsDiscarded) {
  EXPECT_EQ(refused(changed(seal(up(), key(), 1), 25, 27)), "auth-len");
}

TEST(BfdAuthentication, OfAnotherTypeIsKnownByItsType) {
  const auto packet = decode_control(changed(seal(up(), key(), 1), 24, 1));
  ASSERT_TRUE(packet && packet->authentication);
  EXPECT_EQ(packet->authentication.value_or(Authentication{}).type, 1);
}

}  // namespace
}  // namespace segw::bfd
