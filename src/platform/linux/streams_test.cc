#include "platform/linux/streams.h"

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <unistd.h>

namespace segw::platform::os {
namespace {

using std::chrono::milliseconds;

struct Ear final : StreamHandler {
  void on_open() override { open = true; }
  void on_bytes(ByteView bytes) override { append(heard, bytes); }
  void on_closed(std::string_view why) override { closed = std::string(why); }
  bool open = false;
  Bytes heard;
  std::optional<std::string> closed;
};

class StreamsTest : public ::testing::Test {
 protected:
  // `name`: of the key, for us; as it is offered unless it is given.
  void listen(const std::string& identity, uint8_t key, const std::string& name = {}) {
    auto made = streams_.listen(
        here_,
        [identity, key, name](std::string_view offered) -> std::optional<TlsPsk> {
          if (offered != identity) return std::nullopt;
          return TlsPsk{.identity = name.empty() ? identity : name,
                        .key = SecretBytes(Bytes(32, key))};
        },
        [this](std::unique_ptr<Stream> stream) {
          accepted_ = std::move(stream);
          return &server_;
        });
    ASSERT_TRUE(made) << made.error().text;
    listener_ = std::move(*made);
  }
  void connect(const std::string& identity, uint8_t key) {
    connected_ =
        streams_.connect(here_.address, here_,
                         TlsPsk{.identity = identity, .key = SecretBytes(Bytes(32, key))}, client_);
  }
  // Runs the loop until `done` holds, or ten seconds have passed.
  void run_until(const std::function<bool()>& done) {
    const Instant end = loop_.now() + std::chrono::seconds(10);
    std::function<void()> look = [&] {
      if (done() || loop_.now() > end) return loop_.stop();
      loop_.at(loop_.now() + milliseconds(1), look);
    };
    if (done()) return;
    look();
    loop_.run();
    EXPECT_TRUE(done());
  }

  Loop loop_;
  TlsStreams streams_{loop_};
  Endpoint here_{.address = IpAddress::v4(0x7F000001),
                 .port = static_cast<uint16_t>(20000 + getpid() % 8192)};
  Ear server_;
  Ear client_;
  std::unique_ptr<Stream> accepted_;
  std::unique_ptr<Stream> connected_;
  std::unique_ptr<Listener> listener_;
};

TEST_F(StreamsTest, CarriesBytesBothWaysUnderTheSameKey) {
  listen("pair", 1);
  connect("pair", 1);
  connected_->send(Bytes(100'000, 7));  // before it is open: kept until it is
  run_until([&] { return server_.heard.size() == 100'000; });
  accepted_->send(Bytes{1, 2, 3});
  run_until([&] { return client_.heard.size() == 3; });
  EXPECT_TRUE(client_.open && server_.open);
  accepted_.reset();
  run_until([&] { return client_.closed.has_value(); });
}

// A stranger's key exchange value that is no point leaves an error in the thread's queue.
TEST_F(StreamsTest, AnErrorThatOthersLeftBehindEndsNoStream) {
  listen("pair", 1);
  connect("pair", 1);
  run_until([&] { return client_.open && server_.open; });
  ERR_raise(ERR_LIB_EC, ERR_R_PASSED_INVALID_ARGUMENT);
  accepted_->send(Bytes{1, 2, 3});
  run_until([&] { return client_.heard.size() == 3 || client_.closed; });
  EXPECT_EQ(client_.closed.value_or(""), "");
  ERR_raise(ERR_LIB_EC, ERR_R_PASSED_INVALID_ARGUMENT);
  accepted_->send(Bytes{4});
  run_until([&] { return client_.heard.size() == 4 || client_.closed; });
  EXPECT_EQ(client_.closed.value_or(""), "");
  ERR_clear_error();
}

TEST_F(StreamsTest, AWrongKeyOpensNothing) {
  listen("pair", 1);
  connect("pair", 2);
  run_until([&] { return client_.closed && server_.closed; });
  EXPECT_FALSE(client_.open || server_.open);
}

TEST_F(StreamsTest, AnUnknownIdentityOpensNothing) {
  listen("pair", 1);
  connect("other", 1);
  run_until([&] { return client_.closed && server_.closed; });
  EXPECT_FALSE(client_.open || server_.open);
}

// While keys are changed it says which of them it was.
TEST_F(StreamsTest, EachEndNamesTheKeyThatWasProvenInItsOwnWords) {
  listen("pair", 1, "the first of ours");
  connect("pair", 1);
  EXPECT_EQ(connected_->psk_identity(), "") << "nothing is proven yet";
  run_until([&] { return client_.open && server_.open; });
  EXPECT_EQ(connected_->psk_identity(), "pair");
  EXPECT_EQ(accepted_->psk_identity(), "the first of ours");
}

TEST_F(StreamsTest, NobodyThereIsToldByTheHandler) {
  connect("pair", 1);
  EXPECT_FALSE(client_.closed);
  run_until([&] { return client_.closed.has_value(); });
}

TEST_F(StreamsTest, ATakenPortIsOneClearLine) {
  listen("pair", 1);
  const auto second = streams_.listen(here_, {}, {});
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().text.find("127.0.0.1:" + std::to_string(here_.port)), std::string::npos);
}

}  // namespace
}  // namespace segw::platform::os
