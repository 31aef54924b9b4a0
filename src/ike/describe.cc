#include "ike/describe.h"

#include <fmt/format.h>

#include "ike/identity_match.h"
#include "ike/message.h"
#include "ike/protection.h"

namespace segw::ike {
namespace {

template <typename T>
struct Named {
  T value;
  std::string_view name;
};

// NOLINTBEGIN(modernize-use-designated-initializers): tables of a number and its name.
constexpr Named<uint8_t> kExchanges[] = {
    {34, "IKE_SA_INIT"}, {35, "IKE_AUTH"}, {36, "CREATE_CHILD_SA"}, {37, "INFORMATIONAL"}};
constexpr Named<uint16_t> kNotifications[] = {
    {1, "UNSUPPORTED_CRITICAL_PAYLOAD"},
    {4, "INVALID_IKE_SPI"},
    {5, "INVALID_MAJOR_VERSION"},
    {7, "INVALID_SYNTAX"},
    {9, "INVALID_MESSAGE_ID"},
    {11, "INVALID_SPI"},
    {14, "NO_PROPOSAL_CHOSEN"},
    {17, "INVALID_KE_PAYLOAD"},
    {24, "AUTHENTICATION_FAILED"},
    {34, "SINGLE_PAIR_REQUIRED"},
    {35, "NO_ADDITIONAL_SAS"},
    {36, "INTERNAL_ADDRESS_FAILURE"},
    {37, "FAILED_CP_REQUIRED"},
    {38, "TS_UNACCEPTABLE"},
    {39, "INVALID_SELECTORS"},
    {43, "TEMPORARY_FAILURE"},
    {44, "CHILD_SA_NOT_FOUND"},
    {16384, "INITIAL_CONTACT"},
    {16385, "SET_WINDOW_SIZE"},
    {16386, "ADDITIONAL_TS_POSSIBLE"},
    {16388, "NAT_DETECTION_SOURCE_IP"},
    {16389, "NAT_DETECTION_DESTINATION_IP"},
    {16390, "COOKIE"},
    {16391, "USE_TRANSPORT_MODE"},
    {16393, "REKEY_SA"},
    {16394, "ESP_TFC_PADDING_NOT_SUPPORTED"},
    {16396, "MOBIKE_SUPPORTED"},
    {16397, "ADDITIONAL_IP4_ADDRESS"},
    {16398, "ADDITIONAL_IP6_ADDRESS"},
    {16400, "UPDATE_SA_ADDRESSES"},
    {16401, "COOKIE2"},
    {16402, "NO_NATS_ALLOWED"},
    {16404, "MULTIPLE_AUTH_SUPPORTED"},
    {16417, "EAP_ONLY_AUTHENTICATION"},
    {16420, "IKEV2_MESSAGE_ID_SYNC_SUPPORTED"},
    {16421, "IPSEC_REPLAY_COUNTER_SYNC_SUPPORTED"},
    {16422, "IKEV2_MESSAGE_ID_SYNC"},
    {16423, "IPSEC_REPLAY_COUNTER_SYNC"},
    {16430, "IKEV2_FRAGMENTATION_SUPPORTED"},
    {16431, "SIGNATURE_HASH_ALGORITHMS"},
    {16435, "USE_PPK"},
    {16436, "PPK_IDENTITY"},
    {16437, "NO_PPK_AUTH"},
};
constexpr Named<uint8_t> kTransforms[] = {
    {1, "ENCR"}, {2, "PRF"}, {3, "INTEG"}, {4, "KE"}, {5, "ESN"}};
// NOLINTEND(modernize-use-designated-initializers)
constexpr size_t kLinesMax = 100;  // a stranger's message may have very many transforms

template <typename T, size_t N>
std::string name_of(const Named<T> (&table)[N], T value) {
  for (const Named<T>& entry : table) {
    if (entry.value == value) return std::string(entry.name);
  }
  return std::to_string(value);
}

std::string_view protocol(uint8_t number) {
  return number == kProtocolIke ? "IKE" : number == kProtocolEspSa ? "ESP" : "none";
}

// Words of a payload, and its lines.
struct Words {
  std::string name;
  std::vector<std::string> lines;
};

struct Describer {
  Words operator()(const payload::Sa& sa) const {
    Words words{.name = "SA", .lines = {}};
    for (const payload::Proposal& proposal : sa.proposals) {
      std::string line =
          fmt::format("proposal {} {}", proposal.number, protocol(proposal.protocol));
      if (!proposal.spi.empty()) line += " spi 0x" + to_hex(proposal.spi);
      for (const payload::Transform& transform : proposal.transforms) {
        line += fmt::format(" {}-{}", name_of(kTransforms, transform.type), transform.id);
        if (transform.key_bits) line += fmt::format("/{}", *transform.key_bits);
      }
      words.lines.push_back(std::move(line));
    }
    return words;
  }
  Words operator()(const payload::Ke& ke) const {
    return {.name = fmt::format("KE({})", ke.group), .lines = {}};
  }
  Words operator()(const payload::Id& id) const {
    const auto* name = id.of_initiator ? "IDi" : "IDr";
    return {.name = name, .lines = {fmt::format("{} {}", name, ike::text(id.identity))}};
  }
  Words operator()(const payload::Cert& cert) const {
    return {.name = "CERT",
            .lines = {fmt::format("CERT encoding {}, {} bytes", cert.encoding, cert.data.size())}};
  }
  Words operator()(const payload::CertReq& request) const {
    return {.name = "CERTREQ",
            .lines = {fmt::format("CERTREQ {} authorities", request.authorities.size())}};
  }
  Words operator()(const payload::Auth& auth) const {
    return {.name = fmt::format("AUTH(method {})", auth.method), .lines = {}};
  }
  Words operator()(const payload::Nonce& nonce) const {
    return {.name = "Nonce", .lines = {fmt::format("Nonce {} bytes", nonce.data.size())}};
  }
  Words operator()(const payload::Notify& notify) const {
    Words words{.name = fmt::format("N({})", name_of(kNotifications, notify.type)), .lines = {}};
    if (notify.spi.empty() && notify.data.empty()) return words;
    words.lines.push_back(words.name);
    if (!notify.spi.empty()) words.lines.back() += " spi 0x" + to_hex(notify.spi);
    if (!notify.data.empty()) words.lines.back() += fmt::format(", {} bytes", notify.data.size());
    return words;
  }
  Words operator()(const payload::Delete& gone) const {
    Words words{.name = fmt::format("D({})", protocol(gone.protocol)), .lines = {}};
    for (const Bytes& spi : gone.spis) words.lines.push_back(words.name + " spi 0x" + to_hex(spi));
    return words;
  }
  Words operator()(const payload::Selectors& selectors) const {
    const auto* name = selectors.of_initiator ? "TSi" : "TSr";
    Words words{.name = name, .lines = {}};
    for (const auto& each : selectors.selectors) {
      words.lines.push_back(fmt::format("{} {}", name, ike::text(each)));
    }
    return words;
  }
  Words operator()(const payload::Other& other) const {
    return {.name = fmt::format("payload {}{}", other.type, other.critical ? " (critical)" : ""),
            .lines = {}};
  }
};

std::string describe_payloads(uint8_t first, ByteView bytes, Wording wording) {
  const auto payloads = decode_payloads(first, bytes);
  if (!payloads) return fmt::format(": malformed, {}", payloads.error().field);
  std::string names;
  std::string lines;
  size_t count = 0;
  for (const Payload& payload : *payloads) {
    const Words words = std::visit(Describer{}, payload);
    names += (names.empty() ? "" : ", ") + words.name;
    for (const std::string& line : words.lines) {
      if (++count <= kLinesMax) lines += "\n    " + line;
    }
  }
  if (names.empty()) names = "nothing";
  return ": " + names + (wording == Wording::Detail ? lines : "");
}

}  // namespace

std::string text(const esp::TrafficSelector& selector) {
  std::string words = fmt::format("{}-{}", selector.first.text(), selector.last.text());
  if (selector.protocol != 0) words += fmt::format(" protocol {}", selector.protocol);
  if (selector.port_first != 0 || selector.port_last != 0xFFFF) {
    words += fmt::format(" ports {}-{}", selector.port_first, selector.port_last);
  }
  return words;
}

std::string describe(ByteView message, const IkeSa* sa, Wording wording) {
  const auto header = decode_header(message);
  if (!header) return fmt::format("{} bytes, malformed: {}", message.size(), header.error().field);
  const std::string head = fmt::format(
      "{} {} {}, SPIs {:#018x} {:#018x}, {} bytes", name_of(kExchanges, header->exchange),
      header->is_response ? "response" : "request", header->message_id, header->initiator.value,
      header->responder.value, message.size());
  if (header->next_payload != static_cast<uint8_t>(PayloadType::Encrypted)) {
    return head + describe_payloads(header->next_payload, message.subspan(kHeaderSize), wording);
  }
  if (sa == nullptr) return head + ": encrypted, its IKE SA is not known";
  const auto direction =
      header->from_initiator ? Direction::FromInitiator : Direction::FromResponder;
  const auto plain = unprotect(message, *header, sa->suite, sa->keys, direction);
  if (!plain) return fmt::format("{}: encrypted, {}", head, plain.error().field);
  return head + describe_payloads(plain->first, plain->bytes, wording);
}

std::string describe_keys(const IkeSa& sa) {
  std::string lines;
  const auto add = [&](std::string_view name, const SecretBytes& key) {
    lines += fmt::format("\n    {} {}", name, to_hex(key.view()));
  };
  add("SK_d", sa.keys.sk_d);
  add("SK_ai", sa.keys.sk_ai);
  add("SK_ar", sa.keys.sk_ar);
  add("SK_ei", sa.keys.sk_ei);
  add("SK_er", sa.keys.sk_er);
  add("SK_pi", sa.keys.sk_pi);
  add("SK_pr", sa.keys.sk_pr);
  return lines;
}

}  // namespace segw::ike
