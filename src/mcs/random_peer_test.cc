// A peer that has the key and says anything at all, in any order.
#include <gtest/gtest.h>

#include "mcs/testing.h"

namespace segw::mcs::testing {
namespace {

pb::Group anything(Random& random) {
  pb::Group message;
  const auto small = [&] { return random.below(4) == 0 ? random.next() : random.below(4); };
  const auto add_records = [&](auto& to) {
    for (uint64_t i = random.below(5); i > 0; --i) {
      encode(random.record(), *to.add_records());
      if (random.below(4) == 0) to.mutable_records(0)->mutable_ike_sa()->set_prf(random.u32());
    }
  };
  switch (random.below(12)) {
    case 0:
      message.mutable_base()->set_activation(small());
      break;
    case 1:
      message.mutable_want()->set_activation(small());
      message.mutable_want()->set_number(small());
      break;
    case 2:
      message.mutable_need_digests();
      break;
    case 3:
      for (uint64_t i = random.below(9); i > 0; --i) {
        pb::Digest* digest = message.mutable_digests()->add_entries();
        digest->set_child(random.flip());
        digest->set_key(small());
      }
      message.mutable_digests()->set_last(random.flip());
      break;
    case 4:
      add_records(*message.mutable_copy());
      break;
    case 5:
      message.mutable_copy_end()->set_activation(small());
      message.mutable_copy_end()->set_number(small());
      message.mutable_copy_end()->set_more(random.flip());
      break;
    case 6:
      message.mutable_records()->set_activation(small());
      message.mutable_records()->set_first_number(small());
      add_records(*message.mutable_records());
      break;
    case 7:
      message.mutable_ack()->set_activation(small());
      message.mutable_ack()->set_number(small());
      message.mutable_ack()->set_copy_unusable(random.below(2));
      break;
    case 8:
      message.mutable_stale()->set_activation(small());
      break;
    case 9:
      message.mutable_windows()->set_activation(small());
      encode(random.window(), *message.mutable_windows()->add_windows());
      break;
    case 10:
      message.mutable_handover()->set_step(static_cast<pb::Handover::Step>(random.below(7)));
      message.mutable_handover()->set_cookie(small());
      break;
    default:
      break;
  }
  return message;
}

// A frame of that, at times with broken bits.
Bytes frame_of_anything(Random& random) {
  pb::Frame frame;
  *frame.mutable_group() = anything(random);
  frame.mutable_group()->set_sync_tag(kTag);
  Bytes bytes = encode_frame(frame);
  if (random.below(20) != 0) return bytes;
  for (uint64_t i = random.below(4); i > 0; --i) {
    bytes[random.below(bytes.size())] ^= static_cast<uint8_t>(1U << random.below(8));
  }
  return bytes;
}

class AnythingAtAll : public ::testing::TestWithParam<uint64_t> {};

TEST_P(AnythingAtAll, DoesNotKeepAnHonestPeerFromBeingBroughtUpToDate) {
  Random random(GetParam());
  RawPair pair;
  pair.node.group_state.ike_sas[IkeSpi{1}] = ike_sa(1);
  pair.settle();
  for (int i = 0; i < 600; ++i) {
    if (pair.raw.closed) {
      pair.raw.reconnect();
      pair.run(10ms);
      pair.raw.send(RawPeer::hello());
      pair.run(10ms);
    }
    if (random.below(20) == 0) pair.node.sync().become_writer(Activation{random.below(5)});
    if (random.below(20) == 0) pair.node.sync().become_reader();
    pair.node.sync().commit({random.record()}, [] {});
    pair.raw.send_bytes(frame_of_anything(random));
    if (random.flip()) pair.run(5ms);
  }
  pair.raw.hang_up();
  pair.run(10ms);
  EXPECT_LT(pair.node.link().counters().all().size(), 150U);

  Node honest(pair, settings_of(low(), high()));
  honest.boot();
  pair.node.sync().become_writer(Activation{kActivationMax});
  pair.run(3s);
  EXPECT_EQ(pair.node.sync_state(), SyncState::InSync);
  EXPECT_EQ(Pair::contents(honest.group_state), Pair::contents(pair.node.group_state));
}

INSTANTIATE_TEST_SUITE_P(Seeds, AnythingAtAll, ::testing::Range<uint64_t>(0, 12));

}  // namespace
}  // namespace segw::mcs::testing
