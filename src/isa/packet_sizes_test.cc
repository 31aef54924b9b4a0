#include "isa/packet_sizes.h"

#include <gtest/gtest.h>

#include "esp/testing.h"
#include "isa/testing.h"

namespace segw::isa {
namespace {

// AES-GCM in UDP: over IPv4 1500 bytes carry 1438 inside, over IPv6 1418; 1400 carry 1338, 1318.
enum class Inner : uint8_t { V4, V4Whole, V6 };

struct Row {
  const char* what;
  bool over_v6;
  Inner inner;
  size_t size;
  esp::TunnelOptions options;
  size_t learnt;
  SizeDecision expected;
};

SizeDecision seal(bool dont_fragment) { return {.dont_fragment = dont_fragment}; }
SizeDecision cut_seal(size_t mtu) { return {.fate = Fate::CutThenSeal, .mtu = mtu}; }
SizeDecision seal_cut(size_t mtu) { return {.fate = Fate::SealThenCut, .mtu = mtu}; }
SizeDecision too_big(size_t mtu) { return {.fate = Fate::TooBig, .mtu = mtu}; }

constexpr size_t kAll = SIZE_MAX;
constexpr esp::TunnelOptions kDefault{};
constexpr esp::TunnelOptions kClear{.clear_df_bit = true};
constexpr esp::TunnelOptions kQuiet{.propagate_pmtu_v4 = false, .propagate_pmtu_v6 = false};

SizeDecision decide(const Row& row, bool ports = false) {
  auto ends = row.over_v6 ? testing::make_ends_over_v6() : testing::make_ends();
  if (ports) {
    ends.gateway.remote_selectors[0].port_first = ends.gateway.remote_selectors[0].port_last = 443;
  }
  const bool six = row.inner == Inner::V6;
  const size_t header = six ? esp::kIpv6HeaderSize : esp::kIpv4HeaderSize;
  const Bytes inner = testing::inner_packet(six ? "2001:db8:2::7" : "10.2.2.10",
                                            six ? "2001:db8:1::1" : "192.168.1.1",
                                            row.size - header, 99, row.inner == Inner::V4Whole);
  return decide_by_size(ends.gateway, row.options, *esp::parse_ip(inner),
                        {.interface = 1500, .learnt = row.learnt});
}

TEST(PacketSizes, DecideForEveryCombination) {
  const std::vector<Row> table{
      // what fits
      {"v4 in v4", false, Inner::V4, 1438, kDefault, kAll, seal(false)},
      {"v4 DF in v4: DF is copied", false, Inner::V4Whole, 1438, kDefault, kAll, seal(true)},
      {"v4 DF in v4, cleared", false, Inner::V4Whole, 1438, kClear, kAll, seal(false)},
      {"v6 in v4: DF", false, Inner::V6, 1438, kDefault, kAll, seal(true)},
      {"v6 in v4: clear-df-bit is of IPv4", false, Inner::V6, 1438, kClear, kAll, seal(true)},
      {"v4 in v6", true, Inner::V4, 1418, kDefault, kAll, seal(false)},
      {"v6 in v6", true, Inner::V6, 1418, kDefault, kAll, seal(true)},
      // what does not
      {"v4 in v4, cut", false, Inner::V4, 1439, kDefault, kAll, cut_seal(1438)},
      {"v4 in v6, cut", true, Inner::V4, 1419, kDefault, kAll, cut_seal(1418)},
      {"v4 DF in v4, told", false, Inner::V4Whole, 1439, kDefault, kAll, too_big(1438)},
      {"v4 DF in v6, told", true, Inner::V4Whole, 1419, kDefault, kAll, too_big(1418)},
      {"v4 DF, cleared, cut", false, Inner::V4Whole, 1439, kClear, kAll, cut_seal(1438)},
      {"v6 in v4, told", false, Inner::V6, 1439, kDefault, kAll, too_big(1438)},
      {"v6 in v6, told", true, Inner::V6, 1419, kClear, kAll, too_big(1418)},
      // ip-mtu, encapsulated-ip-mtu
      {"ip-mtu, cut", false, Inner::V4, 1300, {.ip_mtu = 1280}, kAll, cut_seal(1280)},
      {"ip-mtu, told", false, Inner::V4Whole, 1300, {.ip_mtu = 1280}, kAll, too_big(1280)},
      {"ip-mtu below IPv6's least", true, Inner::V6, 1300, {.ip_mtu = 600}, kAll, too_big(1280)},
      {"ip-mtu, IPv6's least passes", true, Inner::V6, 1280, {.ip_mtu = 600}, kAll, seal_cut(1500)},
      {"encapsulated", false, Inner::V4, 1339, {.encapsulated_ip_mtu = 1400}, kAll, cut_seal(1338)},
      {"encapsulated, told",
       true,
       Inner::V6,
       1319,
       {.encapsulated_ip_mtu = 1400},
       kAll,
       too_big(1318)},
      // what routers said
      {"learnt, cut", false, Inner::V4, 1339, kDefault, 1400, cut_seal(1338)},
      {"learnt, told", false, Inner::V4Whole, 1339, kDefault, 1400, too_big(1338)},
      {"learnt, told, v6 in v6", true, Inner::V6, 1319, kDefault, 1400, too_big(1318)},
      {"learnt, not told on", false, Inner::V4Whole, 1339, kQuiet, 1400, seal_cut(1400)},
      {"learnt, not told on, v6", true, Inner::V6, 1319, kQuiet, 1400, seal_cut(1400)},
      {"not told on, but too big anyway", true, Inner::V6, 1419, kQuiet, 1400, too_big(1418)},
      // RFC 2473 7.1
      {"IPv6's least over IPv6's least", true, Inner::V6, 1280, kDefault, 1280, seal_cut(1280)},
      {"above it", true, Inner::V6, 1281, kDefault, 1280, too_big(1280)},
      {"over a narrow IPv4", false, Inner::V6, 1280, kDefault, 576, seal_cut(576)},
  };
  for (const Row& row : table) EXPECT_EQ(decide(row), row.expected) << row.what;
}

TEST(PacketSizes, SelectorsWithPortsAreFragmentedOutside) {
  const Row row{"v4 in v4", false, Inner::V4, 1439, kDefault, kAll, seal_cut(1500)};
  EXPECT_EQ(decide(row, true), row.expected);
}

}  // namespace
}  // namespace segw::isa
