#pragma once

// An authority for tests: certificates of every kind, good and bad, made in the process. What a
// test does not say is as it should be. RSA and EC keys come from OpenSSL's generator; Ed25519 keys
// are made from a number, so that what is signed with them is the same in every run.

#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "crypto/openssl_objects.h"
#include "crypto/trust.h"

namespace segw::crypto::testing {

using namespace std::chrono_literals;

inline constexpr WallTime kNow{1'800'000'000s};  // 2027
inline constexpr auto kYear = 365 * 24h;

enum class KeyType : uint8_t { Rsa1024, Rsa2048, Rsa3072, P256, P384, P521, Ed25519, Secp256k1 };

struct Spec {
  std::string subject = "C=DE, O=Example, CN=peer";
  KeyType key = KeyType::Ed25519;
  uint8_t number = 1;  // another key of the same kind
  WallTime from = kNow - kYear;
  WallTime until = kNow + kYear;
  bool authority = false;
  bool basic_constraints = true;
  int path_length = -1;   // without limit
  std::string key_usage;  // empty: keyCertSign and cRLSign, or digitalSignature; "-": none
  std::string extended_key_usage;
  std::string alternative_names;  // DNS:site.example, IP:192.0.2.1, email:a@example
  bool sha1 = false;
};

struct Issued {
  Certificate certificate;
  SecretBytes key;  // PKCS#8
};

inline Owned<EVP_PKEY> generate(KeyType type, uint8_t number) {
  switch (type) {
    case KeyType::Rsa1024:
      return Owned<EVP_PKEY>(EVP_RSA_gen(1024));
    case KeyType::Rsa2048:
      return Owned<EVP_PKEY>(EVP_RSA_gen(2048));
    case KeyType::Rsa3072:
      return Owned<EVP_PKEY>(EVP_RSA_gen(3072));
    case KeyType::P256:
      return Owned<EVP_PKEY>(EVP_EC_gen("P-256"));
    case KeyType::P384:
      return Owned<EVP_PKEY>(EVP_EC_gen("P-384"));
    case KeyType::P521:
      return Owned<EVP_PKEY>(EVP_EC_gen("P-521"));
    case KeyType::Secp256k1:
      return Owned<EVP_PKEY>(EVP_EC_gen("secp256k1"));
    case KeyType::Ed25519: {
      const Bytes raw(32, number);
      return Owned<EVP_PKEY>(
          EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, raw.data(), raw.size()));
    }
  }
  return nullptr;
}

// Each key is made once in a run.
inline EVP_PKEY* key_of(KeyType type, uint8_t number) {
  static std::map<std::pair<KeyType, uint8_t>, Owned<EVP_PKEY>> made;
  auto& key = made[{type, number}];
  if (!key) key = generate(type, number);
  SEGW_ASSERT(key != nullptr);
  return key.get();
}

inline SecretBytes pkcs8_of(EVP_PKEY* key) {
  const Owned<PKCS8_PRIV_KEY_INFO> info(EVP_PKEY2PKCS8(key));
  SecretBytes out(static_cast<size_t>(i2d_PKCS8_PRIV_KEY_INFO(info.get(), nullptr)));
  unsigned char* at = out.writable().data();
  i2d_PKCS8_PRIV_KEY_INFO(info.get(), &at);
  return out;
}

inline void extend(X509* x509, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, x509, x509, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  SEGW_ASSERT(extension != nullptr);
  X509_add_ext(x509, extension, -1);
  X509_EXTENSION_free(extension);
}

inline void add_extensions(X509* x509, const Spec& spec) {
  if (spec.basic_constraints) {
    std::string value = spec.authority ? "critical,CA:TRUE" : "CA:FALSE";
    if (spec.path_length >= 0) value += ",pathlen:" + std::to_string(spec.path_length);
    extend(x509, NID_basic_constraints, value);
  }
  const std::string usual = spec.authority ? "critical,keyCertSign,cRLSign" : "digitalSignature";
  const std::string usage = spec.key_usage.empty() ? usual : spec.key_usage;
  if (usage != "-") extend(x509, NID_key_usage, usage);
  if (!spec.extended_key_usage.empty()) extend(x509, NID_ext_key_usage, spec.extended_key_usage);
  if (!spec.alternative_names.empty()) {
    extend(x509, NID_subject_alt_name, spec.alternative_names);
  }
}

inline void set_name(X509* x509, ByteView der, int (*set)(X509*, const X509_NAME*)) {
  const unsigned char* at = der.data();
  const Owned<X509_NAME> name(d2i_X509_NAME(nullptr, &at, long_size(der)));
  set(x509, name.get());
}

inline const EVP_MD* hash_for(const EVP_PKEY* key, bool sha1) {
  if (kind_of(key) == KeyKind::Ed25519) return nullptr;
  return sha1 ? EVP_sha1() : EVP_sha256();
}

// Without an issuer: by itself.
inline Issued issue(const Spec& spec, const Issued* issuer = nullptr) {
  static long serial = 1000;
  EVP_PKEY* key = key_of(spec.key, spec.number);
  const Owned<EVP_PKEY> issuer_key = issuer == nullptr ? nullptr : load_private_key(issuer->key);
  EVP_PKEY* signer = issuer == nullptr ? key : issuer_key.get();
  const Owned<X509> x509(X509_new());
  X509_set_version(x509.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(x509.get()), ++serial);
  const Bytes subject = parse_name(spec.subject).value_or(Bytes{});
  set_name(x509.get(), subject, X509_set_subject_name);
  set_name(x509.get(), issuer == nullptr ? subject : issuer->certificate.subject(),
           X509_set_issuer_name);
  ASN1_TIME_set(X509_getm_notBefore(x509.get()), std::chrono::system_clock::to_time_t(spec.from));
  ASN1_TIME_set(X509_getm_notAfter(x509.get()), std::chrono::system_clock::to_time_t(spec.until));
  X509_set_pubkey(x509.get(), key);
  add_extensions(x509.get(), spec);
  SEGW_ASSERT(X509_sign(x509.get(), signer, hash_for(signer, spec.sha1)) > 0);
  auto certificate = Certificate::parse(der_of(i2d_X509, x509.get()));
  SEGW_ASSERT(certificate.has_value());
  return Issued{.certificate = std::move(*certificate), .key = pkcs8_of(key)};
}

inline Spec authority_spec(std::string subject = "C=DE, O=Example, CN=root", uint8_t number = 100) {
  Spec spec;
  spec.subject = std::move(subject);
  spec.number = number;
  spec.authority = true;
  return spec;
}

// A CRL, DER.
inline Bytes revoke(const Issued& authority, const std::vector<Certificate>& revoked,
                    WallTime from = kNow - 24h, WallTime until = kNow + 24h) {
  const Owned<X509_CRL> crl(X509_CRL_new());
  X509_CRL_set_version(crl.get(), 1);
  X509_CRL_set_issuer_name(crl.get(),
                           X509_get_subject_name(authority.certificate.parsed().x509.get()));
  const std::unique_ptr<ASN1_TIME, decltype(&ASN1_TIME_free)> first(ASN1_TIME_new(),
                                                                    ASN1_TIME_free);
  ASN1_TIME_set(first.get(), std::chrono::system_clock::to_time_t(from));
  X509_CRL_set1_lastUpdate(crl.get(), first.get());
  for (const Certificate& each : revoked) {
    X509_REVOKED* entry = X509_REVOKED_new();
    X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(each.parsed().x509.get()));
    X509_REVOKED_set_revocationDate(entry, first.get());
    X509_CRL_add0_revoked(crl.get(), entry);
  }
  ASN1_TIME_set(first.get(), std::chrono::system_clock::to_time_t(until));
  X509_CRL_set1_nextUpdate(crl.get(), first.get());
  const Owned<EVP_PKEY> key = load_private_key(authority.key);
  SEGW_ASSERT(X509_CRL_sign(crl.get(), key.get(), hash_for(key.get(), false)) > 0);
  return der_of(i2d_X509_CRL, static_cast<const X509_CRL*>(crl.get()));
}

inline std::string pem_of(const char* label, ByteView der) {
  const Owned<BIO> out(BIO_new(BIO_s_mem()));
  PEM_write_bio(out.get(), label, "", der.data(), long_size(der));
  const char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<size_t>(size)};
}
inline std::string pem_of(const Certificate& certificate) {
  return pem_of("CERTIFICATE", certificate.der());
}
inline std::string pem_of(const SecretBytes& key) { return pem_of("PRIVATE KEY", key.view()); }

}  // namespace segw::crypto::testing
