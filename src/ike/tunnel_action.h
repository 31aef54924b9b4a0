#pragma once

#include <cstdint>

namespace segw::ike {

// What an operator may ask for now and a timer would do later.
enum class TunnelAction : uint8_t { RekeyChild, RekeyIke, DeleteChild, DeleteIke, Liveness };

}  // namespace segw::ike
