#include "mcs/mcs_codec.h"

#include <algorithm>

#include "crypto/crypto.h"
#include "mcs/sa_codec.h"

namespace segw::mcs {
namespace {

constexpr int kWindowWordsMax = 8;
constexpr size_t kReasonMax = 256;

// A reason goes to the operator's terminal.
std::string printable(std::string text) {
  std::ranges::replace_if(text, [](char c) { return c < ' ' || c > '~'; }, '?');
  return text;
}

template <typename Message>
uint64_t digest_of(Message& message, uint32_t version) {
  if (version < kVersion) clear_newer(message, version);
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
  if (in.ByteSizeLong() > kRecordMax) {
    check.refuse("record-size");
    return check.finish(Record(DeleteIkeSa{}));
  }
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
                       .outbound_next = check.position(in.outbound_next(), "outbound-next"),
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
      if (in.activation() > kActivationMax) {
        return tl::unexpected<wire::Refusal>(wire::Refusal{"activation"});
      }
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
      return Handover(
          HandoverAbort{.cookie = cookie, .why = printable(in.why().substr(0, kReasonMax))});
    default:
      return tl::unexpected<wire::Refusal>(wire::Refusal{"handover-step"});
  }
}

uint64_t digest(const ike::IkeSa& sa, uint32_t version) {
  pb::IkeSa message;
  encode_ike(sa, message);
  message.clear_age_ns();
  message.clear_holders();
  return digest_of(message, version);
}

uint64_t digest(const esp::ChildSa& sa, uint32_t version) {
  pb::ChildSa message;
  encode_child(sa, message);
  message.clear_age_ns();
  message.clear_holders();
  return digest_of(message, version);
}

}  // namespace segw::mcs
