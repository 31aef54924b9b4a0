// Messages between segwd and the ISA: what is accepted has one encoding that decodes to the same.

#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "isa/isa_wire.h"

namespace {

template <typename Decode>
void check(segw::ByteView bytes, Decode decode) {
  const auto message = decode(bytes);
  if (!message) {
    SEGW_ASSERT(!message.error().field.empty());
    return;
  }
  const segw::Bytes once = segw::isa::encode(*message);
  const auto again = decode(once);
  SEGW_ASSERT(again.has_value());
  SEGW_ASSERT(segw::isa::encode(*again) == once);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const segw::ByteView bytes(data, size);
  check(bytes, segw::isa::decode_to_isa);
  check(bytes, segw::isa::decode_from_isa);
  return 0;
}
