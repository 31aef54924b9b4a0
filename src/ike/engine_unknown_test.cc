// Who names an SA that is not there, and what it is told (RFC 7296 1.5, 2.21.4; redundancy rule
// 22).
#include <gtest/gtest.h>

#include "ike/testing.h"

namespace segw::ike::testing {
namespace {

using namespace std::chrono_literals;

constexpr Spi kUnknown{0x40001234};

class Unknown : public ::testing::Test {
 protected:
  Unknown() {
    EXPECT_TRUE(client_.connect(elsewhere_));
    gateway_.run_for(1s);
    gateway_.engine->set_complete(true);
  }
  Bytes request() { return client_.request(Exchange::Informational, {}); }
  // What leaves for ESP of the client in an IP packet with so much behind its header.
  std::vector<Datagram> esp(Spi spi, size_t size = 100, uint16_t port = 500) {
    gateway_.host.sent.clear();
    gateway_.engine->on_unknown_esp(
        {.local = gateway_at(port), .remote = client_at(port), .spi = spi, .size = size});
    return std::exchange(gateway_.host.sent, {});
  }
  [[nodiscard]] uint64_t counted(std::string_view what) const {
    return gateway_.engine->counters().get(what);
  }

  Gateway elsewhere_;
  Client client_;
  Gateway gateway_;
};

TEST_F(Unknown, ARequestIsToldThatItsIkeSaIsNotThere) {
  const Bytes asked = request();
  const auto sent = gateway_.give(asked, client_at(4500), gateway_at(4500));
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].remote, client_at(4500));
  EXPECT_EQ(sent[0].local, gateway_at(4500));
  EXPECT_LE(sent[0].message.size(), asked.size());
  const auto question = decode_header(asked);
  const auto answer = decode_header(sent[0].message);
  ASSERT_TRUE(question && answer);
  EXPECT_EQ(answer->initiator, question->initiator);
  EXPECT_EQ(answer->responder, question->responder);
  EXPECT_EQ(answer->message_id, question->message_id);
  EXPECT_EQ(answer->exchange, question->exchange);
  EXPECT_TRUE(answer->is_response);
  EXPECT_FALSE(answer->from_initiator);
  const auto payloads =
      decode_payloads(answer->next_payload, ByteView(sent[0].message).subspan(kHeaderSize));
  ASSERT_TRUE(payloads);
  ASSERT_EQ(payloads->size(), 1U);
  EXPECT_NE(Client::find_notify(*payloads, NotifyType::InvalidIkeSpi), nullptr);
  EXPECT_EQ(counted("invalid-ike-spi-told"), 1U);
}

TEST_F(Unknown, NothingIsToldBeforeAllIsKnown) {
  gateway_.engine->set_complete(false);
  EXPECT_TRUE(gateway_.give(request()).empty());
  EXPECT_TRUE(esp(kUnknown).empty());
  gateway_.engine->set_complete(true);
  gateway_.engine->deactivate();
  gateway_.engine->activate(true);
  EXPECT_TRUE(gateway_.give(request()).empty()) << "to be said anew after every takeover";
  EXPECT_TRUE(esp(kUnknown).empty());
}

// RFC 7296 2.21.4: "If the message is marked as a response, the node ... MUST NOT respond."
TEST_F(Unknown, AnAnswerIsNotAnswered) {
  EXPECT_TRUE(gateway_.give(client_.seal(Exchange::Informational, {}, 0, true)).empty());
}

// RFC 7296 1.5: "these are one-way messages that must not be responded to".
TEST_F(Unknown, AHintOfThisKindIsNotAnswered) {
  for (const NotifyType type : {NotifyType::InvalidSpi, NotifyType::InvalidIkeSpi}) {
    const Header header{.initiator = IkeSpi{7},
                        .responder = IkeSpi{8},
                        .exchange = static_cast<uint8_t>(Exchange::Informational),
                        .from_initiator = true};
    EXPECT_TRUE(gateway_.give(encode_message(header, {notify(type, Bytes(4, 1))})).empty());
  }
  const auto ours = esp(kUnknown);
  ASSERT_EQ(ours.size(), 1U);
  gateway_.run_for(1min);
  EXPECT_TRUE(gateway_.give(ours[0].message).empty());
}

TEST_F(Unknown, NobodyIsAnsweredOftenNorIsAnybodyWhoIsNoClient) {
  EXPECT_EQ(gateway_.give(request()).size(), 1U);
  EXPECT_TRUE(gateway_.give(request()).empty());
  EXPECT_TRUE(esp(kUnknown).empty()) << "of either kind";
  EXPECT_EQ(counted("unknown-untold"), 2U);
  gateway_.run_for(10s);
  EXPECT_EQ(gateway_.give(request()).size(), 1U);
  const Endpoint stranger{.address = address("203.0.113.7"), .port = 500};
  EXPECT_TRUE(gateway_.give(request(), stranger).empty());
}

TEST_F(Unknown, AMessageTooSmallForAnAnswerGetsNone) {
  Bytes small = encode_header({.initiator = IkeSpi{7},
                               .responder = IkeSpi{8},
                               .next_payload = static_cast<uint8_t>(PayloadType::Encrypted),
                               .exchange = static_cast<uint8_t>(Exchange::Informational),
                               .from_initiator = true},
                              kHeaderSize + 7);
  small.resize(kHeaderSize + 7);
  EXPECT_TRUE(gateway_.give(small).empty());
}

TEST_F(Unknown, EspIsToldOutsideOfAnIkeSaWhereThereIsNone) {
  const auto sent = esp(kUnknown);
  ASSERT_EQ(sent.size(), 1U);
  const auto header = decode_header(Bytes(8, 1));
  EXPECT_FALSE(header);
  const Bytes& message = sent[0].message;
  ASSERT_EQ(message.size(), 40U);
  EXPECT_EQ(Bytes(message.begin(), message.begin() + 16), Bytes(16, 0)) << "no SPI means anything";
  EXPECT_EQ(message[18], static_cast<uint8_t>(Exchange::Informational));
  EXPECT_EQ(message[19], 0x08) << "the flag I, and not R";
  const auto payloads = decode_payloads(message[16], ByteView(message).subspan(kHeaderSize));
  ASSERT_TRUE(payloads);
  const auto* told = Client::find_notify(*payloads, NotifyType::InvalidSpi);
  ASSERT_NE(told, nullptr);
  EXPECT_EQ(told->data, Client::spi_bytes(kUnknown.value));
  EXPECT_EQ(counted("invalid-spi-told"), 1U);
}

TEST_F(Unknown, EspIsNotAnsweredWithMoreThanItWas) {
  EXPECT_TRUE(esp(kUnknown, 47).empty());
  gateway_.run_for(10s);
  EXPECT_EQ(esp(kUnknown, 48).size(), 1U);
  gateway_.run_for(10s);
  EXPECT_TRUE(esp(kUnknown, 51, 4500).empty()) << "with the non-ESP marker";
  gateway_.run_for(10s);
  EXPECT_EQ(esp(kUnknown, 52, 4500).size(), 1U);
}

TEST_F(Unknown, AClientWithAnIkeSaIsToldUnderItsProtectionOrNotAtAll) {
  Client client;
  client.spi = IkeSpi{0x4711};
  ASSERT_TRUE(client.connect(gateway_));
  const auto sent = esp(kUnknown, 10);
  ASSERT_EQ(sent.size(), 1U);
  const auto payloads = client.open(sent[0].message);
  ASSERT_TRUE(payloads);
  const auto* told = Client::find_notify(*payloads, NotifyType::InvalidSpi);
  ASSERT_NE(told, nullptr);
  EXPECT_EQ(told->data, Client::spi_bytes(kUnknown.value));
  // While that is not answered.
  gateway_.run_for(10s);
  EXPECT_TRUE(esp(kUnknown, 1000).empty());
  gateway_.give(client.seal(Exchange::Informational, {}, 0, true));
  EXPECT_FALSE(gateway_.only_ike().pending);
}

TEST_F(Unknown, EspOfAnSaThatHasJustGoneIsNoSurpriseForAMinute) {
  Client client;
  client.spi = IkeSpi{0x4711};
  ASSERT_TRUE(client.connect(gateway_));
  const Spi gone = gateway_.state.child_sas.begin()->first;
  EXPECT_TRUE(esp(gone).empty()) << "the ISA does not have it yet";
  ASSERT_TRUE(client.open(
      gateway_.ask(client.request(Exchange::Informational, delete_child(client.child_spi)))));
  ASSERT_FALSE(gateway_.state.child_sas.contains(gone));
  gateway_.run_for(50s);
  EXPECT_TRUE(esp(gone).empty());
  gateway_.run_for(11s);
  EXPECT_EQ(esp(gone).size(), 1U);
}

// Its answer may be later than the first packet.
TEST_F(Unknown, NorIsEspOfAnSaThatWeHaveAskedFor) {
  Client client;
  client.spi = IkeSpi{0x4711};
  ASSERT_TRUE(client.connect(gateway_));
  gateway_.engine->rekey_child(gateway_.state.child_sas.begin()->first);
  ASSERT_TRUE(gateway_.only_ike().pending);
  const auto elsewhere = [&](Spi spi) {  // where there is no IKE SA that would be asked
    gateway_.host.sent.clear();
    gateway_.engine->on_unknown_esp(
        {.local = gateway_at(4500), .remote = client_at(7777), .spi = spi, .size = 100});
    return gateway_.host.sent.size();
  };
  EXPECT_EQ(elsewhere(gateway_.only_ike().pending->new_child), 0U);
  EXPECT_EQ(elsewhere(kUnknown), 1U);
}

}  // namespace
}  // namespace segw::ike::testing
