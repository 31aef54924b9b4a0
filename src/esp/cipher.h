#pragma once

// The bulk cryptography of one SA in one direction, in place over a whole ESP packet:
//
//   | SPI 4 | sequence 4 | IV | ciphertext | ICV |
//
// Two implementations with the same results: Intel IPsec Multi-Buffer, and OpenSSL where that is
// missing. RFC 4303; the algorithms and their sizes are in esp/algorithm.h.

#include <cstdint>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/secret_bytes.h"
#include "esp/child_sa.h"

namespace segw::esp {

constexpr size_t kHeaderSize = 8;
constexpr size_t kIcvMax = 32;

[[nodiscard]] size_t iv_size(const Suite& suite);
[[nodiscard]] size_t icv_size(const Suite& suite);
[[nodiscard]] size_t block_size(const Suite& suite);  // of the padded plaintext: 4 or 16
[[nodiscard]] size_t key_size(const Suite& suite);    // cipher key, salt, integrity key

class Cipher {
 public:
  virtual ~Cipher() = default;
  // `packet` has header, IV and padded plaintext in place, and room for the ICV at its end.
  // `sequence_high` counts only with extended sequence numbers.
  virtual void seal(MutableBytes packet, uint32_t sequence_high) = 0;
  // False: not authentic; the contents are then undefined.
  [[nodiscard]] virtual bool open(MutableBytes packet, uint32_t sequence_high) = 0;
};

// A factory for one thread. `make` gives nothing if the key has the wrong size for the suite.
class Backend {
 public:
  virtual ~Backend() = default;
  [[nodiscard]] virtual std::unique_ptr<Cipher> make(const Suite& suite,
                                                     const SecretBytes& key) = 0;
  [[nodiscard]] virtual std::string name() const = 0;  // "ipsec-mb 1.3.0 (AVX512)", "OpenSSL 3.0.x"
};

std::unique_ptr<Backend> make_openssl_backend();
// Null where the library or the processor lacks it.
std::unique_ptr<Backend> make_ipsec_mb_backend();
// The best there is.
std::unique_ptr<Backend> make_backend();

}  // namespace segw::esp
