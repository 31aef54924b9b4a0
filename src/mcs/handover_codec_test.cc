// What goes beside the records: windows, and the steps of a planned handover.
#include <gtest/gtest.h>

#include "mcs/mcs_codec.h"
#include "mcs/testing_records.h"

namespace segw::mcs::testing {
namespace {

TEST(WindowCodec, EveryFieldComesBack) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const esp::SaWindow window = Random(seed).window();
    pb::Window out;
    encode(window, out);
    const auto back = decode(out);
    ASSERT_TRUE(back) << back.error().field;
    EXPECT_TRUE(same(*back, window));
  }
}

TEST(WindowCodec, RefusesMoreThan512Packets) {
  pb::Window in;
  for (int i = 0; i < 8; ++i) in.add_seen(1);
  EXPECT_TRUE(decode(in));
  in.add_seen(1);
  const auto refused = decode(in);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().field, "window-words");
  in.clear_seen();
  in.set_outbound_next(esp::kPositionMax);
  EXPECT_TRUE(decode(in));
  in.set_outbound_next(esp::kPositionMax + 1);
  EXPECT_FALSE(decode(in));
}

Handover through_the_wire(const Handover& message) {
  pb::Handover out;
  encode(message, out);
  const auto back = decode(out);
  EXPECT_TRUE(back);
  return back.value_or(Handover(HandoverDone{.cookie = 666}));
}

TEST(HandoverCodec, EachStepComesBack) {
  const auto prepare = std::get<HandoverPrepare>(
      through_the_wire(HandoverPrepare{.cookie = UINT64_MAX, .activation = Activation{8}}));
  EXPECT_EQ(prepare.cookie, UINT64_MAX);
  EXPECT_EQ(prepare.activation, Activation{8});
  EXPECT_EQ(std::get<HandoverReady>(through_the_wire(HandoverReady{.cookie = 2})).cookie, 2U);
  EXPECT_EQ(std::get<HandoverDone>(through_the_wire(HandoverDone{.cookie = 3})).cookie, 3U);
  const auto abort =
      std::get<HandoverAbort>(through_the_wire(HandoverAbort{.cookie = 4, .why = "not acted"}));
  EXPECT_EQ(abort.cookie, 4U);
  EXPECT_EQ(abort.why, "not acted");
  Random random(1);
  for (const bool last : {false, true}) {
    const std::vector<esp::SaWindow> windows{random.window(), random.window()};
    const auto back = std::get<HandoverWindows>(
        through_the_wire(HandoverWindows{.cookie = 5, .windows = windows, .last = last}));
    EXPECT_EQ(back.cookie, 5U);
    EXPECT_EQ(back.last, last);
    ASSERT_EQ(back.windows.size(), 2U);
    EXPECT_TRUE(same(back.windows[0], windows[0]));
    EXPECT_TRUE(same(back.windows[1], windows[1]));
  }
}

TEST(HandoverCodec, RefusesAnUnknownStepAndAMalformedWindow) {
  pb::Handover in;
  in.set_step(static_cast<pb::Handover::Step>(5));
  ASSERT_FALSE(decode(in));
  EXPECT_EQ(decode(in).error().field, "handover-step");
  in.set_step(static_cast<pb::Handover::Step>(-1));
  EXPECT_FALSE(decode(in));
  in.set_step(pb::Handover::WINDOWS);
  in.add_windows();
  EXPECT_TRUE(decode(in));
  for (int i = 0; i < 9; ++i) in.mutable_windows(0)->add_seen(1);
  ASSERT_FALSE(decode(in));
  EXPECT_EQ(decode(in).error().field, "window-words");
}

TEST(HandoverCodec, RefusesAnActivationThatNobodyReaches) {
  pb::Handover in;
  in.set_step(pb::Handover::PREPARE);
  in.set_activation(kActivationMax);
  EXPECT_TRUE(decode(in));
  in.set_activation(kActivationMax + 1);
  EXPECT_FALSE(decode(in));
}

TEST(HandoverCodec, AReasonIsShortAndPrintable) {
  pb::Handover in;
  in.set_step(pb::Handover::ABORT);
  in.set_why("a\x1b[2Jb\nc\xff" + std::string(10'000, 'x'));
  const auto back = decode(in);
  ASSERT_TRUE(back);
  const std::string why = std::get<HandoverAbort>(*back).why;
  EXPECT_EQ(why.size(), 256U);
  EXPECT_EQ(why.substr(0, 9), "a?[2Jb?c?");
  pb::Handover out;
  encode(HandoverAbort{.cookie = 1, .why = std::string(10'000, 'x')}, out);
  EXPECT_EQ(out.why().size(), 256U);
}

}  // namespace
}  // namespace segw::mcs::testing
