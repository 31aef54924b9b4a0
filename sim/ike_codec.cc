#include "sim/ike_codec.h"

#include <algorithm>

#include "wire/reader.h"
#include "wire/writer.h"

namespace segw::sim {
namespace {

constexpr uint8_t kVersion = 0x20;
constexpr uint8_t kResponse = 0x20;
constexpr uint8_t kInitiator = 0x08;
constexpr size_t kHeaderSize = 28;
constexpr size_t kLengthAt = 24;
constexpr uint16_t kKeyLengthAttribute = 0x800E;
constexpr uint8_t kIpv4Range = 7;
constexpr uint8_t kIpv6Range = 8;

enum class TransformType : uint8_t { Encryption = 1, Prf = 2, Integrity = 3, Dh = 4, Esn = 5 };

struct Transform {
  TransformType type;
  uint16_t id = 0;
  uint16_t key_bits = 0;
};

// Ciphers with one size of key say nothing about it (RFC 7296 3.3.5).
uint16_t key_length(esp::Encryption encryption, uint16_t key_bits) {
  const bool fixed =
      encryption == esp::Encryption::Null || encryption == esp::Encryption::ChaCha20Poly1305;
  return fixed ? uint16_t{0} : key_bits;
}

Payload proposal(uint8_t protocol, ByteView spi, const std::vector<Transform>& transforms) {
  wire::Writer out;
  out.u8(0).u8(0).u16(0).u8(1).u8(protocol).u8(static_cast<uint8_t>(spi.size()));
  out.u8(static_cast<uint8_t>(transforms.size())).bytes(spi);
  for (size_t i = 0; i < transforms.size(); ++i) {
    const Transform& one = transforms[i];
    out.u8(i + 1 == transforms.size() ? 0 : 3).u8(0).u16(one.key_bits != 0 ? 12 : 8);
    out.u8(static_cast<uint8_t>(one.type)).u8(0).u16(one.id);
    if (one.key_bits != 0) out.u16(kKeyLengthAttribute).u16(one.key_bits);
  }
  out.patch_u16(2, static_cast<uint16_t>(out.size()));
  return Payload{.type = PayloadType::Sa, .body = out.take()};
}

Bytes spi_bytes(uint64_t spi, bool wide) {
  wire::Writer out;
  if (wide) {
    out.u64(spi);
  } else {
    out.u32(static_cast<uint32_t>(spi));
  }
  return out.take();
}

}  // namespace

Bytes encode_clear(const MessageHead& head, const Payloads& payloads) {
  wire::Writer out;
  const PayloadType first = payloads.empty() ? PayloadType::None : payloads.front().type;
  out.u64(head.initiator_spi).u64(head.responder_spi).u8(static_cast<uint8_t>(first)).u8(kVersion);
  out.u8(head.exchange);
  out.u8(static_cast<uint8_t>((head.response ? kResponse : 0) |
                              (head.from_initiator ? kInitiator : 0)));
  out.u32(head.message_id).u32(0);
  for (size_t i = 0; i < payloads.size(); ++i) {
    const PayloadType next = i + 1 < payloads.size() ? payloads[i + 1].type : PayloadType::None;
    out.u8(static_cast<uint8_t>(next)).u8(0);
    out.u16(static_cast<uint16_t>(payloads[i].body.size() + 4)).bytes(payloads[i].body);
  }
  out.patch_u32(kLengthAt, static_cast<uint32_t>(out.size()));
  return out.take();
}

std::optional<Payloads> decode_payloads(PayloadType first, ByteView bytes) {
  wire::Reader in(bytes);
  Payloads payloads;
  PayloadType type = first;
  while (type != PayloadType::None && in.ok()) {
    const auto next = static_cast<PayloadType>(in.u8("next-payload"));
    in.u8("critical");
    const uint16_t length = in.u16("length");
    if (length < 4) return std::nullopt;
    payloads.push_back(Payload{.type = type, .body = to_bytes(in.bytes(length - 4U, "body"))});
    type = next;
  }
  if (!in.ok()) return std::nullopt;
  return payloads;
}

std::optional<Payloads> decode_clear(ByteView message) {
  if (message.size() < kHeaderSize) return std::nullopt;
  return decode_payloads(static_cast<PayloadType>(message[16]), message.subspan(kHeaderSize));
}

const Payload* find(const Payloads& payloads, PayloadType type) {
  const auto at = std::ranges::find(payloads, type, &Payload::type);
  return at == payloads.end() ? nullptr : &*at;
}

Payload ike_proposal(const ike::IkeSuite& suite, std::optional<uint64_t> spi) {
  std::vector<Transform> transforms{
      {TransformType::Encryption, static_cast<uint16_t>(suite.encryption),
       key_length(suite.encryption, suite.key_bits)},
      {TransformType::Prf, static_cast<uint16_t>(suite.prf)}};
  if (suite.integrity != esp::Integrity::None) {
    transforms.push_back({TransformType::Integrity, static_cast<uint16_t>(suite.integrity)});
  }
  transforms.push_back({TransformType::Dh, static_cast<uint16_t>(suite.group)});
  return proposal(kProtocolIke, spi ? spi_bytes(*spi, true) : Bytes{}, transforms);
}

Payload esp_proposal(const esp::Suite& suite, uint32_t spi, std::optional<ike::Group> pfs) {
  std::vector<Transform> transforms{{TransformType::Encryption,
                                     static_cast<uint16_t>(suite.encryption),
                                     key_length(suite.encryption, suite.key_bits)}};
  if (suite.integrity != esp::Integrity::None) {
    transforms.push_back({TransformType::Integrity, static_cast<uint16_t>(suite.integrity)});
  }
  if (pfs) transforms.push_back({TransformType::Dh, static_cast<uint16_t>(*pfs)});
  transforms.push_back(
      {TransformType::Esn, static_cast<uint16_t>(suite.extended_sequence_numbers ? 1 : 0)});
  return proposal(kProtocolEspSa, spi_bytes(spi, false), transforms);
}

std::optional<uint64_t> chosen_spi(const Payload& sa) {
  wire::Reader in(sa.body);
  in.u32("proposal");
  in.u16("number");
  const uint8_t size = in.u8("spi-size");
  in.u8("transforms");
  uint64_t spi = 0;
  for (const uint8_t byte : in.bytes(size, "spi")) spi = spi << 8 | byte;
  if (!in.ok() || size == 0) return std::nullopt;
  return spi;
}

Payload key_exchange(ike::Group group, ByteView public_key) {
  wire::Writer out;
  out.u16(static_cast<uint16_t>(group)).u16(0).bytes(public_key);
  return Payload{.type = PayloadType::Ke, .body = out.take()};
}

std::optional<Bytes> public_key_of(const Payload& ke) {
  if (ke.body.size() <= 4) return std::nullopt;
  return to_bytes(ByteView(ke.body).subspan(4));
}

Payload notify(uint16_t type, ByteView data, uint8_t protocol, ByteView spi) {
  wire::Writer out;
  out.u8(protocol).u8(static_cast<uint8_t>(spi.size())).u16(type).bytes(spi).bytes(data);
  return Payload{.type = PayloadType::Notify, .body = out.take()};
}

std::optional<uint16_t> notify_type(const Payload& payload) {
  if (payload.type != PayloadType::Notify || payload.body.size() < 4) return std::nullopt;
  return static_cast<uint16_t>(payload.body[2] << 8 | payload.body[3]);
}

std::optional<uint16_t> error_in(const Payloads& payloads) {
  for (const Payload& payload : payloads) {
    const auto type = notify_type(payload);
    if (type && *type <= kNotifyErrorMax) return type;
  }
  return std::nullopt;
}

Payload selectors(PayloadType type, const IpPrefix& prefix) {
  wire::Writer out;
  out.u8(1).zeros(3);
  const bool v4 = prefix.address.is_v4();
  out.u8(v4 ? kIpv4Range : kIpv6Range).u8(0).u16(v4 ? 16 : 40).u16(0).u16(0xFFFF);
  out.bytes(prefix.first().bytes()).bytes(prefix.last().bytes());
  return Payload{.type = type, .body = out.take()};
}

Payload delete_ike() {
  wire::Writer out;
  out.u8(kProtocolIke).u8(0).u16(0);
  return Payload{.type = PayloadType::Delete, .body = out.take()};
}

Payload delete_esp(uint32_t spi) {
  wire::Writer out;
  out.u8(kProtocolEspSa).u8(4).u16(1).u32(spi);
  return Payload{.type = PayloadType::Delete, .body = out.take()};
}

Deleted deletes_in(const Payloads& payloads) {
  Deleted deleted;
  for (const Payload& payload : payloads) {
    if (payload.type != PayloadType::Delete) continue;
    wire::Reader in(payload.body);
    const uint8_t protocol = in.u8("protocol");
    in.u8("spi-size");
    const uint16_t count = in.u16("count");
    if (protocol == kProtocolIke) deleted.ike = true;
    for (uint16_t i = 0; protocol == kProtocolEspSa && i < count && in.left() >= 4; ++i) {
      deleted.esp.push_back(in.u32("spi"));
    }
  }
  return deleted;
}

}  // namespace segw::sim
