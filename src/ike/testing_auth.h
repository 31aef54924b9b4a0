#pragma once

// A gateway and a client that authenticate by certificates or with a PPK. The client proves and
// verifies with the same functions as the gateway, as initiator.

#include <optional>
#include <string>
#include <utility>

#include "crypto/testing_certificates.h"
#include "ike/authentication.h"
#include "ike/testing.h"

namespace segw::ike::testing {

namespace certificates = crypto::testing;

inline OwnCertificate own(const certificates::Issued& issued,
                          const certificates::Issued* authority = nullptr) {
  OwnCertificate made{.certificate = issued.certificate, .chain = {}, .private_key = issued.key};
  if (authority != nullptr) made.authorities = {authority->certificate.key_digest()};
  return made;
}

inline std::shared_ptr<const std::vector<OwnCertificate>> shared(const OwnCertificate& one) {
  return std::make_shared<const std::vector<OwnCertificate>>(1, one);
}

// Authority, gateway's and client's certificates; a test changes the specs before it uses them.
struct Pki {
  certificates::Spec root_spec = certificates::authority_spec();
  certificates::Spec gateway_spec{.subject = "O=Example, CN=gateway",
                                  .number = 2,
                                  .alternative_names = "IP:10.0.0.1,DNS:gw.example"};
  certificates::Spec client_spec{.subject = "O=Example, CN=client",
                                 .number = 3,
                                 .alternative_names =
                                     "IP:10.0.0.2,DNS:client.example,"
                                     "email:it@client.example"};

  [[nodiscard]] certificates::Issued root() const { return certificates::issue(root_spec); }
  // Both sides by certificate, with this root.
  [[nodiscard]] AuthSettings settings(const certificates::Spec& spec) const {
    const auto authority = root();
    const auto crl = crypto::Crl::parse(certificates::revoke(authority, {}));
    AuthSettings auth;
    auth.own = AuthMethod::Certificate;
    auth.peer = AuthMethod::Certificate;
    auth.certificates = shared(own(certificates::issue(spec, &authority), &authority));
    auth.anchors =
        crypto::TrustAnchors::make({authority.certificate}, {crl.value_or(crypto::Crl{})});
    auth.match_peer_id_to_cert = true;
    return auth;
  }
};

// The two parties of one tunnel.
class Pair {
 public:
  Pair() : settings(group_settings()), mirrored(settings.tunnels[0]) {
    std::swap(mirrored.local_id, mirrored.remote_id);
    client.child_suite = esp_gcm();
  }
  explicit Pair(const Pki& pki) : Pair() {
    ours().auth = pki.settings(pki.gateway_spec);
    mirrored.auth = pki.settings(pki.client_spec);
  }

  TunnelSettings& ours() { return settings.tunnels[0]; }

  // IKE_SA_INIT. False: refused.
  bool init() {
    gateway.emplace(settings);
    gateway->fake.clock.wall_ = certificates::kNow;
    IkeSa starting;
    starting.we_initiated = true;
    client.init_more = init_payloads(mirrored.auth, starting);
    if (!client.take_init(gateway->ask(client.init_request()))) return false;
    sa = client_sa();
    const auto header = decode_header(client.init_response);
    const auto answer =
        decode_payloads(header->next_payload, ByteView(client.init_response).subspan(kHeaderSize));
    init_refused = take_init(mirrored.auth, *answer, sa);
    init_answer = *answer;
    return init_refused.empty();
  }
  // The client's proof, which a test may change.
  [[nodiscard]] std::vector<Payload> proof() const { return prove(mirrored, sa, {}).payloads; }
  // IKE_AUTH with that proof; the answer's payloads.
  std::optional<std::vector<Payload>> auth(std::vector<Payload> payloads) {
    return client.open(
        gateway->ask(client.request(Exchange::Auth, client.auth_payloads(std::move(payloads)))));
  }
  std::optional<std::vector<Payload>> auth() { return auth(proof()); }
  // Both exchanges, and the client's view of the gateway.
  std::string connect() {
    if (!init()) return "init refused";
    return judge(auth());
  }
  std::string judge(const std::optional<std::vector<Payload>>& answer) {
    if (!answer) return "no answer";
    if (refused(answer, NotifyType::AuthenticationFailed)) return "authentication failed";
    verdict = verify(mirrored, sa, *answer, certificates::kNow);
    return std::string(verdict.refused);
  }
  [[nodiscard]] uint64_t count(std::string_view name) const {
    return gateway->engine->counters().get(name);
  }

  GroupSettings settings;
  TunnelSettings mirrored;  // the client's
  Client client;
  IkeSa sa;  // the client's
  std::vector<Payload> init_answer;
  std::string_view init_refused;
  std::optional<Gateway> gateway;
  Verdict verdict;

 private:
  [[nodiscard]] IkeSa client_sa() const {
    IkeSa made;
    made.we_initiated = true;
    made.initiator_spi = client.spi;
    made.responder_spi = client.gateway_spi;
    made.suite = client.suite;
    made.keys = client.keys;
    made.initiator_nonce = client.nonce;
    made.responder_nonce = client.gateway_nonce;
    made.init_request = client.init;
    made.init_response = client.init_response;
    return made;
  }
};

}  // namespace segw::ike::testing
