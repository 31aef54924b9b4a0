#include "esp/cipher.h"

#include <algorithm>

#include "esp/algorithm.h"

namespace segw::esp {
namespace {

// RFC 4303 2.4: "the resulting ciphertext terminates on a 4-byte boundary", whatever the cipher is.
constexpr size_t kAlignment = 4;

}  // namespace

size_t iv_size(const Suite& suite) { return algorithm(suite.encryption).iv_size; }

size_t icv_size(const Suite& suite) {
  const size_t own = algorithm(suite.encryption).icv_size;
  return own != 0 ? own : algorithm(suite.integrity).icv_size;
}

size_t block_size(const Suite& suite) {
  return std::max(kAlignment, algorithm(suite.encryption).block_size);
}

size_t key_size(const Suite& suite) {
  return algorithm(suite.encryption).key_size(suite.key_bits) + algorithm(suite.integrity).key_size;
}

std::unique_ptr<Backend> make_backend() {
  auto fast = make_ipsec_mb_backend();
  return fast ? std::move(fast) : make_openssl_backend();
}

}  // namespace segw::esp
