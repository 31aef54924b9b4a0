#include "esp/reassembly.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "esp/fragmentation.h"
#include "esp/testing.h"
#include "esp/traffic_class.h"

namespace segw::esp {
namespace {

using std::chrono::milliseconds;
using testing::FragmentFields;
using testing::pattern;

class Reassembly : public ::testing::Test {
 protected:
  std::optional<Bytes> add(const Bytes& bytes) {
    const auto parsed = parse_ip(bytes);
    EXPECT_TRUE(parsed && parsed->fragment);
    return parsed ? reassembler_.add(*parsed, now_, drops_) : std::nullopt;
  }
  std::optional<Bytes> add(const FragmentFields& fields, size_t size) {
    return add(testing::fragment(fields, pattern(size)));
  }
  Instant now_{std::chrono::seconds(5)};
  Counters drops_;
  Reassembler reassembler_{milliseconds(1000)};
};

TEST_F(Reassembly, WhatWasCutIsWholeAgainInEveryOrder) {
  for (const auto& [from, to] :
       {std::pair("192.0.2.1", "192.0.2.2"), std::pair("2001:db8::1", "2001:db8::2")}) {
    const Bytes whole = testing::packet(from, to, kProtocolUdp, pattern(3000), 0x2A);
    std::vector<Bytes> parts = fragments_of(whole, 1280, 0xABCD);
    ASSERT_EQ(parts.size(), 3U);
    std::ranges::sort(parts);
    do {
      EXPECT_FALSE(add(parts[0]));
      EXPECT_FALSE(add(parts[1]));
      const auto again = add(parts[2]);
      ASSERT_TRUE(again);
      EXPECT_EQ(*again, whole);
    } while (std::ranges::next_permutation(parts).found);
    EXPECT_EQ(reassembler_.datagrams(), 0U);
    EXPECT_EQ(reassembler_.bytes(), 0U);
  }
}

TEST_F(Reassembly, WhatStaysIncompleteIsForgottenAfterItsTime) {
  add({.offset = 0}, 512);
  now_ += milliseconds(999);
  reassembler_.expire(now_, drops_);
  EXPECT_EQ(reassembler_.datagrams(), 1U);
  now_ += milliseconds(1);
  EXPECT_FALSE(add({.offset = 512, .more = false}, 100));
  EXPECT_EQ(drops_.get("reassembly-timeout"), 1U);
  EXPECT_EQ(reassembler_.datagrams(), 1U);  // of the late one
}

struct Overlap {
  const char* what;
  size_t offset;
  size_t size;
  bool more;
  const char* counter;
};

TEST_F(Reassembly, AnOverlapRefusesTheDatagramAndWhatComesLater) {
  // There is 512..1023 and 1536..2047.
  const std::vector<Overlap> table{
      {"one byte unit into the one before", 1016, 512, true, "fragment-overlap"},
      {"into the one behind", 1280, 264, true, "fragment-overlap"},
      {"inside", 768, 256, true, "fragment-overlap"},
      {"around", 256, 1024, true, "fragment-overlap"},
      {"the same place, shorter", 512, 256, true, "fragment-overlap"},
      {"the last one before the end of another", 1024, 8, false, "fragment-overlap"},
      {"the same again", 512, 512, true, "fragment-duplicate"},
  };
  uint32_t identification = 10;
  for (const Overlap& row : table) {
    for (const bool four : {true, false}) {
      const auto fields = [&](size_t offset, bool more) {
        return FragmentFields{
            .v4 = four, .identification = identification, .offset = offset, .more = more};
      };
      const uint64_t before = drops_.get(row.counter);
      add(fields(512, true), 512);
      add(fields(1536, true), 512);
      add(fields(row.offset, row.more), row.size);
      EXPECT_EQ(drops_.get(row.counter), before + 1) << row.what;
      add(fields(0, true), 512);
      add(fields(1024, true), 512);
      const bool whole = add(fields(2048, false), 16).has_value();
      EXPECT_EQ(whole, std::string_view(row.counter) == "fragment-duplicate") << row.what;
      ++identification;
    }
  }
}

TEST_F(Reassembly, ASecondEndIsAContradiction) {
  add({.offset = 512, .more = false}, 100);
  add({.offset = 1024, .more = false}, 100);
  EXPECT_EQ(drops_.get("fragment-overlap"), 1U);
  EXPECT_FALSE(add({.offset = 0}, 512));
}

TEST_F(Reassembly, RefusesFragmentsThatCannotBe) {
  struct Row {
    const char* what;
    size_t offset;
    size_t size;
    bool more;
    const char* counter;
  };
  const std::vector<Row> table{
      {"empty", 8, 0, true, "fragment-malformed"},
      {"no multiple of eight", 0, 261, true, "fragment-malformed"},
      {"tiny first", 0, 8, true, "fragment-tiny"},
      {"tiny middle", 512, 248, true, "fragment-tiny"},
  };
  for (const Row& row : table) {
    for (const bool four : {true, false}) {
      const uint64_t before = drops_.get(row.counter);
      EXPECT_FALSE(add({.v4 = four, .offset = row.offset, .more = row.more}, row.size));
      EXPECT_EQ(drops_.get(row.counter), before + 1) << row.what << four;
    }
  }
  EXPECT_EQ(reassembler_.datagrams(), 0U);
}

TEST_F(Reassembly, FirstFragmentsAloneLockNobodyOut) {
  for (uint32_t i = 0; i < 4 * kReassembliesMax; ++i) {
    const std::string from = "10." + std::to_string(i >> 16) + "." + std::to_string(i >> 8 & 0xFF) +
                             "." + std::to_string(i & 0xFF);
    add({.identification = 5, .offset = 0, .source = from.c_str()}, 512);
    EXPECT_LE(reassembler_.datagrams(), kReassembliesMax);
  }
  EXPECT_EQ(drops_.get("reassembly-evicted"), 3 * kReassembliesMax);
  add({.identification = 9, .offset = 0}, 512);
  EXPECT_TRUE(add({.identification = 9, .offset = 512, .more = false}, 10));
}

TEST_F(Reassembly, OneSourceGetsItsShareOnly) {
  for (uint32_t i = 0; i < kReassembliesOfSource + 7; ++i) {
    add({.identification = i, .offset = 0}, 512);
  }
  EXPECT_EQ(reassembler_.datagrams(), kReassembliesOfSource);
  EXPECT_EQ(drops_.get("reassembly-source-full"), 7U);
  // What it has under way goes on.
  EXPECT_TRUE(add({.identification = 0, .offset = 512, .more = false}, 10));
}

TEST_F(Reassembly, TheMemoryIsBounded) {
  for (uint32_t i = 0; i < 2000; ++i) {
    const std::string from = "10.0." + std::to_string(i >> 6) + ".1";
    add({.identification = i, .offset = 0, .source = from.c_str()}, 9000);
    EXPECT_LE(reassembler_.bytes(), kReassemblyBytesMax);
  }
  EXPECT_GT(drops_.get("reassembly-evicted"), 0U);
}

TEST_F(Reassembly, TooManyFragmentsRefuseTheDatagram) {
  for (size_t i = 0; i <= kFragmentsMax; ++i) add({.offset = i * 256}, 256);
  EXPECT_EQ(drops_.get("fragments-too-many"), 1U);
  EXPECT_EQ(reassembler_.bytes(), 0U);
}

TEST_F(Reassembly, DatagramsAreToldApart) {
  // Identification, source and, in IPv4, protocol.
  add({.identification = 1, .offset = 0}, 512);
  EXPECT_FALSE(add({.identification = 2, .offset = 512, .more = false}, 8));
  EXPECT_FALSE(add({.identification = 1, .offset = 512, .more = false, .source = "192.0.2.7"}, 8));
  EXPECT_FALSE(add({.identification = 1, .offset = 512, .more = false, .protocol = 50}, 8));
  EXPECT_TRUE(add({.identification = 1, .offset = 512, .more = false}, 8));
  // RFC 8200 4.5: of IPv6 fragments the first one's next header counts.
  add({.v4 = false, .identification = 1, .offset = 0, .protocol = 50}, 512);
  const auto whole = add({.v4 = false, .identification = 1, .offset = 512, .more = false}, 8);
  ASSERT_TRUE(whole);
  EXPECT_EQ(parse_ip(*whole)->protocol, 50);
}

TEST_F(Reassembly, CongestionOnOneFragmentMarksThePacket) {
  struct Row {
    uint8_t first, last;
    std::optional<uint8_t> whole;
  };
  const std::vector<Row> table{{kEcnCapable0, kEcnCapable0, kEcnCapable0},
                               {kEcnCapable0, kEcnCongestion, kEcnCongestion},
                               {kEcnCongestion, kEcnCapable1, kEcnCongestion},
                               {kEcnNotCapable, kEcnNotCapable, kEcnNotCapable},
                               {kEcnNotCapable, kEcnCongestion, std::nullopt},
                               {kEcnCongestion, kEcnNotCapable, std::nullopt}};
  for (const Row& row : table) {
    add({.offset = 0, .traffic_class = row.first}, 512);
    const auto whole = add({.offset = 512, .more = false, .traffic_class = row.last}, 8);
    ASSERT_EQ(whole.has_value(), row.whole.has_value());
    if (!whole) continue;
    EXPECT_EQ(parse_ip(*whole)->traffic_class, *row.whole);
  }
}

TEST_F(Reassembly, AChassisThatNoLongerActsForgetsAll) {
  add({.offset = 0}, 512);
  reassembler_.clear(drops_);
  EXPECT_EQ(reassembler_.datagrams(), 0U);
  EXPECT_EQ(reassembler_.bytes(), 0U);
  EXPECT_EQ(drops_.get("reassembly-given-up"), 1U);
}

}  // namespace
}  // namespace segw::esp
