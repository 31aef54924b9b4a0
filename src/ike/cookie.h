#pragma once

// Cookies (RFC 7296 2.6): a client that begins an IKE SA proves that it hears us, and we keep
// nothing of it until then. A cookie is made from a secret that all chassis of a group derive alike
// (rule 22), so that one asked for by a chassis is honoured by its successor.
//
//   cookie = epoch (4) | HMAC-SHA-256(secret of the epoch, nonce, address, SPI)
//
// The epoch is the secret's version: it counts the wall clock in kCookieEpoch. A clock that is
// wrong costs a client one more round trip, nothing else (decision 0070).

#include <chrono>
#include <optional>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/ip_address.h"
#include "base/secret_bytes.h"

namespace segw::ike {

constexpr std::chrono::seconds kCookieEpoch{120};

using WallTime = std::chrono::system_clock::time_point;

// Which IKE_SA_INIT a cookie is for. Without the port: a translator may change it.
struct CookieFor {
  ByteView nonce;
  const IpAddress& address;
  IkeSpi initiator;
};

// `key` is the group's, the same on all its chassis.
Bytes make_cookie(const SecretBytes& key, const CookieFor& whom, WallTime now);
// Of this epoch, the one before, or, made by a chassis whose clock is ahead, the next.
[[nodiscard]] bool cookie_holds(const SecretBytes& key, const CookieFor& whom, ByteView cookie,
                                WallTime now);

// What a cookie is checked with, found in an IKE_SA_INIT request without decoding it: only generic
// headers are read and nothing is allocated. Nothing: they do not fit together, or there is no
// nonce of a size that is allowed.
struct InitPeek {
  ByteView nonce;
  ByteView cookie;  // empty: none
};
std::optional<InitPeek> peek_init(uint8_t first, ByteView payloads);

}  // namespace segw::ike
