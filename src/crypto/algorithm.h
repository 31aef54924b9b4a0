#pragma once

// What IKEv2 agrees on by number, without the code for it: records carry these (ike/ike_sa.h). The
// values are the IANA transform numbers.

#include <cstdint>

namespace segw::crypto {

enum class Hash : uint8_t { Sha1, Sha256, Sha384, Sha512 };

// RFC 2104 over RFC 3174 and FIPS 180-4: RFC 7296, RFC 4868; RFC 4434.
enum class Prf : uint16_t {
  HmacSha1 = 2,
  AesXcbc = 4,
  HmacSha256 = 5,
  HmacSha384 = 6,
  HmacSha512 = 7
};

// Key exchange methods: RFC 7296 App. B, RFC 3526, RFC 5903, RFC 8031.
enum class DhGroup : uint16_t {
  Modp1024 = 2,
  Modp1536 = 5,
  Modp2048 = 14,
  Modp3072 = 15,
  Modp4096 = 16,
  Ecp256 = 19,
  Ecp384 = 20,
  Ecp521 = 21,
  Curve25519 = 31
};

}  // namespace segw::crypto
