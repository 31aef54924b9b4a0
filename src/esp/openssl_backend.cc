#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "base/assert.h"
#include "esp/algorithm.h"
#include "esp/cipher.h"

namespace segw::esp {
namespace {

constexpr size_t kNonceSize = 12;
constexpr size_t kSpiSize = 4;

struct FreeCipher {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, FreeCipher>;

int as_int(size_t size) { return static_cast<int>(size); }

std::array<uint8_t, 4> big_endian(uint32_t value) {
  return {static_cast<uint8_t>(value >> 24), static_cast<uint8_t>(value >> 16),
          static_cast<uint8_t>(value >> 8), static_cast<uint8_t>(value)};
}

const EVP_CIPHER* evp(Construction construction, uint16_t key_bits) {
  switch (construction) {
    case Construction::Null:
      return nullptr;
    case Construction::Cbc:
      return key_bits == 128   ? EVP_aes_128_cbc()
             : key_bits == 192 ? EVP_aes_192_cbc()
                               : EVP_aes_256_cbc();
    case Construction::Gcm:
      return key_bits == 128   ? EVP_aes_128_gcm()
             : key_bits == 192 ? EVP_aes_192_gcm()
                               : EVP_aes_256_gcm();
    case Construction::ChaCha20Poly1305:
      return EVP_chacha20_poly1305();
  }
  return nullptr;
}

// Where the parts of a packet are.
struct Layout {
  explicit Layout(const Suite& suite)
      : head(kHeaderSize + iv_size(suite)), block(block_size(suite)), icv(icv_size(suite)) {}
  [[nodiscard]] bool fits(ByteView packet) const {
    return packet.size() >= head + icv && (packet.size() - head - icv) % block == 0;
  }
  [[nodiscard]] MutableBytes body(MutableBytes packet) const {
    return packet.subspan(head, packet.size() - head - icv);
  }

  size_t head;
  size_t block;
  size_t icv;
};

// AES-GCM and ChaCha20-Poly1305.
class AeadCipher final : public Cipher {
 public:
  AeadCipher(const Suite& suite, const SecretBytes& key)
      : layout_(suite),
        extended_(suite.extended_sequence_numbers),
        salt_(key.view().last(algorithm(suite.encryption).salt_size)),
        context_(EVP_CIPHER_CTX_new()) {
    const EVP_CIPHER* cipher = evp(algorithm(suite.encryption).construction, suite.key_bits);
    SEGW_ASSERT(EVP_CipherInit_ex(context_.get(), cipher, nullptr, key.view().data(), nullptr, 1) ==
                1);
  }

  void seal(MutableBytes packet, uint32_t high) override { SEGW_ASSERT(run(packet, high, true)); }
  bool open(MutableBytes packet, uint32_t high) override { return run(packet, high, false); }

 private:
  bool run(MutableBytes packet, uint32_t high, bool sealing) {
    if (!layout_.fits(packet)) return false;
    std::array<uint8_t, kNonceSize> nonce{};
    std::ranges::copy(salt_.view(), nonce.begin());
    std::ranges::copy(packet.subspan(kHeaderSize, layout_.head - kHeaderSize),
                      nonce.begin() + static_cast<long>(salt_.size()));
    const MutableBytes body = layout_.body(packet);
    const MutableBytes icv = packet.last(layout_.icv);
    // RFC 4106 5, RFC 7634 2.1: the AAD is SPI and sequence number, 64 bits of it with extended
    // numbers.
    Bytes aad = to_bytes(packet.first(kSpiSize));
    if (extended_) append(aad, big_endian(high));
    append(aad, packet.subspan(kSpiSize, kHeaderSize - kSpiSize));
    int written = 0;
    EVP_CIPHER_CTX* context = context_.get();
    bool ok =
        EVP_CipherInit_ex(context, nullptr, nullptr, nullptr, nonce.data(), sealing ? 1 : 0) == 1;
    if (!sealing) {
      ok = ok &&
           EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, as_int(icv.size()), icv.data()) == 1;
    }
    ok = ok && EVP_CipherUpdate(context, nullptr, &written, aad.data(), as_int(aad.size())) == 1;
    ok = ok &&
         EVP_CipherUpdate(context, body.data(), &written, body.data(), as_int(body.size())) == 1;
    ok = ok && EVP_CipherFinal_ex(context, icv.data(), &written) == 1;
    if (sealing) {
      ok = ok &&
           EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, as_int(icv.size()), icv.data()) == 1;
    }
    return ok;
  }

  Layout layout_;
  bool extended_;
  SecretBytes salt_;
  Context context_;
};

// AES-CBC, or nothing, with an integrity algorithm.
class ComposedCipher final : public Cipher {
 public:
  ComposedCipher(const Suite& suite, const SecretBytes& key)
      : layout_(suite),
        extended_(suite.extended_sequence_numbers),
        cipher_(evp(algorithm(suite.encryption).construction, suite.key_bits)),
        integrity_(suite.integrity),
        encryption_key_(key.view().first(suite.key_bits / 8U)),
        integrity_key_(key.view().subspan(suite.key_bits / 8U)),
        context_(EVP_CIPHER_CTX_new()) {}

  void seal(MutableBytes packet, uint32_t high) override {
    SEGW_ASSERT(layout_.fits(packet));
    crypt(packet, true);
    const SecretBytes icv = mac(packet, high);
    std::ranges::copy(icv.view(), packet.last(layout_.icv).begin());
  }

  bool open(MutableBytes packet, uint32_t high) override {
    if (!layout_.fits(packet)) return false;
    const SecretBytes icv = mac(packet, high);
    // RFC 4303 3.4.4.1: the ICV is verified before anything is decrypted.
    if (CRYPTO_memcmp(icv.view().data(), packet.last(layout_.icv).data(), layout_.icv) != 0) {
      return false;
    }
    crypt(packet, false);
    return true;
  }

 private:
  void crypt(MutableBytes packet, bool sealing) {
    if (cipher_ == nullptr) return;
    const MutableBytes body = layout_.body(packet);
    int written = 0;
    EVP_CIPHER_CTX* context = context_.get();
    bool ok = EVP_CipherInit_ex(context, cipher_, nullptr, encryption_key_.view().data(),
                                packet.subspan(kHeaderSize).data(), sealing ? 1 : 0) == 1;
    ok = ok && EVP_CIPHER_CTX_set_padding(context, 0) == 1;
    ok = ok &&
         EVP_CipherUpdate(context, body.data(), &written, body.data(), as_int(body.size())) == 1;
    SEGW_ASSERT(ok);
  }

  // RFC 4303 2.2.1: the high half of an extended number is authenticated, not sent.
  SecretBytes mac(MutableBytes packet, uint32_t high) {
    const auto number = big_endian(high);
    return icv(
        integrity_, integrity_key_.view(),
        {packet.first(packet.size() - layout_.icv), extended_ ? ByteView(number) : ByteView()});
  }

  Layout layout_;
  bool extended_;
  const EVP_CIPHER* cipher_;
  Integrity integrity_;
  SecretBytes encryption_key_;
  SecretBytes integrity_key_;
  Context context_;
};

class OpensslBackend final : public Backend {
 public:
  std::unique_ptr<Cipher> make(const Suite& suite, const SecretBytes& key) override {
    if (key.size() != key_size(suite)) return nullptr;
    if (algorithm(suite.encryption).combined()) return std::make_unique<AeadCipher>(suite, key);
    return std::make_unique<ComposedCipher>(suite, key);
  }
  [[nodiscard]] std::string name() const override { return OpenSSL_version(OPENSSL_VERSION); }
};

}  // namespace

std::unique_ptr<Backend> make_openssl_backend() { return std::make_unique<OpensslBackend>(); }

}  // namespace segw::esp
