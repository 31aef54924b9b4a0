#include "crypto/trust.h"

#include "base/assert.h"
#include "crypto/openssl_objects.h"

namespace segw::crypto {

struct TrustAnchors::Store {
  Owned<X509_STORE> store;
};

namespace {

constexpr int kSecurityLevel = 2;  // 112 bits: RSA from 2048, no signature with SHA-1

// The errors after which the path is looked at further, if unknown counts as good: an old CRL may
// still name the certificate.
bool status_unknown(int error) {
  return error == X509_V_ERR_UNABLE_TO_GET_CRL || error == X509_V_ERR_CRL_HAS_EXPIRED ||
         error == X509_V_ERR_CRL_NOT_YET_VALID || error == X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER;
}

int on_error(int good, X509_STORE_CTX* context) {
  if (good == 1) return 1;
  if (!status_unknown(X509_STORE_CTX_get_error(context))) return 0;
  // The operator trusts the anchor itself; nobody above it is asked.
  const auto* chain = X509_STORE_CTX_get0_chain(context);
  const bool anchor = X509_STORE_CTX_get_error_depth(context) == sk_X509_num(chain) - 1;
  const auto* unknown = static_cast<const UnknownStatus*>(X509_STORE_CTX_get_app_data(context));
  return anchor || *unknown == UnknownStatus::IsGood ? 1 : 0;
}

Trust meaning(int error) {
  switch (error) {
    case X509_V_OK:
      return Trust::Trusted;
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return Trust::NotYetValid;
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return Trust::Expired;
    case X509_V_ERR_CERT_REVOKED:
      return Trust::Revoked;
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_CA_KEY_TOO_SMALL:
    case X509_V_ERR_CA_MD_TOO_WEAK:
      return Trust::WeakKey;
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_CRL_SIGNATURE_FAILURE:
      return Trust::BadSignature;
    case X509_V_ERR_INVALID_CA:
    case X509_V_ERR_INVALID_NON_CA:
    case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
    case X509_V_ERR_KEYUSAGE_NO_CRL_SIGN:
      return Trust::NotAnAuthority;
    case X509_V_ERR_PATH_LENGTH_EXCEEDED:
    case X509_V_ERR_CERT_CHAIN_TOO_LONG:
      return Trust::PathTooLong;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_UNTRUSTED:
      return Trust::UnknownAuthority;
    default:
      return status_unknown(error) ? Trust::StatusUnknown : Trust::Malformed;
  }
}

// OpenSSL lets issuers without basicConstraints pass for old times' sake.
// RFC 5280 6.1.4 (k): "If certificate i is a version 3 certificate, verify that the
// basicConstraints extension is present and that cA is set to TRUE."
bool issuers_are_authorities(X509_STORE_CTX* context) {
  const auto* chain = X509_STORE_CTX_get0_chain(context);
  constexpr int kByBasicConstraints = 1;
  for (int i = 1; i + 1 < sk_X509_num(chain); ++i) {
    if (X509_check_ca(sk_X509_value(chain, i)) != kByBasicConstraints) return false;
  }
  return true;
}

// RFC 4945 5.1.3.2: a key usage extension without digitalSignature and nonRepudiation refuses.
bool signs(X509* peer) {
  constexpr uint32_t kSigning = KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION;
  return (X509_get_extension_flags(peer) & EXFLAG_KUSAGE) == 0 ||
         (X509_get_key_usage(peer) & kSigning) != 0;
}

// RFC 4945 5.1.3.12 would rather see none. What is only for code, mail, time stamps or OCSP is
// refused; TLS is taken, since many authorities mark what they make for VPNs so.
bool fits_ipsec(X509* peer) {
  if ((X509_get_extension_flags(peer) & EXFLAG_XKUSAGE) == 0) return true;
  static constexpr const char* kFitting[] = {
      "2.5.29.37.0",         // any
      "1.3.6.1.5.5.7.3.17",  // ipsecIKE
      "1.3.6.1.5.5.7.3.5",   // ipsecEndSystem
      "1.3.6.1.5.5.7.3.6",   // ipsecTunnel
      "1.3.6.1.5.5.7.3.7",   // ipsecUser
      "1.3.6.1.5.5.8.2.2",   // iKEIntermediate
      "1.3.6.1.5.5.7.3.1",   // serverAuth
      "1.3.6.1.5.5.7.3.2",   // clientAuth
  };
  auto* usages =
      static_cast<EXTENDED_KEY_USAGE*>(X509_get_ext_d2i(peer, NID_ext_key_usage, nullptr, nullptr));
  bool fits = false;
  for (int i = 0; i < sk_ASN1_OBJECT_num(usages); ++i) {
    char text[64] = {};
    OBJ_obj2txt(text, sizeof text, sk_ASN1_OBJECT_value(usages, i), 1);
    for (const char* fitting : kFitting) fits = fits || std::string_view(text) == fitting;
  }
  sk_ASN1_OBJECT_pop_free(usages, ASN1_OBJECT_free);
  return fits;
}

}  // namespace

std::string_view counter_name(Trust trust) {
  switch (trust) {
    case Trust::Trusted:
      return "certificate-trusted";
    case Trust::UnknownAuthority:
      return "certificate-unknown-authority";
    case Trust::NotYetValid:
      return "certificate-not-yet-valid";
    case Trust::Expired:
      return "certificate-expired";
    case Trust::Revoked:
      return "certificate-revoked";
    case Trust::StatusUnknown:
      return "certificate-status-unknown";
    case Trust::WeakKey:
      return "certificate-weak-key";
    case Trust::BadSignature:
      return "certificate-bad-signature";
    case Trust::NotAnAuthority:
      return "certificate-issuer-no-authority";
    case Trust::PathTooLong:
      return "certificate-path-too-long";
    case Trust::KeyUsage:
      return "certificate-key-usage";
    case Trust::ExtendedKeyUsage:
      return "certificate-extended-key-usage";
    case Trust::Malformed:
      return "certificate-malformed";
  }
  return "certificate-malformed";
}

TrustAnchors TrustAnchors::make(const std::vector<Certificate>& authorities,
                                const std::vector<Crl>& crls) {
  const QuietErrors quiet;
  TrustAnchors anchors;
  Store made{.store = Owned<X509_STORE>(X509_STORE_new())};
  SEGW_ASSERT(made.store != nullptr);
  for (const Certificate& each : authorities) {
    X509_STORE_add_cert(made.store.get(), each.parsed().x509.get());
    anchors.key_digests_.push_back(each.key_digest());
  }
  for (const Crl& each : crls) X509_STORE_add_crl(made.store.get(), each.parsed().crl.get());
  anchors.store_ = std::make_shared<const Store>(std::move(made));
  return anchors;
}

Trust TrustAnchors::check(const Certificate& peer, std::span<const Certificate> others,
                          WallTime now, UnknownStatus unknown) const {
  if (empty() || peer.empty()) return Trust::UnknownAuthority;
  const QuietErrors quiet;
  X509* x509 = peer.parsed().x509.get();
  const Owned<STACK_OF(X509)> untrusted(sk_X509_new_null());
  for (const Certificate& each : others) {
    sk_X509_push(untrusted.get(), each.parsed().x509.get());
  }
  const Owned<X509_STORE_CTX> context(X509_STORE_CTX_new());
  if (!context ||
      X509_STORE_CTX_init(context.get(), store_->store.get(), x509, untrusted.get()) != 1) {
    return Trust::Malformed;
  }
  X509_VERIFY_PARAM* rules = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_time(rules, std::chrono::system_clock::to_time_t(now));
  X509_VERIFY_PARAM_set_depth(rules, kPathMax);
  X509_VERIFY_PARAM_set_auth_level(rules, kSecurityLevel);
  X509_VERIFY_PARAM_set_flags(
      rules, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
  X509_STORE_CTX_set_app_data(context.get(), &unknown);
  X509_STORE_CTX_set_verify_cb(context.get(), on_error);
  // A key of a kind that signatures are not made with here is weak, whatever its size.
  if (peer.key_kind() == KeyKind::Other) return Trust::WeakKey;
  if (X509_verify_cert(context.get()) != 1) {
    const Trust why = meaning(X509_STORE_CTX_get_error(context.get()));
    return why == Trust::Trusted ? Trust::Malformed : why;
  }
  if (!issuers_are_authorities(context.get())) return Trust::NotAnAuthority;
  if (!signs(x509)) return Trust::KeyUsage;
  return fits_ipsec(x509) ? Trust::Trusted : Trust::ExtendedKeyUsage;
}

}  // namespace segw::crypto
