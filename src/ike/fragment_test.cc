#include "ike/fragment.h"

#include <gtest/gtest.h>

#include "ike/testing.h"
#include "ike/testing_suites.h"

namespace segw::ike {
namespace {

using std::chrono::seconds;

class Fragments : public ::testing::TestWithParam<IkeSuite> {
 protected:
  Fragments() {
    keys_ = derive_keys(GetParam(), SecretBytes(Bytes(32, 5)),
                        {.initiator = Bytes(32, 1), .responder = Bytes(32, 2)},
                        {.initiator = IkeSpi{1}, .responder = IkeSpi{2}});
  }
  std::vector<Bytes> sent(size_t payload_size, size_t size_max) {
    payloads_ = {payload::Other{.type = 37, .critical = false, .body = Bytes(payload_size, 1)},
                 payload::Other{.type = 39, .critical = false, .body = Bytes(20, 2)}};
    return protect_in_parts(
        header_, payloads_, GetParam(), keys_, Direction::FromInitiator, iv_++,
        [this] { return ivs_left_-- > 0 ? std::optional(iv_++) : std::nullopt; }, size_max, rng_);
  }
  wire::Decoded<Plain> opened(const Bytes& message) {
    const auto header = decode_header(message);
    if (!header) return tl::unexpected<wire::Refusal>(header.error());
    return unprotect_part(message, *header, GetParam(), keys_, Direction::FromInitiator);
  }
  Header header_{.initiator = IkeSpi{1},
                 .responder = IkeSpi{2},
                 .exchange = static_cast<uint8_t>(Exchange::Auth),
                 .from_initiator = true,
                 .message_id = 1};
  IkeKeys keys_;
  std::vector<Payload> payloads_;
  uint64_t iv_ = 7;
  int ivs_left_ = 1000;
  platform::testing::FakeRng rng_;
};

TEST_P(Fragments, AreAtMostAsLargeAsAllowedAndGiveTheMessageAgain) {
  for (const size_t size : {700U, 1400U, 4000U, 9000U}) {
    for (size_t size_max = 480; size_max < 500; ++size_max) {
      const auto datagrams = sent(size, size_max);
      ASSERT_GT(datagrams.size(), 1U);
      Reassembler reassembler;
      std::optional<Piece> whole;
      for (size_t at = datagrams.size(); at-- > 0;) {  // the last first
        EXPECT_LE(datagrams[at].size(), size_max);
        EXPECT_FALSE(whole);
        const auto part = decode_part(datagrams[at], *decode_header(datagrams[at]));
        ASSERT_TRUE(part);
        EXPECT_EQ(part->number, at + 1);
        EXPECT_EQ(part->total, datagrams.size());
        auto plain = opened(datagrams[at]);
        ASSERT_TRUE(plain) << plain.error().field;
        EXPECT_EQ(plain->first, at == 0 ? 37 : 0);
        whole = reassembler.add({.sa = IkeSpi{2}}, 1, *part,
                                {.plain = std::move(*plain), .digest = {}}, Instant::max());
      }
      ASSERT_TRUE(whole);
      EXPECT_EQ(whole->plain.first, 37);
      EXPECT_EQ(whole->plain.bytes, encode_payloads(payloads_).bytes);
      EXPECT_EQ(reassembler.bytes(), 0U);
    }
  }
}

TEST_P(Fragments, AMessageThatFitsIsOneOrdinaryDatagram) {
  const auto measure = sent(600, 0);
  ASSERT_EQ(measure.size(), 1U);
  const size_t size = measure[0].size();
  EXPECT_EQ(size, protected_size(GetParam(), encode_payloads(payloads_).bytes.size()));
  const auto fits = sent(600, size);
  ASSERT_EQ(fits.size(), 1U);
  EXPECT_EQ(decode_header(fits[0])->next_payload, static_cast<uint8_t>(PayloadType::Encrypted));
  EXPECT_EQ(sent(600, size - 1).size(), 2U);
}

TEST_P(Fragments, NoTwoHaveOneIv) {
  const auto datagrams = sent(4000, 500);
  std::set<Bytes> ivs;
  const size_t iv_size = esp::algorithm(GetParam().encryption).iv_size;
  for (const Bytes& datagram : datagrams) {
    const auto start = datagram.begin() + kHeaderSize + 8;
    ivs.insert(Bytes(start, start + static_cast<long>(iv_size)));
  }
  EXPECT_EQ(ivs.size(), datagrams.size());
}

TEST_P(Fragments, TooFewIvsLeaveTheMessageWhole) {
  ivs_left_ = 3;
  const auto datagrams = sent(4000, 500);
  ASSERT_EQ(datagrams.size(), 1U);
  EXPECT_EQ(decode_header(datagrams[0])->next_payload,
            static_cast<uint8_t>(PayloadType::Encrypted));
}

TEST_P(Fragments, EveryFlippedByteAndEveryTruncationOfOneIsFound) {
  const Bytes part = sent(700, 500)[1];
  for (size_t at = 0; at < part.size(); ++at) {
    Bytes changed = part;
    changed[at] ^= 0x10;
    EXPECT_FALSE(opened(changed)) << "byte " << at;
    Bytes cut(part.begin(), part.begin() + static_cast<long>(at));
    EXPECT_FALSE(opened(cut)) << at;
    if (at <= kHeaderSize + 4) continue;
    cut[kHeaderSize + 2] = static_cast<uint8_t>((at - kHeaderSize) >> 8);
    cut[kHeaderSize + 3] = static_cast<uint8_t>(at - kHeaderSize);
    EXPECT_FALSE(
        unprotect_part(cut, *decode_header(part), GetParam(), keys_, Direction::FromInitiator))
        << at;
  }
}

INSTANTIATE_TEST_SUITE_P(Ike, Fragments, ::testing::ValuesIn(testing::every_suite()),
                         testing::name_of_suite);

TEST(FragmentSizes, AddressFamilyAndMarkerAreTakenOff) {
  EXPECT_EQ(message_size_max(1500, testing::address("10.0.0.1")), 1500U - 20 - 8 - 4);
  EXPECT_EQ(message_size_max(1280, testing::address("2001:db8::1")), 1280U - 40 - 8 - 4);
}

struct PartRow {
  uint16_t number, total;
  const char* refused;
};
class PartFields : public ::testing::TestWithParam<PartRow> {};

TEST_P(PartFields, AreChecked) {
  const PartRow& row = GetParam();
  const Header header{.initiator = IkeSpi{1},
                      .next_payload = static_cast<uint8_t>(PayloadType::EncryptedFragment)};
  wire::Writer out;
  out.bytes(encode_header(header, kHeaderSize + 8)).u8(0).u8(0).u16(8);
  out.u16(row.number).u16(row.total);
  const auto part = decode_part(out.view(), header);
  EXPECT_EQ(part ? "" : part.error().field, row.refused);
  for (size_t size = 0; size < kHeaderSize + 8; ++size) {
    EXPECT_FALSE(decode_part(ByteView(out.view()).first(size), header)) << size;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Ike, PartFields,
    ::testing::Values(PartRow{1, 1, ""}, PartRow{2, 2, ""}, PartRow{0, 2, "fragment-number"},
                      PartRow{3, 2, "fragment-number"}, PartRow{1, 0, "total-fragments"},
                      PartRow{0, 0, "total-fragments"}, PartRow{65535, 65535, ""}));

class Reassembly : public ::testing::Test {
 protected:
  std::optional<Piece> add(uint16_t number, uint16_t total, size_t size = 10, uint32_t id = 1) {
    const Part part{.number = number, .total = total};
    refused_ = reassembler_.refuse(key_, id, part);
    if (!refused_.empty()) return std::nullopt;
    return reassembler_.add(
        key_, id, part,
        {.plain = {.first = 41, .bytes = Bytes(size, static_cast<uint8_t>(number))},
         .digest = {static_cast<uint8_t>(number)}},
        Instant{} + seconds(++clock_));
  }
  Reassembler reassembler_;
  Reassembler::Key key_{.sa = IkeSpi{9}};
  std::string_view refused_;
  int clock_ = 0;
};

TEST_F(Reassembly, APartThatIsThereAlreadyIsNotLookedAt) {
  add(1, 3);
  EXPECT_FALSE(add(1, 3));
  EXPECT_EQ(refused_, "fragment-repeated");
  add(2, 3);
  EXPECT_TRUE(add(3, 3));
}

TEST_F(Reassembly, AGreaterTotalBeginsAnew) {
  add(1, 2, 100);
  EXPECT_FALSE(add(2, 3, 7));
  EXPECT_TRUE(refused_.empty());
  EXPECT_EQ(reassembler_.bytes(), 7 + kReassemblyOverhead);
  add(1, 3, 7);
  const auto whole = add(3, 3, 7);
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->plain.bytes.size(), 21U);
  EXPECT_EQ(whole->digest, Bytes{1}) << "that of the first part";
}

TEST_F(Reassembly, ASmallerTotalIsRefused) {
  add(1, 3);
  EXPECT_FALSE(add(2, 2));
  EXPECT_EQ(refused_, "fragment-of-fewer");
}

TEST_F(Reassembly, AnotherMessageReplacesTheOneUnderWay) {
  add(1, 2, 10, 1);
  EXPECT_FALSE(add(2, 2, 10, 2));
  EXPECT_TRUE(add(1, 2, 10, 2));
  EXPECT_EQ(reassembler_.bytes(), 0U);
}

TEST_F(Reassembly, ARequestAndAResponseAreApart) {
  add(1, 2);
  key_.response = true;
  EXPECT_FALSE(add(2, 2));
  reassembler_.forget(key_.sa);
  EXPECT_EQ(reassembler_.bytes(), 0U);
  EXPECT_FALSE(reassembler_.next_deadline());
}

TEST_F(Reassembly, EndsAtTheDeadlineOfItsFirstPart) {
  add(1, 3);
  const auto deadline = reassembler_.next_deadline();
  add(2, 3);
  EXPECT_EQ(reassembler_.next_deadline(), deadline);
  EXPECT_EQ(reassembler_.expire(*deadline - Duration(1)), 0U);
  EXPECT_EQ(reassembler_.expire(*deadline), 1U);
  EXPECT_EQ(reassembler_.bytes(), 0U);
  EXPECT_FALSE(add(3, 3));
}

TEST_F(Reassembly, TooManyPartsAreRefused) {
  EXPECT_FALSE(add(1, kPartsMax + 1));
  EXPECT_EQ(refused_, "fragment-too-many");
  add(1, kPartsMax);
  EXPECT_TRUE(refused_.empty());
}

TEST_F(Reassembly, AMessageThatGrowsTooLargeIsGivenUp) {
  for (uint16_t number = 1; number <= 10; ++number) {
    EXPECT_FALSE(add(number, 10, kReassembledMax / 4));
    EXPECT_LE(reassembler_.bytes(), kReassembledMax + kPartsMax * kReassemblyOverhead);
  }
  EXPECT_GT(reassembler_.evicted(), 0U);
}

TEST_F(Reassembly, ThePoolOfAllIsBoundedAndTheOldestMakesRoom) {
  constexpr uint64_t kMany = 1000;
  for (uint64_t sa = 1; sa <= kMany; ++sa) {
    key_.sa = IkeSpi{sa};
    add(1, 2, kReassembledMax - 100);
    EXPECT_LE(reassembler_.bytes(), kReassemblyPoolMax);
  }
  EXPECT_GT(reassembler_.evicted(), kMany / 2);
  EXPECT_TRUE(add(2, 2)) << "the newest is there";
  key_.sa = IkeSpi{1};
  EXPECT_FALSE(add(2, 2)) << "the oldest is not";
}

}  // namespace
}  // namespace segw::ike
