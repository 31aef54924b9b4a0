#include "ike/remote_ranges.h"

#include <algorithm>

namespace segw::ike {

void RemoteRanges::add(uint32_t tunnel, const std::vector<esp::TrafficSelector>& selectors) {
  for (const esp::TrafficSelector& selector : selectors) {
    ++ranges_[Key{.first = selector.first, .last = selector.last, .tunnel = tunnel}];
  }
}

void RemoteRanges::remove(uint32_t tunnel, const std::vector<esp::TrafficSelector>& selectors) {
  for (const esp::TrafficSelector& selector : selectors) {
    const auto at =
        ranges_.find(Key{.first = selector.first, .last = selector.last, .tunnel = tunnel});
    if (at != ranges_.end() && --at->second == 0) ranges_.erase(at);
  }
}

std::vector<uint32_t> RemoteRanges::others(uint32_t tunnel,
                                           const std::vector<esp::TrafficSelector>& selectors,
                                           size_t most) const {
  std::vector<uint32_t> found;
  const auto note = [&](uint32_t other) {
    if (other != tunnel && std::ranges::find(found, other) == found.end()) found.push_back(other);
  };
  for (const esp::TrafficSelector& selector : selectors) {
    const auto from =
        ranges_.lower_bound(Key{.first = selector.first, .last = IpAddress{}, .tunnel = 0});
    for (auto at = from; at != ranges_.end() && found.size() < most; ++at) {
      if (selector.last < at->first.first) break;
      note(at->first.tunnel);
    }
    // Those that begin before: of the nearest tunnel only, since no other's can reach over it.
    for (auto at = from; at != ranges_.begin() && found.size() < most;) {
      const Key& before = (--at)->first;
      if (before.tunnel != std::prev(from)->first.tunnel) break;
      if (!(before.last < selector.first)) note(before.tunnel);
    }
  }
  return found;
}

}  // namespace segw::ike
