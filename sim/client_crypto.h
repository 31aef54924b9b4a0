#pragma once

// The client's keys and seals: IKE SK payloads (RFC 7296 3.14, RFC 5282) and ESP (RFC 4303 with the
// algorithms' RFCs), written apart from src/ike and src/esp.

#include <array>
#include <cstdint>
#include <optional>

#include "crypto/crypto.h"
#include "sim/ike_codec.h"

namespace segw::sim {

struct DirectionKeys {
  SecretBytes encryption;  // with its salt
  SecretBytes integrity;
};

struct ClientIkeKeys {
  SecretBytes derive;
  DirectionKeys out;  // initiator's: SK_ei, SK_ai
  DirectionKeys in;
  SecretBytes auth_out;
  SecretBytes auth_in;
};

ClientIkeKeys derive_ike_keys(const ike::IkeSuite& suite, const SecretBytes& seed, ByteView nonces,
                              uint64_t initiator_spi, uint64_t responder_spi);
SecretBytes first_key_seed(ike::Prf prf, const SecretBytes& shared, ByteView own, ByteView theirs);
SecretBytes rekey_seed(ike::Prf prf, const SecretBytes& derive, const SecretBytes& shared,
                       ByteView nonces);
Bytes shared_key_auth(ike::Prf prf, ByteView pre_shared_key, ByteView message, ByteView other_nonce,
                      ByteView auth_key, ByteView id_body);

Bytes seal_message(const ike::IkeSuite& suite, const DirectionKeys& keys, const MessageHead& head,
                   const Payloads& payloads, platform::Rng& rng);
std::optional<Payloads> open_message(const ike::IkeSuite& suite, const DirectionKeys& keys,
                                     ByteView message);

// RFC 7296 2.23, with SHA-1.
Bytes nat_hash(uint64_t initiator_spi, uint64_t responder_spi, const Endpoint& of);

struct ChildKeys {
  DirectionKeys out;
  DirectionKeys in;
};
ChildKeys derive_child_keys(const esp::Suite& suite, ike::Prf prf, const SecretBytes& derive,
                            ByteView shared, ByteView nonces, bool initiator);

// One CHILD SA at the client.
class ClientSa {
 public:
  ClientSa(const esp::Suite& suite, uint32_t inbound_spi, uint32_t outbound_spi, ChildKeys keys,
           uint32_t window)
      : suite_(suite),
        inbound_spi_(inbound_spi),
        outbound_spi_(outbound_spi),
        keys_(std::move(keys)),
        window_(window) {}

  [[nodiscard]] uint32_t inbound_spi() const { return inbound_spi_; }
  [[nodiscard]] uint32_t outbound_spi() const { return outbound_spi_; }
  [[nodiscard]] uint64_t last_sent() const { return last_sent_; }
  // An ESP packet from its SPI on.
  Bytes seal(ByteView inner, platform::Rng& rng);
  enum class Refusal : uint8_t { None, Replay, Integrity };
  struct Opened {
    Refusal refusal = Refusal::None;
    Bytes inner;
  };
  Opened open(ByteView esp);

 private:
  [[nodiscard]] bool fresh(uint32_t sequence) const;
  void accept(uint32_t sequence);

  esp::Suite suite_;
  uint32_t inbound_spi_;
  uint32_t outbound_spi_;
  ChildKeys keys_;
  uint32_t window_;
  uint64_t last_sent_ = 0;
  uint32_t highest_ = 0;
  std::array<bool, 128> seen_{};  // by sequence number, modulo
};

}  // namespace segw::sim
