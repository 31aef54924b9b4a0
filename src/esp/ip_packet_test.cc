#include "esp/ip_packet.h"

#include <gtest/gtest.h>

#include "esp/checksum.h"
#include "esp/testing.h"

namespace segw::esp {
namespace {

using testing::ip;
using testing::packet;
using testing::pattern;

constexpr uint8_t kHopByHop = 0;
constexpr uint8_t kRouting = 43;
constexpr uint8_t kDestinationOptions = 60;

Bytes v4(size_t size = 20) { return packet("192.168.1.1", "10.2.2.10", 99, pattern(size)); }
Bytes v6(size_t size = 20) { return packet("2001:db8::1", "2001:db8::2", 99, pattern(size)); }

// Extension headers of 8 bytes before `protocol`.
Bytes chain(const std::vector<uint8_t>& headers, uint8_t protocol, ByteView payload,
            uint8_t routing_type = 0, uint8_t segments_left = 0) {
  wire::Writer out;
  for (size_t i = 0; i < headers.size(); ++i) {
    out.u8(i + 1 < headers.size() ? headers[i + 1] : protocol).u8(0);
    if (headers[i] == kRouting) {
      out.u8(routing_type).u8(segments_left).zeros(4);
    } else {
      out.zeros(6);
    }
  }
  out.bytes(payload);
  return packet("2001:db8::1", "2001:db8::2", headers.empty() ? protocol : headers[0], out.view());
}

TEST(IpPacket, ReadsWhatIsInBothHeaders) {
  for (const bool six : {false, true}) {
    const Bytes bytes = six ? packet("2001:db8::1", "2001:db8::2", 17, pattern(9), 0xB9)
                            : packet("192.0.2.1", "192.0.2.2", 17, pattern(9), 0xB9, true);
    const auto parsed = parse_ip(bytes);
    ASSERT_TRUE(parsed) << six;
    EXPECT_EQ(parsed->source, ip(six ? "2001:db8::1" : "192.0.2.1"));
    EXPECT_EQ(parsed->destination, ip(six ? "2001:db8::2" : "192.0.2.2"));
    EXPECT_EQ(parsed->protocol, 17);
    EXPECT_EQ(parsed->traffic_class, 0xB9);
    EXPECT_EQ(parsed->hop_limit, kHopLimit);
    EXPECT_TRUE(parsed->dont_fragment);
    EXPECT_FALSE(parsed->fragment);
    EXPECT_EQ(to_bytes(parsed->payload), pattern(9));
    EXPECT_EQ(parsed->size, bytes.size());
  }
}

TEST(IpPacket, RefusesEveryTruncation) {
  for (const Bytes& whole : {v4(), v6(), chain({0, 43, 60}, 17, pattern(12))}) {
    EXPECT_TRUE(parse_ip(whole));
    for (size_t size = 0; size < whole.size(); ++size) {
      EXPECT_FALSE(parse_ip(ByteView(whole).first(size))) << size;
    }
  }
}

TEST(IpPacket, RefusesIpv4WhoseHeaderSumIsWrong) {
  for (size_t at = 0; at < kIpv4HeaderSize; ++at) {
    Bytes flipped = v4();
    flipped[at] ^= 0x10;
    EXPECT_FALSE(parse_ip(flipped)) << at;
  }
}

TEST(IpPacket, WhatFollowsTheTotalLengthIsNotPartOfIt) {
  for (Bytes bytes : {v4(), v6()}) {
    const size_t size = bytes.size();
    bytes.resize(size + 17, 0xEE);
    const auto parsed = parse_ip(bytes);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->size, size);
    EXPECT_EQ(parsed->payload.size(), 20U);
  }
}

struct Chain {
  const char* what;
  std::vector<uint8_t> headers;
  uint8_t routing_type;
  uint8_t segments_left;
  bool accepted;
};

TEST(IpPacket, GoesThroughABoundedChainOfExtensionHeaders) {
  const std::vector<uint8_t> most(kExtensionsMax, kDestinationOptions);
  std::vector<uint8_t> too_many = most;
  too_many.push_back(kDestinationOptions);
  const std::vector<Chain> table{
      {"none", {}, 0, 0, true},
      {"hop by hop first", {kHopByHop, kDestinationOptions, kRouting}, 2, 1, true},
      {"hop by hop later", {kDestinationOptions, kHopByHop}, 0, 0, false},
      {"hop by hop twice", {kHopByHop, kHopByHop}, 0, 0, false},
      {"type 0 routing at its end", {kRouting}, 0, 0, true},
      {"type 0 routing with segments left", {kRouting}, 0, 1, false},
      {"as many as are allowed", most, 0, 0, true},
      {"one more", too_many, 0, 0, false},
  };
  for (const Chain& row : table) {
    const Bytes bytes =
        chain(row.headers, kProtocolUdp, pattern(12), row.routing_type, row.segments_left);
    const auto parsed = parse_ip(bytes);
    ASSERT_EQ(parsed.has_value(), row.accepted) << row.what;
    if (!parsed) continue;
    EXPECT_EQ(parsed->protocol, kProtocolUdp) << row.what;
    EXPECT_EQ(to_bytes(parsed->payload), pattern(12)) << row.what;
  }
}

TEST(IpPacket, RefusesAnExtensionLongerThanThePacket) {
  Bytes bytes = chain({kDestinationOptions}, kProtocolUdp, pattern(12));
  bytes[kIpv6HeaderSize + 1] = 2;
  EXPECT_FALSE(parse_ip(bytes));
}

TEST(IpPacket, ReadsFragmentsOfBothFamilies) {
  for (const bool four : {true, false}) {
    const Bytes first = testing::fragment(
        {.v4 = four, .identification = 0x1234, .offset = 0, .more = true}, pattern(16));
    const auto one = parse_ip(first);
    ASSERT_TRUE(one);
    EXPECT_TRUE(one->fragment && one->first_fragment() && one->more_fragments);
    EXPECT_EQ(one->identification, 0x1234U);
    const Bytes later = testing::fragment({.v4 = four, .offset = 1480, .more = false}, pattern(16));
    const auto two = parse_ip(later);
    ASSERT_TRUE(two);
    EXPECT_TRUE(two->fragment && !two->first_fragment() && !two->more_fragments);
    EXPECT_EQ(two->fragment_offset, 1480U);
    EXPECT_TRUE(two->protocol_known);
    EXPECT_FALSE(ports_of(*two));
  }
}

TEST(IpPacket, RefusesAFragmentThatReachesBeyondTheLargestPacket) {
  IpFields fields{.source = ip("192.0.2.1"), .destination = ip("192.0.2.2"), .protocol = 17};
  for (const size_t size : {size_t{7}, size_t{8}, size_t{1480}}) {
    Bytes packet = ip_packet(fields, Bytes(size, 1));
    packet[6] = 0x1F;  // the last offset, 65528
    packet[7] = 0xFF;
    packet[10] = packet[11] = 0;
    const uint16_t sum = checksum(ones_sum(ByteView(packet).first(kIpv4HeaderSize)));
    packet[10] = static_cast<uint8_t>(sum >> 8);
    packet[11] = static_cast<uint8_t>(sum);
    EXPECT_EQ(parse_ip(packet).has_value(), size == 7) << size;
  }
}

TEST(IpPacket, AnAtomicFragmentIsWhole) {
  const auto parsed =
      parse_ip(testing::fragment({.v4 = false, .offset = 0, .more = false}, pattern(16)));
  ASSERT_TRUE(parsed);
  EXPECT_FALSE(parsed->fragment);
  EXPECT_EQ(parsed->protocol, kProtocolUdp);
}

TEST(IpPacket, TheProtocolOfALaterFragmentBehindMoreExtensionsIsUnknown) {
  const Bytes bytes = testing::fragment(
      {.v4 = false, .offset = 1480, .more = false, .protocol = kDestinationOptions}, pattern(16));
  const auto parsed = parse_ip(bytes);
  ASSERT_TRUE(parsed);
  EXPECT_FALSE(parsed->protocol_known);
}

TEST(IpPacket, RefusesAFirstFragmentWithoutItsWholeHeaderChain) {
  Bytes part = pattern(16);
  part[0] = kProtocolUdp;
  part[1] = 40;  // destination options of 328 bytes
  EXPECT_FALSE(parse_ip(testing::fragment(
      {.v4 = false, .offset = 0, .more = true, .protocol = kDestinationOptions}, part)));
}

TEST(IpPacket, RefusesTwoFragmentHeaders) {
  EXPECT_FALSE(parse_ip(chain({kProtocolFragment, kProtocolFragment}, kProtocolUdp, pattern(12))));
}

TEST(IpPacket, UdpHasAChecksumInBothFamiliesThatFollowsEveryBit) {
  for (const auto& [from, to] :
       {std::pair("192.0.2.1", "192.0.2.2"), std::pair("2001:db8::1", "2001:db8::2")}) {
    const Bytes whole = udp_packet({.address = ip(from), .port = 500},
                                   {.address = ip(to), .port = 4500}, 1, pattern(33));
    const auto parsed = parse_ip(whole);
    ASSERT_TRUE(parsed);
    EXPECT_TRUE(udp_checksum_right(*parsed));
    EXPECT_EQ(to_bytes(parse_udp(parsed->payload)->payload), pattern(33));
    const size_t header = ip_header_size(parsed->source.family());
    for (size_t at = header; at < whole.size(); ++at) {
      Bytes flipped = whole;
      flipped[at] ^= 4;
      const auto wrong = parse_ip(flipped);
      EXPECT_FALSE(udp_checksum_right(*wrong)) << at;
    }
  }
}

TEST(IpPacket, AnAbsentUdpChecksumIsRightInIpv4Only) {
  for (const auto& [from, to] :
       {std::pair("192.0.2.1", "192.0.2.2"), std::pair("2001:db8::1", "2001:db8::2")}) {
    Bytes whole =
        udp_packet({.address = ip(from), .port = 1}, {.address = ip(to), .port = 2}, 1, pattern(8));
    const auto parsed = parse_ip(whole);
    const auto at = static_cast<size_t>(parsed->payload.data() - whole.data());
    whole[at + 6] = whole[at + 7] = 0;
    EXPECT_EQ(udp_checksum_right(*parse_ip(whole)), parsed->is_v4());
  }
}

struct PortsRow {
  const char* what;
  uint8_t protocol;
  Bytes payload;
  std::optional<uint16_t> source;
  std::optional<uint16_t> destination;
};

TEST(IpPacket, KnowsThePortsOfTheProtocolsThatHaveThem) {
  const std::vector<PortsRow> table{
      {"TCP", 6, testing::with_ports(80, 443), 80, 443},
      {"UDP", 17, testing::with_ports(80, 443), 80, 443},
      {"SCTP", 132, testing::with_ports(80, 443), 80, 443},
      {"ICMP: type and code", 1, {8, 3, 0, 0}, 0x0803, std::nullopt},
      {"ICMPv6: type and code", 58, {128, 0, 0, 0}, 0x8000, std::nullopt},
      {"mobility: type", 135, {59, 0, 5, 0}, 0x0500, std::nullopt},
      {"TCP cut off", 6, {0, 80, 1}, std::nullopt, std::nullopt},
      {"no ports", 99, testing::with_ports(80, 443), std::nullopt, std::nullopt},
  };
  for (const PortsRow& row : table) {
    const Bytes bytes = packet("2001:db8::1", "2001:db8::2", row.protocol, row.payload);
    const auto ports = ports_of(*parse_ip(bytes));
    ASSERT_EQ(ports.has_value(), row.source.has_value()) << row.what;
    if (!ports) continue;
    EXPECT_EQ(ports->source, *row.source) << row.what;
    EXPECT_EQ(ports->destination, row.destination) << row.what;
  }
}

}  // namespace
}  // namespace segw::esp
