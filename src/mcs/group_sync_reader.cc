// The reader's side of a group: whom it follows, and what comes from there.
#include <algorithm>

#include "mcs/group_sync.h"

namespace segw::mcs {
namespace {

constexpr int kUnusablePerAck = 1024;

}  // namespace

void GroupSyncImpl::send_stale(Feed& to) const {
  pb::Frame out = to.frame();
  out.mutable_group()->mutable_stale()->set_activation(highest_.value);
  to.send(out);
}

void GroupSyncImpl::on_base(Feed& from, const pb::Base& base) {
  if (base.activation() > kActivationMax) return from.count("activation-refused");
  const Activation theirs{base.activation()};
  if (theirs < highest_) {
    // Records of an older activation are refused (rule 16).
    from.count("stale-writer");
    return send_stale(from);
  }
  highest_ = theirs;
  from.set_announced(
      theirs, {.activation = Activation{base.held_activation()}, .number = base.held_number()});
  if (writer_) return;
  // Two that took the same number while they did not hear each other: one of them will renew it.
  const bool followed = source_ != nullptr && source_->announced() == highest_;
  if (followed && source_ != &from) return from.count("rival-writer");
  follow(&from);
}

void GroupSyncImpl::on_stale(Feed& from, const pb::Stale& stale) {
  if (stale.activation() > kActivationMax) return from.count("activation-refused");
  highest_ = std::max(highest_, Activation{stale.activation()});
  from.count("told-stale");
  if (writer_) from.set_synced(false);
}

void GroupSyncImpl::follow_newest() {
  const auto at = std::ranges::find_if(
      feeds_, [&](const auto& feed) { return feed->up() && feed->announced() == highest_; });
  follow(at == feeds_.end() ? nullptr : at->get());
}

void GroupSyncImpl::follow(Feed* writer) {
  if (source_ != nullptr) {
    source_->digests().stop();
    source_->offers().stop();
  }
  source_ = writer;
  forget_copy();
  if (source_ != nullptr) want();
}

bool GroupSyncImpl::holds_of_source() const {
  return source_ != nullptr && held_from_ == source_ && held_.activation == highest_ &&
         held_.activation.value != 0;
}

// Redundancy rule 16: what the writer does not hold of our own journal "is offered for merge".
void GroupSyncImpl::want() {
  source_->digests().stop();
  source_->offers().stop();
  copying_ = !holds_of_source() || held_.number == 0 || lacks_something_;
  const bool goes_on = held_from_ == source_ && !lacks_something_;
  const Position from = goes_on ? held_ : Position{};
  pb::Frame out = source_->frame();
  pb::Want& want = *out.mutable_group()->mutable_want();
  want.set_activation(from.activation.value);
  want.set_number(from.number);
  if (tail_.activation.value != 0 && source_->announced_held() != tail_) {
    want.set_tail_activation(tail_.activation.value);
    want.set_tail_number(tail_.number);
  }
  source_->send(out);
}

void GroupSyncImpl::forget_copy() {
  copying_ = false;
  copy_unusable_ = 0;
  keep_ike_.clear();
  keep_children_.clear();
}

void GroupSyncImpl::on_need_digests(Feed& from) {
  if (writer_ || source_ != &from) return from.count("digests-unasked");
  if (from.digests().busy()) return from.count("digests-under-way");
  forget_copy();
  copying_ = true;
  from.digests().begin();
}

// What the writer asks for is not more than what it was told of.
void GroupSyncImpl::on_fetch(Feed& from, const pb::Fetch& fetch) {
  if (writer_ || source_ != &from || tail_.activation.value == 0 || from.offers().busy()) {
    return from.count("fetch-unasked");
  }
  const auto size =
      static_cast<size_t>(fetch.ike_sas_size()) + static_cast<size_t>(fetch.child_sas_size());
  if (from.offers().wanted() + size > 2 * kKeysMax) return from.count("fetch-too-large");
  for (const uint64_t spi : fetch.ike_sas()) from.offers().want({false, spi});
  for (const uint32_t spi : fetch.child_sas()) from.offers().want({true, spi});
  if (fetch.last()) from.offers().begin();
}

bool GroupSyncImpl::take(Feed& from, const pb::Record& record, Origin origin,
                         std::string& unusable) {
  auto decoded = decode(record, group_);
  if (!decoded) {
    unusable = "record-" + decoded.error().field;
  } else {
    unusable = host_.apply_record(*decoded, origin);
  }
  if (unusable.empty()) return true;
  from.count("unusable-" + unusable);
  return false;
}

void GroupSyncImpl::on_copy(Feed& from, const pb::Copy& copy) {
  if (writer_ || !copying_ || source_ != &from) return from.count("copy-unasked");
  for (const pb::Record& record : copy.records()) {
    std::string unusable;
    if (!take(from, record, Origin::Copy, unusable)) ++copy_unusable_;
  }
}

void GroupSyncImpl::on_copy_end(Feed& from, const pb::CopyEnd& end) {
  if (writer_ || !copying_ || source_ != &from) return from.count("copy-unasked");
  if (end.activation() != highest_.value) return from.count("stale-records");
  for (const uint64_t spi : end.ike_sas()) keep_ike_.insert(IkeSpi{spi});
  for (const uint32_t spi : end.child_sas()) keep_children_.insert(Spi{spi});
  if (keep_ike_.size() > kKeysMax || keep_children_.size() > kKeysMax) {
    forget_copy();
    return from.count("copy-too-large");
  }
  if (end.more()) return;
  host_.on_full_copy(keep_ike_, keep_children_);
  const uint64_t unusable = copy_unusable_;
  forget_copy();
  lacks_something_ = unusable != 0;
  tail_ = {};
  held_ = Position{.activation = Activation{end.activation()}, .number = end.number()};
  held_from_ = &from;
  pb::Frame out = from.frame();
  pb::Ack& ack = *out.mutable_group()->mutable_ack();
  ack.set_activation(end.activation());
  ack.set_number(end.number());
  ack.set_copy_unusable(unusable);
  from.send(out);
}

void GroupSyncImpl::on_records(Feed& from, const pb::Records& records) {
  if (writer_) return from.count("records-to-a-writer");
  if (source_ != &from || records.activation() != highest_.value || !holds_of_source()) {
    from.count("stale-records");
    return send_stale(from);
  }
  if (records.first_number() != held_.number + 1) {
    from.count("records-out-of-order");
    return want();
  }
  pb::Frame out = from.frame();
  pb::Ack& ack = *out.mutable_group()->mutable_ack();
  const auto acknowledge = [&] {
    ack.set_activation(held_.activation.value);
    ack.set_number(held_.number);
    from.send(out);
    ack.Clear();
  };
  for (const pb::Record& record : records.records()) {
    ++held_.number;
    std::string unusable;
    if (take(from, record, Origin::Journal, unusable)) continue;
    lacks_something_ = true;
    pb::Unusable* entry = ack.add_unusable();
    entry->set_number(held_.number);
    entry->set_reason(unusable);
    if (ack.unusable_size() == kUnusablePerAck) acknowledge();
  }
  acknowledge();
}

void GroupSyncImpl::on_windows(Feed& from, const pb::Windows& windows) {
  if (writer_ || source_ != &from || windows.activation() != highest_.value) {
    return from.count("stale-windows");
  }
  std::vector<esp::SaWindow> decoded;
  for (const pb::Window& each : windows.windows()) {
    auto window = decode(each);
    if (!window) return from.count("window-" + window.error().field);
    decoded.push_back(std::move(*window));
  }
  host_.on_windows(decoded);
}

void GroupSyncImpl::on_handover(Feed& from, const pb::Handover& message) {
  const auto decoded = decode(message);
  if (!decoded) return from.count("handover-" + decoded.error().field);
  host_.on_handover(from.peer(), *decoded);
}

}  // namespace segw::mcs
