#include "mcs/mcs_codec.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "mcs/testing_records.h"

namespace segw::mcs::testing {
namespace {

using namespace std::chrono_literals;

constexpr TunnelGroupId kGroup{9};

pb::Record encoded(const Record& record) {
  pb::Record out;
  encode(record, out);
  return out;
}

// As it would come off the stream: nothing but the bytes.
std::optional<pb::Record> parsed(const std::string& bytes) {
  pb::Record out;
  if (!out.ParseFromString(bytes)) return std::nullopt;
  return out;
}

TEST(RecordCodec, EveryFieldComesBack) {
  size_t kinds[5] = {};
  for (uint64_t seed = 0; seed < 500; ++seed) {
    Random random(seed);
    Record record = random.record();
    if (auto* sa = std::get_if<ike::IkeSa>(&record)) sa->group = kGroup;
    if (auto* sa = std::get_if<esp::ChildSa>(&record)) sa->group = kGroup;
    const auto in = parsed(encoded(record).SerializeAsString());
    const auto back = decode(in.value_or(pb::Record()), kGroup);
    ASSERT_TRUE(back) << seed << ": " << back.error().field;
    EXPECT_TRUE(same(*back, record)) << seed << ": " << name_of(record);
    ++kinds[record.index()];
  }
  for (const size_t count : kinds) EXPECT_GT(count, 50U);
}

TEST(RecordCodec, TheGroupIsTheReceivers) {
  ike::IkeSa sa = ike_sa(1);
  sa.group = TunnelGroupId{3};
  const auto back = decode(encoded(sa), kGroup);
  ASSERT_TRUE(back);
  EXPECT_EQ(std::get<ike::IkeSa>(*back).group, kGroup);
}

TEST(RecordCodec, AnIkeSaThatWeBeginHasNoKeysYet) {
  ike::IkeSa sa = ike_sa(0);
  sa.initiator_spi = IkeSpi{0x1000};
  sa.we_initiated = true;
  sa.state = ike::IkeState::Connecting;
  sa.keys = {};
  sa.pending.emplace();
  sa.pending->kind = ike::PendingRequest::Kind::IkeSaInit;
  sa.pending->datagrams = {{1, 2, 3}};
  sa.pending->group = ike::Group::Curve25519;
  sa.pending->private_key = key_bytes(32, 8);
  const auto back = decode(encoded(sa), kGroup);
  ASSERT_TRUE(back);
  sa.group = kGroup;
  EXPECT_TRUE(same(std::get<ike::IkeSa>(*back), sa));
  sa.keys.sk_d = key_bytes(32, 1);
  EXPECT_FALSE(decode(encoded(sa), kGroup));
}

// ---- refusals ----

// What the last byte of each bound is refused for; `good` is the value next to it, if there is one.
using Change = std::function<void(pb::Record&)>;
struct Field {
  Field(std::string_view field, Change to_bad, Change to_good = nullptr)
      : refused(field), bad(std::move(to_bad)), good(std::move(to_good)) {}
  std::string_view refused;
  Change bad;
  Change good;
};

void check(const Record& record, const std::vector<Field>& fields) {
  ASSERT_TRUE(decode(encoded(record), kGroup));
  for (const Field& field : fields) {
    pb::Record bad = encoded(record);
    field.bad(bad);
    const auto refused = decode(bad, kGroup);
    ASSERT_FALSE(refused) << field.refused;
    EXPECT_EQ(refused.error().field, field.refused);
    if (!field.good) continue;
    pb::Record good = encoded(record);
    field.good(good);
    const auto taken = decode(good, kGroup);
    EXPECT_TRUE(taken) << field.refused << " at its bound: " << taken.error().field;
  }
}

constexpr int64_t kCentury = int64_t{100} * 365 * 24 * 3600 * 1'000'000'000;

template <typename Message>
std::vector<Field> fields_of_both(Message* (pb::Record::*of)()) {
  const auto set = [of](auto change) {
    return [of, change](pb::Record& r) { change(*(r.*of)()); };
  };
  const auto holders = [](int count) {
    return [count](Message& m) {
      m.clear_holders();
      for (int i = 0; i < count; ++i) m.add_holders()->set_incarnation(std::string(16, 'i'));
    };
  };
  const auto holder = [](uint32_t slot, size_t size) {
    return [slot, size](Message& m) {
      m.clear_holders();
      m.add_holders()->set_slot(slot);
      m.mutable_holders(0)->set_incarnation(std::string(size, 'i'));
    };
  };
  return {
      {"encryption", set([](Message& m) { m.set_encryption(0); })},
      {"encryption", set([](Message& m) { m.set_encryption(0x1'0014); })},
      {"integrity", set([](Message& m) { m.set_integrity(12); })},
      {"integrity", set([](Message& m) { m.set_encryption(12); })},
      {"key-bits", set([](Message& m) { m.set_key_bits(0); })},
      {"key-bits", set([](Message& m) { m.set_key_bits(129); })},
      {"key-bits", set([](Message& m) { m.set_key_bits(65536 + 128); })},
      {"lifetime", set([](Message& m) { m.set_lifetime_ns(-1); }),
       set([](Message& m) { m.set_lifetime_ns(0); })},
      {"lifetime", set([](Message& m) { m.set_lifetime_ns(kCentury + 1); }),
       set([](Message& m) { m.set_lifetime_ns(kCentury); })},
      {"age", set([](Message& m) { m.set_age_ns(INT64_MIN); }),
       set([](Message& m) { m.set_age_ns(0); })},
      {"age", set([](Message& m) { m.set_age_ns(INT64_MAX); }),
       set([](Message& m) { m.set_age_ns(kCentury); })},
      {"holders", set(holders(65)), set(holders(64))},
      {"holder-slot", set(holder(4, 16)), set(holder(3, 16))},
      {"holder-slot", set(holder(256, 16))},
      {"incarnation", set(holder(0, 15))},
      {"incarnation", set(holder(0, 17))},
      {"incarnation", set(holder(0, 0))},
  };
}

TEST(RecordCodec, RefusesEachFieldOfAChildSaBeyondItsBound) {
  const auto set = [](auto change) {
    return [change](pb::Record& r) { change(*r.mutable_child_sa()); };
  };
  const auto selector = [&](auto change, bool local) {
    return set([change, local](pb::ChildSa& m) {
      pb::Selector* each = local ? m.add_local_selectors() : m.add_remote_selectors();
      each->set_first(std::string(4, '\0'));
      each->set_last(std::string(16, '\0'));
      change(*each);
    });
  };
  const auto selectors = [](int count) {
    return [count](pb::ChildSa& m) {
      for (int i = 0; i < count; ++i) {
        m.add_remote_selectors()->set_first(std::string(4, '\0'));
        m.mutable_remote_selectors(i)->set_last(std::string(4, '\0'));
      }
    };
  };
  using Sa = pb::ChildSa;
  std::vector<Field> fields = {
      {"local", set([](Sa& m) { m.set_local(std::string(5, 'x')); }),
       set([](Sa& m) { m.set_local(std::string(16, 'x')); })},
      {"local", set([](Sa& m) { m.set_local(""); })},
      {"remote", set([](Sa& m) { m.set_remote(std::string(17, 'x')); })},
      {"inbound-key", set([](Sa& m) { m.set_inbound_key(std::string(19, 'k')); })},
      {"inbound-key", set([](Sa& m) { m.set_inbound_key(std::string(1 << 18, 'k')); })},
      {"outbound-key", set([](Sa& m) { m.set_outbound_key(std::string(21, 'k')); })},
      {"outbound-key", set([](Sa& m) { m.set_outbound_key(""); })},
      {"selectors", set(selectors(65)), set(selectors(64))},
      {"selector-protocol", selector([](pb::Selector& s) { s.set_protocol(256); }, true),
       selector([](pb::Selector& s) { s.set_protocol(255); }, true)},
      {"selector-port-first", selector([](pb::Selector& s) { s.set_port_first(65536); }, false),
       selector([](pb::Selector& s) { s.set_port_first(65535); }, false)},
      {"selector-port-last", selector([](pb::Selector& s) { s.set_port_last(65536); }, true)},
      {"selector-first", selector([](pb::Selector& s) { s.set_first("abc"); }, false)},
      {"selector-last", selector([](pb::Selector& s) { s.clear_last(); }, true)},
      {"replay-window", set([](Sa& m) { m.set_replay_window(65536); }),
       set([](Sa& m) { m.set_replay_window(65535); })},
      {"slots", set([](Sa& m) { m.mutable_grants()->set_slots(0); })},
      {"slots", set([](Sa& m) { m.mutable_grants()->set_slots(5); }),
       set([](Sa& m) { m.mutable_grants()->set_slots(4); })},
      {"slots", set([](Sa& m) { m.clear_grants(); })},
      {"grantee", set([](Sa& m) { m.mutable_grants()->set_grantee(4); }),
       set([](Sa& m) { m.mutable_grants()->set_grantee(3); })},
      {"bound", set([](Sa& m) { m.mutable_grants()->add_bound(1); })},
      {"bound", set([](Sa& m) { m.mutable_grants()->clear_bound(); })},
      {"bound", set([](Sa& m) { m.mutable_grants()->set_bound(3, esp::kPositionMax + 1); }),
       set([](Sa& m) { m.mutable_grants()->set_bound(3, esp::kPositionMax); })},
      {"outbound-floor", set([](Sa& m) { m.set_outbound_floor(esp::kPositionMax + 1); }),
       set([](Sa& m) { m.set_outbound_floor(esp::kPositionMax); })},
      {"local-port", set([](Sa& m) {
         m.set_encapsulated(true);
         m.set_local_port(65536);
       }),
       set([](Sa& m) { m.set_local_port(65536); })},  // not read
      {"remote-port", set([](Sa& m) {
         m.set_encapsulated(true);
         m.set_remote_port(65536);
       })},
      {"outbound-from", set([](Sa& m) { m.set_outbound_from_ns(-1); })},
      {"rekey-after", set([](Sa& m) { m.set_rekey_after_ns(-1); })},
      {"delete-after", set([](Sa& m) { m.set_delete_after_ns(-1); })},
  };
  for (Field& field : fields_of_both(&pb::Record::mutable_child_sa)) {
    fields.push_back(std::move(field));
  }
  check(child_sa(300), fields);
}

TEST(RecordCodec, RefusesEachNumberOfAnIkeSaBeyondItsBound) {
  const auto set = [](auto change) {
    return [change](pb::Record& r) { change(*r.mutable_ike_sa()); };
  };
  const auto children = [](int count) {
    return [count](pb::IkeSa& m) {
      for (int i = 0; i < count; ++i) m.add_children(300);
    };
  };
  using Sa = pb::IkeSa;
  std::vector<Field> fields = {
      {"ike-state", set([](Sa& m) { m.set_state(7); }), set([](Sa& m) { m.set_state(6); })},
      {"sk-d", set([](Sa& m) { m.set_state(4); })},  // Connecting: there are no keys yet
      {"ike-state", set([](Sa& m) { m.set_state(256); })},
      {"prf", set([](Sa& m) { m.set_prf(3); })},
      {"prf", set([](Sa& m) { m.set_prf(8); })},
      {"prf", set([](Sa& m) { m.set_prf(0x1'0005); })},
      {"group", set([](Sa& m) { m.set_group(1); }), set([](Sa& m) { m.set_group(2); })},
      {"group", set([](Sa& m) { m.set_group(17); }), set([](Sa& m) { m.set_group(31); })},
      {"group", set([](Sa& m) { m.set_group(0x1'000E); })},
      {"local", set([](Sa& m) { m.clear_local(); })},
      {"local", set([](Sa& m) { m.mutable_local()->set_address("abc"); })},
      {"remote", set([](Sa& m) { m.mutable_remote()->set_address(std::string(8, 'x')); })},
      {"local-port", set([](Sa& m) { m.mutable_local()->set_port(65536); })},
      {"remote-port", set([](Sa& m) { m.mutable_remote()->set_port(65536); }),
       set([](Sa& m) { m.mutable_remote()->set_port(65535); })},
      {"local-id-type", set([](Sa& m) { m.set_local_id_type(256); })},
      {"remote-id-type", set([](Sa& m) { m.set_remote_id_type(256); }),
       set([](Sa& m) { m.set_remote_id_type(255); })},
      {"pending-kind", set([](Sa& m) { m.mutable_pending()->set_kind(10); }),
       set([](Sa& m) { m.mutable_pending()->set_kind(9); })},
      {"pending-retold", set([](Sa& m) { m.mutable_pending()->set_retold(256); }),
       set([](Sa& m) { m.mutable_pending()->set_retold(255); })},
      {"group", set([](Sa& m) { m.mutable_pending()->set_group(3); }),
       set([](Sa& m) { m.mutable_pending()->set_group(0); })},
      {"rekey-after", set([](Sa& m) { m.set_rekey_after_ns(-1); })},
      {"delete-after", set([](Sa& m) { m.set_delete_after_ns(-1); })},
      {"children", set(children(65)), set(children(64))},
  };
  for (Field& field : fields_of_both(&pb::Record::mutable_ike_sa)) {
    fields.push_back(std::move(field));
  }
  check(ike_sa(1), fields);
}

TEST(RecordCodec, RefusesTheBytesOfAnIkeSaBeyondTheirBounds) {
  const auto set = [](auto change) {
    return [change](pb::Record& r) { change(*r.mutable_ike_sa()); };
  };
  const auto text = [&](std::string* (pb::IkeSa::*field)(), size_t size) {
    return set([field, size](pb::IkeSa& m) { *(m.*field)() = std::string(size, 'x'); });
  };
  const auto answer = [&](int responses, size_t size, size_t digest) {
    return set([=](pb::IkeSa& m) {
      m.mutable_last_answer()->set_request_digest(std::string(digest, 'x'));
      for (int i = 0; i < responses; ++i)
        m.mutable_last_answer()->add_response(std::string(size, 'x'));
    });
  };
  const auto pending = [&](size_t size) {
    return set([size](pb::IkeSa& m) { m.mutable_pending()->set_message(std::string(size, 'x')); });
  };
  const auto pending_bytes = [&](std::string* (pb::Pending::*field)(), size_t size) {
    return set(
        [field, size](pb::IkeSa& m) { *(m.mutable_pending()->*field)() = std::string(size, 'x'); });
  };
  const auto private_key = [&](uint32_t group, size_t size) {
    return set([=](pb::IkeSa& m) {
      m.mutable_pending()->set_group(group);
      m.mutable_pending()->set_private_key(std::string(size, 'x'));
    });
  };
  using Sa = pb::IkeSa;
  check(ike_sa(1),
        {
            {"sk-d", text(&Sa::mutable_sk_d, 31)},
            {"sk-ai", text(&Sa::mutable_sk_ai, 32)},  // none with AES-GCM
            {"sk-ar", text(&Sa::mutable_sk_ar, 1)},
            {"sk-ei", text(&Sa::mutable_sk_ei, 16)},
            {"sk-er", text(&Sa::mutable_sk_er, 129)},
            {"sk-pi", text(&Sa::mutable_sk_pi, 33)},
            {"sk-pr", text(&Sa::mutable_sk_pr, 0)},
            {"pending-nonce", pending_bytes(&pb::Pending::mutable_nonce, 257),
             pending_bytes(&pb::Pending::mutable_nonce, 256)},
            {"private-key", private_key(31, 31), private_key(31, 32)},
            {"private-key", private_key(31, 0), private_key(0, 0)},  // an exchange without its key
            {"private-key", private_key(0, 32)},
            {"private-key", private_key(19, 33), private_key(19, 32)},
            {"private-key", private_key(21, 65), private_key(21, 66)},
            {"private-key", private_key(14, 256), private_key(14, 64)},
            {"pending-cookie", pending_bytes(&pb::Pending::mutable_cookie, 65),
             pending_bytes(&pb::Pending::mutable_cookie, 64)},
            {"rival-ike", set([](Sa& m) {  // itself
               m.mutable_pending()->mutable_rival()->set_ike(m.we_initiated() ? m.initiator_spi()
                                                                              : m.responder_spi());
             }),
             set([](Sa& m) {
               m.mutable_pending()->mutable_rival()->set_ike(m.we_initiated() ? m.responder_spi()
                                                                              : m.initiator_spi());
             })},
            {"new-ike", set([](Sa& m) {  // itself
               m.mutable_pending()->set_new_ike(m.we_initiated() ? m.initiator_spi()
                                                                 : m.responder_spi());
             })},
            {"rival-nonce", set([](Sa& m) {
               m.mutable_pending()->mutable_rival()->set_lowest_nonce(std::string(257, 'x'));
             })},
            {"pending-datagrams", set([](Sa& m) {
               for (int i = 0; i < 192; ++i) m.mutable_pending()->add_more_datagrams("x");
             })},
            {"pending-datagram",
             set([](Sa& m) { m.mutable_pending()->add_more_datagrams(std::string(65537, 'x')); })},
            {"initiator-nonce", text(&Sa::mutable_initiator_nonce, 257),
             text(&Sa::mutable_initiator_nonce, 256)},
            {"responder-nonce", text(&Sa::mutable_responder_nonce, 257)},
            {"init-request", text(&Sa::mutable_init_request, 65537),
             text(&Sa::mutable_init_request, 65536)},
            {"init-response", text(&Sa::mutable_init_response, 65537)},
            {"local-id", text(&Sa::mutable_local_id, 1025), text(&Sa::mutable_local_id, 1024)},
            {"remote-id", text(&Sa::mutable_remote_id, 1025)},
            {"responses", answer(193, 1, 32), answer(192, 1, 32)},
            {"response", answer(1, 65537, 32), answer(1, 65536, 32)},
            {"request-digest", answer(1, 1, 65), answer(1, 1, 64)},
            {"pending-message", pending(65537), pending(65536)},
        });
}

TEST(RecordCodec, RefusesTheOtherKinds) {
  check(DeleteChildSa{.inbound_spi = Spi{300}},
        {{"spi", [](pb::Record& r) { r.mutable_delete_child_sa()->set_key(uint64_t{1} << 32); },
          [](pb::Record& r) { r.mutable_delete_child_sa()->set_key(UINT32_MAX); }}});
  check(GrantChange{.inbound_spi = Spi{300}},
        {{"bound", [](pb::Record& r) { r.mutable_grant_change()->mutable_grants()->add_bound(1); }},
         {"grantee",
          [](pb::Record& r) { r.mutable_grant_change()->mutable_grants()->set_grantee(4); }},
         {"slots", [](pb::Record& r) { r.mutable_grant_change()->clear_grants(); }}});
  const auto none = decode(pb::Record(), kGroup);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().field, "record-kind");
}

// One record must always fit into a frame of its own on its way to the next peer.
TEST(RecordCodec, RefusesARecordThatNoFrameOfOursCouldCarry) {
  const auto with_answers = [](int count) {
    pb::Record record = encoded(ike_sa(1));
    for (int i = 0; i < count; ++i) {
      record.mutable_ike_sa()->mutable_last_answer()->add_response(std::string(65536, 'x'));
    }
    return record;
  };
  EXPECT_TRUE(decode(with_answers(7), kGroup));
  const auto large = decode(with_answers(8), kGroup);
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().field, "record-size");
}

// ---- bytes of a stranger ----

// What is accepted has one form: sent on, the next chassis takes it for the same.
void check_form(const std::string& bytes) {
  const auto in = parsed(bytes);
  if (!in) return;
  const auto record = decode(*in, kGroup);
  if (!record) {
    EXPECT_FALSE(record.error().field.empty());
    return;
  }
  const auto again = decode(encoded(*record), kGroup);
  ASSERT_TRUE(again) << again.error().field;
  EXPECT_TRUE(same(*again, *record));
}

TEST(RecordCodec, EveryTruncationIsRefusedOrWhole) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const std::string whole = encoded(Random(seed).record()).SerializeAsString();
    for (size_t size = 0; size < std::min<size_t>(whole.size(), 600); ++size) {
      check_form(whole.substr(0, size));
    }
  }
}

TEST(RecordCodec, AnIkeSaWithoutItsLastFieldsIsNotTaken) {
  // Inside the record, where Protocol Buffers see no fault: what is missing reads as zero.
  const pb::Record whole = encoded(ike_sa(1));
  const std::string body = whole.ike_sa().SerializeAsString();
  size_t refused = 0;
  for (size_t size = 0; size < body.size(); ++size) {
    pb::Record cut;
    if (!cut.mutable_ike_sa()->ParseFromString(body.substr(0, size))) continue;
    if (!decode(cut, kGroup)) ++refused;
    check_form(cut.SerializeAsString());
  }
  EXPECT_GT(refused, 10U);
}

TEST(RecordCodec, FlippedBitsAreRefusedOrTakenForWhatTheyAre) {
  size_t taken = 0;
  for (uint64_t seed = 0; seed < 4000; ++seed) {
    Random random(seed % 40 + 1000);
    std::string bytes = encoded(random.record()).SerializeAsString();
    for (uint64_t i = 0; i < seed; ++i) (void)random.next();
    for (uint64_t i = 0; i <= random.below(3); ++i) {
      char& byte = bytes[random.below(bytes.size())];
      byte = static_cast<char>(byte ^ static_cast<char>(1U << random.below(8)));
    }
    check_form(bytes);
    const auto in = parsed(bytes);
    if (in && decode(*in, kGroup)) ++taken;
  }
  EXPECT_GT(taken, 400U) << "the test flips what no decoder looks at";
  EXPECT_LT(taken, 3900U) << "the test refuses nothing";
}

// ---- digests ----

TEST(Digest, IsTheSameForWhatMayDifferBetweenTwoChassis) {
  Random random(5);
  for (int i = 0; i < 20; ++i) {
    const ike::IkeSa sa = random.ike();
    ike::IkeSa other = sa;
    other.age += 5min;
    other.holders.push_back({.slot = Slot{1}});
    other.group = TunnelGroupId{44};
    EXPECT_EQ(digest(sa), digest(other));
    const esp::ChildSa child = random.child();
    esp::ChildSa twin = child;
    twin.age += 5min;
    twin.holders.push_back({.slot = Slot{1}});
    EXPECT_EQ(digest(child), digest(twin));
  }
}

TEST(Digest, DiffersWithAnythingElse) {
  const ike::IkeSa sa = ike_sa(1);
  const esp::ChildSa child = child_sa(300);
  std::set<uint64_t> digests{digest(sa), digest(child)};
  const auto ike_with = [&](auto change) {
    ike::IkeSa other = sa;
    change(other);
    digests.insert(digest(other));
  };
  ike_with([](ike::IkeSa& s) { s.next_request_in = 1; });
  ike_with([](ike::IkeSa& s) { s.next_request_out = 1; });
  ike_with([](ike::IkeSa& s) { s.last_answer.emplace(); });
  ike_with([](ike::IkeSa& s) { s.pending.emplace(); });
  ike_with([](ike::IkeSa& s) { s.children.emplace_back(); });
  ike_with([](ike::IkeSa& s) { s.state = ike::IkeState::Closed; });
  ike_with([](ike::IkeSa& s) { s.keys.sk_d = key_bytes(32, 99); });
  ike_with([](ike::IkeSa& s) { s.remote.port = 4500; });
  const auto child_with = [&](auto change) {
    esp::ChildSa other = child;
    change(other);
    digests.insert(digest(other));
  };
  child_with([](esp::ChildSa& s) { s.rekeyed = true; });
  child_with([](esp::ChildSa& s) { s.outbound_key = key_bytes(20, 99); });
  child_with([](esp::ChildSa& s) { s.ike_sa = IkeSpi{55}; });
  child_with([](esp::ChildSa& s) { s.encapsulation.emplace(); });
  child_with([](esp::ChildSa& s) { s.grants.bound[1] = 1; });
  child_with([](esp::ChildSa& s) { s.grants.grantee = Slot{1}; });
  EXPECT_EQ(digests.size(), 16U);
}

}  // namespace
}  // namespace segw::mcs::testing
