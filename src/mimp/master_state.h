#pragma once

#include <cstdint>
#include <string_view>

namespace segw::mimp {

// sros-facts §2.1; the numbers are the MIB's. Acting (carries IKE and ESP): Eligible and Master.
enum class MasterState : uint8_t {
  Discovery = 1,    // no election yet
  NotEligible = 2,  // the tunnel group is down here
  Eligible = 3,     // acting, no peer reachable
  Standby = 4,      // peer reachable and it is master
  Master = 5,       // acting, peer reachable
};

[[nodiscard]] constexpr bool acting(MasterState state) {
  return state == MasterState::Eligible || state == MasterState::Master;
}

// The words of the guide's tables: discovery, notEligible, eligible, standby, master.
[[nodiscard]] std::string_view text(MasterState state);

}  // namespace segw::mimp
