// The keys of a chassis' peers, read anew while it runs (redundancy rule 25).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "chassis/shared_keys.h"
#include "chassis/testing.h"

namespace segw::chassis {
namespace {

using testing::Bench;
using ::testing::HasSubstr;
using ::testing::SizeIs;

config::Config with_keys(std::string_view first, std::string_view second = {}) {
  config::Config config;
  config.system_name = "SeGW-A";
  config.services = {config::Service{.kind = config::Service::Kind::Base, .name = "Base"}};
  config::McPeer peer;
  peer.address = IpAddress::v4(0xC0000202);
  peer.source_address = IpAddress::v4(0xC0000201);
  peer.enabled = peer.sync_enabled = peer.sync_ipsec = true;
  peer.authentication_key = SecretBytes(as_bytes(first));
  peer.second_authentication_key = SecretBytes(as_bytes(second));
  config.peers.push_back(peer);
  return config;
}

std::vector<uint16_t> keys_in_use(const Bench& bench) {
  return bench.chassis->status().peers.at(0).keys;
}

TEST(KeyReload, TakesASecondOneAndThenLeavesTheFirst) {
  Bench bench(with_keys("old"));
  ASSERT_TRUE(bench.started && *bench.started);
  const auto old_only = keys_in_use(bench);
  ASSERT_THAT(old_only, SizeIs(1));
  ASSERT_TRUE(bench.chassis->reload_keys(with_keys("old", "new")));
  const auto both = keys_in_use(bench);
  ASSERT_THAT(both, SizeIs(2));
  EXPECT_EQ(both[0], old_only[0]);
  const auto swapped = bench.chassis->reload_keys(with_keys("new", "old"));
  ASSERT_TRUE(swapped) << swapped.error().text;
  EXPECT_EQ(*swapped,
            "keys in use: peer 192.0.2.2: " + key_name(both[1]) + " " + key_name(both[0]));
  ASSERT_TRUE(bench.chassis->reload_keys(with_keys("new")));
  EXPECT_EQ(keys_in_use(bench), std::vector<uint16_t>{both[1]});
  EXPECT_EQ(bench.fake.log.events.back().first, "MC_KEYS_RELOADED");
}

TEST(KeyReload, WhatWouldCutThePeerOffChangesNothing) {
  Bench bench(with_keys("old"));
  const auto before = keys_in_use(bench);
  const auto reloaded = bench.chassis->reload_keys(with_keys("new"));
  ASSERT_FALSE(reloaded);
  EXPECT_THAT(reloaded.error().text, HasSubstr("peer 192.0.2.2: none of the keys in use"));
  EXPECT_EQ(keys_in_use(bench), before);
  EXPECT_EQ(bench.fake.log.events.back().first, "MC_KEYS_NOT_RELOADED");
}

TEST(KeyReload, AFirstKeyTakesARestart) {
  Bench bench(with_keys(""));
  EXPECT_THAT(keys_in_use(bench), SizeIs(0));
  bench.fake.store.files["mcs.key"] = to_bytes(as_bytes(std::string(64, 'a')));
  EXPECT_THAT(bench.chassis->reload_keys(with_keys("")).error().text,
              HasSubstr("a first key takes a restart"));
}

TEST(KeyReload, NoEventAndNoTextHasAKey) {
  Bench bench(with_keys("the old secret"));
  const auto reloaded = bench.chassis->reload_keys(with_keys("the old secret", "the new secret"));
  ASSERT_TRUE(reloaded);
  EXPECT_EQ(reloaded->find("secret"), std::string::npos);
  for (const auto& [name, text] : bench.fake.log.events) {
    EXPECT_EQ(text.find("secret"), std::string::npos) << name;
  }
}

}  // namespace
}  // namespace segw::chassis
