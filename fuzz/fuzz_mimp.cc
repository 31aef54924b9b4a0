// Whatever comes in by MIMP's port: a datagram is opened or refused, a hello is decoded or refused,
// and what was decoded is encoded to bytes that decode to the same.

#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "mimp/mimp_wire.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace segw;
  const ByteView input(data, size);
  const mimp::Binding binding{.source = IpAddress::v4(0xC0000201),
                              .destination = IpAddress::v4(0xC0000202),
                              .source_group = 1,
                              .destination_group = 1};
  const SecretBytes key(as_bytes("0123456789abcdef0123456789abcdef"));
  const auto plain = mimp::open(input, binding, SecretBytes{});
  SEGW_ASSERT(plain || !plain.error().field.empty());
  const auto sealed = mimp::open(input, binding, key);
  SEGW_ASSERT(sealed || !sealed.error().field.empty());

  const auto hello = mimp::decode_hello(input);
  if (!hello) {
    SEGW_ASSERT(!hello.error().field.empty());
    return 0;
  }
  const Bytes again = mimp::encode_hello(*hello);
  const auto same = mimp::decode_hello(again);
  SEGW_ASSERT(same.has_value());
  SEGW_ASSERT(*same == *hello);
  const Bytes datagram = mimp::seal(again, binding, key);
  const auto opened = mimp::open(datagram, binding, key);
  SEGW_ASSERT(opened.has_value());
  SEGW_ASSERT(to_bytes(*opened) == again);
  return 0;
}
