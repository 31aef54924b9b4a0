// What the engine does with IKE SAs that come from a chassis which acted beside it.
#include <gtest/gtest.h>

#include "ike/message_id_sync.h"
#include "ike/testing_engine.h"
#include "ike/testing_extras.h"

namespace segw::ike::testing {
namespace {

using namespace std::chrono_literals;

GroupSettings in_slot(uint8_t slot) {
  GroupSettings settings = group_settings();
  settings.slot = Slot{slot};
  return settings;
}

// `loser_` and `winner_` act side by side; the client is the loser's.
class MergedIke : public ::testing::Test {
 protected:
  void merge() {
    winner_.host.iv = uint64_t{1} << 40;  // its own IV epoch
    winner_.fake.rng.bytes(7);
    std::set<IkeSpi> all;
    for (const auto& [spi, sa] : loser_.state.ike_sas) all.insert(spi);
    winner_.state.ike_sas.insert(loser_.state.ike_sas.begin(), loser_.state.ike_sas.end());
    winner_.state.child_sas.insert(loser_.state.child_sas.begin(), loser_.state.child_sas.end());
    winner_.engine->merged(all, all);
  }
  Gateway loser_{in_slot(1)};
  Gateway winner_{in_slot(0)};
};

TEST_F(MergedIke, TheClientGoesOnAndIsAskedOnceWhenItWasHeard) {
  Client client;
  ASSERT_TRUE(client.connect(loser_));
  merge();
  EXPECT_TRUE(winner_.run_for(10min).empty()) << "rule 18: not before it was heard";
  EXPECT_TRUE(client.open(winner_.ask(client.request(Exchange::Informational, liveness()))));
  const auto sent = winner_.run_for(1s);
  ASSERT_EQ(sent.size(), 1U);
  const auto header = decode_header(sent[0].message);
  ASSERT_TRUE(header);
  EXPECT_FALSE(header->is_response);
  winner_.give(client.seal(Exchange::Informational, {}, header->message_id, true));
  EXPECT_TRUE(winner_.run_for(10min).empty()) << "once";
  EXPECT_TRUE(client.open(winner_.ask(client.rekey_child_request(client.child_spi))));
  EXPECT_EQ(winner_.state.child_sas.size(), 2U);
}

// RFC 7296 2.4: it is to be shown that the client lives, and it shows that by what it asks.
TEST_F(MergedIke, OneThatSpeaksIsKeptThoughItDoesNotAnswer) {
  Client client;
  ASSERT_TRUE(client.connect(loser_));
  merge();
  for (int i = 0; i < 30; ++i) {
    EXPECT_TRUE(client.open(winner_.ask(client.request(Exchange::Informational, liveness()))));
    winner_.run_for(4s);
  }
  EXPECT_EQ(winner_.state.ike_sas.size(), 1U);
  winner_.run_for(1min);
  EXPECT_TRUE(winner_.state.ike_sas.empty()) << "it is silent";
}

TEST_F(MergedIke, OneThatCanIsSynchronisedInstead) {
  ChattyClient client;
  ASSERT_TRUE(client.connect_with(loser_, {NotifyType::MessageIdSyncSupported}));
  merge();
  EXPECT_TRUE(client.open(winner_.ask(client.request(Exchange::Informational, liveness()))));
  const auto sent = winner_.run_for(200ms);
  ASSERT_EQ(sent.size(), 1U);
  const auto payloads = client.open(sent[0].message);
  ASSERT_TRUE(payloads);
  EXPECT_NE(client.find_notify(*payloads, NotifyType::MessageIdSync), nullptr);
}

TEST_F(MergedIke, OneThatWaitsForItsAuthenticationGoesOn) {
  Client client;
  ASSERT_TRUE(client.take_init(loser_.ask(client.init_request())));
  merge();
  const auto payloads = client.open(winner_.ask(client.auth_request()));
  ASSERT_TRUE(payloads);
  EXPECT_NE(Client::find<payload::Auth>(*payloads), nullptr);
}

TEST_F(MergedIke, WhatTheMergeTookAwayIsForgotten) {
  Client client;
  ASSERT_TRUE(client.connect(winner_));
  const IkeSpi spi = winner_.only_ike().our_spi();
  winner_.state.ike_sas.clear();
  winner_.state.child_sas.clear();
  winner_.engine->merged({spi}, {});
  EXPECT_TRUE(winner_.run_for(48h).empty());
  EXPECT_TRUE(winner_.ask(client.request(Exchange::Informational, liveness())).empty());
}

// Redundancy rule 17: of two that were made for one the other ends after 3 min, unless the client
// turns out to use it; then it is rekeyed as any other.
TEST(MergedChild, IsRekeyedUnlessItIsToEnd) {
  GroupSettings settings = in_slot(0);
  settings.responder_only = false;
  Gateway gateway(settings);
  Client client;
  ASSERT_TRUE(client.connect(gateway));
  esp::ChildSa& child = gateway.state.child_sas.begin()->second;
  ASSERT_GT(child.rekey_after.count(), 0);
  child.delete_after = 2h;
  gateway.engine->merged({child.ike_sa}, {});
  EXPECT_TRUE(gateway.run_for(58min).empty());
  child.delete_after = {};
  gateway.engine->note_ages();
  gateway.engine->merged({child.ike_sa}, {});
  const auto sent = gateway.run_for(1s);
  ASSERT_EQ(sent.size(), 1U);
  const auto header = decode_header(sent[0].message);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->exchange, static_cast<uint8_t>(Exchange::CreateChildSa));
}

TEST_F(MergedIke, AgesGoOnFromTheMergedRecords) {
  Client client;
  ASSERT_TRUE(client.connect(loser_));
  loser_.fake.scheduler.run_for(30min);
  loser_.engine->note_ages();
  merge();
  winner_.run_for(1min);
  const auto& sa = winner_.only_ike();
  EXPECT_GE(winner_.engine->age(sa), 31min);
  EXPECT_LT(winner_.engine->age(sa), 32min);
  EXPECT_GE(winner_.engine->age(winner_.state.child_sas.begin()->second), 31min);
}

}  // namespace
}  // namespace segw::ike::testing
