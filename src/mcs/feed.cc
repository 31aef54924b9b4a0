#include "mcs/feed.h"

#include <algorithm>

namespace segw::mcs {
namespace {

constexpr size_t kBatchBytes = size_t{64} << 10;  // rule 15
constexpr size_t kStepBytes = size_t{384} << 10;  // and one record: below what a frame holds
constexpr Duration kWindowInterval = std::chrono::milliseconds(100);  // rule 20
constexpr size_t kWindowsPerFlush = 1024;                             // about 64 KiB
constexpr Duration kCompareAgain = std::chrono::seconds(10);  // what was unusable may be no more
constexpr size_t kReasonMax = 64;
constexpr size_t kReasonsMax = 32;

}  // namespace

Feed::Feed(platform::Platform& platform, GroupLink& link, PeerIndex peer, GroupName name,
           FeedGroup& group)
    : link_(link),
      peer_(peer),
      name_(std::move(name)),
      group_(group),
      digest_sender_(platform, link, name_, group.host()),
      offer_sender_(platform, link, name_, group.host()),
      config_(link, name_, peer, group.host()),
      timer_(platform, [this] { on_timer(); }),
      window_timer_(platform, [this] { flush_windows(); }),
      again_timer_(platform, [this] { compare_again(); }) {
  link_.join(*this);
}

Feed::~Feed() { link_.leave(*this); }

void Feed::on_timer() {
  if (state_ == State::Copying) return copy_some();
  if (state_ == State::Streaming) return stream();
  if (!to_compare_.empty()) compare_some();
}

void Feed::restart() {
  state_ = State::Idle;
  sent_ = acked_ = 0;
  unusable_ = 0;
  synced_ = false;
  digest_sender_.stop();
  offer_sender_.stop();
  forget_comparison();
}

void Feed::stop() {
  state_ = State::Idle;
  synced_ = false;
  windows_.clear();
  forget_comparison();
}

void Feed::forget_comparison() {
  timer_.cancel();
  again_timer_.cancel();
  tail_.reset();
  offer_ = {};
  peer_digests_.clear();
  to_compare_.clear();
  to_copy_.clear();
}

void Feed::announce() {
  if (!group_.writes() || !up()) return;
  pb::Frame out = frame();
  pb::Base& base = *out.mutable_group()->mutable_base();
  base.set_activation(group_.journal().end().activation.value);
  base.set_held_activation(group_.held().activation.value);
  base.set_held_number(group_.held().number);
  link_.send(out);
}

bool Feed::holds(uint64_t number) const {
  // What could not be used was acknowledged too, but it is not held.
  return number <= acked_ && state_ == State::Streaming && unusable_ == 0;
}

bool Feed::flushed() const {
  return state_ == State::Streaming && acked_ == group_.journal().end().number;
}

void Feed::set_synced(bool synced) {
  if (synced_ == synced) return;
  synced_ = synced;
  link_.note("group " + text(name_) + (synced ? ": peer is in sync" : ": peer is not in sync"));
  group_.host().on_peer_synced(peer_, synced);
}

void Feed::on_want(const pb::Want& want) {
  if (!group_.writes()) return;
  const Position from{.activation = Activation{want.activation()}, .number = want.number()};
  forget_comparison();
  if (want.tail_activation() != 0) {
    tail_ =
        Position{.activation = Activation{want.tail_activation()}, .number = want.tail_number()};
    return compare();
  }
  // What the peer could not use is not in the journal's tail: only a comparison finds it.
  if (unusable_ == 0 && group_.journal().can_resume(from)) return resume(from.number);
  compare();
}

void Feed::resume(uint64_t after) {
  count("resumed-from-journal");
  state_ = State::Streaming;
  sent_ = acked_ = after;
  stream();
  send_all_windows();  // what moved while the link was down was not sent
  if (flushed() && unusable_ == 0) set_synced(true);
  group_.on_progress();
}

void Feed::stream() {
  if (!group_.writes() || state_ != State::Streaming || !up()) return;
  const Journal& journal = group_.journal();
  const uint64_t last = journal.end().number;
  if (sent_ + 1 < journal.first()) {
    // The peer is too far behind for the journal: it is compared again.
    count("journal-overflows");
    state_ = State::Comparing;
    set_synced(false);
    return compare();
  }
  while (sent_ < last) {
    if (link_.unsent() > kUnsentMax) return timer_.arm(kUnsentPoll);
    pb::Frame out = frame();
    pb::Records& records = *out.mutable_group()->mutable_records();
    records.set_activation(journal.end().activation.value);
    records.set_first_number(sent_ + 1);
    size_t size = 0;
    // A reader that lost us in between would have the answer without the SA that it tells of.
    const auto more = [&] {
      return size < kBatchBytes || (size < kStepBytes && !journal.ends_step(sent_));
    };
    while (sent_ < last && more()) {
      pb::Record* record = records.add_records();
      encode(journal.at(++sent_), *record);
      size += record->ByteSizeLong();
    }
    link_.send(out);
  }
}

void Feed::on_ack(const pb::Ack& ack) {
  if (!group_.writes() || state_ != State::Streaming) return;
  if (ack.activation() != group_.journal().end().activation.value || ack.number() > sent_) {
    return count("ack-unfitting");
  }
  acked_ = std::max(acked_, ack.number());
  for (const pb::Unusable& unusable : ack.unusable()) {
    ++unusable_;
    count_unusable(unusable.reason());
  }
  unusable_ += std::min<uint64_t>(ack.copy_unusable(), UINT32_MAX);
  if (unusable_ > 0) {
    set_synced(false);
    if (!again_timer_.armed()) again_timer_.arm(kCompareAgain);
  } else if (flushed()) {
    set_synced(true);
  }
  group_.on_progress();
}

// The reason is the peer's word: it gets a counter if it looks like one of ours, and there are few.
void Feed::count_unusable(const std::string& reason) {
  const bool plain = reason.size() <= kReasonMax && std::ranges::all_of(reason, [](char c) {
                       return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
                     });
  const bool counted = plain && (reasons_.contains(reason) ||
                                 (reasons_.size() < kReasonsMax && reasons_.insert(reason).second));
  count(counted ? "peer-unusable-" + reason : "peer-unusable-other");
}

void Feed::queue_windows(const std::vector<esp::SaWindow>& windows) {
  if (!up()) return;
  for (const esp::SaWindow& window : windows) windows_[window.inbound_spi] = window;
  if (!windows_.empty() && !window_timer_.armed()) window_timer_.arm(kWindowInterval);
}

void Feed::send_all_windows() {
  for (const auto& [spi, window] : group_.host().state().windows) windows_[spi] = window;
  if (!windows_.empty() && !window_timer_.armed()) window_timer_.arm(Duration{});
}

// Round and round: a busy SA is put back at each tick, and others must have their turn.
void Feed::flush_windows() {
  if (!group_.writes() || !up() || state_ != State::Streaming) return windows_.clear();
  pb::Frame out = frame();
  pb::Windows& windows = *out.mutable_group()->mutable_windows();
  windows.set_activation(group_.journal().end().activation.value);
  for (size_t i = 0; i < kWindowsPerFlush && !windows_.empty(); ++i) {
    auto next = windows_.upper_bound(windows_sent_);
    if (next == windows_.end()) next = windows_.begin();
    windows_sent_ = next->first;
    encode(next->second, *windows.add_windows());
    windows_.erase(next);
  }
  link_.send(out);
  if (windows_.empty()) return;
  link_.counters_of_link().add("windows-deferred", windows_.size());
  window_timer_.arm(kWindowInterval);
}

// ---- link and dispatch ----

void Feed::on_link(bool up) {
  state_ = State::Idle;
  announced_ = {};
  announced_held_ = {};
  digest_sender_.stop();
  offer_sender_.stop();
  forget_comparison();
  if (!up) {
    acked_ = 0;
    if (group_.writes()) set_synced(false);
  }
  config_.on_link(up);
  group_.on_link(*this, up);
}

void Feed::on_message(const pb::Group& message) {
  switch (message.body_case()) {
    case pb::Group::kWant:
      return on_want(message.want());
    case pb::Group::kDigests:
      return on_digests(message.digests());
    case pb::Group::kAck:
      return on_ack(message.ack());
    case pb::Group::kOffer:
      return on_offer(message.offer());
    case pb::Group::kConfigDigest:
      return config_.on_digest(message.config_digest());
    case pb::Group::kConfigAsk:
      return config_.on_ask(message.config_ask());
    case pb::Group::kConfigParts:
      return config_.on_parts(message.config_parts());
    case pb::Group::kConfigSettings:
      return config_.on_settings(message.config_settings());
    case pb::Group::BODY_NOT_SET:
      return count("group-message-unknown");
    case pb::Group::kBase:
    case pb::Group::kNeedDigests:
    case pb::Group::kCopy:
    case pb::Group::kCopyEnd:
    case pb::Group::kRecords:
    case pb::Group::kStale:
    case pb::Group::kWindows:
    case pb::Group::kHandover:
    case pb::Group::kFetch:
      return group_.on_message(*this, message);
  }
}

}  // namespace segw::mcs
