// Any bytes may come in a CERT payload, in an AUTH payload's AlgorithmIdentifier, as an identity,
// or lie in the PKI folder. None of them is trusted, and none stops us.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "crypto/signature.h"
#include "crypto/testing_certificates.h"
#include "ike/authentication.h"
#include "ike/identity_match.h"

namespace {

using namespace segw;

const crypto::testing::Issued& root() {
  static const auto made = crypto::testing::issue(crypto::testing::authority_spec());
  return made;
}

const crypto::TrustAnchors& anchors() {
  static const auto made = crypto::TrustAnchors::make(
      {root().certificate},
      {crypto::Crl::parse(crypto::testing::revoke(root(), {})).value_or(crypto::Crl{})});
  return made;
}

void certificate(ByteView bytes) {
  const auto parsed = crypto::Certificate::parse(bytes);
  if (!parsed) return;
  SEGW_ASSERT(parsed->der().size() == bytes.size());
  static_cast<void>(parsed->key_digest());
  static_cast<void>(parsed->subject_text());
  static_cast<void>(parsed->has_host("site.example"));
  static_cast<void>(parsed->has_email("a@site.example"));
  static_cast<void>(parsed->has_address(IpAddress::v4(1)));
  static_cast<void>(parsed->has_subject(parsed->subject()));
  static_cast<void>(parsed->is_issued_by(*parsed));
  const std::vector<crypto::Certificate> others{*parsed};
  static_cast<void>(anchors().check(root().certificate, others, crypto::testing::kNow,
                                    crypto::UnknownStatus::IsGood));
  static_cast<void>(
      anchors().check(*parsed, others, crypto::testing::kNow, crypto::UnknownStatus::IsRevoked));
  static_cast<void>(crypto::verify(
      *parsed, crypto::algorithm(crypto::SignatureScheme::RsaPss, crypto::SignatureHash::Sha256),
      crypto::SignatureForm::Asn1, bytes, bytes));
}

void algorithm(ByteView bytes) {
  const auto decoded = crypto::decode_algorithm(bytes);
  if (!decoded || decoded->hash == crypto::SignatureHash::Sha1) return;
  SEGW_ASSERT(crypto::decode_algorithm(crypto::encode_algorithm(*decoded)) == decoded);
}

void identity(ByteView bytes) {
  if (bytes.empty()) return;
  const ike::Identity name{.type = bytes[0], .data = to_bytes(bytes.subspan(1))};
  SEGW_ASSERT(ike::same_identity(name, name));
  static_cast<void>(ike::text(name));
}

void name(ByteView bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const auto made = crypto::parse_name(text);
  if (made) SEGW_ASSERT(crypto::same_name(*made, *made));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const ByteView bytes(data + 1, size - 1);
  switch (data[0] % 7) {
    case 0:
      certificate(bytes);
      break;
    case 1:
      algorithm(bytes);
      break;
    case 2:
      identity(bytes);
      break;
    case 3:
      name(bytes);
      break;
    case 4:
      static_cast<void>(crypto::Crl::parse(bytes));
      break;
    case 5:
      static_cast<void>(crypto::parse_certificates(bytes));
      break;
    default:
      static_cast<void>(crypto::parse_private_key(bytes));
      break;
  }
  return 0;
}
