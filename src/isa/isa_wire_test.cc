#include "isa/isa_wire.h"

#include <gtest/gtest.h>

#include "isa/testing.h"

namespace segw::isa {
namespace {

Endpoint endpoint(const char* address, uint16_t port) {
  return Endpoint{.address = IpAddress::parse(address).value_or(IpAddress{}), .port = port};
}

std::vector<ToIsa> every_command() {
  const auto prefix = IpPrefix::parse("10.10.20.254/24").value_or(IpPrefix{});
  const esp::SaWindow window{
      .inbound_spi = {7}, .outbound_next = 9, .inbound_highest = 11, .seen = {1, 2}};
  const auto ends = testing::make_ends();
  const esp::TunnelOptions options{.clear_df_bit = true,
                                   .copy_traffic_class = true,
                                   .propagate_pmtu_v4 = false,
                                   .propagate_pmtu_v6 = false,
                                   .ip_mtu = 1400,
                                   .encapsulated_ip_mtu = 1500,
                                   .pmtu_aging = std::chrono::seconds(1800),
                                   .public_tcp_mss = 1300,
                                   .public_tcp_mss_auto = true,
                                   .private_tcp_mss = 1301,
                                   .nat_keep_alive = std::chrono::seconds(120),
                                   .icmp_v4 = {.count = 5, .interval = std::chrono::seconds(1)},
                                   .icmp_v6 = {.count = 0, .interval = std::chrono::seconds(2)}};
  return {Setup{.id = {.slot = 1, .mda = 2},
                .slot = {1},
                .public_interfaces = {prefix},
                .private_interfaces = {prefix},
                .public_mtu = 1400,
                .reassembly_wait = std::chrono::milliseconds(700),
                .gateways = {prefix.address}},
          SetRole{.role = Role::Acting, .iv_epoch = 77, .position = esp::Position::LastReport},
          Vouch{.deadline = Instant(std::chrono::seconds(5))},
          InstallSa{.sa = ends.gateway,
                    .options = options,
                    .outbound = true,
                    .outbound_next = 5,
                    .inbound_edge = 6},
          UseOutbound{.inbound_spi = {1}},
          RemoveSa{.inbound_spi = {2}},
          SetGrants{.inbound_spi = {3}, .grants = ends.gateway.grants},
          SetWindow{.window = window},
          SetPeerEndpoint{.inbound_spi = {4}, .remote = prefix.address, .encapsulation = {}},
          SendIke{.datagram = {.local = endpoint("10.10.20.1", 4500),
                               .remote = endpoint("2001:db8::1", 4500),
                               .message = {1, 2, 3}}},
          Freeze{.cookie = 8}};
}

std::vector<FromIsa> every_report() {
  const esp::SaWindow window{.inbound_spi = {7}, .outbound_next = 9, .seen = {}};
  return {Ready{.crypto = "OpenSSL"},
          PuntIke{.datagram = {.local = endpoint("10.10.20.1", 500),
                               .remote = endpoint("10.10.10.1", 500),
                               .message = {9}}},
          Activity{.sas = {SaActivity{.window = window,
                                      .packets_in = 1,
                                      .drops_sequence = 2,
                                      .moved_to = endpoint("1.2.3.4", 5)}}},
          SequenceLow{.inbound_spi = {1}, .next = 2, .rate = 3},
          Frozen{.cookie = 4, .windows = {window, window}, .last = true},
          Drops{.counts = {DropCount{.reason = "fenced", .count = 3}}},
          UnknownEsp{.local = endpoint("10.10.20.1", 0).address,
                     .remote = endpoint("10.10.10.1", 4500),
                     .spi = {5},
                     .size = 6},
          Alive{}};
}

template <typename Message, typename Decode>
void check(const std::vector<Message>& messages, Decode decode) {
  size_t alternative = 0;
  for (const Message& message : messages) {
    EXPECT_EQ(message.index(), alternative++);  // none is forgotten
    const Bytes bytes = encode(message);
    const auto decoded = decode(bytes);
    ASSERT_TRUE(decoded) << message.index() << " " << decoded.error().field;
    EXPECT_EQ(decoded->index(), message.index());
    EXPECT_EQ(encode(*decoded), bytes);
    for (size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_FALSE(decode(ByteView(bytes).first(size))) << message.index() << " cut to " << size;
    }
    Bytes longer = bytes;
    longer.push_back(0);
    EXPECT_FALSE(decode(longer)) << message.index();
  }
  EXPECT_EQ(alternative, std::variant_size_v<Message>);
}

TEST(IsaWire, CommandsRoundTripAndRefuseEveryTruncation) { check(every_command(), decode_to_isa); }
TEST(IsaWire, ReportsRoundTripAndRefuseEveryTruncation) { check(every_report(), decode_from_isa); }

TEST(IsaWire, RefusesUnknownTypesAndRoles) {
  EXPECT_EQ(decode_to_isa(Bytes{63}).error().field, "type");
  EXPECT_EQ(decode_to_isa(Bytes{2, 3, 0, 0, 0, 0}).error().field, "role");
  EXPECT_EQ(decode_to_isa(Bytes{2, 2, 0, 0x40, 0, 0}).error().field, "iv-epoch");
  EXPECT_EQ(decode_to_isa(Bytes{2, 2, 0, 0, 0, 1, 2}).error().field, "position");
  EXPECT_FALSE(decode_to_isa({}));
}

TEST(IsaWire, RefusesCountsThatTheBytesCannotHold) {
  EXPECT_EQ(decode_from_isa(Bytes{66, 0xFF, 0xFF}).error().field, "sas");
}

}  // namespace
}  // namespace segw::isa
