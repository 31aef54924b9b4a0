#pragma once

// The randomness of the simulation: xoshiro256** started through splitmix64, so that a seed means
// the same on every compiler and machine.

#include <array>
#include <string_view>

#include "base/time.h"
#include "platform/platform.h"

namespace segw::sim {

class Rng final : public platform::Rng {
 public:
  explicit Rng(uint64_t seed);
  // A stream of its own for each user: what one draws does not move what another gets.
  Rng(uint64_t seed, std::string_view stream);

  void fill(MutableBytes out) override;
  bool chance_per_mille(uint32_t chance) { return below(1000) < chance; }
  Duration between(Duration low, Duration high);
  uint64_t from(uint64_t low, uint64_t high) { return low + below(high - low + 1); }

 private:
  uint64_t draw();
  std::array<uint64_t, 4> state_{};
};

}  // namespace segw::sim
