#include "mcs/group_sync.h"

#include <algorithm>

#include "base/assert.h"
#include "base/planted.h"

namespace segw::mcs {

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

std::unique_ptr<GroupSync> make_group_sync(platform::Platform& platform, TunnelGroupId group,
                                           GroupHost& host) {
  return std::make_unique<GroupSyncImpl>(platform, group, host);
}

GroupSyncImpl::GroupSyncImpl(platform::Platform& platform, TunnelGroupId group, GroupHost& host)
    : platform_(platform), group_(group), host_(host), post_(platform) {}

void GroupSyncImpl::attach(PeerLink& link, PeerIndex peer, GroupName name) {
  SEGW_ASSERT(feeds_.size() < kPeersMax && feed(peer) == nullptr);
  FeedGroup& group = *this;
  feeds_.push_back(std::make_unique<Feed>(platform_, link.groups(), peer, std::move(name), group));
  if (link.connected()) feeds_.back()->announce();
}

Feed* GroupSyncImpl::feed(PeerIndex peer) const {
  const auto at = std::ranges::find_if(feeds_, [&](const auto& f) { return f->peer() == peer; });
  return at == feeds_.end() ? nullptr : at->get();
}

SyncState GroupSyncImpl::sync_state(PeerIndex peer) const {
  const Feed* of_peer = feed(peer);
  if (of_peer == nullptr || !of_peer->up()) return SyncState::OutOfSync;
  if (writer_) return of_peer->synced() ? SyncState::InSync : SyncState::SyncInProgress;
  if (!holds_of_source()) return SyncState::OutOfSync;
  return copying_ ? SyncState::SyncInProgress : SyncState::InSync;
}

Position GroupSyncImpl::position() const { return writer_ ? journal_.end() : held_; }

bool GroupSyncImpl::journal_flushed(PeerIndex peer) const {
  const Feed* of_peer = feed(peer);
  return writer_ && of_peer != nullptr && of_peer->flushed() && waiting_.empty();
}

uint64_t GroupSyncImpl::peer_unusable(PeerIndex peer) const {
  const Feed* of_peer = feed(peer);
  return of_peer != nullptr ? of_peer->unusable() : 0;
}

bool GroupSyncImpl::merging() const {
  if (!writer_) return tail_.activation.value != 0;
  return std::ranges::any_of(feeds_, [](const auto& feed) { return feed->merging(); });
}

const ConfigComparison& GroupSyncImpl::config(PeerIndex peer) const {
  static const ConfigComparison kUnknown;
  const Feed* of_peer = feed(peer);
  return of_peer != nullptr ? of_peer->config() : kUnknown;
}

void GroupSyncImpl::become_writer(Activation activation) {
  if (!writer_) base_ = copying_ || lacks_something_ ? Position{} : held_;
  // Renewed: what was written before is not in the new journal, and told all the same.
  if (writer_ && journal_.end().number != 0) tail_ = journal_.end();
  writer_ = true;
  highest_ = std::max(highest_, activation);
  journal_.restart(activation);
  waiting_.clear();  // the renewed writer's records were never under the new base
  source_ = nullptr;
  forget_copy();
  for (const auto& feed : feeds_) {
    feed->restart();
    feed->announce();
  }
}

void GroupSyncImpl::become_reader() {
  const bool wrote = journal_.end().number != 0 || tail_.activation.value != 0;
  if (writer_ && wrote) tail_ = journal_.end();
  lacks_something_ = false;
  writer_ = false;
  waiting_.clear();
  for (const auto& feed : feeds_) feed->stop();
  // What we wrote is ours alone now: its end is no position that another writer can resume from.
  held_ = {};
  held_from_ = nullptr;
  follow_newest();
}

void GroupSyncImpl::commit(std::vector<Record> records, platform::Callback then) {
  if (!writer_) return;
  for (Record& record : records) {
    const bool ends_step = &record == &records.back();
    journal_.append(std::move(record), ends_step);
  }
  waiting_.push_back(Waiting{.number = journal_.end().number, .then = std::move(then)});
  // Posted: records of one event leave in one batch, and `then` never runs inside commit().
  post_([this] {
    for (const auto& feed : feeds_) feed->stream();
    drain();
  });
}

// Peers that are no members do not hold it: from here on they are not in sync, until they have
// caught up.
GroupSyncImpl::Telling GroupSyncImpl::may_tell(uint64_t number) {
  if (SEGW_PLANTED(told_means_kept)) return Telling::Now;
  for (const auto& feed : feeds_) {
    if (!feed->holds(number) && host_.in_sync_set(feed->peer())) return Telling::Wait;
  }
  for (const auto& feed : feeds_) {
    if (feed->holds(number) || !feed->synced()) continue;
    feed->set_synced(false);
    return Telling::LookAgain;  // the host may have come back here meanwhile
  }
  return Telling::Now;
}

// Rule 15: "the wait ends by acknowledgement or by removal from the set, never by a mere timer."
void GroupSyncImpl::drain() {
  while (writer_ && !waiting_.empty()) {
    const Telling telling = may_tell(waiting_.front().number);
    if (telling == Telling::Wait) return;
    if (telling == Telling::LookAgain) continue;
    const platform::Callback then = std::move(waiting_.front().then);
    waiting_.pop_front();
    then();
  }
}

// The end of the journal, or before the first grant that nobody has acknowledged: it counts once it
// is, and is in no copy and no digest until then. So it comes again, with what follows.
uint64_t GroupSyncImpl::copy_base() const {
  const uint64_t end = journal_.end().number;
  if (waiting_.empty()) return end;
  for (uint64_t at = std::max(waiting_.front().number, journal_.first()); at <= end; ++at) {
    if (std::holds_alternative<GrantChange>(journal_.at(at))) return at - 1;
  }
  return end;
}

void GroupSyncImpl::send_windows(const std::vector<esp::SaWindow>& windows) {
  if (!writer_) return;
  for (const auto& feed : feeds_) feed->queue_windows(windows);
}

void GroupSyncImpl::send_handover(PeerIndex peer, const Handover& message) {
  Feed* to = feed(peer);
  if (to == nullptr) return;
  to->stream();  // what was committed before it leaves before it
  pb::Frame out = to->frame();
  encode(message, *out.mutable_group()->mutable_handover());
  to->send(out);
}

void GroupSyncImpl::on_link(Feed& feed, bool up) {
  if (up && writer_) return feed.announce();  // a reader waits for the writer's
  if (up || source_ != &feed) return;
  source_ = nullptr;
  copying_ = false;
  follow_newest();
}

void GroupSyncImpl::on_message(Feed& feed, const pb::Group& message) {
  if (message.has_base()) return on_base(feed, message.base());
  if (message.has_need_digests()) return on_need_digests(feed);
  if (message.has_fetch()) return on_fetch(feed, message.fetch());
  if (message.has_copy()) return on_copy(feed, message.copy());
  if (message.has_copy_end()) return on_copy_end(feed, message.copy_end());
  if (message.has_records()) return on_records(feed, message.records());
  if (message.has_stale()) return on_stale(feed, message.stale());
  if (message.has_windows()) return on_windows(feed, message.windows());
  on_handover(feed, message.handover());
}

}  // namespace segw::mcs
