// How a peer is brought up to date that the journal cannot reach: compare, then copy what differs.
#include "mcs/feed.h"

namespace segw::mcs {
namespace {

constexpr size_t kCopyBytes = size_t{64} << 10;
constexpr size_t kKeysPerFrame = 32768;

}  // namespace

void Feed::compare() {
  state_ = State::Comparing;
  pb::Frame out = frame();
  out.mutable_group()->mutable_need_digests();
  link_.send(out);
}

// Of a peer that could not use something: it may have been configured meanwhile.
void Feed::compare_again() {
  if (!group_.writes() || state_ != State::Streaming || !up()) return;
  count("compared-again");
  compare();
}

void Feed::on_digests(const pb::Digests& digests) {
  if (!group_.writes() || state_ != State::Comparing || !to_compare_.empty()) return;
  for (const pb::Digest& each : digests.entries()) {
    if (peer_digests_.size() >= kKeysMax) break;
    peer_digests_[{each.child(), each.key()}] = each.digest();
  }
  if (!digests.last()) return;
  copy_from_ = group_.copy_base();  // what changes from here on comes by the journal too
  copy_ike_.clear();
  copy_children_.clear();
  const GroupState& state = group_.host().state();
  for (const auto& [spi, sa] : state.ike_sas) copy_ike_.insert(spi);
  for (const auto& [spi, sa] : state.child_sas) copy_children_.insert(spi);
  to_compare_ = all_keys(state);
  compare_some();
}

void Feed::compare_some() {
  for (size_t i = 0; i < kDigestsAtOnce && !to_compare_.empty(); ++i) {
    const DigestKey key = to_compare_.front();
    to_compare_.pop_front();
    const auto ours = digest_of(group_.host().state(), key, link_.version());
    if (!ours) continue;  // gone meanwhile: the journal says so
    const auto theirs = peer_digests_.find(key);
    if (theirs == peer_digests_.end() || theirs->second != *ours) {
      to_copy_.push_back(key);
    } else {
      peer_digests_.erase(theirs);
    }
  }
  if (!to_compare_.empty()) return timer_.arm(kBreath);
  if (tail_) return fetch();
  end_comparison();
}

// Redundancy rule 16: the tail "is offered for merge, then digests are compared". What is left of
// the peer's digests we lack or have otherwise.
void Feed::fetch() {
  state_ = State::Fetching;
  to_copy_.clear();
  offer_ = {};
  count("fetches");
  auto key = peer_digests_.begin();
  for (bool last = false; !last;) {
    pb::Frame out = frame();
    pb::Fetch& fetch = *out.mutable_group()->mutable_fetch();
    for (size_t i = 0; i < kKeysPerFrame && key != peer_digests_.end(); ++i, ++key) {
      if (key->first.first) {
        fetch.add_child_sas(static_cast<uint32_t>(key->first.second));
      } else {
        fetch.add_ike_sas(key->first.second);
      }
    }
    last = key == peer_digests_.end();
    fetch.set_last(last);
    link_.send(out);
  }
  peer_digests_.clear();
}

void Feed::take_offered(const pb::Record& in) {
  auto record = decode(in, group_.id());
  if (!record) {
    count("offered-record-" + record.error().field);
    ++offer_.unusable;
    return;
  }
  if (offer_.ike_sas.size() >= kKeysMax || offer_.child_sas.size() >= kKeysMax) {
    ++offer_.unusable;
    return count("offer-too-large");
  }
  if (auto* sa = std::get_if<ike::IkeSa>(&*record)) {
    offer_.ike_sas.insert_or_assign(sa->our_spi(), std::move(*sa));
  } else if (auto* child = std::get_if<esp::ChildSa>(&*record)) {
    offer_.child_sas.insert_or_assign(child->inbound_spi, std::move(*child));
  } else {
    offer_.gone.note(*record);
  }
}

void Feed::on_offer(const pb::Offer& offer) {
  if (!group_.writes() || state_ != State::Fetching || !tail_) return count("offer-unasked");
  for (const pb::Record& each : offer.records()) take_offered(each);
  for (const pb::Window& each : offer.windows()) {
    auto window = decode(each);
    if (!window) {
      count("window-" + window.error().field);
    } else if (offer_.windows.size() < kKeysMax) {
      offer_.windows.insert_or_assign(window->inbound_spi, std::move(*window));
    }
  }
  if (!offer.last()) return;
  const Position tail = *tail_;
  tail_.reset();
  count("merges");
  link_.note("group " + text(name_) + ": what the peer did is merged");
  state_ = State::Comparing;
  group_.host().on_offer(peer_, std::exchange(offer_, {}));
  if (!group_.writes() || state_ != State::Comparing) return;
  group_.set_held(tail);
  compare();
}

void Feed::end_comparison() {
  peer_digests_.clear();
  count(to_copy_.size() == copy_ike_.size() + copy_children_.size() ? "full-copies"
                                                                    : "part-copies");
  unusable_ = 0;
  state_ = State::Copying;
  group_.host().before_copy();
  copy_some();
}

// A record that changes meanwhile is copied as it is then, and comes again by the journal.
void Feed::copy_some() {
  while (!to_copy_.empty()) {
    if (link_.unsent() > kUnsentMax) return timer_.arm(kUnsentPoll);
    pb::Frame out = frame();
    pb::Copy& copy = *out.mutable_group()->mutable_copy();
    size_t size = 0;
    while (!to_copy_.empty() && size < kCopyBytes) {
      const auto record = record_of(group_.host().state(), to_copy_.front());
      to_copy_.pop_front();
      if (!record) continue;
      pb::Record* added = copy.add_records();
      encode(*record, *added);
      size += added->ByteSizeLong();
    }
    link_.send(out);
  }
  end_copy();
}

void Feed::end_copy() {
  auto ike = copy_ike_.begin();
  auto child = copy_children_.begin();
  for (bool more = true; more;) {
    pb::Frame out = frame();
    pb::CopyEnd& end = *out.mutable_group()->mutable_copy_end();
    end.set_activation(group_.journal().end().activation.value);
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
  state_ = State::Streaming;
  sent_ = copy_from_;
  acked_ = 0;  // until the copy is acknowledged nothing is held
  stream();
}

}  // namespace segw::mcs
