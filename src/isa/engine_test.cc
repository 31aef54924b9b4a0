#include "isa/engine.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "isa/testing.h"
#include "platform/testing/fake_platform.h"

namespace segw::isa {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::inner_packet;

class EngineTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto prefix = IpPrefix::parse("10.10.20.254/24").value_or(IpPrefix{});
    tell(isa::Setup{.slot = {0},
                    .public_interfaces = {prefix},
                    .private_interfaces = {},
                    .gateways = {ends_.gateway.local}});
    tell(InstallSa{.sa = ends_.gateway, .outbound = true});
    client_sealer_ = esp::Sealer::make(ends_.client, *backend_);
    client_opener_ = esp::Opener::make(ends_.client, *backend_);
  }

  void act() {
    tell(Vouch{.deadline = now_ + seconds(1)});
    tell(SetRole{.role = Role::Acting, .iv_epoch = 3});
  }
  void tell(const ToIsa& message) {
    Output out;
    engine_.on_control(message, now_, out);
    last_ = std::move(out);
  }
  Output from_client(uint64_t sequence) { return from_client(ends_.client, sequence); }
  Output from_client(const esp::ChildSa& as, uint64_t sequence) {
    const Bytes inner = inner_packet("192.168.1.1", "10.2.2.10", 40);
    const std::vector<Bytes> packets{
        client_sealer_->seal(as, inner, {.sequence = sequence, .iv = sequence}, rng_, {})};
    Output out;
    engine_.on_public(packets, now_, out);
    return out;
  }
  // Where the client is, as segwd is told after this packet; nothing: where it was.
  std::optional<Endpoint> moved_to(const esp::ChildSa& as, uint64_t sequence) {
    EXPECT_EQ(from_client(as, sequence).to_private.size(), 1U);
    now_ += kActivityInterval;
    tell(Vouch{.deadline = now_ + seconds(1)});
    Output told;
    engine_.on_timer(now_, told);
    return std::get<Activity>(told.to_segwd.at(0)).sas.at(0).moved_to;
  }
  Output from_core(size_t size = 40, bool dont_fragment = false) {
    const std::vector<Bytes> packets{
        inner_packet("10.2.2.10", "192.168.1.1", size, 99, dont_fragment)};
    Output out;
    engine_.on_private(packets, now_, out);
    return out;
  }
  uint64_t sequence_of(const Bytes& outer) {
    const auto packet = esp::parse_ip(outer);
    const auto udp = esp::parse_udp(packet->payload);
    const auto opened = client_opener_->open(ends_.client, udp->payload, 0);
    EXPECT_EQ(opened.outcome, esp::Opening::Ok);
    return opened.sequence;
  }

  platform::testing::FakeRng rng_;
  testing::Ends ends_ = testing::make_ends();
  std::unique_ptr<esp::Backend> backend_ = esp::make_backend();
  Engine engine_{rng_, esp::make_backend()};
  std::unique_ptr<esp::Sealer> client_sealer_;
  std::unique_ptr<esp::Opener> client_opener_;
  Instant now_{seconds(10)};
  Output last_;
};

TEST_F(EngineTest, ActingCarriesBothWays) {
  act();
  EXPECT_EQ(from_client(1).to_private.size(), 1U);
  const Output out = from_core();
  ASSERT_EQ(out.to_public.size(), 1U);
  EXPECT_GT(sequence_of(out.to_public[0]), 0U);
}

TEST_F(EngineTest, ClosedCarriesNothing) {
  EXPECT_TRUE(from_client(1).to_private.empty());
  EXPECT_TRUE(from_core().to_public.empty());
  EXPECT_EQ(engine_.drops().get("not-acting"), 2U);
}

TEST_F(EngineTest, StopsByItselfAtTheDeadline) {
  act();
  now_ += seconds(1) - milliseconds(1);
  EXPECT_EQ(from_core().to_public.size(), 1U);
  now_ += milliseconds(1);
  EXPECT_TRUE(from_core().to_public.empty());
  EXPECT_TRUE(from_client(5).to_private.empty());
  EXPECT_EQ(engine_.drops().get("fenced"), 2U);
}

TEST_F(EngineTest, AcceptsAPacketOnce) {
  act();
  EXPECT_EQ(from_client(7).to_private.size(), 1U);
  EXPECT_EQ(from_client(7).to_private.size(), 0U);
}

TEST_F(EngineTest, NothingLeavesOrEntersInClear) {
  act();
  Output out;
  const std::vector<Bytes> clear{inner_packet("192.168.1.1", "10.2.2.10", 20),
                                 inner_packet("192.168.1.1", "10.10.20.1", 20)};
  engine_.on_public(clear, now_, out);
  const std::vector<Bytes> foreign{inner_packet("10.2.2.10", "192.168.1.2", 20)};
  engine_.on_private(foreign, now_, out);
  EXPECT_TRUE(out.to_private.empty());
  EXPECT_TRUE(out.to_public.empty());
}

TEST_F(EngineTest, EveryActivationStartsInAnOwnBlockAboveWhatWasUsed) {
  act();
  const uint64_t first = sequence_of(from_core().to_public.at(0));
  tell(SetRole{.role = Role::Closed});
  act();
  const uint64_t second = sequence_of(from_core().to_public.at(0));
  EXPECT_GT(second, first);
  EXPECT_EQ(esp::owner_of(second, 2), Slot{0});
  EXPECT_EQ(second % esp::kBlockSize, 0U);
}

TEST_F(EngineTest, AfterALostChassisItStartsAboveWhatThatCanHaveSentSinceItsReport) {
  tell(SetWindow{
      .window = {.inbound_spi = ends_.gateway.inbound_spi, .outbound_next = 40000, .seen = {}}});
  tell(Vouch{.deadline = now_ + seconds(1)});
  tell(SetRole{.role = Role::Acting, .iv_epoch = 3, .position = esp::Position::LastReport});
  const uint64_t first = sequence_of(from_core().to_public.at(0));
  EXPECT_GE(first, 40000 + esp::kUnreportedMax);
  EXPECT_EQ(esp::owner_of(first, 2), Slot{0});
}

TEST_F(EngineTest, BufferingKeepsPacketsInOrderForTheActivation) {
  tell(SetRole{.role = Role::Buffering});
  EXPECT_TRUE(from_client(1).to_private.empty());
  EXPECT_TRUE(from_core().to_public.empty());
  EXPECT_TRUE(from_client(2).to_private.empty());
  act();
  EXPECT_EQ(last_.to_private.size(), 2U);
  EXPECT_EQ(last_.to_public.size(), 1U);
}

TEST_F(EngineTest, TheBufferIsBounded) {
  tell(SetRole{.role = Role::Buffering});
  for (size_t i = 0; i < kBufferedMax + 5; ++i) from_core();
  EXPECT_EQ(engine_.drops().get("buffer-full"), 5U);
  tell(SetRole{.role = Role::Closed});
  EXPECT_EQ(engine_.drops().get("buffer-given-up"), kBufferedMax);
}

TEST_F(EngineTest, FreezeTellsTheExactWindowsAndCloses) {
  act();
  from_client(9);
  const uint64_t sent = sequence_of(from_core().to_public.at(0));
  tell(Freeze{.cookie = 5});
  ASSERT_EQ(last_.to_segwd.size(), 1U);
  const auto& frozen = std::get<Frozen>(last_.to_segwd[0]);
  EXPECT_TRUE(frozen.last);
  ASSERT_EQ(frozen.windows.size(), 1U);
  EXPECT_EQ(frozen.windows[0].outbound_next, sent + 1);
  EXPECT_EQ(frozen.windows[0].inbound_highest, 9U);
  EXPECT_EQ(engine_.role(), Role::Closed);
}

TEST_F(EngineTest, ASynchronisedWindowRefusesWhatTheOtherAccepted) {
  tell(SetWindow{.window = {.inbound_spi = ends_.gateway.inbound_spi,
                            .outbound_next = 40000,
                            .inbound_highest = 100,
                            .seen = {}}});
  act();
  EXPECT_TRUE(from_client(100).to_private.empty());
  EXPECT_EQ(from_client(101).to_private.size(), 1U);
  EXPECT_GT(sequence_of(from_core().to_public.at(0)), 40000U);
}

// RFC 6311: the client skipped numbers, or we do, while the SA is used.
TEST_F(EngineTest, ASkipTakesPlaceWhileActing) {
  act();
  EXPECT_EQ(from_client(7).to_private.size(), 1U);
  EXPECT_EQ(from_client(9).to_private.size(), 1U);
  EXPECT_LT(sequence_of(from_core().to_public.at(0)), 1000000U);
  tell(SetWindow{
      .window = {.inbound_spi = ends_.gateway.inbound_spi, .inbound_highest = 500, .seen = {}}});
  tell(InstallSa{.sa = ends_.gateway, .outbound = false, .outbound_next = 1000000});
  EXPECT_TRUE(from_client(500).to_private.empty());
  EXPECT_EQ(from_client(501).to_private.size(), 1U);
  EXPECT_GE(sequence_of(from_core().to_public.at(0)), 1000000U);
}

TEST_F(EngineTest, AnSaThatMayNotSealOnlyReceives) {
  tell(InstallSa{.sa = ends_.gateway, .outbound = true, .may_seal = false});
  act();
  EXPECT_TRUE(from_core().to_public.empty());
  EXPECT_EQ(from_client(1).to_private.size(), 1U);
}

TEST_F(EngineTest, TheOldSaIsUsedUntilItGoesOrTwentyFiveSeconds) {
  act();
  auto successor = testing::make_ends(0x1003, 0x2004);
  successor.gateway.replaces = ends_.gateway.inbound_spi;
  successor.gateway.outbound_from = seconds(25);
  tell(InstallSa{.sa = successor.gateway});
  tell(UseOutbound{.inbound_spi = successor.gateway.inbound_spi});
  const auto spi_sent = [&] {
    const Output out = from_core();
    const auto packet = esp::parse_ip(out.to_public.at(0));
    return esp::parse_udp(packet->payload)->payload[3];
  };
  EXPECT_EQ(spi_sent(), 0x02);
  tell(RemoveSa{.inbound_spi = ends_.gateway.inbound_spi});
  EXPECT_EQ(spi_sent(), 0x04);
}

// As initiator of the rekey, and after a copy to the other chassis: there the new one came first.
TEST_F(EngineTest, TheNewerOfTwoThatMayBeUsedIsUsedInWhateverOrderTheyCame) {
  auto older = testing::make_ends(0x1003, 0x2004);
  older.gateway.age = seconds(100);
  auto newer = testing::make_ends(0x1005, 0x2006);
  newer.gateway.age = seconds(10);
  newer.gateway.replaces = older.gateway.inbound_spi;
  act();
  tell(RemoveSa{.inbound_spi = ends_.gateway.inbound_spi});
  tell(InstallSa{.sa = newer.gateway, .outbound = true});
  tell(InstallSa{.sa = older.gateway, .outbound = true});
  const Output out = from_core();
  const auto packet = esp::parse_ip(out.to_public.at(0));
  EXPECT_EQ(esp::parse_udp(packet->payload)->payload[3], 0x06);
}

// A client that lost its state came back with a new IKE SA; its old one is still here.
TEST_F(EngineTest, ASuccessorIsNotHeldBackByAnSaOfAnotherIkeSa) {
  act();
  auto own = testing::make_ends(0x1003, 0x2004);
  auto successor = testing::make_ends(0x1005, 0x2006);
  own.gateway.ike_sa = successor.gateway.ike_sa = IkeSpi{77};
  successor.gateway.replaces = own.gateway.inbound_spi;
  successor.gateway.outbound_from = seconds(25);
  for (const auto& each : {own, successor}) {
    tell(InstallSa{.sa = each.gateway});
    tell(UseOutbound{.inbound_spi = each.gateway.inbound_spi});
  }
  const auto spi_sent = [&] {
    const Output out = from_core();
    const auto packet = esp::parse_ip(out.to_public.at(0));
    return esp::parse_udp(packet->payload)->payload[3];
  };
  EXPECT_EQ(spi_sent(), 0x04);
  tell(RemoveSa{.inbound_spi = own.gateway.inbound_spi});
  EXPECT_EQ(spi_sent(), 0x06);
}

TEST_F(EngineTest, PuntsIkeAndSendsItWithTheMarkerOnThePortForNat) {
  act();
  const Bytes message(40, 7);
  tell(SendIke{.datagram = {.local = {.address = ends_.gateway.local, .port = 4500},
                            .remote = {.address = ends_.gateway.remote, .port = 4500},
                            .message = message}});
  ASSERT_EQ(last_.to_public.size(), 1U);
  const auto packet = esp::parse_ip(last_.to_public[0]);
  const auto udp = esp::parse_udp(packet->payload);
  ASSERT_EQ(udp->payload.size(), 44U);
  EXPECT_EQ(udp->payload[0], 0);
  EXPECT_EQ(udp->payload[4], 7);
  Output out;
  const std::vector<Bytes> incoming{esp::udp_packet({.address = ends_.gateway.remote, .port = 999},
                                                    {.address = ends_.gateway.local, .port = 4500},
                                                    1, udp->payload)};
  engine_.on_public(incoming, now_, out);
  ASSERT_EQ(out.to_segwd.size(), 1U);
  const auto& punt = std::get<PuntIke>(out.to_segwd[0]);
  EXPECT_EQ(punt.datagram.message, message);
  EXPECT_EQ(punt.datagram.remote.port, 999);
}

TEST_F(EngineTest, NoIkeLeavesAfterTheDeadlineOrWithoutTheRole) {
  const SendIke message{.datagram = {.local = {.address = ends_.gateway.local, .port = 500},
                                     .remote = {.address = ends_.gateway.remote, .port = 500},
                                     .message = Bytes(40, 7)}};
  act();
  now_ += seconds(1);
  tell(message);
  EXPECT_TRUE(last_.to_public.empty());
  EXPECT_EQ(engine_.drops().get("fenced"), 1U);
  act();
  tell(SetRole{.role = Role::Closed});
  tell(message);
  EXPECT_TRUE(last_.to_public.empty());
  EXPECT_EQ(engine_.drops().get("not-acting"), 1U);
}

TEST_F(EngineTest, TellsTheSenderOfAPacketThatIsTooBig) {
  act();
  const Output big = from_core(1470, true);
  EXPECT_TRUE(big.to_public.empty());
  ASSERT_EQ(big.to_private.size(), 1U);
  EXPECT_EQ(esp::parse_ip(big.to_private[0])->protocol, esp::kProtocolIcmp);
  EXPECT_EQ(from_core(1470, false).to_public.size(), 2U);  // cut inside
}

// Anybody on the path can strip the UDP header, and the packet stays authentic.
TEST_F(EngineTest, OnlyAPacketInUdpSaysThatItsClientMoved) {
  act();
  esp::ChildSa plain = ends_.client;
  plain.encapsulation.reset();
  esp::ChildSa rebound = ends_.client;
  ASSERT_TRUE(rebound.encapsulation);
  rebound.encapsulation->local_port = 61000;
  EXPECT_FALSE(moved_to(ends_.client, 1));
  EXPECT_FALSE(moved_to(plain, 2));
  const auto at = moved_to(rebound, 3);
  ASSERT_TRUE(at);
  EXPECT_EQ(at->port, 61000);
}

TEST_F(EngineTest, ReportsActivityAndLowSequenceSpace) {
  act();
  from_client(1);
  Output out;
  now_ += kActivityInterval;
  engine_.on_timer(now_, out);
  ASSERT_FALSE(out.to_segwd.empty());
  EXPECT_EQ(std::get<Activity>(out.to_segwd[0]).sas.at(0).packets_in, 1U);
  // After the activation the numbers are above the first grant, so more is asked for.
  const Output sent = from_core();
  ASSERT_EQ(sent.to_segwd.size(), 1U);
  EXPECT_TRUE(std::holds_alternative<SequenceLow>(sent.to_segwd[0]));
}

TEST_F(EngineTest, SaysThatItIsAliveThoughThereIsNothingElseToSay) {
  for (int i = 0; i < 3; ++i) {
    now_ += kActivityInterval;
    Output out;
    engine_.on_timer(now_, out);
    EXPECT_EQ(std::ranges::count_if(
                  out.to_segwd,
                  [](const FromIsa& message) { return std::holds_alternative<Alive>(message); }),
              1);
  }
}

TEST_F(EngineTest, SurvivesEveryFlippedBitOfAPacket) {
  act();
  const Bytes inner = inner_packet("192.168.1.1", "10.2.2.10", 40);
  const Bytes outer = client_sealer_->seal(ends_.client, inner, {.sequence = 3, .iv = 3}, rng_, {});
  for (size_t at = 0; at < outer.size() * 8; ++at) {
    Bytes flipped = outer;
    flipped[at / 8] = static_cast<uint8_t>(flipped[at / 8] ^ 1U << at % 8);
    Output out;
    const std::vector<Bytes> packets{flipped};
    engine_.on_public(packets, now_, out);
  }
  SUCCEED();
}

TEST_F(EngineTest, AnotherSuiteOrKeyUnderAKnownSpiIsRefused) {
  InstallSa other{.sa = ends_.gateway, .outbound = true};
  other.sa.suite = {.encryption = esp::Encryption::AesCbc,
                    .key_bits = 128,
                    .integrity = esp::Integrity::HmacSha1_96};
  tell(other);
  other.sa = ends_.gateway;
  other.sa.outbound_key = SecretBytes(Bytes(esp::key_size(other.sa.suite), 9));
  tell(other);
  other.sa = ends_.gateway;
  other.sa.suite.extended_sequence_numbers = !other.sa.suite.extended_sequence_numbers;
  tell(other);
  EXPECT_EQ(engine_.drops().get("install-other-key"), 3U);
  act();
  EXPECT_EQ(from_core().to_public.size(), 1U);
}

TEST_F(EngineTest, GrantsThatDoNotComeAreAskedForLessAndLessOften) {
  act();
  const auto reports = [&](seconds span) {
    int count = 0;
    for (const Instant end = now_ + span; now_ < end; now_ += milliseconds(100)) {
      tell(Vouch{.deadline = now_ + seconds(1)});
      for (const auto& message : from_core().to_segwd) {
        count += std::holds_alternative<SequenceLow>(message) ? 1 : 0;
      }
    }
    return count;
  };
  const int first = reports(seconds(120));
  EXPECT_GE(first, 5);
  EXPECT_LE(first, 12);
  // One that changed says that somebody listens.
  esp::SequenceGrants grants = ends_.gateway.grants;
  grants.bound[1] += esp::kBlockSize;
  tell(SetGrants{.inbound_spi = ends_.gateway.inbound_spi, .grants = grants});
  EXPECT_GE(reports(seconds(1)), 2);
}

TEST_F(EngineTest, OnlyTheNewestPacketOfTheSameEncapsulationMovesAClient) {
  act();
  esp::ChildSa elsewhere = ends_.client;
  elsewhere.local = IpAddress::parse("10.10.10.77").value_or(IpAddress{});
  esp::ChildSa raw = elsewhere;
  raw.encapsulation.reset();
  EXPECT_FALSE(moved_to(ends_.client, 10));
  EXPECT_FALSE(moved_to(elsewhere, 9)) << "it is late";
  EXPECT_FALSE(moved_to(raw, 11)) << "somebody took UDP off";
  const auto moved = moved_to(elsewhere, 12);
  ASSERT_TRUE(moved);
  EXPECT_EQ(moved->address, elsewhere.local);
}

}  // namespace
}  // namespace segw::isa
