#include "mimp/adjacency.h"

#include <gtest/gtest.h>

namespace segw::mimp {
namespace {

using namespace std::chrono_literals;

constexpr Duration kHold = 1s;
constexpr Nonce kOwn{1};
constexpr Nonce kPeer{2};
constexpr Nonce kReborn{3};

Instant at(Duration since) { return Instant(100s + since); }
Echo of_us(uint64_t beat) { return {.nonce = kOwn, .seen = beat}; }

struct Ends {
  Beats beats{kOwn, kHold};
  Adjacency adjacency{beats, kHold};
};

// Established with kPeer, whose beat 10 was accepted at 0; our beat 1 left at 0.
struct Established : Ends {
  Established() {
    EXPECT_EQ(beats.next(at(0s)), 1U);
    EXPECT_EQ(adjacency.receive(kPeer, 10, of_us(1), at(0s)), Verdict::Adopted);
  }
};

TEST(Adjacency, NeedsOurNonceEchoed) {
  Ends ends;
  Adjacency& adjacency = ends.adjacency;
  (void)ends.beats.next(at(0s));
  EXPECT_EQ(adjacency.receive(kPeer, 1, std::nullopt, at(0s)), Verdict::Unknown);
  EXPECT_EQ(adjacency.receive(kPeer, 2, Echo{.nonce = kReborn, .seen = 1}, at(0s)),
            Verdict::Unknown);
  EXPECT_FALSE(adjacency.up(at(0s)));
  EXPECT_EQ(adjacency.echo(kPeer), (Echo{.nonce = kPeer, .seen = 2, .accepted = 0}));
  EXPECT_EQ(adjacency.receive(kPeer, 3, of_us(1), at(0s)), Verdict::Adopted);
  EXPECT_TRUE(adjacency.up(at(0s)));
  EXPECT_EQ(adjacency.echo(std::nullopt), (Echo{.nonce = kPeer, .seen = 3, .accepted = 3}));
}

TEST(Adjacency, NeedsABeatThatIsNew) {
  Established ends;
  Adjacency& adjacency = ends.adjacency;
  EXPECT_EQ(adjacency.receive(kPeer, 10, of_us(1), at(1ms)), Verdict::OldBeat);
  EXPECT_EQ(adjacency.receive(kPeer, 9, of_us(1), at(1ms)), Verdict::OldBeat);
  EXPECT_EQ(adjacency.receive(kPeer, 11, of_us(1), at(1ms)), Verdict::Accepted);
}

TEST(Adjacency, NeedsAnEchoAtMostHoldOld) {
  Established ends;
  Adjacency& adjacency = ends.adjacency;
  EXPECT_EQ(adjacency.receive(kPeer, 11, of_us(1), at(kHold)), Verdict::Accepted);
  EXPECT_EQ(adjacency.receive(kPeer, 12, of_us(1), at(kHold + 1ns)), Verdict::StaleEcho);
  (void)ends.beats.next(at(2s));
  EXPECT_EQ(adjacency.receive(kPeer, 13, of_us(1), at(2s)), Verdict::StaleEcho);
  EXPECT_EQ(adjacency.receive(kPeer, 14, of_us(3), at(2s)), Verdict::StaleEcho) << "never sent";
  EXPECT_EQ(adjacency.receive(kPeer, 15, of_us(0), at(2s)), Verdict::StaleEcho);
  EXPECT_EQ(adjacency.receive(kPeer, 16, of_us(2), at(2s)), Verdict::Accepted);
}

TEST(Adjacency, IsLostAfterHoldWithoutAnAcceptedHello) {
  Established ends;
  Adjacency& adjacency = ends.adjacency;
  EXPECT_TRUE(adjacency.up(at(kHold - 1ns)));
  EXPECT_FALSE(adjacency.up(at(kHold)));
  EXPECT_EQ(adjacency.receive(kPeer, 11, of_us(1), at(2s)), Verdict::StaleEcho);
  EXPECT_FALSE(adjacency.up(at(2s))) << "heard, but it does not hear us";
}

TEST(Adjacency, ANewBootMustEchoTheAnswerToIt) {
  Established ends;
  Adjacency& adjacency = ends.adjacency;
  EXPECT_EQ(adjacency.receive(kReborn, 1, std::nullopt, at(10ms)), Verdict::Unknown);
  EXPECT_EQ(adjacency.receive(kReborn, 2, of_us(1), at(11ms)), Verdict::Unknown)
      << "our beat 1 did not answer it: a recording could echo it too";
  EXPECT_EQ(ends.beats.next(at(20ms)), 2U);
  adjacency.answered(kReborn, 2);
  EXPECT_EQ(adjacency.receive(kReborn, 3, of_us(1), at(30ms)), Verdict::Unknown);
  EXPECT_EQ(adjacency.receive(kReborn, 4, of_us(2), at(30ms)), Verdict::Adopted);
  EXPECT_EQ(adjacency.peer(), kReborn);
  EXPECT_NE(adjacency.receive(kPeer, 11, of_us(2), at(31ms)), Verdict::Accepted);
  EXPECT_NE(adjacency.receive(kPeer, 12, of_us(2), at(31ms)), Verdict::Adopted);
}

TEST(Adjacency, CandidatesAreBounded) {
  Established ends;
  Adjacency& adjacency = ends.adjacency;
  for (uint8_t boot = 10; boot < 250; ++boot) {
    EXPECT_EQ(adjacency.receive(Nonce{boot}, 5, of_us(1), at(1ms * boot)), Verdict::Unknown);
  }
  EXPECT_EQ(adjacency.receive(kPeer, 11, of_us(1), at(300ms)), Verdict::Accepted);
  EXPECT_EQ(adjacency.receive(Nonce{249}, 5, of_us(1), at(300ms)), Verdict::OldBeat);
}

TEST(Adjacency, ManyBeatsInOneHoldMakeNoneOfThemStale) {
  Established ends;
  Adjacency& adjacency = ends.adjacency;
  uint64_t first = 0;
  for (int sent = 0; sent < 5000; ++sent) {
    const uint64_t beat = ends.beats.next(at(100us * sent));
    if (first == 0) first = beat;
  }
  EXPECT_EQ(adjacency.receive(kPeer, 11, of_us(first), at(990ms)), Verdict::Accepted);
  EXPECT_EQ(adjacency.receive(kPeer, 12, of_us(first), at(1001ms)), Verdict::StaleEcho);
}

}  // namespace
}  // namespace segw::mimp
