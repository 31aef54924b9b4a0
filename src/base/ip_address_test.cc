#include "base/ip_address.h"

#include <gtest/gtest.h>

namespace segw {
namespace {

TEST(IpAddress, PrintsWhatItParsed) {
  for (const char* text : {"0.0.0.0", "10.10.20.1", "255.255.255.255", "::", "::1", "2001:db8::1",
                           "fe80::1:0:0:2", "1:2:3:4:5:6:7:8"}) {
    const auto address = IpAddress::parse(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->text(), text);
  }
}

TEST(IpAddress, RefusesWhatIsNoAddress) {
  for (const char* text : {"", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.4 ", "a.b.c.d", ":", ":::",
                           "1::2::3", "12345::", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "1:"}) {
    EXPECT_FALSE(IpAddress::parse(text)) << text;
  }
}

TEST(IpPrefix, KnowsItsBoundsAndMembers) {
  const auto prefix = IpPrefix::parse("10.1.2.77/24");
  ASSERT_TRUE(prefix);
  EXPECT_EQ(prefix->first().text(), "10.1.2.0");
  EXPECT_EQ(prefix->last().text(), "10.1.2.255");
  EXPECT_TRUE(prefix->contains(*IpAddress::parse("10.1.2.3")));
  EXPECT_FALSE(prefix->contains(*IpAddress::parse("10.1.3.3")));
  EXPECT_FALSE(prefix->contains(*IpAddress::parse("2001:db8::1")));
  EXPECT_FALSE(IpPrefix::parse("10.0.0.0/33"));
}

}  // namespace
}  // namespace segw
