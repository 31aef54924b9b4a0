// An engine with a live IKE SA gets arbitrary datagrams and arbitrary plaintext sealed with the
// right keys. The input is a list of steps: kind, exchange, length (2 bytes), bytes.

#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "ike/testing_extras.h"

namespace {

using namespace segw;
using ike::testing::Client;
using ike::testing::Gateway;

// The Encrypted payload around bytes that need not be payloads.
// `asks`: a request although its message ID is given.
Bytes sealed(Client& client, uint8_t exchange, std::optional<uint32_t> response, uint8_t first,
             ByteView plain, bool asks = false) {
  const ike::Header header{.initiator = client.spi,
                           .responder = client.gateway_spi,
                           .next_payload = static_cast<uint8_t>(ike::PayloadType::Encrypted),
                           .exchange = exchange,
                           .from_initiator = true,
                           .is_response = response.has_value() && !asks,
                           .message_id = response ? *response : client.next_id++};
  wire::Writer iv;
  iv.u64(client.iv++);
  constexpr size_t kSalt = 4;
  constexpr size_t kTag = 16;
  const size_t body = 4 + iv.size() + plain.size() + 1 + kTag;
  wire::Writer message;
  message.bytes(ike::encode_header(header, ike::kHeaderSize + body));
  message.u8(first).u8(0).u16(static_cast<uint16_t>(body));
  const ByteView key = client.keys.sk_ei.view();
  Bytes nonce = to_bytes(key.last(kSalt));
  append(nonce, iv.view());
  Bytes inner = to_bytes(plain);
  inner.push_back(0);
  const Bytes ciphertext = crypto::aead_seal(crypto::Aead::AesGcm, key.first(key.size() - kSalt),
                                             nonce, message.view(), inner);
  message.bytes(iv.view()).bytes(ciphertext);
  return message.take();
}

// One part of a message; what it says of itself is `numbers`, two times 3 bits. The last part ends
// the message.
Bytes sealed_part(Client& client, uint8_t numbers, std::optional<uint32_t> response, uint8_t first,
                  ByteView plain) {
  const ike::Part part{.number = static_cast<uint16_t>(numbers & 7),
                       .total = static_cast<uint16_t>(numbers >> 3 & 7)};
  const ike::Header header{.initiator = client.spi,
                           .responder = client.gateway_spi,
                           .exchange = static_cast<uint8_t>(ike::Exchange::Informational),
                           .from_initiator = true,
                           .is_response = response.has_value(),
                           .message_id = response.value_or(client.next_id)};
  if (!response && part.number == part.total) ++client.next_id;
  return ike::protect_part(header, part, first, plain, client.suite, client.keys,
                           ike::Direction::FromInitiator, client.iv++, client.rng);
}

// Begins tunnels and rekeys by itself.
ike::GroupSettings settings() {
  ike::GroupSettings made = ike::testing::group_settings();
  made.responder_only = false;
  made.tunnels.front().options.fragments = ike::FragmentSettings{.mtu = 512};
  made.tunnels.front().options.lockout.emplace();
  made.tunnels.front().auto_establish = true;
  made.tunnels.front().dpd = true;
  made.tunnels.front().dpd_interval = std::chrono::seconds(30);
  made.tunnels.front().local_selectors.push_back(ike::testing::range("10.3.3.0", "10.3.3.255"));
  made.tunnels.front().remote_selectors.push_back(
      ike::testing::range("192.168.2.0", "192.168.2.255"));
  return made;
}

// The message ID that the first IKE SA waits for an answer to.
uint32_t asked(const Gateway& gateway) {
  for (const auto& [spi, sa] : gateway.state.ike_sas) {
    if (sa.pending) return sa.pending->message_id;
  }
  return 0;
}

// Arbitrary payloads as the answer to an IKE_SA_INIT of ours.
Bytes init_answer(const Gateway& gateway, uint8_t first, ByteView body) {
  ike::Header header{.responder = IkeSpi{7},
                     .next_payload = first,
                     .exchange = static_cast<uint8_t>(ike::Exchange::SaInit),
                     .is_response = true};
  for (const auto& [spi, sa] : gateway.state.ike_sas) {
    if (sa.state == ike::IkeState::Connecting) header.initiator = spi;
  }
  Bytes message = ike::encode_header(header, ike::kHeaderSize + body.size());
  append(message, body);
  return message;
}

// Every SA that a table names is in the other one.
void check(const Gateway& gateway) {
  for (const auto& [spi, sa] : gateway.state.ike_sas) {
    SEGW_ASSERT(sa.our_spi() == spi);
    for (const Spi child : sa.children) SEGW_ASSERT(gateway.state.child_sas.contains(child));
  }
  for (const auto& [spi, child] : gateway.state.child_sas) {
    SEGW_ASSERT(child.inbound_spi == spi && gateway.state.ike_sas.contains(child.ike_sa));
    SEGW_ASSERT(gateway.host.installed.contains(spi));
  }
  SEGW_ASSERT(gateway.host.installed.size() == gateway.state.child_sas.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto connected = [] {
    auto gateway = std::make_unique<Gateway>(settings());
    ike::testing::ChattyClient client;
    SEGW_ASSERT(client.take_init(
        gateway->ask(client.chatty_init({ike::NotifyType::FragmentationSupported}))));
    SEGW_ASSERT(
        !gateway
             ->ask(client.request(ike::Exchange::Auth,
                                  ike::testing::with(client.auth_payloads(),
                                                     {ike::NotifyType::MessageIdSyncSupported,
                                                      ike::NotifyType::ReplayCounterSyncSupported,
                                                      ike::NotifyType::MobikeSupported})))
             .empty());
    return std::pair(std::move(gateway), Client(client));
  }();
  Gateway gateway(*connected.first, settings());
  gateway.host.installed = connected.first->host.installed;
  Client client = connected.second;
  wire::Reader in(ByteView(data, size));
  for (int step = 0; step < 16 && in.left() >= 4; ++step) {
    const uint8_t kind = in.u8("kind");
    const uint8_t exchange = in.u8("exchange");
    const uint16_t wanted = in.u16("length");
    const ByteView bytes = in.bytes(std::min<size_t>(wanted, in.left()), "bytes");
    const uint8_t first = bytes.empty() ? uint8_t{0} : bytes[0];
    const ByteView rest = bytes.empty() ? bytes : bytes.subspan(1);
    switch (kind % 12) {
      case 0:
        gateway.give(to_bytes(bytes));
        break;
      case 1:
        gateway.give(sealed(client, exchange, std::nullopt, first, rest));
        break;
      case 2:
        gateway.give(sealed(client, exchange, asked(gateway), first, rest));
        break;
      case 5:
        if (!gateway.state.child_sas.empty()) {
          gateway.engine->rekey_child(gateway.state.child_sas.begin()->first);
        }
        break;
      case 6:
        if (!gateway.state.ike_sas.empty()) {
          gateway.engine->rekey_ike(gateway.state.ike_sas.begin()->first);
        }
        break;
      case 7:
        if (!gateway.state.child_sas.empty()) {
          gateway.engine->delete_child(gateway.state.child_sas.begin()->first);
        }
        break;
      case 8:
        gateway.give(init_answer(gateway, first, rest));
        break;
      case 9:
        gateway.give(sealed_part(client, exchange, std::nullopt, first, rest));
        break;
      case 10:
        gateway.give(sealed_part(client, exchange, asked(gateway), first, rest));
        break;
      case 11:  // a synchronisation, perhaps
        gateway.give(sealed(client, exchange, uint32_t{0}, first, rest, /*asks=*/true));
        break;
      case 3:
        gateway.run_for(std::chrono::minutes(exchange));
        break;
      default:
        gateway.engine->clear_tunnel(3);
        break;
    }
    check(gateway);
  }
  return 0;
}
