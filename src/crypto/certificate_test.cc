#include "crypto/certificate.h"

#include <gtest/gtest.h>

#include "crypto/testing_certificates.h"

namespace segw::crypto {
namespace {

using testing::issue;
using testing::KeyType;
using testing::pem_of;

TEST(CertificateFile, MayBePemOrDer) {
  const auto one = issue({});
  for (const Bytes& file : {one.certificate.der(), to_bytes(as_bytes(pem_of(one.certificate)))}) {
    const auto read = parse_certificates(file);
    ASSERT_TRUE(read) << read.error().text;
    ASSERT_EQ(read->size(), 1U);
    EXPECT_EQ(read->front().der(), one.certificate.der());
  }
}

TEST(CertificateFile, HoldsSeveralWithTextAround) {
  const auto one = issue({});
  const auto other = issue({.subject = "CN=other"});
  const auto read = parse_certificates(
      as_bytes("a note\n" + pem_of(one.certificate) + "\nmore\n" + pem_of(other.certificate)));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->size(), 2U);
}

TEST(CertificateFile, WithHalfOfOneIsRefused) {
  const std::string whole = pem_of(issue({}).certificate);
  EXPECT_FALSE(parse_certificates(as_bytes(whole + whole.substr(0, whole.size() / 2))));
  EXPECT_FALSE(parse_certificates(as_bytes(whole.substr(0, whole.size() / 2))));
  EXPECT_FALSE(parse_certificates({}));
  EXPECT_FALSE(parse_certificates(as_bytes("-----BEGIN CERTIFICATE-----\nno\n")));
}

TEST(CertificateFile, WithTooManyIsRefused) {
  std::string file;
  for (size_t i = 0; i <= kCertificatesInFileMax; ++i) file += pem_of(issue({}).certificate);
  EXPECT_FALSE(parse_certificates(as_bytes(file)));
}

TEST(Certificate, TruncatedAnywhereIsRefused) {
  const Bytes der = issue({.alternative_names = "DNS:site.example"}).certificate.der();
  for (size_t size = 0; size < der.size(); ++size) {
    EXPECT_FALSE(Certificate::parse(ByteView(der).first(size))) << size;
  }
  Bytes longer = der;
  longer.push_back(0);
  EXPECT_FALSE(Certificate::parse(longer));
  EXPECT_FALSE(Certificate::parse(Bytes(kCertificateMax + 1, 0x30)));
}

TEST(Certificate, WithAnyByteChangedNeverAborts) {
  const auto made = issue({.alternative_names = "DNS:site.example,IP:192.0.2.1,email:a@b.example"});
  const TrustAnchors anchors = TrustAnchors::make({made.certificate}, {});
  for (size_t at = 0; at < made.certificate.der().size(); ++at) {
    Bytes der = made.certificate.der();
    der[at] ^= 0x55;
    const auto parsed = Certificate::parse(der);
    if (!parsed) continue;
    static_cast<void>(parsed->has_host("site.example"));
    static_cast<void>(parsed->has_subject(parsed->subject()));
    static_cast<void>(parsed->key_digest());
    EXPECT_NE(anchors.check(*parsed, {}, testing::kNow, UnknownStatus::IsGood), Trust::Trusted)
        << at;
  }
}

TEST(Certificate, KnowsItsKey) {
  const std::vector<std::pair<KeyType, KeyKind>> kinds = {
      {KeyType::Rsa2048, KeyKind::Rsa},     {KeyType::P256, KeyKind::EcdsaP256},
      {KeyType::P384, KeyKind::EcdsaP384},  {KeyType::P521, KeyKind::EcdsaP521},
      {KeyType::Ed25519, KeyKind::Ed25519}, {KeyType::Secp256k1, KeyKind::Other}};
  for (const auto& [type, kind] : kinds) {
    EXPECT_EQ(issue({.key = type}).certificate.key_kind(), kind) << static_cast<int>(type);
  }
  EXPECT_EQ(issue({.key = KeyType::Rsa2048}).certificate.key_bits(), 2048U);
}

TEST(Certificate, NamesItsHolder) {
  const auto made = issue({.alternative_names = "DNS:site.example,DNS:*.wild.example,IP:192.0.2.1,"
                                                "IP:2001:db8::1,email:ops@site.example"});
  const Certificate& certificate = made.certificate;
  EXPECT_TRUE(certificate.has_host("site.example"));
  EXPECT_TRUE(certificate.has_host("SITE.example"));
  EXPECT_FALSE(certificate.has_host("other.example"));
  EXPECT_FALSE(certificate.has_host(".example"));
  EXPECT_FALSE(certificate.has_host("a.wild.example")) << "a wildcard is nobody's identity";
  EXPECT_FALSE(certificate.has_host(std::string_view("site.example\0", 13)));
  EXPECT_FALSE(certificate.has_host(""));
  EXPECT_TRUE(certificate.has_email("ops@site.example"));
  EXPECT_FALSE(certificate.has_email("ops@other.example"));
  EXPECT_TRUE(certificate.has_address(IpAddress::parse("192.0.2.1").value_or(IpAddress{})));
  EXPECT_TRUE(certificate.has_address(IpAddress::parse("2001:db8::1").value_or(IpAddress{})));
  EXPECT_FALSE(certificate.has_address(IpAddress::parse("192.0.2.2").value_or(IpAddress{})));
}

TEST(Certificate, CommonNameIsNoHostName) {
  EXPECT_FALSE(issue({.subject = "CN=site.example"}).certificate.has_host("site.example"));
}

TEST(Certificate, KnowsItsIssuerByNameAndSignature) {
  const auto root = issue(testing::authority_spec());
  const auto namesake = issue(testing::authority_spec("C=DE, O=Example, CN=root", 101));
  const auto peer = issue({}, &root);
  EXPECT_TRUE(peer.certificate.is_issued_by(root.certificate));
  EXPECT_FALSE(peer.certificate.is_issued_by(namesake.certificate));
  EXPECT_FALSE(Certificate().is_issued_by(root.certificate));
}

TEST(PrivateKey, MayBePemOrDerAndBelongsToItsCertificate) {
  for (const KeyType type : {KeyType::Rsa2048, KeyType::P256, KeyType::P521, KeyType::Ed25519}) {
    const auto made = issue({.key = type});
    for (const Bytes& file : {to_bytes(made.key.view()), to_bytes(as_bytes(pem_of(made.key)))}) {
      const auto key = parse_private_key(file);
      ASSERT_TRUE(key) << key.error().text;
      EXPECT_TRUE(belongs_to(*key, made.certificate));
      EXPECT_FALSE(belongs_to(*key, issue({.number = 9}).certificate));
    }
  }
}

TEST(PrivateKey, OfAnotherKindOrNoneIsRefused) {
  EXPECT_FALSE(parse_private_key({}));
  EXPECT_FALSE(parse_private_key(as_bytes("no key")));
  EXPECT_FALSE(parse_private_key(issue({}).certificate.der()));
  EXPECT_FALSE(parse_private_key(issue({.key = KeyType::Secp256k1}).key.view()));
  EXPECT_FALSE(belongs_to(SecretBytes(Bytes(40, 1)), issue({}).certificate));
}

TEST(PrivateKey, ThatIsEncryptedIsRefusedWithoutAsking) {
  EVP_PKEY* key = testing::key_of(KeyType::Ed25519, 1);
  const Owned<BIO> out(BIO_new(BIO_s_mem()));
  PEM_write_bio_PKCS8PrivateKey(out.get(), key, EVP_aes_128_cbc(), "secret", 6, nullptr, nullptr);
  const char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  EXPECT_FALSE(parse_private_key(as_bytes({text, static_cast<size_t>(size)})));
}

TEST(Name, IsTheSameWhateverItsStringsAre) {
  const auto name = parse_name("C=DE, O=Example Org, CN=site 1");
  ASSERT_TRUE(name);
  EXPECT_EQ(name_text(*name), "C=DE, O=Example Org, CN=site 1");
  EXPECT_TRUE(same_name(*name, *parse_name("C=DE,O=EXAMPLE  org,  CN=Site 1")));
  EXPECT_FALSE(same_name(*name, *parse_name("C=DE, O=Example Org, CN=site 2")));
  EXPECT_FALSE(same_name(*name, *parse_name("O=Example Org, C=DE, CN=site 1")));
  EXPECT_FALSE(same_name(*name, {}));
  EXPECT_FALSE(same_name(*name, Bytes(kNameMax + 1, 0x30)));
}

TEST(Name, ThatIsNotUnderstoodIsRefused) {
  for (const auto* text : {"", "site", "X=1", "CN=", "C=Germany", "CN=a,", "=a"}) {
    EXPECT_FALSE(parse_name(text)) << text;
  }
  EXPECT_TRUE(parse_name("CN=a\\, b"));
}

TEST(CrlFile, IsPemOrDer) {
  const auto root = issue(testing::authority_spec());
  const Bytes der = testing::revoke(root, {});
  EXPECT_TRUE(Crl::parse(der));
  EXPECT_TRUE(Crl::parse(as_bytes(pem_of("X509 CRL", der))));
  for (size_t size = 0; size < der.size(); ++size) {
    EXPECT_FALSE(Crl::parse(ByteView(der).first(size))) << size;
  }
}

}  // namespace
}  // namespace segw::crypto
