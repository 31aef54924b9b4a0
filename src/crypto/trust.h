#pragma once

// Whether a peer's certificate leads to an authority that the operator trusts (RFC 5280 6, RFC
// 4945). Bounded: the peer's certificates are few, and the path has at most kPathMax authorities.

#include <chrono>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "crypto/certificate.h"

namespace segw::crypto {

using WallTime = std::chrono::system_clock::time_point;

constexpr int kPathMax = 6;  // authorities between the peer and the trust anchor
constexpr unsigned kRsaBitsMin = 2048;

enum class Trust : uint8_t {
  Trusted,
  UnknownAuthority,
  NotYetValid,
  Expired,
  Revoked,
  StatusUnknown,  // no CRL, or one that is too old, where that counts as revoked
  WeakKey,        // RSA below 2048 bits, or a signature with SHA-1, anywhere on the path
  BadSignature,
  NotAnAuthority,  // an issuer's basicConstraints or keyUsage do not allow it
  PathTooLong,
  KeyUsage,          // the peer's key is not for signatures
  ExtendedKeyUsage,  // only for something else than IPsec or TLS
  Malformed,         // an unknown critical extension, a name constraint broken …
};
// As counters call it: `certificate-expired`.
[[nodiscard]] std::string_view counter_name(Trust trust);

// What `status-verify default-result` says.
enum class UnknownStatus : uint8_t { IsRevoked, IsGood };

class TrustAnchors {
 public:
  TrustAnchors() = default;
  static TrustAnchors make(const std::vector<Certificate>& authorities,
                           const std::vector<Crl>& crls);

  [[nodiscard]] bool empty() const { return store_ == nullptr; }
  // SHA-1 of each anchor's key, for CERTREQ payloads.
  [[nodiscard]] const std::vector<Bytes>& key_digests() const { return key_digests_; }
  // `others`: what else the peer sent, in any order, useful or not.
  [[nodiscard]] Trust check(const Certificate& peer, std::span<const Certificate> others,
                            WallTime now, UnknownStatus unknown) const;

 private:
  struct Store;
  std::shared_ptr<const Store> store_;
  std::vector<Bytes> key_digests_;
};

}  // namespace segw::crypto
