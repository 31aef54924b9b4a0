// Against the real kernel, in namespaces that the test makes (as root).
#include "platform/linux/steering.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "platform/linux/isas.h"
#include "platform/linux/tun.h"

namespace segw::platform::os {
namespace {

std::string output_of(const std::string& command) {
  std::string text;
  // NOLINTNEXTLINE(cert-env33-c): our own words
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  std::array<char, 4096> buffer{};
  while (pipe && fgets(buffer.data(), buffer.size(), pipe.get()) != nullptr) text += buffer.data();
  return text;
}

std::vector<IpPrefix> two_thousand() {
  std::vector<IpPrefix> many;
  many.reserve(2000);
  for (uint32_t i = 0; i < 2000; ++i) {
    many.push_back({.address = IpAddress::v4(0x0A800000U + i * 256), .length = 24});
  }
  return many;
}

struct TestLog final : Log {
  void event(Severity /*severity*/, std::string_view name, std::string text) override {
    if (!expected) ADD_FAILURE() << name << " " << text;
    names.emplace_back(name);
  }
  bool expected = false;
  std::vector<std::string> names;
};

class SteeringTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root: makes a network namespace";
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, keeper_.data()), 0);
    ServiceSpec spec{.name = "VPRN-T", .interfaces = {}, .routes = {}};
    spec.interfaces.push_back(
        {.name = "loop", .device = "", .addresses = {prefix("192.0.2.9/32")}});
    ASSERT_TRUE(services_.apply({spec}));
    place_ = services_.find("VPRN-T");
    run("link add shunt0 type veth peer name far0");
    run("addr add 10.99.0.1/24 dev shunt0");
    run("addr add 2001:db8:99::1/64 dev shunt0 nodad");
    run("link set shunt0 up");
    run("link set far0 up");
    place_->spec.interfaces.push_back(
        {.name = "shunt",
         .device = "shunt0",
         .addresses = {prefix("10.99.0.1/24"), prefix("2001:db8:99::1/64")},
         .shunt = true});
    const std::string isa = "isa9-1";
    for (const std::string& name : {public_tun_name(isa), private_tun_name(isa)}) {
      auto queue = open_tun_queue(place_->where, name);
      ASSERT_TRUE(queue) << queue.error().text;
      queues_.push_back(std::move(*queue));
      ASSERT_TRUE(place_->netlink->up(place_->netlink->device_index(name)));
    }
    SteeringSpec steering{.group = {1}, .isa_device = isa, .public_side = {}, .private_side = {}};
    steering.public_side = {.service = "VPRN-T",
                            .prefixes = {prefix("10.10.20.1/32"), prefix("2001:db8:20::1/128")},
                            .shunts = shunts(),
                            .virtual_next_hops = {}};
    steering.private_side = {.service = "VPRN-T",
                             .prefixes = {prefix("192.168.1.0/24"), prefix("2001:db8:1::/64")},
                             .shunts = {},
                             .virtual_next_hops = {}};
    const auto declared = steering_.declare(steering);
    ASSERT_TRUE(declared) << declared.error().text;
  }
  void TearDown() override {
    queues_.clear();
    services_.remove();
    for (const int fd : keeper_) ::close(fd);
  }
  // A group of which both sides have the shunt.
  void declare_second() {
    SteeringSpec second{
        .group = {2}, .isa_device = "isa9-1", .public_side = {}, .private_side = {}};
    second.public_side.service = "VPRN-T";
    second.private_side = {.service = "VPRN-T",
                           .prefixes = {prefix("192.168.2.0/24"), prefix("2001:db8:2::/64")},
                           .shunts = shunts(),
                           .virtual_next_hops = {}};
    ASSERT_TRUE(steering_.declare(second));
  }
  void make_private_tun_anew() {
    const std::string name = "isa9-1prv";
    const unsigned before = place_->netlink->device_index(name);
    run("link del " + name);
    queues_.pop_back();
    auto queue = open_tun_queue(place_->where, name);
    ASSERT_TRUE(queue) << queue.error().text;
    queues_.push_back(std::move(*queue));
    const unsigned now = place_->netlink->device_index(name);
    ASSERT_NE(now, before);
    ASSERT_TRUE(place_->netlink->up(now));
  }
  [[nodiscard]] bool routed(const std::string& to, const std::string& device) const {
    return route(to).find(" dev " + device) != std::string::npos;
  }
  // Runs what the loop has to do until it holds.
  template <typename Condition>
  bool comes_true(const Condition& condition) {
    for (int i = 0; i < 200 && !condition(); ++i) {
      loop_.io().run_one_for(std::chrono::milliseconds(50));
    }
    return condition();
  }
  // Towards two peers.
  static std::vector<Shunt> shunts() {
    return {{.next_hop = prefix("10.99.0.2/32").address,
             .next_hop_v6 = prefix("2001:db8:99::2/128").address},
            {.next_hop = prefix("10.99.0.3/32").address,
             .next_hop_v6 = prefix("2001:db8:99::3/128").address}};
  }
  static IpPrefix prefix(const char* text) { return IpPrefix::parse(text).value_or(IpPrefix{}); }
  void run(const std::string& what) {
    ASSERT_EQ(std::system((ip_ + what).c_str()), 0);  // NOLINT(cert-env33-c): our own words
  }
  [[nodiscard]] std::string route(const std::string& to, const std::string& from = "") const {
    return output_of(ip_ + "route get " + to + from + " 2>&1");
  }

  std::array<int, 2> keeper_{-1, -1};
  Loop loop_;
  TestLog log_;
  // Tests of several processes run at a time.
  std::string prefix_ = "segw-test" + std::to_string(getpid());
  std::string ip_ = "ip -n " + prefix_ + "-VPRN-T ";
  NamespaceServices services_{prefix_};
  NexthopSteering steering_{loop_, services_, log_, -1};
  ServicePlace* place_ = nullptr;
  std::vector<FileDescriptor> queues_;
};

TEST_F(SteeringTest, AReplacedNexthopMovesEveryRouteOfTheSide) {
  EXPECT_EQ(route("192.168.1.7").find("isa9-1prv"), std::string::npos);
  steering_.set({1}, {.from_service = Target::Tun, .from_shunt = Target::Tun});
  EXPECT_NE(route("10.10.20.1").find("isa9-1pub"), std::string::npos);
  EXPECT_NE(route("192.168.1.7").find("isa9-1prv"), std::string::npos);
  steering_.set({1}, {.from_service = Target::Shunt, .from_shunt = Target::Blackhole});
  EXPECT_NE(route("10.10.20.1").find("via 10.99.0.2 dev shunt0"), std::string::npos);
  // A side without a shunt next hop drops.
  EXPECT_EQ(route("192.168.1.7").find("dev"), std::string::npos);
}

TEST_F(SteeringTest, TheShuntLeadsToThePeerThatIsNamed) {
  SteeringState state{.from_service = Target::Shunt, .from_shunt = Target::Blackhole};
  steering_.set({1}, state);
  EXPECT_NE(route("10.10.20.1").find("via 10.99.0.2 dev shunt0"), std::string::npos);
  state.shunt_to = 1;
  steering_.set({1}, state);
  EXPECT_NE(route("10.10.20.1").find("via 10.99.0.3 dev shunt0"), std::string::npos);
  EXPECT_NE(route("2001:db8:20::1").find("via 2001:db8:99::3 dev shunt0"), std::string::npos);
  state.shunt_to = 2;  // of no peer
  steering_.set({1}, state);
  EXPECT_EQ(route("10.10.20.1").find("dev shunt0"), std::string::npos);
}

TEST_F(SteeringTest, Ipv6IsSteeredLikeIpv4) {
  run("-6 route add default via 2001:db8:99::3");
  EXPECT_EQ(route("2001:db8:1::7").find(" dev "), std::string::npos);
  steering_.set({1}, {.from_service = Target::Tun, .from_shunt = Target::Tun});
  EXPECT_NE(route("2001:db8:20::1").find("isa9-1pub"), std::string::npos);
  EXPECT_NE(route("2001:db8:1::7").find("isa9-1prv"), std::string::npos);
  steering_.set({1}, {.from_service = Target::Shunt, .from_shunt = Target::Blackhole});
  EXPECT_NE(route("2001:db8:20::1").find("via 2001:db8:99::2 dev shunt0"), std::string::npos);
  // A side without a shunt next hop drops: nothing follows the default route.
  EXPECT_EQ(route("2001:db8:1::7").find("2001:db8:99::3"), std::string::npos);
  steering_.set({1}, {.from_service = Target::Tun, .from_shunt = Target::Tun});
  queues_.clear();  // the last reader of both devices
  EXPECT_EQ(route("2001:db8:1::7").find("2001:db8:99::3"), std::string::npos);
  EXPECT_EQ(route("2001:db8:20::1").find("2001:db8:99::3"), std::string::npos);
}

TEST_F(SteeringTest, ReverseRoutesOfIpv6ComeAndGo) {
  steering_.set({1}, {.from_service = Target::Tun, .from_shunt = Target::Tun});
  const std::vector<IpPrefix> client{prefix("2001:db8:77::/64"), prefix("10.77.0.0/16")};
  steering_.add_routes({1}, client);
  EXPECT_NE(route("2001:db8:77::7").find("isa9-1prv"), std::string::npos);
  EXPECT_NE(route("10.77.0.7").find("isa9-1prv"), std::string::npos);
  steering_.remove_routes({1}, client);
  EXPECT_EQ(route("2001:db8:77::7").find("isa9-1prv"), std::string::npos);
  EXPECT_EQ(route("10.77.0.7").find("isa9-1prv"), std::string::npos);
}

TEST_F(SteeringTest, ALostTunLeavesBlackholesNotTheDefaultRoute) {
  run("route add default via 10.99.0.2");
  steering_.set({1}, {.from_service = Target::Tun, .from_shunt = Target::Tun});
  queues_.clear();  // the last reader of both devices
  EXPECT_EQ(route("192.168.1.7").find("10.99.0.2"), std::string::npos);
  EXPECT_EQ(route("10.10.20.1").find("10.99.0.2"), std::string::npos);
}

TEST_F(SteeringTest, ADetachedQueueKeepsTheRoutes) {
  steering_.set({1}, {.from_service = Target::Tun, .from_shunt = Target::Tun});
  auto kept = open_tun_queue(place_->where, "isa9-1prv");
  ASSERT_TRUE(kept);
  ASSERT_TRUE(detach_queue(*kept, "isa9-1prv"));
  queues_.clear();
  EXPECT_NE(route("192.168.1.7").find("isa9-1prv"), std::string::npos);
}

TEST_F(SteeringTest, AnAddedRouteFollowsTheStateLikeADeclaredOne) {
  run("route add default via 10.99.0.2");
  steering_.add_routes({1}, {prefix("10.40.0.0/16"), prefix("10.41.1.1/32")});
  EXPECT_EQ(route("10.40.1.1").find("dev"), std::string::npos) << "a blackhole at first";
  steering_.set({1}, {.from_service = Target::Tun, .from_shunt = Target::Tun});
  EXPECT_NE(route("10.40.1.1").find("isa9-1prv"), std::string::npos);
  EXPECT_NE(route("10.41.1.1").find("isa9-1prv"), std::string::npos);
  EXPECT_NE(output_of(ip_ + "route show table 193").find("10.40.0.0/16 nhid"), std::string::npos);
  steering_.add_routes({1}, {prefix("10.40.0.0/16")});  // again
  steering_.remove_routes({1}, {prefix("10.40.0.0/16"), prefix("10.77.0.0/16")});
  EXPECT_NE(route("10.40.1.1").find("10.99.0.2"), std::string::npos);
  EXPECT_NE(route("10.41.1.1").find("isa9-1prv"), std::string::npos);
}

TEST_F(SteeringTest, AnAddedRouteLeavesADeclaredOneOfTheSamePrefix) {
  steering_.set({1}, {.from_service = Target::Tun, .from_shunt = Target::Tun});
  steering_.add_routes({1}, {prefix("192.168.1.0/24")});
  steering_.remove_routes({1}, {prefix("192.168.1.0/24")});
  EXPECT_NE(route("192.168.1.7").find("isa9-1prv"), std::string::npos);
}

TEST_F(SteeringTest, DeclaringRemovesWhatAnEarlierRunAdded) {
  steering_.add_routes({1}, {prefix("10.40.0.0/16")});
  run("route add 10.50.0.0/16 via 10.99.0.2");  // somebody else's
  NexthopSteering next(loop_, services_, log_, -1);
  SteeringSpec spec{.group = {1}, .isa_device = "isa9-1", .public_side = {}, .private_side = {}};
  spec.public_side.service = "VPRN-T";
  spec.private_side.service = "VPRN-T";
  ASSERT_TRUE(next.declare(spec));
  EXPECT_EQ(output_of(ip_ + "route show table all").find("10.40.0.0"), std::string::npos);
  EXPECT_NE(output_of(ip_ + "route show").find("10.50.0.0/16"), std::string::npos);
}

TEST_F(SteeringTest, ManyRoutesComeAndGoInBatches) {
  const std::vector<IpPrefix> many = two_thousand();
  steering_.add_routes({1}, many);
  EXPECT_EQ(output_of(ip_ + "route show table 193 | grep -c nhid"), "2002\n");
  steering_.remove_routes({1}, many);
  EXPECT_EQ(output_of(ip_ + "route show table 193 | grep -c nhid"), "2\n");
}

TEST_F(SteeringTest, ATakeoverMakesRoutesAgainThatTheKernelTookWithTheShunt) {
  declare_second();
  run("route add default via 10.99.0.2");
  steering_.set({2}, {.from_service = Target::Shunt, .from_shunt = Target::Blackhole});
  steering_.add_routes({2}, {prefix("10.40.0.0/16"), prefix("2001:db8:40::/64")});
  EXPECT_TRUE(routed("192.168.2.7", "shunt0"));
  EXPECT_TRUE(routed("10.40.0.7", "shunt0"));
  run("link set far0 down");  // the peer's power loss takes our carrier
  ASSERT_TRUE(comes_true([&] { return !routed("10.40.0.7", "shunt0"); }));
  steering_.set({2}, {.from_service = Target::Tun, .from_shunt = Target::Tun});
  for (const char* to : {"192.168.2.7", "10.40.0.7", "2001:db8:2::7", "2001:db8:40::7"}) {
    EXPECT_TRUE(routed(to, "isa9-1prv")) << to << ": " << route(to);
  }
}

TEST_F(SteeringTest, AStandbyWhoseShuntFlappedShuntsAgain) {
  declare_second();
  log_.expected = true;
  // As services do it for their devices.
  ASSERT_TRUE(set_sysctl(place_->where, "net/ipv6/conf/shunt0/keep_addr_on_down", "1"));
  steering_.set({2}, {.from_service = Target::Shunt, .from_shunt = Target::Blackhole});
  steering_.add_routes({2}, {prefix("10.40.0.0/16")});
  for (const char* device : {"far0", "shunt0"}) {
    run(std::string("link set ") + device + " down");
    // Its routes are back before the device is: a takeover replaces the object and nothing else.
    const auto standing = [&](const char* what) {
      return output_of(ip_ + "route show " + what).find("nhid") != std::string::npos;
    };
    EXPECT_TRUE(comes_true([&] { return standing("10.40.0.0/16") && standing("192.168.2.0/24"); }));
    run(std::string("link set ") + device + " up");
    for (const char* to : {"192.168.2.7", "10.40.0.7", "2001:db8:2::7"}) {
      EXPECT_TRUE(comes_true([&] { return routed(to, "shunt0"); })) << device << ": " << route(to);
    }
  }
  EXPECT_EQ(log_.names.back(), "STEERING_MENDED");
}

TEST_F(SteeringTest, AShuntThatIsDownIsRefusedAndItsTrafficDropped) {
  declare_second();
  log_.expected = true;
  run("link set far0 down");
  steering_.set({2}, {.from_service = Target::Tun, .from_shunt = Target::Tun});
  steering_.set({2}, {.from_service = Target::Shunt, .from_shunt = Target::Blackhole});
  EXPECT_FALSE(routed("192.168.2.7", "isa9-1prv"));
  ASSERT_FALSE(log_.names.empty());
  EXPECT_EQ(log_.names.front(), "STEERING_FAILED");
}

// As an ISA that starts again does it whose device somebody took away.
TEST_F(SteeringTest, ATakeoverFindsATunThatWasMadeAnew) {
  declare_second();
  steering_.set({2}, {.from_service = Target::Shunt, .from_shunt = Target::Blackhole});
  steering_.add_routes({2}, {prefix("10.40.0.0/16"), prefix("2001:db8:40::/64")});
  make_private_tun_anew();
  steering_.set({2}, {.from_service = Target::Tun, .from_shunt = Target::Tun});
  for (const char* to : {"192.168.2.7", "10.40.0.7", "2001:db8:2::7", "2001:db8:40::7"}) {
    EXPECT_TRUE(routed(to, "isa9-1prv")) << to << ": " << route(to);
  }
  EXPECT_NE(route("192.168.2.7", " from 10.40.0.7 iif shunt0").find("isa9-1prv"),
            std::string::npos);
  EXPECT_TRUE(steering_.settled());
}

TEST_F(SteeringTest, AMasterWhoseTunWasMadeAnewSteersToIt) {
  declare_second();
  log_.expected = true;
  steering_.set({2}, {.from_service = Target::Tun, .from_shunt = Target::Tun});
  steering_.add_routes({2}, {prefix("10.40.0.0/16")});
  make_private_tun_anew();
  for (const char* to : {"192.168.2.7", "10.40.0.7", "2001:db8:2::7"}) {
    EXPECT_TRUE(comes_true([&] { return routed(to, "isa9-1prv"); })) << to << ": " << route(to);
  }
}

TEST_F(SteeringTest, ARouteThatWasRefusedIsTriedAgain) {
  declare_second();
  log_.expected = true;
  steering_.set({2}, {.from_service = Target::Tun, .from_shunt = Target::Tun});
  for (const uint32_t nexthop : {0x53470012U, 0x53470013U}) {
    ASSERT_TRUE(place_->netlink->remove_nexthop(nexthop));
  }
  steering_.add_routes({2}, {prefix("10.40.0.0/16")});
  EXPECT_EQ(log_.names, std::vector<std::string>{"STEERING_FAILED"});
  steering_.set({2}, {.from_service = Target::Tun, .from_shunt = Target::Tun});
  EXPECT_TRUE(routed("10.40.0.7", "isa9-1prv"));
  EXPECT_TRUE(comes_true([&] { return steering_.settled(); }));
}

TEST_F(SteeringTest, ManyLostRoutesComeBackInSlices) {
  declare_second();
  log_.expected = true;
  steering_.set({2}, {.from_service = Target::Shunt, .from_shunt = Target::Blackhole});
  const std::vector<IpPrefix> many = two_thousand();
  steering_.add_routes({2}, many);
  run("link set far0 down");
  const std::string count = ip_ + "route show table main | grep -c nhid";
  ASSERT_TRUE(comes_true([&] { return output_of(count) != "2003\n"; }));
  EXPECT_TRUE(comes_true([&] { return output_of(count) == "2003\n"; })) << output_of(count);
}

}  // namespace
}  // namespace segw::platform::os
