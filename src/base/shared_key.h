#pragma once

#include <cstdint>
#include <vector>

#include "base/secret_bytes.h"

namespace segw {

// A key that chassis share. Its id is made from it and tells nothing of it that an attacker could
// use: it names the key in tables and to the peer.
struct SharedKey {
  uint16_t id = 0;
  SecretBytes secret;
  friend bool operator==(const SharedKey&, const SharedKey&) = default;
};

// Of one peer: all are accepted, the first is sent with (redundancy rule 25). None: no key.
using SharedKeys = std::vector<SharedKey>;
constexpr size_t kSharedKeysMax = 2;

}  // namespace segw
