// Where a client is believed to be, beyond MOBIKE's own exchange.
#include <gtest/gtest.h>

#include "ike/replay_counter_sync.h"
#include "ike/testing_engine.h"
#include "ike/testing_extras.h"

namespace segw::ike::testing {
namespace {

const Endpoint kNewPort = client_at(4501);

TEST(EspFromANewPort, IsCommittedOnceThoughTheIsaTellsOfItUntilItIsHeld) {
  Gateway gateway;
  Client client = behind_nat();
  ASSERT_TRUE(client.connect(gateway));
  gateway.host.committed.clear();
  gateway.host.mode = RecordingHost::Commits::Held;
  for (int i = 0; i < 5; ++i) gateway.engine->client_moved(gateway.only_ike().our_spi(), kNewPort);
  EXPECT_EQ(gateway.host.committed.size(), 1U);
  EXPECT_EQ(gateway.engine->counters().get("clients-moved"), 1U);
  gateway.host.release();
  EXPECT_EQ(gateway.host.moves, std::vector<Endpoint>{kNewPort});
}

// With a role, what waits for the other chassis is forgotten.
TEST(EspFromANewPort, IsCommittedAgainByANewRole) {
  Gateway gateway;
  Client client = behind_nat();
  ASSERT_TRUE(client.connect(gateway));
  const IkeSpi spi = gateway.only_ike().our_spi();
  gateway.host.mode = RecordingHost::Commits::Held;
  gateway.engine->client_moved(spi, kNewPort);
  gateway.engine->activate(true);
  gateway.host.committed.clear();
  gateway.engine->client_moved(spi, kNewPort);
  EXPECT_EQ(gateway.host.committed.size(), 1U);
  gateway.host.release();
  EXPECT_FALSE(gateway.host.moves.empty());
}

// RFC 7296 2.23: "A host behind a NAT SHOULD NOT do this".
TEST(EspFromANewPort, MovesNothingWhileWeAreBehindANat) {
  Gateway gateway;
  Client client = behind_nat();
  ASSERT_TRUE(client.connect(gateway));
  gateway.only_ike().local_behind_nat = true;
  gateway.engine->client_moved(gateway.only_ike().our_spi(), kNewPort);
  EXPECT_TRUE(gateway.host.moves.empty());
  EXPECT_NE(gateway.only_ike().remote, kNewPort);
}

// Whatever becomes of the move, the rest of the request is done and answered.
TEST(RefusedMove, DoesNotHideADeleteInTheSameRequest) {
  Gateway gateway;
  ChattyClient client;
  ASSERT_TRUE(client.connect_with(
      gateway, {NotifyType::MobikeSupported, NotifyType::ReplayCounterSyncSupported}));
  client.child_spi = 0xC0000002;
  ASSERT_TRUE(
      client.open(gateway.ask(client.request(Exchange::CreateChildSa, client.child_payloads()))));
  std::vector<Payload> payloads = delete_child(kClientSpi);
  payloads.emplace_back(notify(NotifyType::UpdateSaAddresses));
  payloads.emplace_back(notify(NotifyType::ReplayCounterSync, encode_replay_delta(7000, false)));
  const Endpoint elsewhere{.address = address("10.0.0.99"), .port = 4500};
  const auto sent =
      gateway.give(client.request(Exchange::Informational, payloads), client_at(), elsewhere);
  ASSERT_EQ(sent.size(), 1U);
  const auto answer = client.open(sent[0].message);
  ASSERT_TRUE(answer);
  EXPECT_TRUE(refused(answer, NotifyType::UnacceptableAddresses));
  EXPECT_NE(Client::find<payload::Delete>(*answer), nullptr);
  ASSERT_EQ(gateway.state.child_sas.size(), 1U);
  EXPECT_GE(gateway.state.child_sas.begin()->second.outbound_floor, 7000U);
}

}  // namespace
}  // namespace segw::ike::testing
