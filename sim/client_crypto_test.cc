// The client's ESP against the gateway's: two implementations, one format.
#include "sim/client_crypto.h"

#include <gtest/gtest.h>

#include "esp/tunnel.h"
#include "sim/ip_packet.h"
#include "sim/probe.h"
#include "sim/rng.h"

namespace segw::sim {
namespace {

const IpAddress kClient = IpAddress::v4(0xC6336401);
const IpAddress kGateway = IpAddress::v4(0xC000020A);
const IpAddress kInner = IpAddress::v4(0x0A0A0107);
const IpAddress kCore = IpAddress::v4(0x0AC80001);

struct Case {
  const char* name;
  bool cbc;
  bool esn;
  uint16_t key_bits;
};

class ClientEsp : public testing::TestWithParam<Case> {
 protected:
  ClientEsp() {
    suite_.key_bits = GetParam().key_bits;
    suite_.extended_sequence_numbers = GetParam().esn;
    if (GetParam().cbc) {
      suite_.encryption = esp::Encryption::AesCbc;
      suite_.integrity = esp::Integrity::HmacSha256_128;
    }
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
  esp::Suite suite_;
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
    const Bytes outer = sealer->seal(sa_, inner, {.sequence = sequence, .iv = sequence}, rng_, 1);
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

INSTANTIATE_TEST_SUITE_P(Suites, ClientEsp,
                         testing::Values(Case{"Gcm128", false, false, 128},
                                         Case{"Gcm256Esn", false, true, 256},
                                         Case{"Cbc128", true, false, 128},
                                         Case{"Cbc256Esn", true, true, 256}),
                         [](const auto& one) { return one.param.name; });

class ClientIke : public testing::TestWithParam<bool> {};

TEST_P(ClientIke, OpensWhatItSeals) {
  Rng rng(2);
  ike::IkeSuite suite;
  if (GetParam()) {
    suite.encryption = esp::Encryption::AesCbc;
    suite.integrity = esp::Integrity::HmacSha256_128;
  }
  const SecretBytes seed(rng.bytes(32));
  const ClientIkeKeys keys = derive_ike_keys(suite, seed, rng.bytes(64), 1, 2);
  const MessageHead head{.initiator_spi = 1, .responder_spi = 2, .exchange = 37, .message_id = 3};
  const Bytes message = seal_message(suite, keys.out, head, {delete_esp(7)}, rng);
  const auto opened = open_message(suite, keys.out, message);
  ASSERT_TRUE(opened);
  EXPECT_EQ(deletes_in(*opened).esp, std::vector<uint32_t>{7});
  EXPECT_FALSE(open_message(suite, keys.in, message));
}

INSTANTIATE_TEST_SUITE_P(Suites, ClientIke, testing::Bool());

}  // namespace
}  // namespace segw::sim
