// Messages in fragments (RFC 7383) through the engine, with takeovers in the middle.
#include <gtest/gtest.h>

#include <algorithm>

#include "ike/testing_extras.h"

namespace segw::ike::testing {
namespace {

using namespace std::chrono_literals;

constexpr uint16_t kMtu = 220;
constexpr size_t kPart = 130;

GroupSettings settings() {
  GroupSettings group = group_settings();
  group.tunnels[0].options.fragments = FragmentSettings{.mtu = kMtu, .reassembly_timeout = 2s};
  return group;
}

class FragmentedIke : public ::testing::Test {
 protected:
  // IKE_SA_INIT, and the fragments of IKE_AUTH.
  std::vector<Bytes> begin() {
    const Bytes answer = gateway_.ask(client_.chatty_init({NotifyType::FragmentationSupported}));
    EXPECT_TRUE(refused_init(answer, NotifyType::FragmentationSupported)) << "said, not refused";
    EXPECT_TRUE(client_.take_init(answer));
    return client_.in_parts(Exchange::Auth, client_.auth_payloads(), 1, kPart);
  }
  std::vector<Datagram> give_all(Gateway& gateway, const std::vector<Bytes>& parts) {
    std::vector<Datagram> sent;
    for (const Bytes& part : parts) {
      EXPECT_TRUE(sent.empty()) << "answered before the last";
      sent = gateway.give(part);
    }
    return sent;
  }
  [[nodiscard]] uint64_t count(const char* name) const {
    return gateway_.engine->counters().get(name);
  }
  Gateway gateway_{settings()};
  ChattyClient client_;
};

TEST_F(FragmentedIke, AFragmentedRequestIsAnsweredInFragmentsThatFit) {
  const auto parts = begin();
  ASSERT_GT(parts.size(), 2U);
  const auto sent = give_all(gateway_, parts);
  ASSERT_GT(sent.size(), 1U);
  for (const Datagram& each : sent) EXPECT_LE(each.message.size() + 32, kMtu);
  const auto answer = client_.open_parts(sent);
  ASSERT_TRUE(answer);
  EXPECT_NE(client_.find<payload::Auth>(*answer), nullptr);
  EXPECT_EQ(gateway_.only_ike().state, IkeState::Established);
}

TEST_F(FragmentedIke, OrderDoesNotMatter) {
  auto parts = begin();
  std::ranges::reverse(parts);
  EXPECT_TRUE(client_.open_parts(give_all(gateway_, parts)));
}

TEST_F(FragmentedIke, TheFirstFragmentAloneGetsTheAnswerAgain) {
  const auto parts = begin();
  const auto sent = give_all(gateway_, parts);
  for (size_t at = 1; at < parts.size(); ++at) EXPECT_TRUE(gateway_.give(parts[at]).empty());
  EXPECT_EQ(count("fragment-of-answered"), parts.size() - 1);
  const auto again = gateway_.give(parts[0]);
  ASSERT_EQ(again.size(), sent.size());
  for (size_t at = 0; at < sent.size(); ++at) EXPECT_EQ(again[at].message, sent[at].message);
}

TEST_F(FragmentedIke, ARepetitionThatIsCutSmallerGetsTheAnswerToo) {
  const auto sent = give_all(gateway_, begin());
  const auto smaller = client_.in_parts(Exchange::Auth, client_.auth_payloads(), 1, kPart / 2);
  const auto again = gateway_.give(smaller[0]);
  ASSERT_EQ(again.size(), sent.size());
  EXPECT_EQ(again[0].message, sent[0].message);
}

TEST_F(FragmentedIke, AnAnswerIsRepeatedByTheOtherChassisWithTheSameBytes) {
  const auto parts = begin();
  const auto sent = give_all(gateway_, parts);
  Gateway other(gateway_, settings());
  const auto again = other.give(parts[0]);
  ASSERT_EQ(again.size(), sent.size());
  for (size_t at = 0; at < sent.size(); ++at) EXPECT_EQ(again[at].message, sent[at].message);
}

TEST_F(FragmentedIke, ATakeoverBetweenAnyTwoFragmentsCostsOneRepetition) {
  const auto parts = begin();
  for (size_t heard = 0; heard < parts.size(); ++heard) {
    Gateway one(gateway_, settings());
    for (size_t at = 0; at < heard; ++at) one.give(parts[at]);
    Gateway other(one, settings());
    std::vector<Datagram> sent;
    for (size_t at = heard; at < parts.size(); ++at) {
      const auto now = other.give(parts[at]);
      if (!now.empty()) sent = now;
    }
    EXPECT_EQ(sent.empty(), heard > 0) << heard;
    for (const Bytes& part : parts) {
      const auto now = other.give(part);
      if (!now.empty()) sent = now;
    }
    EXPECT_TRUE(client_.open_parts(sent)) << heard;
    EXPECT_EQ(other.only_ike().state, IkeState::Established);
  }
}

TEST_F(FragmentedIke, WhatIsNotWholeInTimeIsForgotten) {
  const auto parts = begin();
  for (size_t at = 1; at < parts.size(); ++at) gateway_.give(parts[at]);
  gateway_.run_for(2s);
  EXPECT_EQ(count("fragments-expired"), 1U);
  EXPECT_TRUE(gateway_.give(parts[0]).empty());
  EXPECT_TRUE(client_.open_parts(give_all(gateway_, {parts.begin() + 1, parts.end()})));
}

TEST_F(FragmentedIke, AFragmentThatIsNotAuthenticIsNotKept) {
  const auto parts = begin();
  for (const Bytes& part : parts) {
    Bytes changed = part;
    changed.back() ^= 1;
    EXPECT_TRUE(gateway_.give(changed).empty());
  }
  EXPECT_EQ(count("fragment-integrity"), parts.size());
  EXPECT_TRUE(client_.open_parts(give_all(gateway_, parts)));
}

TEST_F(FragmentedIke, FragmentsOfAClientThatDidNotSayThatItSendsSomeAreDropped) {
  ASSERT_TRUE(client_.take_init(gateway_.ask(client_.init_request())));
  const auto parts = client_.in_parts(Exchange::Auth, client_.auth_payloads(), 1, kPart);
  EXPECT_TRUE(give_all(gateway_, parts).empty());
  EXPECT_EQ(count("fragment-not-agreed"), parts.size());
  EXPECT_FALSE(gateway_.ask(client_.auth_request()).empty()) << "and ours is whole";
}

TEST_F(FragmentedIke, WithoutConfigurationNobodyIsToldThatWeCan) {
  Gateway plain;
  const Bytes answer = plain.ask(client_.chatty_init({NotifyType::FragmentationSupported}));
  EXPECT_FALSE(refused_init(answer, NotifyType::FragmentationSupported));
}

TEST_F(FragmentedIke, AFragmentOfAnotherMessageIdIsDropped) {
  give_all(gateway_, begin());
  const auto far = client_.in_parts(Exchange::Informational, client_.auth_payloads(), 9, kPart);
  EXPECT_TRUE(gateway_.give(far[0]).empty());
  EXPECT_EQ(count("message-id"), 1U);
  const auto unasked =
      client_.in_parts(Exchange::Informational, client_.auth_payloads(), 0, kPart, true);
  EXPECT_TRUE(gateway_.give(unasked[0]).empty());
  EXPECT_EQ(count("response-unasked"), 1U);
}

TEST_F(FragmentedIke, ASuccessorOfARekeyStillSendsFragments) {
  give_all(gateway_, begin());
  client_.next_id = 2;
  const auto sent = gateway_.give(client_.rekey_ike_request(0x99));
  ASSERT_FALSE(sent.empty());
  for (const auto& [spi, sa] : gateway_.state.ike_sas) EXPECT_TRUE(sa.fragmentation);
}

}  // namespace
}  // namespace segw::ike::testing
