#pragma once

// Which remote addresses belong to which tunnel: made anew from the CHILD SAs at each activation.

#include <cstdint>
#include <map>
#include <vector>

#include "esp/child_sa.h"

namespace segw::ike {

class RemoteRanges {
 public:
  void clear() { ranges_.clear(); }
  void add(uint32_t tunnel, const std::vector<esp::TrafficSelector>& selectors);
  void remove(uint32_t tunnel, const std::vector<esp::TrafficSelector>& selectors);
  // Other tunnels than `tunnel` that have an address of `selectors`; the first `most` of them.
  [[nodiscard]] std::vector<uint32_t> others(uint32_t tunnel,
                                             const std::vector<esp::TrafficSelector>& selectors,
                                             size_t most) const;

 private:
  // Ranges of one tunnel may overlap (a rekey, several CHILD SAs), those of two do not.
  struct Key {
    IpAddress first, last;
    uint32_t tunnel = 0;
    auto operator<=>(const Key&) const = default;
  };
  std::map<Key, uint32_t> ranges_;  // how many selectors are this range
};

}  // namespace segw::ike
