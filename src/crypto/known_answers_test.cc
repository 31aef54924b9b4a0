// Known answers of every algorithm, from the RFCs that define them.
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "crypto/crypto.h"

namespace segw::crypto {
namespace {

Bytes hex(std::string_view text) {
  const auto digit = [](char c) { return static_cast<uint8_t>(c <= '9' ? c - '0' : c - 'a' + 10); };
  Bytes out;
  for (size_t i = 0; i + 1 < text.size(); i += 2) {
    out.push_back(static_cast<uint8_t>(digit(text[i]) << 4 | digit(text[i + 1])));
  }
  return out;
}

// 00 01 02 …
Bytes counting(size_t size) {
  Bytes out(size);
  for (size_t i = 0; i < size; ++i) out[i] = static_cast<uint8_t>(i);
  return out;
}

// ---- pseudo-random functions ----

struct PrfRow {
  const char* name;
  Prf prf;
  Bytes key;
  Bytes message;
  const char* out;
};
void PrintTo(const PrfRow& row, std::ostream* out) { *out << row.name; }

class PrfAnswers : public testing::TestWithParam<PrfRow> {};

TEST_P(PrfAnswers, AgreeWithTheRfc) {
  const PrfRow& row = GetParam();
  EXPECT_EQ(to_hex(prf(row.prf, row.key, {row.message}).view()), row.out);
  const ByteView whole = row.message;
  const size_t cut = whole.size() / 3;
  EXPECT_EQ(to_hex(prf(row.prf, row.key, {whole.first(cut), whole.subspan(cut)}).view()), row.out);
  EXPECT_EQ(size_of(row.prf) * 2, std::string_view(row.out).size());
}

const Bytes kJefe = to_bytes(as_bytes("Jefe"));
const Bytes kWhat = to_bytes(as_bytes("what do ya want for nothing?"));

INSTANTIATE_TEST_SUITE_P(
    Prf, PrfAnswers,
    testing::Values(
        // RFC 2202 3 case 2, RFC 4231 4.3.
        PrfRow{"Sha1", Prf::HmacSha1, kJefe, kWhat, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
        PrfRow{"Sha256", Prf::HmacSha256, kJefe, kWhat,
               "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        PrfRow{"Sha384", Prf::HmacSha384, kJefe, kWhat,
               "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e"
               "8e2240ca5e69e2c78b3239ecfab21649"},
        PrfRow{"Sha512", Prf::HmacSha512, kJefe, kWhat,
               "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
               "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"},
        // RFC 4231 4.7: a key longer than the hash's block.
        PrfRow{"Sha256LongKey", Prf::HmacSha256, Bytes(131, 0xaa),
               to_bytes(as_bytes("Test Using Larger Than Block-Size Key - Hash Key First")),
               "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
        // RFC 4434 2.3: keys of 16, of fewer and of more bytes.
        PrfRow{"Xcbc16", Prf::AesXcbc, counting(16), counting(20),
               "47f51b4564966215b8985c63055ed308"},
        PrfRow{"Xcbc10", Prf::AesXcbc, counting(10), counting(20),
               "0fa087af7d866e7653434e602fdde835"},
        PrfRow{"Xcbc18", Prf::AesXcbc, hex("000102030405060708090a0b0c0d0e0fedcb"), counting(20),
               "8cd3c93ae598a9803006ffb67c40e9e4"}),
    [](const auto& row) { return std::string(row.param.name); });

// ---- AES-XCBC (RFC 3566 4.6) ----

struct XcbcRow {
  const char* name;
  Bytes message;
  const char* mac;
};
void PrintTo(const XcbcRow& row, std::ostream* out) { *out << row.name; }

class XcbcAnswers : public testing::TestWithParam<XcbcRow> {};

TEST_P(XcbcAnswers, AgreeWithTheRfc) {
  EXPECT_EQ(to_hex(aes_xcbc(counting(16), {GetParam().message}).view()), GetParam().mac);
}

INSTANTIATE_TEST_SUITE_P(
    Xcbc, XcbcAnswers,
    testing::Values(XcbcRow{"Empty", {}, "75f0251d528ac01c4573dfd584d79f29"},
                    XcbcRow{"Of3", counting(3), "5b376580ae2f19afe7219ceef172756f"},
                    XcbcRow{"Of16", counting(16), "d2a246fa349b68a79998a4394ff7a263"},
                    XcbcRow{"Of20", counting(20), "47f51b4564966215b8985c63055ed308"},
                    XcbcRow{"Of32", counting(32), "f54f0ec8d2b9f3d36807734bd5283fd4"},
                    XcbcRow{"Of34", counting(34), "becbb3bccdb518a30677d5481fb6b4d8"},
                    XcbcRow{"Of1000", Bytes(1000, 0), "f0dafee895db30253761103b5d84528f"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(PrfPlus, IsAChainOfItsBlocks) {
  const Bytes seed = counting(40);
  for (const Prf each : {Prf::HmacSha1, Prf::AesXcbc, Prf::HmacSha256, Prf::HmacSha512}) {
    const Bytes one{1};
    const Bytes two{2};
    const SecretBytes first = prf(each, counting(20), {seed, one});
    const SecretBytes second = prf(each, counting(20), {first.view(), seed, two});
    const SecretBytes stream = prf_plus(each, counting(20), seed, 2 * size_of(each) - 3);
    Bytes expected = to_bytes(first.view());
    append(expected, second.view().first(size_of(each) - 3));
    EXPECT_EQ(to_hex(stream.view()), to_hex(expected));
  }
}

TEST(Prfs, AreKnownByTheirNumbers) {
  for (const uint32_t number : {2U, 4U, 5U, 6U, 7U}) EXPECT_TRUE(is_prf(number)) << number;
  for (const uint32_t number : {0U, 1U, 3U, 8U, 0x10005U}) EXPECT_FALSE(is_prf(number)) << number;
}

// ---- ciphers that authenticate ----

struct AeadRow {
  const char* name;
  Aead cipher;
  const char* key;
  const char* nonce;
  const char* aad;
  const char* plain;
  const char* sealed;
  size_t tag = 16;
};
void PrintTo(const AeadRow& row, std::ostream* out) { *out << row.name; }

class AeadAnswers : public testing::TestWithParam<AeadRow> {};

TEST_P(AeadAnswers, AgreeWithTheSpecification) {
  const AeadRow& row = GetParam();
  const Bytes sealed =
      aead_seal(row.cipher, hex(row.key), hex(row.nonce), hex(row.aad), hex(row.plain), row.tag);
  EXPECT_EQ(to_hex(sealed), row.sealed);
  EXPECT_EQ(aead_open(row.cipher, hex(row.key), hex(row.nonce), hex(row.aad), sealed, row.tag),
            hex(row.plain));
}

INSTANTIATE_TEST_SUITE_P(
    Aead, AeadAnswers,
    testing::Values(
        // The specification of GCM, cases 4, 10 and 16 (RFC 5116 refers to it).
        AeadRow{"Gcm128", Aead::AesGcm, "feffe9928665731c6d6a8f9467308308",
                "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
                "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c9595680953"
                "2fcf0e2449a6b525b16aedf5aa0de657ba637b39",
                "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c"
                "7d8f6a5aac84aa051ba30b396a0aac973d58e0915bc94fbc3221a5db94fae95ae7121a47"},
        AeadRow{"Gcm192", Aead::AesGcm, "feffe9928665731c6d6a8f9467308308feffe9928665731c",
                "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
                "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c9595680953"
                "2fcf0e2449a6b525b16aedf5aa0de657ba637b39",
                "3980ca0b3c00e841eb06fac4872a2757859e1ceaa6efd984628593b40ca1e19c7d773d00c144c525"
                "ac619d18c84a3f4718e2448b2fe324d9ccda2710"
                "2519498e80f1478f37ba55bd6d27618c"},
        AeadRow{"Gcm256Tag8", Aead::AesGcm,
                "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
                "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
                "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c9595680953"
                "2fcf0e2449a6b525b16aedf5aa0de657ba637b39",
                "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3d"
                "a7b08b1056828838c5f61e6393ba7a0abcc9f662"
                "76fc6ece0f4e1768",
                8},
        // RFC 8439 2.8.2.
        AeadRow{
            "ChaCha20Poly1305", Aead::ChaCha20Poly1305,
            "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
            "070000004041424344454647", "50515253c0c1c2c3c4c5c6c7",
            "4c616469657320616e642047656e746c656d656e206f662074686520636c617373206f66202739393a20"
            "4966204920636f756c64206f6666657220796f75206f6e6c79206f6e652074697020666f722074686520"
            "6675747572652c2073756e73637265656e20776f756c642062652069742e",
            "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fa"
            "fb69da92728b1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4"
            "fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b6116"
            "1ae10b594f09e26a7e902ecbd0600691"}),
    [](const auto& row) { return std::string(row.param.name); });

// ---- groups ----

struct EcpRow {
  const char* name;
  DhGroup group;
  const char* private_key;
  const char* peer;  // x | y
  const char* shared;
};
void PrintTo(const EcpRow& row, std::ostream* out) { *out << row.name; }

class EcpAnswers : public testing::TestWithParam<EcpRow> {};

TEST_P(EcpAnswers, AgreeWithRfc5903) {
  const DhKeyPair own{.group = GetParam().group,
                      .private_key = SecretBytes(hex(GetParam().private_key)),
                      .public_key = {}};
  const auto shared = dh_shared(own, hex(GetParam().peer));
  ASSERT_TRUE(shared) << shared.error().text;
  EXPECT_EQ(to_hex(shared->view()), GetParam().shared);
}

// RFC 5903 8.1 to 8.3.
INSTANTIATE_TEST_SUITE_P(
    Ecp, EcpAnswers,
    testing::Values(EcpRow{"P256", DhGroup::Ecp256,
                           "c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433",
                           "d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf63"
                           "56fbf3ca366cc23e8157854c13c58d6aac23f046ada30f8353e74f33039872ab",
                           "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de"},
                    EcpRow{"P384", DhGroup::Ecp384,
                           "099f3c7034d4a2c699884d73a375a67f7624ef7c6b3c0f160647b67414dce655"
                           "e35b538041e649ee3faef896783ab194",
                           "e558dbef53eecde3d3fccfc1aea08a89a987475d12fd950d83cfa41732bc509d"
                           "0d1ac43a0336def96fda41d0774a3571"
                           "dcfbec7aacf3196472169e838430367f66eebe3c6e70c416dd5f0c68759dd1ff"
                           "f83fa40142209dff5eaad96db9e6386c",
                           "11187331c279962d93d604243fd592cb9d0a926f422e47187521287e7156c5c4"
                           "d603135569b9e9d09cf5d4a270f59746"},
                    EcpRow{"P521", DhGroup::Ecp521,
                           "0037ade9319a89f4dabdb3ef411aaccca5123c61acab57b5393dce47608172a0"
                           "95aa85a30fe1c2952c6771d937ba9777f5957b2639bab072462f68c27a57382d4a52",
                           "00d0b3975ac4b799f5bea16d5e13e9af971d5e9b984c9f39728b5e5739735a21"
                           "9b97c356436adc6e95bb0352f6be64a6c2912d4ef2d0433ced2b6171640012d9460f"
                           "015c68226383956e3bd066e797b623c27ce0eac2f551a10c2c724d9852077b87"
                           "220b6536c5c408a1d2aebb8e86d678ae49cb57091f4732296579ab44fcd17f0fc56a",
                           "01144c7d79ae6956bc8edb8e7c787c4521cb086fa64407f97894e5e6b2d79b04"
                           "d1427e73ca4baa240a34786859810c06b3c715a3a8cc3151f2bee417996d19f3ddea"}),
    [](const auto& row) { return std::string(row.param.name); });

class FixedRng final : public platform::Rng {
 public:
  explicit FixedRng(uint8_t byte) : byte_(byte) {}
  void fill(MutableBytes out) override {
    for (uint8_t& each : out) each = byte_;
  }

 private:
  uint8_t byte_;
};

struct ModpRow {
  const char* name;
  DhGroup group;
  const char* public_digest;
  const char* shared_digest;
};
void PrintTo(const ModpRow& row, std::ostream* out) { *out << row.name; }

class ModpAnswers : public testing::TestWithParam<ModpRow> {};

// Worked out with the primes' formulas in RFC 2409 6.2 and RFC 3526 (2^n - 2^(n-64) - 1 + 2^64 *
// ([2^(n-130) pi] + k)) and a generator of 2: private keys of 64 bytes 5a here and a5 there, the
// results hashed with SHA-256.
TEST_P(ModpAnswers, AreThoseOfThePrimesOfTheRfc) {
  FixedRng ours(0x5a);
  FixedRng theirs(0xa5);
  const DhKeyPair a = dh_generate(GetParam().group, ours);
  const DhKeyPair b = dh_generate(GetParam().group, theirs);
  EXPECT_EQ(to_hex(digest(Hash::Sha256, {a.public_key})), GetParam().public_digest);
  const auto shared = dh_shared(a, b.public_key);
  ASSERT_TRUE(shared) << shared.error().text;
  EXPECT_EQ(to_hex(digest(Hash::Sha256, {shared->view()})), GetParam().shared_digest);
}

INSTANTIATE_TEST_SUITE_P(
    Modp, ModpAnswers,
    testing::Values(ModpRow{"Group2", DhGroup::Modp1024,
                            "d0b4e7648bc05f64c00d71e81fefd5d284be7a28c3c4d4943f7e5bb24c2fa9f5",
                            "f75fa5402b1061ebb3f79822f0a0d1998b4fbcdef4109e73c3d744bd13a6da62"},
                    ModpRow{"Group5", DhGroup::Modp1536,
                            "0d28f85baf33732e09ffdab26135704e10331a51104ff76b5c00b1f1955392e7",
                            "e91cd832d8eaee79a639c7e764ed4031d5474e1c5a1e7d01cfca62647298f0da"},
                    ModpRow{"Group14", DhGroup::Modp2048,
                            "5353a48b5235213ff3119880ff17fcf0bc6a94d21f4b00442bdae90e70ab282e",
                            "743d02402bda6e321ca4d124aed26306a56893799f0edce3e7854b96f5e097c5"},
                    ModpRow{"Group15", DhGroup::Modp3072,
                            "ff6512d181e4715d1dc6ac764d761b4111a8a93f0a9bd61e8b7377b494b2a754",
                            "0be5ba21258be714c2c9f308e4fb2f725e92649b844039f792ca9d80ac20e8b7"},
                    ModpRow{"Group16", DhGroup::Modp4096,
                            "2f8c895d583f2f0a1e1e81272a52cd788687ceffc2888ecc9e3e8a84f0c19586",
                            "bd7209a1da4d11942382f0008f5b3b112712d72b4f076a1f14b5a0192b306e99"}),
    [](const auto& row) { return std::string(row.param.name); });

// RFC 6989 2.1: 0, 1, p-1, p and what is above it.
TEST(Modp, RefusesTheEdgesOfTheLegalRange) {
  // p - 1 is 2^1024 - 1 less something below 2^960: its first 8 and last 8 bytes are all ones but
  // for the last bit (RFC 2409 6.2).
  FixedRng rng(0x5a);
  const DhKeyPair own = dh_generate(DhGroup::Modp1024, rng);
  const auto number = [](uint8_t last) {
    Bytes bytes(128, 0);
    bytes.back() = last;
    return bytes;
  };
  EXPECT_FALSE(dh_shared(own, number(0)));
  EXPECT_FALSE(dh_shared(own, number(1)));
  EXPECT_TRUE(dh_shared(own, number(2)));
  const Bytes prime =
      hex("ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74"
          "020bbea63b139b22514a08798e3404ddef9519b3cd3a431b302b0a6df25f1437"
          "4fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7ed"
          "ee386bfb5a899fa5ae9f24117c4b1fe649286651ece65381ffffffffffffffff");
  const auto less = [&](uint8_t by) {
    Bytes bytes = prime;
    bytes.back() = static_cast<uint8_t>(bytes.back() - by);
    return bytes;
  };
  EXPECT_FALSE(dh_shared(own, prime));
  EXPECT_FALSE(dh_shared(own, less(1)));
  EXPECT_TRUE(dh_shared(own, less(2)));
}

// RFC 6989 2.3: the coordinates' range and the curve's equation.
TEST(Ecp, RefusesAPointOfTheCurveWithACoordinateAboveTheField) {
  // On P-521 there is room above the field's prime: x + p is still 66 bytes with the top bits set.
  FixedRng rng(0x11);
  const DhKeyPair own = dh_generate(DhGroup::Ecp521, rng);
  Bytes raised = own.public_key;
  EXPECT_TRUE(dh_shared(own, raised));
  raised[0] |= 0x02;
  EXPECT_FALSE(dh_shared(own, raised));
  Bytes off = own.public_key;
  off.back() ^= 1;
  EXPECT_FALSE(dh_shared(own, off));
}

TEST(Groups, AreKnownByTheirNumbers) {
  for (const uint32_t number : {2U, 5U, 14U, 15U, 16U, 19U, 20U, 21U, 31U}) {
    EXPECT_TRUE(is_dh_group(number)) << number;
  }
  for (const uint32_t number : {0U, 1U, 3U, 17U, 18U, 22U, 25U, 30U, 32U, 0x1000eU}) {
    EXPECT_FALSE(is_dh_group(number)) << number;
  }
}

}  // namespace
}  // namespace segw::crypto
