#include "crypto/signature.h"

#include <openssl/ec.h>
#include <openssl/rsa.h>

#include <array>

#include "base/assert.h"
#include "crypto/openssl_objects.h"

namespace segw::crypto {
namespace {

constexpr size_t kAlgorithmMax = 255;  // RFC 7427 3: its length is one byte

const EVP_MD* evp(SignatureHash hash) {
  switch (hash) {
    case SignatureHash::Sha1:
      return EVP_sha1();
    case SignatureHash::Sha256:
      return EVP_sha256();
    case SignatureHash::Sha384:
      return EVP_sha384();
    case SignatureHash::Sha512:
      return EVP_sha512();
    case SignatureHash::Identity:
      return nullptr;
  }
  return nullptr;
}

std::optional<SignatureHash> hash_of(int nid) {
  for (const auto hash :
       {SignatureHash::Sha1, SignatureHash::Sha256, SignatureHash::Sha384, SignatureHash::Sha512}) {
    if (EVP_MD_get_type(evp(hash)) == nid) return hash;
  }
  return std::nullopt;
}

std::optional<SignatureHash> hash_of(const X509_ALGOR* algorithm) {
  const ASN1_OBJECT* object = nullptr;
  X509_ALGOR_get0(&object, nullptr, nullptr, algorithm);
  return hash_of(OBJ_obj2nid(object));
}

struct Simple {  // everything but PSS is named by its object alone
  int nid;
  SignatureScheme scheme;
  SignatureHash hash;
};
constexpr std::array<Simple, 9> kSimple = {{
    {NID_sha1WithRSAEncryption, SignatureScheme::RsaPkcs1, SignatureHash::Sha1},
    {NID_sha256WithRSAEncryption, SignatureScheme::RsaPkcs1, SignatureHash::Sha256},
    {NID_sha384WithRSAEncryption, SignatureScheme::RsaPkcs1, SignatureHash::Sha384},
    {NID_sha512WithRSAEncryption, SignatureScheme::RsaPkcs1, SignatureHash::Sha512},
    {NID_ecdsa_with_SHA1, SignatureScheme::Ecdsa, SignatureHash::Sha1},
    {NID_ecdsa_with_SHA256, SignatureScheme::Ecdsa, SignatureHash::Sha256},
    {NID_ecdsa_with_SHA384, SignatureScheme::Ecdsa, SignatureHash::Sha384},
    {NID_ecdsa_with_SHA512, SignatureScheme::Ecdsa, SignatureHash::Sha512},
    {NID_ED25519, SignatureScheme::Ed25519, SignatureHash::Identity},
}};

SignatureScheme scheme_of(KeyKind kind, SignatureScheme wanted) {
  switch (kind) {
    case KeyKind::Rsa:
      return wanted == SignatureScheme::RsaPss ? wanted : SignatureScheme::RsaPkcs1;
    case KeyKind::EcdsaP256:
    case KeyKind::EcdsaP384:
    case KeyKind::EcdsaP521:
    case KeyKind::Other:
      return SignatureScheme::Ecdsa;
    case KeyKind::Ed25519:
      return SignatureScheme::Ed25519;
  }
  return SignatureScheme::Ecdsa;
}

size_t number_size(KeyKind kind) {
  if (kind == KeyKind::EcdsaP256) return 32;
  return kind == KeyKind::EcdsaP384 ? 48 : 66;
}

bool set_padding(EVP_PKEY_CTX* context, const SignatureAlgorithm& algorithm) {
  if (algorithm.scheme != SignatureScheme::RsaPss) return true;
  return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
         EVP_PKEY_CTX_set_rsa_mgf1_md(context, evp(algorithm.hash)) == 1 &&
         EVP_PKEY_CTX_set_rsa_pss_saltlen(context, algorithm.salt_size) == 1;
}

std::optional<Bytes> to_fixed(ByteView asn1, size_t size) {
  const unsigned char* at = asn1.data();
  const Owned<ECDSA_SIG> signature(d2i_ECDSA_SIG(nullptr, &at, long_size(asn1)));
  if (!signature) return std::nullopt;
  Bytes out(2 * size);
  const int half = static_cast<int>(size);
  if (BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), out.data(), half) != half ||
      BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), out.data() + size, half) != half) {
    return std::nullopt;
  }
  return out;
}

std::optional<Bytes> to_asn1(ByteView fixed, size_t size) {
  if (fixed.size() != 2 * size) return std::nullopt;
  const Owned<ECDSA_SIG> signature(ECDSA_SIG_new());
  const int half = static_cast<int>(size);
  BIGNUM* r = BN_bin2bn(fixed.data(), half, nullptr);
  BIGNUM* s = BN_bin2bn(fixed.data() + size, half, nullptr);
  if (!signature || r == nullptr || s == nullptr || ECDSA_SIG_set0(signature.get(), r, s) != 1) {
    BN_free(r);
    BN_free(s);
    return std::nullopt;
  }
  return der_of(i2d_ECDSA_SIG, static_cast<const ECDSA_SIG*>(signature.get()));
}

std::optional<SignatureAlgorithm> decode_pss(int type, const void* value) {
  if (type != V_ASN1_SEQUENCE) return std::nullopt;
  const auto* text = static_cast<const ASN1_STRING*>(value);
  const Owned<RSA_PSS_PARAMS> pss(
      static_cast<RSA_PSS_PARAMS*>(ASN1_item_unpack(text, ASN1_ITEM_rptr(RSA_PSS_PARAMS))));
  // What is left out means SHA-1.
  if (!pss || pss->hashAlgorithm == nullptr || pss->maskGenAlgorithm == nullptr)
    return std::nullopt;
  const auto hash = hash_of(pss->hashAlgorithm);
  const ASN1_OBJECT* generator = nullptr;
  int mask_type = 0;
  const void* mask_value = nullptr;
  X509_ALGOR_get0(&generator, &mask_type, &mask_value, pss->maskGenAlgorithm);
  if (!hash || OBJ_obj2nid(generator) != NID_mgf1 || mask_type != V_ASN1_SEQUENCE) {
    return std::nullopt;
  }
  const Owned<X509_ALGOR> mask(static_cast<X509_ALGOR*>(
      ASN1_item_unpack(static_cast<const ASN1_STRING*>(mask_value), ASN1_ITEM_rptr(X509_ALGOR))));
  if (!mask || hash_of(mask.get()) != hash) return std::nullopt;
  constexpr long kDefaultSalt = 20;
  constexpr long kSaltMax = 64;
  const long salt = pss->saltLength == nullptr ? kDefaultSalt : ASN1_INTEGER_get(pss->saltLength);
  const long trailer = pss->trailerField == nullptr ? 1 : ASN1_INTEGER_get(pss->trailerField);
  if (salt < 0 || salt > kSaltMax || trailer != 1) return std::nullopt;
  return SignatureAlgorithm{
      .scheme = SignatureScheme::RsaPss, .hash = *hash, .salt_size = static_cast<uint8_t>(salt)};
}

// SEQUENCE { rsassaPss, SEQUENCE { [0] hash, [1] mgf1 with that hash, [2] salt size } }
Bytes encode_pss(const SignatureAlgorithm& algorithm) {
  // clang-format off
  Bytes der{
      0x30, 0x41, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0A, 0x30, 0x34,
      0xA0, 0x0F, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x00,
      0x05, 0x00,
      0xA1, 0x1C, 0x30, 0x1A, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x08,
      0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x00, 0x05, 0x00,
      0xA2, 0x03, 0x02, 0x01, 0x00};
  // clang-format on
  constexpr size_t kHashAt = 29;
  constexpr size_t kMaskHashAt = 59;
  der[kHashAt] = der[kMaskHashAt] = algorithm.hash == SignatureHash::Sha256   ? 1
                                    : algorithm.hash == SignatureHash::Sha384 ? 2
                                                                              : 3;
  der.back() = algorithm.salt_size;
  return der;
}

}  // namespace

SignatureAlgorithm algorithm(SignatureScheme scheme, SignatureHash hash) {
  SignatureAlgorithm made{.scheme = scheme, .hash = hash};
  if (scheme == SignatureScheme::RsaPss) {
    made.salt_size = static_cast<uint8_t>(EVP_MD_get_size(evp(hash)));
  }
  return made;
}

Bytes encode_algorithm(const SignatureAlgorithm& algorithm) {
  if (algorithm.scheme == SignatureScheme::RsaPss) return encode_pss(algorithm);
  for (const Simple& each : kSimple) {
    if (each.scheme != algorithm.scheme || each.hash != algorithm.hash) continue;
    const Owned<X509_ALGOR> made(X509_ALGOR_new());
    // RFC 4055 5 and RFC 5758 3.2: RSA has a NULL there, the others have nothing.
    const int parameters =
        algorithm.scheme == SignatureScheme::RsaPkcs1 ? V_ASN1_NULL : V_ASN1_UNDEF;
    X509_ALGOR_set0(made.get(), OBJ_nid2obj(each.nid), parameters, nullptr);
    return der_of(i2d_X509_ALGOR, static_cast<const X509_ALGOR*>(made.get()));
  }
  return {};
}

std::optional<SignatureAlgorithm> decode_algorithm(ByteView der) {
  if (der.empty() || der.size() > kAlgorithmMax) return std::nullopt;
  const QuietErrors quiet;
  const unsigned char* at = der.data();
  const Owned<X509_ALGOR> decoded(d2i_X509_ALGOR(nullptr, &at, long_size(der)));
  if (!decoded || at != der.data() + der.size()) return std::nullopt;
  const ASN1_OBJECT* object = nullptr;
  int type = 0;
  const void* value = nullptr;
  X509_ALGOR_get0(&object, &type, &value, decoded.get());
  const int nid = OBJ_obj2nid(object);
  if (nid == NID_rsassaPss) return decode_pss(type, value);
  if (type != V_ASN1_NULL && type != V_ASN1_UNDEF) return std::nullopt;
  for (const Simple& each : kSimple) {
    if (each.nid == nid) return SignatureAlgorithm{.scheme = each.scheme, .hash = each.hash};
  }
  return std::nullopt;
}

std::optional<Bytes> sign(const SecretBytes& private_key, const SignatureAlgorithm& algorithm,
                          SignatureForm form, ByteView data) {
  const QuietErrors quiet;
  const Owned<EVP_PKEY> key = load_private_key(private_key);
  const KeyKind kind = kind_of(key.get());
  if (kind == KeyKind::Other || scheme_of(kind, algorithm.scheme) != algorithm.scheme) {
    return std::nullopt;
  }
  const Owned<EVP_MD_CTX> context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* parameters = nullptr;
  size_t size = 0;
  if (!context ||
      EVP_DigestSignInit(context.get(), &parameters, evp(algorithm.hash), nullptr, key.get()) !=
          1 ||
      !set_padding(parameters, algorithm) ||
      EVP_DigestSign(context.get(), nullptr, &size, data.data(), data.size()) != 1) {
    return std::nullopt;
  }
  Bytes signature(size);
  if (EVP_DigestSign(context.get(), signature.data(), &size, data.data(), data.size()) != 1) {
    return std::nullopt;
  }
  signature.resize(size);
  const bool fixed = algorithm.scheme == SignatureScheme::Ecdsa && form == SignatureForm::Fixed;
  return fixed ? to_fixed(signature, number_size(kind)) : signature;
}

bool verify(const Certificate& signer, const SignatureAlgorithm& algorithm, SignatureForm form,
            ByteView data, ByteView signature) {
  const KeyKind kind = signer.key_kind();
  if (kind == KeyKind::Other || scheme_of(kind, algorithm.scheme) != algorithm.scheme) return false;
  const QuietErrors quiet;
  std::optional<Bytes> converted;
  if (algorithm.scheme == SignatureScheme::Ecdsa && form == SignatureForm::Fixed) {
    converted = to_asn1(signature, number_size(kind));
    if (!converted) return false;
    signature = *converted;
  }
  EVP_PKEY* key = X509_get0_pubkey(signer.parsed().x509.get());
  const Owned<EVP_MD_CTX> context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* parameters = nullptr;
  return context &&
         EVP_DigestVerifyInit(context.get(), &parameters, evp(algorithm.hash), nullptr, key) == 1 &&
         set_padding(parameters, algorithm) &&
         EVP_DigestVerify(context.get(), signature.data(), signature.size(), data.data(),
                          data.size()) == 1;
}

}  // namespace segw::crypto
