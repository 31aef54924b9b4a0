#pragma once

// IKEv2 as the simulated client speaks it (RFC 7296), written apart from src/ike so that a mistake
// made there is not made here as well.

#include <optional>
#include <vector>

#include "base/bytes.h"
#include "esp/child_sa.h"
#include "ike/ike_sa.h"

namespace segw::sim {

enum class PayloadType : uint8_t {
  None = 0,
  Sa = 33,
  Ke = 34,
  IdInitiator = 35,
  IdResponder = 36,
  Auth = 39,
  Nonce = 40,
  Notify = 41,
  Delete = 42,
  TsInitiator = 44,
  TsResponder = 45,
  Sealed = 46,
};

struct Payload {
  PayloadType type = PayloadType::None;
  Bytes body;
};
using Payloads = std::vector<Payload>;

struct MessageHead {
  uint64_t initiator_spi = 0;
  uint64_t responder_spi = 0;
  uint8_t exchange = 0;
  bool response = false;
  bool from_initiator = true;
  uint32_t message_id = 0;
};

constexpr uint8_t kProtocolIke = 1;
constexpr uint8_t kProtocolEspSa = 3;
constexpr uint16_t kNotifyRekeySa = 16393;
constexpr uint16_t kNotifyCookie = 16390;
constexpr uint16_t kNotifyNatSource = 16388;
constexpr uint16_t kNotifyNatDestination = 16389;
constexpr uint16_t kNotifyErrorMax = 16383;

Bytes encode_clear(const MessageHead& head, const Payloads& payloads);
// Payloads of an unprotected message, or of an SK payload's plaintext starting with `first`.
std::optional<Payloads> decode_payloads(PayloadType first, ByteView bytes);
std::optional<Payloads> decode_clear(ByteView message);

const Payload* find(const Payloads& payloads, PayloadType type);

Payload ike_proposal(const ike::IkeSuite& suite, std::optional<uint64_t> spi);
Payload esp_proposal(const esp::Suite& suite, uint32_t spi, std::optional<ike::Group> pfs);
// The SPI of the one proposal that was chosen (4 or 8 bytes, or none).
std::optional<uint64_t> chosen_spi(const Payload& sa);
Payload key_exchange(ike::Group group, ByteView public_key);
std::optional<Bytes> public_key_of(const Payload& ke);
Payload notify(uint16_t type, ByteView data, uint8_t protocol = 0, ByteView spi = {});
std::optional<uint16_t> notify_type(const Payload& payload);
// The first error among the notifications.
std::optional<uint16_t> error_in(const Payloads& payloads);
Payload selectors(PayloadType type, const IpPrefix& prefix);
Payload delete_ike();
Payload delete_esp(uint32_t spi);
struct Deleted {
  bool ike = false;
  std::vector<uint32_t> esp;
};
Deleted deletes_in(const Payloads& payloads);

}  // namespace segw::sim
