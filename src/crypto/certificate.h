#pragma once

// X.509 certificates, private keys and names, over OpenSSL 3. Nothing of OpenSSL is in this header.
// What comes from the wire is bounded before it is parsed; what is wrong is an error, never an
// abort. Parsed objects do not change and are shared by copies.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ip_address.h"
#include "base/result.h"
#include "base/secret_bytes.h"

namespace segw::crypto {

constexpr size_t kCertificateMax = 16384;  // bytes, DER
constexpr size_t kCertificatesInFileMax = 16;
constexpr size_t kNameMax = 1024;  // bytes, DER

enum class KeyKind : uint8_t { Other, Rsa, EcdsaP256, EcdsaP384, EcdsaP521, Ed25519 };

class Certificate {
 public:
  Certificate() = default;
  // Exactly one, DER.
  static Result<Certificate> parse(ByteView der);

  [[nodiscard]] bool empty() const { return parsed_ == nullptr; }
  [[nodiscard]] const Bytes& der() const;
  [[nodiscard]] KeyKind key_kind() const;
  [[nodiscard]] unsigned key_bits() const;
  // Of the subject: DER, and as `CN=…, O=…`.
  [[nodiscard]] Bytes subject() const;
  [[nodiscard]] std::string subject_text() const;
  // SHA-1 of SubjectPublicKeyInfo: how a CERTREQ payload calls an authority (RFC 7296 3.7).
  [[nodiscard]] Bytes key_digest() const;
  [[nodiscard]] bool is_issued_by(const Certificate& authority) const;  // name and signature

  // Whether the certificate says so of its holder. No wildcards, and only subjectAltName counts.
  [[nodiscard]] bool has_host(std::string_view fqdn) const;
  [[nodiscard]] bool has_email(std::string_view address) const;
  [[nodiscard]] bool has_address(const IpAddress& address) const;
  [[nodiscard]] bool has_subject(ByteView name) const;

  struct Parsed;  // for the other files of this room
  [[nodiscard]] const Parsed& parsed() const { return *parsed_; }

 private:
  std::shared_ptr<const Parsed> parsed_;
};

// A certificate revocation list.
class Crl {
 public:
  Crl() = default;
  static Result<Crl> parse(ByteView file);  // PEM or DER
  // By name and by signature.
  [[nodiscard]] bool is_issued_by(const Certificate& authority) const;

  struct Parsed;
  [[nodiscard]] const Parsed& parsed() const { return *parsed_; }

 private:
  std::shared_ptr<const Parsed> parsed_;
};

// A file of certificates: PEM, one or more, or DER, one.
Result<std::vector<Certificate>> parse_certificates(ByteView file);

// A private key file, PEM or DER, not encrypted: as PKCS#8, which is how the other functions of
// this room take it. Error: the file holds none, or one of a kind that has no use here.
Result<SecretBytes> parse_private_key(ByteView file);
[[nodiscard]] bool belongs_to(const SecretBytes& private_key, const Certificate& certificate);

// X.501 names. Both are DER; they are the same if they differ only in case, blanks and the kinds of
// strings (RFC 5280 7.1).
[[nodiscard]] bool same_name(ByteView a, ByteView b);
[[nodiscard]] std::string name_text(ByteView name);
// `C=DE, O=Example, CN=site 1`, most significant first. Attributes: C, ST, L, O, OU, CN, SN, GN,
// DC, UID, emailAddress, serialNumber. A comma in a value is written `\,`.
Result<Bytes> parse_name(std::string_view text);

}  // namespace segw::crypto
