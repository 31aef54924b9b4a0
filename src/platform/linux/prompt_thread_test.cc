#include "platform/linux/prompt_thread.h"

#include <gtest/gtest.h>

#include <future>
#include <optional>
#include <thread>

namespace segw::platform::os {
namespace {

using namespace std::chrono_literals;

constexpr uint16_t kPort = 58'784;

TEST(PromptThread, RunsJobsOnAThreadOfItsOwnAndTellsOnTheLoops) {
  Loop loop;
  PromptThread prompt(loop);
  std::thread::id of_job;
  std::thread::id of_news;
  prompt.run([&](Prompt&) {
    of_job = std::this_thread::get_id();
    prompt.tell([&] {
      of_news = std::this_thread::get_id();
      loop.stop();
    });
  });
  EXPECT_NE(of_job, std::this_thread::get_id());
  loop.run();
  EXPECT_EQ(of_news, std::this_thread::get_id());
  EXPECT_FALSE(prompt.scheduling().empty());
}

TEST(PromptThread, NothingIsToldOnceItIsGone) {
  Loop loop;
  bool told = false;
  {
    PromptThread prompt(loop);
    prompt.run([&](Prompt&) { prompt.tell([&] { told = true; }); });
  }
  loop.at(loop.now(), [&] { loop.stop(); });
  loop.run();
  EXPECT_FALSE(told);
}

// What BFD is there for: the chassis' loop does something long.
TEST(PromptThread, TimersRunWhileTheLoopIsBusy) {
  Loop loop;
  PromptThread prompt(loop);
  std::promise<void> ran;
  prompt.run([&](Prompt& there) {
    there.scheduler.at(there.clock.now() + 10ms, [&] { ran.set_value(); });
  });
  // The loop never runs here.
  EXPECT_EQ(ran.get_future().wait_for(10s), std::future_status::ready);
}

class HopSocketTest : public ::testing::TestWithParam<std::string> {
 protected:
  struct Heard {
    Endpoint from;
    uint8_t ttl = 0;
    Bytes bytes;
  };
  // What arrives at the port if this is sent from another one.
  std::optional<Heard> heard(const Bytes& sent) {
    const auto address = IpAddress::parse(GetParam()).value_or(IpAddress{});
    Loop loop;
    HopSockets sockets(loop);
    std::optional<Heard> got;
    const Endpoint to{.address = address, .port = kPort};
    const auto receiver = sockets.open(to, [&](const Endpoint& from, uint8_t ttl, ByteView bytes) {
      got = Heard{.from = from, .ttl = ttl, .bytes = to_bytes(bytes)};
      loop.stop();
    });
    const auto sender = sockets.open({.address = address, .port = kPort + 1},
                                     [](const Endpoint&, uint8_t, ByteView) {});
    if (!receiver || !sender) return std::nullopt;
    loop.at(loop.now() + 5s, [&] { loop.stop(); });
    (*sender)->send(to, sent);
    loop.run();
    return got;
  }
};

TEST_P(HopSocketTest, SendsAndReceivesWithTtl255) {
  const auto got = heard({1, 2, 3});
  ASSERT_TRUE(got.has_value());
  const Heard& datagram = *got;
  EXPECT_EQ(datagram.ttl, 255);
  EXPECT_EQ(datagram.bytes, (Bytes{1, 2, 3}));
  EXPECT_EQ(datagram.from.port, kPort + 1);
}

TEST_P(HopSocketTest, WhatIsTooLongIsCutAndReceived) {
  const auto got = heard(Bytes(2000, 7));
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ((*got).bytes.size(), 512U);
}

TEST(HopSockets, AFloodIsReadInPartsToItsEnd) {
  constexpr int kDatagrams = 150;  // what the socket's buffer surely holds
  Loop loop;
  HopSockets sockets(loop);
  const Endpoint to{.address = IpAddress::v4(0x7F000001), .port = kPort};
  int got = 0;
  std::optional<Instant> first;
  Instant last{};
  const auto receiver = sockets.open(to, [&](const Endpoint&, uint8_t, ByteView) {
    last = loop.now();
    if (!first) first = last;
    if (++got == kDatagrams) loop.stop();
  });
  const auto sender = sockets.open({.address = to.address, .port = kPort + 1},
                                   [](const Endpoint&, uint8_t, ByteView) {});
  ASSERT_TRUE(receiver && sender);
  for (int i = 0; i < kDatagrams; ++i) (*sender)->send(to, Bytes{1});
  loop.at(loop.now() + 5s, [&] { loop.stop(); });
  loop.run();
  EXPECT_EQ(got, kDatagrams);
  EXPECT_GE(last - first.value_or(last), 2ms);  // two rests
}

INSTANTIATE_TEST_SUITE_P(Families, HopSocketTest, ::testing::Values("127.0.0.1", "::1"));

TEST(HopSockets, AnAddressThatIsNotOursIsAnErrorWithItsName) {
  Loop loop;
  HopSockets sockets(loop);
  const auto opened = sockets.open({.address = IpAddress::v4(0xC0000201), .port = kPort},
                                   [](const Endpoint&, uint8_t, ByteView) {});
  ASSERT_FALSE(opened.has_value());
  EXPECT_NE(opened.error().text.find("192.0.2.1:58784"), std::string::npos);
}

}  // namespace
}  // namespace segw::platform::os
