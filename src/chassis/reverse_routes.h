#pragma once

// Routes to what clients protect (sp-reverse-route): they are there as long as a CHILD SA has them,
// on the active and on the standby alike, so that a takeover changes no route.

#include <map>
#include <set>
#include <vector>

#include "base/counters.h"
#include "esp/child_sa.h"
#include "platform/platform.h"

namespace segw::chassis {

// The fewest prefixes that are together the range; nothing if they were more than `most`.
std::vector<IpPrefix> prefixes_of(const IpAddress& first, const IpAddress& last, size_t most);

class ReverseRoutes {
 public:
  ReverseRoutes(platform::Platform& platform, TunnelGroupId group, Counters& counters);

  void add(const esp::ChildSa& sa);  // again: as it is now
  void remove(Spi inbound_spi);
  [[nodiscard]] size_t size() const { return references_.size(); }

 private:
  void refer(const IpPrefix& prefix);
  void release(const IpPrefix& prefix);
  void flush();

  platform::Platform& platform_;
  TunnelGroupId group_;
  Counters& counters_;
  std::map<Spi, std::vector<IpPrefix>> of_sa_;
  std::map<IpPrefix, uint32_t> references_;  // how many CHILD SAs want it
  std::set<IpPrefix> routed_;                // as the platform was told
  std::set<IpPrefix> changed_;
  platform::Timer timer_;
};

}  // namespace segw::chassis
