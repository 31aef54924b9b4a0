#pragma once

// Both ends of IKEv2 for tests and fuzzers: a gateway (the engine over a recording host) and an
// initiator made from the codec, plain enough that a test can make it misbehave.

#include <algorithm>
#include <set>
#include <utility>

#include "crypto/crypto.h"
#include "ike/engine.h"
#include "ike/key_derivation.h"
#include "ike/message.h"
#include "ike/negotiation.h"
#include "ike/protection.h"
#include "platform/testing/fake_platform.h"
#include "wire/reader.h"
#include "wire/writer.h"

namespace segw::ike::testing {

inline IpAddress address(const char* text) { return IpAddress::parse(text).value_or(IpAddress{}); }

inline Endpoint gateway_at(uint16_t port = 500) {
  return {.address = address("10.0.0.1"), .port = port};
}
inline Endpoint client_at(uint16_t port = 500) {
  return {.address = address("10.0.0.2"), .port = port};
}

inline esp::TrafficSelector range(const char* first, const char* last) {
  return esp::TrafficSelector{.first = address(first), .last = address(last)};
}

inline Identity identity_of(const IpAddress& ip) {
  return {.type = 1, .data = to_bytes(ip.bytes())};
}

inline IkeSuite gcm_suite(Group group = Group::Curve25519) {
  return {.encryption = esp::Encryption::AesGcm16,
          .key_bits = 256,
          .integrity = esp::Integrity::None,
          .prf = Prf::HmacSha256,
          .group = group};
}
inline IkeSuite cbc_suite(Group group = Group::Curve25519) {
  return {.encryption = esp::Encryption::AesCbc,
          .key_bits = 128,
          .integrity = esp::Integrity::HmacSha256_128,
          .prf = Prf::HmacSha256,
          .group = group};
}
inline esp::Suite esp_gcm() { return {}; }
inline esp::Suite esp_cbc() {
  return {.encryption = esp::Encryption::AesCbc,
          .key_bits = 256,
          .integrity = esp::Integrity::HmacSha256_128,
          .extended_sequence_numbers = true};
}

inline SecretBytes secret(std::string_view text) { return SecretBytes(as_bytes(text)); }

// One tunnel that allows all groups and both suites.
inline GroupSettings group_settings() {
  TunnelSettings tunnel;
  tunnel.index = 3;
  tunnel.name = "site";
  tunnel.local_gateway = gateway_at().address;
  tunnel.remote_gateway = client_at().address;
  tunnel.local_id = identity_of(tunnel.local_gateway);
  tunnel.remote_id = identity_of(tunnel.remote_gateway);
  tunnel.pre_shared_key = secret("open sesame");
  for (const Group group : {Group::Curve25519, Group::Ecp256, Group::Modp2048}) {
    tunnel.proposals.push_back({.suite = gcm_suite(group), .lifetime = std::chrono::hours(24)});
    tunnel.proposals.push_back({.suite = cbc_suite(group), .lifetime = std::chrono::hours(24)});
  }
  for (const esp::Suite& suite : {esp_gcm(), esp_cbc()}) {
    tunnel.child_proposals.push_back(
        {.suite = suite, .pfs = std::nullopt, .lifetime = std::chrono::hours(1)});
  }
  tunnel.local_selectors = {range("10.2.2.0", "10.2.2.255")};
  tunnel.remote_selectors = {range("192.168.1.0", "192.168.1.255")};
  GroupSettings settings;
  settings.group = TunnelGroupId{1};
  settings.slot = Slot{1};
  settings.responder_only = true;
  settings.tunnels = {tunnel};
  return settings;
}

// The chassis as the engine sees it. Commits run at once unless a test holds or loses them.
class RecordingHost final : public Host {
 public:
  enum class Commits : uint8_t { AtOnce, Held, Lost };

  void commit(const Changes& changes, platform::Callback then) override {
    committed.push_back(changes);
    switch (mode) {
      case Commits::AtOnce:
        return then();
      case Commits::Held:
        held.push_back(std::move(then));
        return;
      case Commits::Lost:
        return;
    }
  }
  void send(const Datagram& datagram) override { sent.push_back(datagram); }
  void install(const esp::ChildSa& sa) override { installed.emplace(sa.inbound_spi, sa); }
  void use_outbound(Spi inbound_spi) override { outbound.insert(inbound_spi); }
  void remove(Spi inbound_spi) override {
    installed.erase(inbound_spi);
    outbound.erase(inbound_spi);
  }
  std::optional<uint64_t> next_iv(const IkeSa& /*sa*/) override {
    return may_send ? std::optional(iv++) : std::nullopt;
  }
  [[nodiscard]] Position position(Spi inbound_spi) const override {
    const auto at = positions.find(inbound_spi);
    return at == positions.end() ? Position{} : at->second;
  }
  void raise_edge(Spi inbound_spi, uint64_t edge) override { edges[inbound_spi] = edge; }
  [[nodiscard]] std::vector<esp::Holder> gone(
      const std::vector<esp::Holder>& holders) const override {
    std::vector<esp::Holder> gone;
    for (const esp::Holder& each : holders) {
      if (std::ranges::find(gone_holders, each) != gone_holders.end()) gone.push_back(each);
    }
    return gone;
  }
  void keys_of_request(IkeSpi ike_sa, Spi child_sa) override {
    keys_of_requests.emplace_back(ike_sa, child_sa);
  }
  void moved(const IkeSa& sa) override { moves.push_back(sa.remote); }
  void on_tunnel_state(uint32_t tunnel, bool up) override { tunnels[tunnel] = up; }

  void release() {
    auto now = std::move(held);
    held.clear();
    for (const auto& then : now) then();
  }

  Commits mode = Commits::AtOnce;
  bool may_send = true;
  uint64_t iv = 0;
  std::vector<Changes> committed;
  std::vector<platform::Callback> held;
  std::vector<Datagram> sent;
  std::map<Spi, esp::ChildSa> installed;
  std::set<Spi> outbound;
  std::map<Spi, Position> positions;
  std::map<Spi, uint64_t> edges;
  std::vector<esp::Holder> gone_holders;
  std::vector<std::pair<IkeSpi, Spi>> keys_of_requests;
  std::vector<Endpoint> moves;
  std::map<uint32_t, bool> tunnels;
};

struct State {
  std::map<IkeSpi, IkeSa> ike_sas;
  std::map<Spi, esp::ChildSa> child_sas;
};

class Gateway {
 public:
  explicit Gateway(GroupSettings settings = group_settings())
      : engine(make_engine(fake.platform, std::move(settings),
                           Tables{.ike_sas = state.ike_sas, .child_sas = state.child_sas}, host)) {
    engine->activate(true);
  }
  // The other chassis: what a takeover finds there.
  Gateway(const Gateway& dead, GroupSettings settings)
      : state(dead.state),
        engine(make_engine(fake.platform, std::move(settings),
                           Tables{.ike_sas = state.ike_sas, .child_sas = state.child_sas}, host)) {
    fake.clock.now_ = dead.fake.clock.now_;
    fake.rng.bytes(7);            // its own randomness
    host.iv = uint64_t{1} << 40;  // its own IV epoch
    engine->activate(false);
  }

  // What is sent while `message` is worked on.
  std::vector<Datagram> give(const Bytes& message, const Endpoint& remote = client_at(),
                             const Endpoint& local = gateway_at()) {
    host.sent.clear();
    engine->on_datagram(Datagram{.local = local, .remote = remote, .message = message});
    return std::exchange(host.sent, {});
  }
  // The one answer, or nothing.
  Bytes ask(const Bytes& message, uint16_t port = 500) {
    const auto sent = give(message, client_at(port), gateway_at(port));
    return sent.size() == 1 ? sent.front().message : Bytes{};
  }
  std::vector<Datagram> run_for(Duration span) {
    host.sent.clear();
    fake.scheduler.run_for(span);
    return std::exchange(host.sent, {});
  }
  // IKE SAs that are more than a closed one's last answer.
  [[nodiscard]] size_t standing() const {
    size_t count = 0;
    for (const auto& [spi, sa] : state.ike_sas) count += sa.state == IkeState::Closed ? 0 : 1;
    return count;
  }
  IkeSa& only_ike() { return state.ike_sas.begin()->second; }

  platform::testing::FakePlatform fake;
  State state;
  RecordingHost host;
  std::unique_ptr<Engine> engine;
};

// An initiator. Every field may be changed by a test before the next message is made.
class Client {
 public:
  explicit Client(IkeSuite wanted = gcm_suite(), esp::Suite child = esp_gcm())
      : suite(wanted), child_suite(child) {
    rng.bytes(1);  // other numbers than the gateway draws
    fresh_key();
    nonce = rng.bytes(32);
  }

  void fresh_key() { pair = crypto::dh_generate(suite.group, rng); }

  static payload::Proposal ike_proposal(const IkeSuite& suite, Bytes spi = {}) {
    payload::Proposal proposal{
        .number = 1, .protocol = kProtocolIke, .spi = std::move(spi), .transforms = {}};
    add_ciphers(proposal, suite.encryption, suite.key_bits, suite.integrity);
    proposal.transforms.push_back({kTransformPrf, static_cast<uint16_t>(suite.prf), {}});
    proposal.transforms.push_back({kTransformGroup, static_cast<uint16_t>(suite.group), {}});
    return proposal;
  }
  static payload::Proposal esp_proposal(const esp::Suite& suite, uint32_t spi,
                                        std::optional<Group> group = std::nullopt) {
    payload::Proposal proposal{
        .number = 1, .protocol = kProtocolEspSa, .spi = spi_bytes(spi), .transforms = {}};
    add_ciphers(proposal, suite.encryption, suite.key_bits, suite.integrity);
    if (group) {
      proposal.transforms.push_back({kTransformGroup, static_cast<uint16_t>(*group), {}});
    }
    const uint16_t extended = suite.extended_sequence_numbers ? 1 : 0;
    proposal.transforms.push_back({kTransformEsn, extended, {}});
    return proposal;
  }
  static Bytes spi_bytes(uint32_t spi) {
    wire::Writer out;
    out.u32(spi);
    return out.take();
  }

  [[nodiscard]] std::vector<Payload> init_payloads() const {
    std::vector<Payload> payloads;
    if (!cookie.empty()) payloads.emplace_back(notify(NotifyType::Cookie, cookie));
    payloads.emplace_back(payload::Sa{.proposals = {ike_proposal(suite)}});
    payloads.emplace_back(
        payload::Ke{.group = static_cast<uint16_t>(suite.group), .data = pair.public_key});
    payloads.emplace_back(payload::Nonce{.data = nonce});
    const Spis asked{.initiator = spi, .responder = {}};
    payloads.emplace_back(
        notify(NotifyType::NatDetectionSourceIp, nat_detection(asked, believed_self)));
    payloads.emplace_back(
        notify(NotifyType::NatDetectionDestinationIp, nat_detection(asked, gateway_at())));
    payloads.insert(payloads.end(), init_more.begin(), init_more.end());
    return payloads;
  }
  Bytes init_request() {
    init = encode_message({.initiator = spi,
                           .exchange = static_cast<uint8_t>(Exchange::SaInit),
                           .from_initiator = true},
                          init_payloads());
    return init;
  }
  bool take_init(const Bytes& response) {
    const auto header = decode_header(response);
    if (!header || header->responder.value == 0) return false;
    const auto payloads =
        decode_payloads(header->next_payload, ByteView(response).subspan(kHeaderSize));
    if (!payloads) return false;
    const auto* ke = find<payload::Ke>(*payloads);
    const auto* theirs = find<payload::Nonce>(*payloads);
    if (ke == nullptr || theirs == nullptr) return false;
    const auto shared = crypto::dh_shared(pair, ke->data);
    if (!shared) return false;
    gateway_spi = header->responder;
    gateway_nonce = theirs->data;
    init_response = response;
    keys = derive_keys(suite, *shared, {.initiator = nonce, .responder = gateway_nonce},
                       {.initiator = spi, .responder = gateway_spi});
    next_id = 1;
    return true;
  }

  [[nodiscard]] std::vector<Payload> auth_payloads() const {
    const SecretBytes auth =
        psk_auth(suite, pre_shared_key, init, gateway_nonce, keys.sk_pi, identity);
    return auth_payloads({payload::Id{.of_initiator = true, .identity = identity},
                          payload::Auth{.method = 2, .data = to_bytes(auth.view())}});
  }
  // With another proof of who it is.
  [[nodiscard]] std::vector<Payload> auth_payloads(std::vector<Payload> payloads) const {
    if (initial_contact) payloads.emplace_back(notify(NotifyType::InitialContact));
    payloads.emplace_back(payload::Sa{.proposals = {esp_proposal(child_suite, child_spi)}});
    payloads.emplace_back(payload::Selectors{.of_initiator = true, .selectors = own_selectors});
    payloads.emplace_back(payload::Selectors{.of_initiator = false, .selectors = far_selectors});
    return payloads;
  }

  Bytes seal(Exchange exchange, const std::vector<Payload>& payloads, uint32_t message_id,
             bool response = false) {
    return protect({.initiator = spi,
                    .responder = gateway_spi,
                    .exchange = static_cast<uint8_t>(exchange),
                    .from_initiator = true,
                    .is_response = response,
                    .message_id = message_id},
                   payloads, suite, keys, Direction::FromInitiator, iv++, rng);
  }
  // The next request.
  Bytes request(Exchange exchange, const std::vector<Payload>& payloads) {
    const uint32_t id = next_id++;
    return seal(exchange, payloads, id);
  }
  Bytes auth_request() { return request(Exchange::Auth, auth_payloads()); }

  // Nothing: not authentic, or malformed.
  [[nodiscard]] std::optional<std::vector<Payload>> open(const Bytes& message) const {
    const auto header = decode_header(message);
    if (!header) return std::nullopt;
    const auto plain = unprotect(message, *header, suite, keys, Direction::FromResponder);
    if (!plain) return std::nullopt;
    auto payloads = decode_payloads(plain->first, plain->bytes);
    if (!payloads) return std::nullopt;
    return std::move(*payloads);
  }
  [[nodiscard]] bool gateway_is_authentic(const std::vector<Payload>& payloads,
                                          const Identity& gateway) const {
    const auto* auth = find<payload::Auth>(payloads);
    return auth != nullptr &&
           crypto::equal_constant_time(
               auth->data,
               psk_auth(suite, pre_shared_key, init_response, nonce, keys.sk_pr, gateway).view());
  }

  // IKE_SA_INIT and IKE_AUTH. False: some step was refused.
  bool connect(Gateway& gateway, uint16_t auth_port = 500) {
    if (!take_init(gateway.ask(init_request()))) return false;
    const auto payloads = open(gateway.ask(auth_request(), auth_port));
    return payloads && find<payload::Auth>(*payloads) != nullptr;
  }

  std::vector<Payload> child_payloads(std::optional<Group> group = std::nullopt) {
    std::vector<Payload> payloads{
        payload::Sa{.proposals = {esp_proposal(child_suite, child_spi, group)}},
        payload::Nonce{.data = nonce}};
    if (group) {
      pair = crypto::dh_generate(*group, rng);
      payloads.emplace_back(
          payload::Ke{.group = static_cast<uint16_t>(*group), .data = pair.public_key});
    }
    payloads.emplace_back(payload::Selectors{.of_initiator = true, .selectors = own_selectors});
    payloads.emplace_back(payload::Selectors{.of_initiator = false, .selectors = far_selectors});
    return payloads;
  }

  // CREATE_CHILD_SA that replaces the CHILD SA whose SPI on our side is `old_spi`.
  Bytes rekey_child_request(uint32_t old_spi, std::optional<Group> group = std::nullopt) {
    nonce = rng.bytes(32);
    child_spi = old_spi + 1;
    auto payloads = child_payloads(group);
    auto rekeys = notify(NotifyType::RekeySa);
    rekeys.protocol = kProtocolEspSa;
    rekeys.spi = spi_bytes(old_spi);
    payloads.emplace_back(rekeys);
    return request(Exchange::CreateChildSa, payloads);
  }
  Bytes rekey_ike_request(uint64_t new_spi) {
    fresh_key();
    nonce = rng.bytes(32);
    wire::Writer out;
    out.u64(new_spi);
    next_spi = IkeSpi{new_spi};
    return request(
        Exchange::CreateChildSa,
        {payload::Sa{.proposals = {ike_proposal(suite, out.take())}}, payload::Nonce{.data = nonce},
         payload::Ke{.group = static_cast<uint16_t>(suite.group), .data = pair.public_key}});
  }
  // The client that talks on the new IKE SA; this one still has the old.
  [[nodiscard]] std::optional<Client> successor(const Bytes& response) const {
    const auto payloads = open(response);
    if (!payloads) return std::nullopt;
    const auto* sa = find<payload::Sa>(*payloads);
    const auto* ke = find<payload::Ke>(*payloads);
    const auto* theirs = find<payload::Nonce>(*payloads);
    if (sa == nullptr || ke == nullptr || theirs == nullptr) return std::nullopt;
    const auto shared = crypto::dh_shared(pair, ke->data);
    if (!shared) return std::nullopt;
    Client next = *this;
    wire::Reader in(sa->proposals.front().spi);
    next.spi = next_spi;
    next.gateway_spi = IkeSpi{in.u64("spi")};
    next.keys = derive_rekeyed(suite, suite.prf, keys.sk_d, *shared,
                               {.initiator = nonce, .responder = theirs->data},
                               {.initiator = next.spi, .responder = next.gateway_spi});
    next.next_id = 0;
    return next;
  }

  template <typename T>
  static const T* find(const std::vector<Payload>& payloads) {
    for (const Payload& payload : payloads) {
      if (const T* found = std::get_if<T>(&payload)) return found;
    }
    return nullptr;
  }
  static const payload::Notify* find_notify(const std::vector<Payload>& payloads, NotifyType type) {
    for (const Payload& payload : payloads) {
      const auto* found = std::get_if<payload::Notify>(&payload);
      if (found != nullptr && found->type == static_cast<uint16_t>(type)) return found;
    }
    return nullptr;
  }

  IkeSuite suite;
  esp::Suite child_suite;
  platform::testing::FakeRng rng;
  IkeSpi spi{0x1122334455667788};
  IkeSpi gateway_spi;
  IkeSpi next_spi;
  crypto::DhKeyPair pair;
  Bytes nonce;
  Bytes gateway_nonce;
  Bytes cookie;
  std::vector<Payload> init_more;        // at the end of IKE_SA_INIT
  Endpoint believed_self = client_at();  // another one: a NAT is in between
  Bytes init;
  Bytes init_response;
  IkeKeys keys;
  Identity identity = identity_of(client_at().address);
  SecretBytes pre_shared_key = secret("open sesame");
  bool initial_contact = true;
  uint32_t child_spi = 0xC0000001;
  std::vector<esp::TrafficSelector> own_selectors = {range("192.168.1.0", "192.168.1.255")};
  std::vector<esp::TrafficSelector> far_selectors = {range("10.2.2.0", "10.2.2.255")};
  uint32_t next_id = 0;
  uint64_t iv = 0;

 private:
  static void add_ciphers(payload::Proposal& proposal, esp::Encryption encryption, uint16_t bits,
                          esp::Integrity integrity) {
    proposal.transforms.push_back(encryption_transform(encryption, bits));
    if (integrity != esp::Integrity::None) {
      proposal.transforms.push_back({kTransformIntegrity, static_cast<uint16_t>(integrity), {}});
    }
  }
};

// ---- what a client says, and what it is told ----

constexpr uint32_t kClientSpi = 0xC0000001;

inline std::vector<Payload> liveness() { return {}; }
inline std::vector<Payload> delete_ike() {
  return {payload::Delete{.protocol = kProtocolIke, .spis = {}}};
}
inline std::vector<Payload> delete_child(uint32_t spi) {
  return {payload::Delete{.protocol = kProtocolEspSa, .spis = {Client::spi_bytes(spi)}}};
}
inline bool refused(const std::optional<std::vector<Payload>>& payloads, NotifyType type) {
  return payloads && Client::find_notify(*payloads, type) != nullptr;
}
inline bool refused_init(const Bytes& response, NotifyType type) {
  const auto header = decode_header(response);
  if (!header) return false;
  const auto payloads =
      decode_payloads(header->next_payload, ByteView(response).subspan(kHeaderSize));
  return payloads && Client::find_notify(*payloads, type) != nullptr;
}

}  // namespace segw::ike::testing
