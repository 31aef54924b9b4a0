// Any bytes are a header, a chain of payloads, or neither; what is accepted has one encoding that
// decodes to the same.

#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "ike/message.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace segw;
  const ByteView bytes(data, size);
  const auto header = ike::decode_header(bytes);
  const uint8_t first = header ? header->next_payload : (size > 0 ? data[0] : uint8_t{0});
  const size_t skipped = header ? ike::kHeaderSize : (size > 0 ? size_t{1} : size_t{0});
  const auto payloads = ike::decode_payloads(first, bytes.subspan(skipped));
  if (!payloads) {
    SEGW_ASSERT(!payloads.error().field.empty());
    return 0;
  }
  SEGW_ASSERT(payloads->size() <= ike::kPayloadsMax);
  const ike::Chain once = ike::encode_payloads(*payloads);
  const auto again = ike::decode_payloads(once.first, once.bytes);
  SEGW_ASSERT(again.has_value());
  const ike::Chain twice = ike::encode_payloads(*again);
  SEGW_ASSERT(once.first == twice.first && once.bytes == twice.bytes);
  return 0;
}
