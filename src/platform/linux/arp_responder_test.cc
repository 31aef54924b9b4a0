// Two chassis on one link, in a namespace that the test makes (as root).
#include "platform/linux/arp_responder.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

#include "platform/linux/services.h"

namespace segw::platform::os {
namespace {

class ArpResponderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root: makes a network namespace";
    ASSERT_TRUE(services_.apply({ServiceSpec{.name = "VPRN-T", .interfaces = {}, .routes = {}}}));
    const std::string ip = "ip -n " + prefix_ + "-VPRN-T link ";
    for (const char* what : {"add one type veth peer name other", "set one up", "set other up"}) {
      ASSERT_EQ(std::system((ip + what).c_str()), 0);  // NOLINT(cert-env33-c): our own words
    }
    one_ = open("one");
    tap_ = tap("other");
  }
  void TearDown() override {
    one_.reset();
    other_.reset();
    if (tap_ >= 0) ::close(tap_);
    services_.remove();
  }
  std::unique_ptr<ArpResponder> open(const std::string& device) {
    auto opened = ArpResponder::open(loop_, services_.find("VPRN-T")->where, device);
    EXPECT_TRUE(opened) << opened.error().text;
    return opened ? std::move(*opened) : nullptr;
  }
  int tap(const char* device) {
    int fd = -1;
    services_.find("VPRN-T")->where.inside([&] {
      fd = ::socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, htons(ETH_P_ALL));
      sockaddr_ll address{};
      address.sll_family = AF_PACKET;
      address.sll_protocol = htons(ETH_P_ALL);  // what this end sends comes to such only
      address.sll_ifindex = static_cast<int>(if_nametoindex(device));
      EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    });
    return fd;
  }
  // Announcements seen since the last call: of the other end, and of this one.
  void count() {
    std::array<uint8_t, 64> frame{};
    sockaddr_ll from{};
    socklen_t size = sizeof(from);
    while (::recvfrom(tap_, frame.data(), frame.size(), 0, reinterpret_cast<sockaddr*>(&from),
                      &size) > 0) {
      if (from.sll_protocol != htons(ETH_P_ARP) || frame[7] != 1) continue;
      ++(from.sll_pkttype == PACKET_OUTGOING ? of_other_ : of_one_);
    }
  }
  // Runs until the later one has announced so often.
  void run_until_other(int announcements) {
    const Instant limit = loop_.now() + std::chrono::seconds(20);
    const std::function<void()> look = [&] {
      count();
      if (of_other_ >= announcements || loop_.now() > limit) return loop_.stop();
      loop_.at(loop_.now() + std::chrono::milliseconds(5), look);
    };
    loop_.at(loop_.now(), look);
    loop_.run();
    ASSERT_GE(of_other_, announcements);
  }

  const IpAddress address_ = *IpAddress::parse("10.99.0.254");
  Loop loop_;
  std::string prefix_ = "segw-arp" + std::to_string(getpid());
  NamespaceServices services_{prefix_};
  std::unique_ptr<ArpResponder> one_;
  std::unique_ptr<ArpResponder> other_;
  int tap_ = -1;
  int of_one_ = 0;
  int of_other_ = 0;
};

// docs/decisions/0108
TEST_F(ArpResponderTest, WhoHearsAnotherAnnounceItsAddressAnnouncesItNoMore) {
  one_->set({address_});
  other_ = open("other");  // it takes over later
  other_->set({address_});
  run_until_other(3);  // now, after 100 ms, after 500 ms
  EXPECT_EQ(of_one_, 1) << "before it heard of the other";
}

TEST_F(ArpResponderTest, AnotherAddressIsNoReasonToStop) {
  one_->set({address_});
  other_ = open("other");
  other_->set({*IpAddress::parse("10.99.0.253")});
  run_until_other(3);
  EXPECT_GE(of_one_, 2);
}

}  // namespace
}  // namespace segw::platform::os
