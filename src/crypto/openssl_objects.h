#pragma once

// OpenSSL's objects with owners, and its error queue kept as it was. Internal to this room.

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>

#include "base/bytes.h"
#include "crypto/certificate.h"

namespace segw::crypto {

struct FreeOpenssl {
  void operator()(X509* object) const { X509_free(object); }
  void operator()(X509_CRL* object) const { X509_CRL_free(object); }
  void operator()(X509_NAME* object) const { X509_NAME_free(object); }
  void operator()(X509_ALGOR* object) const { X509_ALGOR_free(object); }
  void operator()(X509_STORE* object) const { X509_STORE_free(object); }
  void operator()(X509_STORE_CTX* object) const { X509_STORE_CTX_free(object); }
  void operator()(EVP_PKEY* object) const { EVP_PKEY_free(object); }
  void operator()(EVP_MD_CTX* object) const { EVP_MD_CTX_free(object); }
  void operator()(PKCS8_PRIV_KEY_INFO* object) const { PKCS8_PRIV_KEY_INFO_free(object); }
  void operator()(RSA_PSS_PARAMS* object) const { RSA_PSS_PARAMS_free(object); }
  void operator()(ECDSA_SIG* object) const { ECDSA_SIG_free(object); }
  void operator()(BIO* object) const { BIO_free(object); }
  void operator()(STACK_OF(X509) * object) const { sk_X509_free(object); }
};
template <typename T>
using Owned = std::unique_ptr<T, FreeOpenssl>;

// Whatever fails inside leaves no error behind: the queue is shared with TLS.
class QuietErrors {
 public:
  QuietErrors() { ERR_set_mark(); }
  ~QuietErrors() { ERR_pop_to_mark(); }
  QuietErrors(const QuietErrors&) = delete;
  QuietErrors& operator=(const QuietErrors&) = delete;
};

struct Certificate::Parsed {
  Owned<X509> x509;
  Bytes der;
};
struct Crl::Parsed {
  Owned<X509_CRL> crl;
};

// A view as OpenSSL's decoders take it.
inline long long_size(ByteView bytes) { return static_cast<long>(bytes.size()); }

// The bytes that an i2d_ function gives.
template <typename T>
Bytes der_of(int (*encode)(const T*, unsigned char**), const T* object) {
  const int size = encode(object, nullptr);
  if (size <= 0) return {};
  Bytes out(static_cast<size_t>(size));
  unsigned char* at = out.data();
  encode(object, &at);
  return out;
}

KeyKind kind_of(const EVP_PKEY* key);
Owned<EVP_PKEY> load_private_key(const SecretBytes& pkcs8);

}  // namespace segw::crypto
