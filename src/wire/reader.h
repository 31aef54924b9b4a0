#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace segw::wire {

// Why bytes were refused: the name of the first field that failed ("payload-length").
struct [[nodiscard]] Refusal {
  std::string field;
};

template <typename T>
using Decoded = tl::expected<T, Refusal>;

// Reads fields in network order. The first failure sticks and names its field; after it every read
// gives zero, so a decoder is a list of fields and one check at its end.
class Reader {
 public:
  explicit Reader(ByteView bytes) : rest_(bytes) {}

  uint8_t u8(std::string_view field);
  uint16_t u16(std::string_view field);
  uint32_t u32(std::string_view field);
  uint64_t u64(std::string_view field);
  // Exactly `size` bytes, a view into the input; empty on failure.
  ByteView bytes(size_t size, std::string_view field);
  ByteView rest() {
    const ByteView all = rest_;
    rest_ = {};
    return all;
  }
  // A reader over the next `size` bytes (a TLV's value). A failed one if they are not there.
  Reader sub(size_t size, std::string_view field);

  void refuse(std::string_view field) {
    if (failed_.empty()) failed_ = field;
  }
  [[nodiscard]] bool ok() const { return failed_.empty(); }
  [[nodiscard]] size_t left() const { return ok() ? rest_.size() : 0; }
  [[nodiscard]] std::string_view refused() const { return failed_; }

  // Refuses trailing bytes.
  template <typename T>
  Decoded<T> finish(T value) {
    if (ok() && !rest_.empty()) refuse("trailing-bytes");
    if (!ok()) return tl::unexpected<Refusal>(Refusal{failed_});
    return value;
  }

 private:
  uint64_t number(size_t size, std::string_view field);
  ByteView rest_;
  std::string failed_;
};

}  // namespace segw::wire
