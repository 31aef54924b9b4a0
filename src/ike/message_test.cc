#include "ike/message.h"

#include <gtest/gtest.h>

#include "ike/testing.h"

namespace segw::ike {
namespace {

using testing::range;

std::vector<Payload> every_payload() {
  payload::Notify rekeys = notify(NotifyType::RekeySa, {1, 2, 3});
  rekeys.protocol = kProtocolEspSa;
  rekeys.spi = {9, 8, 7, 6};
  esp::TrafficSelector six{.protocol = 17, .port_first = 5, .port_last = 9};
  six.first = testing::address("2001:db8::1");
  six.last = testing::address("2001:db8::ffff");
  return {
      payload::Sa{.proposals = {testing::Client::ike_proposal(testing::cbc_suite()),
                                testing::Client::esp_proposal(testing::esp_gcm(), 0x01020304)}},
      payload::Ke{.group = 31, .data = Bytes(32, 7)},
      payload::Id{.of_initiator = true, .identity = {.type = 2, .data = {'a', '.', 'b'}}},
      payload::Id{.of_initiator = false, .identity = {.type = 1, .data = {10, 0, 0, 1}}},
      payload::Auth{.method = 2, .data = Bytes(32, 3)},
      payload::Nonce{.data = Bytes(16, 4)},
      rekeys,
      payload::Delete{.protocol = kProtocolEspSa, .spis = {{1, 2, 3, 4}, {5, 6, 7, 8}}},
      payload::Delete{.protocol = kProtocolIke, .spis = {}},
      payload::Selectors{.of_initiator = true, .selectors = {range("10.0.0.0", "10.0.0.255"), six}},
      payload::Selectors{.of_initiator = false, .selectors = {range("0.0.0.0", "0.0.0.0")}},
      payload::Other{.type = 43, .critical = false, .body = {1, 2, 3}},
      payload::Cert{.encoding = kCertX509, .data = {0x30, 3, 1, 2, 3}},
      payload::CertReq{.encoding = kCertX509, .authorities = {Bytes(20, 1), Bytes(20, 2)}}};
}

Header some_header() {
  return {.initiator = IkeSpi{0x0102030405060708},
          .responder = IkeSpi{0x1112131415161718},
          .exchange = static_cast<uint8_t>(Exchange::Informational),
          .from_initiator = true,
          .is_response = true,
          .message_id = 0xDEADBEEF};
}

// The payload chain of one payload that consists of `body`.
Bytes alone(const Bytes& body) {
  wire::Writer out;
  out.u8(0).u8(0).u16(static_cast<uint16_t>(body.size() + 4)).bytes(body);
  return out.take();
}

std::string refusal(PayloadType type, const Bytes& body) {
  const auto decoded = decode_payloads(static_cast<uint8_t>(type), alone(body));
  return decoded ? "accepted" : decoded.error().field;
}

TEST(IkeMessage, EveryPayloadComesBackAsItWasSent) {
  const Chain chain = encode_payloads(every_payload());
  const auto decoded = decode_payloads(chain.first, chain.bytes);
  ASSERT_TRUE(decoded) << decoded.error().field;
  ASSERT_EQ(decoded->size(), every_payload().size());
  const Chain again = encode_payloads(*decoded);
  EXPECT_EQ(again.first, chain.first);
  EXPECT_EQ(again.bytes, chain.bytes);
  const auto& sa = std::get<payload::Sa>(decoded->at(0));
  EXPECT_EQ(sa.proposals, std::get<payload::Sa>(every_payload()[0]).proposals);
  EXPECT_EQ(std::get<payload::Selectors>(decoded->at(9)).selectors,
            std::get<payload::Selectors>(every_payload()[9]).selectors);
}

TEST(IkeMessage, EveryTruncationIsRefused) {
  for (const Payload& payload : every_payload()) {
    const Chain chain = encode_payloads({payload});
    for (size_t size = 0; size < chain.bytes.size(); ++size) {
      EXPECT_FALSE(decode_payloads(chain.first, ByteView(chain.bytes).first(size)))
          << int{chain.first} << " cut to " << size;
    }
  }
}

TEST(IkeMessage, EveryByteMayBeAnyOtherWithoutHarm) {
  const Chain chain = encode_payloads(every_payload());
  for (size_t at = 0; at < chain.bytes.size(); ++at) {
    for (const int mask : {0x01, 0x7F, 0x80, 0xFF}) {
      Bytes changed = chain.bytes;
      changed[at] = static_cast<uint8_t>(changed[at] ^ mask);
      const auto decoded = decode_payloads(chain.first, changed);
      if (decoded) encode_payloads(*decoded);
    }
  }
}

TEST(IkeMessage, CertificateRequestsAreWholeHashes) {
  const auto type = PayloadType::CertReq;
  EXPECT_EQ(refusal(type, {}), "certreq-encoding");
  EXPECT_EQ(refusal(type, {4}), "accepted") << "any authority will do";
  EXPECT_EQ(refusal(type, Bytes(1 + 20, 4)), "accepted");
  EXPECT_EQ(refusal(type, Bytes(1 + 19, 4)), "certreq-authority");
  EXPECT_EQ(refusal(type, Bytes(1 + 20 * kAuthoritiesMax, 4)), "accepted");
  EXPECT_EQ(refusal(type, Bytes(1 + 20 * 300, 4)), "accepted") << "as who trusts 300";
  EXPECT_EQ(refusal(type, Bytes(1 + 19, 12)), "accepted") << "another encoding is not read";
  EXPECT_EQ(refusal(PayloadType::Cert, {}), "cert-encoding");
}

TEST(IkeMessage, OfManyAuthoritiesTheFirstAreKept) {
  Bytes body{kCertX509};
  for (uint8_t at = 0; at < 100; ++at) body.insert(body.end(), kAuthoritySize, at);
  const Chain chain = encode_payloads({payload::Other{
      .type = static_cast<uint8_t>(PayloadType::CertReq), .critical = false, .body = body}});
  const auto decoded = decode_payloads(chain.first, chain.bytes);
  ASSERT_TRUE(decoded);
  const auto* request = std::get_if<payload::CertReq>(&decoded->front());
  ASSERT_NE(request, nullptr);
  ASSERT_EQ(request->authorities.size(), kAuthoritiesMax);
  EXPECT_EQ(request->authorities.front(), Bytes(kAuthoritySize, 0));
  EXPECT_EQ(request->authorities.back(), Bytes(kAuthoritySize, kAuthoritiesMax - 1));
}

TEST(IkeMessage, TrailingBytesAreRefused) {
  Chain chain = encode_payloads({payload::Nonce{.data = Bytes(16, 1)}});
  chain.bytes.push_back(0);
  const auto decoded = decode_payloads(chain.first, chain.bytes);
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().field, "trailing-bytes");
}

TEST(IkeMessage, AnEmptyChainHasNoPayloads) {
  EXPECT_TRUE(encode_payloads({}).bytes.empty());
  EXPECT_TRUE(decode_payloads(0, {})->empty());
}

TEST(IkeMessage, MorePayloadsThanTheLimitAreRefused) {
  const std::vector<Payload> many(kPayloadsMax, payload::Other{.type = 43, .critical = false});
  Chain chain = encode_payloads(many);
  EXPECT_TRUE(decode_payloads(chain.first, chain.bytes));
  std::vector<Payload> more = many;
  more.emplace_back(payload::Other{.type = 43, .critical = false});
  chain = encode_payloads(more);
  EXPECT_EQ(decode_payloads(chain.first, chain.bytes).error().field, "payload-count");
}

TEST(IkeMessage, MoreProposalsThanTheLimitAreRefused) {
  payload::Sa sa;
  sa.proposals.assign(65, testing::Client::esp_proposal(testing::esp_gcm(), 1));
  const Chain chain = encode_payloads({sa});
  EXPECT_FALSE(decode_payloads(chain.first, chain.bytes));
}

struct Refused {
  const char* name;
  PayloadType type;
  Bytes body;
  const char* field;
};

class PayloadRefusals : public ::testing::TestWithParam<Refused> {};

TEST_P(PayloadRefusals, NameTheField) {
  EXPECT_EQ(refusal(GetParam().type, GetParam().body), GetParam().field);
}

INSTANTIATE_TEST_SUITE_P(
    IkeMessage, PayloadRefusals,
    ::testing::Values(
        Refused{"NonceTooShort", PayloadType::Nonce, Bytes(15), "nonce-size"},
        Refused{"NonceTooLong", PayloadType::Nonce, Bytes(257), "nonce-size"},
        Refused{"SaEmpty", PayloadType::Sa, {}, "proposals"},
        Refused{"ProposalLengthBelowItsHeader",
                PayloadType::Sa,
                {0, 0, 0, 7, 1, 1, 0, 0},
                "proposal-length"},
        Refused{"ProposalLengthBeyondTheEnd",
                PayloadType::Sa,
                {0, 0, 0, 9, 1, 1, 0, 0},
                "proposal-length"},
        Refused{
            "ProposalSpiBeyondTheEnd", PayloadType::Sa, {0, 0, 0, 8, 1, 1, 255, 0}, "proposal-spi"},
        Refused{"TransformCountTooLarge",
                PayloadType::Sa,
                {0, 0, 0, 8, 1, 1, 0, 255},
                "transform-last"},
        Refused{"TransformCountTooSmall",
                PayloadType::Sa,
                {0, 0, 0, 16, 1, 1, 0, 0, 0, 0, 0, 8, 1, 0, 0, 20},
                "transform-count"},
        Refused{"TransformLengthBelowItsHeader",
                PayloadType::Sa,
                {0, 0, 0, 16, 1, 1, 0, 1, 0, 0, 0, 7, 1, 0, 0, 20},
                "transform-length"},
        Refused{"AttributeBeyondTheEnd",
                PayloadType::Sa,
                {0, 0, 0, 20, 1, 1, 0, 1, 0, 0, 0, 12, 1, 0, 0, 20, 0, 14, 0, 9},
                "attribute-length"},
        Refused{"NotifySpiBeyondTheEnd", PayloadType::Notify, {3, 4, 0, 1, 9}, "notify-spi"},
        Refused{"DeleteIkeWithSpi",
                PayloadType::Delete,
                {1, 8, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8},
                "delete-spi-size"},
        Refused{"DeleteWithOddSpi", PayloadType::Delete, {3, 3, 0, 1, 1, 2, 3}, "delete-spi-size"},
        Refused{"DeleteCountTooLarge",
                PayloadType::Delete,
                {3, 4, 255, 255, 1, 2, 3, 4},
                "delete-count"},
        Refused{"SelectorsEmpty", PayloadType::TsI, {0, 0, 0, 0}, "selector-count"},
        Refused{"SelectorCountTooLarge", PayloadType::TsI, {255, 0, 0, 0}, "selector-type"},
        Refused{"SelectorOfUnknownType",
                PayloadType::TsR,
                {1, 0, 0, 0, 9, 0, 0, 16, 0, 0, 255, 255, 1, 1, 1, 1, 2, 2, 2, 2},
                "selector-type"},
        Refused{"SelectorOfWrongLength",
                PayloadType::TsR,
                {1, 0, 0, 0, 7, 0, 0, 17, 0, 0, 255, 255, 1, 1, 1, 1, 2, 2, 2, 2},
                "selector-length"},
        Refused{"KeWithoutGroup", PayloadType::Ke, {0}, "ke-group"},
        Refused{"IdWithoutReserved", PayloadType::IdI, {1, 0}, "id-reserved"},
        Refused{"AuthWithoutMethod", PayloadType::Auth, {}, "auth-method"}),
    [](const auto& row) { return row.param.name; });

TEST(IkeHeader, ComesBackAsItWasSent) {
  const Bytes message = encode_message(some_header(), every_payload());
  const auto header = decode_header(message);
  ASSERT_TRUE(header) << header.error().field;
  EXPECT_EQ(header->initiator, some_header().initiator);
  EXPECT_EQ(header->responder, some_header().responder);
  EXPECT_EQ(header->message_id, 0xDEADBEEF);
  EXPECT_TRUE(header->from_initiator);
  EXPECT_TRUE(header->is_response);
  EXPECT_EQ(header->exchange, 37);
  EXPECT_EQ(header->next_payload, 33);
}

TEST(IkeHeader, EveryTruncationIsRefused) {
  const Bytes message = encode_message(some_header(), every_payload());
  for (size_t size = 0; size < message.size(); ++size) {
    EXPECT_FALSE(decode_header(ByteView(message).first(size))) << size;
  }
}

TEST(IkeHeader, RefusalsNameTheField) {
  const Bytes good = encode_message(some_header(), {});
  Bytes bad = good;
  bad[17] = 0x30;
  EXPECT_EQ(decode_header(bad).error().field, "version");
  bad = good;
  bad[27] = 29;
  EXPECT_EQ(decode_header(bad).error().field, "length");
  bad = good;
  std::fill_n(bad.begin(), 8, uint8_t{0});
  EXPECT_EQ(decode_header(bad).error().field, "initiator-spi");
}

TEST(IkeHeader, AHigherMinorVersionIsReadAsOurs) {
  Bytes message = encode_message(some_header(), {});
  message[17] = 0x21;
  EXPECT_TRUE(decode_header(message));
}

}  // namespace
}  // namespace segw::ike
