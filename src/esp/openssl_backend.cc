#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>

#include "base/assert.h"
#include "esp/cipher.h"
#include "wire/writer.h"

namespace segw::esp {
namespace {

constexpr size_t kGcmIvSize = 8;
constexpr size_t kCbcIvSize = 16;

struct FreeCipher {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, FreeCipher>;

int as_int(size_t size) { return static_cast<int>(size); }

std::array<uint8_t, 4> big_endian(uint32_t value) {
  return {static_cast<uint8_t>(value >> 24), static_cast<uint8_t>(value >> 16),
          static_cast<uint8_t>(value >> 8), static_cast<uint8_t>(value)};
}

class GcmCipher final : public Cipher {
 public:
  GcmCipher(const Suite& suite, const SecretBytes& key)
      : extended_(suite.extended_sequence_numbers),
        salt_(key.view().last(4)),
        context_(EVP_CIPHER_CTX_new()) {
    const EVP_CIPHER* cipher = suite.key_bits == 128   ? EVP_aes_128_gcm()
                               : suite.key_bits == 192 ? EVP_aes_192_gcm()
                                                       : EVP_aes_256_gcm();
    SEGW_ASSERT(EVP_CipherInit_ex(context_.get(), cipher, nullptr, key.view().data(), nullptr, 1) ==
                1);
  }

  void seal(MutableBytes packet, uint32_t high) override { SEGW_ASSERT(run(packet, high, true)); }
  bool open(MutableBytes packet, uint32_t high) override { return run(packet, high, false); }

 private:
  bool run(MutableBytes packet, uint32_t high, bool sealing) {
    if (packet.size() < kHeaderSize + kGcmIvSize + kIcvSize) return false;
    std::array<uint8_t, 12> nonce{};
    std::ranges::copy(salt_.view(), nonce.begin());
    std::ranges::copy(packet.subspan(kHeaderSize, kGcmIvSize), nonce.begin() + 4);
    const MutableBytes body = packet.subspan(kHeaderSize + kGcmIvSize,
                                             packet.size() - kHeaderSize - kGcmIvSize - kIcvSize);
    const MutableBytes icv = packet.last(kIcvSize);
    // RFC 4106 5: the AAD is SPI and sequence number, 64 bits of it with extended numbers.
    Bytes aad = to_bytes(packet.first(4));
    if (extended_) append(aad, big_endian(high));
    append(aad, packet.subspan(4, 4));
    int written = 0;
    EVP_CIPHER_CTX* context = context_.get();
    bool ok =
        EVP_CipherInit_ex(context, nullptr, nullptr, nullptr, nonce.data(), sealing ? 1 : 0) == 1;
    ok = ok && EVP_CipherUpdate(context, nullptr, &written, aad.data(), as_int(aad.size())) == 1;
    ok = ok &&
         EVP_CipherUpdate(context, body.data(), &written, body.data(), as_int(body.size())) == 1;
    if (!sealing) {
      ok = ok && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kIcvSize, icv.data()) == 1;
    }
    ok = ok && EVP_CipherFinal_ex(context, body.data() + body.size(), &written) == 1;
    if (sealing) {
      ok = ok && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kIcvSize, icv.data()) == 1;
    }
    return ok;
  }

  bool extended_;
  SecretBytes salt_;
  Context context_;
};

class CbcCipher final : public Cipher {
 public:
  CbcCipher(const Suite& suite, const SecretBytes& key)
      : extended_(suite.extended_sequence_numbers),
        cipher_(suite.key_bits == 128   ? EVP_aes_128_cbc()
                : suite.key_bits == 192 ? EVP_aes_192_cbc()
                                        : EVP_aes_256_cbc()),
        encryption_key_(key.view().first(suite.key_bits / 8U)),
        integrity_key_(key.view().subspan(suite.key_bits / 8U)),
        context_(EVP_CIPHER_CTX_new()) {}

  void seal(MutableBytes packet, uint32_t high) override {
    SEGW_ASSERT(packet.size() >= kHeaderSize + kCbcIvSize + kIcvSize);
    crypt(packet, true);
    const auto icv = mac(packet, high);
    std::copy_n(icv.begin(), kIcvSize, packet.end() - kIcvSize);
  }

  bool open(MutableBytes packet, uint32_t high) override {
    if (packet.size() < kHeaderSize + kCbcIvSize + kIcvSize) return false;
    if ((packet.size() - kHeaderSize - kCbcIvSize - kIcvSize) % kCbcIvSize != 0) return false;
    const auto icv = mac(packet, high);
    // RFC 4303 3.4.4.1: the ICV is verified before anything is decrypted.
    if (CRYPTO_memcmp(icv.data(), packet.last(kIcvSize).data(), kIcvSize) != 0) return false;
    crypt(packet, false);
    return true;
  }

 private:
  void crypt(MutableBytes packet, bool sealing) {
    const MutableBytes body = packet.subspan(kHeaderSize + kCbcIvSize,
                                             packet.size() - kHeaderSize - kCbcIvSize - kIcvSize);
    int written = 0;
    EVP_CIPHER_CTX* context = context_.get();
    bool ok = EVP_CipherInit_ex(context, cipher_, nullptr, encryption_key_.view().data(),
                                packet.subspan(kHeaderSize).data(), sealing ? 1 : 0) == 1;
    ok = ok && EVP_CIPHER_CTX_set_padding(context, 0) == 1;
    ok = ok &&
         EVP_CipherUpdate(context, body.data(), &written, body.data(), as_int(body.size())) == 1;
    SEGW_ASSERT(ok);
  }

  std::array<uint8_t, 32> mac(MutableBytes packet, uint32_t high) {
    Bytes input = to_bytes(packet.first(packet.size() - kIcvSize));
    if (extended_) append(input, big_endian(high));
    std::array<uint8_t, 32> out{};
    SEGW_ASSERT(HMAC(EVP_sha256(), integrity_key_.view().data(), as_int(integrity_key_.size()),
                     input.data(), input.size(), out.data(), nullptr) != nullptr);
    return out;
  }

  bool extended_;
  const EVP_CIPHER* cipher_;
  SecretBytes encryption_key_;
  SecretBytes integrity_key_;
  Context context_;
};

class OpensslBackend final : public Backend {
 public:
  std::unique_ptr<Cipher> make(const Suite& suite, const SecretBytes& key) override {
    if (key.size() != key_size(suite)) return nullptr;
    switch (suite.encryption) {
      case Encryption::AesGcm16:
        return std::make_unique<GcmCipher>(suite, key);
      case Encryption::AesCbc:
        return std::make_unique<CbcCipher>(suite, key);
    }
    return nullptr;
  }
  [[nodiscard]] std::string name() const override { return OpenSSL_version(OPENSSL_VERSION); }
};

}  // namespace

std::unique_ptr<Backend> make_openssl_backend() { return std::make_unique<OpensslBackend>(); }

}  // namespace segw::esp
