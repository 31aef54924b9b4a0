#include "chassis/shared_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/testing/fake_platform.h"

namespace segw::chassis {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string kLine = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const std::string kOther(64, 'a');

SecretBytes secret(std::string_view text) { return SecretBytes(as_bytes(text)); }

SharedKey key(uint16_t id) { return {.id = id, .secret = secret("key " + std::to_string(id))}; }

// ---- mcs.key ----------------------------------------------------------------------------------

TEST(McsKeyFile, HasOneKeyOrTwo) {
  for (const char* end : {"", "\n", "\r\n", "\n\n"}) {
    const auto one = parse_mcs_key(as_bytes(kLine + end));
    ASSERT_TRUE(one) << one.error().text;
    ASSERT_EQ(one->size(), 1U);
    EXPECT_EQ(one->front().view()[31], 0x1f);
  }
  const auto two = parse_mcs_key(as_bytes(kLine + "\n" + kOther + "\n"));
  ASSERT_TRUE(two) << two.error().text;
  ASSERT_EQ(two->size(), 2U);
  EXPECT_EQ(two->front().view()[1], 1);
  EXPECT_EQ(two->back().view()[0], 0xaa);
}

TEST(McsKeyFile, IsRefusedAsAWhole) {
  for (const std::string& text : {std::string(), std::string("\n"), kLine.substr(1), kLine + "0",
                                  kLine + "\n\n" + kOther, kLine + "\n" + kOther.substr(1),
                                  kLine + "\n" + kOther + "\n" + kLine, "x" + kLine.substr(1)}) {
    const auto parsed = parse_mcs_key(as_bytes(text));
    ASSERT_FALSE(parsed) << text;
    EXPECT_THAT(parsed.error().text, HasSubstr("64 hexadecimal digits"));
  }
}

// ---- Where they come from ---------------------------------------------------------------------

class ReadKeys : public ::testing::Test {
 protected:
  std::vector<SecretBytes> secrets() {
    auto keys = read_shared_keys(fake_.store, peer_);
    EXPECT_TRUE(keys);
    std::vector<SecretBytes> found;
    if (!keys) return found;
    for (const SharedKey& each : *keys) found.push_back(each.secret);
    return found;
  }
  void write(const std::string& contents) {
    fake_.store.files["mcs.key"] = to_bytes(as_bytes(contents));
  }
  platform::testing::FakePlatform fake_;
  config::McPeer peer_;
};

TEST_F(ReadKeys, AreOfTheConfigurationFirst) {
  write(kLine);
  peer_.authentication_key = secret("one");
  EXPECT_THAT(secrets(), ElementsAre(secret("one")));
  peer_.second_authentication_key = secret("two");
  EXPECT_THAT(secrets(), ElementsAre(secret("one"), secret("two")));
}

TEST_F(ReadKeys, ElseOfTheStateFolder) {
  EXPECT_THAT(secrets(), IsEmpty());
  write(kOther + "\n" + kLine + "\n");
  const std::vector<SecretBytes> found = secrets();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].view()[0], 0xaa);
}

TEST_F(ReadKeys, ABrokenFileIsAnErrorAndNoKey) {
  write("nonsense");
  EXPECT_FALSE(read_shared_keys(fake_.store, peer_));
}

TEST_F(ReadKeys, AnIdIsOfItsKeyAndTheSameOnAllChassis) {
  peer_.authentication_key = secret("one");
  peer_.second_authentication_key = secret("two");
  const auto one_two = read_shared_keys(fake_.store, peer_);
  std::swap(peer_.authentication_key, peer_.second_authentication_key);
  const auto two_one = read_shared_keys(fake_.store, peer_);
  ASSERT_TRUE(one_two && two_one);
  EXPECT_NE(one_two->at(0).id, one_two->at(1).id);
  EXPECT_EQ(one_two->at(0).id, two_one->at(1).id);
  EXPECT_EQ(one_two->at(1).id, two_one->at(0).id);
}

TEST_F(ReadKeys, TheSameKeyTwiceIsRefused) {
  write(kLine + "\n" + kLine + "\n");
  const auto keys = read_shared_keys(fake_.store, peer_);
  ASSERT_FALSE(keys);
  EXPECT_THAT(keys.error().text, HasSubstr("both keys have the id"));
}

TEST(ProtocolKeys, DifferByProtocolAndKeepTheirIds) {
  const SharedKeys keys{key(0x1a2b), key(0x3c4d)};
  const SharedKeys mimp = protocol_keys(keys, "mimp 1");
  const SharedKeys mcs = protocol_keys(keys, "mcs 1");
  EXPECT_THAT(ids_of(mimp), ElementsAre(0x1a2b, 0x3c4d));
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(mimp[i].secret.size(), 32U);
    EXPECT_FALSE(mimp[i].secret == mcs[i].secret);
    EXPECT_FALSE(mimp[i].secret == keys[i].secret);
  }
  EXPECT_TRUE(protocol_keys({}, "mimp 1").empty());
  EXPECT_TRUE(protocol_key(SecretBytes{}, "mimp 1").empty());
}

TEST(ProtocolKeys, OfBfdHaveEightBitsOfTheIdAndTwentyBytes) {
  const bfd::Keys keys = bfd_keys({key(0x1a2b), key(0x3c4d)});
  ASSERT_EQ(keys.size(), 2U);
  EXPECT_EQ(keys[0].id, 0x2b);
  EXPECT_EQ(keys[1].id, 0x4d);
  EXPECT_EQ(keys[0].secret.size(), bfd::kSecretMax);
}

// ---- Which change loses nothing ---------------------------------------------------------------

struct Change {
  std::vector<uint16_t> from;
  std::vector<uint16_t> to;
  std::vector<uint16_t> peer;  // none: not reachable
  const char* refused;         // part of the reason; "": it is not
};

class KeyChangeMatrix : public ::testing::TestWithParam<Change> {};

SharedKeys keys_of(const std::vector<uint16_t>& ids) {
  SharedKeys keys;
  for (const uint16_t id : ids) keys.push_back(key(id));
  return keys;
}

TEST_P(KeyChangeMatrix, IsTakenIfBothHearEachOtherAfterIt) {
  const Change& change = GetParam();
  const std::string why = change_refused(keys_of(change.from), keys_of(change.to), change.peer);
  if (*change.refused == '\0') {
    EXPECT_EQ(why, "");
  } else {
    EXPECT_THAT(why, HasSubstr(change.refused));
  }
}

// 1: the old key, 2: the new one, 3: another.
INSTANTIATE_TEST_SUITE_P(
    Keys, KeyChangeMatrix,
    ::testing::Values(
        // Step 1, first here and then there.
        Change{{1}, {1, 2}, {1}, ""}, Change{{1}, {1, 2}, {1, 2}, ""},
        // Step 2.
        Change{{1, 2}, {2, 1}, {1, 2}, ""}, Change{{1, 2}, {2, 1}, {2, 1}, ""},
        Change{{1, 2}, {2, 1}, {1}, "does not accept key 0002 yet"},
        // Step 3.
        Change{{2, 1}, {2}, {2, 1}, ""}, Change{{2, 1}, {2}, {2}, ""},
        Change{{2, 1}, {2}, {1, 2}, "still sends with key 0001"},
        // A step back.
        Change{{1, 2}, {1}, {1, 2}, ""}, Change{{2, 1}, {1, 2}, {2, 1}, ""},
        Change{{1, 2}, {1}, {2, 1}, "still sends with key 0002"},
        // A step left out.
        Change{{1}, {2, 1}, {1, 2}, ""}, Change{{1}, {2, 1}, {1}, "does not accept key 0002 yet"},
        Change{{1, 2}, {2}, {2, 1}, ""}, Change{{1}, {2}, {1, 2}, "none of the keys in use"},
        Change{{1}, {2}, {}, "none of the keys in use"},
        Change{{1, 2}, {3}, {}, "none of the keys"},
        // Alone: the peer takes its steps when it is back.
        Change{{1, 2}, {2, 1}, {}, ""}, Change{{2, 1}, {2}, {}, ""},
        // A first key, and the last one.
        Change{{}, {1}, {}, "a first key takes a restart"}, Change{{1}, {}, {}, "without a key"},
        // Nothing.
        Change{{}, {}, {}, ""}, Change{{1, 2}, {1, 2}, {3}, ""}));

TEST(NextKeys, AreThoseOfAllPeersOrNone) {
  platform::testing::FakePlatform fake;
  const auto address = [](uint8_t last) { return IpAddress::v4(0xC0000200U + last); };
  config::Config configured;
  for (const uint8_t last : {uint8_t{2}, uint8_t{3}}) {
    config::McPeer peer;
    peer.address = address(last);
    peer.authentication_key = secret("one");
    configured.peers.push_back(peer);
  }
  std::vector<KeysInUse> in_use;
  for (const config::McPeer& peer : configured.peers) {
    auto keys = read_shared_keys(fake.store, peer);
    ASSERT_TRUE(keys);
    in_use.push_back({.peer = peer.address, .keys = *keys, .told = {ids_of(*keys)}});
  }
  for (config::McPeer& peer : configured.peers) peer.second_authentication_key = secret("two");
  const auto next = next_keys(fake.store, configured, in_use);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->size(), 2U);
  std::swap(configured.peers[0].authentication_key, configured.peers[0].second_authentication_key);
  const auto refused = next_keys(fake.store, configured, in_use);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().text, HasSubstr("\npeer 192.0.2.2: it does not accept key"));
  configured.peers.erase(configured.peers.begin());
  EXPECT_EQ(next_keys(fake.store, configured, in_use).error().text,
            "keys stay as they were:\npeer 192.0.2.2: it is not configured any more");
}

}  // namespace
}  // namespace segw::chassis
