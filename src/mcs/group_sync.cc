#include "mcs/group_sync.h"

#include <algorithm>

#include "base/planted.h"

namespace segw::mcs {
namespace {

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
      stream_timer_(platform, [this] { on_stream_timer(); }),
      window_timer_(platform, [this] { flush_windows(); }),
      post_(platform) {}

GroupSyncImpl::~GroupSyncImpl() { link_.forget(*this); }

void GroupSyncImpl::on_stream_timer() {
  if (!writer_) return digest_some();
  if (feed_ == Feed::Copying) return copy_some();
  if (feed_ == Feed::Streaming) return stream();
  if (!to_compare_.empty()) compare_some();
}

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
  to_compare_.clear();
  to_copy_.clear();
  to_digest_.clear();
  announce();
}

void GroupSyncImpl::become_reader() {
  writer_ = false;
  waiting_.clear();
  windows_.clear();
  to_compare_.clear();
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
  to_compare_.clear();
  to_copy_.clear();
  stream_timer_.cancel();
  // What the peer could not use is not in the journal's tail: only a comparison finds it.
  if (peer_unusable_ == 0 && journal_.can_resume(from)) {
    count("resumed-from-journal");
    feed_ = Feed::Streaming;
    sent_ = acked_ = from.number;
    stream();
    send_all_windows();  // what moved while the link was down was not sent
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
  if (!writer_ || feed_ != Feed::Comparing || !to_compare_.empty()) return;
  for (const pb::Digest& each : digests.entries()) {
    if (peer_digests_.size() >= kKeysMax) break;
    peer_digests_[{each.child(), each.key()}] = each.digest();
  }
  if (!digests.last()) return;
  copy_from_ = before_grants();  // what changes from here on comes by the journal too
  copy_ike_.clear();
  copy_children_.clear();
  for (const auto& [spi, sa] : host_.state().ike_sas) copy_ike_.insert(spi);
  for (const auto& [spi, sa] : host_.state().child_sas) copy_children_.insert(spi);
  to_compare_ = all_keys();
  compare_some();
}

// The end of the journal, or before the first grant that nobody has acknowledged: it counts once it
// is, and is in no copy and no digest until then. So it comes again, with what follows.
uint64_t GroupSyncImpl::before_grants() const {
  const uint64_t end = journal_.end().number;
  if (waiting_.empty()) return end;
  for (uint64_t at = std::max(waiting_.front().number, journal_.first()); at <= end; ++at) {
    if (std::holds_alternative<GrantChange>(journal_.at(at))) return at - 1;
  }
  return end;
}

std::deque<GroupSyncImpl::DigestKey> GroupSyncImpl::all_keys() const {
  std::deque<DigestKey> keys;
  for (const auto& [spi, sa] : host_.state().ike_sas) keys.emplace_back(false, spi.value);
  for (const auto& [spi, sa] : host_.state().child_sas) keys.emplace_back(true, spi.value);
  return keys;
}

std::optional<uint64_t> GroupSyncImpl::digest_of(const DigestKey& key) const {
  const GroupState& state = host_.state();
  if (key.first) {
    const auto at = state.child_sas.find(Spi{static_cast<uint32_t>(key.second)});
    return at == state.child_sas.end() ? std::nullopt : std::optional(digest(at->second));
  }
  const auto at = state.ike_sas.find(IkeSpi{key.second});
  return at == state.ike_sas.end() ? std::nullopt : std::optional(digest(at->second));
}

void GroupSyncImpl::compare_some() {
  for (size_t i = 0; i < kDigestsAtOnce && !to_compare_.empty(); ++i) {
    const DigestKey key = to_compare_.front();
    to_compare_.pop_front();
    const auto ours = digest_of(key);
    if (!ours) continue;  // gone meanwhile: the journal says so
    const auto theirs = peer_digests_.find(key);
    if (theirs == peer_digests_.end() || theirs->second != *ours) to_copy_.push_back(key);
  }
  if (!to_compare_.empty()) return stream_timer_.arm(kBreath);
  peer_digests_.clear();
  count(to_copy_.size() == copy_ike_.size() + copy_children_.size() ? "full-copies"
                                                                    : "part-copies");
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
  send_all_windows();
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
  if (stale.activation() > kActivationMax) return count("activation-refused");
  highest_ = std::max(highest_, Activation{stale.activation()});
  count("told-stale");
  if (writer_) set_peer_synced(false);
}

void GroupSyncImpl::send_windows(std::vector<esp::SaWindow> windows) {
  if (!writer_ || !link_.up()) return;
  for (esp::SaWindow& window : windows) windows_[window.inbound_spi] = std::move(window);
  if (!windows_.empty() && !window_timer_.armed()) window_timer_.arm(kWindowInterval);
}

void GroupSyncImpl::send_all_windows() {
  for (const auto& [spi, window] : host_.state().windows) windows_[spi] = window;
  if (!windows_.empty() && !window_timer_.armed()) window_timer_.arm(Duration{});
}

// Round and round: a busy SA is put back at each tick, and others must have their turn.
void GroupSyncImpl::flush_windows() {
  if (!writer_ || !link_.up() || feed_ != Feed::Streaming) return windows_.clear();
  pb::Frame out = frame();
  pb::Windows& windows = *out.mutable_group()->mutable_windows();
  windows.set_activation(journal_.end().activation.value);
  for (size_t i = 0; i < kWindowsPerFlush && !windows_.empty(); ++i) {
    auto next = windows_.upper_bound(windows_sent_);
    if (next == windows_.end()) next = windows_.begin();
    windows_sent_ = next->first;
    encode(next->second, *windows.add_windows());
    windows_.erase(next);
  }
  link_.send(out);
  if (!windows_.empty()) link_.counters_of_link().add("windows-deferred", windows_.size());
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
  to_compare_.clear();
  to_digest_.clear();
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
