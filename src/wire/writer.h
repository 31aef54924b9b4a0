#pragma once

#include <cstdint>

#include "base/assert.h"
#include "base/bytes.h"

namespace segw::wire {

// Appends fields in network order.
class Writer {
 public:
  Writer& u8(uint8_t value) { return number(value, 1); }
  Writer& u16(uint16_t value) { return number(value, 2); }
  Writer& u32(uint32_t value) { return number(value, 4); }
  Writer& u64(uint64_t value) { return number(value, 8); }
  Writer& bytes(ByteView more) {
    append(out_, more);
    return *this;
  }
  Writer& zeros(size_t count) {
    out_.insert(out_.end(), count, 0);
    return *this;
  }
  // Overwrites two bytes written before: a length that is known only now.
  void patch_u16(size_t at, uint16_t value) {
    SEGW_ASSERT(at + 2 <= out_.size());
    out_[at] = static_cast<uint8_t>(value >> 8);
    out_[at + 1] = static_cast<uint8_t>(value & 0xFF);
  }
  void patch_u32(size_t at, uint32_t value) {
    patch_u16(at, static_cast<uint16_t>(value >> 16));
    patch_u16(at + 2, static_cast<uint16_t>(value & 0xFFFF));
  }
  void patch_u8(size_t at, uint8_t value) {
    SEGW_ASSERT(at < out_.size());
    out_[at] = value;
  }
  [[nodiscard]] size_t size() const { return out_.size(); }
  [[nodiscard]] const Bytes& view() const { return out_; }
  [[nodiscard]] Bytes take() { return std::move(out_); }

 private:
  Writer& number(uint64_t value, int size) {
    for (int shift = 8 * (size - 1); shift >= 0; shift -= 8) {
      out_.push_back(static_cast<uint8_t>(value >> shift));
    }
    return *this;
  }
  Bytes out_;
};

}  // namespace segw::wire
