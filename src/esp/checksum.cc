#include "esp/checksum.h"

#include "base/assert.h"
#include "wire/writer.h"

namespace segw::esp {
namespace {

uint16_t u16_at(ByteView bytes, size_t at) {
  return static_cast<uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

void put_u16(MutableBytes bytes, size_t at, uint16_t value) {
  bytes[at] = static_cast<uint8_t>(value >> 8);
  bytes[at + 1] = static_cast<uint8_t>(value & 0xFF);
}

uint16_t swapped(uint16_t value) { return static_cast<uint16_t>(value << 8 | value >> 8); }

}  // namespace

uint32_t ones_sum(ByteView bytes, uint32_t start) {
  uint64_t total = start;
  for (size_t i = 0; i + 1 < bytes.size(); i += 2) total += uint32_t{bytes[i]} << 8 | bytes[i + 1];
  if (bytes.size() % 2 != 0) total += uint32_t{bytes.back()} << 8;
  while (total > 0xFFFF) total = (total & 0xFFFF) + (total >> 16);
  return static_cast<uint32_t>(total);
}

uint32_t pseudo_header_sum(const IpAddress& source, const IpAddress& destination, uint8_t protocol,
                           size_t size) {
  // RFC 8200 8.1 has a longer header than RFC 768, with the same sum for what fits both.
  wire::Writer pseudo;
  pseudo.bytes(source.bytes()).bytes(destination.bytes());
  pseudo.u32(static_cast<uint32_t>(size)).u32(protocol);
  return ones_sum(pseudo.view());
}

void replace_covered(MutableBytes block, size_t begin, size_t checksum_at, size_t at,
                     uint16_t value) {
  SEGW_ASSERT(at + 2 <= block.size() && checksum_at + 2 <= block.size() && at >= begin);
  const uint16_t before = u16_at(block, at);
  put_u16(block, at, value);
  // At an odd place the two bytes count for two words: the sum is the same with them swapped.
  const bool odd = (at - begin) % 2 != 0;
  const uint16_t old_word = odd ? swapped(before) : before;
  const uint16_t new_word = odd ? swapped(value) : value;
  uint32_t sum =
      (~uint32_t{u16_at(block, checksum_at)} & 0xFFFF) + (~uint32_t{old_word} & 0xFFFF) + new_word;
  while (sum > 0xFFFF) sum = (sum & 0xFFFF) + (sum >> 16);
  put_u16(block, checksum_at, checksum(sum));
}

}  // namespace segw::esp
