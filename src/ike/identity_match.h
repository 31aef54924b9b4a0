#pragma once

// Which identities an entry of a client database means. Pure data and one pure function.

#include <optional>

#include "base/bytes.h"
#include "base/ip_address.h"
#include "ike/ike_sa.h"

namespace segw::ike {

// RFC 7296 3.5.
constexpr uint8_t kIdIpv4 = 1;
constexpr uint8_t kIdFqdn = 2;
constexpr uint8_t kIdEmail = 3;
constexpr uint8_t kIdIpv6 = 5;
constexpr uint8_t kIdDn = 9;
constexpr uint8_t kIdKey = 11;

struct IdentityMatch {
  enum class Kind : uint8_t {
    Any,
    Prefix,  // an address in `prefix`
    Exact,   // `type` and `data`
    Suffix,  // `type`, and its end is `data`
  } kind = Kind::Any;
  uint8_t type = 0;
  Bytes data;
  IpPrefix prefix;
  auto operator<=>(const IdentityMatch&) const = default;
};

// The one spelling of identities that are equal: domain names without regard to case (RFC 4343).
[[nodiscard]] Identity normalized(const Identity& identity);

[[nodiscard]] bool matches(const IdentityMatch& match, const Identity& identity);

// As an operator reads it: `fqdn enb1.example.net`, `key-id 0x00ff`.
[[nodiscard]] std::string text(const Identity& identity);

}  // namespace segw::ike
