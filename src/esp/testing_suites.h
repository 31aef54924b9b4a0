#pragma once

// Every suite that there is, for tests that hold for all of them.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "esp/algorithm.h"

namespace segw::esp::testing {

// Every cipher with every size of key and every integrity algorithm that goes with it, with and
// without extended numbers.
inline std::vector<Suite> every_suite() {
  constexpr std::array<uint16_t, 4> kKeyBits{0, 128, 192, 256};
  constexpr uint16_t kNumberMax = 64;
  std::vector<Suite> all;
  for (uint16_t cipher = 0; cipher < kNumberMax; ++cipher) {
    for (const uint16_t bits : kKeyBits) {
      for (uint16_t integrity = 0; integrity < kNumberMax; ++integrity) {
        if (!misfit(cipher, bits, integrity).empty()) continue;
        for (const bool extended : {false, true}) {
          all.push_back({.encryption = static_cast<Encryption>(cipher),
                         .key_bits = bits,
                         .integrity = static_cast<Integrity>(integrity),
                         .extended_sequence_numbers = extended});
        }
      }
    }
  }
  return all;
}

inline std::string name_of(const ::testing::TestParamInfo<Suite>& row) {
  std::string name = text(row.param);
  std::ranges::replace_if(name, [](char c) { return c == '-' || c == ' '; }, '_');
  return name;
}

}  // namespace segw::esp::testing
