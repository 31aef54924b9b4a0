// ESP packets of the RFCs, in both backends.
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "esp/algorithm.h"
#include "esp/cipher.h"

namespace segw::esp {
namespace {

Bytes hex(std::string_view text) {
  const auto digit = [](char c) { return static_cast<uint8_t>(c <= '9' ? c - '0' : c - 'a' + 10); };
  Bytes out;
  for (size_t i = 0; i + 1 < text.size(); i += 2) {
    out.push_back(static_cast<uint8_t>(digit(text[i]) << 4 | digit(text[i + 1])));
  }
  return out;
}

struct Row {
  const char* name;
  Suite suite;
  const char* key;
  const char* head;  // SPI, sequence number, IV
  const char* plain;
  const char* sealed;  // ciphertext, ICV
  uint32_t high = 0;
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

class EspAnswers : public testing::TestWithParam<Row> {};

TEST_P(EspAnswers, AgreeWithTheRfcInBothBackends) {
  const Row& row = GetParam();
  for (const auto& backend : {make_openssl_backend(), make_backend()}) {
    const auto cipher = backend->make(row.suite, SecretBytes(hex(row.key)));
    ASSERT_NE(cipher, nullptr);
    Bytes packet = hex(std::string(row.head) + row.plain);
    packet.resize(packet.size() + icv_size(row.suite));
    cipher->seal(packet, row.high);
    EXPECT_EQ(to_hex(packet), std::string(row.head) + row.sealed) << backend->name();
    EXPECT_TRUE(cipher->open(packet, row.high));
    packet.resize(packet.size() - icv_size(row.suite));
    EXPECT_EQ(to_hex(packet), std::string(row.head) + row.plain) << backend->name();
  }
}

INSTANTIATE_TEST_SUITE_P(
    Esp, EspAnswers,
    testing::Values(
        // RFC 7634 appendix A.
        Row{"ChaCha20Poly1305",
            {.encryption = Encryption::ChaCha20Poly1305, .key_bits = 256},
            "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3",
            "01020304000000051011121314151617",
            "45000054a6f200004001e778c6336405c000020508005b7a3a080000553bec10"
            "0007362708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223"
            "2425262728292a2b2c2d2e2f303132333435363701020204",
            "24039428b97f417e3c13753a4f05087b67c352e6a7fab1b982d466ef407ae5c6"
            "14ee8099d52844eb61aa95dfab4c02f72aa71e7c4c4f64c9befe2facc638e8f3"
            "cbec163fac469b502773f6fb94e664da9165b82829f641e076aaa8266b7fb0f7"
            "b11b369907e1ad43"},
        // The test vectors that RFC 4106 8 refers to, case 1: extended sequence number.
        Row{"Gcm128Esn",
            {.encryption = Encryption::AesGcm16,
             .key_bits = 128,
             .extended_sequence_numbers = true},
            "4c80cdefbb5d10da906ac73c3613a6342e443b68",
            "00004321000000004956ed7e3b244cfe",
            "45000048699a000080114db7c0a80102c0a801010a9bf15638d3010000010000"
            "00000000045f736970045f756470037369700963796265726369747902646b00"
            "0021000101020201",
            "fecf537e729d5b07dc30df528dd22b768d1b98736696a6fd348509fa13ceac34"
            "cfa2436f14a3f3cf65925bf1f4a13c5d15b21e1884f5ff6247aeabb786b93bce"
            "61bc17d768fd9732459018148f6cbe722fd04796562dfdb4",
            0x87654321}),
    [](const auto& row) { return std::string(row.param.name); });

// RFC 3602 4: case 5 (a whole packet with an IV and 16-byte padding) is AES-CBC alone; here the ICV
// over it, of every integrity algorithm, is what the algorithm gives for the same bytes.
TEST(EspCbc, CiphertextIsThatOfRfc3602AndTheIcvThatOfItsAlgorithm) {
  const Bytes key = hex("90d382b410eeba7ad938c46cec1a82bf");
  const std::string head =
      "000043210000000"
      "1e96e8c08ab465763fd098d45dd3ff893";
  const std::string plain =
      "08000ebda70a00008e9c083db95b070008090a0b0c0d0e0f1011121314151617"
      "18191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f3031323334353637"
      "0102030405060708090a0b0c0d0e0e01";
  for (const Integrity integrity :
       {Integrity::HmacSha1_96, Integrity::AesXcbc_96, Integrity::HmacSha256_128,
        Integrity::HmacSha384_192, Integrity::HmacSha512_256}) {
    const Suite suite{.encryption = Encryption::AesCbc, .key_bits = 128, .integrity = integrity};
    Bytes whole = key;
    append(whole, Bytes(algorithm(integrity).key_size, 0x33));
    for (const auto& backend : {make_openssl_backend(), make_backend()}) {
      Bytes packet = hex(head + plain);
      packet.resize(packet.size() + icv_size(suite));
      backend->make(suite, SecretBytes(whole))->seal(packet, 0);
      const ByteView body = ByteView(packet).first(packet.size() - icv_size(suite));
      EXPECT_EQ(to_hex(body.subspan(24)),
                "f663c25d325c18c6a9453e194e120849a4870b66cc6b9965330013b4898dc856"
                "a4699e523a55db080b59ec3a8e4b7e52775b07d1db34ed9c538ab50c551b874a"
                "a269add047ad2d5913ac19b7cfbad4a6");
      const SecretBytes expected =
          icv(integrity, Bytes(algorithm(integrity).key_size, 0x33), {body});
      EXPECT_EQ(to_hex(ByteView(packet).last(icv_size(suite))), to_hex(expected.view()))
          << algorithm(integrity).name << ' ' << backend->name();
    }
  }
}

// RFC 2202 3 and RFC 4231: the ICV is the leftmost part of the HMAC; RFC 3566 4.6.
TEST(Icv, IsTheLeftmostPartOfTheFunction) {
  const Bytes data(50, 0xcd);
  EXPECT_EQ(to_hex(icv(Integrity::HmacSha1_96,
                       hex("0102030405060708090a0b0c0d0e0f10111213141516171"
                           "819"),
                       {data})
                       .view()),
            "4c9007f4026250c6bc8414f9");
  EXPECT_EQ(to_hex(icv(Integrity::AesXcbc_96, hex("000102030405060708090a0b0c0d0e0f"),
                       {hex("000102030405060708090a0b0c0d0e0f10111213")})
                       .view()),
            "47f51b4564966215b8985c63");
}

}  // namespace
}  // namespace segw::esp
