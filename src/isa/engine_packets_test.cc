// Both families inside and outside, fragments, sizes, traffic classes, NAT keep-alives.
#include <gtest/gtest.h>

#include "esp/fragmentation.h"
#include "esp/tcp_mss.h"
#include "esp/testing.h"
#include "isa/engine.h"
#include "isa/testing.h"
#include "platform/testing/fake_platform.h"

namespace segw::isa {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A gateway whose SA is over IPv4 or IPv6.
struct Gateway {
  explicit Gateway(bool over_v6, const esp::TunnelOptions& options = {}, uint16_t mtu = 1500)
      : ends(over_v6 ? testing::make_ends_over_v6() : testing::make_ends()) {
    tell(Setup{.slot = {0},
               .public_interfaces = {prefix("10.10.20.254/24"), prefix("2001:db8:20::fe/64")},
               .private_interfaces = {prefix("10.2.2.254/24"), prefix("2001:db8:2::fe/64")},
               .public_mtu = mtu,
               .reassembly_wait = milliseconds(1000),
               .gateways = {ends.gateway.local}});
    install(options);
    tell(Vouch{.deadline = now + seconds(100000)});
    tell(SetRole{.role = Role::Acting, .iv_epoch = 3});
    sealer = esp::Sealer::make(ends.client, *backend);
    opener = esp::Opener::make(ends.client, *backend);
  }
  static IpPrefix prefix(const char* text) { return IpPrefix::parse(text).value_or(IpPrefix{}); }
  void install(const esp::TunnelOptions& options) {
    tell(InstallSa{.sa = ends.gateway, .options = options, .outbound = true});
  }
  Output tell(const ToIsa& message) {
    Output out;
    engine.on_control(message, now, out);
    return out;
  }
  Output from_public(const std::vector<Bytes>& packets) {
    Output out;
    engine.on_public(packets, now, out);
    return out;
  }
  Output from_private(const Bytes& packet) {
    Output out;
    engine.on_private(std::span(&packet, 1), now, out);
    return out;
  }
  Bytes from_client(const Bytes& inner) {
    ++sequence;
    return sealer->seal(ends.client, inner, {.sequence = sequence, .iv = sequence}, rng, {});
  }
  // What the client gets out of these packets, put together by a reassembler of its own.
  std::vector<Bytes> at_client(const std::vector<Bytes>& packets) {
    std::vector<Bytes> inner;
    for (const Bytes& packet : packets) {
      auto outer = esp::parse_ip(packet);
      Bytes whole = packet;
      if (outer->fragment) {
        auto again = reassembler.add(*outer, now, drops);
        if (!again) continue;
        whole = *again;
        outer = esp::parse_ip(whole);
      }
      const auto udp = esp::parse_udp(outer->payload);
      auto opened = opener->open(ends.client, udp->payload, 0);
      EXPECT_EQ(opened.outcome, esp::Opening::Ok);
      inner.push_back(std::move(opened.inner));
    }
    return inner;
  }
  uint64_t dropped(std::string_view reason) const { return engine.drops().get(reason); }

  platform::testing::FakeRng rng;
  testing::Ends ends;
  std::unique_ptr<esp::Backend> backend = esp::make_backend();
  Engine engine{rng, esp::make_backend()};
  std::unique_ptr<esp::Sealer> sealer;
  std::unique_ptr<esp::Opener> opener;
  esp::Reassembler reassembler;
  Counters drops;
  Instant now{seconds(10)};
  uint64_t sequence = 0;
};

Bytes to_client(bool six, size_t size, bool dont_fragment = false) {
  return six ? testing::inner_packet("2001:db8:2::7", "2001:db8:1::1", size, 99)
             : testing::inner_packet("10.2.2.10", "192.168.1.1", size, 99, dont_fragment);
}
Bytes to_core(bool six, size_t size) {
  return six ? testing::inner_packet("2001:db8:1::1", "2001:db8:2::7", size, 99)
             : testing::inner_packet("192.168.1.1", "10.2.2.10", size, 99);
}

TEST(EnginePackets, CarryEachFamilyInEachBothWays) {
  for (const bool over_v6 : {false, true}) {
    Gateway gateway(over_v6);
    for (const bool six : {false, true}) {
      const Bytes in = to_core(six, 100);
      EXPECT_EQ(gateway.from_public({gateway.from_client(in)}).to_private, std::vector<Bytes>{in});
      const Bytes back = to_client(six, 100);
      EXPECT_EQ(gateway.at_client(gateway.from_private(back).to_public), std::vector<Bytes>{back});
    }
  }
}

TEST(EnginePackets, AnswerPingsToOurAddressesOnBothSidesInBothFamilies) {
  Gateway gateway(true);
  const auto ping = [](const char* from, const char* to) {
    const bool six = std::string_view(to).find(':') != std::string_view::npos;
    Bytes echo{static_cast<uint8_t>(six ? 128 : 8), 0, 0, 0, 0, 1, 0, 1};
    const auto source = esp::testing::ip(from);
    const auto target = esp::testing::ip(to);
    const uint8_t protocol = six ? esp::kProtocolIcmpv6 : esp::kProtocolIcmp;
    const uint32_t start = six ? esp::pseudo_header_sum(source, target, protocol, 8) : 0;
    const uint16_t sum = esp::checksum(esp::ones_sum(echo, start));
    echo[2] = static_cast<uint8_t>(sum >> 8);
    echo[3] = static_cast<uint8_t>(sum & 0xFF);
    return esp::testing::packet(from, to, protocol, echo);
  };
  EXPECT_EQ(gateway.from_public({ping("2001:db8:10::1", "2001:db8:20::1")}).to_public.size(), 1U);
  EXPECT_EQ(gateway.from_public({ping("2001:db8:10::1", "2001:db8:20::fe")}).to_public.size(), 1U);
  EXPECT_EQ(gateway.from_public({ping("10.10.10.1", "10.10.20.254")}).to_public.size(), 1U);
  EXPECT_EQ(gateway.from_public({ping("10.10.10.1", "10.10.20.253")}).to_public.size(), 0U);
  EXPECT_EQ(gateway.from_private(ping("2001:db8:2::7", "2001:db8:2::fe")).to_private.size(), 1U);
  EXPECT_EQ(gateway.from_private(ping("10.2.2.10", "10.2.2.254")).to_private.size(), 1U);
}

TEST(EnginePackets, IkeOverIpv6IsPuntedIfItsChecksumIsRight) {
  Gateway gateway(true);
  const Endpoint client{.address = gateway.ends.client.local, .port = 500};
  const Endpoint us{.address = gateway.ends.gateway.local, .port = 500};
  Bytes packet = esp::udp_packet(client, us, 1, Bytes(60, 7));
  const Output out = gateway.from_public({packet});
  ASSERT_EQ(out.to_segwd.size(), 1U);
  EXPECT_EQ(std::get<PuntIke>(out.to_segwd[0]).datagram.remote, client);
  packet.back() ^= 1;
  EXPECT_TRUE(gateway.from_public({packet}).to_segwd.empty());
  packet[esp::kIpv6HeaderSize + 6] = packet[esp::kIpv6HeaderSize + 7] = 0;
  EXPECT_TRUE(gateway.from_public({packet}).to_segwd.empty());
  EXPECT_EQ(gateway.dropped("udp-checksum"), 2U);
}

TEST(EnginePackets, EspInUdpOverIpv6MayHaveNoChecksum) {
  Gateway gateway(true);
  Bytes packet = gateway.from_client(to_core(true, 40));
  packet[esp::kIpv6HeaderSize + 6] = packet[esp::kIpv6HeaderSize + 7] = 0;
  EXPECT_EQ(gateway.from_public({packet}).to_private.size(), 1U);
}

TEST(EnginePackets, AnIkeMessageOverIpv6LeavesInFragmentsOfTheMtu) {
  Gateway gateway(true, {}, 1280);
  const Output out = gateway.tell(
      SendIke{.datagram = {.local = {.address = gateway.ends.gateway.local, .port = 4500},
                           .remote = {.address = gateway.ends.gateway.remote, .port = 4500},
                           .message = Bytes(3000, 9)}});
  ASSERT_EQ(out.to_public.size(), 3U);
  for (const Bytes& packet : out.to_public) EXPECT_LE(packet.size(), 1280U);
}

TEST(EnginePackets, FragmentsToUsAreReassembledByTheActiveOnly) {
  for (const bool over_v6 : {false, true}) {
    Gateway gateway(over_v6);
    const Bytes inner = to_core(!over_v6, 2000);
    const Bytes outer = gateway.from_client(inner);
    const auto parts = esp::fragments_of(outer, 1280, 77);
    ASSERT_EQ(parts.size(), 2U);
    gateway.tell(SetRole{.role = Role::Closed});
    EXPECT_TRUE(gateway.from_public(parts).to_private.empty());
    EXPECT_EQ(gateway.dropped("not-acting"), 2U);
    gateway.tell(SetRole{.role = Role::Acting, .iv_epoch = 4});
    EXPECT_EQ(gateway.from_public({parts[1], parts[0]}).to_private, std::vector<Bytes>{inner});
    // What it holds goes with its role.
    EXPECT_TRUE(gateway.from_public({parts[0]}).to_private.empty());
    gateway.tell(SetRole{.role = Role::Buffering});
    EXPECT_EQ(gateway.dropped("reassembly-given-up"), 1U);
  }
}

TEST(EnginePackets, AFragmentThatStaysAloneTimesOut) {
  Gateway gateway(false);
  const auto parts = esp::fragments_of(gateway.from_client(to_core(false, 2000)), 1280, 77);
  gateway.from_public({parts[0]});
  gateway.now += milliseconds(1000);
  Output out;
  gateway.engine.on_timer(gateway.now, out);
  EXPECT_EQ(gateway.dropped("reassembly-timeout"), 1U);
  EXPECT_TRUE(gateway.from_public({parts[1]}).to_private.empty());
}

TEST(EnginePackets, LargePacketsArriveWhateverTheFamilies) {
  for (const bool over_v6 : {false, true}) {
    Gateway gateway(over_v6);
    // IPv4 without the bit: cut inside, sealed each, put together by the host itself.
    const Output cut = gateway.from_private(to_client(false, 3000));
    ASSERT_EQ(cut.to_public.size(), 3U);
    for (const Bytes& packet : cut.to_public) EXPECT_LE(packet.size(), 1500U);
    Bytes joined;
    for (const Bytes& part : gateway.at_client(cut.to_public)) {
      append(joined, esp::parse_ip(part)->payload);
    }
    EXPECT_EQ(joined, Bytes(3000, 0x5A));
    // With it, and IPv6: the source is told.
    for (const bool six : {false, true}) {
      const Bytes large = to_client(six, 1460, true);
      const Output told = gateway.from_private(large);
      EXPECT_TRUE(told.to_public.empty());
      ASSERT_EQ(told.to_private.size(), 1U);
      const auto icmp = esp::parse_ip(told.to_private[0]);
      EXPECT_EQ(icmp->destination, esp::parse_ip(large)->source);
      EXPECT_EQ(icmp->source, esp::testing::ip(six ? "2001:db8:2::fe" : "10.2.2.254"));
      const size_t mtu = six ? size_t{icmp->payload[6]} << 8 | icmp->payload[7]
                             : size_t{icmp->payload[6]} << 8 | icmp->payload[7];
      EXPECT_EQ(mtu, over_v6 ? 1418U : 1438U);
      // What it then sends passes.
      const size_t header = six ? esp::kIpv6HeaderSize : esp::kIpv4HeaderSize;
      const Output fits = gateway.from_private(to_client(six, mtu - header, true));
      ASSERT_EQ(fits.to_public.size(), 1U);
      EXPECT_LE(fits.to_public[0].size(), 1500U);
    }
  }
}

TEST(EnginePackets, TheOuterPacketIsCutWhereTheInnerMayNotBe) {
  for (const bool over_v6 : {false, true}) {
    Gateway gateway(over_v6, {.ip_mtu = 600}, 1280);
    const Bytes least = to_client(true, 1280 - esp::kIpv6HeaderSize);
    const Output out = gateway.from_private(least);
    ASSERT_EQ(out.to_public.size(), 2U);
    EXPECT_EQ(gateway.at_client(out.to_public), std::vector<Bytes>{least});
  }
}

TEST(EnginePackets, ToldIsABoundedNumberOfTimes) {
  Gateway gateway(false, {.icmp_v4 = {.count = 20, .interval = seconds(7)}});
  size_t told = 0;
  for (uint32_t i = 0; i < 70; ++i) {
    told += gateway.from_private(to_client(false, 1460, true)).to_private.size();
  }
  EXPECT_EQ(told, 20U);
  gateway.now += seconds(7);
  EXPECT_EQ(gateway.from_private(to_client(false, 1460, true)).to_private.size(), 1U);
}

Bytes router_says(const Gateway& gateway, const Bytes& sent, size_t mtu) {
  const bool v4 = gateway.ends.gateway.local.is_v4();
  Bytes quoted = sent;
  return esp::packet_too_big(esp::testing::ip(v4 ? "203.0.113.9" : "2001:db8:99::1"),
                             *esp::parse_ip(sent), quoted, mtu, 1);
}

TEST(EnginePackets, ARouterThatQuotesOurEspLowersThePathMtuForAWhile) {
  Gateway gateway(true, {.pmtu_aging = seconds(900)});
  const auto sent = gateway.from_private(to_client(true, 1300)).to_public;
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_TRUE(gateway.from_public({router_says(gateway, sent[0], 1350)}).to_public.empty());
  EXPECT_EQ(gateway.dropped("icmp-path-mtu-learnt"), 1U);
  EXPECT_EQ(gateway.from_private(to_client(true, 1300)).to_private.size(), 1U);
  gateway.now += seconds(900);
  EXPECT_EQ(gateway.from_private(to_client(true, 1300)).to_public.size(), 1U);
}

TEST(EnginePackets, APathMtuIsNotLearntFromWhoCannotKnowOurEsp) {
  Gateway gateway(true);
  const Bytes sent = gateway.from_private(to_client(true, 1300)).to_public.at(0);
  const size_t spi_at = esp::kIpv6HeaderSize + esp::kUdpHeaderSize;
  Bytes other_spi = sent;
  other_spi[spi_at] ^= 1;
  Bytes other_sequence = sent;
  other_sequence[spi_at + 4] ^= 0x40;
  Bytes other_source = sent;
  other_source[23] ^= 1;
  for (const Bytes& quoted : {other_spi, other_sequence, other_source}) {
    // The report itself goes to us, whatever it quotes.
    Bytes said = router_says(gateway, sent, 1350);
    said = esp::packet_too_big(esp::testing::ip("2001:db8:99::1"), *esp::parse_ip(sent), quoted,
                               1350, 1);
    gateway.from_public({said});
  }
  EXPECT_EQ(gateway.dropped("icmp-unknown-spi"), 2U);
  EXPECT_EQ(gateway.dropped("icmp-unknown-sequence"), 1U);
  EXPECT_EQ(gateway.from_private(to_client(true, 1300)).to_public.size(), 1U);
}

TEST(EnginePackets, TheTrafficClassIsCopiedOutwardsAndCarriedInwards) {
  for (const bool copy : {false, true}) {
    Gateway gateway(true, {.copy_traffic_class = copy});
    Bytes inner = to_client(false, 40);
    esp::set_traffic_class(inner, 0xBA);
    const Bytes outer = gateway.from_private(inner).to_public.at(0);
    EXPECT_EQ(esp::parse_ip(outer)->traffic_class, 0xBA);
    Bytes in = to_core(true, 40);
    esp::set_traffic_class(in, 0x28 | esp::kEcnCapable0);
    Bytes marked = gateway.from_client(in);
    esp::set_traffic_class(marked, 0xB8 | esp::kEcnCongestion);
    const Output out = gateway.from_public({marked});
    ASSERT_EQ(out.to_private.size(), 1U);
    EXPECT_EQ(esp::parse_ip(out.to_private[0])->traffic_class,
              (copy ? 0xB8 : 0x28) | esp::kEcnCongestion);
  }
}

Bytes syn(const char* from, const char* to) {
  wire::Writer tcp;
  tcp.u16(1).u16(2).u32(3).u32(0).u8(6 << 4).u8(2).u16(65535).u32(0).u8(2).u8(4).u16(1460);
  return esp::testing::packet(from, to, esp::kProtocolTcp, tcp.view());
}

uint16_t mss_of(const Bytes& packet) {
  return static_cast<uint16_t>(packet[packet.size() - 2] << 8 | packet.back());
}

TEST(EnginePackets, TheMssOfASynIsLoweredEachWay) {
  Gateway gateway(false, {.public_tcp_mss = 1300, .private_tcp_mss = 1200});
  const auto in = gateway.from_public({gateway.from_client(syn("192.168.1.1", "10.2.2.10"))});
  EXPECT_EQ(mss_of(in.to_private.at(0)), 1300);
  const auto out = gateway.from_private(syn("10.2.2.10", "192.168.1.1"));
  EXPECT_EQ(mss_of(gateway.at_client(out.to_public).at(0)), 1200);
  gateway.install({.public_tcp_mss_auto = true});
  const auto by_itself =
      gateway.from_public({gateway.from_client(syn("192.168.1.1", "10.2.2.10"))});
  EXPECT_EQ(mss_of(by_itself.to_private.at(0)), 1438 - 40);
}

TEST(EnginePackets, ANatIsKeptAliveBySilenceOnlyAndByTheActiveOnly) {
  for (const bool over_v6 : {false, true}) {
    Gateway gateway(over_v6, {.nat_keep_alive = seconds(120)});
    const auto tick = [&](Duration after) {
      gateway.now += after;
      Output out;
      gateway.engine.on_timer(gateway.now, out);
      return out.to_public;
    };
    EXPECT_TRUE(tick(seconds(100)).empty());
    gateway.from_private(to_client(false, 40));
    EXPECT_TRUE(tick(seconds(100)).empty());
    const auto sent = tick(seconds(20));
    ASSERT_EQ(sent.size(), 1U);
    const auto packet = esp::parse_ip(sent[0]);
    const auto udp = esp::parse_udp(packet->payload);
    EXPECT_EQ(packet->destination, gateway.ends.gateway.remote);
    EXPECT_EQ(udp->destination_port, 4500);
    EXPECT_EQ(to_bytes(udp->payload), Bytes{0xFF});
    gateway.tell(SetRole{.role = Role::Closed});
    EXPECT_TRUE(tick(seconds(500)).empty());
  }
}

TEST(EnginePackets, AReceivedKeepAliveIsCountedAsWhatItIs) {
  Gateway gateway(true);
  gateway.from_public(
      {esp::udp_packet({.address = gateway.ends.client.local, .port = 4500},
                       {.address = gateway.ends.gateway.local, .port = 4500}, 1, Bytes{0xFF})});
  EXPECT_EQ(gateway.dropped("nat-keepalive"), 1U);
  EXPECT_EQ(gateway.dropped("udp-malformed"), 0U);
}

TEST(EnginePackets, AnSaOfTwoFamiliesIsNotInstalled) {
  Gateway gateway(false);
  auto mixed = testing::make_ends(0x7777, 0x8888).gateway;
  mixed.remote = esp::testing::ip("2001:db8::1");
  gateway.tell(InstallSa{.sa = mixed, .outbound = true});
  gateway.tell(SetPeerEndpoint{.inbound_spi = gateway.ends.gateway.inbound_spi,
                               .remote = mixed.remote,
                               .encapsulation = {}});
  EXPECT_EQ(gateway.dropped("install-two-families"), 1U);
  EXPECT_EQ(gateway.dropped("endpoint-other-family"), 1U);
  EXPECT_EQ(gateway.from_private(to_client(false, 40)).to_public.size(), 1U);
}

TEST(EnginePackets, EspUnderUnknownSpisIsToldAFewTimesAndByTheActiveOnly) {
  Gateway gateway(false);
  const auto told = [](const Output& out) {
    std::vector<UnknownEsp> all;
    for (const FromIsa& each : out.to_segwd) {
      if (const auto* unknown = std::get_if<UnknownEsp>(&each)) all.push_back(*unknown);
    }
    return all;
  };
  const testing::Ends other = testing::make_ends(0x7777, 0x8888);
  const auto sealer = esp::Sealer::make(other.client, *gateway.backend);
  const Bytes packet =
      sealer->seal(other.client, testing::inner_packet("192.168.1.1", "10.2.2.10", 40),
                   {.sequence = 1, .iv = 1}, gateway.rng, {});
  const auto first = told(gateway.from_public({packet}));
  ASSERT_EQ(first.size(), 1U);
  EXPECT_EQ(first[0].spi, Spi{0x7777});
  EXPECT_EQ(first[0].local, gateway.ends.gateway.local);
  EXPECT_EQ(first[0].remote, (Endpoint{.address = gateway.ends.client.local, .port = 4500}));
  EXPECT_EQ(first[0].size, packet.size() - 20);
  EXPECT_EQ(told(gateway.from_public(std::vector<Bytes>(100, packet))).size(), kUnknownMost - 1);
  gateway.now += kActivityInterval;
  Output tick;
  gateway.engine.on_timer(gateway.now, tick);
  EXPECT_EQ(told(gateway.from_public({packet})).size(), 1U);
  gateway.tell(SetRole{.role = Role::Closed});
  EXPECT_TRUE(told(gateway.from_public({packet})).empty());
  EXPECT_EQ(gateway.dropped("esp-unknown-spi"), 102U);
}

}  // namespace
}  // namespace segw::isa
