#include "ike/replay_counter_sync.h"

#include <gtest/gtest.h>

namespace segw::ike {
namespace {

constexpr uint64_t kMillion = uint64_t{1} << 20;
constexpr uint64_t bit(int n) { return uint64_t{1} << n; }

TEST(ReplayCounterSync, TheSizeFollowsTheExtendedNumbers) {
  EXPECT_EQ(encode_replay_delta(0x01020304, false), (Bytes{1, 2, 3, 4}));
  EXPECT_EQ(encode_replay_delta(0x0102030405060708, true), (Bytes{1, 2, 3, 4, 5, 6, 7, 8}));
  EXPECT_EQ(decode_replay_delta(encode_replay_delta(77, false)).value(), 77U);
  EXPECT_EQ(decode_replay_delta(encode_replay_delta(bit(40), true)).value(), bit(40));
}

TEST(ReplayCounterSync, AnyOtherSizeIsRefused) {
  for (const size_t size : {0, 1, 2, 3, 5, 6, 7, 9, 12}) {
    EXPECT_FALSE(decode_replay_delta(Bytes(size, 1))) << size;
  }
}

struct Step {
  const char* name;
  uint64_t next;
  uint64_t delta;
  bool extended;
  std::optional<uint64_t> to;
  bool rekey;
};
void PrintTo(const Step& step, std::ostream* out) { *out << step.name; }

class Advanced : public ::testing::TestWithParam<Step> {};

TEST_P(Advanced, IsHarmless) {
  const Step& step = GetParam();
  const Advance advanced = advance(step.next, step.delta, step.extended);
  EXPECT_EQ(advanced.next, step.to);
  EXPECT_EQ(advanced.rekey, step.rekey);
}

INSTANTIATE_TEST_SUITE_P(
    Numbers, Advanced,
    ::testing::Values(
        Step{"Nothing", 100, 0, false, std::nullopt, false},
        Step{"ALittle", 100, 5, false, 105 + kMillion, false},
        Step{"PastTheRekeyPointOf32Bits", bit(31) - 10, 5, false, bit(31) - 5 + kMillion, true},
        Step{"OverTheEndOf32Bits", bit(32) - bit(25), 5, false, std::nullopt, true},
        Step{"AboveTheEndOf32Bits", bit(33), 5, false, std::nullopt, true},
        Step{"The32BitsAtOnce", 1, UINT32_MAX, false, std::nullopt, true},
        Step{"Extended", bit(32), bit(30), true, bit(32) + bit(30) + kMillion, false},
        Step{"FartherThanAReceiverCanGuess", bit(32), bit(31), true, std::nullopt, true},
        Step{"The64BitsAtOnce", 1, UINT64_MAX, true, std::nullopt, true},
        Step{"OverTheEndOfExtended", bit(39) - 1, 5, true, std::nullopt, true},
        Step{"FromNowhere", UINT64_MAX, UINT64_MAX, true, std::nullopt, true}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST(ReplayDelta, IsAskedForOnlyIfAllSasCanFollow) {
  EXPECT_EQ(delta_to_ask({}), std::nullopt);
  EXPECT_EQ(delta_to_ask({{.highest = 5, .extended = false}}), bit(22));
  EXPECT_EQ(delta_to_ask({{.highest = bit(33), .extended = true}}), bit(22));
  EXPECT_EQ(delta_to_ask({{.highest = 5, .extended = false}, {.highest = 5, .extended = true}}),
            std::nullopt)
      << "of one size or the other";
  EXPECT_EQ(delta_to_ask({{.highest = 5}, {.highest = bit(31) - bit(22)}}), std::nullopt)
      << "one is near its end";
  EXPECT_EQ(delta_to_ask({{.highest = bit(39) - 1, .extended = true}}), std::nullopt);
}

}  // namespace
}  // namespace segw::ike
