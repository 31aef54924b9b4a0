#include "esp/tunnel.h"

#include <gtest/gtest.h>

#include "esp/testing_suites.h"
#include "platform/testing/fake_platform.h"

namespace segw::esp {
namespace {

IpAddress ip(const char* text) { return IpAddress::parse(text).value_or(IpAddress{}); }

TrafficSelector range(const char* first, const char* last) {
  return TrafficSelector{.first = ip(first), .last = ip(last)};
}

// The client's and the gateway's view of one SA.
struct Ends {
  ChildSa gateway;
  ChildSa client;
};

Ends ends(const Suite& suite, bool encapsulated) {
  SecretBytes one(key_size(suite));
  SecretBytes two(key_size(suite));
  for (size_t i = 0; i < one.size(); ++i) one.writable()[i] = static_cast<uint8_t>(i);
  for (size_t i = 0; i < two.size(); ++i) two.writable()[i] = static_cast<uint8_t>(200 - i);
  ChildSa gateway{.inbound_spi = {0x1001}, .outbound_spi = {0x2002}};
  gateway.local = ip("10.10.20.1");
  gateway.remote = ip("10.10.10.1");
  if (encapsulated) gateway.encapsulation = UdpEncapsulation{};
  gateway.suite = suite;
  gateway.inbound_key = one;
  gateway.outbound_key = two;
  gateway.local_selectors = {range("10.2.2.0", "10.2.2.255")};
  gateway.remote_selectors = {range("192.168.1.1", "192.168.1.1")};
  ChildSa client = gateway;
  std::swap(client.inbound_spi, client.outbound_spi);
  std::swap(client.inbound_key, client.outbound_key);
  std::swap(client.local, client.remote);
  std::swap(client.local_selectors, client.remote_selectors);
  return Ends{.gateway = gateway, .client = client};
}

Bytes inner_packet(size_t size, const char* from = "192.168.1.1", const char* to = "10.2.2.10") {
  Bytes packet =
      ipv4_header(Ipv4Fields{.source = ip(from), .destination = ip(to), .protocol = 99}, size);
  packet.resize(packet.size() + size, 0xAB);
  return packet;
}

constexpr Suite kGcm{};
constexpr Suite kCbc{
    .encryption = Encryption::AesCbc, .key_bits = 256, .integrity = Integrity::HmacSha256_128};

class Tunnel : public ::testing::Test {
 protected:
  Bytes esp_of(ByteView outer) {
    const auto packet = parse_ipv4(outer);
    if (packet->protocol == kProtocolEsp) return to_bytes(packet->payload);
    return to_bytes(parse_udp(packet->payload)->payload);
  }
  platform::testing::FakeRng rng_;
  std::unique_ptr<Backend> backend_ = make_backend();
};

TEST_F(Tunnel, CarriesPacketsOfEverySizeInEverySuiteRawAndEncapsulated) {
  for (const Suite& suite : testing::every_suite()) {
    for (const bool encapsulated : {false, true}) {
      const Ends both = ends(suite, encapsulated);
      const auto sealer = Sealer::make(both.client, *backend_);
      const auto opener = Opener::make(both.gateway, *backend_);
      for (size_t size = 0; size < 70; ++size) {
        const Bytes inner = inner_packet(size);
        const Bytes outer =
            sealer->seal(both.client, inner, {.sequence = size + 1, .iv = size}, rng_, 1);
        EXPECT_LE(outer.size(), inner.size() + overhead(both.client));
        const Opened opened = opener->open(both.gateway, esp_of(outer), 0);
        ASSERT_EQ(opened.outcome, Opening::Ok) << size;
        EXPECT_EQ(opened.inner, inner);
        EXPECT_EQ(opener->open(both.gateway, esp_of(outer), 0).outcome, Opening::Replayed);
      }
    }
  }
}

TEST_F(Tunnel, RefusesAnInnerPacketOutsideTheSelectors) {
  const Ends both = ends(kGcm, false);
  const auto sealer = Sealer::make(both.client, *backend_);
  const auto opener = Opener::make(both.gateway, *backend_);
  const Bytes foreign = inner_packet(10, "192.168.1.2");
  const Bytes outer = sealer->seal(both.client, foreign, {.sequence = 1, .iv = 1}, rng_, 1);
  EXPECT_EQ(opener->open(both.gateway, esp_of(outer), 0).outcome, Opening::WrongSelectors);
}

TEST_F(Tunnel, RefusesEveryTruncationAndFlipWithoutMovingTheWindow) {
  const Ends both = ends(kCbc, false);
  const auto sealer = Sealer::make(both.client, *backend_);
  const auto opener = Opener::make(both.gateway, *backend_);
  const Bytes esp =
      esp_of(sealer->seal(both.client, inner_packet(33), {.sequence = 5, .iv = 1}, rng_, 1));
  for (size_t at = 0; at < esp.size(); ++at) {
    EXPECT_NE(opener->open(both.gateway, ByteView(esp).first(at), 0).outcome, Opening::Ok);
    Bytes flipped = esp;
    flipped[at] ^= 1;
    EXPECT_NE(opener->open(both.gateway, flipped, 0).outcome, Opening::Ok);
  }
  EXPECT_EQ(opener->window().highest(), 0U);
  EXPECT_EQ(opener->open(both.gateway, esp, 0).outcome, Opening::Ok);
}

TEST_F(Tunnel, CarriesCongestionMarksAndDropsThemForSendersWithoutEcn) {
  const Ends both = ends(kGcm, false);
  const auto sealer = Sealer::make(both.client, *backend_);
  const auto opener = Opener::make(both.gateway, *backend_);
  const auto with_tos = [&](uint8_t tos) {
    return ipv4_header(Ipv4Fields{.source = ip("192.168.1.1"),
                                  .destination = ip("10.2.2.10"),
                                  .protocol = 99,
                                  .tos = tos},
                       0);
  };
  const Bytes capable =
      esp_of(sealer->seal(both.client, with_tos(2), {.sequence = 1, .iv = 1}, rng_, 1));
  const Opened opened = opener->open(both.gateway, capable, 3);
  ASSERT_EQ(opened.outcome, Opening::Ok);
  EXPECT_EQ(parse_ipv4(opened.inner)->tos, 3);
  const Bytes not_capable =
      esp_of(sealer->seal(both.client, with_tos(0), {.sequence = 2, .iv = 2}, rng_, 1));
  EXPECT_EQ(opener->open(both.gateway, not_capable, 3).outcome, Opening::BadInner);
}

TEST_F(Tunnel, ExtendedNumbersAreRecoveredByTheReceiver) {
  const Ends both = ends(Suite{.extended_sequence_numbers = true}, false);
  const auto sealer = Sealer::make(both.client, *backend_);
  const auto opener = Opener::make(both.gateway, *backend_);
  const uint64_t boundary = uint64_t{1} << 32;
  for (const uint64_t sequence : {boundary - 2, boundary - 1, boundary + 1, boundary + 2}) {
    const Bytes esp = esp_of(sealer->seal(both.client, inner_packet(5),
                                          {.sequence = sequence, .iv = sequence}, rng_, 1));
    const Opened opened = opener->open(both.gateway, esp, 0);
    ASSERT_EQ(opened.outcome, Opening::Ok) << sequence;
    EXPECT_EQ(opened.sequence, sequence);
  }
}

TEST(IpPacket, RefusesWhatIsNoIpv4) {
  Bytes packet = inner_packet(20);
  EXPECT_TRUE(parse_ipv4(packet));
  for (size_t size = 0; size < packet.size(); ++size)
    EXPECT_FALSE(parse_ipv4(ByteView(packet).first(size)));
  for (size_t at = 0; at < kIpv4HeaderSize; ++at) {
    Bytes flipped = packet;
    flipped[at] ^= 0x10;
    EXPECT_FALSE(parse_ipv4(flipped)) << at;
  }
}

TEST(IpPacket, AnswersEchoRequestsOnly) {
  Bytes icmp{8, 0, 0xf7, 0xff, 0, 0, 0, 0};
  Bytes packet =
      ipv4_header(Ipv4Fields{.source = ip("1.1.1.1"), .destination = ip("2.2.2.2"), .protocol = 1},
                  icmp.size());
  append(packet, icmp);
  const auto reply = echo_reply(*parse_ipv4(packet), 1);
  ASSERT_TRUE(reply);
  EXPECT_EQ(parse_ipv4(*reply)->destination, ip("1.1.1.1"));
  EXPECT_FALSE(echo_reply(*parse_ipv4(*reply), 1));
}

}  // namespace
}  // namespace segw::esp
