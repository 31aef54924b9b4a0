#include "esp/cipher.h"

namespace segw::esp {
namespace {

constexpr size_t kGcmSaltSize = 4;
constexpr size_t kIntegrityKeySize = 32;

}  // namespace

size_t iv_size(const Suite& suite) { return suite.encryption == Encryption::AesGcm16 ? 8 : 16; }

size_t block_size(const Suite& suite) { return suite.encryption == Encryption::AesGcm16 ? 4 : 16; }

size_t key_size(const Suite& suite) {
  return suite.key_bits / 8U +
         (suite.encryption == Encryption::AesGcm16 ? kGcmSaltSize : kIntegrityKeySize);
}

std::unique_ptr<Backend> make_backend() {
  auto fast = make_ipsec_mb_backend();
  return fast ? std::move(fast) : make_openssl_backend();
}

}  // namespace segw::esp
