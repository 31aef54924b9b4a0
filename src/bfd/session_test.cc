#include "bfd/session.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace segw::bfd {
namespace {

using namespace std::chrono_literals;

constexpr uint32_t kOurs = 0x11111111;
constexpr uint32_t kTheirs = 0x22222222;

Key key(std::string_view secret = "k", uint8_t id = 1) {
  return {.id = id, .secret = SecretBytes(as_bytes(secret))};
}

SessionSettings settings() {
  return SessionSettings{.discriminator = kOurs,
                         .desired_min_tx = 50ms,
                         .required_min_rx = 60ms,
                         .detect_multiplier = 3};
}

// One session and a remote system that says what a test wants.
class End {
 public:
  explicit End(const SessionSettings& of = settings()) : session(of, Instant(1s)), keys_(of.keys) {}

  ControlPacket remote{.state = State::Down,
                       .detect_multiplier = 4,
                       .my_discriminator = kTheirs,
                       .desired_min_tx_us = 40'000,
                       .required_min_rx_us = 30'000};
  Instant now{1s};
  Session session;

  bool hear(State state) {
    ControlPacket packet = remote;
    packet.state = state;
    return hear(packet);
  }
  bool hear(ControlPacket packet) {
    packet.your_discriminator = kOurs;
    const Bytes bytes = keys_.empty() ? encode(packet) : seal(packet, keys_.front(), ++sequence);
    return hear_bytes(bytes);
  }
  bool hear_bytes(const Bytes& bytes) {
    const auto packet = decode_control(bytes);
    return packet && session.receive(*packet, bytes, now);
  }
  // What leaves now.
  std::vector<ControlPacket> sent(uint64_t random = 0) {
    std::vector<ControlPacket> all;
    while (const auto bytes = session.next_packet(now, random)) {
      const auto packet = decode_control(*bytes);
      if (packet) all.push_back(*packet);
    }
    return all;
  }
  // Time goes on, packets leave when they are due.
  std::vector<std::pair<Instant, ControlPacket>> run_for(Duration span, uint64_t random = 0) {
    std::vector<std::pair<Instant, ControlPacket>> all;
    const Instant end = now + span;
    while (true) {
      for (const ControlPacket& packet : sent(random)) all.emplace_back(now, packet);
      const auto due = session.due();
      if (!due || *due > end) break;
      now = std::max(now, *due);
      session.on_silence(now);
    }
    now = end;
    return all;
  }
  void bring_up() {
    hear(State::Down);
    hear(State::Init);
    EXPECT_EQ(session.state(), State::Up);
    sent();
    ControlPacket answer = remote;
    answer.state = State::Up;
    answer.final_ = true;
    hear(answer);
    sent();
    EXPECT_FALSE(session.polling());
  }
  uint32_t sequence = 1000;

 private:
  Keys keys_;
};

// ---- States (6.8.6) ------------------------------------------------------------------------

struct Row {
  State before;
  State received;
  State after;
};

class BfdStates : public testing::TestWithParam<Row> {};

TEST_P(BfdStates, FollowTheTableOfRfc5880Section686) {
  const Row row = GetParam();
  End end;
  if (row.before == State::Init || row.before == State::Up) end.hear(State::Down);
  if (row.before == State::Up) end.hear(State::Init);
  if (row.before == State::AdminDown) end.session.set_admin_down(true);
  ASSERT_EQ(end.session.state(), row.before);
  EXPECT_TRUE(end.hear(row.received));
  EXPECT_EQ(end.session.state(), row.after);
  EXPECT_EQ(end.session.remote_state(), row.received);
  if (row.before != State::Down && row.after == State::Down) {
    EXPECT_EQ(end.session.diagnostic(), Diagnostic::NeighborSignaledDown);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, BfdStates,
    testing::Values(
        Row{State::Down, State::AdminDown, State::Down}, Row{State::Down, State::Down, State::Init},
        Row{State::Down, State::Init, State::Up}, Row{State::Down, State::Up, State::Down},
        Row{State::Init, State::AdminDown, State::Down}, Row{State::Init, State::Down, State::Init},
        Row{State::Init, State::Init, State::Up}, Row{State::Init, State::Up, State::Up},
        Row{State::Up, State::AdminDown, State::Down}, Row{State::Up, State::Down, State::Down},
        Row{State::Up, State::Init, State::Up}, Row{State::Up, State::Up, State::Up},
        Row{State::AdminDown, State::Down, State::AdminDown},
        Row{State::AdminDown, State::Up, State::AdminDown}));

TEST(BfdSession, StartsDownWithoutTheRemoteDiscriminator) {
  End end;
  const auto first = end.sent();
  ASSERT_EQ(first.size(), 1U);
  EXPECT_EQ(first[0].state, State::Down);
  EXPECT_EQ(first[0].my_discriminator, kOurs);
  EXPECT_EQ(first[0].your_discriminator, 0U);
}

TEST(BfdSession, NeverAsksForDemandModeOrEcho) {
  End end;
  end.bring_up();
  for (const auto& [at, packet] : end.run_for(200ms)) {
    EXPECT_FALSE(packet.demand);
    EXPECT_EQ(packet.required_min_echo_rx_us, 0U);
  }
}

TEST(BfdSession, TellsTheDiscriminatorThatItHeard) {
  End end;
  end.hear(State::Down);
  const auto packets = end.sent();
  ASSERT_FALSE(packets.empty());
  EXPECT_EQ(packets.back().your_discriminator, kTheirs);
  EXPECT_EQ(packets.back().state, State::Init);
}

// ---- What others make of it ---------------------------------------------------------------

TEST(BfdSays, DownOnlyAfterItWasUp) {
  End end;
  EXPECT_EQ(end.session.says(), Says::NeverUp);
  end.hear(State::Down);
  end.run_for(5s);
  EXPECT_EQ(end.session.state(), State::Down);
  EXPECT_EQ(end.session.says(), Says::NeverUp);
  end.bring_up();
  EXPECT_EQ(end.session.says(), Says::Up);
  end.run_for(5s);
  EXPECT_EQ(end.session.says(), Says::Down);
}

TEST(BfdSays, AdminDownOfTheRemoteSystemIsNotDown) {
  End end;
  end.bring_up();
  end.hear(State::AdminDown);
  EXPECT_EQ(end.session.says(), Says::AdminDown);
  EXPECT_EQ(end.session.state(), State::Down);
}

// ---- Transmission (6.8.3, 6.8.7) ------------------------------------------------------------

TEST(BfdTransmission, IsAtMostOnceASecondUnlessUp) {
  End end;
  const auto packets = end.run_for(10s);
  EXPECT_EQ(packets.size(), 11U);
  for (const auto& [at, packet] : packets) EXPECT_EQ(packet.desired_min_tx_us, 1'000'000U);
}

TEST(BfdTransmission, IsAtTheSlowerOfTheTwoRates) {
  End end;
  end.remote.required_min_rx_us = 80'000;
  end.bring_up();
  EXPECT_EQ(end.session.transmit_interval(), 80ms);
  End other;
  other.bring_up();
  EXPECT_EQ(other.session.transmit_interval(), 50ms);
}

TEST(BfdTransmission, IsShortenedByUpToAQuarterForEachPacket) {
  for (const auto& [random, interval] :
       {std::pair<uint64_t, Duration>{0, 50ms}, {12'500, 43'750us}, {25'000, 37'500us}}) {
    End end;
    end.bring_up();
    end.sent(random);
    end.run_for(60ms, random);
    const auto packets = end.run_for(100ms, random);
    ASSERT_GE(packets.size(), 2U);
    EXPECT_EQ(packets[1].first - packets[0].first, interval);
  }
}

TEST(BfdTransmission, WithMultiplierOneIsBetween75And90PercentOfTheInterval) {
  SessionSettings one = settings();
  one.detect_multiplier = 1;
  for (uint64_t random = 0; random < 200'000; random += 777) {
    End end(one);
    end.bring_up();
    end.run_for(60ms, random);
    const auto packets = end.run_for(100ms, random);
    ASSERT_GE(packets.size(), 2U);
    const Duration gap = packets[1].first - packets[0].first;
    EXPECT_GE(gap, 37'500us);
    EXPECT_LE(gap, 45ms);
  }
}

TEST(BfdTransmission, StopsWhenTheRemoteSystemWantsNone) {
  End end;
  end.bring_up();
  end.remote.required_min_rx_us = 0;
  end.hear(State::Up);
  EXPECT_TRUE(end.run_for(100ms).empty());
}

TEST(BfdTransmission, StopsInDemandModeOfTheRemoteSystem) {
  End end;
  end.bring_up();
  end.remote.demand = true;
  end.hear(State::Up);
  EXPECT_TRUE(end.run_for(100ms).empty());
}

TEST(BfdTransmission, GoesOnInDemandModeOfTheRemoteSystemWhilePolling) {
  End end;
  end.hear(State::Down);
  end.remote.demand = true;
  end.hear(State::Init);
  end.hear(State::Up);
  ASSERT_TRUE(end.session.polling());
  const auto packets = end.run_for(100ms);
  ASSERT_GE(packets.size(), 2U);
  EXPECT_TRUE(packets.back().second.poll);
}

TEST(BfdTransmission, HonoursAShorterIntervalOfTheRemoteSystemAtOnce) {
  End end;
  end.remote.required_min_rx_us = 2'000'000;
  end.bring_up();
  end.run_for(100ms);
  end.remote.required_min_rx_us = 30'000;
  end.hear(State::Up);
  EXPECT_EQ(end.sent().size(), 1U);
}

TEST(BfdTransmission, TellsAChangeOfStateBetweenPeriodicPackets) {
  End end;
  end.sent();
  end.run_for(100ms);
  end.hear(State::Down);
  const auto packets = end.sent();
  ASSERT_EQ(packets.size(), 1U);
  EXPECT_EQ(packets[0].state, State::Init);
}

// ---- Poll sequences (6.5) -------------------------------------------------------------------

TEST(BfdPoll, BeginsWhenTheIntervalChangesAndEndsWithTheFinalBit) {
  End end;
  end.hear(State::Down);
  end.sent();
  end.hear(State::Init);
  const auto first = end.sent();
  ASSERT_EQ(first.size(), 1U);
  EXPECT_EQ(first[0].desired_min_tx_us, 50'000U);
  EXPECT_TRUE(first[0].poll);
  ControlPacket answer = end.remote;
  answer.state = State::Up;
  answer.final_ = true;
  end.hear(answer);
  for (const auto& [at, packet] : end.run_for(200ms)) EXPECT_FALSE(packet.poll);
}

TEST(BfdPoll, SetsTheBitOnPeriodicPacketsOnly) {
  End end;
  end.hear(State::Down);
  end.hear(State::Init);
  end.sent();
  end.run_for(1ms);
  for (const auto& [at, packet] : end.run_for(150ms)) EXPECT_TRUE(packet.poll);
  EXPECT_EQ(end.sent().size(), 0U);
}

TEST(BfdPoll, BeginsWhenASessionThatGoesDownBecomesSlow) {
  End end;
  end.bring_up();
  end.hear(State::Down);
  EXPECT_TRUE(end.session.polling());
}

TEST(BfdPoll, IsAnsweredAtOnceWithTheFinalBitInEveryState) {
  for (const State state : {State::Down, State::Init, State::Up}) {
    End end;
    if (state == State::Up) end.bring_up();
    if (state == State::Init) end.hear(State::Down);
    end.sent();
    ControlPacket poll = end.remote;
    poll.state = state == State::Down ? State::Up : state == State::Init ? State::Down : State::Up;
    poll.poll = true;
    end.hear(poll);
    const auto packets = end.sent();
    ASSERT_GE(packets.size(), 1U);
    EXPECT_TRUE(packets[0].final_);
    EXPECT_FALSE(packets[0].poll);
  }
}

TEST(BfdPoll, IsAnsweredThoughTheRemoteSystemWantsNoPeriodicPackets) {
  End end;
  end.bring_up();
  ControlPacket poll = end.remote;
  poll.state = State::Up;
  poll.poll = true;
  poll.required_min_rx_us = 0;
  end.hear(poll);
  const auto packets = end.sent();
  ASSERT_EQ(packets.size(), 1U);
  EXPECT_TRUE(packets[0].final_);
}

// ---- Detection (6.8.4) ----------------------------------------------------------------------

TEST(BfdDetection, TakesTheRemoteMultiplierTimesTheSlowerOfTheIntervals) {
  End end;
  end.bring_up();
  EXPECT_EQ(end.session.detection_time(), 4 * 60ms);
  end.remote.desired_min_tx_us = 100'000;
  end.hear(State::Up);
  EXPECT_EQ(end.session.detection_time(), 4 * 100ms);
}

TEST(BfdDetection, TakesTheSessionDownWithDiagnosticOne) {
  End end;
  end.bring_up();
  end.run_for(240ms - 1ns);
  EXPECT_EQ(end.session.state(), State::Up);
  end.run_for(1ns);
  EXPECT_EQ(end.session.state(), State::Down);
  EXPECT_EQ(end.session.diagnostic(), Diagnostic::DetectionTimeExpired);
}

TEST(BfdDetection, TakesAnInitSessionDownToo) {
  End end;
  end.hear(State::Down);
  ASSERT_EQ(end.session.state(), State::Init);
  end.run_for(240ms);
  EXPECT_EQ(end.session.state(), State::Down);
}

TEST(BfdDetection, ForgetsTheRemoteDiscriminator) {
  End end;
  end.bring_up();
  end.run_for(240ms);
  EXPECT_EQ(end.session.remote_discriminator(), 0U);
}

TEST(BfdDetection, IsPutOffByEveryPacketThatIsNotDiscarded) {
  End end;
  end.bring_up();
  for (int i = 0; i < 10; ++i) {
    end.run_for(200ms);
    end.hear(State::Up);
  }
  EXPECT_EQ(end.session.state(), State::Up);
}

TEST(BfdDetection, IsNotPutOffByADiscardedPacket) {
  SessionSettings secret = settings();
  secret.keys = {key()};
  End end(secret);
  end.bring_up();
  end.run_for(200ms);
  ControlPacket packet = end.remote;
  packet.state = State::Up;
  packet.your_discriminator = kOurs;
  EXPECT_FALSE(end.hear_bytes(encode(packet)));
  end.run_for(40ms);
  EXPECT_EQ(end.session.state(), State::Down);
}

// Whoever was late itself reads what has arrived before it calls on_silence().
TEST(BfdDetection, APacketThatIsReadLateCountsBeforeSilenceDoes) {
  End end;
  end.bring_up();
  end.now += 1s;
  ASSERT_TRUE(end.session.silent(end.now));
  end.hear(State::Up);
  EXPECT_FALSE(end.session.silent(end.now));
  EXPECT_EQ(end.session.state(), State::Up);
}

// ---- Authentication (6.7.4, 6.8.6) ----------------------------------------------------------

class BfdAuthenticated : public testing::Test {
 protected:
  static SessionSettings authenticated() {
    SessionSettings with = settings();
    with.keys = {key()};
    with.first_sequence = 0xFFFFFFFE;
    return with;
  }
  [[nodiscard]] ControlPacket up() const {
    ControlPacket packet = end.remote;
    packet.state = State::Up;
    packet.your_discriminator = kOurs;
    return packet;
  }
  [[nodiscard]] uint64_t discarded(std::string_view reason) const {
    return end.session.discarded().get(reason);
  }
  End end{authenticated()};
};

TEST_F(BfdAuthenticated, WithoutTheABitItIsDiscarded) {
  EXPECT_FALSE(end.hear_bytes(encode(up())));
  EXPECT_EQ(discarded("auth-missing"), 1U);
}

TEST_F(BfdAuthenticated, WithTheABitItIsDiscardedWhereNoneIsInUse) {
  End plain;
  EXPECT_FALSE(plain.hear_bytes(seal(up(), key(), 1)));
  EXPECT_EQ(plain.session.discarded().get("auth-unexpected"), 1U);
}

TEST_F(BfdAuthenticated, OfAnotherTypeItIsDiscarded) {
  Bytes packet = seal(up(), key(), 1);
  packet.at(24) = 4;  // Keyed SHA1
  EXPECT_FALSE(end.hear_bytes(packet));
  EXPECT_EQ(discarded("auth-type"), 1U);
}

TEST_F(BfdAuthenticated, WithAnotherAuthLenItIsDiscarded) {
  Bytes packet = seal(up(), key(), 1);
  packet.push_back(0);
  packet.at(3) = 53;
  packet.at(25) = 29;
  EXPECT_FALSE(end.hear_bytes(packet));
  EXPECT_EQ(discarded("auth-len"), 1U);
}

TEST_F(BfdAuthenticated, WithAnotherKeyIdItIsDiscarded) {
  EXPECT_FALSE(end.hear_bytes(seal(up(), key("k", 2), 1)));
  EXPECT_EQ(discarded("auth-key-id"), 1U);
}

TEST_F(BfdAuthenticated, WithAnotherHashItIsDiscarded) {
  EXPECT_FALSE(end.hear_bytes(seal(up(), key("another"), 1)));
  EXPECT_EQ(discarded("auth-hash"), 1U);
}

TEST_F(BfdAuthenticated, WithEitherOfTwoKeysItIsTakenAndTheFirstIsSentWith) {
  end.session.renew_keys({key("n", 7), key()});
  EXPECT_TRUE(end.hear_bytes(seal(up(), key(), 1)));
  EXPECT_TRUE(end.hear_bytes(seal(up(), key("n", 7), 2)));
  EXPECT_EQ(end.session.by_second_key(), 1U);
  EXPECT_FALSE(end.hear_bytes(seal(up(), key("n"), 3))) << "by the other one's id";
  EXPECT_EQ(discarded("auth-hash"), 1U);
  const auto packets = end.sent();
  ASSERT_FALSE(packets.empty());
  for (const ControlPacket& packet : packets) EXPECT_EQ(packet.authentication->key_id, 7);
  end.session.renew_keys({key("n", 7)});
  EXPECT_FALSE(end.hear_bytes(seal(up(), key(), 3)));
  EXPECT_EQ(discarded("auth-key-id"), 1U);
}

// What was recorded under one key is no more welcome under two.
TEST_F(BfdAuthenticated, ARecordingIsOldWhateverItsKey) {
  const Bytes recorded = seal(up(), key(), 5);
  ASSERT_TRUE(end.hear_bytes(recorded));
  end.session.renew_keys({key("n", 7), key()});
  ASSERT_TRUE(end.hear_bytes(seal(up(), key("n", 7), 6)));
  EXPECT_FALSE(end.hear_bytes(recorded));
  EXPECT_EQ(discarded("auth-sequence"), 1U);
}

TEST_F(BfdAuthenticated, OutsideOfTheSequenceWindowItIsDiscarded) {
  ASSERT_TRUE(end.hear_bytes(seal(up(), key(), 100)));
  EXPECT_FALSE(end.hear_bytes(seal(up(), key(), 100)));  // again
  EXPECT_FALSE(end.hear_bytes(seal(up(), key(), 99)));
  EXPECT_FALSE(end.hear_bytes(seal(up(), key(), 100 + 3 * 4 + 1)));
  EXPECT_EQ(discarded("auth-sequence"), 3U);
  EXPECT_TRUE(end.hear_bytes(seal(up(), key(), 101)));
  EXPECT_TRUE(end.hear_bytes(seal(up(), key(), 101 + 3 * 4)));
}

TEST_F(BfdAuthenticated, SequenceNumbersGoRound) {
  ASSERT_TRUE(end.hear_bytes(seal(up(), key(), 0xFFFFFFFF)));
  EXPECT_TRUE(end.hear_bytes(seal(up(), key(), 2)));
}

TEST_F(BfdAuthenticated, AForgedFirstPacketSetsNoSequenceNumber) {
  EXPECT_FALSE(end.hear_bytes(seal(up(), key("another"), 5'000'000)));
  EXPECT_TRUE(end.hear_bytes(seal(up(), key(), 7)));
}

TEST_F(BfdAuthenticated, TheSequenceNumberIsForgottenAfterTwiceTheDetectionTime) {
  end.bring_up();
  end.run_for(480ms - 1ns);
  EXPECT_FALSE(end.hear_bytes(seal(up(), key(), 5'000'000)));
  EXPECT_EQ(discarded("auth-sequence"), 1U);
  end.run_for(1ns);
  EXPECT_TRUE(end.hear_bytes(seal(up(), key(), 5'000'000)));
}

TEST_F(BfdAuthenticated, EveryPacketHasTheNextSequenceNumber) {
  uint32_t expected = 0xFFFFFFFE;
  for (const auto& [at, packet] : end.run_for(3s)) {
    ASSERT_TRUE(packet.authentication.has_value());
    EXPECT_EQ(packet.authentication.value_or(Authentication{}).sequence, expected++);
  }
  EXPECT_EQ(expected, 2U);
}

// ---- Going away -----------------------------------------------------------------------------

TEST(BfdAdminDown, IsToldWithDiagnosticSevenAndEndsInDown) {
  End end;
  end.bring_up();
  end.session.set_admin_down(true);
  const auto told = end.sent();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].state, State::AdminDown);
  EXPECT_EQ(told[0].diagnostic, Diagnostic::AdministrativelyDown);
  EXPECT_FALSE(end.run_for(3s).empty());  // 6.8.16: it goes on for a detection time at least
  end.session.set_admin_down(false);
  EXPECT_EQ(end.session.state(), State::Down);
  EXPECT_EQ(end.session.diagnostic(), Diagnostic::None);
}

TEST(BfdEnd, IsToldAsDownAtOnce) {
  End end;
  end.bring_up();
  end.session.give_up();
  const auto told = end.sent();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].state, State::Down);
  EXPECT_EQ(told[0].diagnostic, Diagnostic::ForwardingPlaneReset);
}

}  // namespace
}  // namespace segw::bfd
