// The client's ESP against the gateway's: two implementations, one format.
#include "sim/client_crypto.h"

#include <gtest/gtest.h>

#include <array>

#include "esp/testing_suites.h"
#include "esp/tunnel.h"
#include "ike/key_derivation.h"
#include "ike/protection.h"
#include "sim/ip_packet.h"
#include "sim/probe.h"
#include "sim/rng.h"

namespace segw::sim {
namespace {

const IpAddress kClient = IpAddress::v4(0xC6336401);
const IpAddress kGateway = IpAddress::v4(0xC000020A);
const IpAddress kInner = IpAddress::v4(0x0A0A0107);
const IpAddress kCore = IpAddress::v4(0x0AC80001);

class ClientEsp : public testing::TestWithParam<esp::Suite> {
 protected:
  ClientEsp() {
    const SecretBytes derive(rng_.bytes(32));
    const Bytes nonces = rng_.bytes(64);
    keys_ = derive_child_keys(suite_, ike::Prf::HmacSha256, derive, {}, nonces, true);
    sa_.suite = suite_;
    sa_.inbound_spi = Spi{0x1001};
    sa_.outbound_spi = Spi{0x2002};
    sa_.local = kGateway;
    sa_.remote = kClient;
    sa_.inbound_key = whole(keys_.out);
    sa_.outbound_key = whole(keys_.in);
    const esp::TrafficSelector any{.last = IpAddress::v4(0xFFFFFFFF)};
    sa_.local_selectors = {any};
    sa_.remote_selectors = {any};
  }
  static SecretBytes whole(const DirectionKeys& keys) {
    Bytes all = to_bytes(keys.encryption.view());
    append(all, keys.integrity.view());
    return SecretBytes(all);
  }
  Rng rng_{1};
  esp::Suite suite_ = GetParam();
  ChildKeys keys_;
  esp::ChildSa sa_;
  std::unique_ptr<esp::Backend> backend_ = esp::make_openssl_backend();
};

TEST_P(ClientEsp, IsOpenedByTheGateway) {
  ClientSa client(suite_, 0x2002, 0x1001, keys_, 64);
  const auto opener = esp::Opener::make(sa_, *backend_);
  ASSERT_NE(opener, nullptr);
  for (uint64_t number = 1; number < 5; ++number) {
    const Bytes inner = encode_probe(Probe{.number = number}, kInner, kCore);
    const auto opened = opener->open(sa_, client.seal(inner, rng_), 0);
    EXPECT_EQ(opened.outcome, esp::Opening::Ok);
    EXPECT_EQ(opened.inner, inner);
  }
}

TEST_P(ClientEsp, OpensWhatTheGatewaySealsButOnce) {
  ClientSa client(suite_, 0x2002, 0x1001, keys_, 32);
  const auto sealer = esp::Sealer::make(sa_, *backend_);
  ASSERT_NE(sealer, nullptr);
  const Bytes inner = encode_probe(Probe{.number = 9, .echo = true}, kCore, kInner);
  const auto sealed = [&](uint64_t sequence) {
    const Bytes outer = sealer->seal(sa_, inner, {.sequence = sequence, .iv = sequence}, rng_, {});
    return to_bytes(esp_of(outer)->bytes);
  };
  const Bytes hundredth = sealed(100);
  EXPECT_EQ(client.open(hundredth).inner, inner);
  EXPECT_EQ(client.open(hundredth).refusal, ClientSa::Refusal::Replay);
  EXPECT_EQ(client.open(sealed(69)).refusal, ClientSa::Refusal::None);
  EXPECT_EQ(client.open(sealed(68)).refusal, ClientSa::Refusal::Replay);
  EXPECT_EQ(client.open(sealed(1U << 22)).refusal, ClientSa::Refusal::None);
  EXPECT_EQ(client.open(sealed(101)).refusal, ClientSa::Refusal::Replay);
  Bytes forged = sealed((1U << 22) + 1);
  forged.back() ^= 1;
  EXPECT_EQ(client.open(forged).refusal, ClientSa::Refusal::Integrity);
}

INSTANTIATE_TEST_SUITE_P(Suites, ClientEsp, testing::ValuesIn(esp::testing::every_suite()),
                         esp::testing::name_of);

class ClientIke : public testing::TestWithParam<esp::Suite> {
 protected:
  ClientIke() {
    suite_.encryption = GetParam().encryption;
    suite_.key_bits = GetParam().key_bits;
    suite_.integrity = GetParam().integrity;
    constexpr std::array kPrfs{ike::Prf::HmacSha1, ike::Prf::AesXcbc, ike::Prf::HmacSha512};
    suite_.prf = kPrfs.at(GetParam().key_bits / 64U % kPrfs.size());
  }
  Rng rng_{2};
  ike::IkeSuite suite_;
};

TEST_P(ClientIke, OpensWhatItSeals) {
  const SecretBytes seed(rng_.bytes(32));
  const ClientIkeKeys keys = derive_ike_keys(suite_, seed, rng_.bytes(64), 1, 2);
  const MessageHead head{.initiator_spi = 1, .responder_spi = 2, .exchange = 37, .message_id = 3};
  const Bytes message = seal_message(suite_, keys.out, head, {delete_esp(7)}, rng_);
  const auto opened = open_message(suite_, keys.out, message);
  ASSERT_TRUE(opened);
  EXPECT_EQ(deletes_in(*opened).esp, std::vector<uint32_t>{7});
  EXPECT_FALSE(open_message(suite_, keys.in, message));
}

// Two implementations of one exchange of keys, and of one format.
TEST_P(ClientIke, HasTheKeysOfTheGateway) {
  const SecretBytes shared(rng_.bytes(32));
  const ike::Nonces nonces{.initiator = rng_.bytes(32), .responder = rng_.bytes(48)};
  Bytes both = nonces.initiator;
  append(both, nonces.responder);
  const SecretBytes seed = first_key_seed(suite_.prf, shared, nonces.initiator, nonces.responder);
  const ClientIkeKeys own = derive_ike_keys(suite_, seed, both, 1, 2);
  const ike::IkeKeys keys =
      ike::derive_keys(suite_, shared, nonces, {.initiator = IkeSpi{1}, .responder = IkeSpi{2}});
  EXPECT_EQ(own.derive, keys.sk_d);
  EXPECT_EQ(own.out.encryption, keys.sk_ei);
  EXPECT_EQ(own.in.integrity, keys.sk_ar);
  EXPECT_EQ(own.auth_in, keys.sk_pr);
  const MessageHead head{.initiator_spi = 1, .responder_spi = 2, .exchange = 37, .message_id = 3};
  const Bytes message = seal_message(suite_, own.out, head, {delete_esp(7)}, rng_);
  const auto header = ike::decode_header(message);
  ASSERT_TRUE(header);
  EXPECT_TRUE(ike::unprotect(message, *header, suite_, keys, ike::Direction::FromInitiator));
}

std::vector<esp::Suite> every_suite_of_ike() {
  std::vector<esp::Suite> all = esp::testing::every_suite();
  std::erase_if(all, [](const auto& one) { return one.encryption == esp::Encryption::Null; });
  return all;
}

INSTANTIATE_TEST_SUITE_P(Suites, ClientIke, testing::ValuesIn(every_suite_of_ike()),
                         esp::testing::name_of);

}  // namespace
}  // namespace segw::sim
