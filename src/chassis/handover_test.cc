#include "chassis/handover.h"

#include <gtest/gtest.h>

#include <deque>

#include "platform/testing/fake_platform.h"

namespace segw::chassis {
namespace {

using platform::testing::FakePlatform;
using std::chrono::milliseconds;

constexpr PeerIndex kOther{1};  // as each side knows the other one
constexpr PeerIndex kThird{0};

// One side: a handover machine and what it made its tunnel group do.
struct SideOfPair final : HandoverActions {
  explicit SideOfPair(FakePlatform& fake) : machine(fake.platform, *this) {}

  [[nodiscard]] bool journal_flushed(PeerIndex target) const override {
    return flushed && target == kOther;
  }
  void send_handover(PeerIndex to, const mcs::Handover& message) override {
    if (to != kOther) {
      to_third.push_back(message);
    } else if (!link_cut) {
      outbox.push_back(message);
    }
  }
  void pause_ike() override { paused = true; }
  void shunt_and_freeze(uint64_t new_cookie) override { frozen_with = new_cookie; }
  void resume_acting() override { resumed = true; }
  void yield_to(Activation activation) override {
    acting = false;
    yielded_to = activation;
  }
  void buffer() override { buffering = true; }
  void stop_buffering() override { buffering = false; }
  void apply_windows(const std::vector<esp::SaWindow>& windows) override {
    applied.insert(applied.end(), windows.begin(), windows.end());
  }
  void act() override { acting = ready; }  // MIMP refuses the role to who is not eligible

  bool acting = false;
  bool ready = true;  // its ISA is up, it is in sync
  bool flushed = true;
  bool link_cut = false;
  bool paused = false;
  bool resumed = false;
  bool buffering = false;
  uint64_t frozen_with = 0;
  Activation yielded_to;
  std::vector<esp::SaWindow> applied;
  std::deque<mcs::Handover> outbox;
  std::vector<mcs::Handover> to_third;
  Handover machine;
};

struct Pair {
  Pair() { old.acting = true; }
  // Delivers what is under way, both directions, until nothing is.
  void deliver() {
    while (!old.outbox.empty() || !target.outbox.empty()) {
      pass(old, target);
      pass(target, old);
    }
  }
  static void pass(SideOfPair& from, SideOfPair& to) {
    if (from.outbox.empty()) return;
    const mcs::Handover message = from.outbox.front();
    from.outbox.pop_front();
    to.machine.on_message(kOther, message,
                          {.may_be_target = to.ready && !to.acting, .acting = to.acting});
  }
  void begin() {
    old.machine.begin(kOther, Activation{8}, [this](const Result<std::string>& result) {
      outcome = result ? "moved" : result.error().text;
    });
  }
  void freeze() {
    old.machine.on_frozen(isa::Frozen{
        .cookie = old.frozen_with,
        .windows = {esp::SaWindow{.inbound_spi = Spi{300}, .outbound_next = 77, .seen = {}}},
        .last = true});
  }
  FakePlatform fake;
  SideOfPair old{fake};
  SideOfPair target{fake};
  std::string outcome;
};

TEST(Handover, MovesMastershipWithTheExactWindows) {
  Pair pair;
  pair.begin();
  EXPECT_TRUE(pair.old.paused);
  pair.deliver();
  EXPECT_TRUE(pair.target.buffering);
  ASSERT_NE(pair.old.frozen_with, 0U);
  pair.freeze();
  pair.deliver();
  ASSERT_EQ(pair.target.applied.size(), 1U);
  EXPECT_EQ(pair.target.applied[0].outbound_next, 77U);
  EXPECT_TRUE(pair.target.acting);
  EXPECT_EQ(pair.outcome, "");
  pair.target.machine.on_acting();
  pair.deliver();
  EXPECT_EQ(pair.outcome, "moved");
  EXPECT_EQ(pair.old.yielded_to, Activation{8});
  EXPECT_EQ(pair.old.machine.phase(), HandoverPhase::Idle);
  EXPECT_EQ(pair.target.machine.phase(), HandoverPhase::Idle);
}

TEST(Handover, WaitsForTheJournalBeforeItAsksTheTarget) {
  Pair pair;
  pair.old.flushed = false;
  pair.begin();
  pair.fake.scheduler.run_for(milliseconds(50));
  EXPECT_TRUE(pair.old.outbox.empty());
  pair.old.flushed = true;
  pair.fake.scheduler.run_for(milliseconds(5));
  EXPECT_EQ(pair.old.outbox.size(), 1U);
}

TEST(Handover, GoesOnAsBeforeWhenTheTargetIsSilent) {
  Pair pair;
  pair.target.link_cut = true;
  pair.begin();
  pair.deliver();
  pair.fake.scheduler.run_for(milliseconds(250));
  EXPECT_TRUE(pair.old.resumed);
  EXPECT_NE(pair.outcome, "moved");
  EXPECT_EQ(pair.old.machine.phase(), HandoverPhase::Idle);
  pair.deliver();
  EXPECT_FALSE(pair.target.buffering);
}

TEST(Handover, DoesNotResumeWhileItIsUnknownWhetherTheTargetActs) {
  Pair pair;
  pair.begin();
  pair.deliver();
  pair.freeze();
  pair.target.link_cut = true;  // the target acts, but its word does not arrive
  pair.deliver();
  EXPECT_TRUE(pair.target.acting);
  pair.target.machine.on_acting();
  pair.fake.scheduler.run_for(milliseconds(900));
  EXPECT_FALSE(pair.old.resumed);
  EXPECT_EQ(pair.old.machine.phase(), HandoverPhase::Unknown);
  pair.target.link_cut = false;
  pair.deliver();  // it was asked again meanwhile
  EXPECT_EQ(pair.outcome, "moved");
  EXPECT_FALSE(pair.old.resumed);
}

TEST(Handover, ResumesWhenTheTargetSaysThatItDidNotAct) {
  Pair pair;
  pair.begin();
  pair.deliver();
  pair.old.link_cut = true;  // the windows are lost
  pair.freeze();
  pair.fake.scheduler.run_for(milliseconds(700));
  EXPECT_FALSE(pair.target.buffering);
  EXPECT_FALSE(pair.old.resumed);
  pair.old.link_cut = false;
  pair.fake.scheduler.run_for(milliseconds(150));
  pair.deliver();
  EXPECT_TRUE(pair.old.resumed);
  EXPECT_FALSE(pair.target.acting);
}

// Its ISA died between Ready and the last windows, say: MIMP refuses the role.
TEST(Handover, ATargetThatIsRefusedTheRoleSaysThatItDidNotAct) {
  Pair pair;
  pair.begin();
  pair.deliver();
  pair.target.ready = false;  // and stays so
  pair.freeze();
  pair.deliver();
  ASSERT_FALSE(pair.target.acting);
  for (int turn = 0; turn < 20; ++turn) {
    pair.fake.scheduler.run_for(milliseconds(100));
    pair.deliver();
  }
  EXPECT_FALSE(pair.target.buffering);
  EXPECT_TRUE(pair.old.resumed);
  EXPECT_EQ(pair.outcome, "mastership was not moved: not acted");
}

// It acts, or did until a moment ago, for a handover that is not this one.
TEST(Handover, AnActingChassisDoesNotDenyIt) {
  Pair pair;
  pair.target.acting = true;
  pair.target.machine.on_message(kOther,
                                 mcs::HandoverAbort{.cookie = 5, .why = "no word from the target"},
                                 {.may_be_target = false, .acting = true});
  EXPECT_TRUE(pair.target.outbox.empty());
}

TEST(Handover, TreatsALostTargetAsACrash) {
  Pair pair;
  pair.begin();
  pair.deliver();
  pair.old.link_cut = true;
  pair.freeze();
  pair.fake.scheduler.run_for(milliseconds(300));
  EXPECT_FALSE(pair.old.resumed);
  pair.old.machine.on_peer_lost(kOther);
  EXPECT_TRUE(pair.old.resumed);
}

TEST(Handover, RefusesASecondOneWhileOneIsUnderWay) {
  Pair pair;
  pair.begin();
  bool refused = false;
  pair.old.machine.begin(kOther, Activation{9},
                         [&](const Result<std::string>& result) { refused = !result; });
  EXPECT_TRUE(refused);
}

TEST(Handover, ATargetThatIsNotReadySaysSo) {
  Pair pair;
  pair.begin();
  pair.target.ready = false;
  pair.deliver();
  EXPECT_FALSE(pair.target.buffering);
  EXPECT_TRUE(pair.old.resumed);
}

TEST(Handover, AThirdChassisHasNoPartInIt) {
  Pair pair;
  pair.begin();
  pair.deliver();
  ASSERT_TRUE(pair.target.buffering);
  const uint64_t cookie = pair.old.frozen_with;
  pair.old.machine.on_peer_lost(kThird);
  pair.old.machine.on_message(kThird, mcs::HandoverAbort{.cookie = cookie, .why = "no"}, {});
  EXPECT_EQ(pair.old.machine.phase(), HandoverPhase::Freezing);
  // Another active asks the target, and is refused.
  pair.target.machine.on_message(kThird, mcs::HandoverPrepare{.cookie = 5, .activation = {9}},
                                 {.may_be_target = true});
  ASSERT_EQ(pair.target.to_third.size(), 1U);
  EXPECT_TRUE(std::holds_alternative<mcs::HandoverAbort>(pair.target.to_third[0]));
  pair.target.machine.on_message(
      kThird, mcs::HandoverWindows{.cookie = cookie, .windows = {}, .last = true}, {});
  EXPECT_FALSE(pair.target.acting);
  pair.freeze();
  pair.deliver();
  EXPECT_TRUE(pair.target.acting);
  pair.old.machine.on_peer_acting(kThird);
  EXPECT_EQ(pair.old.machine.phase(), HandoverPhase::Waiting);
}

TEST(Handover, WhoDoesNotActSaysSoToWhoeverAsks) {
  Pair pair;
  pair.target.machine.on_message(kThird, mcs::HandoverAbort{.cookie = 5, .why = "no word"}, {});
  ASSERT_EQ(pair.target.to_third.size(), 1U);
  EXPECT_EQ(std::get<mcs::HandoverAbort>(pair.target.to_third[0]).cookie, 5U);
}

}  // namespace
}  // namespace segw::chassis
