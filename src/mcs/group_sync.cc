#include "mcs/group_sync.h"

#include <algorithm>

#include "base/planted.h"

namespace segw::mcs {
namespace {

constexpr size_t kUnsentMax = size_t{8} << 20;  // beyond: wait until the peer has taken some
constexpr Duration kUnsentPoll = std::chrono::milliseconds(5);
constexpr size_t kBatchBytes = size_t{64} << 10;                      // rule 15
constexpr Duration kWindowInterval = std::chrono::milliseconds(100);  // rule 20
constexpr size_t kWindowsPerFlush = 1024;                             // about 64 KiB
constexpr size_t kDigestsPerFrame = 4096;

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
  for (Record& record : records) journal_.append(std::move(record));
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
    const bool held = waiting_.front().number <= acked_ && feed_ == Feed::Streaming;
    if (!held && !SEGW_PLANTED(told_means_kept)) {
      if (host_.peer_in_sync_set()) return;
      // Told without the peer: from here on it does not hold everything, until it has caught up.
      set_peer_synced(false);
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
  if (journal_.can_resume(from)) {
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
  const size_t held_max = 2 * kJournalRecordsMax * 4;
  for (const pb::Digest& each : digests.entries()) {
    if (peer_digests_.size() >= held_max) break;
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
  pb::Frame out = frame();
  pb::CopyEnd& end = *out.mutable_group()->mutable_copy_end();
  end.set_activation(journal_.end().activation.value);
  end.set_number(copy_from_);
  for (const IkeSpi spi : copy_ike_) end.add_ike_sas(spi.value);
  for (const Spi spi : copy_children_) end.add_child_sas(spi.value);
  link_.send(out);
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
    while (sent_ < last && size < kBatchBytes) {
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
    count("peer-unusable-" + unusable.reason().substr(0, 64));
  }
  peer_unusable_ += ack.copy_unusable();
  if (peer_unusable_ > 0) {
    set_peer_synced(false);
  } else if (acked_ == journal_.end().number) {
    set_peer_synced(true);
  }
  drain();
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
  pb::Frame out = frame();
  encode(message, *out.mutable_group()->mutable_handover());
  link_.send(out);
}

// ---- link and dispatch ----

void GroupSyncImpl::on_link(bool up) {
  feed_ = Feed::Idle;
  stream_timer_.cancel();
  copying_ = false;
  if (up) {
    if (writer_) {
      announce();
    } else {
      want();
    }
    return;
  }
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

// ---- reader ----

void GroupSyncImpl::on_base(const pb::Base& base) {
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
  copying_ = held_.activation != highest_ || held_.number == 0;
  pb::Frame out = frame();
  out.mutable_group()->mutable_want()->set_activation(held_.activation.value);
  out.mutable_group()->mutable_want()->set_number(held_.number);
  link_.send(out);
}

void GroupSyncImpl::send_digests() {
  if (writer_) return;
  copying_ = true;
  copy_unusable_ = 0;
  pb::Frame out = frame();
  pb::Digests* digests = out.mutable_group()->mutable_digests();
  const auto add = [&](bool child, uint64_t key, uint64_t value) {
    pb::Digest* entry = digests->add_entries();
    entry->set_child(child);
    entry->set_key(key);
    entry->set_digest(value);
    if (static_cast<size_t>(digests->entries_size()) < kDigestsPerFrame) return;
    link_.send(out);
    digests->clear_entries();
  };
  for (const auto& [spi, sa] : host_.state().ike_sas) add(false, spi.value, digest(sa));
  for (const auto& [spi, sa] : host_.state().child_sas) add(true, spi.value, digest(sa));
  digests->set_last(true);
  link_.send(out);
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
  std::set<IkeSpi> ike_sas;
  std::set<Spi> child_sas;
  for (const uint64_t spi : end.ike_sas()) ike_sas.insert(IkeSpi{spi});
  for (const uint32_t spi : end.child_sas()) child_sas.insert(Spi{spi});
  host_.on_full_copy(ike_sas, child_sas);
  copying_ = false;
  held_ = Position{.activation = Activation{end.activation()}, .number = end.number()};
  pb::Frame out = frame();
  pb::Ack& ack = *out.mutable_group()->mutable_ack();
  ack.set_activation(end.activation());
  ack.set_number(end.number());
  ack.set_copy_unusable(copy_unusable_);
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
  for (const pb::Record& record : records.records()) {
    ++held_.number;
    std::string unusable;
    if (take(record, Origin::Journal, unusable)) continue;
    pb::Unusable* entry = ack.add_unusable();
    entry->set_number(held_.number);
    entry->set_reason(unusable);
  }
  ack.set_activation(held_.activation.value);
  ack.set_number(held_.number);
  link_.send(out);
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
