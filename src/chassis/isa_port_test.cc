// One ISA: that it hangs is known by its silence.
#include "chassis/isa_port.h"

#include <gtest/gtest.h>

#include "chassis/specs.h"
#include "chassis/testing.h"

namespace segw::chassis {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Listener final : public IsaListener {
 public:
  explicit Listener(const testing::RecordingIsas& isas) : isas_(isas) {}
  void on_isa_ready() override { ++ready; }
  void on_isa_down(std::string_view why) override {
    downs.emplace_back(why);
    running_when_told = isas_.running;
  }
  void on_ike(const isa::IkeDatagram& /*datagram*/) override {}
  void on_activity(const isa::Activity& /*activity*/) override {}
  void on_sequence_low(const isa::SequenceLow& /*low*/) override {}
  void on_frozen(const isa::Frozen& /*frozen*/) override {}
  void on_unknown_esp(const isa::UnknownEsp& /*packet*/) override {}

  int ready = 0;
  std::vector<std::string> downs;
  int running_when_told = 0;

 private:
  const testing::RecordingIsas& isas_;
};

class IsaPortTest : public ::testing::Test {
 protected:
  static constexpr Duration kSilence = seconds(1);
  platform::testing::FakePlatform fake_;
  testing::RecordingIsas isas_{fake_.scheduler, fake_.clock};
  platform::Platform platform_{.clock = fake_.clock,
                               .scheduler = fake_.scheduler,
                               .rng = fake_.rng,
                               .datagrams = fake_.datagrams,
                               .streams = fake_.streams,
                               .services = fake_.services,
                               .isas = isas_,
                               .steering = fake_.steering,
                               .workers = fake_.workers,
                               .store = fake_.store,
                               .log = fake_.log,
                               .supervisor = fake_.supervisor};
  Listener listener_{isas_};
  IsaPort port_{platform_, platform::IsaSpec{.id = {.slot = 1, .mda = 2}, .group = {1}},
                isa::Setup{}, kSilence, listener_};
};

TEST_F(IsaPortTest, OneThatSaysSomethingStaysUp) {
  ASSERT_TRUE(port_.start());
  fake_.scheduler.run_for(seconds(60));
  EXPECT_TRUE(port_.up());
  EXPECT_TRUE(listener_.downs.empty());
  EXPECT_EQ(isas_.starts, 1);
}

TEST_F(IsaPortTest, OneThatHangsIsKilledThenToldOfAndStartedAnew) {
  ASSERT_TRUE(port_.start());
  fake_.scheduler.run_for(seconds(3));
  isas_.silent = true;
  fake_.scheduler.run_for(kSilence - milliseconds(301));
  EXPECT_TRUE(port_.up()) << "a moment without a processor is no hang";
  fake_.scheduler.run_for(milliseconds(301));
  EXPECT_FALSE(port_.up());
  ASSERT_EQ(listener_.downs, std::vector<std::string>{"isa 1/2: hung: it says nothing"});
  EXPECT_EQ(listener_.running_when_told, 0) << "it must not be there when another takes over";
  isas_.silent = false;
  fake_.scheduler.run_for(seconds(1));
  EXPECT_TRUE(port_.up());
  EXPECT_EQ(port_.restarts(), 1U);
  EXPECT_EQ(isas_.starts, 2);
  EXPECT_EQ(listener_.ready, 2);
}

TEST_F(IsaPortTest, AWordAtTheLastMomentIsEnough) {
  ASSERT_TRUE(port_.start());
  fake_.scheduler.run_for(seconds(3));
  isas_.silent = true;
  for (int i = 0; i < 20; ++i) {
    fake_.scheduler.run_for(kSilence - milliseconds(301));
    isas_.say(isa::Drops{});
  }
  EXPECT_TRUE(port_.up());
  EXPECT_TRUE(listener_.downs.empty());
}

TEST_F(IsaPortTest, OneThatNeverBeginsIsStartedAnew) {
  isas_.silent = true;
  ASSERT_TRUE(port_.start());
  fake_.scheduler.run_for(IsaPort::kStartMax - milliseconds(1));
  EXPECT_EQ(isas_.starts, 1) << "a program is loaded, and processors are busy";
  fake_.scheduler.run_for(seconds(1));
  EXPECT_EQ(isas_.starts, 2);
  EXPECT_EQ(port_.down_reason(), "isa 1/2: hung: it did not start");
}

TEST(IsaSilence, IsShorterThanEveryPeersHold) {
  const auto silence = [](std::chrono::milliseconds interval, uint8_t count) {
    const config::McPeer slow;
    config::McPeer peer;
    peer.keep_alive_interval = interval;
    peer.hold_on_neighbor_failure = count;
    return isa_silence_max({GroupPeer{.config = &slow}, GroupPeer{.config = &peer}});
  };
  EXPECT_EQ(silence(milliseconds(500), 2), milliseconds(500));
  EXPECT_EQ(silence(milliseconds(500), 3), milliseconds(750));
  EXPECT_EQ(silence(seconds(1), 3), seconds(1));
  EXPECT_EQ(silence(seconds(50), 25), seconds(1));
  EXPECT_EQ(isa_silence_max({}), seconds(1));
}

}  // namespace
}  // namespace segw::chassis
