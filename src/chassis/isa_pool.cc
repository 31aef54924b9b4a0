#include "chassis/isa_pool.h"

#include <algorithm>

namespace segw::chassis {

std::vector<IsaId> IsaPool::free() const {
  std::vector<IsaId> free;
  for (const IsaId& member : members_) {
    if (active_in(member).value == 0) free.push_back(member);
  }
  return free;
}

TunnelGroupId IsaPool::active_in(const IsaId& member) const {
  for (const auto& [group, claimed] : claims_) {
    if (std::ranges::find(claimed, member) != claimed.end()) return group;
  }
  return {};
}

const std::vector<IsaId>& IsaPool::claim(TunnelGroupId group, uint8_t wanted) {
  std::vector<IsaId>& claimed = claims_[group];
  for (const IsaId& member : free()) {
    if (claimed.size() >= wanted) break;
    claimed.push_back(member);
  }
  return claimed;
}

void IsaPool::release(TunnelGroupId group) { claims_.erase(group); }

bool IsaPool::has_room_for(TunnelGroupId group) const { return room_for(group, 1) > 0; }

size_t IsaPool::room_for(TunnelGroupId group, uint8_t wanted) const {
  const auto claimed = claims_.find(group);
  const size_t own = claimed == claims_.end() ? 0 : claimed->second.size();
  return std::min<size_t>(std::max<size_t>(wanted, own), own + free().size());
}

}  // namespace segw::chassis
