#pragma once

// IKEv2 messages as plain structs (RFC 7296 3). Decoding is bounded by the bytes that are there;
// the first field that is wrong is named. Usable by both roles.

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "esp/child_sa.h"
#include "ike/ike_sa.h"
#include "wire/reader.h"

namespace segw::ike {

constexpr size_t kHeaderSize = 28;
constexpr size_t kPayloadsMax = 64;  // in one message
constexpr size_t kMessageMax = 65535;
constexpr uint8_t kCertX509 = 4;        // RFC 7296 3.6: X.509 Certificate - Signature
constexpr size_t kAuthoritySize = 20;   // RFC 7296 3.7: SHA-1 of an authority's key
constexpr size_t kAuthoritiesMax = 64;  // kept of one CERTREQ payload

enum class Exchange : uint8_t { SaInit = 34, Auth = 35, CreateChildSa = 36, Informational = 37 };

struct Header {  // RFC 7296 3.1
  IkeSpi initiator;
  IkeSpi responder;
  uint8_t next_payload = 0;
  uint8_t exchange = 0;         // Exchange, or something unknown
  bool from_initiator = false;  // flag I: the original initiator of the IKE SA sent it
  bool is_response = false;     // flag R
  uint32_t message_id = 0;
};

enum class PayloadType : uint8_t {
  None = 0,
  Sa = 33,
  Ke = 34,
  IdI = 35,
  IdR = 36,
  Cert = 37,
  CertReq = 38,
  Auth = 39,
  Nonce = 40,
  Notify = 41,
  Delete = 42,
  TsI = 44,
  TsR = 45,
  Encrypted = 46,
  EncryptedFragment = 53,  // RFC 7383
};

// Security protocol identifiers (RFC 7296 3.3.1).
constexpr uint8_t kProtocolNone = 0;
constexpr uint8_t kProtocolIke = 1;
constexpr uint8_t kProtocolEspSa = 3;

// Transform types (RFC 7296 3.3.2).
constexpr uint8_t kTransformEncryption = 1;
constexpr uint8_t kTransformPrf = 2;
constexpr uint8_t kTransformIntegrity = 3;
constexpr uint8_t kTransformGroup = 4;
constexpr uint8_t kTransformEsn = 5;

enum class NotifyType : uint16_t {
  UnsupportedCriticalPayload = 1,
  InvalidIkeSpi = 4,
  InvalidMajorVersion = 5,
  InvalidSyntax = 7,
  InvalidMessageId = 9,
  InvalidSpi = 11,
  NoProposalChosen = 14,
  InvalidKePayload = 17,
  AuthenticationFailed = 24,
  SinglePairRequired = 34,
  NoAdditionalSas = 35,
  InternalAddressFailure = 36,
  FailedCpRequired = 37,
  TsUnacceptable = 38,
  InvalidSelectors = 39,
  UnacceptableAddresses = 40,
  UnexpectedNatDetected = 41,
  TemporaryFailure = 43,
  ChildSaNotFound = 44,
  InitialContact = 16384,
  SetWindowSize = 16385,
  AdditionalTsPossible = 16386,
  NatDetectionSourceIp = 16388,
  NatDetectionDestinationIp = 16389,
  Cookie = 16390,
  UseTransportMode = 16391,
  RekeySa = 16393,
  MobikeSupported = 16396,
  AdditionalIp4Address = 16397,
  AdditionalIp6Address = 16398,
  NoAdditionalAddresses = 16399,
  UpdateSaAddresses = 16400,
  Cookie2 = 16401,
  NoNatsAllowed = 16402,
  MessageIdSyncSupported = 16420,
  ReplayCounterSyncSupported = 16421,
  MessageIdSync = 16422,
  ReplayCounterSync = 16423,
  FragmentationSupported = 16430,
  SignatureHashAlgorithms = 16431,
  UsePpk = 16435,
  PpkIdentity = 16436,
  NoPpkAuth = 16437,
};

// RFC 7296 3.10.1: "Types in the range 0 - 16383 are intended for reporting errors."
constexpr uint16_t kErrorMax = 16383;

namespace payload {

struct Transform {
  uint8_t type = 0;
  uint16_t id = 0;
  std::optional<uint16_t> key_bits;
  bool unknown_attribute = false;  // received with one: not acceptable (RFC 7296 3.3.6)
  auto operator<=>(const Transform&) const = default;
};
struct Proposal {
  uint8_t number = 1;
  uint8_t protocol = 0;
  Bytes spi;
  std::vector<Transform> transforms;
  auto operator<=>(const Proposal&) const = default;
};
struct Sa {
  std::vector<Proposal> proposals;
};
struct Ke {
  uint16_t group = 0;
  Bytes data;
};
struct Id {
  bool of_initiator = true;
  Identity identity;
};
struct Cert {  // RFC 7296 3.6
  uint8_t encoding = kCertX509;
  Bytes data;
};
struct CertReq {  // RFC 7296 3.7
  uint8_t encoding = kCertX509;
  std::vector<Bytes> authorities;  // of kCertX509; of another encoding they are not read
};
struct Auth {
  uint8_t method = 0;
  Bytes data;
};
struct Nonce {
  Bytes data;
};
struct Notify {
  uint8_t protocol = kProtocolNone;
  uint16_t type = 0;
  Bytes spi;
  Bytes data;
};
struct Delete {
  uint8_t protocol = 0;
  std::vector<Bytes> spis;
};
struct Selectors {
  bool of_initiator = true;
  std::vector<esp::TrafficSelector> selectors;
};
struct Other {  // anything else: its type, and whether the sender says that it must be understood
  uint8_t type = 0;
  bool critical = false;
  Bytes body;
};

}  // namespace payload

using Payload = std::variant<payload::Sa, payload::Ke, payload::Id, payload::Cert, payload::CertReq,
                             payload::Auth, payload::Nonce, payload::Notify, payload::Delete,
                             payload::Selectors, payload::Other>;

wire::Decoded<Header> decode_header(ByteView message);
// The chain of payloads that starts with `first`; all bytes must be used.
wire::Decoded<std::vector<Payload>> decode_payloads(uint8_t first, ByteView bytes);

struct Chain {
  uint8_t first = 0;
  Bytes bytes;
};
Chain encode_payloads(const std::vector<Payload>& payloads);
// `length`: of the whole message; `header.next_payload` is as given.
Bytes encode_header(const Header& header, size_t length);
// An unprotected message (IKE_SA_INIT).
Bytes encode_message(Header header, const std::vector<Payload>& payloads);

payload::Notify notify(NotifyType type, Bytes data = {});
// The body of an ID payload without its generic header (RFC 7296 3.5), as it is signed.
Bytes id_body(const Identity& identity);

template <typename T>
const T* first_of(const std::vector<Payload>& payloads) {
  for (const Payload& payload : payloads) {
    if (const T* found = std::get_if<T>(&payload)) return found;
  }
  return nullptr;
}

// RFC 7296 2.5: an unsupported payload with the critical flag: the message "MUST be rejected"; 3.2:
// the flag "MUST be ignored" for payloads that every implementation knows.
inline bool must_be_understood(const payload::Other& other) {
  constexpr uint8_t kFirstOfRfc7296 = 33;
  constexpr uint8_t kLastOfRfc7296 = 48;
  return other.critical && (other.type < kFirstOfRfc7296 || other.type > kLastOfRfc7296);
}

inline const payload::Notify* find_notify(const std::vector<Payload>& payloads, NotifyType type) {
  for (const Payload& payload : payloads) {
    const auto* found = std::get_if<payload::Notify>(&payload);
    if (found != nullptr && found->type == static_cast<uint16_t>(type)) return found;
  }
  return nullptr;
}

// The first notification of an error, of any type.
inline const payload::Notify* first_error(const std::vector<Payload>& payloads) {
  for (const Payload& payload : payloads) {
    const auto* found = std::get_if<payload::Notify>(&payload);
    if (found != nullptr && found->type <= kErrorMax) return found;
  }
  return nullptr;
}

}  // namespace segw::ike
