#include "mcs/digests.h"

namespace segw::mcs {
namespace {

constexpr size_t kOfferBytes = size_t{64} << 10;
constexpr int kWindowsPerOffer = 1024;

}  // namespace

std::string text(const GroupName& name) {
  if (const auto* domain = std::get_if<DomainId>(&name)) {
    return "domain " + std::to_string(domain->value);
  }
  return std::get<std::string>(name);
}

std::deque<DigestKey> all_keys(const GroupState& state) {
  std::deque<DigestKey> keys;
  for (const auto& [spi, sa] : state.ike_sas) keys.emplace_back(false, spi.value);
  for (const auto& [spi, sa] : state.child_sas) keys.emplace_back(true, spi.value);
  return keys;
}

std::optional<uint64_t> digest_of(const GroupState& state, const DigestKey& key, uint32_t version) {
  if (key.first) {
    const auto at = state.child_sas.find(Spi{static_cast<uint32_t>(key.second)});
    return at == state.child_sas.end() ? std::nullopt : std::optional(digest(at->second, version));
  }
  const auto at = state.ike_sas.find(IkeSpi{key.second});
  return at == state.ike_sas.end() ? std::nullopt : std::optional(digest(at->second, version));
}

std::optional<Record> record_of(const GroupState& state, const DigestKey& key) {
  if (key.first) {
    const auto at = state.child_sas.find(Spi{static_cast<uint32_t>(key.second)});
    return at == state.child_sas.end() ? std::nullopt : std::optional<Record>(at->second);
  }
  const auto at = state.ike_sas.find(IkeSpi{key.second});
  return at == state.ike_sas.end() ? std::nullopt : std::optional<Record>(at->second);
}

pb::Frame frame_for(const GroupName& name) {
  pb::Frame frame;
  if (const auto* domain = std::get_if<DomainId>(&name)) {
    frame.mutable_group()->set_domain(domain->value);
  } else {
    frame.mutable_group()->set_sync_tag(std::get<std::string>(name));
  }
  return frame;
}

void DigestSender::begin() {
  keys_ = all_keys(host_.state());
  // The end is told even if there is nothing to tell.
  if (keys_.empty()) keys_.emplace_back(false, 0);
  send_some();
}

void DigestSender::stop() {
  keys_.clear();
  timer_.cancel();
}

void DigestSender::send_some() {
  if (keys_.empty()) return;
  if (link_.unsent() > kUnsentMax) return timer_.arm(kUnsentPoll);
  pb::Frame out = frame_for(name_);
  pb::Digests& digests = *out.mutable_group()->mutable_digests();
  for (size_t i = 0; i < kDigestsAtOnce && !keys_.empty(); ++i) {
    const DigestKey key = keys_.front();
    keys_.pop_front();
    const auto value = digest_of(host_.state(), key, link_.version());
    if (!value) continue;
    pb::Digest* entry = digests.add_entries();
    entry->set_child(key.first);
    entry->set_key(key.second);
    entry->set_digest(*value);
  }
  digests.set_last(keys_.empty());
  link_.send(out);
  if (!keys_.empty()) timer_.arm(kBreath);
}

void OfferSender::begin() {
  busy_ = true;
  const std::vector<Record> gone = host_.tombstones();
  gone_.assign(gone.begin(), gone.end());
  for (const auto& [spi, window] : host_.state().windows) windows_.push_back(window);
  send_some();
}

void OfferSender::stop() {
  busy_ = false;
  keys_.clear();
  gone_.clear();
  windows_.clear();
  timer_.cancel();
}

// False: nothing is left.
bool OfferSender::fill(pb::Offer& offer) {
  size_t size = 0;
  const auto add = [&](const Record& record) {
    pb::Record* added = offer.add_records();
    encode(record, *added);
    size += added->ByteSizeLong();
  };
  for (; !keys_.empty() && size < kOfferBytes; keys_.pop_front()) {
    const auto record = record_of(host_.state(), keys_.front());
    if (record) add(*record);
  }
  for (; !gone_.empty() && size < kOfferBytes; gone_.pop_front()) add(gone_.front());
  for (; !windows_.empty() && offer.windows_size() < kWindowsPerOffer; windows_.pop_front()) {
    encode(windows_.front(), *offer.add_windows());
  }
  return !keys_.empty() || !gone_.empty() || !windows_.empty();
}

void OfferSender::send_some() {
  while (busy_) {
    if (link_.unsent() > kUnsentMax) return timer_.arm(kUnsentPoll);
    pb::Frame out = frame_for(name_);
    pb::Offer& offer = *out.mutable_group()->mutable_offer();
    busy_ = fill(offer);
    offer.set_last(!busy_);
    link_.send(out);
  }
}

}  // namespace segw::mcs
