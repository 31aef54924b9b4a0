#include "crypto/certificate.h"

#include <openssl/ec.h>
#include <openssl/pem.h>

#include <algorithm>

#include "crypto/crypto.h"
#include "crypto/openssl_objects.h"

namespace segw::crypto {
namespace {

constexpr size_t kCrlMax = size_t{1} << 20;
constexpr size_t kKeyFileMax = size_t{64} << 10;
constexpr unsigned kHostFlags = X509_CHECK_FLAG_NO_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT;

bool is_pem(ByteView file) {
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  return text.find("-----BEGIN ") != std::string_view::npos;
}

Owned<BIO> reader(ByteView file) {
  return Owned<BIO>(BIO_new_mem_buf(file.data(), static_cast<int>(file.size())));
}

// An encrypted key must not ask at a terminal.
int no_passphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*user*/) { return 0; }

bool has_zero(std::string_view text) { return text.find('\0') != std::string_view::npos; }

Owned<EVP_PKEY> read_key(ByteView file) {
  if (is_pem(file)) {
    const auto bio = reader(file);
    return Owned<EVP_PKEY>(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
  }
  const unsigned char* at = file.data();
  return Owned<EVP_PKEY>(d2i_AutoPrivateKey(nullptr, &at, long_size(file)));
}

}  // namespace

KeyKind kind_of(const EVP_PKEY* key) {
  if (key == nullptr) return KeyKind::Other;
  if (EVP_PKEY_is_a(key, "RSA") == 1) return KeyKind::Rsa;
  if (EVP_PKEY_is_a(key, "ED25519") == 1) return KeyKind::Ed25519;
  if (EVP_PKEY_is_a(key, "EC") != 1) return KeyKind::Other;
  char name[64] = {};
  size_t size = 0;
  if (EVP_PKEY_get_group_name(key, name, sizeof name, &size) != 1) return KeyKind::Other;
  const std::string_view curve(name, size);
  if (curve == "prime256v1" || curve == "P-256") return KeyKind::EcdsaP256;
  if (curve == "secp384r1" || curve == "P-384") return KeyKind::EcdsaP384;
  if (curve == "secp521r1" || curve == "P-521") return KeyKind::EcdsaP521;
  return KeyKind::Other;
}

Owned<EVP_PKEY> load_private_key(const SecretBytes& pkcs8) {
  const unsigned char* at = pkcs8.view().data();
  const Owned<PKCS8_PRIV_KEY_INFO> info(
      d2i_PKCS8_PRIV_KEY_INFO(nullptr, &at, long_size(pkcs8.view())));
  return Owned<EVP_PKEY>(info ? EVP_PKCS82PKEY(info.get()) : nullptr);
}

Result<Certificate> Certificate::parse(ByteView der) {
  const QuietErrors quiet;
  if (der.empty() || der.size() > kCertificateMax) return failure("not the size of a certificate");
  const unsigned char* at = der.data();
  Owned<X509> x509(d2i_X509(nullptr, &at, long_size(der)));
  if (!x509 || at != der.data() + der.size()) return failure("not a DER certificate");
  // Works out the extensions, once: what verification asks for later is then only read.
  X509_check_purpose(x509.get(), -1, 0);
  Certificate certificate;
  certificate.parsed_ =
      std::make_shared<const Parsed>(Parsed{.x509 = std::move(x509), .der = to_bytes(der)});
  return certificate;
}

const Bytes& Certificate::der() const {
  static const Bytes none;
  return parsed_ ? parsed_->der : none;
}

KeyKind Certificate::key_kind() const {
  return parsed_ ? kind_of(X509_get0_pubkey(parsed_->x509.get())) : KeyKind::Other;
}

unsigned Certificate::key_bits() const {
  const EVP_PKEY* key = parsed_ ? X509_get0_pubkey(parsed_->x509.get()) : nullptr;
  return key == nullptr ? 0U : static_cast<unsigned>(std::max(EVP_PKEY_get_bits(key), 0));
}

Bytes Certificate::subject() const {
  return parsed_ ? der_of(i2d_X509_NAME, X509_get_subject_name(parsed_->x509.get())) : Bytes{};
}

std::string Certificate::subject_text() const { return name_text(subject()); }

Bytes Certificate::key_digest() const {
  if (!parsed_) return {};
  const QuietErrors quiet;
  return sha1(der_of(i2d_X509_PUBKEY, X509_get_X509_PUBKEY(parsed_->x509.get())));
}

bool Certificate::is_issued_by(const Certificate& authority) const {
  if (!parsed_ || authority.empty()) return false;
  const QuietErrors quiet;
  X509* issuer = authority.parsed_->x509.get();
  return X509_NAME_cmp(X509_get_issuer_name(parsed_->x509.get()), X509_get_subject_name(issuer)) ==
             0 &&
         X509_verify(parsed_->x509.get(), X509_get0_pubkey(issuer)) == 1;
}

bool Certificate::has_host(std::string_view fqdn) const {
  // To OpenSSL a name with a dot in front means any host below it, and a zero behind it is nothing.
  if (!parsed_ || fqdn.empty() || fqdn.front() == '.' || has_zero(fqdn)) return false;
  const QuietErrors quiet;
  return X509_check_host(parsed_->x509.get(), fqdn.data(), fqdn.size(), kHostFlags, nullptr) == 1;
}

bool Certificate::has_email(std::string_view address) const {
  if (!parsed_ || address.empty() || has_zero(address)) return false;
  const QuietErrors quiet;
  return X509_check_email(parsed_->x509.get(), address.data(), address.size(), kHostFlags) == 1;
}

bool Certificate::has_address(const IpAddress& address) const {
  if (!parsed_) return false;
  const QuietErrors quiet;
  const ByteView bytes = address.bytes();
  return X509_check_ip(parsed_->x509.get(), bytes.data(), bytes.size(), 0) == 1;
}

bool Certificate::has_subject(ByteView name) const { return same_name(subject(), name); }

bool Crl::is_issued_by(const Certificate& authority) const {
  if (!parsed_ || authority.empty()) return false;
  const QuietErrors quiet;
  X509_CRL* crl = parsed_->crl.get();
  X509* issuer = authority.parsed().x509.get();
  return X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(issuer)) == 0 &&
         X509_CRL_verify(crl, X509_get0_pubkey(issuer)) == 1;
}

Result<Crl> Crl::parse(ByteView file) {
  const QuietErrors quiet;
  if (file.size() > kCrlMax) return failure("larger than a CRL may be (1 MiB)");
  Owned<X509_CRL> crl;
  if (is_pem(file)) {
    const auto bio = reader(file);
    crl.reset(PEM_read_bio_X509_CRL(bio.get(), nullptr, no_passphrase, nullptr));
  } else {
    const unsigned char* at = file.data();
    crl.reset(d2i_X509_CRL(nullptr, &at, long_size(file)));
  }
  if (!crl) return failure("holds no CRL (PEM or DER expected)");
  Crl made;
  made.parsed_ = std::make_shared<const Parsed>(Parsed{.crl = std::move(crl)});
  return made;
}

Result<std::vector<Certificate>> parse_certificates(ByteView file) {
  const QuietErrors quiet;
  std::vector<Certificate> found;
  if (!is_pem(file)) {
    auto one = Certificate::parse(file);
    if (!one) return failure("holds no certificate (PEM or DER expected)");
    found.push_back(std::move(*one));
    return found;
  }
  const auto bio = reader(file);
  while (true) {
    const Owned<X509> x509(PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr));
    if (!x509) break;
    if (found.size() == kCertificatesInFileMax) return failure("holds too many certificates");
    auto one = Certificate::parse(der_of(i2d_X509, x509.get()));
    if (!one) return failure("holds a broken certificate");
    found.push_back(std::move(*one));
  }
  // Other text may stand around the certificates, but no half of one.
  const bool ended = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  if (found.empty() || !ended) return failure("holds no certificate, or a broken one");
  return found;
}

Result<SecretBytes> parse_private_key(ByteView file) {
  const QuietErrors quiet;
  if (file.size() > kKeyFileMax) return failure("larger than a private key may be (64 KiB)");
  const Owned<EVP_PKEY> key = read_key(file);
  if (!key) return failure("holds no private key that can be read (PEM or DER, not encrypted)");
  if (kind_of(key.get()) == KeyKind::Other) {
    return failure("the key is neither RSA, ECDSA on P-256, P-384 or P-521, nor Ed25519");
  }
  const Owned<PKCS8_PRIV_KEY_INFO> info(EVP_PKEY2PKCS8(key.get()));
  if (!info) return failure("the key cannot be used");
  const int size = i2d_PKCS8_PRIV_KEY_INFO(info.get(), nullptr);
  if (size <= 0) return failure("the key cannot be used");
  SecretBytes out(static_cast<size_t>(size));
  unsigned char* at = out.writable().data();
  i2d_PKCS8_PRIV_KEY_INFO(info.get(), &at);
  return out;
}

bool belongs_to(const SecretBytes& private_key, const Certificate& certificate) {
  const QuietErrors quiet;
  const Owned<EVP_PKEY> key = load_private_key(private_key);
  if (!key || certificate.empty()) return false;
  const EVP_PKEY* theirs = X509_get0_pubkey(certificate.parsed().x509.get());
  return theirs != nullptr && EVP_PKEY_eq(key.get(), theirs) == 1;
}

}  // namespace segw::crypto
