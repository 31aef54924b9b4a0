#pragma once

// When the addresses of a chassis that begins to act are announced again: a neighbour whose link
// was down at that moment would go on asking the chassis before for half a minute.

#include <array>
#include <chrono>

namespace segw::platform::os {

constexpr std::array<std::chrono::milliseconds, 7> kAnnouncedAgainAfter{
    std::chrono::milliseconds(100), std::chrono::milliseconds(500), std::chrono::seconds(1),
    std::chrono::seconds(2),        std::chrono::seconds(4),        std::chrono::seconds(8),
    std::chrono::seconds(16)};

}  // namespace segw::platform::os
