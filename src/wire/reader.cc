#include "wire/reader.h"

namespace segw::wire {

ByteView Reader::bytes(size_t size, std::string_view field) {
  if (!ok()) return {};
  if (size > rest_.size()) {
    refuse(field);
    return {};
  }
  const ByteView taken = rest_.first(size);
  rest_ = rest_.subspan(size);
  return taken;
}

uint64_t Reader::number(size_t size, std::string_view field) {
  uint64_t value = 0;
  for (const uint8_t byte : bytes(size, field)) value = value << 8 | byte;
  return value;
}

uint8_t Reader::u8(std::string_view field) { return static_cast<uint8_t>(number(1, field)); }
uint16_t Reader::u16(std::string_view field) { return static_cast<uint16_t>(number(2, field)); }
uint32_t Reader::u32(std::string_view field) { return static_cast<uint32_t>(number(4, field)); }
uint64_t Reader::u64(std::string_view field) { return number(8, field); }

Reader Reader::sub(size_t size, std::string_view field) {
  Reader inner(bytes(size, field));
  if (!ok()) inner.refuse(refused());
  return inner;
}

}  // namespace segw::wire
