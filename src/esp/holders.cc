#include "esp/holders.h"

#include <algorithm>

namespace segw::esp {

bool held_in_another_life(const std::vector<Holder>& holders, const Holder& self) {
  return std::ranges::any_of(holders, [&](const Holder& holder) {
    return holder.slot == self.slot && holder.incarnation != self.incarnation;
  });
}

void add_holder(std::vector<Holder>& holders, const Holder& holder) {
  if (std::ranges::find(holders, holder) == holders.end()) holders.push_back(holder);
}

}  // namespace segw::esp
