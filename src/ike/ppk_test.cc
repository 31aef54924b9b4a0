// RFC 8784: post-quantum pre-shared keys.
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "ike/testing_auth.h"

namespace segw::ike {
namespace {

using testing::Client;
using testing::Pair;
using testing::Pki;
using testing::secret;

Bytes id(std::string_view text) { return to_bytes(as_bytes(text)); }

Ppk first() { return {.id = id("first"), .key = secret("0123456789abcdef")}; }
Ppk second() { return {.id = id("second"), .key = secret("fedcba9876543210")}; }
std::shared_ptr<const std::vector<Ppk>> list(std::vector<Ppk> ppks) {
  return std::make_shared<const std::vector<Ppk>>(std::move(ppks));
}

Pair with_ppk() {
  Pair pair;
  pair.ours().auth.ppks = list({first(), second()});
  pair.mirrored.auth.ppks = list({second()});
  pair.mirrored.auth.ppk_id = id("second");
  return pair;
}

// prf+ of RFC 7296 2.13 over OpenSSL alone: T1 = prf (K, S | 0x01), T2 = prf (K, T1 | S | 0x02) …
Bytes prf_plus_by_hand(ByteView key, ByteView seed, size_t size) {
  Bytes out;
  Bytes block;
  for (uint8_t counter = 1; out.size() < size; ++counter) {
    Bytes input = block;
    append(input, seed);
    input.push_back(counter);
    block.resize(32);
    HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), input.data(), input.size(),
         block.data(), nullptr);
    append(out, block);
  }
  out.resize(size);
  return out;
}

TEST(Ppk, IsMixedIntoThreeKeysAsTheRfcSays) {
  IkeKeys keys;
  keys.sk_d = SecretBytes(Bytes(32, 1));
  keys.sk_pi = SecretBytes(Bytes(32, 2));
  keys.sk_pr = SecretBytes(Bytes(32, 3));
  keys.sk_ei = SecretBytes(Bytes(36, 4));
  keys.sk_ai = SecretBytes(Bytes(32, 5));
  const SecretBytes ppk = secret("a post-quantum pre-shared key of some size");
  const IkeKeys mixed = mix_ppk(testing::gcm_suite(), keys, ppk);
  const auto expected = [&](const SecretBytes& key) {
    return SecretBytes(prf_plus_by_hand(ppk.view(), key.view(), key.size()));
  };
  EXPECT_EQ(mixed.sk_d, expected(keys.sk_d));
  EXPECT_EQ(mixed.sk_pi, expected(keys.sk_pi));
  EXPECT_EQ(mixed.sk_pr, expected(keys.sk_pr));
  EXPECT_EQ(mixed.sk_ei, keys.sk_ei);
  EXPECT_EQ(mixed.sk_ai, keys.sk_ai);
}

TEST(Ppk, ThatBothHaveIsUsed) {
  Pair pair = with_ppk();
  ASSERT_TRUE(pair.init());
  EXPECT_NE(Client::find_notify(pair.init_answer, NotifyType::UsePpk), nullptr);
  const auto answer = pair.auth();
  EXPECT_EQ(pair.judge(answer), "");
  const auto* confirmed = Client::find_notify(*answer, NotifyType::PpkIdentity);
  ASSERT_NE(confirmed, nullptr);
  EXPECT_TRUE(confirmed->data.empty());
  EXPECT_TRUE(pair.verdict.ppk_used);
  const IkeSa& sa = pair.gateway->only_ike();
  EXPECT_TRUE(sa.ppk_used);
  EXPECT_EQ(sa.keys.sk_d, pair.verdict.keys.sk_d);
  EXPECT_NE(sa.keys.sk_d, pair.client.keys.sk_d);
}

TEST(Ppk, ProtectsCertificatesToo) {
  Pair pair = with_ppk();
  const Pki pki;
  for (auto [to, spec] : {std::pair(&pair.ours().auth, &pki.gateway_spec),
                          std::pair(&pair.mirrored.auth, &pki.client_spec)}) {
    AuthSettings by_certificate = pki.settings(*spec);
    by_certificate.ppks = to->ppks;
    by_certificate.ppk_id = to->ppk_id;
    *to = by_certificate;
  }
  EXPECT_EQ(pair.connect(), "");
  EXPECT_TRUE(pair.gateway->only_ike().ppk_used);
}

TEST(Ppk, ThatWeDoNotHaveIsDoneWithoutIfBothMay) {
  Pair pair = with_ppk();
  pair.ours().auth.ppks = list({first()});
  EXPECT_EQ(pair.connect(), "");
  EXPECT_FALSE(pair.gateway->only_ike().ppk_used);
  EXPECT_FALSE(pair.verdict.ppk_used);
  EXPECT_EQ(pair.gateway->only_ike().keys.sk_d, pair.client.keys.sk_d);
}

TEST(Ppk, ThatWeDoNotHaveIsRefusedIfTheClientNeedsIt) {
  Pair pair = with_ppk();
  pair.ours().auth.ppks = list({first()});
  pair.mirrored.auth.ppk_required = true;
  EXPECT_EQ(pair.connect(), "authentication failed");
  EXPECT_EQ(pair.count("auth-ppk-unknown"), 1U);
}

TEST(Ppk, ThatWeDoNotHaveIsRefusedIfWeNeedOne) {
  Pair pair = with_ppk();
  pair.ours().auth.ppks = list({first()});
  pair.ours().auth.ppk_required = true;
  EXPECT_EQ(pair.connect(), "authentication failed");
  EXPECT_EQ(pair.count("auth-ppk-required"), 1U);
}

TEST(Ppk, WithAnotherValueOnTheOtherSideFailsAuthentication) {
  Pair pair = with_ppk();
  pair.ours().auth.ppks = list({{.id = id("second"), .key = secret("another one here")}});
  EXPECT_EQ(pair.connect(), "authentication failed");
  EXPECT_EQ(pair.count("auth-shared-key-wrong"), 1U);
}

TEST(Ppk, OfAClientWithoutAnyIsNotNeeded) {
  Pair pair = with_ppk();
  pair.mirrored.auth.ppks = nullptr;
  EXPECT_EQ(pair.connect(), "");
  EXPECT_EQ(Client::find_notify(pair.init_answer, NotifyType::UsePpk), nullptr);
}

TEST(Ppk, OfAClientWithoutAnyIsRefusedAtOnceIfWeNeedOne) {
  Pair pair = with_ppk();
  pair.ours().auth.ppk_required = true;
  pair.mirrored.auth.ppks = nullptr;
  EXPECT_FALSE(pair.init());
  EXPECT_EQ(pair.count("auth-ppk-required"), 1U);
  EXPECT_TRUE(pair.gateway->state.ike_sas.empty());
}

TEST(Ppk, IsNotNamedByAClientThatOfferedIt) {
  for (const bool required : {false, true}) {
    Pair pair = with_ppk();
    pair.ours().auth.ppk_required = required;
    ASSERT_TRUE(pair.init());
    pair.sa.peer_offer.ppk = false;  // its IKE_AUTH goes without
    EXPECT_EQ(pair.judge(pair.auth()), "authentication failed");
    EXPECT_EQ(pair.count("auth-ppk-unnamed"), 1U);
  }
}

TEST(Ppk, IdentitiesThatAreMalformedAreUnknown) {
  for (const Bytes& bad : {Bytes{}, Bytes{2}, Bytes{1, 's', 'e', 'c', 'o', 'n', 'd'}}) {
    Pair pair = with_ppk();
    pair.mirrored.auth.ppk_required = true;
    ASSERT_TRUE(pair.init());
    auto proof = pair.proof();
    for (Payload& each : proof) {
      auto* named = std::get_if<payload::Notify>(&each);
      if (named != nullptr && named->type == static_cast<uint16_t>(NotifyType::PpkIdentity)) {
        named->data = bad;
      }
    }
    EXPECT_EQ(pair.judge(pair.auth(proof)), "authentication failed");
    EXPECT_EQ(pair.count("auth-ppk-unknown"), 1U);
  }
}

TEST(Ppk, OfAResponderWithoutItIsGivenUpByAnInitiatorThatNeedsIt) {
  Pair pair = with_ppk();
  pair.ours().auth.ppks = list({});
  pair.mirrored.auth.ppk_required = true;
  EXPECT_FALSE(pair.init());
  EXPECT_EQ(pair.init_refused, "auth-ppk-required");
}

TEST(Ppk, IsKnownToTheOtherChassisBetweenTheTwoExchanges) {
  Pair pair = with_ppk();
  ASSERT_TRUE(pair.init());
  testing::Gateway other(*pair.gateway, pair.settings);
  const auto answer = pair.client.open(
      other.ask(pair.client.request(Exchange::Auth, pair.client.auth_payloads(pair.proof()))));
  EXPECT_EQ(pair.judge(answer), "");
  EXPECT_TRUE(other.only_ike().ppk_used);
}

}  // namespace
}  // namespace segw::ike
