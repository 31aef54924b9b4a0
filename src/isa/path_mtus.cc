#include "isa/path_mtus.h"

#include <algorithm>
#include <cstdint>

#include "esp/ip_packet.h"

namespace segw::isa {

bool PathMtus::learn(const IpAddress& local, const IpAddress& remote, size_t mtu, size_t most,
                     Instant until, Instant now) {
  const size_t bounded = std::max(mtu, remote.is_v4() ? kPathMtuMinV4 : esp::kIpv6MtuMin);
  if (bounded >= std::min(most, get(local, remote, now))) return false;
  if (known_.size() >= kPathMtusMax && !known_.contains({local, remote})) return false;
  known_[{local, remote}] = Known{.mtu = bounded, .until = until};
  return true;
}

size_t PathMtus::get(const IpAddress& local, const IpAddress& remote, Instant now) const {
  const auto at = known_.find({local, remote});
  return at == known_.end() || at->second.until <= now ? SIZE_MAX : at->second.mtu;
}

void PathMtus::expire(Instant now) {
  std::erase_if(known_, [&](const auto& entry) { return entry.second.until <= now; });
}

}  // namespace segw::isa
