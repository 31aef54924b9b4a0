#include "mcs/group_sync.h"

#include <algorithm>

#include "base/planted.h"

namespace segw::mcs {
namespace {

constexpr size_t kUnsentMax = size_t{8} << 20;  // beyond: wait until the peer has taken some
constexpr Duration kUnsentPoll = std::chrono::milliseconds(5);
constexpr size_t kBatchBytes = size_t{64} << 10;  // rule 15
constexpr size_t kStepBytes = size_t{384} << 10;  // and one record: below what a frame holds
constexpr Duration kWindowInterval = std::chrono::milliseconds(100);  // rule 20
constexpr size_t kWindowsPerFlush = 1024;                             // about 64 KiB
constexpr size_t kKeysPerFrame = 32768;
constexpr size_t kReasonMax = 64;
constexpr size_t kReasonsMax = 32;

}  // namespace

std::string_view text(SyncState state) {
  switch (state) {
    case SyncState::InSync:
      return "inSync";
    case SyncState::SyncInProgress:
      return "syncInProgress";
    case SyncState::OutOfSync:
      return "outOfSync";
  }
  return "";
}

GroupSyncImpl::GroupSyncImpl(platform::Platform& platform, GroupLink& link, TunnelGroupId group,
                             std::string sync_tag, GroupHost& host)
    : link_(link),
      group_(group),
      sync_tag_(std::move(sync_tag)),
      host_(host),
      stream_timer_(platform,
                    [this] {
                      if (feed_ == Feed::Copying) {
                        copy_some();
                      } else {
                        stream();
                      }
                    }),
      window_timer_(platform, [this] { flush_windows(); }),
      post_(platform) {}

GroupSyncImpl::~GroupSyncImpl() { link_.forget(*this); }

pb::Frame GroupSyncImpl::frame() const {
  pb::Frame frame;
  frame.mutable_group()->set_sync_tag(sync_tag_);
  return frame;
}

SyncState GroupSyncImpl::sync_state() const {
  if (!link_.up()) return SyncState::OutOfSync;
  if (writer_) return peer_synced_ ? SyncState::InSync : SyncState::SyncInProgress;
  if (held_.activation.value == 0 || held_.activation != highest_) return SyncState::OutOfSync;
  return copying_ ? SyncState::SyncInProgress : SyncState::InSync;
}

Position GroupSyncImpl::position() const { return writer_ ? journal_.end() : held_; }

bool GroupSyncImpl::journal_flushed() const {
  return writer_ && feed_ == Feed::Streaming && acked_ == journal_.end().number && waiting_.empty();
}

// ---- writer ----

void GroupSyncImpl::become_writer(Activation activation) {
  writer_ = true;
  highest_ = std::max(highest_, activation);
  journal_.restart(activation);
  feed_ = Feed::Idle;
  sent_ = acked_ = 0;
  peer_unusable_ = 0;
  peer_synced_ = false;
  copying_ = false;
  waiting_.clear();  // the renewed writer's records were never under the new base
  peer_digests_.clear();
  to_copy_.clear();
  announce();
}

void GroupSyncImpl::become_reader() {
  writer_ = false;
  waiting_.clear();
  windows_.clear();
  feed_ = Feed::Idle;
  peer_synced_ = false;
  // What we wrote is ours alone now: its end is no position that another writer can resume from.
  held_ = {};
  if (link_.up()) want();
}

void GroupSyncImpl::announce() {
  if (!writer_ || !link_.up()) return;
  pb::Frame out = frame();
  out.mutable_group()->mutable_base()->set_activation(journal_.end().activation.value);
  link_.send(out);
}

void GroupSyncImpl::commit(std::vector<Record> records, platform::Callback then) {
  if (!writer_) return;
  for (Record& record : records) journal_.append(std::move(record), &record == &records.back());
  waiting_.push_back(Waiting{.number = journal_.end().number, .then = std::move(then)});
  // Posted: records of one event leave in one batch, and `then` never runs inside commit().
  post_([this] {
    if (feed_ == Feed::Streaming) stream();
    drain();
  });
}

void GroupSyncImpl::members_changed() { drain(); }

// Rule 15: "the wait ends by acknowledgement or by removal from the set, never by a mere timer."
void GroupSyncImpl::drain() {
  while (writer_ && !waiting_.empty()) {
    // What could not be used was acknowledged too, but it is not held.
    const bool held =
        waiting_.front().number <= acked_ && feed_ == Feed::Streaming && peer_unusable_ == 0;
    if (!held && !SEGW_PLANTED(told_means_kept)) {
      if (host_.peer_in_sync_set()) return;
      // Told without the peer: from here on it does not hold everything, until it has caught up.
      if (peer_synced_) {
        set_peer_synced(false);
        continue;  // the host may have come back here meanwhile
      }
    }
    const platform::Callback then = std::move(waiting_.front().then);
    waiting_.pop_front();
    then();
  }
}

void GroupSyncImpl::set_peer_synced(bool synced) {
  if (peer_synced_ == synced) return;
  peer_synced_ = synced;
  link_.note("group " + sync_tag_ + (synced ? ": peer is in sync" : ": peer is not in sync"));
  host_.on_peer_synced(synced);
}

void GroupSyncImpl::on_want(const pb::Want& want) {
  if (!writer_) return;
  const Position from{.activation = Activation{want.activation()}, .number = want.number()};
  peer_digests_.clear();
  to_copy_.clear();
  stream_timer_.cancel();
  // What the peer could not use is not in the journal's tail: only a comparison finds it.
  if (peer_unusable_ == 0 && journal_.can_resume(from)) {
    count("resumed-from-journal");
    feed_ = Feed::Streaming;
    sent_ = acked_ = from.number;
    stream();
    if (acked_ == journal_.end().number && peer_unusable_ == 0) set_peer_synced(true);
    drain();
    return;
  }
  feed_ = Feed::Comparing;
  pb::Frame out = frame();
  out.mutable_group()->mutable_need_digests();
  link_.send(out);
}

void GroupSyncImpl::on_digests(const pb::Digests& digests) {
  if (!writer_ || feed_ != Feed::Comparing) return;
  for (const pb::Digest& each : digests.entries()) {
    if (peer_digests_.size() >= kKeysMax) break;
    peer_digests_[{each.child(), each.key()}] = each.digest();
  }
  if (!digests.last()) return;
  const GroupState& state = host_.state();
  copy_ike_.clear();
  copy_children_.clear();
  const auto differs = [&](const DigestKey& key, uint64_t digest) {
    const auto at = peer_digests_.find(key);
    return at == peer_digests_.end() || at->second != digest;
  };
  for (const auto& [spi, sa] : state.ike_sas) {
    copy_ike_.insert(spi);
    if (differs({false, spi.value}, digest(sa))) to_copy_.emplace_back(false, spi.value);
  }
  for (const auto& [spi, sa] : state.child_sas) {
    copy_children_.insert(spi);
    if (differs({true, spi.value}, digest(sa))) to_copy_.emplace_back(true, spi.value);
  }
  peer_digests_.clear();
  count(to_copy_.size() == copy_ike_.size() + copy_children_.size() ? "full-copies"
                                                                    : "part-copies");
  copy_from_ = journal_.end().number;
  peer_unusable_ = 0;
  feed_ = Feed::Copying;
  host_.before_copy();
  copy_some();
}

// A record that changes meanwhile is copied as it is then, and comes again by the journal.
void GroupSyncImpl::copy_some() {
  const GroupState& state = host_.state();
  while (!to_copy_.empty()) {
    if (link_.unsent() > kUnsentMax) return stream_timer_.arm(kUnsentPoll);
    pb::Frame out = frame();
    pb::Copy& copy = *out.mutable_group()->mutable_copy();
    size_t size = 0;
    while (!to_copy_.empty() && size < kBatchBytes) {
      const auto [child, key] = to_copy_.front();
      to_copy_.pop_front();
      if (child) {
        const auto at = state.child_sas.find(Spi{static_cast<uint32_t>(key)});
        if (at == state.child_sas.end()) continue;
        encode(Record(at->second), *copy.add_records());
      } else {
        const auto at = state.ike_sas.find(IkeSpi{key});
        if (at == state.ike_sas.end()) continue;
        encode(Record(at->second), *copy.add_records());
      }
      size += copy.records(copy.records_size() - 1).ByteSizeLong();
    }
    link_.send(out);
  }
  end_copy();
}

void GroupSyncImpl::end_copy() {
  auto ike = copy_ike_.begin();
  auto child = copy_children_.begin();
  for (bool more = true; more;) {
    pb::Frame out = frame();
    pb::CopyEnd& end = *out.mutable_group()->mutable_copy_end();
    end.set_activation(journal_.end().activation.value);
    end.set_number(copy_from_);
    for (size_t i = 0; i < kKeysPerFrame && ike != copy_ike_.end(); ++i, ++ike) {
      end.add_ike_sas(ike->value);
    }
    for (size_t i = 0; i < kKeysPerFrame && child != copy_children_.end(); ++i, ++child) {
      end.add_child_sas(child->value);
    }
    more = ike != copy_ike_.end() || child != copy_children_.end();
    end.set_more(more);
    link_.send(out);
  }
  if (!host_.state().windows.empty()) {
    for (const auto& [spi, window] : host_.state().windows) windows_[spi] = window;
    if (!window_timer_.armed()) window_timer_.arm(Duration{});
  }
  feed_ = Feed::Streaming;
  sent_ = copy_from_;
  acked_ = 0;  // until the copy is acknowledged nothing is held
  stream();
}

void GroupSyncImpl::stream() {
  if (!writer_ || feed_ != Feed::Streaming || !link_.up()) return;
  const uint64_t last = journal_.end().number;
  if (sent_ + 1 < journal_.first()) {
    // The peer is too far behind for the journal: it is compared again.
    count("journal-overflows");
    set_peer_synced(false);
    feed_ = Feed::Comparing;
    pb::Frame out = frame();
    out.mutable_group()->mutable_need_digests();
    return link_.send(out);
  }
  while (sent_ < last) {
    if (link_.unsent() > kUnsentMax) return stream_timer_.arm(kUnsentPoll);
    pb::Frame out = frame();
    pb::Records& records = *out.mutable_group()->mutable_records();
    records.set_activation(journal_.end().activation.value);
    records.set_first_number(sent_ + 1);
    size_t size = 0;
    // A reader that lost us in between would have the answer without the SA that it tells of.
    const auto more = [&] {
      return size < kBatchBytes || (size < kStepBytes && !journal_.ends_step(sent_));
    };
    while (sent_ < last && more()) {
      pb::Record* record = records.add_records();
      encode(journal_.at(++sent_), *record);
      size += record->ByteSizeLong();
    }
    link_.send(out);
  }
}

void GroupSyncImpl::on_ack(const pb::Ack& ack) {
  if (!writer_ || feed_ != Feed::Streaming) return;
  if (ack.activation() != journal_.end().activation.value || ack.number() > sent_) {
    return count("ack-unfitting");
  }
  acked_ = std::max(acked_, ack.number());
  for (const pb::Unusable& unusable : ack.unusable()) {
    ++peer_unusable_;
    count_peer_unusable(unusable.reason());
  }
  peer_unusable_ += std::min<uint64_t>(ack.copy_unusable(), UINT32_MAX);
  if (peer_unusable_ > 0) {
    set_peer_synced(false);
  } else if (acked_ == journal_.end().number) {
    set_peer_synced(true);
  }
  drain();
}

// The reason is the peer's word: it gets a counter if it looks like one of ours, and there are few.
void GroupSyncImpl::count_peer_unusable(const std::string& reason) {
  const bool plain = reason.size() <= kReasonMax && std::ranges::all_of(reason, [](char c) {
                       return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
                     });
  const bool counted =
      plain && (peer_reasons_.contains(reason) ||
                (peer_reasons_.size() < kReasonsMax && peer_reasons_.insert(reason).second));
  count(counted ? "peer-unusable-" + reason : "peer-unusable-other");
}

void GroupSyncImpl::on_stale(const pb::Stale& stale) {
  highest_ = std::max(highest_, Activation{stale.activation()});
  count("told-stale");
  if (writer_) set_peer_synced(false);
}

void GroupSyncImpl::send_windows(std::vector<esp::SaWindow> windows) {
  if (!writer_ || !link_.up()) return;
  for (esp::SaWindow& window : windows) windows_[window.inbound_spi] = std::move(window);
  if (!windows_.empty() && !window_timer_.armed()) window_timer_.arm(kWindowInterval);
}

void GroupSyncImpl::flush_windows() {
  if (!writer_ || !link_.up() || feed_ != Feed::Streaming) return windows_.clear();
  pb::Frame out = frame();
  pb::Windows& windows = *out.mutable_group()->mutable_windows();
  windows.set_activation(journal_.end().activation.value);
  for (size_t i = 0; i < kWindowsPerFlush && !windows_.empty(); ++i) {
    encode(windows_.begin()->second, *windows.add_windows());
    windows_.erase(windows_.begin());
  }
  link_.send(out);
  if (!windows_.empty()) window_timer_.arm(kWindowInterval);
}

void GroupSyncImpl::send_handover(const Handover& message) {
  stream();  // what was committed before it leaves before it
  pb::Frame out = frame();
  encode(message, *out.mutable_group()->mutable_handover());
  link_.send(out);
}

// ---- link and dispatch ----

void GroupSyncImpl::on_link(bool up) {
  feed_ = Feed::Idle;
  stream_timer_.cancel();
  copying_ = false;
  if (up) return announce();  // a reader waits for the writer's
  acked_ = 0;
  if (writer_) set_peer_synced(false);
}

void GroupSyncImpl::on_message(const pb::Group& message) {
  switch (message.body_case()) {
    case pb::Group::kBase:
      return on_base(message.base());
    case pb::Group::kWant:
      return on_want(message.want());
    case pb::Group::kNeedDigests:
      return send_digests();
    case pb::Group::kDigests:
      return on_digests(message.digests());
    case pb::Group::kCopy:
      return on_copy(message.copy());
    case pb::Group::kCopyEnd:
      return on_copy_end(message.copy_end());
    case pb::Group::kRecords:
      return on_records(message.records());
    case pb::Group::kAck:
      return on_ack(message.ack());
    case pb::Group::kStale:
      return on_stale(message.stale());
    case pb::Group::kWindows:
      return on_windows(message.windows());
    case pb::Group::kHandover:
      return on_handover(message.handover());
    case pb::Group::BODY_NOT_SET:
      return count("group-message-unknown");
  }
}

}  // namespace segw::mcs
