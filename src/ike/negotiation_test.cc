#include "ike/negotiation.h"

#include <gtest/gtest.h>

#include "ike/testing.h"
#include "ike/testing_suites.h"

namespace segw::ike {
namespace {

using testing::cbc_suite;
using testing::Client;
using testing::esp_cbc;
using testing::esp_gcm;
using testing::gcm_suite;
using testing::range;

constexpr uint32_t kSpi = 0x1000;

std::vector<Proposal> ours(std::initializer_list<IkeSuite> suites) {
  std::vector<Proposal> proposals;
  for (const IkeSuite& suite : suites) proposals.push_back({.suite = suite});
  return proposals;
}

payload::Sa offered(std::initializer_list<IkeSuite> suites) {
  payload::Sa sa;
  for (const IkeSuite& suite : suites) {
    sa.proposals.push_back(Client::ike_proposal(suite));
    sa.proposals.back().number = static_cast<uint8_t>(sa.proposals.size());
  }
  return sa;
}

TEST(ChooseIke, OurOrderDecides) {
  const auto chosen = choose_ike(ours({cbc_suite(), gcm_suite()}),
                                 offered({gcm_suite(), cbc_suite()}), std::nullopt);
  ASSERT_TRUE(chosen);
  EXPECT_EQ(chosen->suite, cbc_suite());
  EXPECT_EQ(chosen->answer.number, 2);
}

TEST(ChooseIke, TheAnswerHasOneTransformOfEachType) {
  payload::Sa many = offered({gcm_suite()});
  auto& transforms = many.proposals[0].transforms;
  transforms.insert(transforms.begin(), {kTransformEncryption, 12, uint16_t{128}});
  transforms.push_back({kTransformGroup, 14, {}});
  const auto chosen = choose_ike(ours({gcm_suite()}), many, std::nullopt);
  ASSERT_TRUE(chosen);
  EXPECT_EQ(chosen->answer.transforms, Client::ike_proposal(gcm_suite()).transforms);
}

struct IkeRow {
  const char* name;
  IkeSuite mine;
  IkeSuite theirs;
  std::optional<Group> group;
  bool fits;
};

IkeSuite with_key(IkeSuite suite, uint16_t bits) {
  suite.key_bits = bits;
  return suite;
}

class ChooseIkeTable : public ::testing::TestWithParam<IkeRow> {};

TEST_P(ChooseIkeTable, AgreesOnlyOnTheSame) {
  const IkeRow& row = GetParam();
  EXPECT_EQ(choose_ike(ours({row.mine}), offered({row.theirs}), row.group).has_value(), row.fits);
}

INSTANTIATE_TEST_SUITE_P(
    Ike, ChooseIkeTable,
    ::testing::Values(
        IkeRow{"Same", gcm_suite(), gcm_suite(), std::nullopt, true},
        IkeRow{"SameInItsGroup", gcm_suite(), gcm_suite(), Group::Curve25519, true},
        IkeRow{"OtherKe", gcm_suite(), gcm_suite(), Group::Modp2048, false},
        IkeRow{"OtherGroup", gcm_suite(), gcm_suite(Group::Modp2048), std::nullopt, false},
        IkeRow{"OtherCipher", gcm_suite(), cbc_suite(), std::nullopt, false},
        IkeRow{"OtherKeySize", gcm_suite(), with_key(gcm_suite(), 128), std::nullopt, false}),
    [](const auto& row) { return row.param.name; });

TEST(ChooseIke, AnUnknownTransformTypeMakesAProposalUnacceptable) {
  payload::Sa strange = offered({gcm_suite(), gcm_suite()});
  strange.proposals[0].transforms.push_back({6, 36, {}});
  const auto chosen = choose_ike(ours({gcm_suite()}), strange, std::nullopt);
  ASSERT_TRUE(chosen);
  EXPECT_EQ(chosen->answer.number, 2);
}

TEST(ChooseIke, ATransformWithAnUnknownAttributeIsNotChosen) {
  payload::Sa strange = offered({gcm_suite()});
  strange.proposals[0].transforms[0].unknown_attribute = true;
  EXPECT_FALSE(choose_ike(ours({gcm_suite()}), strange, std::nullopt));
}

TEST(ChooseIke, GcmWithARealIntegrityAlgorithmIsRefused) {
  payload::Sa both = offered({gcm_suite()});
  both.proposals[0].transforms.push_back({kTransformIntegrity, 12, {}});
  EXPECT_FALSE(choose_ike(ours({gcm_suite()}), both, std::nullopt));
  both.proposals[0].transforms.push_back({kTransformIntegrity, 0, {}});
  EXPECT_TRUE(choose_ike(ours({gcm_suite()}), both, std::nullopt));
}

// Every suite against every other: only the same one fits, and its answer is what was offered.
TEST(ChooseIke, OfAllSuitesOnlyTheSameOnesAgree) {
  const std::vector<IkeSuite> all = testing::every_suite();
  for (const IkeSuite& mine : all) {
    for (const IkeSuite& theirs : all) {
      const auto chosen = choose_ike(ours({mine}), offered({theirs}), std::nullopt);
      ASSERT_EQ(chosen.has_value(), mine == theirs)
          << testing::name_of(mine) << " and " << testing::name_of(theirs);
      if (!chosen) continue;
      EXPECT_EQ(chosen->suite, mine);
      EXPECT_EQ(chosen->answer.transforms, Client::ike_proposal(theirs).transforms);
    }
  }
}

TEST(ChooseIke, OfAllOfferedAtOnceOurFirstIsChosen) {
  const std::vector<IkeSuite> all = testing::every_suite();
  payload::Sa everything;
  for (const IkeSuite& each : all) everything.proposals.push_back(Client::ike_proposal(each));
  for (const IkeSuite& mine : all) {
    const auto chosen = choose_ike(ours({mine, all.front()}), everything, std::nullopt);
    ASSERT_TRUE(chosen);
    EXPECT_EQ(chosen->suite, mine);
  }
}

// RFC 7296 3.3.5: "The Key Length attribute MUST NOT be used with transforms that use a
// fixed-length key."
TEST(ChooseIke, AKeyLengthWhereThereIsOnlyOneIsNotChosen) {
  IkeSuite suite = gcm_suite();
  suite.encryption = esp::Encryption::ChaCha20Poly1305;
  payload::Sa theirs = offered({suite});
  ASSERT_EQ(theirs.proposals[0].transforms[0].key_bits, std::nullopt);
  EXPECT_TRUE(choose_ike(ours({suite}), theirs, std::nullopt));
  theirs.proposals[0].transforms[0].key_bits = uint16_t{256};
  EXPECT_FALSE(choose_ike(ours({suite}), theirs, std::nullopt));
}

TEST(ChooseIke, AKeyLengthThatIsMissingIsNotChosen) {
  for (const IkeSuite& suite : testing::every_suite()) {
    if (esp::algorithm(suite.encryption).fixed_key) continue;
    payload::Sa theirs = offered({suite});
    theirs.proposals[0].transforms[0].key_bits.reset();
    EXPECT_FALSE(choose_ike(ours({suite}), theirs, std::nullopt)) << testing::name_of(suite);
  }
}

TEST(ChooseChild, NullGoesWithAnIntegrityAlgorithmOnly) {
  const esp::Suite null{
      .encryption = esp::Encryption::Null, .key_bits = 0, .integrity = esp::Integrity::HmacSha1_96};
  payload::Sa theirs{.proposals = {Client::esp_proposal(null, kSpi)}};
  const auto made = choose_child({{.suite = null}}, theirs, {}, ChildExchange::Alone);
  ASSERT_TRUE(std::holds_alternative<ChosenChild>(made));
  EXPECT_EQ(std::get<ChosenChild>(made).suite, null);
  std::erase_if(theirs.proposals[0].transforms,
                [](const auto& each) { return each.type == kTransformIntegrity; });
  EXPECT_TRUE(std::holds_alternative<NotifyType>(
      choose_child({{.suite = null}}, theirs, {}, ChildExchange::Alone)));
}

struct ChildRow {
  const char* name;
  std::optional<Group> pfs;      // ours
  std::optional<Group> offered;  // in the client's proposal
  std::optional<uint16_t> ke;    // group of the client's KE payload
  ChildExchange exchange;
  std::variant<std::optional<Group>, NotifyType> result;
};

class ChooseChildTable : public ::testing::TestWithParam<ChildRow> {};

TEST_P(ChooseChildTable, AgreesOnAGroup) {
  const ChildRow& row = GetParam();
  const std::vector<ChildProposal> mine{{.suite = esp_gcm(), .pfs = row.pfs}};
  const payload::Sa theirs{.proposals = {Client::esp_proposal(esp_gcm(), kSpi, row.offered)}};
  const auto made = choose_child(mine, theirs, row.ke, row.exchange);
  if (const auto* refusal = std::get_if<NotifyType>(&row.result)) {
    ASSERT_TRUE(std::holds_alternative<NotifyType>(made));
    EXPECT_EQ(std::get<NotifyType>(made), *refusal);
    return;
  }
  ASSERT_TRUE(std::holds_alternative<ChosenChild>(made));
  EXPECT_EQ(std::get<ChosenChild>(made).group, std::get<0>(row.result));
}

using Agreed = std::optional<Group>;
constexpr auto kAlone = ChildExchange::Alone;
constexpr uint16_t kKe31 = 31;
constexpr uint16_t kKe14 = 14;

INSTANTIATE_TEST_SUITE_P(
    Ike, ChooseChildTable,
    ::testing::Values(ChildRow{"NoneNone", {}, {}, {}, kAlone, Agreed{}},
                      ChildRow{"OfferedThoughNotConfigured",
                               {},
                               Group::Curve25519,
                               kKe31,
                               kAlone,
                               Agreed{Group::Curve25519}},
                      ChildRow{"ConfiguredAndOffered", Group::Curve25519, Group::Curve25519, kKe31,
                               kAlone, Agreed{Group::Curve25519}},
                      ChildRow{"ConfiguredNotOffered",
                               Group::Curve25519,
                               {},
                               {},
                               kAlone,
                               NotifyType::NoProposalChosen},
                      ChildRow{"KeOfAnotherGroup", Group::Curve25519, Group::Curve25519, kKe14,
                               kAlone, NotifyType::InvalidKePayload},
                      ChildRow{"KeMissing",
                               Group::Curve25519,
                               Group::Curve25519,
                               {},
                               kAlone,
                               NotifyType::InvalidKePayload},
                      ChildRow{"GroupsAreForLaterInAuth",
                               Group::Curve25519,
                               {},
                               {},
                               ChildExchange::WithAuth,
                               Agreed{}}),
    [](const auto& row) { return row.param.name; });

TEST(ChooseChild, WithoutExtendedNumbersAnOfferOfOnlyThemIsRefused) {
  esp::Suite extended = esp_gcm();
  extended.extended_sequence_numbers = true;
  const payload::Sa theirs{.proposals = {Client::esp_proposal(extended, kSpi)}};
  const auto made = choose_child({{.suite = esp_gcm()}}, theirs, {}, kAlone);
  EXPECT_TRUE(std::holds_alternative<NotifyType>(made));
  const auto agreed = choose_child({{.suite = extended}}, theirs, {}, kAlone);
  ASSERT_TRUE(std::holds_alternative<ChosenChild>(agreed));
  EXPECT_TRUE(std::get<ChosenChild>(agreed).suite.extended_sequence_numbers);
}

TEST(ChooseChild, ExtendedNumbersGiveWayToAClientWithoutThem) {
  const payload::Sa theirs{.proposals = {Client::esp_proposal(esp_gcm(), kSpi)}};
  esp::Suite extended = esp_gcm();
  extended.extended_sequence_numbers = true;
  const auto made = choose_child({{.suite = extended}}, theirs, {}, kAlone);
  ASSERT_TRUE(std::holds_alternative<ChosenChild>(made));
  EXPECT_FALSE(std::get<ChosenChild>(made).suite.extended_sequence_numbers);
}

TEST(ChooseChild, AnSpiOfTheWrongSizeIsRefused) {
  payload::Sa theirs{.proposals = {Client::esp_proposal(esp_gcm(), kSpi)}};
  theirs.proposals[0].spi.push_back(0);
  EXPECT_TRUE(
      std::holds_alternative<NotifyType>(choose_child({{.suite = esp_gcm()}}, theirs, {}, kAlone)));
}

struct NarrowRow {
  const char* name;
  std::vector<esp::TrafficSelector> mine;
  std::vector<esp::TrafficSelector> theirs;
  std::vector<esp::TrafficSelector> result;
};

esp::TrafficSelector with(esp::TrafficSelector selector, uint8_t protocol, uint16_t first,
                          uint16_t last) {
  selector.protocol = protocol;
  selector.port_first = first;
  selector.port_last = last;
  return selector;
}

class NarrowTable : public ::testing::TestWithParam<NarrowRow> {};

TEST_P(NarrowTable, GivesTheIntersection) {
  EXPECT_EQ(narrow(GetParam().mine, GetParam().theirs), GetParam().result);
}

const esp::TrafficSelector kNet = range("10.0.0.0", "10.0.0.255");
const esp::TrafficSelector kAll = range("0.0.0.0", "255.255.255.255");
const esp::TrafficSelector kSix = range("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");

INSTANTIATE_TEST_SUITE_P(
    Ike, NarrowTable,
    ::testing::Values(
        NarrowRow{"Same", {kNet}, {kNet}, {kNet}},
        NarrowRow{"TheyAskForAll", {kNet}, {kAll}, {kNet}},
        NarrowRow{"TheyAskForLess", {kAll}, {kNet}, {kNet}},
        NarrowRow{"Overlap",
                  {range("10.0.0.0", "10.0.0.99")},
                  {range("10.0.0.50", "10.0.0.200")},
                  {range("10.0.0.50", "10.0.0.99")}},
        NarrowRow{"Apart", {range("10.0.0.0", "10.0.0.9")}, {range("10.0.0.10", "10.0.0.20")}, {}},
        NarrowRow{"OtherFamily", {kSix}, {kAll}, {}},
        NarrowRow{"TheirProtocol", {kNet}, {with(kNet, 6, 0, 65535)}, {with(kNet, 6, 0, 65535)}},
        NarrowRow{"OtherProtocol", {with(kNet, 17, 0, 65535)}, {with(kNet, 6, 0, 65535)}, {}},
        NarrowRow{
            "Ports", {with(kNet, 6, 80, 90)}, {with(kNet, 6, 85, 99)}, {with(kNet, 6, 85, 90)}},
        NarrowRow{"OpaquePortsOfAll", {kNet}, {with(kNet, 6, 65535, 0)}, {with(kNet, 6, 65535, 0)}},
        NarrowRow{"OpaquePortsOfSome", {with(kNet, 6, 80, 90)}, {with(kNet, 6, 65535, 0)}, {}},
        NarrowRow{"Ipv6",
                  {range("2001:db8::", "2001:db8::ffff")},
                  {kSix, kAll},
                  {range("2001:db8::", "2001:db8::ffff")}},
        NarrowRow{"Twice", {kNet}, {kNet, kNet}, {kNet}},
        NarrowRow{"BackwardsRange", {kAll}, {range("10.0.0.9", "10.0.0.1")}, {}}),
    [](const auto& row) { return row.param.name; });

TEST(Narrow, IsBounded) {
  std::vector<esp::TrafficSelector> many;
  for (uint32_t i = 0; i < 200; ++i) {
    esp::TrafficSelector one;
    one.first = one.last = IpAddress::v4(0x0A000000 + i);
    many.push_back(one);
  }
  EXPECT_EQ(narrow({kAll}, many).size(), 16U);
}

}  // namespace
}  // namespace segw::ike
