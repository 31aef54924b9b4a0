#include "mcs/mcs_codec.h"

#include <algorithm>

#include "crypto/crypto.h"

namespace segw::mcs {
namespace {

constexpr size_t kKeyMax = 128;
constexpr size_t kMessageMax = 65536;
constexpr size_t kNonceMax = 256;
constexpr size_t kIdMax = 1024;
constexpr int kSelectorsMax = 64;
constexpr int kHoldersMax = 64;
constexpr int kChildrenMax = 64;
constexpr int kResponsesMax = 16;
constexpr int kWindowWordsMax = 8;
constexpr size_t kReasonMax = 256;

std::string text(ByteView bytes) { return {bytes.begin(), bytes.end()}; }

// Collects the first refusal while fields are read.
class Checker {
 public:
  void refuse(std::string_view field) {
    if (field_.empty()) field_ = field;
  }
  Bytes bytes(const std::string& in, size_t maximum, std::string_view field) {
    if (in.size() > maximum) refuse(field);
    return field_.empty() ? to_bytes(as_bytes(in)) : Bytes{};
  }
  SecretBytes secret(const std::string& in, std::string_view field) {
    if (in.size() > kKeyMax) refuse(field);
    return field_.empty() ? SecretBytes(as_bytes(in)) : SecretBytes{};
  }
  IpAddress address(const std::string& in, std::string_view field) {
    const auto address = IpAddress::from_bytes(as_bytes(in));
    if (!address) refuse(field);
    return address.value_or(IpAddress{});
  }
  uint16_t u16(uint32_t in, std::string_view field) {
    if (in > UINT16_MAX) refuse(field);
    return static_cast<uint16_t>(in);
  }
  uint8_t u8(uint32_t in, uint32_t maximum, std::string_view field) {
    if (in > maximum) refuse(field);
    return static_cast<uint8_t>(in);
  }
  void at_most(int count, int maximum, std::string_view field) {
    if (count > maximum) refuse(field);
  }
  [[nodiscard]] bool ok() const { return field_.empty(); }
  template <typename T>
  wire::Decoded<T> finish(T value) {
    if (!ok()) return tl::unexpected<wire::Refusal>(wire::Refusal{field_});
    return value;
  }

 private:
  std::string field_;
};

void encode_holders(const std::vector<esp::Holder>& holders,
                    google::protobuf::RepeatedPtrField<pb::Holder>& out) {
  for (const esp::Holder& holder : holders) {
    pb::Holder* each = out.Add();
    each->set_slot(holder.slot.value);
    each->set_incarnation(text(holder.incarnation));
  }
}

std::vector<esp::Holder> decode_holders(const google::protobuf::RepeatedPtrField<pb::Holder>& in,
                                        Checker& check) {
  std::vector<esp::Holder> holders;
  check.at_most(in.size(), kHoldersMax, "holders");
  for (const pb::Holder& each : in) {
    if (!check.ok()) break;
    esp::Holder holder{.slot = Slot{check.u8(each.slot(), esp::kSlotsMax - 1, "holder-slot")}};
    if (each.incarnation().size() != holder.incarnation.size()) check.refuse("incarnation");
    std::copy_n(each.incarnation().begin(),
                std::min(each.incarnation().size(), holder.incarnation.size()),
                holder.incarnation.begin());
    holders.push_back(holder);
  }
  return holders;
}

void encode_selectors(const std::vector<esp::TrafficSelector>& selectors,
                      google::protobuf::RepeatedPtrField<pb::Selector>& out) {
  for (const esp::TrafficSelector& selector : selectors) {
    pb::Selector* each = out.Add();
    each->set_protocol(selector.protocol);
    each->set_port_first(selector.port_first);
    each->set_port_last(selector.port_last);
    each->set_first(text(selector.first.bytes()));
    each->set_last(text(selector.last.bytes()));
  }
}

std::vector<esp::TrafficSelector> decode_selectors(
    const google::protobuf::RepeatedPtrField<pb::Selector>& in, Checker& check) {
  std::vector<esp::TrafficSelector> selectors;
  check.at_most(in.size(), kSelectorsMax, "selectors");
  for (const pb::Selector& each : in) {
    if (!check.ok()) break;
    esp::TrafficSelector selector;
    selector.protocol = check.u8(each.protocol(), UINT8_MAX, "selector-protocol");
    selector.port_first = check.u16(each.port_first(), "selector-port-first");
    selector.port_last = check.u16(each.port_last(), "selector-port-last");
    selector.first = check.address(each.first(), "selector-first");
    selector.last = check.address(each.last(), "selector-last");
    selectors.push_back(selector);
  }
  return selectors;
}

void encode_grants(const esp::SequenceGrants& grants, pb::Grants& out) {
  out.set_slots(grants.slots);
  out.set_grantee(grants.grantee.value);
  for (const uint64_t bound : grants.bound) out.add_bound(bound);
}

esp::SequenceGrants decode_grants(const pb::Grants& in, Checker& check) {
  esp::SequenceGrants grants;
  grants.slots = check.u8(in.slots(), esp::kSlotsMax, "slots");
  if (grants.slots == 0) check.refuse("slots");
  grants.grantee = Slot{check.u8(in.grantee(), esp::kSlotsMax - 1, "grantee")};
  if (in.bound_size() != static_cast<int>(grants.bound.size())) check.refuse("bound");
  for (int i = 0; check.ok() && i < in.bound_size(); ++i) {
    grants.bound[static_cast<size_t>(i)] = in.bound(i);
  }
  return grants;
}

esp::Encryption decode_encryption(uint32_t in, Checker& check) {
  const auto gcm = static_cast<uint32_t>(esp::Encryption::AesGcm16);
  if (in != gcm && in != static_cast<uint32_t>(esp::Encryption::AesCbc)) check.refuse("encryption");
  return in == gcm ? esp::Encryption::AesGcm16 : esp::Encryption::AesCbc;
}

esp::Integrity decode_integrity(uint32_t in, esp::Encryption encryption, Checker& check) {
  const auto expected = encryption == esp::Encryption::AesGcm16 ? esp::Integrity::None
                                                                : esp::Integrity::HmacSha256_128;
  if (in != static_cast<uint32_t>(expected)) check.refuse("integrity");
  return expected;
}

uint16_t decode_key_bits(uint32_t in, Checker& check) {
  if (in != 128 && in != 192 && in != 256) check.refuse("key-bits");
  return static_cast<uint16_t>(in);
}

void encode_child(const esp::ChildSa& sa, pb::ChildSa& out) {
  out.set_ike_sa(sa.ike_sa.value);
  out.set_tunnel(sa.tunnel);
  out.set_inbound_spi(sa.inbound_spi.value);
  out.set_outbound_spi(sa.outbound_spi.value);
  out.set_local(text(sa.local.bytes()));
  out.set_remote(text(sa.remote.bytes()));
  out.set_encapsulated(sa.encapsulation.has_value());
  if (sa.encapsulation) {
    out.set_local_port(sa.encapsulation->local_port);
    out.set_remote_port(sa.encapsulation->remote_port);
  }
  out.set_encryption(static_cast<uint32_t>(sa.suite.encryption));
  out.set_key_bits(sa.suite.key_bits);
  out.set_integrity(static_cast<uint32_t>(sa.suite.integrity));
  out.set_extended_sequence_numbers(sa.suite.extended_sequence_numbers);
  out.set_inbound_key(text(sa.inbound_key.view()));
  out.set_outbound_key(text(sa.outbound_key.view()));
  encode_selectors(sa.local_selectors, *out.mutable_local_selectors());
  encode_selectors(sa.remote_selectors, *out.mutable_remote_selectors());
  out.set_replay_window(sa.replay_window);
  out.set_initiator(sa.initiator);
  out.set_rekeyed(sa.rekeyed);
  out.set_lifetime_ns(sa.lifetime.count());
  out.set_age_ns(sa.age.count());
  encode_grants(sa.grants, *out.mutable_grants());
  encode_holders(sa.holders, *out.mutable_holders());
}

esp::ChildSa decode_child(const pb::ChildSa& in, TunnelGroupId group, Checker& check) {
  esp::ChildSa sa;
  sa.group = group;
  sa.ike_sa = IkeSpi{in.ike_sa()};
  sa.tunnel = in.tunnel();
  sa.inbound_spi = Spi{in.inbound_spi()};
  sa.outbound_spi = Spi{in.outbound_spi()};
  sa.local = check.address(in.local(), "local");
  sa.remote = check.address(in.remote(), "remote");
  if (in.encapsulated()) {
    sa.encapsulation =
        esp::UdpEncapsulation{.local_port = check.u16(in.local_port(), "local-port"),
                              .remote_port = check.u16(in.remote_port(), "remote-port")};
  }
  sa.suite.encryption = decode_encryption(in.encryption(), check);
  sa.suite.key_bits = decode_key_bits(in.key_bits(), check);
  sa.suite.integrity = decode_integrity(in.integrity(), sa.suite.encryption, check);
  sa.suite.extended_sequence_numbers = in.extended_sequence_numbers();
  sa.inbound_key = check.secret(in.inbound_key(), "inbound-key");
  sa.outbound_key = check.secret(in.outbound_key(), "outbound-key");
  sa.local_selectors = decode_selectors(in.local_selectors(), check);
  sa.remote_selectors = decode_selectors(in.remote_selectors(), check);
  sa.replay_window = check.u16(in.replay_window(), "replay-window");
  sa.initiator = in.initiator();
  sa.rekeyed = in.rekeyed();
  sa.lifetime = Duration(in.lifetime_ns());
  sa.age = Duration(in.age_ns());
  sa.grants = decode_grants(in.grants(), check);
  sa.holders = decode_holders(in.holders(), check);
  return sa;
}

void encode_ike(const ike::IkeSa& sa, pb::IkeSa& out) {
  out.set_tunnel(sa.tunnel);
  out.set_initiator_spi(sa.initiator_spi.value);
  out.set_responder_spi(sa.responder_spi.value);
  out.set_state(static_cast<uint32_t>(sa.state));
  out.set_we_initiated(sa.we_initiated);
  out.mutable_local()->set_address(text(sa.local.address.bytes()));
  out.mutable_local()->set_port(sa.local.port);
  out.mutable_remote()->set_address(text(sa.remote.address.bytes()));
  out.mutable_remote()->set_port(sa.remote.port);
  out.set_local_behind_nat(sa.local_behind_nat);
  out.set_remote_behind_nat(sa.remote_behind_nat);
  out.set_peer_supports_message_id_sync(sa.peer_supports_message_id_sync);
  out.set_encryption(static_cast<uint32_t>(sa.suite.encryption));
  out.set_key_bits(sa.suite.key_bits);
  out.set_integrity(static_cast<uint32_t>(sa.suite.integrity));
  out.set_prf(static_cast<uint32_t>(sa.suite.prf));
  out.set_group(static_cast<uint32_t>(sa.suite.group));
  out.set_sk_d(text(sa.keys.sk_d.view()));
  out.set_sk_ai(text(sa.keys.sk_ai.view()));
  out.set_sk_ar(text(sa.keys.sk_ar.view()));
  out.set_sk_ei(text(sa.keys.sk_ei.view()));
  out.set_sk_er(text(sa.keys.sk_er.view()));
  out.set_sk_pi(text(sa.keys.sk_pi.view()));
  out.set_sk_pr(text(sa.keys.sk_pr.view()));
  out.set_initiator_nonce(text(sa.initiator_nonce));
  out.set_responder_nonce(text(sa.responder_nonce));
  out.set_init_request(text(sa.init_request));
  out.set_init_response(text(sa.init_response));
  out.set_local_id_type(sa.local_id.type);
  out.set_local_id(text(sa.local_id.data));
  out.set_remote_id_type(sa.remote_id.type);
  out.set_remote_id(text(sa.remote_id.data));
  out.set_next_request_in(sa.next_request_in);
  out.set_next_request_out(sa.next_request_out);
  if (sa.last_answer) {
    pb::Answer& answer = *out.mutable_last_answer();
    answer.set_message_id(sa.last_answer->message_id);
    answer.set_request_digest(text(sa.last_answer->request_digest));
    for (const Bytes& response : sa.last_answer->response) answer.add_response(text(response));
  }
  if (sa.pending) {
    pb::Pending& pending = *out.mutable_pending();
    pending.set_kind(static_cast<uint32_t>(sa.pending->kind));
    pending.set_message_id(sa.pending->message_id);
    pending.set_message(text(sa.pending->message));
    pending.set_child(sa.pending->child.value);
  }
  for (const Spi child : sa.children) out.add_children(child.value);
  out.set_lifetime_ns(sa.lifetime.count());
  out.set_age_ns(sa.age.count());
  out.set_authenticated_count(sa.authenticated_count);
  encode_holders(sa.holders, *out.mutable_holders());
}

ike::IkeSuite decode_ike_suite(const pb::IkeSa& in, Checker& check) {
  ike::IkeSuite suite;
  suite.encryption = decode_encryption(in.encryption(), check);
  suite.key_bits = decode_key_bits(in.key_bits(), check);
  suite.integrity = decode_integrity(in.integrity(), suite.encryption, check);
  if (in.prf() != static_cast<uint32_t>(ike::Prf::HmacSha256)) check.refuse("prf");
  const uint32_t group = in.group();
  if (group != static_cast<uint32_t>(ike::Group::Modp2048) &&
      group != static_cast<uint32_t>(ike::Group::Ecp256) &&
      group != static_cast<uint32_t>(ike::Group::Curve25519)) {
    check.refuse("group");
  }
  suite.group = static_cast<ike::Group>(group);
  return suite;
}

void decode_exchanges(const pb::IkeSa& in, ike::IkeSa& sa, Checker& check) {
  if (in.has_last_answer()) {
    const pb::Answer& answer = in.last_answer();
    check.at_most(answer.response_size(), kResponsesMax, "responses");
    ike::Answer out{.message_id = answer.message_id(),
                    .request_digest = check.bytes(answer.request_digest(), 64, "request-digest"),
                    .response = {}};
    for (const std::string& response : answer.response()) {
      if (!check.ok()) break;
      out.response.push_back(check.bytes(response, kMessageMax, "response"));
    }
    sa.last_answer = std::move(out);
  }
  if (!in.has_pending()) return;
  const auto last_kind = static_cast<uint32_t>(ike::PendingRequest::Kind::DeleteIke);
  sa.pending = ike::PendingRequest{
      .kind = static_cast<ike::PendingRequest::Kind>(
          check.u8(in.pending().kind(), last_kind, "pending-kind")),
      .message_id = in.pending().message_id(),
      .message = check.bytes(in.pending().message(), kMessageMax, "pending-message"),
      .child = Spi{in.pending().child()}};
}

ike::IkeSa decode_ike(const pb::IkeSa& in, TunnelGroupId group, Checker& check) {
  ike::IkeSa sa;
  sa.group = group;
  sa.tunnel = in.tunnel();
  sa.initiator_spi = IkeSpi{in.initiator_spi()};
  sa.responder_spi = IkeSpi{in.responder_spi()};
  sa.state = static_cast<ike::IkeState>(
      check.u8(in.state(), static_cast<uint32_t>(ike::IkeState::Closed), "ike-state"));
  sa.we_initiated = in.we_initiated();
  sa.local = {.address = check.address(in.local().address(), "local"),
              .port = check.u16(in.local().port(), "local-port")};
  sa.remote = {.address = check.address(in.remote().address(), "remote"),
               .port = check.u16(in.remote().port(), "remote-port")};
  sa.local_behind_nat = in.local_behind_nat();
  sa.remote_behind_nat = in.remote_behind_nat();
  sa.peer_supports_message_id_sync = in.peer_supports_message_id_sync();
  sa.suite = decode_ike_suite(in, check);
  sa.keys.sk_d = check.secret(in.sk_d(), "sk-d");
  sa.keys.sk_ai = check.secret(in.sk_ai(), "sk-ai");
  sa.keys.sk_ar = check.secret(in.sk_ar(), "sk-ar");
  sa.keys.sk_ei = check.secret(in.sk_ei(), "sk-ei");
  sa.keys.sk_er = check.secret(in.sk_er(), "sk-er");
  sa.keys.sk_pi = check.secret(in.sk_pi(), "sk-pi");
  sa.keys.sk_pr = check.secret(in.sk_pr(), "sk-pr");
  sa.initiator_nonce = check.bytes(in.initiator_nonce(), kNonceMax, "initiator-nonce");
  sa.responder_nonce = check.bytes(in.responder_nonce(), kNonceMax, "responder-nonce");
  sa.init_request = check.bytes(in.init_request(), kMessageMax, "init-request");
  sa.init_response = check.bytes(in.init_response(), kMessageMax, "init-response");
  sa.local_id = {.type = check.u8(in.local_id_type(), UINT8_MAX, "local-id-type"),
                 .data = check.bytes(in.local_id(), kIdMax, "local-id")};
  sa.remote_id = {.type = check.u8(in.remote_id_type(), UINT8_MAX, "remote-id-type"),
                  .data = check.bytes(in.remote_id(), kIdMax, "remote-id")};
  sa.next_request_in = in.next_request_in();
  sa.next_request_out = in.next_request_out();
  decode_exchanges(in, sa, check);
  check.at_most(in.children_size(), kChildrenMax, "children");
  for (int i = 0; check.ok() && i < in.children_size(); ++i) {
    sa.children.push_back(Spi{in.children(i)});
  }
  sa.lifetime = Duration(in.lifetime_ns());
  sa.age = Duration(in.age_ns());
  sa.authenticated_count = in.authenticated_count();
  sa.holders = decode_holders(in.holders(), check);
  return sa;
}

template <typename Message>
uint64_t digest_of(Message& message) {
  std::string bytes = message.SerializeAsString();
  const Bytes full = crypto::digest(crypto::Hash::Sha256, {as_bytes(bytes)});
  std::ranges::fill(bytes, '\0');
  uint64_t value = 0;
  for (size_t i = 0; i < sizeof(value); ++i) value = value << 8 | full[i];
  return value;
}

}  // namespace

void encode(const Record& record, pb::Record& out) {
  struct Visitor {
    pb::Record& out;
    void operator()(const ike::IkeSa& sa) const { encode_ike(sa, *out.mutable_ike_sa()); }
    void operator()(const esp::ChildSa& sa) const { encode_child(sa, *out.mutable_child_sa()); }
    void operator()(const DeleteIkeSa& gone) const {
      out.mutable_delete_ike_sa()->set_key(gone.our_spi.value);
      out.mutable_delete_ike_sa()->set_by_client(gone.by_client);
    }
    void operator()(const DeleteChildSa& gone) const {
      out.mutable_delete_child_sa()->set_key(gone.inbound_spi.value);
      out.mutable_delete_child_sa()->set_by_client(gone.by_client);
    }
    void operator()(const GrantChange& change) const {
      out.mutable_grant_change()->set_inbound_spi(change.inbound_spi.value);
      encode_grants(change.grants, *out.mutable_grant_change()->mutable_grants());
    }
  };
  std::visit(Visitor{out}, record);
}

wire::Decoded<Record> decode(const pb::Record& in, TunnelGroupId group) {
  Checker check;
  switch (in.record_case()) {
    case pb::Record::kIkeSa:
      return check.finish(Record(decode_ike(in.ike_sa(), group, check)));
    case pb::Record::kChildSa:
      return check.finish(Record(decode_child(in.child_sa(), group, check)));
    case pb::Record::kDeleteIkeSa:
      return Record(DeleteIkeSa{.our_spi = IkeSpi{in.delete_ike_sa().key()},
                                .by_client = in.delete_ike_sa().by_client()});
    case pb::Record::kDeleteChildSa:
      if (in.delete_child_sa().key() > UINT32_MAX) check.refuse("spi");
      return check.finish(Record(
          DeleteChildSa{.inbound_spi = Spi{static_cast<uint32_t>(in.delete_child_sa().key())},
                        .by_client = in.delete_child_sa().by_client()}));
    case pb::Record::kGrantChange:
      return check.finish(
          Record(GrantChange{.inbound_spi = Spi{in.grant_change().inbound_spi()},
                             .grants = decode_grants(in.grant_change().grants(), check)}));
    case pb::Record::RECORD_NOT_SET:
      break;
  }
  check.refuse("record-kind");
  return check.finish(Record(DeleteIkeSa{}));
}

void encode(const esp::SaWindow& window, pb::Window& out) {
  out.set_inbound_spi(window.inbound_spi.value);
  out.set_outbound_next(window.outbound_next);
  out.set_inbound_highest(window.inbound_highest);
  for (const uint64_t word : window.seen) out.add_seen(word);
}

wire::Decoded<esp::SaWindow> decode(const pb::Window& in) {
  Checker check;
  check.at_most(in.seen_size(), kWindowWordsMax, "window-words");
  esp::SaWindow window{.inbound_spi = Spi{in.inbound_spi()},
                       .outbound_next = in.outbound_next(),
                       .inbound_highest = in.inbound_highest(),
                       .seen = {}};
  if (check.ok()) window.seen.assign(in.seen().begin(), in.seen().end());
  return check.finish(std::move(window));
}

void encode(const Handover& message, pb::Handover& out) {
  struct Visitor {
    pb::Handover& out;
    void operator()(const HandoverPrepare& m) const {
      out.set_step(pb::Handover::PREPARE);
      out.set_cookie(m.cookie);
      out.set_activation(m.activation.value);
    }
    void operator()(const HandoverReady& m) const {
      out.set_step(pb::Handover::READY);
      out.set_cookie(m.cookie);
    }
    void operator()(const HandoverWindows& m) const {
      out.set_step(pb::Handover::WINDOWS);
      out.set_cookie(m.cookie);
      out.set_last(m.last);
      for (const esp::SaWindow& window : m.windows) encode(window, *out.add_windows());
    }
    void operator()(const HandoverDone& m) const {
      out.set_step(pb::Handover::DONE);
      out.set_cookie(m.cookie);
    }
    void operator()(const HandoverAbort& m) const {
      out.set_step(pb::Handover::ABORT);
      out.set_cookie(m.cookie);
      out.set_why(m.why.substr(0, kReasonMax));
    }
  };
  std::visit(Visitor{out}, message);
}

wire::Decoded<Handover> decode(const pb::Handover& in) {
  const uint64_t cookie = in.cookie();
  switch (static_cast<int>(in.step())) {
    case pb::Handover::PREPARE:
      return Handover(HandoverPrepare{.cookie = cookie, .activation = Activation{in.activation()}});
    case pb::Handover::READY:
      return Handover(HandoverReady{.cookie = cookie});
    case pb::Handover::WINDOWS: {
      HandoverWindows windows{.cookie = cookie, .windows = {}, .last = in.last()};
      for (const pb::Window& each : in.windows()) {
        auto window = decode(each);
        if (!window) return tl::unexpected(window.error());
        windows.windows.push_back(std::move(*window));
      }
      return Handover(std::move(windows));
    }
    case pb::Handover::DONE:
      return Handover(HandoverDone{.cookie = cookie});
    case pb::Handover::ABORT:
      return Handover(HandoverAbort{.cookie = cookie, .why = in.why().substr(0, kReasonMax)});
    default:
      return tl::unexpected<wire::Refusal>(wire::Refusal{"handover-step"});
  }
}

uint64_t digest(const ike::IkeSa& sa) {
  pb::IkeSa message;
  encode_ike(sa, message);
  message.clear_age_ns();
  message.clear_holders();
  return digest_of(message);
}

uint64_t digest(const esp::ChildSa& sa) {
  pb::ChildSa message;
  encode_child(sa, message);
  message.clear_age_ns();
  message.clear_holders();
  message.clear_grants();
  return digest_of(message);
}

}  // namespace segw::mcs
