#include "chassis/peer_trace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ike/testing.h"
#include "platform/testing/fake_platform.h"

namespace segw::chassis {
namespace {

using ike::testing::client_at;
using ::testing::HasSubstr;
using ::testing::Not;

class PeerTraceTest : public ::testing::Test {
 protected:
  void say(const IpAddress& from, const std::map<IkeSpi, ike::IkeSa>& sas = {}) {
    trace_.note(PeerTrace::Way::In,
                {.local = ike::testing::gateway_at(),
                 .remote = {.address = from, .port = 500},
                 .message = client_.init_request()},
                sas);
  }
  platform::testing::FakePlatform fake_;
  PeerTrace trace_{fake_.clock};
  ike::testing::Client client_;
  IpAddress peer_ = client_at().address;
};

TEST_F(PeerTraceTest, NotesWhatThePeerSaidAndNobodyElse) {
  ASSERT_TRUE(trace_.set(peer_, TraceMode::Brief));
  say(peer_);
  say(ike::testing::address("10.0.0.99"));
  const auto shown = trace_.status();
  ASSERT_EQ(shown.size(), 1U);
  ASSERT_EQ(shown[0].entries.size(), 1U);
  EXPECT_TRUE(shown[0].entries[0].inbound);
  EXPECT_THAT(shown[0].entries[0].text, HasSubstr("IKE_SA_INIT request 0"));
}

TEST_F(PeerTraceTest, IsBoundedInRateMessagesAndTime) {
  ASSERT_TRUE(trace_.set(peer_, TraceMode::Brief));
  for (int i = 0; i < 60; ++i) say(peer_);
  EXPECT_EQ(trace_.status()[0].entries.size(), 50U);
  EXPECT_EQ(trace_.status()[0].left_out, 10U);
  for (int second = 0; second < 5; ++second) {
    fake_.scheduler.run_for(std::chrono::seconds(1));
    for (int i = 0; i < 50; ++i) say(peer_);
  }
  EXPECT_EQ(trace_.status()[0].entries.size(), 200U);
  fake_.scheduler.run_for(std::chrono::minutes(11));
  const uint64_t left_out = trace_.status()[0].left_out;
  say(peer_);
  EXPECT_FALSE(trace_.status()[0].active);
  EXPECT_EQ(trace_.status()[0].left_out, left_out);
}

TEST_F(PeerTraceTest, EndsOnRequestAndTakesEightPeersOnly) {
  for (uint32_t i = 0; i < 8; ++i) {
    ASSERT_TRUE(trace_.set(IpAddress::v4(i + 1), TraceMode::Brief));
  }
  EXPECT_FALSE(trace_.set(peer_, TraceMode::Brief));
  EXPECT_FALSE(trace_.set(peer_, TraceMode::Off));
  EXPECT_TRUE(trace_.set(IpAddress::v4(1), TraceMode::Off));
  EXPECT_TRUE(trace_.set(peer_, TraceMode::Brief));
}

TEST_F(PeerTraceTest, ShowsKeysOnlyWhereTheyWereAskedFor) {
  ike::testing::Gateway gateway;
  ASSERT_TRUE(client_.take_init(gateway.ask(client_.init_request())));
  const std::string key = to_hex(gateway.only_ike().keys.sk_ei.view());
  const ike::Datagram request{.local = ike::testing::gateway_at(),
                              .remote = client_at(),
                              .message = client_.auth_request()};
  ASSERT_TRUE(trace_.set(peer_, TraceMode::Detail));
  trace_.note(PeerTrace::Way::In, request, gateway.state.ike_sas);
  EXPECT_THAT(trace_.status()[0].entries[0].text, HasSubstr("TSi"));
  EXPECT_THAT(trace_.status()[0].entries[0].text, Not(HasSubstr(key)));
  ASSERT_TRUE(trace_.set(peer_, TraceMode::ShowKeys));
  trace_.note(PeerTrace::Way::In, request, gateway.state.ike_sas);
  EXPECT_THAT(trace_.status()[0].entries[1].text, HasSubstr(key));
}

// Every key there is, after each message of a whole tunnel's life.
TEST_F(PeerTraceTest, NeverShowsAKeyOrAProofUnlessToldTo) {
  for (const TraceMode mode : {TraceMode::Brief, TraceMode::Detail}) {
    PeerTrace trace(fake_.clock);
    ike::testing::Gateway gateway;
    ike::testing::Client client;
    ASSERT_TRUE(trace.set(peer_, mode));
    std::vector<SecretBytes> secrets{client.pre_shared_key};
    Bytes proof;
    const auto exchange = [&](const Bytes& request) {
      const auto note = [&](PeerTrace::Way way, const Bytes& message) {
        trace.note(way,
                   {.local = ike::testing::gateway_at(), .remote = client_at(), .message = message},
                   gateway.state.ike_sas);
      };
      note(PeerTrace::Way::In, request);
      const Bytes answer = gateway.ask(request);
      note(PeerTrace::Way::Out, answer);
      for (const auto& [spi, sa] : gateway.state.ike_sas) {
        const ike::IkeKeys& keys = sa.keys;
        for (const SecretBytes* key : {&keys.sk_d, &keys.sk_ai, &keys.sk_ar, &keys.sk_ei,
                                       &keys.sk_er, &keys.sk_pi, &keys.sk_pr}) {
          if (!key->empty()) secrets.push_back(*key);
        }
      }
      for (const auto& [spi, sa] : gateway.state.child_sas) {
        secrets.push_back(sa.inbound_key);
        secrets.push_back(sa.outbound_key);
      }
      return answer;
    };
    ASSERT_TRUE(client.take_init(exchange(client.init_request())));
    const auto payloads = client.auth_payloads();
    proof = ike::testing::Client::find<ike::payload::Auth>(payloads)->data;
    exchange(client.request(ike::Exchange::Auth, payloads));
    const uint32_t child = gateway.state.child_sas.begin()->first.value;
    exchange(client.rekey_child_request(child));
    exchange(client.request(ike::Exchange::Informational, ike::testing::liveness()));
    exchange(client.rekey_ike_request(0x42));
    const TraceStatus shown = trace.status().at(0);
    ASSERT_GE(shown.entries.size(), 10U);
    for (const TraceEntry& entry : shown.entries) {
      for (const SecretBytes& secret : secrets) {
        EXPECT_THAT(entry.text, Not(HasSubstr(to_hex(secret.view()))));
      }
      EXPECT_THAT(entry.text, Not(HasSubstr(to_hex(proof))));
      EXPECT_THAT(entry.text, Not(HasSubstr("open sesame")));
    }
  }
}

}  // namespace
}  // namespace segw::chassis
