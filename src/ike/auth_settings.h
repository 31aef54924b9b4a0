#pragma once

// How the two parties of a tunnel prove who they are: configuration, made by the chassis.

#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/secret_bytes.h"
#include "crypto/certificate.h"
#include "crypto/trust.h"

namespace segw::ike {

enum class AuthMethod : uint8_t { PreSharedKey, Certificate };

struct OwnCertificate {  // one entry of a cert-profile
  crypto::Certificate certificate;
  std::vector<crypto::Certificate> chain;  // sent after it
  SecretBytes private_key;                 // PKCS#8
  bool rsa_pss = false;                    // with RSA: rsa-signature pss
  std::vector<Bytes> authorities;          // key digests of those above it that we know
};

// A post-quantum pre-shared key (RFC 8784).
struct Ppk {
  Bytes id;
  SecretBytes key;
};

struct AuthSettings {
  AuthMethod own = AuthMethod::PreSharedKey;   // own-auth-method
  AuthMethod peer = AuthMethod::PreSharedKey;  // auth-method
  // The local identity is the subject of the certificate in use, not TunnelSettings::local_id.
  bool subject_is_local_id = false;
  // Any identity of the peer will do, TunnelSettings::remote_id is not looked at: its certificate
  // leads to our trust anchors.
  bool any_remote_id = false;
  bool match_peer_id_to_cert = false;
  std::shared_ptr<const std::vector<OwnCertificate>> certificates;  // null: none
  crypto::TrustAnchors anchors;
  crypto::UnknownStatus unknown_status = crypto::UnknownStatus::IsRevoked;
  std::shared_ptr<const std::vector<Ppk>> ppks;  // that a client may name; null: none
  Bytes ppk_id;                                  // the one that we name as initiator
  bool ppk_required = false;
};

}  // namespace segw::ike
