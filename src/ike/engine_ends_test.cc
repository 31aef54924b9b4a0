// What is to end does end, whatever is in its way.
#include <gtest/gtest.h>

#include "ike/message_id_sync.h"
#include "ike/testing_engine.h"
#include "ike/testing_extras.h"

namespace segw::ike::testing {
namespace {

using namespace std::chrono_literals;

// A client that sends ESP and answers nothing: a liveness request of ours is under way for ever.
class DeafClient : public ::testing::Test {
 protected:
  DeafClient() {
    EXPECT_TRUE(client_.connect(gateway_));
    gateway_.run_for(11s);
    EXPECT_TRUE(gateway_.only_ike().pending);
  }
  void send_esp_for(Duration span) {
    for (Duration passed{}; passed < span && !gateway_.state.ike_sas.empty(); passed += 5s) {
      gateway_.engine->heard(gateway_.only_ike().our_spi());
      gateway_.run_for(5s);
    }
  }
  Gateway gateway_{with_dpd()};
  Client client_;
};

TEST_F(DeafClient, LivesAsLongAsNothingIsToEnd) {
  send_esp_for(50min);
  EXPECT_EQ(gateway_.state.ike_sas.size(), 1U);
}

TEST_F(DeafClient, DoesNotOutliveItsKeys) {
  send_esp_for(61min);
  EXPECT_TRUE(gateway_.state.ike_sas.empty());
  EXPECT_TRUE(gateway_.host.installed.empty());
}

TEST_F(DeafClient, IsCutOffByTheOperator) {
  send_esp_for(1min);
  gateway_.engine->clear_tunnel(3);
  send_esp_for(30s);
  EXPECT_TRUE(gateway_.state.ike_sas.empty());
}

TEST_F(DeafClient, IsCutOffByTheOtherChassisToo) {
  send_esp_for(1min);
  gateway_.host.committed.clear();
  gateway_.engine->clear_tunnel(3);
  ASSERT_EQ(gateway_.host.committed.size(), 1U) << "the wish is in the record";
  EXPECT_EQ(gateway_.host.committed[0].ike_sas.back(), gateway_.only_ike().our_spi());
  EXPECT_GT(gateway_.only_ike().delete_after.count(), 0);
}

TEST_F(DeafClient, ADeleteOfItsIkeSaIsNotInItsWay) {
  gateway_.engine->delete_ike(gateway_.only_ike().our_spi());
  send_esp_for(2min);
  EXPECT_TRUE(gateway_.state.ike_sas.empty());
}

// ---- decisions that meet a commit under way, or a synchronisation ----

const Endpoint kNew{.address = address("198.51.100.9"), .port = 4500};

class UnprovenAddress : public ::testing::Test {
 protected:
  void move(const std::vector<NotifyType>& announced) {
    ASSERT_TRUE(client_.connect_with(gateway_, announced));
    gateway_.give(client_.request(Exchange::Informational, {notify(NotifyType::UpdateSaAddresses)}),
                  kNew);
    question_ = gateway_.run_for(200ms);
    ASSERT_EQ(question_.size(), 1U);
  }
  // With another cookie than was asked for.
  std::vector<Datagram> answer_wrongly() {
    return gateway_.give(
        client_.seal(Exchange::Informational, {notify(NotifyType::Cookie2, Bytes(16, 1))},
                     decode_header(question_[0].message)->message_id, true),
        kNew);
  }
  bool deletes(const std::vector<Datagram>& sent) {
    for (const Datagram& each : sent) {
      const auto payloads = client_.open(each.message);
      const auto* gone = payloads ? Client::find<payload::Delete>(*payloads) : nullptr;
      if (gone != nullptr && gone->protocol == kProtocolIke) return true;
    }
    return false;
  }
  Gateway gateway_;
  ChattyClient client_;
  std::vector<Datagram> question_;
};

// RFC 4555 3.7: "the IKE_SA MUST be closed."
TEST_F(UnprovenAddress, EndsTheIkeSaThoughAnAnswerOfOursIsBeingCommitted) {
  move({NotifyType::MobikeSupported});
  gateway_.host.mode = RecordingHost::Commits::Held;
  gateway_.give(client_.request(Exchange::Informational, {}), kNew);
  EXPECT_TRUE(answer_wrongly().empty());
  EXPECT_EQ(gateway_.engine->counters().get("address-unproven"), 1U);
  gateway_.host.mode = RecordingHost::Commits::AtOnce;
  gateway_.host.release();
  EXPECT_TRUE(deletes(gateway_.run_for(1s))) << "not asked with a new cookie";
}

TEST_F(UnprovenAddress, EndsTheIkeSaThoughASynchronisationComesBetween) {
  move({NotifyType::MobikeSupported, NotifyType::MessageIdSyncSupported});
  EXPECT_TRUE(deletes(answer_wrongly()));
  EXPECT_EQ(gateway_
                .give(client_.seal(
                    Exchange::Informational,
                    {notify(NotifyType::MessageIdSync,
                            encode_message_id_sync({.nonce = 7, .send = 5, .receive = 9}))},
                    0))
                .size(),
            1U);
  EXPECT_TRUE(deletes(gateway_.run_for(1s)));
}

// What the client made and we have not; see UnusableAnswer for when nothing can be said at first.
TEST(UnmadeChildSa, EndsTheIkeSaIfItsDeleteIsGivenUp) {
  Gateway gateway;
  ChattyClient client;
  ASSERT_TRUE(client.connect_with(gateway, {NotifyType::MessageIdSyncSupported}));
  gateway.host.sent.clear();
  gateway.engine->rekey_child(gateway.state.child_sas.begin()->first);
  ASSERT_FALSE(gateway.host.sent.empty());
  const auto asked = decode_header(gateway.host.sent.back().message);
  auto answer = client.child_payloads();
  answer.erase(answer.end() - 1);  // without selectors of the responder
  const auto sent =
      gateway.give(client.seal(Exchange::CreateChildSa, answer, asked->message_id, true));
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(gateway.only_ike().pending->kind, PendingRequest::Kind::DeleteChild);
  gateway.give(client.seal(Exchange::Informational,
                           {notify(NotifyType::MessageIdSync,
                                   encode_message_id_sync({.nonce = 7, .send = 5, .receive = 9}))},
                           0));
  gateway.run_for(1s);
  ASSERT_TRUE(gateway.only_ike().pending);
  EXPECT_EQ(gateway.only_ike().pending->kind, PendingRequest::Kind::DeleteIke);
}

}  // namespace
}  // namespace segw::ike::testing
