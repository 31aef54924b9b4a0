#pragma once

#include <chrono>
#include <cstdint>

namespace segw {

// The clock of the core. It has no now(): time is given by the platform, never taken, so no other
// clock can be mixed in by accident. On Linux it is CLOCK_BOOTTIME, so that it goes on while the
// machine is suspended and means the same in segwd and segw-isa.
struct CoreClock {
  using rep = int64_t;
  using period = std::nano;
  using duration = std::chrono::nanoseconds;
  using time_point = std::chrono::time_point<CoreClock>;
  // NOLINTNEXTLINE(readability-identifier-naming): the standard's name
  static constexpr bool is_steady = true;
};

using Duration = CoreClock::duration;
using Instant = CoreClock::time_point;

}  // namespace segw
