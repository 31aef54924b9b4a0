// Releases N and N-1: a peer that has the schema of version 1. What it does not know is lost on its
// way, in both directions.
#include "mcs/version.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mcs/testing.h"

namespace segw::mcs::testing {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

void set_scalar(Message& message, const FieldDescriptor& field) {
  const auto& fields = *message.GetReflection();
  const bool list = field.is_repeated();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return fields.SetBool(&message, &field, true);
    case FieldDescriptor::CPPTYPE_UINT32:
      return list ? fields.AddUInt32(&message, &field, 7) : fields.SetUInt32(&message, &field, 7);
    case FieldDescriptor::CPPTYPE_UINT64:
      return list ? fields.AddUInt64(&message, &field, 8) : fields.SetUInt64(&message, &field, 8);
    case FieldDescriptor::CPPTYPE_INT64:
      return fields.SetInt64(&message, &field, 9);
    case FieldDescriptor::CPPTYPE_ENUM:
      return fields.SetEnumValue(&message, &field, 3);
    case FieldDescriptor::CPPTYPE_STRING:
      return list ? fields.AddString(&message, &field, "x")
                  : fields.SetString(&message, &field, "x");
    case FieldDescriptor::CPPTYPE_INT32:
    case FieldDescriptor::CPPTYPE_DOUBLE:
    case FieldDescriptor::CPPTYPE_FLOAT:
    case FieldDescriptor::CPPTYPE_MESSAGE:
      FAIL() << field.full_name() << ": no message of ours has this type";
  }
}

// Sets every field, in messages within it too; of a oneof the `choice`-th.
void fill(Message& message, int choice) {
  const auto& fields = *message.GetReflection();
  const auto* type = message.GetDescriptor();
  for (int i = 0; i < type->field_count(); ++i) {
    const FieldDescriptor* field = type->field(i);
    const auto* oneof = field->containing_oneof();
    if (oneof != nullptr && field->index_in_oneof() != choice % oneof->field_count()) continue;
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
      set_scalar(message, *field);
    } else if (field->is_repeated()) {
      for (int entry = 0; entry < 2; ++entry) fill(*fields.AddMessage(&message, field), choice);
    } else {
      fill(*fields.MutableMessage(&message, field), choice);
    }
  }
}

TEST(Version, WhatIsMarkedAsNewerIsWhatVersion1DoesNotHave) {
  const int bodies = pb::Group::descriptor()->FindOneofByName("body")->field_count();
  int cleared = 0;
  for (int body = 0; body < 2; ++body) {
    for (int choice = 0; choice < 5 * bodies; ++choice) {
      pb::Frame frame;
      if (body == 0) {
        fill(*frame.mutable_group(), choice);
      } else {
        fill(*frame.mutable_hello(), choice);
        frame.mutable_hello()->set_version_min(1);
        frame.mutable_hello()->set_version_max(1);
      }
      pb::Frame marked = frame;
      clear_newer(marked, 1);
      const pb::Frame left = older::through_schema_1(frame);
      EXPECT_EQ(marked.SerializeAsString(), left.SerializeAsString()) << frame.DebugString();
      if (marked.SerializeAsString() != frame.SerializeAsString()) ++cleared;
      pb::Frame now = frame;
      clear_newer(now, kVersion);
      EXPECT_EQ(now.SerializeAsString(), frame.SerializeAsString());
    }
  }
  EXPECT_GT(cleared, bodies);
}

// Which of the two is of the release before, and whether it is the one that writes.
struct Upgrade {
  bool first_is_older = false;
  bool older_writes = false;
};

class OlderPeer : public ::testing::TestWithParam<Upgrade>, public Pair {
 protected:
  // Connected, and `writer()` acts under activation 1.
  void settle_with(const std::set<IpAddress>& older) {
    wire.older = older;
    boot();
    writer().sync().become_writer(Activation{1});
    run(1s);
    ASSERT_TRUE(writer().is_member()) << writer().link().down_reason();
    forget();
  }
  void settle_mixed() {
    ASSERT_NO_FATAL_FAILURE(settle_with({GetParam().first_is_older ? low() : high()}));
    EXPECT_EQ(a.link().version(), 1U);
    EXPECT_EQ(b.link().version(), 1U);
  }
  [[nodiscard]] bool first_writes() const {
    return GetParam().first_is_older == GetParam().older_writes;
  }
  Node& writer() { return first_writes() ? a : b; }
  Node& reader() { return first_writes() ? b : a; }
  // Of both, since forget().
  [[nodiscard]] size_t both_sent(pb::Group::BodyCase kind) const {
    return sent(low(), kind) + sent(high(), kind);
  }
  // What a takeover must not lose: floors, holders, grants.
  static esp::ChildSa precious(uint32_t spi) {
    esp::ChildSa sa = child_sa(spi);
    sa.outbound_floor = 5U << 20;
    sa.holders = {{.slot = Slot{0}, .incarnation = {1}}, {.slot = Slot{1}, .incarnation = {2}}};
    sa.grants.bound = {70000, 0, 0, 0};
    return sa;
  }
  [[nodiscard]] static bool kept(const Node& node, uint32_t spi) {
    const auto at = node.group_state.child_sas.find(Spi{spi});
    return at != node.group_state.child_sas.end() &&
           wire_form(at->second) == wire_form(precious(spi));
  }
};

INSTANTIATE_TEST_SUITE_P(Either, OlderPeer,
                         ::testing::Values(Upgrade{false, false}, Upgrade{false, true},
                                           Upgrade{true, false}, Upgrade{true, true}));

TEST_P(OlderPeer, HoldsWhatWasWrittenAndGivesItBackWhole) {
  ASSERT_NO_FATAL_FAILURE(settle_mixed());
  writer().commit({ike_sa(1), precious(300)}, "first");
  run(100ms);
  EXPECT_THAT(writer().told(), Contains("then first"));
  EXPECT_TRUE(kept(reader(), 300));
  // The other takes over, and hands the same SA back.
  writer().sync().become_reader();
  reader().sync().become_writer(Activation{2});
  run(1s);
  EXPECT_TRUE(reader().is_member());
  reader().commit({precious(310)}, "second");
  run(100ms);
  EXPECT_THAT(reader().told(), Contains("then second"));
  EXPECT_TRUE(kept(writer(), 300) && kept(writer(), 310));
  reader().sync().become_reader();
  writer().sync().become_writer(Activation{3});
  run(1s);
  EXPECT_TRUE(writer().is_member());
  EXPECT_TRUE(replicas_equal());
  EXPECT_EQ(writer().count("peer-unusable-other") + reader().count("peer-unusable-other"), 0U);
}

TEST_P(OlderPeer, IsResumedFromTheJournalAndComparesEqualWithoutACopy) {
  ASSERT_NO_FATAL_FAILURE(settle_mixed());
  writer().commit({ike_sa(1), precious(300)}, "first");
  run(100ms);
  wire.reset();
  run(5s);
  EXPECT_EQ(writer().count("resumed-from-journal"), 1U);
  // A new process that holds everything: its digests are compared, and none differs.
  forget();
  reader().boot();
  run(5s);
  EXPECT_TRUE(writer().is_member());
  EXPECT_EQ(both_sent(pb::Group::kDigests), 1U);
  EXPECT_EQ(both_sent(pb::Group::kCopy), 0U);
  EXPECT_TRUE(replicas_equal());
}

TEST_P(OlderPeer, IsComparedOnceAndThenLeftInPeace) {
  ASSERT_NO_FATAL_FAILURE(settle_mixed());
  writer().commit({ike_sa(1), precious(300)}, "first");
  run(60s);
  for (const auto kind : {pb::Group::kNeedDigests, pb::Group::kBase, pb::Group::kWant,
                          pb::Group::kConfigDigest, pb::Group::kConfigAsk}) {
    EXPECT_EQ(both_sent(kind), 0U) << kind;
  }
}

// It can neither offer what it did nor ask for it: the winner's state is what both end with, and
// the comparison ends.
TEST_P(OlderPeer, AfterASplitFollowsTheWinnerWithoutAMerge) {
  ASSERT_NO_FATAL_FAILURE(settle_mixed());
  writer().commit({ike_sa(1), precious(300)}, "before");
  run(10ms);
  wire.cut = true;
  wire.reset();
  run(100ms);
  writer().set_member(false);
  reader().sync().become_writer(Activation{2});
  writer().commit({ike_sa(2)}, "of the winner");
  reader().commit({ike_sa(3)}, "of the loser");
  run(100ms);
  forget();
  reader().sync().become_reader();
  writer().sync().become_writer(Activation{3});
  wire.release();
  run(60s);
  EXPECT_TRUE(writer().is_member());
  EXPECT_TRUE(replicas_equal());
  EXPECT_TRUE(writer().group_state.ike_sas.contains(IkeSpi{2}));
  EXPECT_TRUE(kept(reader(), 300));
  EXPECT_FALSE(reader().sync().merging());
  EXPECT_THAT(writer().offers, IsEmpty());
  EXPECT_EQ(both_sent(pb::Group::kNeedDigests), 1U);
  EXPECT_EQ(both_sent(pb::Group::kFetch) + both_sent(pb::Group::kOffer), 0U);
}

TEST_P(OlderPeer, TellsNothingOfItsConfiguration) {
  a.config = SharedConfig({{.path = "here", .digest = 1, .settings = {}}});
  ASSERT_NO_FATAL_FAILURE(settle_mixed());
  EXPECT_EQ(a.config_of_peer().result, ConfigComparison::Result::Unknown);
  EXPECT_EQ(b.config_of_peer().result, ConfigComparison::Result::Unknown);
}

// A rolling upgrade: one is restarted with the new release, then the other; what clients have
// stays.
TEST_P(OlderPeer, IsUpgradedAndThenSpeaksTheNewVersion) {
  ASSERT_NO_FATAL_FAILURE(settle_with({low(), high()}));
  EXPECT_EQ(writer().link().version(), 1U);
  writer().commit({ike_sa(1), precious(300)}, "first");
  run(100ms);
  const IpAddress reader_address = first_writes() ? high() : low();
  reader().crash();
  writer().set_member(false);
  wire.older.erase(reader_address);
  reader().boot();
  run(5s);
  EXPECT_EQ(writer().link().version(), 1U);
  EXPECT_TRUE(writer().is_member());
  EXPECT_TRUE(kept(reader(), 300));
  writer().crash();
  wire.older.clear();
  reader().sync().become_writer(Activation{2});
  writer().boot();
  run(5s);
  EXPECT_EQ(writer().link().version(), kVersion);
  EXPECT_TRUE(reader().is_member());
  EXPECT_TRUE(kept(writer(), 300));
  EXPECT_EQ(writer().config_of_peer().result, ConfigComparison::Result::Equal);
}

// Rolled back: what the newer release had told of itself does not stand for the older one.
TEST(Version, AResultOfComparingConfigurationsEndsWithAnOlderPeer) {
  Pair pair;
  pair.settle();
  ASSERT_EQ(pair.a.config_of_peer().result, ConfigComparison::Result::Equal);
  pair.wire.older = {high()};
  pair.b.boot();
  pair.run(5s);
  EXPECT_EQ(pair.a.link().version(), 1U);
  EXPECT_EQ(pair.a.config_of_peer().result, ConfigComparison::Result::Unknown);
}

// Version 1 knows no domains: nothing of one is said to a peer that has it.
TEST(Version, ADomainIsNotSynchronisedWithAnOlderPeer) {
  Cluster cluster(3);
  cluster.wire.older = {Cluster::address_of(2)};
  for (Node& node : cluster.nodes) node.boot();
  cluster.nodes[0].sync().become_writer(Activation{1});
  cluster.run(2s);
  EXPECT_THAT(cluster.nodes[0].members, SizeIs(1));
  EXPECT_EQ(cluster.nodes[0].sync_state(0), SyncState::InSync);
  EXPECT_NE(cluster.nodes[0].sync_state(1), SyncState::InSync);
  EXPECT_EQ(cluster.nodes[2].count("group-unknown"), 0U);
}

// A peer that claims version 1 is not listened to beyond it.
TEST(Version, NothingNewerIsListenedTo) {
  RawPair pair;
  pair.node.boot();
  pair.raw.connect();
  pair.run(10ms);
  pb::Frame hello = RawPeer::hello();
  hello.mutable_hello()->set_version_max(1);
  pair.raw.send(hello);
  pair.run(10ms);
  ASSERT_EQ(pair.node.link().version(), 1U);
  // Version 1 takes a Hello whose range has 1 in it.
  ASSERT_FALSE(pair.raw.frames.empty());
  EXPECT_EQ(pair.raw.frames.front().hello().version_min(), 1U);
  EXPECT_EQ(pair.raw.frames.front().hello().version_max(), kVersion);
  pb::Group message;
  message.mutable_config_digest()->set_digest(99);
  pair.say(message);
  EXPECT_EQ(pair.node.count("group-message-unknown"), 1U);
  EXPECT_FALSE(pair.raw.last(pb::Group::kConfigAsk));
}

}  // namespace
}  // namespace segw::mcs::testing
