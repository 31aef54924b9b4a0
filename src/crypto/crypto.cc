#include "crypto/crypto.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>

#include "base/assert.h"

namespace segw::crypto {
namespace {

constexpr size_t kBlockSize = 16;

const EVP_MD* evp(Hash hash) {
  switch (hash) {
    case Hash::Sha1:
      return EVP_sha1();
    case Hash::Sha256:
      return EVP_sha256();
    case Hash::Sha384:
      return EVP_sha384();
    case Hash::Sha512:
      return EVP_sha512();
  }
  return nullptr;
}

struct FreeCipher {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, FreeCipher>;

struct FreeDigest {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using DigestContext = std::unique_ptr<EVP_MD_CTX, FreeDigest>;

const EVP_CIPHER* cbc_of(size_t key_size) {
  if (key_size == 16) return EVP_aes_128_cbc();
  if (key_size == 24) return EVP_aes_192_cbc();
  return key_size == 32 ? EVP_aes_256_cbc() : nullptr;
}

int as_int(size_t size) {
  SEGW_ASSERT(size <= size_t{1} << 30);
  return static_cast<int>(size);
}

}  // namespace

size_t size_of(Hash hash) { return static_cast<size_t>(EVP_MD_get_size(evp(hash))); }

Bytes digest(Hash hash, std::initializer_list<ByteView> parts) {
  const DigestContext context(EVP_MD_CTX_new());
  Bytes out(size_of(hash));
  bool ok = context && EVP_DigestInit_ex(context.get(), evp(hash), nullptr) == 1;
  for (const ByteView part : parts) {
    ok = ok && EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1;
  }
  ok = ok && EVP_DigestFinal_ex(context.get(), out.data(), nullptr) == 1;
  SEGW_ASSERT(ok);
  return out;
}

Bytes sha1(ByteView bytes) { return digest(Hash::Sha1, {bytes}); }

SecretBytes hmac(Hash hash, ByteView key, std::initializer_list<ByteView> parts) {
  Bytes message;
  for (const ByteView part : parts) append(message, part);
  SecretBytes out(size_of(hash));
  constexpr uint8_t kNoKey = 0;  // HMAC() takes a null key for "as before"
  const uint8_t* key_at = key.empty() ? &kNoKey : key.data();
  const bool ok = HMAC(evp(hash), key_at, as_int(key.size()), message.data(), message.size(),
                       out.writable().data(), nullptr) != nullptr;
  OPENSSL_cleanse(message.data(), message.size());
  SEGW_ASSERT(ok);
  return out;
}

bool equal_constant_time(ByteView a, ByteView b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

Bytes aes_cbc_encrypt(ByteView key, ByteView iv, ByteView plain) {
  const EVP_CIPHER* cipher = cbc_of(key.size());
  SEGW_ASSERT(cipher != nullptr && iv.size() == kBlockSize && plain.size() % kBlockSize == 0);
  const CipherContext context(EVP_CIPHER_CTX_new());
  Bytes out(plain.size());
  int written = 0;
  bool ok =
      context && EVP_EncryptInit_ex(context.get(), cipher, nullptr, key.data(), iv.data()) == 1;
  ok = ok && EVP_CIPHER_CTX_set_padding(context.get(), 0) == 1;
  ok = ok && (plain.empty() || EVP_EncryptUpdate(context.get(), out.data(), &written, plain.data(),
                                                 as_int(plain.size())) == 1);
  SEGW_ASSERT(ok);
  return out;
}

std::optional<Bytes> aes_cbc_decrypt(ByteView key, ByteView iv, ByteView sealed) {
  const EVP_CIPHER* cipher = cbc_of(key.size());
  SEGW_ASSERT(cipher != nullptr && iv.size() == kBlockSize);
  if (sealed.size() % kBlockSize != 0) return std::nullopt;
  const CipherContext context(EVP_CIPHER_CTX_new());
  Bytes out(sealed.size());
  int written = 0;
  bool ok =
      context && EVP_DecryptInit_ex(context.get(), cipher, nullptr, key.data(), iv.data()) == 1;
  ok = ok && EVP_CIPHER_CTX_set_padding(context.get(), 0) == 1;
  ok = ok && (sealed.empty() || EVP_DecryptUpdate(context.get(), out.data(), &written,
                                                  sealed.data(), as_int(sealed.size())) == 1);
  SEGW_ASSERT(ok);
  return out;
}

}  // namespace segw::crypto
