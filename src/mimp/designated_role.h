#pragma once

#include <cstdint>

namespace segw::mimp {

// What the operator wants a node of a domain to be (sros-facts §3.2); the numbers are the MIB's.
enum class DesignatedRole : uint8_t {
  Standby = 1,  // tunnels are installed when it becomes active
  Active = 2,   // tunnels are installed as they are synchronised; goes before any Standby
};

}  // namespace segw::mimp
