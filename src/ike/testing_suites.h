#pragma once

// Every suite that there is, for tests that hold for all of them.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "esp/algorithm.h"
#include "ike/ike_sa.h"

namespace segw::ike::testing {

inline constexpr std::array kPrfs{Prf::HmacSha1, Prf::AesXcbc, Prf::HmacSha256, Prf::HmacSha384,
                                  Prf::HmacSha512};
inline constexpr std::array kGroups{Group::Modp1024, Group::Modp1536, Group::Modp2048,
                                    Group::Modp3072, Group::Modp4096, Group::Ecp256,
                                    Group::Ecp384,   Group::Ecp521,   Group::Curve25519};

// Every cipher with every size of key and every integrity algorithm, NULL left out; the PRFs by
// turns.
inline std::vector<IkeSuite> every_suite() {
  constexpr std::array<uint16_t, 3> kKeyBits{128, 192, 256};
  constexpr uint16_t kNumberMax = 64;
  std::vector<IkeSuite> all;
  for (uint16_t cipher = 0; cipher < kNumberMax; ++cipher) {
    for (const uint16_t bits : kKeyBits) {
      for (uint16_t integrity = 0; integrity < kNumberMax; ++integrity) {
        if (!esp::misfit(cipher, bits, integrity).empty()) continue;
        all.push_back({.encryption = static_cast<esp::Encryption>(cipher),
                       .key_bits = bits,
                       .integrity = static_cast<esp::Integrity>(integrity),
                       .prf = kPrfs.at(all.size() % kPrfs.size()),
                       .group = Group::Curve25519});
      }
    }
  }
  return all;
}

inline std::string name_of(const IkeSuite& suite) {
  std::string name = esp::text(
      {.encryption = suite.encryption, .key_bits = suite.key_bits, .integrity = suite.integrity});
  name += "_prf" + std::to_string(static_cast<int>(suite.prf));
  name += "_group" + std::to_string(static_cast<int>(suite.group));
  std::ranges::replace_if(name, [](char c) { return c == '-' || c == ' '; }, '_');
  return name;
}
inline std::string name_of_suite(const ::testing::TestParamInfo<IkeSuite>& row) {
  return name_of(row.param);
}

}  // namespace segw::ike::testing
