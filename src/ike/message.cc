#include "ike/message.h"

#include "base/assert.h"
#include "wire/writer.h"

namespace segw::ike {
namespace {

constexpr uint8_t kVersion = 0x20;
constexpr uint8_t kFlagInitiator = 0x08;
constexpr uint8_t kFlagResponse = 0x20;
constexpr uint8_t kCritical = 0x80;
constexpr size_t kGenericHeaderSize = 4;
constexpr size_t kProposalsMax = 64;
constexpr uint16_t kKeyLengthAttribute = 0x8000 | 14;
constexpr uint8_t kSelectorV4 = 7;
constexpr uint8_t kSelectorV6 = 8;

payload::Transform decode_transform(wire::Reader& in) {
  payload::Transform transform;
  in.u8("transform-last");
  in.u8("transform-reserved");
  const size_t length = in.u16("transform-length");
  if (length < 8) in.refuse("transform-length");
  wire::Reader body = in.sub(in.ok() ? length - 4 : 0, "transform-length");
  transform.type = body.u8("transform-type");
  body.u8("transform-reserved");
  transform.id = body.u16("transform-id");
  while (body.left() > 0) {
    const uint16_t type = body.u16("attribute-type");
    const uint16_t value = body.u16("attribute-value");
    if (type == kKeyLengthAttribute) {
      transform.key_bits = value;
      continue;
    }
    transform.unknown_attribute = true;
    if ((type & 0x8000) == 0) {
      body.bytes(value, "attribute-length");  // a variable attribute: its length, then its value
    }
  }
  if (!body.ok()) in.refuse(body.refused());
  return transform;
}

payload::Proposal decode_proposal(wire::Reader& in) {
  payload::Proposal proposal;
  in.u8("proposal-last");
  in.u8("proposal-reserved");
  const size_t length = in.u16("proposal-length");
  if (length < 8) in.refuse("proposal-length");
  wire::Reader body = in.sub(in.ok() ? length - 4 : 0, "proposal-length");
  proposal.number = body.u8("proposal-number");
  proposal.protocol = body.u8("proposal-protocol");
  const size_t spi_size = body.u8("spi-size");
  const size_t count = body.u8("transform-count");
  proposal.spi = to_bytes(body.bytes(spi_size, "proposal-spi"));
  for (size_t i = 0; i < count && body.ok(); ++i) {
    proposal.transforms.push_back(decode_transform(body));
  }
  if (body.left() > 0) body.refuse("transform-count");
  if (!body.ok()) in.refuse(body.refused());
  return proposal;
}

payload::Sa decode_sa(wire::Reader& in) {
  payload::Sa sa;
  while (in.left() > 0 && sa.proposals.size() < kProposalsMax) {
    sa.proposals.push_back(decode_proposal(in));
  }
  if (sa.proposals.empty()) in.refuse("proposals");
  return sa;
}

payload::Notify decode_notify(wire::Reader& in) {
  payload::Notify notify;
  notify.protocol = in.u8("notify-protocol");
  const size_t spi_size = in.u8("notify-spi-size");
  notify.type = in.u16("notify-type");
  notify.spi = to_bytes(in.bytes(spi_size, "notify-spi"));
  notify.data = to_bytes(in.rest());
  return notify;
}

payload::Delete decode_delete(wire::Reader& in) {
  payload::Delete gone;
  gone.protocol = in.u8("delete-protocol");
  const size_t spi_size = in.u8("delete-spi-size");
  const size_t count = in.u16("delete-count");
  if (gone.protocol == kProtocolIke) {
    if (spi_size != 0 || count != 0) in.refuse("delete-spi-size");
  } else if (spi_size != 4) {
    in.refuse("delete-spi-size");
  }
  if (count * spi_size != in.left()) in.refuse("delete-count");
  for (size_t i = 0; i < count && in.ok(); ++i) {
    gone.spis.push_back(to_bytes(in.bytes(spi_size, "delete-spi")));
  }
  return gone;
}

payload::Selectors decode_selectors(wire::Reader& in, bool of_initiator) {
  payload::Selectors selectors{.of_initiator = of_initiator, .selectors = {}};
  const size_t count = in.u8("selector-count");
  in.bytes(3, "selector-reserved");
  if (count == 0) in.refuse("selector-count");
  for (size_t i = 0; i < count && in.ok(); ++i) {
    const uint8_t type = in.u8("selector-type");
    if (type != kSelectorV4 && type != kSelectorV6) in.refuse("selector-type");
    const size_t address_size = type == kSelectorV4 ? 4 : 16;
    esp::TrafficSelector selector;
    selector.protocol = in.u8("selector-protocol");
    if (in.u16("selector-length") != 8 + 2 * address_size) in.refuse("selector-length");
    selector.port_first = in.u16("selector-port-first");
    selector.port_last = in.u16("selector-port-last");
    const ByteView first = in.bytes(address_size, "selector-first");
    const ByteView last = in.bytes(address_size, "selector-last");
    selector.first = IpAddress::from_bytes(first).value_or(IpAddress{});
    selector.last = IpAddress::from_bytes(last).value_or(IpAddress{});
    selectors.selectors.push_back(selector);
  }
  return selectors;
}

payload::CertReq decode_certreq(wire::Reader& in) {
  payload::CertReq request{.encoding = in.u8("certreq-encoding"), .authorities = {}};
  if (request.encoding != kCertX509) {
    in.rest();
    return request;
  }
  // RFC 7296 3.7: "a concatenated list of SHA-1 hashes of the public keys of trusted Certification
  // Authorities"
  if (in.left() % kAuthoritySize != 0) in.refuse("certreq-authority");
  while (in.left() > 0) {
    const ByteView authority = in.bytes(kAuthoritySize, "certreq-authority");
    // Some name every authority that their system trusts; the first ones have to do.
    if (request.authorities.size() == kAuthoritiesMax) continue;
    request.authorities.push_back(to_bytes(authority));
  }
  return request;
}

Payload decode_body(uint8_t type, bool critical, wire::Reader& in) {
  switch (type) {
    case static_cast<uint8_t>(PayloadType::Sa):
      return decode_sa(in);
    case static_cast<uint8_t>(PayloadType::Ke): {
      payload::Ke ke{.group = in.u16("ke-group"), .data = {}};
      in.u16("ke-reserved");
      ke.data = to_bytes(in.rest());
      return ke;
    }
    case static_cast<uint8_t>(PayloadType::IdI):
    case static_cast<uint8_t>(PayloadType::IdR): {
      payload::Id id{.of_initiator = type == static_cast<uint8_t>(PayloadType::IdI),
                     .identity = {.type = in.u8("id-type"), .data = {}}};
      in.bytes(3, "id-reserved");
      id.identity.data = to_bytes(in.rest());
      return id;
    }
    case static_cast<uint8_t>(PayloadType::Cert): {
      payload::Cert cert{.encoding = in.u8("cert-encoding"), .data = {}};
      cert.data = to_bytes(in.rest());
      return cert;
    }
    case static_cast<uint8_t>(PayloadType::CertReq):
      return decode_certreq(in);
    case static_cast<uint8_t>(PayloadType::Auth): {
      payload::Auth auth{.method = in.u8("auth-method"), .data = {}};
      in.bytes(3, "auth-reserved");
      auth.data = to_bytes(in.rest());
      return auth;
    }
    case static_cast<uint8_t>(PayloadType::Nonce): {
      // RFC 7296 3.9: "the size of the Nonce Data MUST be between 16 and 256 octets, inclusive."
      if (in.left() < 16 || in.left() > 256) in.refuse("nonce-size");
      return payload::Nonce{.data = to_bytes(in.rest())};
    }
    case static_cast<uint8_t>(PayloadType::Notify):
      return decode_notify(in);
    case static_cast<uint8_t>(PayloadType::Delete):
      return decode_delete(in);
    case static_cast<uint8_t>(PayloadType::TsI):
    case static_cast<uint8_t>(PayloadType::TsR):
      return decode_selectors(in, type == static_cast<uint8_t>(PayloadType::TsI));
    default:
      return payload::Other{.type = type, .critical = critical, .body = to_bytes(in.rest())};
  }
}

struct BodyEncoder {
  wire::Writer& out;

  void operator()(const payload::Sa& sa) const {
    for (size_t i = 0; i < sa.proposals.size(); ++i) {
      proposal(sa.proposals[i], i + 1 == sa.proposals.size());
    }
  }
  void operator()(const payload::Ke& ke) const { out.u16(ke.group).u16(0).bytes(ke.data); }
  void operator()(const payload::Id& id) const { out.bytes(id_body(id.identity)); }
  void operator()(const payload::Cert& cert) const { out.u8(cert.encoding).bytes(cert.data); }
  void operator()(const payload::CertReq& request) const {
    out.u8(request.encoding);
    for (const Bytes& authority : request.authorities) out.bytes(authority);
  }
  void operator()(const payload::Auth& auth) const {
    out.u8(auth.method).zeros(3).bytes(auth.data);
  }
  void operator()(const payload::Nonce& nonce) const { out.bytes(nonce.data); }
  void operator()(const payload::Notify& notify) const {
    out.u8(notify.protocol).u8(static_cast<uint8_t>(notify.spi.size())).u16(notify.type);
    out.bytes(notify.spi).bytes(notify.data);
  }
  void operator()(const payload::Delete& gone) const {
    const size_t spi_size = gone.protocol == kProtocolIke ? 0 : 4;
    out.u8(gone.protocol).u8(static_cast<uint8_t>(spi_size));
    out.u16(static_cast<uint16_t>(gone.spis.size()));
    for (const Bytes& spi : gone.spis) out.bytes(spi);
  }
  void operator()(const payload::Selectors& selectors) const {
    out.u8(static_cast<uint8_t>(selectors.selectors.size())).zeros(3);
    for (const esp::TrafficSelector& selector : selectors.selectors) {
      const bool v4 = selector.first.is_v4();
      out.u8(v4 ? kSelectorV4 : kSelectorV6).u8(selector.protocol);
      out.u16(v4 ? 16 : 40).u16(selector.port_first).u16(selector.port_last);
      out.bytes(selector.first.bytes()).bytes(selector.last.bytes());
    }
  }
  void operator()(const payload::Other& other) const { out.bytes(other.body); }

  void proposal(const payload::Proposal& proposal, bool last) const {
    const size_t start = out.size();
    out.u8(last ? 0 : 2).u8(0).u16(0).u8(proposal.number).u8(proposal.protocol);
    out.u8(static_cast<uint8_t>(proposal.spi.size()));
    out.u8(static_cast<uint8_t>(proposal.transforms.size())).bytes(proposal.spi);
    for (size_t i = 0; i < proposal.transforms.size(); ++i) {
      const payload::Transform& transform = proposal.transforms[i];
      out.u8(i + 1 == proposal.transforms.size() ? 0 : 3).u8(0);
      out.u16(transform.key_bits ? 12 : 8).u8(transform.type).u8(0).u16(transform.id);
      if (transform.key_bits) out.u16(kKeyLengthAttribute).u16(*transform.key_bits);
    }
    out.patch_u16(start + 2, static_cast<uint16_t>(out.size() - start));
  }
};

uint8_t type_of(const Payload& payload) {
  struct Visitor {
    uint8_t operator()(const payload::Sa&) const { return 33; }
    uint8_t operator()(const payload::Ke&) const { return 34; }
    uint8_t operator()(const payload::Id& id) const { return id.of_initiator ? 35 : 36; }
    uint8_t operator()(const payload::Cert&) const { return 37; }
    uint8_t operator()(const payload::CertReq&) const { return 38; }
    uint8_t operator()(const payload::Auth&) const { return 39; }
    uint8_t operator()(const payload::Nonce&) const { return 40; }
    uint8_t operator()(const payload::Notify&) const { return 41; }
    uint8_t operator()(const payload::Delete&) const { return 42; }
    uint8_t operator()(const payload::Selectors& ts) const { return ts.of_initiator ? 44 : 45; }
    uint8_t operator()(const payload::Other& other) const { return other.type; }
  };
  return std::visit(Visitor{}, payload);
}

}  // namespace

wire::Decoded<Header> decode_header(ByteView message) {
  wire::Reader in(message);
  Header header;
  header.initiator = IkeSpi{in.u64("initiator-spi")};
  header.responder = IkeSpi{in.u64("responder-spi")};
  header.next_payload = in.u8("next-payload");
  // RFC 7296 2.5: a higher minor version is ignored, another major version is not ours.
  if ((in.u8("version") & 0xF0) != kVersion) in.refuse("version");
  header.exchange = in.u8("exchange");
  const uint8_t flags = in.u8("flags");
  header.from_initiator = (flags & kFlagInitiator) != 0;
  header.is_response = (flags & kFlagResponse) != 0;
  header.message_id = in.u32("message-id");
  if (in.u32("length") != message.size()) in.refuse("length");
  if (header.initiator.value == 0) in.refuse("initiator-spi");
  in.rest();
  return in.finish(header);
}

wire::Decoded<std::vector<Payload>> decode_payloads(uint8_t first, ByteView bytes) {
  wire::Reader in(bytes);
  std::vector<Payload> payloads;
  uint8_t type = first;
  while (type != 0 && in.ok()) {
    if (payloads.size() == kPayloadsMax) in.refuse("payload-count");
    const uint8_t next = in.u8("next-payload");
    const bool critical = (in.u8("critical") & kCritical) != 0;
    const size_t length = in.u16("payload-length");
    if (length < kGenericHeaderSize) in.refuse("payload-length");
    wire::Reader body = in.sub(in.ok() ? length - kGenericHeaderSize : 0, "payload-length");
    if (!in.ok()) break;
    Payload decoded = decode_body(type, critical, body);
    const auto finished = body.finish(true);
    if (!finished) {
      in.refuse(finished.error().field);
      break;
    }
    payloads.push_back(std::move(decoded));
    type = next;
  }
  return in.finish(std::move(payloads));
}

Chain encode_payloads(const std::vector<Payload>& payloads) {
  Chain chain;
  chain.first = payloads.empty() ? uint8_t{0} : type_of(payloads.front());
  wire::Writer out;
  for (size_t i = 0; i < payloads.size(); ++i) {
    const size_t start = out.size();
    out.u8(i + 1 < payloads.size() ? type_of(payloads[i + 1]) : uint8_t{0}).u8(0).u16(0);
    std::visit(BodyEncoder{out}, payloads[i]);
    SEGW_ASSERT(out.size() - start <= UINT16_MAX);
    out.patch_u16(start + 2, static_cast<uint16_t>(out.size() - start));
  }
  chain.bytes = out.take();
  return chain;
}

Bytes encode_header(const Header& header, size_t length) {
  wire::Writer out;
  out.u64(header.initiator.value).u64(header.responder.value);
  out.u8(header.next_payload).u8(kVersion).u8(header.exchange);
  out.u8(static_cast<uint8_t>((header.from_initiator ? kFlagInitiator : 0) |
                              (header.is_response ? kFlagResponse : 0)));
  out.u32(header.message_id).u32(static_cast<uint32_t>(length));
  return out.take();
}

Bytes encode_message(Header header, const std::vector<Payload>& payloads) {
  const Chain chain = encode_payloads(payloads);
  header.next_payload = chain.first;
  Bytes message = encode_header(header, kHeaderSize + chain.bytes.size());
  append(message, chain.bytes);
  return message;
}

payload::Notify notify(NotifyType type, Bytes data) {
  return payload::Notify{.protocol = kProtocolNone,
                         .type = static_cast<uint16_t>(type),
                         .spi = {},
                         .data = std::move(data)};
}

Bytes id_body(const Identity& identity) {
  wire::Writer out;
  out.u8(identity.type).zeros(3).bytes(identity.data);
  return out.take();
}

}  // namespace segw::ike
