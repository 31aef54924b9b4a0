#include "ike/describe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ike/testing.h"

namespace segw::ike {
namespace {

using testing::Client;
using testing::Gateway;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(Describe, NamesThePayloadsOfIkeSaInit) {
  Client client;
  const std::string words = describe(client.init_request(), nullptr, Wording::Detail);
  EXPECT_THAT(words, HasSubstr("IKE_SA_INIT request 0, SPIs 0x1122334455667788 "
                               "0x0000000000000000"));
  EXPECT_THAT(words, HasSubstr(": SA, KE(31), Nonce, N(NAT_DETECTION_SOURCE_IP)"));
  EXPECT_THAT(words, HasSubstr("\n    proposal 1 IKE ENCR-20/256 PRF-5 KE-31"));
}

TEST(Describe, BriefIsOneLine) {
  Client client;
  EXPECT_THAT(describe(client.init_request(), nullptr, Wording::Brief), Not(HasSubstr("\n")));
}

TEST(Describe, OpensWhatItHasTheKeysOf) {
  Gateway gateway;
  Client client;
  ASSERT_TRUE(client.take_init(gateway.ask(client.init_request())));
  const IkeSa sa = gateway.only_ike();
  const Bytes request = client.auth_request();
  const std::string words = describe(request, &sa, Wording::Detail);
  EXPECT_THAT(words, HasSubstr("IKE_AUTH request 1"));
  EXPECT_THAT(words, HasSubstr("IDi, AUTH(method 2), N(INITIAL_CONTACT), SA, TSi, TSr"));
  EXPECT_THAT(words, HasSubstr("TSi 192.168.1.0-192.168.1.255"));
  EXPECT_THAT(describe(request, nullptr, Wording::Detail), HasSubstr("its IKE SA is not known"));
  const std::string answer = describe(gateway.ask(request), &sa, Wording::Brief);
  EXPECT_THAT(answer, HasSubstr("IKE_AUTH response 1"));
  EXPECT_THAT(answer, HasSubstr("IDr"));
}

TEST(Describe, NeverPrintsKeysOrTheProofOfOne) {
  Gateway gateway;
  Client client;
  ASSERT_TRUE(client.take_init(gateway.ask(client.init_request())));
  const IkeSa sa = gateway.only_ike();
  const std::string words = describe(client.auth_request(), &sa, Wording::Detail);
  const SecretBytes auth = psk_auth(client.suite, client.pre_shared_key, client.init,
                                    client.gateway_nonce, client.keys.sk_pi, client.identity);
  EXPECT_THAT(words, Not(HasSubstr(to_hex(auth.view()))));
  for (const SecretBytes* key : {&sa.keys.sk_d, &sa.keys.sk_ei, &sa.keys.sk_er, &sa.keys.sk_pi}) {
    EXPECT_THAT(words, Not(HasSubstr(to_hex(key->view()))));
    EXPECT_THAT(describe_keys(sa), HasSubstr(to_hex(key->view())));
  }
}

TEST(Describe, NamesWhatElseAMessageCanHold) {
  Client client;
  esp::TrafficSelector web = testing::range("10.0.0.1", "10.0.0.9");
  web.protocol = 6;
  web.port_first = 80;
  web.port_last = 443;
  const Bytes message =
      encode_message({.initiator = client.spi, .exchange = 37, .from_initiator = true},
                     {payload::Cert{.encoding = 4, .data = Bytes(700, 1)},
                      payload::CertReq{.encoding = 4, .authorities = {Bytes(20, 1), Bytes(20, 2)}},
                      payload::Selectors{.of_initiator = false, .selectors = {web}},
                      payload::Delete{.protocol = kProtocolEspSa, .spis = {{1, 2, 3, 4}}},
                      payload::Delete{.protocol = kProtocolIke, .spis = {}}});
  const std::string words = describe(message, nullptr, Wording::Detail);
  EXPECT_THAT(words, HasSubstr("INFORMATIONAL request"));
  EXPECT_THAT(words, HasSubstr("CERT encoding 4, 700 bytes"));
  EXPECT_THAT(words, HasSubstr("CERTREQ 2 authorities"));
  EXPECT_THAT(words, HasSubstr("TSr 10.0.0.1-10.0.0.9"));
  EXPECT_THAT(words, HasSubstr("ports 80-443"));
  EXPECT_THAT(words, HasSubstr("spi 0x01020304"));
}

TEST(Describe, SurvivesEveryTruncation) {
  Gateway gateway;
  Client client;
  const Bytes init = client.init_request();
  ASSERT_TRUE(client.take_init(gateway.ask(init)));
  const IkeSa sa = gateway.only_ike();
  for (const Bytes& whole : {init, client.auth_request()}) {
    for (size_t size = 0; size < whole.size(); ++size) {
      EXPECT_FALSE(describe(ByteView(whole).first(size), &sa, Wording::Detail).empty());
    }
  }
}

TEST(Describe, AStrangersIdentityIsHarmlessText) {
  Client client;
  const Bytes message = encode_message(
      {.initiator = client.spi, .exchange = 99, .from_initiator = true},
      {payload::Id{.of_initiator = true,
                   .identity = {.type = 2, .data = to_bytes(as_bytes("\x1B[2Jx"))}}});
  const std::string words = describe(message, nullptr, Wording::Detail);
  EXPECT_THAT(words, HasSubstr("99 request"));
  EXPECT_THAT(words, HasSubstr("0x1b5b324a78"));
}

}  // namespace
}  // namespace segw::ike
