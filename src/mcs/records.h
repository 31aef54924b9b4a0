#pragma once

// What the group's journal carries (redundancy rules 15 and 16), as plain structs. mcs.proto is
// their form on the wire.

#include <cstdint>
#include <map>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "esp/child_sa.h"
#include "ike/ike_sa.h"

namespace segw::mcs {

struct DeleteIkeSa {
  IkeSpi our_spi;
  bool by_client = false;  // sent or confirmed by the client: a tombstone (rule 17)
  auto operator<=>(const DeleteIkeSa&) const = default;
};
struct DeleteChildSa {
  Spi inbound_spi;
  bool by_client = false;
  auto operator<=>(const DeleteChildSa&) const = default;
};
// The active uses more of `owner`'s blocks only once this came back from the whole in-sync set.
struct GrantChange {
  Spi inbound_spi;
  esp::SequenceGrants grants;
};

using Record = std::variant<ike::IkeSa, esp::ChildSa, DeleteIkeSa, DeleteChildSa, GrantChange>;

// Rule 16. Ordered; {0,0} is before everything.
struct Position {
  Activation activation;
  uint64_t number = 0;
  auto operator<=>(const Position&) const = default;
};

// The state of one tunnel group that survives a failover, and all that a standby holds of it.
struct GroupState {
  std::map<IkeSpi, ike::IkeSa> ike_sas;   // by our SPI
  std::map<Spi, esp::ChildSa> child_sas;  // by inbound SPI
  std::map<Spi, esp::SaWindow> windows;   // last known edges, by inbound SPI (rule 20)
};

// Applies one record. Returns why it is unusable ("ike-sa-without-spi"), or empty. Pure.
std::string apply(GroupState& state, const Record& record);

}  // namespace segw::mcs
