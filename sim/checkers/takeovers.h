#pragma once

// Which takeovers were clean: by the count of unclean ones that each chassis keeps.

#include <map>
#include <utility>

#include "sim/checkers/checker.h"
#include "sim/group_view.h"

namespace segw::sim {

class Takeovers {
 public:
  // Whether the one of which `host` was just told was; ask once for each.
  [[nodiscard]] bool clean(const SimHost& host, const Network& network) {
    const uint64_t unclean = view_group(host, network).unclean_takeovers;
    const std::pair<Instant, uint64_t> now{host.booted_at(), unclean};
    const auto before = std::exchange(seen_[host.id()], now);
    return unclean == (before.first == now.first ? before.second : 0);
  }

 private:
  std::map<HostId, std::pair<Instant, uint64_t>> seen_;  // when it booted, how many since
};

}  // namespace segw::sim
