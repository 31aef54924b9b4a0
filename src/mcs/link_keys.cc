#include "mcs/link_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace segw::mcs {

LinkKeys::LinkKeys(const IpAddress& local, const IpAddress& peer, SharedKeys keys)
    : keys_(std::move(keys)) {
  const auto [low, high] = std::minmax(local, peer);
  addresses_ = fmt::format("opensegw-mcs/1 {} {}", low.text(), high.text());
}

void LinkKeys::renew(SharedKeys keys) {
  keys_ = std::move(keys);
  attempts_ = nameless_ = 0;
}

std::string LinkKeys::name_of(const SharedKey& key) const {
  return fmt::format("{} {:04x}", addresses_, key.id);
}

bool LinkKeys::is_first(uint16_t key) const { return !keys_.empty() && keys_.front().id == key; }

bool LinkKeys::has(uint16_t key) const {
  return std::ranges::find(keys_, key, &SharedKey::id) != keys_.end();
}

LinkKeys::Attempt LinkKeys::first() const {
  const SharedKey& key = keys_.front();
  return {.psk = {.identity = name_of(key), .key = key.secret}, .key = key.id};
}

LinkKeys::Attempt LinkKeys::next_attempt() {
  const size_t turn = attempts_++ % (2 * keys_.size());
  const SharedKey& key = keys_[turn % keys_.size()];
  return {.psk = {.identity = turn < keys_.size() ? name_of(key) : addresses_, .key = key.secret},
          .key = key.id};
}

std::optional<platform::TlsPsk> LinkKeys::find(std::string_view identity) {
  if (keys_.empty()) return std::nullopt;
  if (identity == addresses_) {
    const SharedKey& key = keys_[nameless_++ % keys_.size()];
    return platform::TlsPsk{.identity = name_of(key), .key = key.secret};
  }
  for (const SharedKey& key : keys_) {
    if (name_of(key) == identity) return platform::TlsPsk{name_of(key), key.secret};
  }
  return std::nullopt;
}

std::optional<uint16_t> LinkKeys::key_of(std::string_view identity) const {
  const auto at =
      std::ranges::find_if(keys_, [&](const SharedKey& key) { return name_of(key) == identity; });
  return at == keys_.end() ? std::nullopt : std::optional(at->id);
}

}  // namespace segw::mcs
