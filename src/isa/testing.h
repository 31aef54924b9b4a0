#pragma once

// An SA as both ends see it, for tests of the engine and for the fuzzers.

#include "esp/sequence_plan.h"
#include "esp/tunnel.h"

namespace segw::isa::testing {

struct Ends {
  esp::ChildSa gateway;
  esp::ChildSa client;
};

inline Ends make_ends(uint32_t gateway_spi = 0x1001, uint32_t client_spi = 0x2002) {
  const auto ip = [](const char* text) { return IpAddress::parse(text).value_or(IpAddress{}); };
  const auto range = [&](const char* first, const char* last) {
    return esp::TrafficSelector{.first = ip(first), .last = ip(last)};
  };
  esp::ChildSa gateway;
  gateway.inbound_spi = Spi{gateway_spi};
  gateway.outbound_spi = Spi{client_spi};
  gateway.local = ip("10.10.20.1");
  gateway.remote = ip("10.10.10.1");
  gateway.encapsulation = esp::UdpEncapsulation{};
  gateway.inbound_key = SecretBytes(Bytes(esp::key_size(gateway.suite), 1));
  gateway.outbound_key = SecretBytes(Bytes(esp::key_size(gateway.suite), 2));
  gateway.local_selectors = {range("10.2.2.0", "10.2.2.255"),
                             range("2001:db8:2::", "2001:db8:2::ffff")};
  gateway.remote_selectors = {range("192.168.1.1", "192.168.1.1"),
                              range("2001:db8:1::1", "2001:db8:1::1")};
  gateway.grants = esp::SequenceGrants{
      .slots = 2, .grantee = Slot{0}, .bound = {8 * esp::kBlockSize, 8 * esp::kBlockSize, 0, 0}};
  gateway.holders = {esp::Holder{}};
  esp::ChildSa client = gateway;
  std::swap(client.inbound_spi, client.outbound_spi);
  std::swap(client.inbound_key, client.outbound_key);
  std::swap(client.local, client.remote);
  std::swap(client.local_selectors, client.remote_selectors);
  return Ends{.gateway = gateway, .client = client};
}

// The same with IPv6 outside.
inline Ends make_ends_over_v6(uint32_t gateway_spi = 0x1001, uint32_t client_spi = 0x2002) {
  Ends ends = make_ends(gateway_spi, client_spi);
  const auto ip = [](const char* text) { return IpAddress::parse(text).value_or(IpAddress{}); };
  ends.gateway.local = ends.client.remote = ip("2001:db8:20::1");
  ends.gateway.remote = ends.client.local = ip("2001:db8:10::1");
  return ends;
}

inline Bytes inner_packet(const char* from, const char* to, size_t size, uint8_t protocol = 99,
                          bool dont_fragment = false) {
  Bytes packet =
      esp::ip_header(esp::IpFields{.source = IpAddress::parse(from).value_or(IpAddress{}),
                                   .destination = IpAddress::parse(to).value_or(IpAddress{}),
                                   .protocol = protocol,
                                   .dont_fragment = dont_fragment},
                     size);
  packet.resize(packet.size() + size, 0x5A);
  return packet;
}

}  // namespace segw::isa::testing
