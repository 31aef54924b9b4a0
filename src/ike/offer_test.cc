// What we offer, and which answers accept it.
#include "ike/offer.h"

#include <gtest/gtest.h>

#include "ike/testing.h"

namespace segw::ike {
namespace {

using testing::cbc_suite;
using testing::gcm_suite;

std::vector<Proposal> two() {
  return {{.suite = gcm_suite(Group::Curve25519), .lifetime = std::chrono::hours(1)},
          {.suite = cbc_suite(Group::Ecp256), .lifetime = std::chrono::hours(2)}};
}

std::vector<ChildProposal> children() {
  return {{.suite = testing::esp_gcm(), .pfs = Group::Ecp256, .lifetime = std::chrono::hours(1)},
          {.suite = testing::esp_cbc(), .pfs = std::nullopt, .lifetime = std::chrono::hours(2)}};
}

TEST(Offer, NumbersItsProposalsFromOneOn) {
  const payload::Sa offer = offer_ike(two(), std::nullopt);
  ASSERT_EQ(offer.proposals.size(), 2U);
  EXPECT_EQ(offer.proposals[0].number, 1);
  EXPECT_EQ(offer.proposals[1].number, 2);
  EXPECT_TRUE(offer.proposals[0].spi.empty());
}

TEST(Offer, ARekeyOfTheIkeSaCarriesItsSpi) {
  const payload::Sa offer = offer_ike(two(), IkeSpi{0x0102030405060708});
  EXPECT_EQ(offer.proposals[1].spi, (Bytes{1, 2, 3, 4, 5, 6, 7, 8}));
}

TEST(Offer, IkeAuthOffersNoGroup) {
  const payload::Sa offer = offer_child(children(), Spi{0x40000001}, ChildExchange::WithAuth);
  for (const auto& proposal : offer.proposals) {
    for (const auto& transform : proposal.transforms) EXPECT_NE(transform.type, kTransformGroup);
  }
}

TEST(Offer, ExtendedNumbersAreOfferedBesideShortOnes) {
  const payload::Sa offer = offer_child(children(), Spi{0x40000001}, ChildExchange::Alone);
  std::vector<uint16_t> numbers;
  for (const auto& transform : offer.proposals[1].transforms) {
    if (transform.type == kTransformEsn) numbers.push_back(transform.id);
  }
  EXPECT_EQ(numbers, (std::vector<uint16_t>{1, 0}));
}

TEST(Offer, EachOfItsProposalsMayBeAccepted) {
  for (const Proposal& each : two()) {
    const payload::Sa answer = offer_ike({each}, std::nullopt);
    const auto chosen = accepted_ike(two(), answer, each.suite.group);
    ASSERT_TRUE(chosen);
    EXPECT_EQ(chosen->suite, each.suite);
    EXPECT_EQ(chosen->lifetime, each.lifetime);
  }
}

TEST(Offer, AnotherGroupThanTheOneOfOurKeyIsNotAccepted) {
  const payload::Sa answer = offer_ike({two()[1]}, std::nullopt);
  EXPECT_FALSE(accepted_ike(two(), answer, Group::Curve25519));
}

TEST(Offer, WhatWasNotOfferedIsNotAccepted) {
  const payload::Sa answer = offer_ike({{.suite = gcm_suite(Group::Modp2048)}}, std::nullopt);
  EXPECT_FALSE(accepted_ike(two(), answer, Group::Modp2048));
}

TEST(Offer, AnAnswerWithTwoProposalsIsNoChoice) {
  EXPECT_FALSE(accepted_ike(two(), offer_ike(two(), std::nullopt), Group::Curve25519));
}

TEST(Offer, AnAnswerWithTwoTransformsOfOneTypeIsNoChoice) {
  payload::Sa answer = offer_ike({two()[0]}, std::nullopt);
  auto& transforms = answer.proposals.front().transforms;
  transforms.push_back(transforms.front());
  EXPECT_FALSE(accepted_ike(two(), answer, Group::Curve25519));
}

TEST(Offer, AChildSaMayBeAcceptedWithShortNumbers) {
  payload::Sa answer = offer_child({children()[1]}, Spi{0x40000001}, ChildExchange::WithAuth);
  std::erase_if(answer.proposals.front().transforms, [](const auto& transform) {
    return transform.type == kTransformEsn && transform.id == 1;
  });
  const auto chosen = accepted_child(children(), answer, std::nullopt, ChildExchange::WithAuth);
  ASSERT_TRUE(chosen);
  EXPECT_FALSE(chosen->suite.extended_sequence_numbers);
}

TEST(Offer, AGroupOfAChildSaWithoutItsKeyIsNotAccepted) {
  const payload::Sa answer = offer_child({children()[0]}, Spi{0x40000001}, ChildExchange::Alone);
  EXPECT_TRUE(accepted_child(children(), answer, Group::Ecp256, ChildExchange::Alone));
  EXPECT_FALSE(accepted_child(children(), answer, std::nullopt, ChildExchange::Alone));
}

}  // namespace
}  // namespace segw::ike
