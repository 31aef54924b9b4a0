#include "sim/rng.h"

#include <bit>

namespace segw::sim {
namespace {

constexpr uint64_t kGolden = 0x9E3779B97F4A7C15U;

uint64_t split_mix(uint64_t& state) {
  state += kGolden;
  uint64_t mixed = state;
  mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9U;
  mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBU;
  return mixed ^ (mixed >> 31);
}

uint64_t hash_text(std::string_view text) {
  uint64_t hash = 0xCBF29CE484222325U;
  for (const char letter : text) hash = (hash ^ static_cast<uint8_t>(letter)) * 0x100000001B3U;
  return hash;
}

}  // namespace

Rng::Rng(uint64_t seed) {
  for (uint64_t& word : state_) word = split_mix(seed);
}

Rng::Rng(uint64_t seed, std::string_view stream) : Rng(seed * kGolden ^ hash_text(stream)) {}

uint64_t Rng::draw() {
  const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

void Rng::fill(MutableBytes out) {
  uint64_t word = 0;
  for (size_t i = 0; i < out.size(); ++i) {
    if (i % sizeof(word) == 0) word = draw();
    out[i] = static_cast<uint8_t>(word);
    word >>= 8;
  }
}

Duration Rng::between(Duration low, Duration high) {
  if (high <= low) return low;
  return low + Duration(static_cast<int64_t>(below(static_cast<uint64_t>((high - low).count()))));
}

}  // namespace segw::sim
