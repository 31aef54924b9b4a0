#include "chassis/reverse_routes.h"

#include <gtest/gtest.h>

#include "platform/testing/fake_platform.h"

namespace segw::chassis {
namespace {

using platform::testing::FakePlatform;

IpAddress address(const char* text) { return *IpAddress::parse(text); }
IpPrefix prefix(const char* text) { return *IpPrefix::parse(text); }

struct Row {
  const char* first;
  const char* last;
  std::vector<const char*> prefixes;
};

class PrefixesOf : public testing::TestWithParam<Row> {};

TEST_P(PrefixesOf, AreTheFewestThatAreTheRange) {
  std::vector<IpPrefix> expected;
  for (const char* text : GetParam().prefixes) expected.push_back(prefix(text));
  EXPECT_EQ(prefixes_of(address(GetParam().first), address(GetParam().last), 64), expected);
}

INSTANTIATE_TEST_SUITE_P(
    ReverseRoutes, PrefixesOf,
    testing::Values(Row{"10.0.0.0", "10.0.0.255", {"10.0.0.0/24"}},
                    Row{"10.0.0.7", "10.0.0.7", {"10.0.0.7/32"}},
                    Row{"0.0.0.0", "255.255.255.255", {"0.0.0.0/0"}},
                    Row{"192.168.1.10",
                        "192.168.1.20",
                        {"192.168.1.10/31", "192.168.1.12/30", "192.168.1.16/30",
                         "192.168.1.20/32"}},
                    Row{"10.0.0.255", "10.0.1.0", {"10.0.0.255/32", "10.0.1.0/32"}},
                    Row{"255.255.255.254", "255.255.255.255", {"255.255.255.254/31"}},
                    Row{"2001:db8::", "2001:db8::1:ffff", {"2001:db8::/111"}},
                    Row{"10.0.0.2", "10.0.0.1", {}}, Row{"10.0.0.1", "2001:db8::1", {}}));

TEST(ReverseRoutes, ARangeOfTooManyPrefixesGivesNone) {
  EXPECT_TRUE(prefixes_of(address("0.0.0.1"), address("255.255.255.254"), 16).empty());
  EXPECT_EQ(prefixes_of(address("0.0.0.1"), address("255.255.255.254"), 64).size(), 62U);
}

class ReverseRoutesTest : public testing::Test {
 protected:
  static esp::ChildSa child(uint32_t spi, std::initializer_list<const char*> protects) {
    esp::ChildSa sa;
    sa.inbound_spi = Spi{spi};
    sa.reverse_route = esp::ReverseRoute::All;
    for (const char* text : protects) {
      esp::TrafficSelector selector;
      selector.first = prefix(text).first();
      selector.last = prefix(text).last();
      sa.remote_selectors.push_back(selector);
    }
    return sa;
  }
  std::set<IpPrefix> routed() {
    fake_.scheduler.run_for(std::chrono::seconds(2));
    return fake_.steering.routes;
  }

  FakePlatform fake_;
  Counters counters_;
  ReverseRoutes routes_{fake_.platform, TunnelGroupId{1}, counters_};
};

TEST_F(ReverseRoutesTest, ComeAndGoWithTheChildSa) {
  routes_.add(child(1, {"192.168.1.0/24", "192.168.2.1/32", "192.168.1.0/24"}));
  EXPECT_EQ(routed(), (std::set{prefix("192.168.1.0/24"), prefix("192.168.2.1/32")}));
  routes_.remove(Spi{1});
  EXPECT_TRUE(routed().empty());
}

TEST_F(ReverseRoutesTest, ARekeyTouchesNoRoute) {
  routes_.add(child(1, {"192.168.1.0/24"}));
  (void)routed();
  const size_t calls = fake_.steering.route_calls;
  routes_.add(child(2, {"192.168.1.0/24"}));
  routes_.remove(Spi{1});
  routes_.add(child(2, {"192.168.1.0/24"}));  // its record again
  EXPECT_EQ(routed(), (std::set{prefix("192.168.1.0/24")}));
  EXPECT_EQ(fake_.steering.route_calls, calls);
}

TEST_F(ReverseRoutesTest, AReplacementWithinOneEventTouchesNoRoute) {
  routes_.add(child(1, {"192.168.1.0/24"}));
  (void)routed();
  const size_t calls = fake_.steering.route_calls;
  routes_.remove(Spi{1});
  routes_.add(child(2, {"192.168.1.0/24"}));
  (void)routed();
  EXPECT_EQ(fake_.steering.route_calls, calls);
}

TEST_F(ReverseRoutesTest, TunnelsWithoutThemHaveNone) {
  esp::ChildSa sa = child(1, {"192.168.1.0/24"});
  sa.reverse_route = esp::ReverseRoute::None;
  routes_.add(sa);
  EXPECT_TRUE(routed().empty());
}

TEST_F(ReverseRoutesTest, TheDefaultRouteIsLeftOutWhereItIsIgnored) {
  esp::ChildSa sa = child(1, {"0.0.0.0/0", "10.0.0.0/8"});
  sa.reverse_route = esp::ReverseRoute::NoDefault;
  routes_.add(sa);
  EXPECT_EQ(routed(), (std::set{prefix("10.0.0.0/8")}));
}

TEST_F(ReverseRoutesTest, ManyAreDoneInPieces) {
  for (uint32_t i = 0; i < 3000; ++i) {
    esp::ChildSa sa = child(i + 1, {});
    esp::TrafficSelector one;
    one.first = one.last = IpAddress::v4(0x0A000000U + i);
    sa.remote_selectors = {one};
    routes_.add(sa);
  }
  EXPECT_EQ(routed().size(), 3000U);
  EXPECT_EQ(fake_.steering.route_calls, 6U);
}

}  // namespace
}  // namespace segw::chassis
