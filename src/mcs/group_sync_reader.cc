// The reader's side of a group: what comes from the writer.
#include "mcs/group_sync.h"

namespace segw::mcs {
namespace {

constexpr int kUnusablePerAck = 1024;

}  // namespace

void GroupSyncImpl::on_base(const pb::Base& base) {
  if (base.activation() > kActivationMax) return count("activation-refused");
  const Activation theirs{base.activation()};
  if (theirs < highest_) {
    // Records of an older activation are refused (rule 16).
    count("stale-writer");
    pb::Frame out = frame();
    out.mutable_group()->mutable_stale()->set_activation(highest_.value);
    return link_.send(out);
  }
  highest_ = theirs;
  if (!writer_) want();
}

void GroupSyncImpl::want() {
  to_digest_.clear();
  copying_ = held_.activation != highest_ || held_.number == 0;
  pb::Frame out = frame();
  out.mutable_group()->mutable_want()->set_activation(held_.activation.value);
  out.mutable_group()->mutable_want()->set_number(held_.number);
  link_.send(out);
}

void GroupSyncImpl::forget_copy() {
  copying_ = false;
  copy_unusable_ = 0;
  keep_ike_.clear();
  keep_children_.clear();
}

void GroupSyncImpl::send_digests() {
  if (writer_) return;
  if (!to_digest_.empty()) return count("digests-under-way");
  forget_copy();
  copying_ = true;
  to_digest_ = all_keys();
  // The end is told even if there is nothing to tell.
  if (to_digest_.empty()) to_digest_.emplace_back(false, 0);
  digest_some();
}

void GroupSyncImpl::digest_some() {
  if (to_digest_.empty()) return;
  if (link_.unsent() > kUnsentMax) return stream_timer_.arm(kUnsentPoll);
  pb::Frame out = frame();
  pb::Digests& digests = *out.mutable_group()->mutable_digests();
  for (size_t i = 0; i < kDigestsAtOnce && !to_digest_.empty(); ++i) {
    const DigestKey key = to_digest_.front();
    to_digest_.pop_front();
    const auto value = digest_of(key);
    if (!value) continue;
    pb::Digest* entry = digests.add_entries();
    entry->set_child(key.first);
    entry->set_key(key.second);
    entry->set_digest(*value);
  }
  digests.set_last(to_digest_.empty());
  link_.send(out);
  if (!to_digest_.empty()) stream_timer_.arm(kBreath);
}

bool GroupSyncImpl::take(const pb::Record& record, Origin origin, std::string& unusable) {
  auto decoded = decode(record, group_);
  if (!decoded) {
    unusable = "record-" + decoded.error().field;
  } else {
    unusable = host_.apply_record(*decoded, origin);
  }
  if (unusable.empty()) return true;
  count("unusable-" + unusable);
  return false;
}

void GroupSyncImpl::on_copy(const pb::Copy& copy) {
  if (writer_ || !copying_) return count("copy-unasked");
  for (const pb::Record& record : copy.records()) {
    std::string unusable;
    if (!take(record, Origin::Copy, unusable)) ++copy_unusable_;
  }
}

void GroupSyncImpl::on_copy_end(const pb::CopyEnd& end) {
  if (writer_ || !copying_) return count("copy-unasked");
  if (end.activation() != highest_.value) return count("stale-records");
  for (const uint64_t spi : end.ike_sas()) keep_ike_.insert(IkeSpi{spi});
  for (const uint32_t spi : end.child_sas()) keep_children_.insert(Spi{spi});
  if (keep_ike_.size() > kKeysMax || keep_children_.size() > kKeysMax) {
    forget_copy();
    return count("copy-too-large");
  }
  if (end.more()) return;
  host_.on_full_copy(keep_ike_, keep_children_);
  const uint64_t unusable = copy_unusable_;
  forget_copy();
  held_ = Position{.activation = Activation{end.activation()}, .number = end.number()};
  pb::Frame out = frame();
  pb::Ack& ack = *out.mutable_group()->mutable_ack();
  ack.set_activation(end.activation());
  ack.set_number(end.number());
  ack.set_copy_unusable(unusable);
  link_.send(out);
}

void GroupSyncImpl::on_records(const pb::Records& records) {
  if (writer_) return count("records-to-a-writer");
  if (records.activation() != highest_.value || held_.activation != highest_) {
    count("stale-records");
    pb::Frame out = frame();
    out.mutable_group()->mutable_stale()->set_activation(highest_.value);
    return link_.send(out);
  }
  if (records.first_number() != held_.number + 1) {
    count("records-out-of-order");
    return want();
  }
  pb::Frame out = frame();
  pb::Ack& ack = *out.mutable_group()->mutable_ack();
  const auto acknowledge = [&] {
    ack.set_activation(held_.activation.value);
    ack.set_number(held_.number);
    link_.send(out);
    ack.Clear();
  };
  for (const pb::Record& record : records.records()) {
    ++held_.number;
    std::string unusable;
    if (take(record, Origin::Journal, unusable)) continue;
    pb::Unusable* entry = ack.add_unusable();
    entry->set_number(held_.number);
    entry->set_reason(unusable);
    if (ack.unusable_size() == kUnusablePerAck) acknowledge();
  }
  acknowledge();
}

void GroupSyncImpl::on_windows(const pb::Windows& windows) {
  if (writer_ || windows.activation() != highest_.value) return count("stale-windows");
  std::vector<esp::SaWindow> decoded;
  for (const pb::Window& each : windows.windows()) {
    auto window = decode(each);
    if (!window) return count("window-" + window.error().field);
    decoded.push_back(std::move(*window));
  }
  host_.on_windows(decoded);
}

void GroupSyncImpl::on_handover(const pb::Handover& message) {
  const auto decoded = decode(message);
  if (!decoded) return count("handover-" + decoded.error().field);
  host_.on_handover(*decoded);
}

}  // namespace segw::mcs
