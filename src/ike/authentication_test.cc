// IKE_AUTH by certificate: what is accepted, and every refusal with its counter.
#include "ike/authentication.h"

#include <gtest/gtest.h>

#include "ike/auth_signature.h"
#include "ike/testing_auth.h"

namespace segw::ike {
namespace {

namespace certificates = crypto::testing;
using certificates::issue;
using certificates::KeyType;
using certificates::kNow;
using certificates::Spec;
using crypto::UnknownStatus;
using testing::Client;
using testing::own;
using testing::Pair;
using testing::Pki;
using testing::shared;

TEST(CertificateAuth, BothSidesProveThemselves) {
  Pair pair{Pki{}};
  EXPECT_EQ(pair.connect(), "");
  const IkeSa& sa = pair.gateway->only_ike();
  EXPECT_EQ(sa.state, IkeState::Established);
  EXPECT_EQ(sa.remote_id, pair.mirrored.local_id);
  EXPECT_EQ(sa.peer_offer, AuthOffer{}) << "only IKE_AUTH needs it";
  EXPECT_EQ(pair.gateway->state.child_sas.size(), 1U);
}

TEST(CertificateAuth, TheAnswerToIkeSaInitAsksForACertificateOfOurAuthorities) {
  Pair pair{Pki{}};
  ASSERT_TRUE(pair.init());
  const auto* request = Client::find<payload::CertReq>(pair.init_answer);
  ASSERT_NE(request, nullptr);
  EXPECT_EQ(request->authorities, pair.ours().auth.anchors.key_digests());
  const auto* hashes = Client::find_notify(pair.init_answer, NotifyType::SignatureHashAlgorithms);
  ASSERT_NE(hashes, nullptr);
  EXPECT_EQ(hashes->data, (Bytes{0, 2, 0, 3, 0, 4, 0, 5}));
  EXPECT_TRUE(pair.sa.peer_offer.certificate_wanted);
  EXPECT_EQ(pair.gateway->only_ike().peer_offer.hashes, (std::vector<uint16_t>{2, 3, 4, 5}));
}

TEST(CertificateAuth, WithPreSharedKeysNothingIsSaidOfCertificates) {
  Pair pair;
  ASSERT_TRUE(pair.init());
  EXPECT_EQ(Client::find<payload::CertReq>(pair.init_answer), nullptr);
  EXPECT_EQ(Client::find_notify(pair.init_answer, NotifyType::SignatureHashAlgorithms), nullptr);
  EXPECT_EQ(pair.judge(pair.auth()), "");
}

// Records carry no more, and the other chassis must be able to take the client over.
TEST(SharedKeyAuth, AnIdentityThatIsTooLongIsRefused) {
  for (const size_t size : {kIdentityMax, kIdentityMax + 1}) {
    GroupSettings settings = testing::group_settings();
    settings.tunnels[0].auth.any_remote_id = true;
    testing::Gateway gateway(settings);
    testing::Client client;
    client.identity = {.type = kIdKey, .data = Bytes(size, 'k')};
    EXPECT_EQ(client.connect(gateway), size == kIdentityMax);
    EXPECT_EQ(gateway.engine->counters().get("auth-identity-too-long"),
              size == kIdentityMax ? 0U : 1U);
  }
}

TEST(CertificateAuth, TheTwoSidesMayDiffer) {
  for (const bool client_by_certificate : {true, false}) {
    Pair pair{Pki{}};
    auto& by_key = client_by_certificate ? pair.ours().auth.own : pair.ours().auth.peer;
    auto& mirrored = client_by_certificate ? pair.mirrored.auth.peer : pair.mirrored.auth.own;
    by_key = AuthMethod::PreSharedKey;
    mirrored = AuthMethod::PreSharedKey;
    EXPECT_EQ(pair.connect(), "") << client_by_certificate;
  }
}

TEST(CertificateAuth, GoesOnAfterATakeoverBetweenTheTwoExchanges) {
  Pair pair{Pki{}};
  ASSERT_TRUE(pair.init());
  testing::Gateway other(*pair.gateway, pair.settings);
  other.fake.clock.wall_ = kNow;
  const auto answer = pair.client.open(
      other.ask(pair.client.request(Exchange::Auth, pair.client.auth_payloads(pair.proof()))));
  EXPECT_EQ(pair.judge(answer), "");
}

// ---- which signature ----

struct Method {
  const char* name;
  KeyType key;
  bool pss;
  std::vector<uint16_t> hashes;  // that the other party takes
  uint8_t method;                // 0: none fits
};

class SignatureMethod : public ::testing::TestWithParam<Method> {};

TEST_P(SignatureMethod, FollowsTheKeyAndTheOtherPartysHashes) {
  const Method& row = GetParam();
  OwnCertificate mine = own(issue({.key = row.key}));
  mine.rsa_pss = row.pss;
  const Bytes octets(100, 7);
  const auto auth = sign_auth(mine, row.hashes, octets);
  ASSERT_EQ(auth ? auth->method : 0, row.method);
  if (!auth) return;
  EXPECT_EQ(verify_auth(mine.certificate, *auth, octets), "");
  EXPECT_EQ(verify_auth(mine.certificate, *auth, Bytes(100, 8)), "auth-signature-wrong");
  EXPECT_NE(verify_auth(issue({.key = row.key, .number = 9}).certificate, *auth, octets), "");
}

INSTANTIATE_TEST_SUITE_P(
    Ike, SignatureMethod,
    ::testing::Values(Method{"rsa_old", KeyType::Rsa2048, false, {}, kAuthRsa},
                      Method{"rsa", KeyType::Rsa2048, false, {2, 3}, kAuthSignature},
                      Method{"rsa_512_only", KeyType::Rsa3072, false, {4}, kAuthSignature},
                      Method{"rsa_pss", KeyType::Rsa2048, true, {2}, kAuthSignature},
                      Method{"rsa_sha1_only", KeyType::Rsa2048, false, {1}, 0},
                      Method{"p256_old", KeyType::P256, false, {}, kAuthEcdsa256},
                      Method{"p384_old", KeyType::P384, false, {}, kAuthEcdsa384},
                      Method{"p521_old", KeyType::P521, false, {}, kAuthEcdsa521},
                      Method{"p256", KeyType::P256, false, {2, 3, 4}, kAuthSignature},
                      Method{"p384_other_hash", KeyType::P384, false, {2}, kAuthSignature},
                      Method{"p521", KeyType::P521, false, {4}, kAuthSignature},
                      Method{"p256_identity_only", KeyType::P256, false, {5}, kAuthEcdsa256},
                      Method{"ed25519", KeyType::Ed25519, false, {2, 5}, kAuthSignature},
                      Method{"ed25519_not_taken", KeyType::Ed25519, false, {2}, 0},
                      Method{"ed25519_old", KeyType::Ed25519, false, {}, 0}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(SignatureAuth, MalformedOnesAreRefusedByReason) {
  const auto signer = issue({});
  const auto judge = [&](uint8_t method, const Bytes& data) {
    return verify_auth(signer.certificate, {.method = method, .data = data}, Bytes(10, 1));
  };
  EXPECT_EQ(judge(kAuthSignature, {}), "auth-signature-malformed");
  EXPECT_EQ(judge(kAuthSignature, {7, 0x30}), "auth-signature-malformed");
  EXPECT_EQ(judge(kAuthSignature, {0, 1, 2}), "auth-signature-algorithm");
  EXPECT_EQ(judge(kAuthSignature, {2, 0x30, 0x00, 1}), "auth-signature-algorithm");
  EXPECT_EQ(judge(kAuthRsa, Bytes(256, 1)), "auth-signature-key");
  EXPECT_EQ(judge(kAuthEcdsa256, Bytes(64, 1)), "auth-signature-key");
  EXPECT_EQ(judge(3, Bytes(64, 1)), "auth-method");
  EXPECT_EQ(judge(255, Bytes(64, 1)), "auth-method");
  // Ed25519 with a signature that is none.
  EXPECT_EQ(judge(kAuthSignature, {7, 0x30, 5, 6, 3, 0x2B, 0x65, 0x70, 1, 2}),
            "auth-signature-wrong");
}

TEST(SignatureAuth, WithSha1ThatWasNotOfferedIsRefused) {
  const auto signer = issue({.key = KeyType::Rsa2048});
  const auto sha1 =
      crypto::algorithm(crypto::SignatureScheme::RsaPkcs1, crypto::SignatureHash::Sha1);
  const Bytes octets(10, 1);
  const Bytes identifier = crypto::encode_algorithm(sha1);
  Bytes data{static_cast<uint8_t>(identifier.size())};
  append(data, identifier);
  append(data, *crypto::sign(signer.key, sha1, crypto::SignatureForm::Asn1, octets));
  EXPECT_EQ(verify_auth(signer.certificate, {.method = kAuthSignature, .data = data}, octets),
            "auth-signature-hash");
}

// ---- refusals ----

// The gateway refuses, says no more than that, keeps nothing, and counts why.
void expect_refused(Pair& pair, const std::optional<std::vector<Payload>>& answer,
                    std::string_view counter) {
  EXPECT_TRUE(testing::refused(answer, NotifyType::AuthenticationFailed));
  EXPECT_EQ(pair.count(counter), 1U) << counter;
  EXPECT_EQ(pair.count("authentication-failed"), 1U);
  EXPECT_TRUE(pair.gateway->state.ike_sas.empty());
}

struct BadCertificate {
  const char* name;
  void (*spoil)(Spec&);
  const char* counter;
};

class RefusedCertificate : public ::testing::TestWithParam<BadCertificate> {};

TEST_P(RefusedCertificate, FailsAuthentication) {
  Pki pki;
  GetParam().spoil(pki.client_spec);
  Pair pair(pki);
  ASSERT_TRUE(pair.init());
  expect_refused(pair, pair.auth(), GetParam().counter);
}

INSTANTIATE_TEST_SUITE_P(
    Ike, RefusedCertificate,
    ::testing::Values(
        BadCertificate{"expired", [](Spec& spec) { spec.until = kNow - std::chrono::hours(1); },
                       "certificate-expired"},
        BadCertificate{"not_yet_valid",
                       [](Spec& spec) { spec.from = kNow + std::chrono::hours(1); },
                       "certificate-not-yet-valid"},
        BadCertificate{"weak", [](Spec& spec) { spec.key = KeyType::Rsa1024; },
                       "certificate-weak-key"},
        BadCertificate{"for_code", [](Spec& spec) { spec.extended_key_usage = "codeSigning"; },
                       "certificate-extended-key-usage"},
        BadCertificate{"not_for_signatures", [](Spec& spec) { spec.key_usage = "keyEncipherment"; },
                       "certificate-key-usage"},
        BadCertificate{"of_another_host",
                       [](Spec& spec) { spec.alternative_names = "IP:10.0.0.9"; },
                       "auth-identity-not-in-certificate"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(RefusedAuth, OfAnUnknownAuthority) {
  Pki strangers;
  strangers.root_spec = certificates::authority_spec("CN=strangers", 60);
  Pair pair{Pki{}};
  pair.mirrored.auth = strangers.settings(strangers.client_spec);
  ASSERT_TRUE(pair.init());
  expect_refused(pair, pair.auth(), "certificate-unknown-authority");
}

TEST(RefusedAuth, Revoked) {
  const Pki pki;
  Pair pair(pki);
  const auto root = pki.root();
  const auto crl = crypto::Crl::parse(
      certificates::revoke(root, {pair.mirrored.auth.certificates->front().certificate}));
  pair.ours().auth.anchors = crypto::TrustAnchors::make({root.certificate}, {*crl});
  ASSERT_TRUE(pair.init());
  expect_refused(pair, pair.auth(), "certificate-revoked");
}

TEST(RefusedAuth, WithoutACrlByDefaultResult) {
  const Pki pki;
  for (const auto unknown : {UnknownStatus::IsRevoked, UnknownStatus::IsGood}) {
    Pair pair(pki);
    pair.ours().auth.anchors = crypto::TrustAnchors::make({pki.root().certificate}, {});
    pair.ours().auth.unknown_status = unknown;
    EXPECT_EQ(pair.connect(), unknown == UnknownStatus::IsGood ? "" : "authentication failed");
    EXPECT_EQ(pair.count("certificate-status-unknown"), unknown == UnknownStatus::IsGood ? 0U : 1U);
  }
}

TEST(RefusedAuth, WithoutCertificate) {
  Pair pair{Pki{}};
  ASSERT_TRUE(pair.init());
  auto proof = pair.proof();
  std::erase_if(proof,
                [](const Payload& each) { return std::holds_alternative<payload::Cert>(each); });
  expect_refused(pair, pair.auth(proof), "auth-certificate-missing");
}

TEST(RefusedAuth, WithCertificatesOfAnotherEncodingOnly) {
  Pair pair{Pki{}};
  ASSERT_TRUE(pair.init());
  auto proof = pair.proof();
  for (Payload& each : proof) {
    if (auto* cert = std::get_if<payload::Cert>(&each)) cert->encoding = 12;  // hash and URL
  }
  expect_refused(pair, pair.auth(proof), "auth-certificate-missing");
}

TEST(RefusedAuth, WithTooManyCertificates) {
  Pair pair{Pki{}};
  ASSERT_TRUE(pair.init());
  auto proof = pair.proof();
  const auto certificate = pair.mirrored.auth.certificates->front().certificate.der();
  for (size_t i = 0; i < kCertPayloadsMax; ++i) {
    proof.emplace_back(payload::Cert{.encoding = kCertX509, .data = certificate});
  }
  expect_refused(pair, pair.auth(proof), "auth-certificates-too-many");
}

TEST(RefusedAuth, WithGarbageForACertificate) {
  for (const Bytes& garbage : {Bytes{}, Bytes(200, 0x30), Bytes(20000, 0x41)}) {
    Pair pair{Pki{}};
    ASSERT_TRUE(pair.init());
    auto proof = pair.proof();
    proof.emplace_back(payload::Cert{.encoding = kCertX509, .data = garbage});
    expect_refused(pair, pair.auth(proof), "auth-certificate-malformed");
  }
}

TEST(RefusedAuth, WithTheSignatureOfAnotherExchange) {
  Pair earlier{Pki{}};
  ASSERT_TRUE(earlier.init());
  const auto old = earlier.proof();
  Pair pair{Pki{}};
  pair.client.nonce = Bytes(32, 9);
  ASSERT_TRUE(pair.init());
  expect_refused(pair, pair.auth(old), "auth-signature-wrong");
}

TEST(RefusedAuth, WithSomebodyElsesCertificate) {
  const Pki pki;
  Pair pair(pki);
  // An honest certificate of that name, and the key of another one.
  OwnCertificate stolen = pair.mirrored.auth.certificates->front();
  stolen.private_key = issue({.number = 77}).key;
  pair.mirrored.auth.certificates = shared(stolen);
  ASSERT_TRUE(pair.init());
  expect_refused(pair, pair.auth(), "auth-signature-wrong");
}

TEST(RefusedAuth, ByTheOtherMethod) {
  Pair by_key{Pki{}};
  by_key.mirrored.auth.own = AuthMethod::PreSharedKey;
  ASSERT_TRUE(by_key.init());
  expect_refused(by_key, by_key.auth(), "auth-method");
  Pair by_certificate{Pki{}};
  by_certificate.ours().auth.peer = AuthMethod::PreSharedKey;
  ASSERT_TRUE(by_certificate.init());
  expect_refused(by_certificate, by_certificate.auth(), "auth-method");
}

TEST(RefusedAuth, WithoutAuthPayloadOrIdentity) {
  for (const bool without_id : {true, false}) {
    Pair pair{Pki{}};
    ASSERT_TRUE(pair.init());
    auto proof = pair.proof();
    std::erase_if(proof, [&](const Payload& each) {
      return without_id ? std::holds_alternative<payload::Id>(each)
                        : std::holds_alternative<payload::Auth>(each);
    });
    expect_refused(pair, pair.auth(proof), "auth-incomplete");
  }
}

TEST(RefusedAuth, ForAnotherGateway) {
  Pair pair{Pki{}};
  ASSERT_TRUE(pair.init());
  auto proof = pair.proof();
  proof.emplace_back(payload::Id{.of_initiator = false, .identity = {.type = 2, .data = {'x'}}});
  expect_refused(pair, pair.auth(proof), "auth-local-identity");
}

TEST(RefusedAuth, WhereOurOwnKeyFitsNothingOfTheirs) {
  Pair pair{Pki{}};
  ASSERT_TRUE(pair.init());
  pair.gateway->only_ike().peer_offer.hashes = {2};
  expect_refused(pair, pair.auth(), "auth-cannot-sign");
}

// ---- identities ----

struct Named {
  const char* name;
  Identity identity;
  bool certified;
};

class PeerIdentity : public ::testing::TestWithParam<Named> {};

Identity text_identity(uint8_t type, std::string_view text) {
  return {.type = type, .data = to_bytes(as_bytes(text))};
}

TEST_P(PeerIdentity, IsMatchedToItsCertificate) {
  for (const bool match : {true, false}) {
    Pair pair{Pki{}};
    pair.ours().auth.any_remote_id = true;
    pair.ours().auth.match_peer_id_to_cert = match;
    pair.mirrored.local_id = GetParam().identity;
    const bool expected = GetParam().certified || !match;
    EXPECT_EQ(pair.connect(), expected ? "" : "authentication failed") << match;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Ike, PeerIdentity,
    ::testing::Values(Named{"ipv4", {.type = 1, .data = {10, 0, 0, 2}}, true},
                      Named{"other_ipv4", {.type = 1, .data = {10, 0, 0, 3}}, false},
                      Named{"ipv4_of_the_wrong_size", {.type = 1, .data = {10, 0, 0}}, false},
                      Named{"ipv4_as_ipv6", {.type = 5, .data = {10, 0, 0, 2}}, false},
                      Named{"fqdn", text_identity(2, "client.example"), true},
                      Named{"other_fqdn", text_identity(2, "gw.example"), false},
                      Named{"email", text_identity(3, "it@client.example"), true},
                      Named{"other_email", text_identity(3, "hr@client.example"), false},
                      Named{"subject",
                            {.type = 9, .data = crypto::parse_name("O=example, CN=CLIENT").value()},
                            true},
                      Named{"other_subject",
                            {.type = 9, .data = crypto::parse_name("O=Example, CN=c").value()},
                            false},
                      Named{"no_subject", {.type = 9, .data = {0x30}}, false},
                      Named{"key_id", text_identity(11, "client.example"), false},
                      Named{"unknown_type", text_identity(200, "client.example"), false}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Identities, OursMayBeTheSubjectOfOurCertificate) {
  Pair pair{Pki{}};
  pair.ours().auth.subject_is_local_id = true;
  pair.mirrored.remote_id = {.type = 9,
                             .data = crypto::parse_name("O=Example, CN=gateway").value()};
  EXPECT_EQ(pair.connect(), "");
  EXPECT_EQ(pair.gateway->only_ike().local_id.type, 9);
  EXPECT_TRUE(is_local_id(pair.ours(), pair.mirrored.remote_id));
  EXPECT_FALSE(is_local_id(pair.ours(), pair.ours().local_id));
}

TEST(Identities, TheCertificateIsChosenByTheAuthorityThatIsAskedFor) {
  const Pki pki;
  Pki second;
  second.root_spec = certificates::authority_spec("CN=second root", 61);
  Pair pair(pki);
  pair.ours().auth.certificates = std::make_shared<const std::vector<OwnCertificate>>(
      std::vector{pki.settings(pki.gateway_spec).certificates->front(),
                  second.settings(second.gateway_spec).certificates->front()});
  // The client trusts only the second authority, and says so in IKE_AUTH.
  pair.mirrored.auth.anchors = second.settings(second.client_spec).anchors;
  EXPECT_EQ(pair.connect(), "");
}

TEST(Identities, TheChainIsSentAfterTheCertificate) {
  const Pki pki;
  Pair pair(pki);
  const auto root = pki.root();
  const auto middle = issue(certificates::authority_spec("CN=middle", 62), &root);
  OwnCertificate below = own(issue(pki.gateway_spec, &middle));
  below.chain = {middle.certificate};
  pair.ours().auth.certificates = shared(below);
  pair.mirrored.auth.unknown_status = UnknownStatus::IsGood;
  EXPECT_EQ(pair.connect(), "");
}

}  // namespace
}  // namespace segw::ike
