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
      ip_header(IpFields{.source = ip(from), .destination = ip(to), .protocol = 99}, size);
  packet.resize(packet.size() + size, 0xAB);
  return packet;
}

constexpr Suite kGcm{};
constexpr Suite kCbc{
    .encryption = Encryption::AesCbc, .key_bits = 256, .integrity = Integrity::HmacSha256_128};

class Tunnel : public ::testing::Test {
 protected:
  Bytes esp_of(ByteView outer) {
    const auto packet = parse_ip(outer);
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
            sealer->seal(both.client, inner, {.sequence = size + 1, .iv = size}, rng_, {});
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
  const Bytes outer = sealer->seal(both.client, foreign, {.sequence = 1, .iv = 1}, rng_, {});
  EXPECT_EQ(opener->open(both.gateway, esp_of(outer), 0).outcome, Opening::WrongSelectors);
}

TEST_F(Tunnel, RefusesEveryTruncationAndFlipWithoutMovingTheWindow) {
  const Ends both = ends(kCbc, false);
  const auto sealer = Sealer::make(both.client, *backend_);
  const auto opener = Opener::make(both.gateway, *backend_);
  const Bytes esp =
      esp_of(sealer->seal(both.client, inner_packet(33), {.sequence = 5, .iv = 1}, rng_, {}));
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
    return ip_header(IpFields{.source = ip("192.168.1.1"),
                              .destination = ip("10.2.2.10"),
                              .protocol = 99,
                              .traffic_class = tos},
                     0);
  };
  const Bytes capable =
      esp_of(sealer->seal(both.client, with_tos(2), {.sequence = 1, .iv = 1}, rng_, {}));
  const Opened opened = opener->open(both.gateway, capable, 3);
  ASSERT_EQ(opened.outcome, Opening::Ok);
  EXPECT_EQ(parse_ip(opened.inner)->traffic_class, 3);
  const Bytes not_capable =
      esp_of(sealer->seal(both.client, with_tos(0), {.sequence = 2, .iv = 2}, rng_, {}));
  EXPECT_EQ(opener->open(both.gateway, not_capable, 3).outcome, Opening::Congestion);
}

TEST_F(Tunnel, ExtendedNumbersAreRecoveredByTheReceiver) {
  const Ends both = ends(Suite{.extended_sequence_numbers = true}, false);
  const auto sealer = Sealer::make(both.client, *backend_);
  const auto opener = Opener::make(both.gateway, *backend_);
  const uint64_t boundary = uint64_t{1} << 32;
  for (const uint64_t sequence : {boundary - 2, boundary - 1, boundary + 1, boundary + 2}) {
    const Bytes esp = esp_of(sealer->seal(both.client, inner_packet(5),
                                          {.sequence = sequence, .iv = sequence}, rng_, {}));
    const Opened opened = opener->open(both.gateway, esp, 0);
    ASSERT_EQ(opened.outcome, Opening::Ok) << sequence;
    EXPECT_EQ(opened.sequence, sequence);
  }
}

// The four combinations of inner and outer family, raw and in UDP.
TEST_F(Tunnel, CarriesEachFamilyInEach) {
  for (const bool outer_six : {false, true}) {
    for (const bool encapsulated : {false, true}) {
      Ends both = ends(kGcm, encapsulated);
      if (outer_six) {
        both.gateway.local = both.client.remote = ip("2001:db8:20::1");
        both.gateway.remote = both.client.local = ip("2001:db8:10::1");
      }
      for (ChildSa* sa : {&both.gateway, &both.client}) {
        const bool ours = sa == &both.gateway;
        (ours ? sa->local_selectors : sa->remote_selectors)
            .push_back(range("2001:db8:2::", "2001:db8:2::ffff"));
        (ours ? sa->remote_selectors : sa->local_selectors)
            .push_back(range("2001:db8:1::1", "2001:db8:1::1"));
      }
      const auto sealer = Sealer::make(both.client, *backend_);
      const auto opener = Opener::make(both.gateway, *backend_);
      uint64_t sequence = 0;
      for (const Bytes& inner :
           {inner_packet(50), inner_packet(51, "2001:db8:1::1", "2001:db8:2::10")}) {
        ++sequence;
        const Bytes outer =
            sealer->seal(both.client, inner, {.sequence = sequence, .iv = sequence}, rng_, {});
        const auto parsed = parse_ip(outer);
        ASSERT_TRUE(parsed);
        EXPECT_EQ(parsed->is_v4(), !outer_six);
        // RFC 3948 2.1 and RFC 8200 8.1.
        if (encapsulated) {
          EXPECT_EQ(parse_udp(parsed->payload)->has_checksum, outer_six);
          EXPECT_TRUE(udp_checksum_right(*parsed));
        }
        const Opened opened = opener->open(both.gateway, esp_of(outer), 0);
        ASSERT_EQ(opened.outcome, Opening::Ok);
        EXPECT_EQ(opened.inner, inner);
      }
    }
  }
}

TEST_F(Tunnel, TheLargestInnerPacketFillsTheMtu) {
  for (const Suite& suite : {kGcm, kCbc}) {
    for (const bool outer_six : {false, true}) {
      Ends both = ends(suite, true);
      if (outer_six) {
        both.client.local = ip("2001:db8:10::1");
        both.client.remote = ip("2001:db8:20::1");
      }
      const auto sealer = Sealer::make(both.client, *backend_);
      for (size_t mtu = 1400; mtu < 1440; ++mtu) {
        const size_t most = inner_size_max(both.client, mtu);
        const auto sealed = [&](size_t size) {
          return sealer->seal(both.client, inner_packet(size - kIpv4HeaderSize), {}, rng_, {})
              .size();
        };
        EXPECT_LE(sealed(most), mtu);
        EXPECT_GT(sealed(most + 1), mtu);
      }
      EXPECT_EQ(inner_size_max(both.client, 60), 0U);
    }
  }
}

TEST_F(Tunnel, CopiesTheOuterDscpWhereItIsToldTo) {
  const Ends both = ends(kGcm, false);
  const auto sealer = Sealer::make(both.client, *backend_);
  const auto opener = Opener::make(both.gateway, *backend_);
  for (const Dscp dscp : {Dscp::KeepInner, Dscp::CopyOuter}) {
    const uint64_t sequence = dscp == Dscp::KeepInner ? 1 : 2;
    const Bytes outer =
        sealer->seal(both.client, inner_packet(9), {.sequence = sequence, .iv = 1}, rng_, {});
    const Opened opened = opener->open(both.gateway, esp_of(outer), 0xB8, dscp);
    ASSERT_EQ(opened.outcome, Opening::Ok);
    EXPECT_EQ(parse_ip(opened.inner)->traffic_class, dscp == Dscp::KeepInner ? 0 : 0xB8);
  }
}

}  // namespace
}  // namespace segw::esp
