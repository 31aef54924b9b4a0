// Ciphers that authenticate by themselves.
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/assert.h"
#include "crypto/crypto.h"

namespace segw::crypto {
namespace {

constexpr size_t kNonceSize = 12;
constexpr size_t kTagMax = 16;

struct FreeCipher {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, FreeCipher>;

// Null: no cipher has keys of that size.
const EVP_CIPHER* evp(Aead cipher, size_t key_size) {
  switch (cipher) {
    case Aead::AesGcm:
      if (key_size == 16) return EVP_aes_128_gcm();
      if (key_size == 24) return EVP_aes_192_gcm();
      return key_size == 32 ? EVP_aes_256_gcm() : nullptr;
    case Aead::ChaCha20Poly1305:
      return key_size == 32 ? EVP_chacha20_poly1305() : nullptr;
  }
  return nullptr;
}

int as_int(size_t size) {
  SEGW_ASSERT(size <= size_t{1} << 30);
  return static_cast<int>(size);
}

CipherContext begin(Aead cipher, ByteView key, ByteView nonce, bool sealing) {
  const EVP_CIPHER* found = evp(cipher, key.size());
  SEGW_ASSERT(found != nullptr && nonce.size() == kNonceSize);
  CipherContext context(EVP_CIPHER_CTX_new());
  SEGW_ASSERT(context && EVP_CipherInit_ex(context.get(), found, nullptr, key.data(), nonce.data(),
                                           sealing ? 1 : 0) == 1);
  return context;
}

// The input to `out`, or as additional data where that is null. OpenSSL takes no empty input.
bool feed(EVP_CIPHER_CTX* context, uint8_t* out, ByteView in) {
  int written = 0;
  return in.empty() || EVP_CipherUpdate(context, out, &written, in.data(), as_int(in.size())) == 1;
}

}  // namespace

Bytes aead_seal(Aead cipher, ByteView key, ByteView nonce, ByteView aad, ByteView plain,
                size_t tag_size) {
  SEGW_ASSERT(tag_size <= kTagMax);
  const CipherContext context = begin(cipher, key, nonce, true);
  Bytes out(plain.size() + tag_size);
  uint8_t* tag = out.data() + plain.size();
  int written = 0;
  bool ok = feed(context.get(), nullptr, aad) && feed(context.get(), out.data(), plain);
  ok = ok && EVP_CipherFinal_ex(context.get(), tag, &written) == 1;
  ok = ok && EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, as_int(tag_size), tag) == 1;
  SEGW_ASSERT(ok);
  return out;
}

std::optional<Bytes> aead_open(Aead cipher, ByteView key, ByteView nonce, ByteView aad,
                               ByteView sealed, size_t tag_size) {
  SEGW_ASSERT(tag_size <= kTagMax);
  if (sealed.size() < tag_size) return std::nullopt;
  const ByteView body = sealed.first(sealed.size() - tag_size);
  Bytes tag = to_bytes(sealed.last(tag_size));
  const CipherContext context = begin(cipher, key, nonce, false);
  Bytes out(body.size());
  int written = 0;
  bool ok =
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, as_int(tag_size), tag.data()) == 1;
  ok = ok && feed(context.get(), nullptr, aad) && feed(context.get(), out.data(), body);
  SEGW_ASSERT(ok);
  if (EVP_CipherFinal_ex(context.get(), out.data() + out.size(), &written) != 1) {
    OPENSSL_cleanse(out.data(), out.size());
    return std::nullopt;
  }
  return out;
}

}  // namespace segw::crypto
