#include "mcs/link_keys.h"

#include <gtest/gtest.h>

#include "mcs/testing.h"

namespace segw::mcs::testing {
namespace {

const std::string kName = kIdentity;

LinkKeys keys_of(SharedKeys keys) { return LinkKeys(low(), high(), std::move(keys)); }

TEST(LinkKeys, AKeyIsNamedByBothAddressesAndItsIdAtBothEnds) {
  LinkKeys at_low = keys_of({key_of(7)});
  LinkKeys at_high(high(), low(), {key_of(7)});
  EXPECT_EQ(at_low.first().psk.identity, kName + " 0007");
  const auto found = at_high.find(at_low.first().psk.identity);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->key, key_of(7).secret);
  EXPECT_EQ(at_high.key_of(found->identity), 7);
  EXPECT_FALSE(at_high.find(kName + " 0008"));
  EXPECT_FALSE(at_high.find(""));
}

TEST(LinkKeys, EachIsTriedThenAsTheReleaseBeforeNamesIt) {
  LinkKeys keys = keys_of({key_of(8), key_of(7)});
  const std::vector<std::pair<std::string, uint16_t>> expected = {
      {kName + " 0008", 8}, {kName + " 0007", 7}, {kName, 8}, {kName, 7}, {kName + " 0008", 8}};
  for (const auto& [identity, key] : expected) {
    const LinkKeys::Attempt attempt = keys.next_attempt();
    EXPECT_EQ(attempt.psk.identity, identity);
    EXPECT_EQ(attempt.key, key);
    EXPECT_EQ(attempt.psk.key, key_of(static_cast<uint8_t>(key)).secret);
  }
  keys.start_over();
  EXPECT_EQ(keys.next_attempt().key, 8);
}

TEST(LinkKeys, WithoutAnIdTheyTakeTurnsUnderTheirNames) {
  LinkKeys keys = keys_of({key_of(8), key_of(7)});
  for (const uint8_t expected : {uint8_t{8}, uint8_t{7}, uint8_t{8}}) {
    const auto found = keys.find(kName);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->key, key_of(expected).secret);
    EXPECT_EQ(keys.key_of(found->identity), expected);
  }
}

TEST(LinkKeys, ARenewedListKnowsNoOther) {
  LinkKeys keys = keys_of({key_of(7), key_of(8)});
  keys.renew({key_of(8)});
  EXPECT_FALSE(keys.has(7));
  EXPECT_TRUE(keys.is_first(8));
  EXPECT_FALSE(keys.find(kName + " 0007"));
  EXPECT_FALSE(keys.key_of(kName + " 0007"));
  EXPECT_FALSE(keys_of({}).find(kName));
}

}  // namespace
}  // namespace segw::mcs::testing
