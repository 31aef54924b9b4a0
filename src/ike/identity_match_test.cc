#include "ike/identity_match.h"

#include <gtest/gtest.h>

namespace segw::ike {
namespace {

using Kind = IdentityMatch::Kind;

Identity id(uint8_t type, std::string_view text) {
  return {.type = type, .data = to_bytes(as_bytes(text))};
}
Identity address(const char* text) {
  const auto parsed = *IpAddress::parse(text);
  return {.type = parsed.is_v4() ? kIdIpv4 : kIdIpv6, .data = to_bytes(parsed.bytes())};
}
IdentityMatch string(Kind kind, uint8_t type, std::string_view text) {
  return {.kind = kind, .type = type, .data = to_bytes(as_bytes(text)), .prefix = {}};
}
IdentityMatch prefix(uint8_t type, const char* text) {
  return {.kind = Kind::Prefix, .type = type, .data = {}, .prefix = *IpPrefix::parse(text)};
}

struct Row {
  const char* what;
  IdentityMatch match;
  Identity identity;
  bool fits;
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.what; }

class Match : public testing::TestWithParam<Row> {};

TEST_P(Match, IsAsTheTableSays) {
  EXPECT_EQ(matches(GetParam().match, GetParam().identity), GetParam().fits) << GetParam().what;
}

INSTANTIATE_TEST_SUITE_P(
    Identity, Match,
    testing::Values(
        Row{"any", {}, id(kIdKey, "x"), true},
        Row{"same name", string(Kind::Exact, kIdFqdn, "a.example"), id(kIdFqdn, "a.example"), true},
        Row{"case", string(Kind::Exact, kIdFqdn, "A.Example"), id(kIdFqdn, "a.eXample"), true},
        Row{"other type", string(Kind::Exact, kIdFqdn, "a.example"), id(kIdKey, "a.example"),
            false},
        Row{"key bytes", string(Kind::Exact, kIdKey, "Ab"), id(kIdKey, "ab"), false},
        Row{"mail", string(Kind::Exact, kIdEmail, "a@b.c"), id(kIdEmail, "a@b.c"), true},
        Row{"suffix", string(Kind::Suffix, kIdFqdn, "example.net"), id(kIdFqdn, "e1.Example.net"),
            true},
        Row{"the suffix itself", string(Kind::Suffix, kIdFqdn, "example.net"),
            id(kIdFqdn, "example.net"), true},
        Row{"half a label", string(Kind::Suffix, kIdFqdn, "example.net"),
            id(kIdFqdn, "badexample.net"), false},
        Row{"dotted suffix", string(Kind::Suffix, kIdFqdn, ".net"), id(kIdFqdn, "a.net"), true},
        Row{"mail suffix", string(Kind::Suffix, kIdEmail, "b.c"), id(kIdEmail, "x@b.c"), true},
        Row{"mail, half", string(Kind::Suffix, kIdEmail, "b.c"), id(kIdEmail, "x@ab.c"), false},
        Row{"longer suffix", string(Kind::Suffix, kIdFqdn, "a.example.net"),
            id(kIdFqdn, "example.net"), false},
        Row{"in prefix", prefix(kIdIpv4, "10.9.0.0/16"), address("10.9.1.1"), true},
        Row{"not in prefix", prefix(kIdIpv4, "10.9.0.0/16"), address("10.8.1.1"), false},
        Row{"v6 in prefix", prefix(kIdIpv6, "2001:db8::/32"), address("2001:db8::1"), true},
        Row{"v6 for v4", prefix(kIdIpv4, "0.0.0.0/0"), address("2001:db8::1"), false},
        Row{"short address", prefix(kIdIpv4, "0.0.0.0/0"), id(kIdIpv4, "abc"), false},
        Row{"16 bytes as v4", prefix(kIdIpv4, "0.0.0.0/0"), id(kIdIpv4, "0123456789abcdef"), false},
        Row{"nothing", string(Kind::Suffix, kIdFqdn, "a"), id(kIdFqdn, ""), false}));

TEST(Identity, IsPrintedWithoutWhatAStrangerHidInIt) {
  EXPECT_EQ(text(id(kIdFqdn, "enb1.example")), "enb1.example");
  EXPECT_EQ(text(address("10.0.0.1")), "10.0.0.1");
  EXPECT_EQ(text(id(kIdKey, "ab")), "key-id ab");
  EXPECT_EQ(text(id(kIdKey, std::string_view("\x1B[2J", 4))), "key-id 0x1b5b324a");
  EXPECT_EQ(text(id(kIdFqdn, "a b")), "type-2 0x612062");
  EXPECT_EQ(text(id(9, "x")), "type-9 0x78");
}

}  // namespace
}  // namespace segw::ike
