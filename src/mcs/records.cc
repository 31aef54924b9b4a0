#include "mcs/records.h"

#include <algorithm>

#include "base/planted.h"

namespace segw::mcs {
namespace {

struct Applier {
  GroupState& state;

  std::string operator()(const ike::IkeSa& sa) const {
    if (sa.our_spi().value == 0) return "ike-sa-without-spi";
    state.ike_sas[sa.our_spi()] = sa;
    return {};
  }
  std::string operator()(const esp::ChildSa& sa) const {
    if (sa.inbound_spi.value == 0) return "child-sa-without-spi";
    const auto known = state.child_sas.find(sa.inbound_spi);
    if (known == state.child_sas.end()) {
      state.child_sas.emplace(sa.inbound_spi, sa);
      return {};
    }
    if (SEGW_PLANTED(replica_converges)) return {};
    // A bound that was ever known is kept: an owner never takes a grant back (redundancy rule 11).
    esp::ChildSa next = sa;
    for (size_t slot = 0; slot < esp::kSlotsMax; ++slot) {
      next.grants.bound[slot] = std::max(next.grants.bound[slot], known->second.grants.bound[slot]);
    }
    known->second = std::move(next);
    return {};
  }
  std::string operator()(const DeleteIkeSa& gone) const {
    state.ike_sas.erase(gone.our_spi);
    return {};
  }
  std::string operator()(const DeleteChildSa& gone) const {
    state.child_sas.erase(gone.inbound_spi);
    state.windows.erase(gone.inbound_spi);
    return {};
  }
  std::string operator()(const GrantChange& change) const {
    const auto known = state.child_sas.find(change.inbound_spi);
    if (known == state.child_sas.end()) return {};  // deleted since: nothing to give
    esp::SequenceGrants& grants = known->second.grants;
    if (grants.slots != change.grants.slots) return "grant-slots-differ";
    grants.grantee = change.grants.grantee;
    for (size_t slot = 0; slot < esp::kSlotsMax; ++slot) {
      grants.bound[slot] = std::max(grants.bound[slot], change.grants.bound[slot]);
    }
    return {};
  }
};

}  // namespace

std::string apply(GroupState& state, const Record& record) {
  return std::visit(Applier{state}, record);
}

}  // namespace segw::mcs
