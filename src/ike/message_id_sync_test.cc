#include "ike/message_id_sync.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace segw::ike {
namespace {

TEST(SyncData, GoesThroughTheCodec) {
  const MessageIdSync sync{.nonce = 0x01020304, .send = 7, .receive = 9};
  const Bytes data = encode_message_id_sync(sync);
  EXPECT_EQ(data, (Bytes{1, 2, 3, 4, 0, 0, 0, 7, 0, 0, 0, 9}));
  EXPECT_EQ(*decode_message_id_sync(data), sync);
}

TEST(SyncData, EveryTruncationTrailingByteAndTooHighNumberIsRefused) {
  Bytes data = encode_message_id_sync({.nonce = 1, .send = 7, .receive = 9});
  for (size_t size = 0; size < data.size(); ++size) {
    EXPECT_FALSE(decode_message_id_sync(ByteView(data).first(size))) << size;
  }
  data.push_back(0);
  EXPECT_FALSE(decode_message_id_sync(data));
  EXPECT_FALSE(decode_message_id_sync(encode_message_id_sync({.send = UINT32_MAX})));
  EXPECT_FALSE(decode_message_id_sync(encode_message_id_sync({.receive = UINT32_MAX})));
}

struct PeerRow {
  const char* what;
  MessageIds ids;
  uint32_t m1, p1;
  std::optional<MessageIds> after;  // nothing: dropped
};

class AsPeer : public ::testing::TestWithParam<PeerRow> {};

TEST_P(AsPeer, AnswersWithTheHigherNumbers) {
  const PeerRow& row = GetParam();
  const auto result = answer_sync({.nonce = 5, .send = row.m1, .receive = row.p1}, row.ids);
  ASSERT_EQ(result.has_value(), row.after.has_value());
  if (!result) return;
  EXPECT_EQ(result->ids, *row.after);
  EXPECT_EQ(result->answer.nonce, 5U);
  EXPECT_EQ(result->answer.send, row.after->next_out);
  EXPECT_EQ(result->answer.receive, row.after->next_in);
}

INSTANTIATE_TEST_SUITE_P(
    Ike, AsPeer,
    ::testing::Values(
        PeerRow{"cluster knows all", {3, 8, 0}, 4, 8, MessageIds{4, 8, 4}},
        PeerRow{"cluster missed our last", {3, 8, 0}, 4, 6, MessageIds{4, 8, 4}},
        PeerRow{"cluster forgot everything of ours", {3, 8, 0}, 4, 0, MessageIds{4, 8, 4}},
        PeerRow{"cluster is ahead of us", {3, 8, 0}, 9, 11, MessageIds{9, 11, 9}},
        PeerRow{"just the next", {3, 8, 0}, 3, 8, MessageIds{3, 8, 3}},
        PeerRow{"lower than seen", {3, 8, 0}, 2, 8, std::nullopt},
        PeerRow{"as the last synchronisation", {4, 8, 4}, 4, 8, std::nullopt},
        PeerRow{"above the last synchronisation", {4, 8, 4}, 5, 8, MessageIds{5, 8, 5}},
        PeerRow{"an old one again after more", {9, 8, 4}, 5, 8, std::nullopt}),
    [](const auto& row) {
      std::string name = row.param.what;
      std::replace(name.begin(), name.end(), ' ', '_');
      return name;
    });

TEST(AsCluster, EveryAttemptAsksWithAHigherM1) {
  MessageIds ids{.next_in = 4, .next_out = 7};
  uint32_t last = 6;
  for (int attempt = 0; attempt < 5; ++attempt) {
    const auto asked = ask_sync(ids, 1);
    ASSERT_TRUE(asked);
    EXPECT_GT(asked->request.send, last);
    EXPECT_GT(asked->request.send, ids.next_out);
    EXPECT_EQ(asked->request.receive, 4U);
    last = asked->request.send;
    ids = asked->ids;
  }
}

TEST(AsCluster, TakesTheHigherOfBothSides) {
  const MessageIds ids{.next_in = 4, .next_out = 8};
  const MessageIdSync request{.nonce = 1, .send = 8, .receive = 4};
  const auto after = take_sync_answer(request, {.nonce = 1, .send = 6, .receive = 9}, ids);
  ASSERT_TRUE(after);
  EXPECT_EQ(after->next_in, 6U);
  EXPECT_EQ(after->next_out, 9U);
}

TEST(AsCluster, AnAnswerThatDoesNotFitIsNone) {
  const MessageIds ids{.next_in = 4, .next_out = 8};
  const MessageIdSync request{.nonce = 1, .send = 8, .receive = 4};
  EXPECT_FALSE(take_sync_answer(request, {.nonce = 2, .send = 4, .receive = 8}, ids));
  EXPECT_FALSE(take_sync_answer(request, {.nonce = 1, .send = 3, .receive = 8}, ids));
  EXPECT_FALSE(take_sync_answer(request, {.nonce = 1, .send = 4, .receive = 7}, ids));
}

TEST(AsCluster, MessageIdsThatAreUsedUpAreNotAskedAbout) {
  EXPECT_FALSE(ask_sync({.next_in = 0, .next_out = UINT32_MAX - 5}, 1));
}

TEST(BothRoles, AgreeWhateverEachOfThemForgot) {
  for (uint32_t forgotten_in = 0; forgotten_in < 5; ++forgotten_in) {
    for (uint32_t forgotten_out = 0; forgotten_out < 2; ++forgotten_out) {
      const MessageIds client{.next_in = 10, .next_out = 20};
      const MessageIds gateway{.next_in = 20 - forgotten_in, .next_out = 10 - forgotten_out};
      auto asked = ask_sync(gateway, 3);
      auto answered = answer_sync(asked->request, client);
      if (!answered) {  // what it forgot was more than the window: the next attempt
        asked = ask_sync(asked->ids, 4);
        answered = answer_sync(asked->request, client);
      }
      ASSERT_TRUE(answered);
      const auto after = take_sync_answer(asked->request, answered->answer, asked->ids);
      ASSERT_TRUE(after);
      EXPECT_EQ(after->next_in, answered->ids.next_out);
      EXPECT_EQ(after->next_out, answered->ids.next_in);
    }
  }
}

}  // namespace
}  // namespace segw::ike
