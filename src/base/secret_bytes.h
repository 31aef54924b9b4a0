#pragma once

#include <cstddef>
#include <vector>

#include "base/bytes.h"

namespace segw {

// Keys and secrets: wiped when destroyed or overwritten; there is no operator<< and no formatter.
class SecretBytes {
 public:
  SecretBytes() = default;
  explicit SecretBytes(ByteView bytes) : bytes_(bytes.begin(), bytes.end()) {}
  explicit SecretBytes(size_t size) : bytes_(size) {}
  SecretBytes(const SecretBytes&) = default;
  SecretBytes(SecretBytes&& other) noexcept : bytes_(std::move(other.bytes_)) {
    other.bytes_.clear();
  }
  SecretBytes& operator=(const SecretBytes& other);
  SecretBytes& operator=(SecretBytes&& other) noexcept;
  ~SecretBytes();

  [[nodiscard]] ByteView view() const { return bytes_; }
  [[nodiscard]] MutableBytes writable() { return bytes_; }
  [[nodiscard]] size_t size() const { return bytes_.size(); }
  [[nodiscard]] bool empty() const { return bytes_.empty(); }

  // Constant time in the contents.
  friend bool operator==(const SecretBytes& a, const SecretBytes& b);

 private:
  void wipe() noexcept;
  std::vector<uint8_t> bytes_;
};

}  // namespace segw
