#pragma once

// A client that says more in its first messages than testing::Client does, and sends in fragments.

#include "ike/fragment.h"
#include "ike/testing.h"

namespace segw::ike::testing {

// What a client says that speaks RFC 6311, and how far its numbers then skip.
constexpr NotifyType kMessageIds = NotifyType::MessageIdSyncSupported;
constexpr NotifyType kReplay = NotifyType::ReplayCounterSyncSupported;
constexpr uint64_t kDelta = uint64_t{1} << 22;

inline std::vector<Payload> with(std::vector<Payload> payloads,
                                 const std::vector<NotifyType>& more) {
  for (const NotifyType type : more) payloads.emplace_back(notify(type));
  return payloads;
}

class ChattyClient : public Client {
 public:
  Bytes chatty_init(const std::vector<NotifyType>& more) {
    init = encode_message({.initiator = spi,
                           .exchange = static_cast<uint8_t>(Exchange::SaInit),
                           .from_initiator = true},
                          with(init_payloads(), more));
    return init;
  }
  // False: some step was refused.
  bool connect_with(Gateway& gateway, const std::vector<NotifyType>& in_auth) {
    if (!take_init(gateway.ask(chatty_init({})))) return false;
    auth_answer = open(gateway.ask(request(Exchange::Auth, with(auth_payloads(), in_auth))));
    return auth_answer && find<payload::Auth>(*auth_answer) != nullptr;
  }

  // A request, or a response, in datagrams of at most `size_max` bytes.
  std::vector<Bytes> in_parts(Exchange exchange, const std::vector<Payload>& payloads,
                              uint32_t message_id, size_t size_max, bool response = false) {
    const Header header{.initiator = spi,
                        .responder = gateway_spi,
                        .exchange = static_cast<uint8_t>(exchange),
                        .from_initiator = true,
                        .is_response = response,
                        .message_id = message_id};
    return protect_in_parts(
        header, payloads, suite, keys, Direction::FromInitiator, iv++,
        [this] { return std::optional(iv++); }, size_max, rng);
  }
  // What the gateway said in several datagrams, whatever their order.
  [[nodiscard]] std::optional<std::vector<Payload>> open_parts(
      const std::vector<Datagram>& datagrams) const {
    Reassembler reassembler;
    for (const Datagram& each : datagrams) {
      const auto header = decode_header(each.message);
      if (!header) return std::nullopt;
      const auto part = decode_part(each.message, *header);
      auto plain = unprotect_part(each.message, *header, suite, keys, Direction::FromResponder);
      if (!part || !plain) return std::nullopt;
      const auto whole =
          reassembler.add({}, header->message_id, *part, {.plain = std::move(*plain), .digest = {}},
                          Instant::max());
      if (!whole) continue;
      auto payloads = decode_payloads(whole->plain.first, whole->plain.bytes);
      if (payloads) return std::move(*payloads);
    }
    return std::nullopt;
  }

  std::optional<std::vector<Payload>> auth_answer;
};

}  // namespace segw::ike::testing
